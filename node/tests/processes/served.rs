//! What is told over HTTP of runs, by real programs to a real client.

use serde_json::Value;

use crate::crew::{CHAT, Place, ask, peers, peers_of, signal, wait_until};

const SERVE: [&str; 2] = ["--serve", "127.0.0.1:0"];

/// A conductor that tells of its run until that was collected.
const LINGERS: [&str; 4] = ["--serve", "127.0.0.1:0", "--linger", "10m"];

fn status(url: &str) -> Value {
    let (code, body) = ask("GET", &format!("{url}/status"));
    assert_eq!(code, 200, "{body}");
    serde_json::from_str(&body).expect("it is JSON")
}

/// Waits until a run has come so far.
fn status_when(url: &str, phase: &str) -> Value {
    wait_until(|| status(url), |status| status["phase"] == phase)
}

fn code(url: &str, path: &str) -> u16 {
    ask("GET", &format!("{url}{path}")).0
}

fn collect(url: &str) {
    assert_eq!(ask("POST", &format!("{url}/collected")).0, 200);
}

#[test]
fn pods_are_told_how_a_run_goes_and_its_report_is_given_until_it_is_collected() {
    let place = Place::new(CHAT);
    let (mut conductor, address) = place.conductor(&LINGERS);
    let url = conductor.url();
    assert_eq!((code(&url, "/livez"), code(&url, "/readyz")), (200, 200));
    let waiting = status(&url);
    assert_eq!((&waiting["phase"], &waiting["peersWanted"]), (&"waiting".into(), &12.into()));
    assert_eq!((&waiting["peersMissing"][0], &waiting["duration"]), (&"peer 0".into(), &"12s".into()));
    assert_eq!(ask("POST", &format!("{url}/collected")).0, 409);
    assert_eq!(code(&url, "/report/report.json"), 404);

    // As a pod is told of its part: by a name for the conductor, and by its own number.
    let port = address.split('/').nth(4).expect("it has a port");
    let named = format!("/dns4/localhost/tcp/{port}");
    let mut pods = ["0", "1"].map(|part| {
        let part = ["--seed", "1", "--part", part, "--per-part", "6", "--stay"];
        peers_of(&named, "0..12", &[&part[..], &SERVE].concat())
    });
    let pod = pods[0].url();
    wait_until(|| code(&pod, "/readyz"), |code| *code == 200);
    assert_eq!((code(&pod, "/livez"), code(&pod, "/status")), (200, 404));

    let running = status_when(&url, "running");
    assert_eq!((&running["peersReady"], &running["peersMissing"]), (&12.into(), &Value::Array(Vec::new())));
    let metrics = ask("GET", &format!("{url}/metrics")).1;
    assert!(metrics.contains("peerlab_peers_ready 12\n"), "{metrics}");
    let ends = |url: &str| -> usize {
        let metrics = ask("GET", &format!("{url}/metrics")).1;
        let line = metrics.lines().find_map(|line| line.strip_prefix("peerlab_connections "));
        line.and_then(|count| count.parse().ok()).expect("it is counted")
    };
    wait_until(|| ends(&pod), |ends| *ends == 24);

    let done = status_when(&url, "done");
    assert_eq!((&done["verdict"], &done["exitCode"]), (&"pass".into(), &0.into()));
    let report = ask("GET", &format!("{url}/report/report.json"));
    assert_eq!(report, (200, place.file("report.json")));
    let files = done["files"].as_array().expect("it is a list");
    assert!(files.len() > 5, "{files:?}");
    for file in files.iter().filter_map(Value::as_str) {
        assert_eq!(code(&url, &format!("/report/{file}")), 200, "{file}");
    }
    collect(&url);
    let (code_of_conductor, said) = conductor.end();
    assert_eq!(code_of_conductor, 0, "{said}");
    // Pods stay, for they would be started again, and end when they are told to.
    for mut pod in pods {
        let url = pod.url();
        let is_done = |metrics: &String| metrics.contains("peerlab_phase{phase=\"done\"} 1");
        wait_until(|| ask("GET", &format!("{url}/metrics")).1, is_done);
        assert_eq!(code(&url, "/livez"), 200);
        signal("TERM", pod.id());
        let (code, said) = pod.end();
        assert_eq!(code, 0, "{said}");
        assert!(said.contains("all is told"), "{said}");
    }
}

