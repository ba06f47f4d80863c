//! What processes live through.

use std::{process::Command, thread, time::Duration};

use serde_json::Value;

use crate::crew::{CHAT, Place, peers, peers_of, resident, signal};

/// The same with something replaced.
fn chat(from: &str, to: &str) -> String {
    assert!(CHAT.contains(from), "{from}");
    CHAT.replace(from, to)
}

fn validity(report: &Value) -> (&str, String) {
    let reasons = report["validity"]["reasons"].as_array().expect("there are reasons");
    let reasons: Vec<_> = reasons.iter().filter_map(Value::as_str).collect();
    (report["validity"]["state"].as_str().expect("it is a word"), reasons.join("; "))
}

fn everything_holds(report: &Value) {
    let invariants = report["invariants"].as_array().expect("there are invariants");
    assert!(invariants.iter().all(|it| it["holds"] == true), "{invariants:#?}");
    assert_ne!(validity(report).0, "invalid");
    assert_eq!(report["metrics"]["room.delivery.completeness"]["mean"], 100.0);
}

#[test]
fn a_fleet_of_processes_ends_in_the_report_of_a_fleet() {
    let place = Place::new(CHAT);
    let (code, said) = place.start("fleet", &["--processes=4"]).end();
    assert_eq!(code, 0, "{said}");
    let report = place.report();
    everything_holds(&report);
    assert_eq!(report["engine"], "live");
    let shown = report["metrics"]["room.delivery.latency"]["n"].as_u64();
    assert!(shown.is_some_and(|shown| shown > 50), "{shown:?}");
}

#[test]
fn peers_that_come_and_go_are_found_by_those_in_other_processes() {
    let more = "faults: [{name: crash, at: 3s, for: 2s, kill: {peers: [1, 5, 9]}}]\ntargets:";
    let place = Place::new(&chat("targets:", more).replace("duration: 10s", "duration: 12s"));
    let (code, said) = place.start("fleet", &["--processes=3", "--seed", "7"]).end();
    assert_eq!(code, 0, "{said}");
    let report = place.report();
    everything_holds(&report);
    assert_eq!(report["scenario"]["faults"][0]["hits"], 3);
}

#[test]
fn a_process_that_is_killed_is_named_and_the_run_is_invalid() {
    let place = Place::new(CHAT);
    let mut fleet = place.start("fleet", &["--processes=4"]);
    fleet.wait_for("running");
    let children = fleet.children();
    assert_eq!(children.len(), 3, "{children:?}");
    signal("KILL", children[0]);
    let (code, said) = fleet.end();
    assert_eq!(code, 3, "{said}");
    let report = place.report();
    let (state, reasons) = validity(&report);
    assert_eq!(state, "invalid");
    let told = format!("(process {} was killed by signal 9)", children[0]);
    assert!(reasons.contains(&told), "{reasons} without {told}");
    assert!(reasons.contains("4 of 12 did not"), "{reasons}");
    let completeness = report["metrics"]["room.delivery.completeness"]["mean"].as_f64();
    assert!(completeness.is_some_and(|mean| mean > 0.0), "the facts of the others are there");
}

#[test]
fn who_reads_nothing_loses_its_connections_and_the_others_go_on_without() {
    // Each of its neighbours has some megabytes for it within seconds; 8 may wait.
    let place = Place::new(
        "
duration: 20s
coolDown: 2s
groups: [{name: people, peers: 4}]
network: {latency: {fixed: {oneWay: 10ms}}, timeout: 2m}
topology: {fullMesh: {}}
workloads:
  - name: room
    chat: {body: 200KiB, posts: {poisson: {every: 100ms}}, sync: {every: 1s}}
",
    );
    let mut fleet = place.start("fleet", &["--processes"]);
    fleet.wait_for("running");
    let children = fleet.children();
    assert_eq!(children.len(), 4, "{children:?}");
    signal("STOP", children[3]);
    thread::sleep(Duration::from_secs(12));
    let held = children[..3].iter().map(|process| resident(*process)).max().expect("there are three");
    signal("CONT", children[3]);
    let (_, said) = fleet.end();
    let report = place.report();
    let (state, reasons) = validity(&report);
    assert_ne!(state, "valid", "{reasons}");
    assert!(reasons.contains("connections were ended because too much waited for them"), "{reasons}\n{said}");
    assert!(held < 300, "{held} MiB");
    let shown = report["metrics"]["room.delivery.latency"]["n"].as_u64();
    assert!(shown.is_some_and(|shown| shown > 200), "{shown:?}");
}

#[test]
fn a_fleet_that_wants_more_open_files_than_it_may_have_is_refused() {
    let place = Place::new(CHAT);
    let command = format!(
        "ulimit -n 250; exec {} fleet {}",
        env!("CARGO_BIN_EXE_peerlab-node"),
        place.scenario().display()
    );
    let ended = Command::new("sh").args(["-c", &command]).output().expect("there is a shell");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(2), "{said}");
    assert!(said.contains("spec.groups") && said.contains("which may have 250"), "{said}");
}

#[test]
fn a_conductor_and_processes_that_others_have_started_find_one_another() {
    let place = Place::new(CHAT);
    // The first is there before the conductor knows of it, and looks for it by its name.
    let (conductor, address) = place.conductor(&[]);
    let processes = ["0..5", "5", "6..12"].map(|index| peers(&address, index));
    let (code, said) = conductor.end();
    assert_eq!(code, 0, "{said}");
    for process in processes {
        let (code, said) = process.end();
        assert_eq!(code, 0, "{said}");
    }
    everything_holds(&place.report());
}

