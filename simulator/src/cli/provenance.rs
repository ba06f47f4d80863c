//! Where reports on several runs come from.

use std::time::Duration;

use peerlab_report::cli::{
    input::Ready,
    provenance::{Run, host, now, of},
};
use peerlab_scenarios::{
    report::{fidelity, replicates::Replicates},
    seed::mix,
};
use peerlab_simulator::{model, replicates::ReplicateRun};
use serde_json::{Map, Value, json};

/// The provenance of a run among several, whose common report tells the rest.
pub(super) fn of_replicate(ready: &Ready, run: &ReplicateRun) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "scenarioHash": format!("blake3:{}", blake3::hash(&ready.bytes).to_hex()),
        "events": run.events,
        "digest": format!("{:016x}", run.digest),
        "wallSeconds": run.took.as_secs_f64(),
    })
}

/// The provenance of several runs together: that of one, with their events added up and a digest of their digests.
pub(super) fn of_replicates(ready: &Ready, runs: &[ReplicateRun], took: Duration, threads: usize) -> Value {
    let digest = runs.iter().fold(0, |digest, run| mix(digest, run.report.seed, run.digest));
    let events = runs.iter().map(|run| run.events).sum();
    let imitates = model::imitated(&ready.plan.spec);
    of(ready, &Run { imitates, engine: Value::Null, events, digest, took, threads })
}

/// The provenance of a comparison: the hash of each design's scenario, and where it was made.
pub(super) fn of_comparison(designs: &[(&str, &Replicates)], took: Duration) -> Value {
    let hash = |(name, report): &(&str, &Replicates)| {
        ((*name).to_owned(), report.provenance["scenarioHash"].clone())
    };
    of_a_comparison("scenarioHashes", designs.iter().map(hash).collect(), took)
}

/// The provenance of a comparison of engines: where each run comes from, and where they were compared.
pub(super) fn of_engines(runs: &[fidelity::Run], took: Duration) -> Value {
    let of = |run: &fidelity::Run| {
        let field = |name: &str| run.report.provenance[name].clone();
        let origin =
            json!({"scenarioHash": field("scenarioHash"), "digest": field("digest"), "host": field("host")});
        (run.name.clone(), origin)
    };
    of_a_comparison("runs", runs.iter().map(of).collect(), took)
}

fn of_a_comparison(what: &str, compared: Map<String, Value>, took: Duration) -> Value {
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        what: Value::Object(compared),
        "wallSeconds": took.as_secs_f64(),
        "finishedAtUnixSeconds": now(),
        "host": host(),
    })
}
