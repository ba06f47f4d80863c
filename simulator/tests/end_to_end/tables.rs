//! What a run folder holds for other programs: the plan, the connections, every showing.

use std::{collections::BTreeSet, fs::File};

use parquet::{
    file::reader::{FileReader as _, SerializedFileReader},
    record::Field,
};
use serde_json::Value;

use crate::workshop::{TINY, Workshop, scenario};

/// The lines of a table below its header.
fn lines(table: &str) -> Vec<Vec<String>> {
    table.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect()
}

/// The rows of a Parquet file as its columns' texts, and the columns' names.
fn parquet(workshop: &Workshop, name: &str) -> (Vec<String>, Vec<Vec<String>>) {
    let file = File::open(workshop.path(name)).expect("it was written");
    let reader = SerializedFileReader::new(file).expect("it is Parquet");
    let schema = reader.metadata().file_metadata().schema_descr().columns();
    let names = schema.iter().map(|column| column.name().to_owned()).collect();
    let text = |field: &Field| match field {
        Field::Str(text) => text.clone(),
        other => other.to_string(),
    };
    let rows = reader.get_row_iter(None).expect("it has rows").map(|row| {
        let row = row.expect("it can be read");
        row.get_column_iter().map(|(_, field)| text(field)).collect()
    });
    (names, rows.collect())
}

#[test]
fn facts_are_the_showings_that_the_report_counts_and_the_same_in_both_formats() {
    let workshop = Workshop::with_tiny("facts");
    workshop.run(&["run", "tiny.yaml", "--out", "csv", "--facts", "csv"]).ends_with(0);
    workshop.run(&["run", "tiny.yaml", "--out", "parquet", "--facts", "parquet"]).ends_with(0);
    let text = workshop.read("csv/facts.csv");
    let (names, rows) = parquet(&workshop, "parquet/facts.parquet");
    assert_eq!(text.lines().next(), Some(names.join(",").as_str()));
    assert_eq!(lines(&text), rows);

    let report: Value = serde_json::from_str(&workshop.read("csv/report.json")).expect("it is JSON");
    let latency = &report["metrics"]["talk.delivery.latency"];
    let warm_up = report["scenario"]["warmUp"].as_f64().expect("a number");
    let number = |row: &[String], column: &str| {
        let place = names.iter().position(|name| name == column).expect("there is such a column");
        row[place].parse::<f64>().expect("a number")
    };
    let posted = |row: &[String]| number(row, "time_ns") - number(row, "latency_ns");
    let counted: Vec<_> = rows.iter().filter(|row| posted(row) >= warm_up * 1e9).collect();
    let seconds: Vec<_> = counted.iter().map(|row| number(row, "latency_ns") / 1e9).collect();
    assert_eq!(latency["n"], counted.len() as u64);
    let (mean, max) =
        (seconds.iter().sum::<f64>() / seconds.len() as f64, seconds.iter().fold(0.0, |a, b| b.max(a)));
    assert!((latency["mean"].as_f64().expect("a number") - mean).abs() < 1e-12, "the mean is exact");
    assert_eq!(latency["max"], max, "the maximum is exact");
    assert!(counted.iter().all(|row| number(row, "author") != number(row, "reader")));
}

#[test]
fn the_same_run_gives_the_same_facts_byte_by_byte() {
    let workshop = Workshop::with_tiny("facts-again");
    let bytes = |out: &str| {
        workshop.run(&["run", "tiny.yaml", "--out", out, "--facts", "parquet"]).ends_with(0);
        std::fs::read(workshop.path(out).join("facts.parquet")).expect("it was written")
    };
    assert_eq!(bytes("one"), bytes("two"));
}

#[test]
fn facts_of_many_groups_of_rows_are_whole() {
    let workshop = Workshop::new("facts-many");
    let busy = TINY.replace("every: 1s", "every: 1ms").replace("targets:", "# ");
    workshop.write("busy.yaml", scenario(&busy).as_bytes());
    workshop.run(&["run", "busy.yaml", "--out", "out", "--facts", "parquet"]).ends_with(0);
    workshop.run(&["run", "busy.yaml", "--out", "csv", "--facts", "csv"]).ends_with(0);
    let (_, rows) = parquet(&workshop, "out/facts.parquet");
    assert!(rows.len() > 1 << 16, "{} rows fit into one group", rows.len());
    assert_eq!(rows, lines(&workshop.read("csv/facts.csv")));
}

