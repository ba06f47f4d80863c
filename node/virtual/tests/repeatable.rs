//! A run in virtual time is the same in every process.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

const SCENARIO: &str = "
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: repeatable}
spec:
  duration: 20s
  warmUp: 2s
  coolDown: 5s
  groups:
    - {name: offices, peers: 5, link: {profile: fibre}}
    - name: phones
      peers: 7
      link: {profile: mobile}
      churn: {online: {exponential: {mean: 20s}}, offline: {exponential: {mean: 3s}}}
  topology: {kRegular: {degree: 4}}
  network: {timeout: 3s}
  overlay: OVERLAY
  discovery: {kademlia: {k: 4}}
  workloads:
    - {name: rooms, chat: {rooms: 2, members: 8, posts: {poisson: {every: 2s}}, presence: {every: 2s, timeout: 8s}}}
    - {name: contents, lookups: {contents: 5, copies: 2, provideAt: 1s, provideWithin: 1s, find: {every: 1s}}}
  faults: [{name: cut, at: 8s, for: 4s, outage: {peers: [0, 6]}}]
";

/// The report of a run in a process of its own, without what tells of the machine.
fn report(overlay: &str, seed: u64, folder: &Path) -> Value {
    let (file, out) = (folder.join("scenario.yaml"), folder.join("out"));
    fs::write(&file, SCENARIO.replace("OVERLAY", overlay)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerlab-virtual"));
    command
        .arg("run")
        .arg(&file)
        .args(["--quiet", "--force", "--seed", &seed.to_string(), "--out"])
        .arg(&out);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut report: Value = serde_json::from_slice(&fs::read(out.join("report.json")).unwrap()).unwrap();
    let provenance = report["provenance"].as_object_mut().unwrap();
    for of_the_machine in ["wallSeconds", "finishedAtUnixSeconds", "host"] {
        provenance.remove(of_the_machine).unwrap();
    }
    report
}

#[test]
fn two_processes_come_to_the_same_report_and_to_the_same_hash_of_all_that_happened() {
    let folder = tempfile::tempdir().unwrap();
    for overlay in ["{flood: {}}", "{gossipsub: {}}", "{plumtree: {}}"] {
        let first = report(overlay, 3, folder.path());
        let digest = |report: &Value| report["provenance"]["digest"].as_str().unwrap().to_owned();
        let timers = |report: &Value| report["provenance"]["engine"]["timers"].as_u64().unwrap();
        assert!(timers(&first) > 1_000, "{first}");
        let second = report(overlay, 3, folder.path());
        assert_eq!(digest(&first), digest(&second), "{overlay}");
        assert_eq!(first, second, "{overlay}");
        assert_ne!(digest(&first), digest(&report(overlay, 4, folder.path())), "{overlay}: the seed decides");
    }
}
