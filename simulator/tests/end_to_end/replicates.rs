//! Several runs of a scenario: what they come to, and that it does not depend on how many are made at a time.

use std::{collections::BTreeMap, path::Path};

use serde_json::Value;

use crate::{
    determinism::files,
    workshop::{Workshop, scenario},
};

/// A dozen peers whose latencies differ from seed to seed.
pub(crate) const VARIED: &str = "
duration: 60s
warmUp: 5s
groups: [{name: all, peers: 12}]
topology: {kRegular: {degree: 4}}
overlay: {flood: {}}
workloads: [{name: talk, chat: {posts: {poisson: {every: 2s}}}}]
targets: [{metric: talk.delivery.completeness, atLeast: 100%}]
";

/// A report without its provenance.
fn report(workshop: &Workshop, name: &str) -> Value {
    let mut report: Value = serde_json::from_str(&workshop.read(name)).expect("a report is JSON");
    report.as_object_mut().expect("a map").remove("provenance").expect("it has one");
    report
}

fn everything(workshop: &Workshop, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let (mut found, place) = (BTreeMap::new(), workshop.path(folder));
    files(&place, &place, &mut found);
    found
}

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let workshop = Workshop::new("threads");
    workshop.write("varied.yaml", scenario(VARIED).as_bytes());
    let run = |threads: &str, out: &str| {
        workshop.run(&["run", "varied.yaml", "--seeds", "6", "--threads", threads, "--out", out]).ends_with(0)
    };
    let words = run("1", "one").out;
    assert!(words.contains("6 runs with the seeds 1 to 6"), "{words}");
    assert!(
        words.contains("talk.delivery.completeness  mean ≥ 100 %  100 %                     6 of 6  met"),
        "{words}"
    );
    for (threads, out) in [("2", "two"), ("5", "five")] {
        run(threads, out);
        assert!(everything(&workshop, "one") == everything(&workshop, out), "{threads} threads");
        let replicates = (1..=6).map(|seed| format!("replicates/seed-{seed}/report.json"));
        for name in replicates.chain(["report.json".to_owned()]) {
            let (one, other) = (format!("one/{name}"), format!("{out}/{name}"));
            assert_eq!(report(&workshop, &one), report(&workshop, &other), "{name} on {threads} threads");
        }
    }
}

#[test]
fn a_replicate_is_the_run_with_its_seed() {
    let workshop = Workshop::new("replicate");
    workshop.write("varied.yaml", scenario(VARIED).as_bytes());
    workshop
        .run(&["run", "varied.yaml", "--seed", "41", "--seeds", "3", "--quiet", "--out", "all"])
        .ends_with(0);
    workshop.run(&["run", "varied.yaml", "--seed", "42", "--quiet", "--out", "alone"]).ends_with(0);
    assert_eq!(
        report(&workshop, "all/replicates/seed-42/report.json"),
        report(&workshop, "alone/report.json")
    );
    let all = report(&workshop, "all/report.json");
    let alone = &report(&workshop, "alone/report.json")["metrics"]["talk.delivery.latency"]["p99"];
    assert_eq!(&all["metrics"]["talk.delivery.latency"]["p99"]["values"][1], alone);
    assert_eq!(all["seeds"], serde_json::json!([41, 42, 43]));
}

#[test]
fn targets_are_answered_by_intervals() {
    let workshop = Workshop::new("answers");
    // Some seeds are above this median and some below.
    let targets = "targets: [{metric: talk.delivery.latency, p50: 100ms, max: 1ms}, {metric: network.sent, atMost: 1G}]";
    let spec = format!("{}\n{targets}", VARIED.replace("targets:", "# "));
    workshop.write("asked.yaml", scenario(&spec).as_bytes());
    let arguments = ["run", "asked.yaml", "--seeds", "8", "--out", "out", "--json", "--junit", "junit.xml"];
    let report = workshop.run(&arguments).ends_with(1).json();
    let answers: Vec<_> =
        report["targets"].as_array().expect("a list").iter().map(|target| &target["answer"]).collect();
    assert_eq!(answers, ["undecided", "missed", "met"], "{}", report["targets"]);
    let junit = workshop.read("junit.xml");
    assert!(junit.contains("failures=\"2\"") && junit.contains("undecided: observed"), "{junit}");
}

