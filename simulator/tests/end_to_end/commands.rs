//! What each command prints.

use std::fs;

use quick_xml::{Reader, events::Event};

use crate::workshop::{TINY, Workshop, golden, scenario};

/// Words, with `#` for every number: what a run prints, whatever its figures and however long it took.
fn words(text: &str) -> String {
    fn word(word: &str) -> &str {
        let is_number = word.replace([',', '('], "").parse::<f64>().is_ok();
        if is_number { "#" } else { word }
    }
    let line = |line: &str| match line.split_once(" of virtual time in ") {
        Some((before, _)) => words(before).trim_end().to_owned(),
        None => line.split_whitespace().map(word).collect::<Vec<_>>().join(" "),
    };
    text.lines().map(|text| format!("{}\n", line(text))).collect()
}

#[test]
fn help_says_what_there_is() {
    let workshop = Workshop::new("help");
    golden("help.txt", &workshop.run(&["--help"]).ends_with(0).out);
    for command in ["run", "compare", "validate", "explain", "metrics", "topology", "schema", "completions"] {
        let help = workshop.run(&[command, "--help"]).ends_with(0).out;
        golden(&format!("help-{command}.txt"), &help);
    }
    assert!(workshop.run(&[]).ends_with(2).err.contains("Usage: peerlab-sim <COMMAND>"));
}

#[test]
fn a_run_prints_its_metrics_targets_and_verdict() {
    let workshop = Workshop::with_tiny("table");
    golden("run.txt", &words(&workshop.run(&["run", "tiny.yaml", "--out", "out"]).ends_with(0).out));
    let faults = "faults: [{name: cut, at: 3s, for: 6s, outage: {count: 6}}]";
    let missed = "targets: [{metric: talk.delivery.latency, p99: 1ms}]";
    let spec = format!("{}\n{faults}\n{missed}", TINY.replace("targets:", "# "));
    workshop.write("missed.yaml", scenario(&spec).as_bytes());
    golden("run-missed.txt", &words(&workshop.run(&["run", "missed.yaml", "--out", "no"]).ends_with(1).out));
}

#[test]
fn quiet_is_quiet() {
    let workshop = Workshop::with_tiny("quiet");
    let done = workshop.run(&["run", "tiny.yaml", "--quiet"]).ends_with(0);
    assert_eq!((done.out, done.err), (String::new(), String::new()));
}

#[test]
fn json_is_the_report_that_is_written() {
    let workshop = Workshop::with_tiny("json");
    let done = workshop.run(&["run", "tiny.yaml", "--out", "out", "--json"]).ends_with(0);
    assert_eq!(done.out, workshop.read("out/report.json"));
    assert_eq!(done.err, "");
}

#[test]
fn a_run_folder_holds_report_charts_series_plan_and_scenario() {
    let workshop = Workshop::with_tiny("folder");
    workshop.run(&["run", "tiny.yaml", "--out", "out"]).ends_with(0);
    let mut files = Vec::new();
    for folder in ["", "charts", "plan", "series"] {
        let entries = fs::read_dir(workshop.path("out").join(folder)).expect("the folder is there");
        files.extend(
            entries.map(|entry| entry.expect("it can be listed").path()).filter(|path| path.is_file()),
        );
    }
    let base = workshop.path("out");
    let mut names: Vec<_> =
        files.iter().map(|path| path.strip_prefix(&base).expect("below").display().to_string()).collect();
    names.sort();
    golden("folder.txt", &format!("{}\n", names.join("\n")));
    assert_eq!(workshop.read("out/scenario.yaml"), workshop.read("tiny.yaml"));
    assert_eq!(workshop.read("out/plan/edges.csv").lines().count(), 1 + 12);
}

#[test]
fn runs_without_a_place_get_one_each() {
    let workshop = Workshop::with_tiny("places");
    for _ in 0..3 {
        workshop.run(&["run", "tiny.yaml", "--quiet"]).ends_with(0);
    }
    workshop.run(&["run", "tiny.yaml", "--quiet", "--seed", "7"]).ends_with(0);
    for place in ["seed-1", "seed-1-2", "seed-1-3", "seed-7"] {
        assert!(workshop.path(&format!("out/tiny/{place}/report.json")).is_file(), "{place}");
    }
}

#[test]
fn runs_begun_at_once_get_a_place_each() {
    let workshop = Workshop::with_tiny("places-at-once");
    let begin = |_| workshop.command(&["run", "tiny.yaml", "--quiet"]).spawn().expect("it can be begun");
    let running: Vec<_> = (0..4).map(begin).collect();
    for mut run in running {
        assert!(run.wait().expect("it ends").success());
    }
    for place in ["seed-1", "seed-1-2", "seed-1-3", "seed-1-4"] {
        assert!(workshop.path(&format!("out/tiny/{place}/report.json")).is_file(), "{place}");
    }
    assert_eq!(fs::read_dir(workshop.path("out/tiny")).expect("it is there").count(), 4);
}

