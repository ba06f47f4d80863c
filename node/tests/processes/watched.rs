//! Runs that are logged, and runs that are recorded.

use std::{fs, io::BufReader, path::Path, process::Command, thread, time::Duration};

use peerlab_node::host::record::{Read, Replayed, replay};
use serde_json::Value;

use crate::crew::{CHAT, Place, peers_of, signal};

/// The lines of a log.
fn lines(said: &str) -> Vec<Value> {
    let line = |line: &str| {
        serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: this is no line of a log: {line}"))
    };
    said.lines().map(line).collect()
}

fn text<'a>(line: &'a Value, field: &str) -> &'a str {
    line[field].as_str().unwrap_or_else(|| panic!("there is no {field} in {line}"))
}

#[test]
fn a_log_in_json_tells_how_far_a_run_has_come_and_a_request_to_end_leaves_a_report() {
    let place = Place::new(CHAT);
    let mut fleet = place.start("fleet", &["--log", "json"]);
    while !text(&lines(&fleet.wait_for_next())[0], "message").starts_with("running ") {}
    // A run of which there is nothing to report would say nothing.
    thread::sleep(Duration::from_secs(5));
    signal("TERM", fleet.id());
    let (code, said) = fleet.end();
    assert_eq!(code, 130, "{said}");
    let lines = lines(&said);
    for line in &lines {
        assert!(text(line, "timestamp").ends_with('Z'), "{line}");
        assert_eq!((text(line, "level"), line["target"].is_string()), ("INFO", true), "{line}");
    }
    let last = lines.last().expect("something was logged");
    assert_eq!((text(last, "message"), &last["exit_code"]), ("the report is written", &Value::from(130)));
    assert_eq!(text(last, "validity"), "Degraded");
    assert!(place.report()["validity"]["reasons"].to_string().contains("interrupted"), "{}", place.report());
}

#[test]
fn processes_log_what_they_do_and_why_they_end() {
    let place = Place::new(CHAT);
    let mut conductor = place.start("conduct", &["--listen", "/ip4/127.0.0.1/tcp/0", "--log", "json"]);
    let address = loop {
        let line = &lines(&conductor.wait_for_next())[0];
        if line["message"] == "listening" {
            break text(line, "address").to_owned();
        }
    };
    let arguments = ["--seed", "1", "--log", "json", "--log-level", "warn,peerlab_node=debug"];
    let peers = peers_of(&address, "0..12", &arguments);
    let (code, said) = peers.end();
    assert_eq!(code, 0, "{said}");
    let told = lines(&said);
    let has = |message: &str| told.iter().any(|line| text(line, "message") == message);
    assert!(has("joined") && has("connected"), "{said}");
    assert_eq!(conductor.end().0, 0);

    let strangers =
        peers_of("/ip4/127.0.0.1/tcp/1", "0..3", &["--seed", "1", "--patience", "1s", "--log", "json"]);
    let (code, said) = strangers.end();
    let told = lines(&said);
    let last = told.last().expect("something was logged");
    assert_eq!((code, text(last, "level")), (3, "ERROR"), "{said}");
}

#[test]
fn what_is_logged_is_chosen_and_a_wrong_choice_is_told() {
    let place = Place::new(CHAT);
    let run = |level: &str, more: &[&str]| {
        let mut program = Command::new(env!("CARGO_BIN_EXE_peerlab-node"));
        program.arg("fleet").arg(place.scenario().with_file_name("nowhere.yaml")).args(more);
        let done = program.env("PEERLAB_LOG", level).output().expect("it starts");
        (done.status.code(), String::from_utf8_lossy(&done.stderr).into_owned())
    };
    let (code, said) = run("error", &["--log", "json"]);
    let told = lines(&said);
    assert_eq!((code, told.len(), text(&told[0], "level")), (Some(2), 1, "ERROR"), "{said}");
    assert_eq!(run("off", &["--log", "text"]), (Some(2), String::new()));
    let (code, said) = run("loud=5=6", &["--log", "json"]);
    assert!(code == Some(2) && said.contains("PEERLAB_LOG: `loud=5=6`"), "{said}");
    let (code, said) = run("", &["--log", "json", "--log-level", "a=b=c"]);
    assert!(code == Some(2) && said.contains("--log-level: `a=b=c`"), "{said}");
}

/// Replays all records in a folder. Gives how many there were, and their steps.
fn replay_all(folder: &Path) -> (usize, u64) {
    let files = fs::read_dir(folder).expect("it was made").map(|file| file.expect("it can be read").path());
    let (mut count, mut all) = (0, 0);
    for path in files {
        let file = BufReader::new(fs::File::open(&path).expect("it is there"));
        let mut file = Read::new(file).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        match replay(&mut file).unwrap_or_else(|error| panic!("{}: {error}", path.display())) {
            Replayed::Same { steps } => all += steps,
            Replayed::Differs(difference) => panic!("{}: {difference:?}", path.display()),
        }
        count += 1;
    }
    (count, all)
}

#[test]
fn what_real_peers_were_told_gives_the_same_answers_again() {
    let update = "  - name: patch\n    update: {publisher: {count: 1}, at: 2s, size: 200Ki, chunk: 16Ki, fallback: 6s}\ntargets:";
    let crash = "faults: [{name: crash, at: 4s, for: 2s, kill: {peers: [1, 5]}}]\ntargets:";
    for (overlay, lives) in [("{flood: {}}", 14), ("{gossipsub: {}}", 14), ("{plumtree: {}}", 14)] {
        let spec =
            CHAT.replace("targets:", update).replace("targets:", &format!("overlay: {overlay}\n{crash}"));
        let spec = spec.split("targets:").next().expect("a text has a beginning");
        let place = Place::new(spec);
        let folder = place.scenario().with_file_name("records");
        let record = folder.to_str().expect("its path is text");
        let (code, said) = place.start("fleet", &["--record", record]).end();
        assert_eq!(code, 0, "{said}");
        let (count, steps) = replay_all(&folder);
        assert_eq!(count, lives, "each life of a peer has a record");
        assert!(steps > 1_000, "{steps} steps are too few for {overlay}");

        let again = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
            .arg("replay")
            .arg(folder.join("peer-3-life-0.rec"))
            .output()
            .expect("it starts");
        let said = String::from_utf8_lossy(&again.stdout).into_owned();
        assert!(again.status.success() && said.contains("every answer is the recorded one"), "{said}");
    }
}

#[test]
fn what_is_no_record_is_refused_and_none_is_written_over() {
    let place = Place::new(CHAT);
    let replay = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
        .arg("replay")
        .arg(place.scenario())
        .output()
        .expect("it starts");
    let said = String::from_utf8_lossy(&replay.stderr).into_owned();
    assert!(
        replay.status.code() == Some(2) && said.contains("story.yaml: it is no record of a peer"),
        "{said}"
    );

    let folder = place.scenario().with_file_name("records");
    fs::create_dir(&folder).expect("there is room");
    fs::write(folder.join("peer-3-life-0.rec"), "mine").expect("there is room");
    let record = folder.to_str().expect("its path is text");
    let (code, said) = place.start("fleet", &["--record", record]).end();
    assert!(code == 2 && said.contains("--record ") && said.contains("the folder is not empty"), "{said}");
    assert!(!place.has_report());
}
