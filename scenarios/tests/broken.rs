//! Mistakes that users make, each in a file of its own beside what it is told: `broken/*.yaml` and `broken/*.err`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p peerlab-scenarios --test broken` writes the texts anew; read them before you commit.

#![allow(clippy::disallowed_methods, reason = "a test reads its own files; what it tests does not")]

use std::{fs, path::PathBuf};

use peerlab_scenarios::{
    plan::{Files, Plan},
    seed::Seed,
    spec::{
        Scenario,
        read::{Fault, Problems, document_for},
    },
};
use proptest::prelude::*;

/// Reads a scenario and makes its plan, as every engine does before a run.
fn plan(name: &str, bytes: &[u8]) -> Result<(), Problems> {
    let unplannable = |scenario: &Scenario| {
        let plan = Plan::new(scenario, Seed(scenario.spec.seed), &Files::new());
        plan.err().unwrap_or_default().into_iter().map(Fault::from).collect()
    };
    document_for(name, bytes, unplannable).map(|_| ())
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

/// Mistakes that can be made in a shipped scenario independently of each other, from all gates: what is written, what is
/// written instead, and the field that is told.
const SLIPS: [(&str, &str, &str); 9] = [
    ("overlay: {plumtree: {}}", "overlay: {plumtree: {retryAfter: 3}}", "spec.overlay.plumtree.retryAfter"),
    (
        "posts: {poisson: {every: 400ms}}",
        "posts: {poisson: {every: 400ms}}, readReceipts: no",
        "spec.workloads[0].chat.readReceipts",
    ),
    ("network: {latency", "colour: blue\n  network: {latency", "spec.colour"),
    ("name: edge, peers: 5", "name: edge, peers: 5, link: {down: 20}", "spec.groups[1].link.down"),
    (
        "topology: {kRegular: {degree: 8}}",
        "topology: {kRegular: {degree: 300}}",
        "spec.topology.kRegular.degree",
    ),
    ("at: 4m, for: 60s", "at: 4h, for: 60s", "spec.faults[0].at"),
    ("kill: {group: edge}", "kill: {group: egde}", "spec.faults[1].kill.group"),
    ("metric: rooms.delivery.latency", "metric: rooms.delivery.latencies", "spec.targets[0].metric"),
    ("region: eu-west-1", "region: eu-wets-1", "spec.faults[0].partition.between[1].region"),
];

const RIGHT: &str = "\
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: rooms}
spec:
  duration: 10m
  groups:
    - {name: core, peers: 15, nat: open, regions: {us-east-1: 1, eu-west-1: 1}}
    - {name: edge, peers: 5}
  topology: {kRegular: {degree: 8}}
  overlay: {plumtree: {}}
  network: {latency: {regions: {table: aws-2024}}}
  workloads:
    - {name: rooms, chat: {posts: {poisson: {every: 400ms}}}}
  faults:
    - {name: atlantic, at: 4m, for: 60s, partition: {between: [{region: us-east-1}, {region: eu-west-1}]}}
    - {name: crash, at: 5m, kill: {group: edge}}
  targets:
    - {metric: rooms.delivery.latency, p99: 500ms}
";

proptest! {
    #[test]
    fn mistakes_of_all_gates_are_told_in_one_round(made in prop::sample::subsequence(&SLIPS[..], 0..=SLIPS.len())) {
        let text = made.iter().fold(RIGHT.to_owned(), |text, (right, wrong, _)| {
            assert!(text.contains(right), "`{right}` is in the scenario");
            text.replacen(right, wrong, 1)
        });
        let problems = plan("rooms.yaml", text.as_bytes()).err().map(|problems| problems.problems).unwrap_or_default();
        let mut told: Vec<_> = problems.iter().map(|problem| problem.path.to_string()).collect();
        let mut agreed: Vec<_> = made.iter().map(|(_, _, path)| (*path).to_owned()).collect();
        told.sort();
        agreed.sort();
        prop_assert_eq!(told, agreed, "{}", text);
    }
}
