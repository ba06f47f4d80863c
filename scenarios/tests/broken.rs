//! Mistakes that users make, each in a file of its own beside what it is told: `broken/*.yaml` and `broken/*.err`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p peerlab-scenarios --test broken` writes the texts anew; read them before you commit.

#![allow(clippy::disallowed_methods, reason = "a test reads its own files; what it tests does not")]

use std::{fs, path::PathBuf};

use peerlab_scenarios::{
    plan::{Files, Plan},
    seed::Seed,
    spec::read::{Fault, Problems, document},
};

/// Reads a scenario and makes its plan, as every engine does before a run.
fn plan(name: &str, bytes: &[u8]) -> Result<Plan, Problems> {
    let document = document(name, bytes)?;
    Plan::new(&document.value, Seed(document.value.spec.seed), &Files::new())
        .map_err(|errors| document.problems(errors.into_iter().map(Fault::from).collect()))
}

fn cases() -> Vec<(String, PathBuf)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let mut cases: Vec<_> = fs::read_dir(folder)
        .expect("the folder is beside this file")
        .map(|entry| entry.expect("a folder can be listed").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| (path.file_name().expect("a file has a name").to_string_lossy().into_owned(), path))
        .collect();
    cases.sort();
    cases
}

#[test]
fn every_mistake_is_told_as_it_was_agreed() {
    let cases = cases();
    assert!(cases.len() >= 60, "only {} mistakes are known", cases.len());
    let mut wrong = Vec::new();
    for (name, path) in cases {
        let bytes = fs::read(&path).expect("the file is there");
        let told = match plan(&name, &bytes) {
            Ok(_) => {
                wrong.push(format!("{name} is accepted"));
                continue;
            }
            Err(problems) => problems.to_string(),
        };
        let golden = path.with_extension("err");
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            fs::write(&golden, &told).expect("the golden file can be written");
        }
        let agreed = fs::read_to_string(&golden).unwrap_or_default();
        if told != agreed {
            wrong.push(format!("--- {name} was to be told\n{agreed}--- and is told\n{told}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
