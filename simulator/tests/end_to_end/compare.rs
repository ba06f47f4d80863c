//! Comparisons: what differs, what may be chance, and what cannot be compared.

use serde_json::Value;

use crate::{
    replicates::VARIED,
    workshop::{Workshop, scenario},
};

/// A folder with two designs that differ in topology alone.
fn designs(name: &str) -> Workshop {
    let workshop = Workshop::new(name);
    let named = |name: &str, spec: &str| scenario(spec).replace("name: tiny", &format!("name: {name}"));
    workshop.write("random.yaml", named("random", VARIED).as_bytes());
    workshop
        .write("ring.yaml", named("ring", &VARIED.replace("kRegular: {degree: 4}", "ring: {}")).as_bytes());
    let longer = VARIED.replace("duration: 60s", "duration: 50s");
    workshop.write("shorter.yaml", named("shorter", &longer).as_bytes());
    workshop
}

fn measure<'a>(comparison: &'a Value, metric: &str, statistic: &str) -> &'a Value {
    let measures = comparison["measures"].as_array().expect("a list");
    let found = measures.iter().find(|one| one["metric"] == metric && one["statistic"] == statistic);
    found.unwrap_or_else(|| panic!("{metric} {statistic} is missing: {measures:#?}"))
}

#[test]
fn a_ring_is_slower_and_cheaper_beyond_chance() {
    let workshop = designs("compare");
    let arguments = ["compare", "random.yaml", "ring.yaml", "--seeds", "8", "--out", "out"];
    let words = workshop.run(&arguments).ends_with(0).out;
    assert!(
        words.starts_with("ring against random, in pairs of runs with the same seed (1 to 8, 8 seeds)."),
        "{words}"
    );
    assert!(words.contains("the scenarios differ in: spec.topology\n"), "{words}");
    let comparison: Value = serde_json::from_str(&workshop.read("out/report.json")).expect("it is JSON");
    assert_eq!(comparison["schema"], "peerlab.dev/comparison/v1");
    let slower = &measure(&comparison, "talk.delivery.latency", "mean")["contenders"][0];
    assert!(slower["significant"] == true && slower["difference"]["low"].as_f64() > Some(0.0), "{slower}");
    let cheaper = &measure(&comparison, "network.sent", "mean")["contenders"][0];
    assert!(
        cheaper["significant"] == true && cheaper["difference"]["high"].as_f64() < Some(0.0),
        "{cheaper}"
    );
    let same: Vec<_> =
        comparison["same"].as_array().expect("a list").iter().map(|same| &same["metric"]).collect();
    assert!(same.contains(&&Value::from("talk.delivery.completeness")), "{same:?}");

    for file in [
        "report.html",
        "report.md",
        "charts/ratios.svg",
        "charts/talk-latency.png",
        "charts/talk-coverage.svg",
    ] {
        assert!(workshop.path("out").join(file).is_file(), "{file}");
    }
    assert!(workshop.read("out/report.md").contains("\n| talk.delivery.latency mean |"));
    assert!(workshop.read("out/report.html").contains("peerlab comparison"));
    workshop.run(&arguments).ends_with(2);
    workshop.run(&[&arguments[..], &["--force", "--quiet"]].concat()).ends_with(0);
}

#[test]
fn runs_made_before_compare_as_those_made_now() {
    let workshop = designs("compare-folders");
    let compare = |designs: [&str; 2], out: &str, more: &[&str]| {
        let arguments = ["compare", designs[0], designs[1], "--json", "--out", out];
        let mut comparison = workshop.run(&[&arguments[..], more].concat()).ends_with(0).json();
        comparison.as_object_mut().expect("a map").remove("provenance").expect("it has one");
        comparison
    };
    let now = compare(["random.yaml", "ring.yaml"], "now", &["--seeds", "4", "--threads", "1"]);
    for name in ["random", "ring"] {
        let file = format!("{name}.yaml");
        workshop.run(&["run", &file, "--seeds", "4", "--quiet", "--out", name]).ends_with(0);
    }
    assert_eq!(now, compare(["random", "ring"], "before", &[]));
    assert_eq!(now, compare(["random/report.json", "now/runs/ring"], "mixed", &[]));
    // The number of runs and their seeds are those of the runs that are there.
    assert_eq!(now, compare(["random", "ring.yaml"], "half", &[]));
    for chart in ["ratios", "talk-latency", "talk-coverage"] {
        let read = |folder: &str| workshop.read(&format!("{folder}/charts/{chart}.svg"));
        assert!(read("now") == read("before"), "{chart}");
    }
}

#[test]
fn a_design_against_itself_differs_in_nothing() {
    let workshop = designs("compare-same");
    let comparison =
        workshop.run(&["compare", "ring.yaml", "ring.yaml", "--seeds", "3", "--json"]).ends_with(0).json();
    assert_eq!((&comparison["baseline"], &comparison["contenders"][0]), (&"ring".into(), &"ring-2".into()));
    assert_eq!((&comparison["tests"], &comparison["measures"]), (&0.into(), &serde_json::json!([])));
    assert_eq!(comparison["differences"], serde_json::json!({}));
}

#[test]
fn what_cannot_be_compared_is_refused_and_leaves_nothing() {
    let workshop = designs("compare-refused");
    workshop.run(&["run", "ring.yaml", "--quiet", "--out", "single"]).ends_with(0);
    workshop
        .run(&["run", "ring.yaml", "--seed", "50", "--seeds", "3", "--quiet", "--out", "late"])
        .ends_with(0);
    workshop.run(&["run", "random.yaml", "--seeds", "3", "--quiet", "--out", "early"]).ends_with(0);
    workshop.write("foreign/report.json", b"{\"schema\": \"somebody/else\"}");
    let refused = |designs: &[&str], why: &str| {
        let done =
            workshop.run(&[&["compare", "--seeds", "3", "--out", "out"], designs].concat()).ends_with(2);
        assert!(done.err.contains(why), "{designs:?}: {}", done.err);
        assert!(!workshop.path("out").exists(), "{designs:?}");
    };
    refused(&["ring.yaml"], "2 values required");
    refused(&["ring.yaml", "shorter.yaml"], "ring and shorter differ in spec.duration: \"1m\" and \"50s\"");
    refused(
        &["early", "late"],
        "0 seeds in common, and pairs need two at least: random has 1 to 3, ring has 50 to 52",
    );
    refused(&["early", "single"], "single is a single run, and early is not");
    refused(&["early", "foreign"], "its schema is `somebody/else`");
    refused(&["early", "nowhere"], "nowhere cannot be read");
    refused(&["early", "ring.yaml", "--measure", "nothing"], "has no metric `nothing`");
    // So many runs would take hours: what is wrong is known before them.
    let in_vain = |designs: &[&str]| {
        workshop
            .run(&[&["compare", "--seeds", "100000", "--quiet", "--out", "out"], designs].concat())
            .ends_with(2)
    };
    in_vain(&["ring.yaml", "shorter.yaml"]);
    in_vain(&["ring.yaml", "random.yaml", "--measure", "nothing"]);
}