#[test]
fn a_run_that_is_refused_claims_no_place() {
    let workshop = Workshop::with_tiny("no-claim");
    workshop.run(&["run", "tiny.yaml", "--quiet", "--junit", "/dev/full"]).ends_with(2);
    let refused = workshop.run(&["run", "tiny.yaml", "--quiet", "--junit", "tiny.yaml"]).ends_with(2);
    assert!(refused.err.contains("is no JUnit file"), "{}", refused.err);
    assert_eq!(fs::read_dir(workshop.path("out/tiny")).expect("it is there").count(), 0);
}

#[test]
fn junit_has_a_case_for_every_target_and_invariant() {
    let workshop = Workshop::with_tiny("junit");
    let spec = TINY.replace("atLeast: 100%}", "atLeast: 100%}, {metric: network.sent, max: 1B, p50: 2B}");
    workshop.write("two.yaml", scenario(&spec).as_bytes());
    let report = workshop
        .run(&["run", "two.yaml", "--out", "out", "--json", "--junit", "junit.xml"])
        .ends_with(1)
        .json();
    let count = |key: &str| report[key].as_array().expect("it is a list").len();
    let cases = count("targets") + count("invariants");
    assert_eq!(count("targets"), 3);

    let xml = workshop.read("junit.xml");
    let (mut reader, mut seen, mut failures) = (Reader::from_str(&xml), 0, 0);
    loop {
        match reader.read_event().expect("it is well-formed") {
            Event::Start(tag) | Event::Empty(tag) => {
                for attribute in tag.attributes() {
                    let attribute = attribute.expect("attributes are well-formed");
                    let value = attribute.value.to_string();
                    match (tag.name().as_ref(), attribute.key.as_ref()) {
                        ("testsuite", "tests") => assert_eq!(value, cases.to_string()),
                        ("testsuite", "failures") => assert_eq!(value, "2"),
                        _ => {}
                    }
                }
                seen += usize::from(tag.name().as_ref() == "testcase");
                failures += usize::from(tag.name().as_ref() == "failure");
            }
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!((seen, failures), (cases, 2), "{xml}");
}

#[test]
fn validate_tells_of_every_file() {
    let workshop = Workshop::with_tiny("validate");
    workshop.write("bad.yaml", scenario("duration: 1\ngroups: []\nworkload: []").as_bytes());
    let done = workshop.run(&["validate", "missing.yaml", "bad.yaml", "tiny.yaml"]).ends_with(2);
    assert_eq!(done.out, "tiny.yaml: ok, 12 peers, 12 edges\n");
    golden("validate.txt", &done.err);

    let done = workshop.run(&["validate", "--json", "missing.yaml", "bad.yaml", "tiny.yaml"]).ends_with(2);
    golden("validate.json", &done.out);
    assert_eq!(done.err, "");
    assert_eq!(workshop.run(&["validate", "--json", "tiny.yaml"]).ends_with(0).out, "[]\n");
}

#[test]
fn explain_fills_in_every_default_and_says_so() {
    let workshop = Workshop::with_tiny("explain");
    let done = workshop.run(&["explain", "tiny.yaml"]).ends_with(0);
    golden("explain.yaml", &done.out);
    workshop.write("explained.yaml", done.out.as_bytes());
    let again = workshop.run(&["run", "explained.yaml", "--out", "again", "--json"]).ends_with(0).json();
    let first = workshop.run(&["run", "tiny.yaml", "--out", "first", "--json"]).ends_with(0).json();
    assert_eq!(again["metrics"], first["metrics"], "what is explained is not what is run");
}

#[test]
fn metrics_are_listed_and_are_those_of_the_report() {
    let workshop = Workshop::with_tiny("metrics");
    golden("metrics.txt", &workshop.run(&["metrics"]).ends_with(0).out);
    golden("metrics-of-tiny.txt", &workshop.run(&["metrics", "tiny.yaml"]).ends_with(0).out);
    workshop.write("gossipsub.yaml", scenario(&TINY.replace("flood", "gossipsub")).as_bytes());
    for file in ["tiny.yaml", "gossipsub.yaml"] {
        let listed = workshop.run(&["metrics", file, "--json"]).ends_with(0).json();
        let mut listed: Vec<_> = listed
            .as_array()
            .expect("a list")
            .iter()
            .map(|metric| (&metric["name"], &metric["unit"]))
            .collect();
        listed.sort_by_key(|(name, _)| name.as_str().map(ToOwned::to_owned));
        let report =
            workshop.run(&["run", file, "--out", &format!("{file}.out"), "--json"]).ends_with(0).json();
        let reported = report["metrics"].as_object().expect("a map");
        assert_eq!(listed.len(), reported.len());
        for ((name, unit), (reported, summary)) in listed.into_iter().zip(reported) {
            assert_eq!((name.as_str(), unit), (Some(reported.as_str()), &summary["unit"]));
        }
    }
}

/// The keys of `topology --json`, a promise.
const GRAPH_KEYS: [&str; 13] = [
    "peers",
    "edges",
    "components",
    "largestComponent",
    "minDegree",
    "meanDegree",
    "maxDegree",
    "diameter",
    "effectiveDiameter90",
    "meanPath",
    "clustering",
    "triangles",
    "spectralGap",
];

#[test]
fn topology_takes_scenarios_edge_lists_and_graphml() {
    let workshop = Workshop::with_tiny("topology");
    workshop.write("graph.txt", b"# Nodes: 5\n# a comment\n1 2\n2\t3\n\n3 1\nx <y&z>\n");
    workshop.write(
        "graph.graphml",
        br#"<graphml><graph edgedefault="undirected"><node id="a"/><node id="b"/><node id="c"/>
            <edge source="a" target="b"/></graph></graphml>"#,
    );
    for (file, peers, edges, components) in
        [("tiny.yaml", 12, 12, 1), ("graph.txt", 5, 4, 2), ("graph.graphml", 3, 1, 2)]
    {
        let metrics = workshop.run(&["topology", file, "--json", "--no-drawing"]).ends_with(0).json();
        let keys: Vec<_> = metrics.as_object().expect("a map").keys().map(String::as_str).collect();
        for key in GRAPH_KEYS {
            assert!(keys.contains(&key), "{key} is missing from {keys:?}");
        }
        assert_eq!(
            [&metrics["peers"], &metrics["edges"], &metrics["components"]].map(serde_json::Value::as_u64),
            [Some(peers), Some(edges), Some(components)],
            "{file}"
        );
    }
    workshop.write("scenario.txt", scenario(TINY).as_bytes());
    let refused = workshop.run(&["topology", "scenario.txt", "--no-drawing"]).ends_with(2);
    assert!(refused.err.contains("this is a scenario and no list of edges"), "{}", refused.err);
    workshop.write("TINY.YML", scenario(TINY).as_bytes());
    workshop.run(&["topology", "TINY.YML", "--no-drawing"]).ends_with(0);
    golden("topology.txt", &workshop.run(&["topology", "graph.txt", "--no-drawing"]).ends_with(0).out);
}

#[test]
fn topology_as_json_draws_only_where_it_is_told_to() {
    let workshop = Workshop::with_tiny("undrawn");
    for _ in 0..2 {
        workshop.run(&["topology", "tiny.yaml", "--json"]).ends_with(0);
    }
    assert_eq!(workshop.names(), ["tiny.yaml"]);
    workshop.run(&["topology", "tiny.yaml", "--json", "--out", "graph.svg"]).ends_with(0);
    assert_eq!(workshop.names(), ["graph.svg", "tiny.yaml"]);
}

#[test]
fn topology_draws_and_replaces_nothing_unasked() {
    let workshop = Workshop::with_tiny("drawing");
    workshop.write("a<b>&c.txt", b"1 2\n");
    workshop.run(&["topology", "a<b>&c.txt", "--out", "graph.svg"]).ends_with(0);
    let svg = workshop.read("graph.svg");
    let mut reader = Reader::from_str(&svg);
    while reader.read_event().expect("the drawing is well-formed") != Event::Eof {}
    assert!(svg.contains("a&lt;b&gt;&amp;c.txt"));

    workshop.run(&["topology", "tiny.yaml", "--out", "graph.png"]).ends_with(0);
    assert!(fs::read(workshop.path("graph.png")).expect("it is there").starts_with(b"\x89PNG\r\n"));

    workshop.run(&["topology", "tiny.yaml"]).ends_with(0);
    assert!(workshop.path("tiny-topology.svg").is_file());
    let refused = workshop.run(&["topology", "tiny.yaml"]).ends_with(2);
    assert_eq!(refused.out, "", "it measures before it knows where to draw");
    assert!(refused.err.contains("--force"));
    workshop.run(&["topology", "tiny.yaml", "--force"]).ends_with(0);
    let refused = workshop.run(&["topology", "tiny.yaml", "--out", "graph.gif"]).ends_with(2);
    assert_eq!(refused.err, "error: graph.gif: a drawing ends in .svg or .png\n");
}

#[test]
fn the_schema_is_the_one_that_is_published() {
    let schema = Workshop::new("schema").run(&["schema"]).ends_with(0).json();
    let published = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/schema/scenario.schema.json");
    let published = fs::read_to_string(published).expect("the schema is committed");
    assert_eq!(schema, serde_json::from_str::<serde_json::Value>(&published).expect("it is JSON"));
}

#[test]
fn shells_can_complete() {
    let workshop = Workshop::new("completions");
    for (shell, mark) in
        [("bash", "complete -F"), ("zsh", "#compdef peerlab-sim"), ("fish", "complete -c peerlab-sim")]
    {
        let script = workshop.run(&["completions", shell]).ends_with(0).out;
        assert!(script.contains(mark) && script.contains("topology"), "{shell}");
    }
}