#[test]
fn a_run_that_is_told_to_stop_reports_on_what_there_was_of_it() {
    let place = Place::new(&CHAT.replace("duration: 10s", "duration: 10m"));
    let (mut conductor, address) = place.conductor(&LINGERS);
    let url = conductor.url();
    let pods = ["0..6", "6..12"].map(|part| peers(&address, part));
    status_when(&url, "running");
    assert_eq!(code(&url, "/stop"), 405);
    assert_eq!(ask("POST", &format!("{url}/stop")).0, 202);
    let done = status_when(&url, "done");
    // All targets are met of what there was, which is no reason to say that they were.
    assert_eq!((&done["verdict"], &done["exitCode"]), (&"invalid".into(), &130.into()));
    let report: Value = serde_json::from_str(&place.file("report.json")).expect("it is JSON");
    assert!(
        report["scenario"]["interrupted"].as_f64().is_some_and(|at| at < 600.0),
        "{}",
        report["scenario"]
    );
    assert_eq!(ask("POST", &format!("{url}/stop")).0, 409);
    collect(&url);
    assert_eq!(conductor.end().0, 130);
    for pod in pods {
        assert_eq!(pod.end().0, 0);
    }
}

#[test]
fn why_there_is_no_report_is_told_until_it_is_collected() {
    let place = Place::new(&CHAT.replace("coolDown: 2s", "coolDown: 2s\nstart: {quorum: 80%, deadline: 2s}"));
    let (mut conductor, _) = place.conductor(&LINGERS);
    let url = conductor.url();
    let failed = status_when(&url, "failed");
    assert_eq!((&failed["exitCode"], &failed["verdict"]), (&3.into(), &Value::Null));
    let message = failed["message"].as_str().expect("it says why");
    assert!(message.contains("0 of 12 peers were ready at the deadline"), "{message}");
    collect(&url);
    assert_eq!(conductor.end().0, 3);

    let place = Place::new(&CHAT.replace("peers: 12", "peers: twelve"));
    let mut conductor =
        place.start("conduct", &[&["--listen", "/ip4/127.0.0.1/tcp/0"], &LINGERS[..]].concat());
    let url = conductor.url();
    let failed = status_when(&url, "failed");
    assert_eq!(failed["exitCode"], 2);
    assert!(failed["message"].as_str().is_some_and(|why| why.contains("spec.groups[0].peers")), "{failed}");
    signal("TERM", conductor.id());
    assert_eq!(conductor.end().0, 2);
}

#[test]
fn a_conductor_that_is_told_to_end_gives_the_report_of_the_time_until_then() {
    let place = Place::new(&CHAT.replace("duration: 10s", "duration: 10m"));
    let (mut conductor, address) = place.conductor(&LINGERS);
    let url = conductor.url();
    let process = peers(&address, "0..12");
    status_when(&url, "running");
    signal("TERM", conductor.id());
    let done = status_when(&url, "done");
    assert_eq!(done["exitCode"], 130);
    assert_eq!(ask("GET", &format!("{url}/report/report.json")).1, place.file("report.json"));
    collect(&url);
    assert_eq!((conductor.end().0, process.end().0), (130, 0));
}

#[test]
fn nobody_is_waited_for_longer_than_was_said() {
    let place = Place::new(&CHAT.replace("coolDown: 2s", "coolDown: 2s\nstart: {quorum: 80%, deadline: 1s}"));
    let (conductor, _) = place.conductor(&["--serve", "127.0.0.1:0", "--linger", "1s"]);
    assert_eq!(conductor.end().0, 3);
}

#[test]
fn an_address_that_is_taken_is_named() {
    let place = Place::new(CHAT);
    let mut fleet = place.start("fleet", &SERVE);
    let url = fleet.url();
    let running = status_when(&url, "running");
    assert_eq!((&running["peersReady"], &running["peersWanted"]), (&12.into(), &12.into()));
    let address = url.trim_start_matches("http://");
    let (code, said) = Place::new(CHAT).start("fleet", &["--serve", address]).end();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains(&format!("nothing can be served at {address}")), "{said}");
    assert_eq!(fleet.end().0, 0);
}

#[test]
fn a_part_that_there_is_not_is_refused() {
    let part = ["--seed", "1", "--part", "3", "--per-part", "5"];
    let (code, said) = peers_of("/ip4/127.0.0.1/tcp/1", "0..12", &part).end();
    assert_eq!(code, 2, "{said}");
    assert!(said.contains("there is no part 3 of the peers 0..12"), "{said}");
}
