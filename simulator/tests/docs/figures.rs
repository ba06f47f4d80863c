//! What the README shows of its first command is what that command prints.

use std::{fs, path::Path, process::Command};

use crate::root;

/// The block of the README that shows what a run prints.
fn shown(readme: &str) -> &str {
    let start = readme.find("```text\nchat-room: ").expect("the README shows a run") + "```text\n".len();
    &readme[start..start + readme[start..].find("```").expect("the block ends")]
}

/// A line without what depends on the machine: how long the run took.
fn steady(line: &str) -> String {
    let pace = line.find(" in ").zip(line.find(" events, "));
    pace.map_or_else(
        || line.to_owned(),
        |(time, speed)| {
            let events = line[..speed].rfind('(').expect("events stand in brackets");
            format!("{} {}", &line[..time], &line[events..speed])
        },
    )
}

#[test]
fn the_readme_shows_what_its_first_command_prints() {
    let readme = fs::read_to_string(root().join("README.md")).expect("there is a README");
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme");
    let done = Command::new(env!("CARGO_BIN_EXE_peerlab-sim"))
        .args(["run", "scenarios/chat-room.yaml", "--force", "--out"])
        .arg(&place)
        .current_dir(root())
        .output()
        .expect("it can be started");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let printed: Vec<_> = String::from_utf8(done.stdout).expect("it is text").lines().map(steady).collect();
    let lines = shown(&readme).lines().filter(|line| line.trim() != "…" && !line.starts_with("report: "));
    for line in lines.map(steady) {
        assert!(printed.contains(&line), "the README shows\n{line}\nbut printed is\n{}", printed.join("\n"));
    }
}
