//! Single runs of one plan held against one another, as those of several engines are.

use serde_json::Value;

use crate::{
    replicates::VARIED,
    workshop::{Workshop, scenario},
};

/// A folder with runs of one scenario: as it is, twice, and with another seed; and one of another scenario.
fn runs(name: &str) -> Workshop {
    let workshop = Workshop::new(name);
    workshop.write("talk.yaml", scenario(VARIED).as_bytes());
    let slower = VARIED.replace("duration: 60s", "duration: 50s");
    workshop.write("shorter.yaml", scenario(&slower).as_bytes());
    for (file, out, seed) in
        [("talk", "one", "7"), ("talk", "two", "7"), ("talk", "late", "8"), ("shorter", "short", "7")]
    {
        let file = format!("{file}.yaml");
        workshop.run(&["run", &file, "--quiet", "--seed", seed, "--out", out]).ends_with(0);
    }
    workshop
}

/// Another engine's report, as far as this crate can have one: what it leaves behind is the same.
fn of_engine(workshop: &Workshop, run: &str, engine: &str) {
    let file = format!("{run}/report.json");
    let mut report: Value = serde_json::from_str(&workshop.read(&file)).expect("JSON");
    report["engine"] = engine.into();
    workshop.write(&file, report.to_string().as_bytes());
}

#[test]
fn a_run_against_its_like_is_off_by_nothing_and_everything_is_written() {
    let workshop = runs("engines");
    of_engine(&workshop, "two", "virtual");
    let arguments = ["compare", "one", "two", "--out", "out"];
    let done = workshop.run(&[&arguments[..], &["--json"]].concat()).ends_with(0).json();
    assert_eq!(done["schema"], "peerlab.dev/fidelity/v1");
    assert_eq!((&done["runs"][0]["name"], &done["runs"][1]["name"]), (&"model".into(), &"virtual".into()));
    let measures = done["measures"].as_array().expect("a list");
    assert!(measures.iter().any(|one| one["metric"] == "talk.delivery.latency" && one["statistic"] == "p99"));
    for measure in measures {
        assert_eq!(measure["differences"][0]["value"], 0.0, "{measure}");
    }
    let latency = done["distances"].as_array().expect("a list");
    let latency =
        latency.iter().find(|one| one["metric"] == "talk.delivery.latency").expect("there are posts");
    assert_eq!(latency["distances"][0], serde_json::json!({"ks": 0.0, "p": 1.0}));
    assert!(!done["degrees"]["rows"].as_array().expect("a list").is_empty());

    let told = workshop.run(&[&arguments[..], &["--force"]].concat()).ends_with(0).out;
    assert!(
        told.contains("talk: the model says p95 = ") && told.contains("real libp2p in virtual time "),
        "{told}"
    );
    assert!(told.contains("(±0 %)"), "{told}");
    for file in ["report.html", "report.md", "charts/talk-delivery-latency.svg", "charts/degrees.png"] {
        assert!(workshop.path("out").join(file).is_file(), "{file}");
    }
    assert!(workshop.read("out/report.md").contains("\n| talk.delivery.latency p95 |"));
    workshop.run(&arguments).ends_with(2);
}

#[test]
fn a_run_keeps_the_buckets_of_its_latencies_and_they_add_up() {
    let workshop = runs("engines-distributions");
    let report: Value = serde_json::from_str(&workshop.read("one/report.json")).expect("JSON");
    for metric in ["talk.delivery.latency", "network.sent", "overlay.duplicates"] {
        let table = workshop.read(&format!("one/distributions/{metric}.csv"));
        let mut lines = table.lines();
        assert_eq!(lines.next(), Some("at_most,count"));
        let counts =
            lines.map(|line| line.split_once(',').expect("two cells").1.parse::<u64>().expect("a count"));
        assert_eq!(
            counts.sum::<u64>(),
            report["metrics"][metric]["n"].as_u64().expect("a number"),
            "{metric}"
        );
    }
}

#[test]
fn runs_of_different_plans_and_mixtures_are_refused_by_name() {
    let workshop = runs("engines-refused");
    workshop.run(&["run", "talk.yaml", "--seeds", "2", "--quiet", "--out", "several"]).ends_with(0);
    let refused = |designs: &[&str], why: &str| {
        let done = workshop.run(&[&["compare", "--out", "out"], designs].concat()).ends_with(2);
        assert!(done.err.contains(why), "{designs:?}: {}", done.err);
        assert!(!workshop.path("out").exists(), "{designs:?}");
    };
    refused(&["one", "late"], "one has the seed 7, and late has 8");
    refused(&["one", "short"], "one and short differ in spec.duration (\"1m\" and \"50s\")");
    refused(&["one", "talk.yaml"], "one is a single run, and talk.yaml is not");
    refused(&["several", "one"], "one is a single run, and several is not");
    refused(&["one", "two", "--seeds", "3"], "--seeds or --until-ci is for scenarios that are run now");
    refused(&["one", "two", "--measure", "network.sent"], "--measure is for scenarios");
    workshop.write("two/distributions/network.sent.csv", b"at_most,count\n2,1\n1,1\n");
    refused(&["one", "two"], "network.sent.csv is not what a run leaves behind");
}

#[test]
fn an_invalid_run_says_nothing() {
    let workshop = runs("engines-invalid");
    let mut report: Value = serde_json::from_str(&workshop.read("two/report.json")).expect("JSON");
    report["validity"] = serde_json::json!({"state": "invalid", "reasons": ["a peer was lost"]});
    workshop.write("two/report.json", report.to_string().as_bytes());
    let done = workshop.run(&["compare", "one", "two", "--out", "out"]).ends_with(3);
    assert!(done.err.contains("the run two is invalid, and says nothing: a peer was lost"), "{}", done.err);
    assert!(!workshop.path("out").exists());
}