#[test]
fn a_rule_runs_until_it_is_satisfied() {
    let workshop = Workshop::new("until");
    workshop.write("varied.yaml", scenario(VARIED).as_bytes());
    let run = |arguments: &[&str]| {
        workshop.run(
            &[
                &["run", "varied.yaml", "--until-ci", "10%", "--ci-metric", "talk.delivery.latency"],
                arguments,
            ]
            .concat(),
        )
    };
    let report = run(&["--json", "--out", "out"]).ends_with(0).json();
    let runs = report["seeds"].as_array().expect("a list").len();
    assert!((10..100).contains(&runs) && report["stopping"]["reached"] == true, "{runs}");
    let words = run(&["--seeds", "10", "--out", "few"]).ends_with(0).out;
    assert!(words.contains("relative error 10 % NOT reached in 10 runs"), "{words}");
    // Completeness never varies, so that ten runs are enough for what the target bounds.
    let words = workshop.run(&["run", "varied.yaml", "--until-ci", "1%"]).ends_with(0).out;
    assert!(words.contains("relative error 1 % reached after 10 runs of 10 to 100"), "{words}");
    assert!(Path::new(&workshop.path("out/tiny/seeds-from-1/report.html")).is_file());
}

/// Enough to do in each window that threads pay.
const BUSY: &str = "
description: Does it pay to deal these peers out to threads?
duration: 10s
network: {latency: {fixed: {oneWay: 100ms}}}
groups: [{name: all, peers: 300}]
topology: {kRegular: {degree: 8}}
overlay: {flood: {}}
workloads: [{name: talk, chat: {rooms: 100, members: 10, posts: {poisson: {every: 3s}}}}]
";

#[test]
fn a_run_by_itself_is_the_same_on_threads_to_the_byte_but_for_its_provenance() {
    let workshop = Workshop::new("threads-of-a-run");
    workshop.write("busy.yaml", scenario(BUSY).as_bytes());
    let run = |threads: &str| {
        let arguments = ["run", "busy.yaml", "--threads", threads, "--facts", "csv", "--out", threads];
        let done = workshop.run(&arguments).ends_with(0);
        assert_eq!(done.err, "", "there is nothing to note");
        let report = workshop.read(&format!("{threads}/report.json"));
        let mut report: Value = serde_json::from_str(&report).expect("the report is JSON");
        let provenance = report.as_object_mut().expect("a map").remove("provenance").expect("it has one");
        (provenance, report, everything(&workshop, threads))
    };
    let (one, report, rest) = run("1");
    assert_eq!(one["host"]["threads"], 1);
    for threads in [2, 3] {
        let (provenance, other, files) = run(&threads.to_string());
        assert_eq!(provenance["host"]["threads"], threads);
        assert_eq!((&provenance["events"], &provenance["digest"]), (&one["events"], &one["digest"]));
        assert_eq!(other, report);
        assert!(files == rest, "{threads} threads");
    }
}

#[test]
fn a_run_that_stays_on_one_thread_says_why() {
    let workshop = Workshop::with_tiny("one-thread");
    let done = workshop.run(&["run", "tiny.yaml", "--threads", "4", "--out", "out"]).ends_with(0);
    assert!(done.err.starts_with("note: the run has one thread: "), "{}", done.err);
    assert_eq!(done.err.lines().count(), 1);
    assert_eq!(workshop.run(&["run", "tiny.yaml", "--out", "unasked"]).ends_with(0).err, "");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let workshop = Workshop::with_tiny("refused-replicates");
    let refused = |arguments: &[&str], why: &str| {
        let done = workshop.run(&[&["run", "tiny.yaml"], arguments].concat()).ends_with(2);
        assert!(done.err.contains(why), "{arguments:?}: {}", done.err);
    };
    refused(&["--seeds", "1"], "1 is not in 2..=100000");
    refused(&["--seeds", "4", "--threads", "0"], "invalid value '0' for '--threads <N>'");
    refused(&["--until-ci", "0%"], "would never stop");
    refused(&["--until-ci", "5"], "the unit `%` is missing");
    refused(&["--until-ci", "5%", "--seeds", "9"], "takes 10 runs at the least");
    refused(&["--until-ci", "5%", "--ci-metric", "nothing"], "`nothing` is no metric of this scenario");
    refused(&["--until-ci", "5%", "--ci-metric", "network.sent:p97"], "`p97` is no statistic");
    refused(&["--ci-metric", "network.sent"], "--until-ci");
    assert_eq!(workshop.names(), ["tiny.yaml"], "what is refused leaves nothing");
}
