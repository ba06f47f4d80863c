//! The same scenario and seed give the same bytes, wherever, in whatever surroundings and on however many threads they are run;
//! `provenance` alone tells of these. What is shipped meets its own targets.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    thread,
};

use serde_json::Value;

use crate::workshop::Workshop;

/// What every report has, in order.
const KEYS: [&str; 9] =
    ["schema", "engine", "scenario", "seed", "validity", "metrics", "targets", "invariants", "provenance"];

fn shipped() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let entries = fs::read_dir(folder).expect("scenarios are shipped");
    let paths = entries.map(|entry| entry.expect("they can be listed").path());
    let mut scenarios: Vec<_> =
        paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    scenarios.sort();
    assert!(scenarios.iter().any(|path| path.ends_with("chat-room.yaml")));
    scenarios
}

/// Runs a scenario in a folder and surroundings of its own, on at most so many threads: its exit code and its report.
fn run(
    workshop: &Workshop,
    scenario: &Path,
    threads: &str,
    out: &str,
    surroundings: &[(&str, &str)],
) -> (i32, Value) {
    let scenario = scenario.to_str().expect("its path is text");
    let done = workshop
        .command(&["run", scenario, "--quiet", "--threads", threads, "--out", out])
        .env_clear()
        .envs(surroundings.iter().copied())
        .output()
        .expect("the program can be begun");
    let code = done.status.code().expect("it ends by itself");
    assert!(code <= 1, "{scenario} ends with {code}: {}", String::from_utf8_lossy(&done.stderr));
    let report = workshop.read(&format!("{out}/report.json"));
    (code, serde_json::from_str(&report).expect("the report is JSON"))
}

/// Files below a folder, by name, but for the one that holds the provenance.
pub(crate) fn files(folder: &Path, base: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be listed").path();
        if path.is_dir() {
            files(&path, base, found);
        } else if !path.ends_with("report.json") {
            let name = path.strip_prefix(base).expect("it is below").display().to_string();
            found.insert(name, fs::read(path).expect("it can be read"));
        }
    }
}

fn check(report: &Value, code: i32, name: &str) {
    let keys: Vec<_> = report.as_object().expect("a report is a map").keys().collect();
    assert_eq!(keys, KEYS, "{name}");
    assert_eq!(report["validity"]["state"], "valid", "{name}: {}", report["validity"]);
    for (metric, summary) in report["metrics"].as_object().expect("metrics are a map") {
        let keys: Vec<_> = summary.as_object().expect("a metric is a map").keys().collect();
        assert_eq!(keys, ["unit", "n", "mean", "p50", "p95", "p99", "max"], "{name}: {metric}");
        assert!(summary.as_object().is_some_and(|fields| fields.values().all(|value| !value.is_null())));
    }
    for invariant in report["invariants"].as_array().expect("invariants are a list") {
        assert_eq!(invariant["holds"], true, "{name}: {invariant}");
    }
    let targets = report["targets"].as_array().expect("targets are a list");
    assert!(!targets.is_empty(), "{name} asks nothing of its run");
    for target in targets {
        assert_eq!(target["met"], true, "{name} misses its own target at its own seed: {target}");
    }
    assert_eq!(code, 0, "{name}");
}

#[test]
fn every_shipped_scenario_meets_its_targets_and_gives_the_same_bytes_with_threads_and_without() {
    let mut divided = Vec::new();
    for scenario in shipped() {
        let name = scenario.file_stem().expect("a file has a name").to_string_lossy().into_owned();
        let here = Workshop::new(&format!("determinism/{name}"));
        let there = Workshop::new(&format!("determinism-of/another/folder/{name}"));
        let elsewhere = fs::canonicalize(&scenario).expect("it is there");
        let ((code, mut one), (other_code, mut other)) = thread::scope(|threads| {
            let first = threads.spawn(|| run(&here, &scenario, "1", "out", &[]));
            let second = run(
                &there,
                &elsewhere,
                "7",
                "a/place of/its own",
                &[
                    ("TZ", "Asia/Kathmandu"),
                    ("LANG", "tr_TR.UTF-8"),
                    ("LC_ALL", "de_DE.UTF-8"),
                    ("HOME", "/nonexistent"),
                    ("RUST_BACKTRACE", "full"),
                    ("COLUMNS", "40"),
                    ("CLICOLOR_FORCE", "1"),
                ],
            );
            (first.join().expect("the first run is checked"), second)
        });
        assert_eq!(code, other_code, "{name}");
        check(&one, code, &name);
        let [on_one, on_seven] = [&mut one, &mut other]
            .map(|report| report.as_object_mut().expect("a map").remove("provenance").expect("it has one"));
        assert_eq!(on_one["host"]["threads"], 1, "{name}");
        if on_seven["host"]["threads"] != 1 {
            divided.push(name.clone());
        }
        assert!(on_one["digest"].is_string(), "{name}: {on_one}");
        for told in ["digest", "events"] {
            assert_eq!(on_one[told], on_seven[told], "{name}: {told}");
        }
        assert!(one == other, "{name}: two runs differ\n{one:#}\n{other:#}");

        let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
        files(&here.path("out"), &here.path("out"), &mut left);
        let place = there.path("a/place of/its own");
        files(&place, &place, &mut right);
        assert_eq!(left.keys().collect::<Vec<_>>(), right.keys().collect::<Vec<_>>(), "{name}");
        for (file, bytes) in &left {
            assert!(*bytes == right[file], "{name}: {file} differs");
        }
        assert!(left.contains_key("report.html"), "{name} has no page");
        for folder in ["charts", "series", "plan"] {
            assert!(left.keys().any(|file| file.starts_with(folder)), "{name} has no {folder}");
        }
    }
    // Runs that are too short to gain by it stay on one thread, and so do those that cannot be divided.
    assert!(divided.contains(&"chat-room".to_owned()), "{divided:?}");
}