#[test]
fn without_their_conductor_peers_say_so_and_end() {
    let place = Place::new(CHAT);
    let (mut conductor, address) = place.conductor(&[]);
    let processes = ["0..6", "6..12"].map(|index| peers(&address, index));
    conductor.wait_for("running");
    signal("KILL", conductor.id());
    for process in processes {
        let (code, said) = process.end();
        assert_eq!(code, 3, "{said}");
        assert!(said.contains("the conductor is lost"), "{said}");
    }
}

#[test]
fn strangers_are_not_let_in_nor_followed() {
    let place = Place::new(CHAT);
    let (conductor, address) = place.conductor(&[]);
    let (code, said) = peers_of(&address, "3", &["--seed", "2", "--patience", "2s"]).end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("it does not let this peer in"), "{said}");
    // Whoever is where the conductor should be, but is another, hands out nothing.
    let nameless = address.split("/p2p/").next().expect("there is an address");
    let (code, said) = peers_of(nameless, "3", &["--seed", "2"]).end();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("and not the conductor"), "{said}");
    signal("INT", conductor.id());
    let (code, said) = conductor.end();
    assert_eq!(code, 130, "{said}");
    assert!(!place.has_report());
}

#[test]
fn nobody_takes_the_place_of_another() {
    let place = Place::new(CHAT);
    let (conductor, address) = place.conductor(&[]);
    let mut first = peers(&address, "0..6");
    first.wait_for("peers 0..6: joined");
    for (index, why) in [
        ("5", "peer 5 is there already"),
        ("5..12", "peer 5 is there already"),
        ("11..13", "the plan has 12 peers"),
    ] {
        let (code, said) = peers(&address, index).end();
        assert_eq!(code, 2, "{said}");
        assert!(said.contains(why), "{said}");
    }
    let other = peers(&address, "6..12");
    for program in [conductor, first, other] {
        let (code, said) = program.end();
        assert_eq!(code, 0, "{said}");
    }
    everything_holds(&place.report());
}

#[test]
fn without_a_quorum_there_is_no_run_and_who_is_missing_is_named() {
    let place = Place::new(&chat("coolDown: 2s", "coolDown: 2s\nstart: {quorum: 80%, deadline: 4s}"));
    let (conductor, address) = place.conductor(&[]);
    let process = peers(&address, "0..9");
    let (code, said) = conductor.end();
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("9 of 12 peers were ready at the deadline, and the quorum is 10"), "{said}");
    assert!(said.contains("peer 9 (its process did not come), peer 10"), "{said}");
    assert!(!place.has_report());
    assert_eq!(process.end().0, 3);
}

#[test]
fn with_a_quorum_the_run_begins_and_who_is_missing_is_named() {
    let place = Place::new(&chat("coolDown: 2s", "coolDown: 2s\nstart: {quorum: 70%, deadline: 4s}"));
    let (conductor, address) = place.conductor(&[]);
    let process = peers(&address, "0..9");
    let (code, said) = conductor.end();
    assert!(code == 0 || code == 1, "{said}");
    assert_eq!(process.end().0, 0);
    let report = place.report();
    let (state, reasons) = validity(&report);
    assert_eq!(state, "degraded");
    assert!(reasons.contains("3 of 12 peers were missing when the run began: peer 9"), "{reasons}");
}

#[test]
fn an_interrupted_fleet_of_processes_leaves_a_report_of_the_time_until_then() {
    let place = Place::new(&chat("duration: 10s", "duration: 10m"));
    let mut fleet = place.start("fleet", &["--processes=6"]);
    fleet.wait_for("running");
    let children = fleet.children();
    signal("INT", fleet.id());
    let (code, said) = fleet.end();
    assert_eq!(code, 130, "{said}");
    assert!(place.has_report());
    for child in children {
        assert!(!std::path::Path::new(&format!("/proc/{child}")).exists(), "process {child} was left behind");
    }
}

#[test]
fn a_process_that_is_asked_to_end_says_so() {
    let place = Place::new(CHAT);
    let (mut conductor, address) = place.conductor(&[]);
    let processes = ["0..6", "6..12"].map(|index| peers(&address, index));
    conductor.wait_for("running");
    signal("TERM", processes[1].id());
    let (code, said) = conductor.end();
    assert_eq!(code, 3, "{said}");
    let (_, reasons) = validity(&place.report());
    assert!(reasons.contains("it was told to end by a signal"), "{reasons}");
    let [first, second] = processes;
    assert_eq!((first.end().0, second.end().0), (0, 130));
}

#[test]
fn peers_that_share_an_uplink_stay_in_one_process() {
    let sites = "sites: [{name: office, uplink: {up: 10Mbit, down: 10Mbit}}]\ngroups: [{name: people, peers: 12, site: office, link: {profile: fibre}}]";
    let place = Place::new(&chat("groups: [{name: people, peers: 12, link: {profile: fibre}}]", sites));
    let (code, said) = place.start("fleet", &["--processes=4"]).end();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("spec.sites[0].uplink") && said.contains("must all run in one process"), "{said}");
}