#[test]
fn facts_of_a_scenario_without_a_chat_are_refused() {
    let workshop = Workshop::new("facts-none");
    let update = TINY.replace("talk, chat: {posts: {poisson: {every: 1s}}}", "patch, update: {size: 1Mi}");
    workshop.write("patch.yaml", scenario(&update.replace("targets:", "# ")).as_bytes());
    let done = workshop.run(&["run", "patch.yaml", "--out", "out", "--facts", "csv"]).ends_with(2);
    assert!(done.err.contains("no workload is a chat"), "{}", done.err);
    assert_eq!(workshop.names(), ["patch.yaml"], "nothing was begun");
}

#[test]
fn the_plan_tells_who_is_there_when_and_who_is_in_which_room() {
    let workshop = Workshop::new("plan");
    let churn = "{name: come-and-go, peers: 8, churn: {online: {constant: {value: 2s}}, offline: {constant: {value: 1s}}}}";
    let spec = format!(
        "duration: 10s\ngroups: [{{name: all, peers: 4}}, {churn}, {{name: keep, peers: 1}}]\ntopology: {{ring: {{}}}}\noverlay: {{flood: {{}}}}\n\
         workloads: [{{name: talk, who: {{group: all}}, chat: {{rooms: 2, members: 3, archive: {{group: keep}}, posts: {{poisson: {{every: 1s}}}}}}}}]"
    );
    workshop.write("plan.yaml", scenario(&spec).as_bytes());
    workshop.run(&["run", "plan.yaml", "--out", "out"]).ends_with(0);

    let sessions = lines(&workshop.read("out/plan/sessions.csv"));
    assert_eq!(sessions.iter().filter(|row| row[0] == "0").collect::<Vec<_>>(), [&["0", "0", "", ""]]);
    let of_one: Vec<_> = sessions.iter().filter(|row| row[0] == "4").collect();
    assert!(of_one.len() >= 3 && of_one.iter().all(|row| row[3] == "crash"), "{of_one:?}");
    for pair in of_one.windows(2) {
        let gap =
            pair[1][1].parse::<f64>().expect("an instant") - pair[0][2].parse::<f64>().expect("an instant");
        assert!((gap - 1.0).abs() < 1e-6, "{pair:?}");
    }

    let rooms = lines(&workshop.read("out/plan/rooms.csv"));
    for room in ["0", "1"] {
        let part = |part: &str| {
            let rows = rooms.iter().filter(|row| row[0] == "talk" && row[1] == room && row[3] == part);
            rows.map(|row| row[2].as_str()).collect::<BTreeSet<_>>()
        };
        assert_eq!((part("member").len(), part("archive")), (3, BTreeSet::from(["12"])));
        assert!(part("member").iter().all(|peer| ["0", "1", "2", "3"].contains(peer)));
    }
}

#[test]
fn the_map_shows_the_connections_of_the_overlay_and_not_the_plan() {
    let workshop = Workshop::with_tiny("connections");
    let tables = |file: &str, out: &str| {
        workshop.run(&["run", file, "--out", out]).ends_with(0);
        let svg = workshop.read(&format!("{out}/charts/overlay.svg"));
        let connections = lines(&workshop.read(&format!("{out}/series/connections.csv")));
        let told = format!("{} edges: the connections that stood at the end", connections.len());
        assert!(svg.contains(&told), "{told}");
        (connections, lines(&workshop.read(&format!("{out}/plan/edges.csv"))))
    };
    let (connections, edges) = tables("tiny.yaml", "flood");
    assert_eq!(connections, edges, "flooding uses the topology");
    let hyparview = TINY.replace("flood: {}", "plumtree: {membership: {hyParView: {}}}");
    workshop.write("hyparview.yaml", scenario(&hyparview).as_bytes());
    let (connections, edges) = tables("hyparview.yaml", "hyparview");
    assert!(!connections.is_empty());
    assert_ne!(connections, edges, "HyParView makes its own");
}
