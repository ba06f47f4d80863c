//! A run that is ended from outside.

use std::{
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::workshop::{Workshop, scenario};

/// A scenario that would take hours.
const ENDLESS: &str = "
duration: 500h
groups: [{name: all, peers: 100}]
topology: {kRegular: {degree: 8}}
workloads: [{name: talk, chat: {posts: {poisson: {every: 1s}}}}]
faults: [{name: late, at: 499h, for: 1m, outage: {count: 10}}]
";

/// Begins it, and waits until it runs.
fn begin(workshop: &Workshop, body: &str, options: &[&str]) -> Child {
    workshop.write("endless.yaml", scenario(body).as_bytes());
    let mut command = workshop.command(&["run", "endless.yaml", "--out", "out"]);
    command.args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program can be begun");
    until("the run has begun", || workshop.names().iter().any(|name| name.ends_with(".part")));
    // Its signals are heard from just after that on.
    thread::sleep(Duration::from_millis(500));
    child
}

fn until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(60), "in a minute: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args([name, &child.id().to_string()]).status();
    assert!(sent.expect("signals can be sent").success());
}

#[test]
fn an_interrupted_run_leaves_a_report_that_says_so() {
    for name in ["-INT", "-TERM"] {
        let workshop = Workshop::new(&format!("interrupted{name}"));
        let child = begin(&workshop, ENDLESS, &["--junit", "junit.xml"]);
        signal(&child, name);
        let done = child.wait_with_output().expect("it ends");
        let (out, err) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert_eq!(done.status.code(), Some(130), "{err}");
        assert!(err.contains("interrupted: the report so far is written"), "{err}");
        assert!(out.contains("DEGRADED: interrupted at ") && out.contains("\nINTERRUPTED: "), "{out}");

        let report: Value = serde_json::from_str(&workshop.read("out/report.json")).expect("it is whole");
        assert_eq!(report["validity"]["state"], "degraded", "{}", report["validity"]);
        let reason = report["validity"]["reasons"][0].as_str().expect("it has one");
        assert!(reason.starts_with("interrupted at ") && reason.ends_with(" of 20 d 20 h"), "{reason}");
        assert!(report["metrics"]["talk.delivery.latency"]["n"].as_u64().expect("it is there") > 0);
        let page = workshop.read("out/report.html");
        let banner = format!(
            "<section class=\"verdict caution\" aria-label=\"Verdict\"><strong>⚠ Degraded: {reason}</strong>"
        );
        assert!(page.contains(&banner), "{banner}");
        let length = reason.trim_start_matches("interrupted at ").replace(" of ", " run of ");
        assert!(page.contains(&format!("<dt>Duration</dt><dd>{length}</dd>")), "{length}");
        let junit = workshop.read("junit.xml");
        assert!(junit.contains(&format!("<failure message=\"{reason}")), "{junit}");
        assert_eq!(workshop.names(), ["endless.yaml", "junit.xml", "out"]);
    }
}

#[test]
fn a_run_is_not_invalid_for_what_it_did_not_come_to() {
    let workshop = Workshop::new("interrupted-early");
    workshop.write("posts.csv", b"499h,0,0,100\n");
    let late = ENDLESS.replace("{poisson: {every: 1s}}", "{trace: {file: posts.csv}}");
    let child = begin(&workshop, &late, &["--quiet"]);
    signal(&child, "-TERM");
    assert_eq!(child.wait_with_output().expect("it ends").status.code(), Some(130));
    let report: Value = serde_json::from_str(&workshop.read("out/report.json")).expect("it is whole");
    assert_eq!(report["validity"]["state"], "degraded", "{}", report["validity"]);
    let mut invariants = report["invariants"].as_array().expect("a list").iter();
    let said =
        invariants.find(|invariant| invariant["name"] == "talk: something was said").expect("it is there");
    assert!(
        said["holds"] == true && said["detail"].as_str().expect("it has one").starts_with("0 posts"),
        "{said}"
    );
}

#[test]
fn who_interrupts_twice_is_left_with_nothing() {
    let workshop = Workshop::new("interrupted-twice");
    let child = begin(&workshop, ENDLESS, &["--quiet"]);
    signal(&child, "-INT");
    thread::sleep(Duration::from_millis(20));
    signal(&child, "-INT");
    let done = child.wait_with_output().expect("it ends");
    assert_eq!((done.status.code(), done.stdout.len(), done.stderr.len()), (Some(130), 0, 0));
    assert_eq!(workshop.names(), ["endless.yaml"]);
}
