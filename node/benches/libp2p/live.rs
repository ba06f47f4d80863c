//! Two hundred peers in real time: `chat-room` as it is shipped, by the program itself, with its own judgement of the run.

use std::{fs, path::Path, process::Command};

use serde_json::Value;

use crate::judge;

/// Runs the whole scenario, six minutes, and tells what its report says.
///
/// # Panics
/// When the program leaves no report behind, or one without what is told here.
pub(crate) fn run() -> String {
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

fn tell(report: &Value) -> String {
    let number = |path: &str| {
        let found = report.pointer(path).and_then(Value::as_f64);
        found.unwrap_or_else(|| panic!("the report has no number at {path}"))
    };
    let millis = |path: &str| 1e3 * number(path);
    let latency = "/metrics/rooms.delivery.latency";
    let state = report.pointer("/validity/state").and_then(Value::as_str).unwrap_or("without a judgement");
    let met = judge(state == "valid");
    let engine = "/provenance/engine";
    let text = format!(
        "live: {} peers of chat-room in real time are {state}, where `valid` is the aim: {met}; delivery {:.0} ms at the median and {:.0} ms \
         at p99, {} % complete; peers {:.1} ms late at p99; {:.2} processors busy, {:.1} % of their time stolen",
        number("/scenario/peers"),
        millis(&format!("{latency}/p50")),
        millis(&format!("{latency}/p99")),
        number("/metrics/rooms.delivery.completeness/mean"),
        millis(&format!("{engine}/lateSeconds/p99")),
        number(&format!("{engine}/processorsBusy")),
        1e2 * number(&format!("{engine}/processorStolen")),
    );
    let reasons = report.pointer("/validity/reasons").and_then(Value::as_array).into_iter().flatten();
    reasons.filter_map(Value::as_str).fold(text, |text, reason| format!("{text}\n      {reason}"))
}
