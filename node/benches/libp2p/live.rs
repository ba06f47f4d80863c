//! Two hundred peers in real time: `chat-room` as it is shipped, by the program itself, with its own judgement of the run.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::judge;

/// Runs the whole scenario, six minutes, and prints what its report says. Gives whether it is valid.
///
/// # Panics
/// When the program leaves no report behind.
pub(crate) fn run() -> bool {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let out = folder.path().join("live");
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/chat-room.yaml");
    let ended = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
        .args(["fleet", "--quiet", "--out"])
        .arg(&out)
        .arg(scenario)
        .status()
        .expect("the program starts");
    let report = fs::read(out.join("report.json")).unwrap_or_else(|error| panic!("{ended}: {error}"));
    tell(&serde_json::from_slice(&report).expect("a report is JSON"))
}

/// Prints what a report says, and gives whether it is valid.
fn tell(report: &Value) -> bool {
    // What this machine does not tell is null in the report.
    let number = |path: &str, factor: f64, digits: usize| {
        let found = report.pointer(path).and_then(Value::as_f64);
        found.map_or_else(|| "?".to_owned(), |number| format!("{:.digits$}", factor * number))
    };
    let millis = |path: &str, digits| number(path, 1e3, digits);
    let latency = "/metrics/rooms.delivery.latency";
    let state = report.pointer("/validity/state").and_then(Value::as_str).unwrap_or("without a judgement");
    let is_valid = state == "valid";
    let met = judge(is_valid);
    let engine = "/provenance/engine";
    println!(
        "live: {} peers of chat-room in real time are {state}, where `valid` is the aim: {met}; delivery {} ms at the median and {} ms \
         at p99, {} % complete; peers {} ms late at p99; {} processors busy, {} % of their time stolen",
        number("/scenario/peers", 1.0, 0),
        millis(&format!("{latency}/p50"), 0),
        millis(&format!("{latency}/p99"), 0),
        number("/metrics/rooms.delivery.completeness/mean", 1.0, 2),
        millis(&format!("{engine}/lateSeconds/p99"), 1),
        number(&format!("{engine}/processorsBusy"), 1.0, 2),
        number(&format!("{engine}/processorStolen"), 1e2, 1),
    );
    let reasons = report.pointer("/validity/reasons").and_then(Value::as_array).into_iter().flatten();
    reasons.filter_map(Value::as_str).for_each(|reason| println!("      {reason}"));
    is_valid
}
