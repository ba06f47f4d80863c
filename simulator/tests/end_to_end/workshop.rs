//! A folder of its own for each test, in which the program is run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use serde_json::Value;

/// The head of every scenario; the test gives the rest of `spec`.
const HEAD: &str = "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {name: tiny}\nspec:\n";

/// A scenario that takes milliseconds, and meets its target.
pub(crate) const TINY: &str = "
description: Does everybody hear everybody?
duration: 10s
groups: [{name: all, peers: 12}]
topology: {ring: {}}
overlay: {flood: {}}
workloads: [{name: talk, chat: {posts: {poisson: {every: 1s}}}}]
targets: [{metric: talk.delivery.completeness, atLeast: 100%}]
";

/// A scenario of this `spec`.
pub(crate) fn scenario(spec: &str) -> String {
    let lines = spec.lines().filter(|line| !line.trim().is_empty());
    std::iter::once(HEAD.to_owned()).chain(lines.map(|line| format!("  {line}\n"))).collect()
}

/// A folder in which the program is run; empty at first.
pub(crate) struct Workshop(PathBuf);

impl Workshop {
    pub(crate) fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).expect("the folder for tests can be written");
        Self(folder)
    }

    /// One with `tiny.yaml` in it.
    pub(crate) fn with_tiny(name: &str) -> Self {
        let workshop = Self::new(name);
        workshop.write("tiny.yaml", scenario(TINY).as_bytes());
        workshop
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn write(&self, name: &str, content: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("it is below the folder")).expect("folders can be made");
        fs::write(path, content).expect("files can be written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// The program with these arguments, not yet begun.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerlab-sim"));
        command.current_dir(&self.0).args(arguments);
        command
    }

    /// What came of the program with these arguments.
    pub(crate) fn run(&self, arguments: &[&str]) -> Done {
        Done::of(&self.command(arguments).output().expect("the program can be begun"))
    }

    /// What came of running a scenario of this `spec`, with its report in the folder `out`.
    pub(crate) fn simulate(&self, spec: &str) -> Done {
        self.write("scenario.yaml", scenario(spec).as_bytes());
        self.run(&["run", "scenario.yaml", "--out", "out", "--json"])
    }

    /// Names in the folder, hidden ones too, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).expect("the folder is there");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("it can be listed").file_name();
        let mut names: Vec<_> = entries.map(name).map(|name| name.to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// How the program ended, and what it said.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Done {
    fn of(output: &Output) -> Self {
        Self {
            code: output.status.code(),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Itself, if it ended with this exit code.
    pub(crate) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.err, self.out);
        self
    }

    /// Standard output as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in {}", self.out))
    }
}

/// Compares with a golden file, or writes it anew.
pub(crate) fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/end_to_end/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::create_dir_all(path.parent().expect("it is in a folder")).expect("folders can be made");
        fs::write(&path, text).expect("the golden file can be written");
    }
    let agreed = fs::read_to_string(&path).unwrap_or_default();
    assert!(text == agreed, "{name} was to be\n{agreed}\nand is\n{text}");
}
