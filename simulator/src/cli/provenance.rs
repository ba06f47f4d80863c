//! Where a report comes from: the one part of it that differs between two runs of the same scenario and seed.

use std::time::{Duration, SystemTime};

use peerlab_scenarios::{plan, report::replicates::Replicates, seed::mix};
use peerlab_simulator::replicates::ReplicateRun;
use serde_json::{Value, json};

use super::check::Ready;
use peerlab_simulator::model;

/// What a run itself adds.
pub(super) struct Run {
    pub(super) events: u64,
    pub(super) digest: u64,
    pub(super) took: Duration,
}

/// The provenance of a run: versions, hashes of all that went in, resolved defaults, and the machine it ran on.
pub(super) fn of(ready: &Ready, run: &Run) -> Value {
    let hash = |bytes: &[u8]| format!("blake3:{}", blake3::hash(bytes).to_hex());
    let files = ready.files.iter().map(|(name, text)| (name.clone(), Value::String(hash(text.as_bytes()))));
    let resolved = plan::resolved(&ready.document.value, &ready.plan).document;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "imitates": model::imitated(&ready.plan.spec),
        "scenarioHash": hash(&ready.bytes),
        "files": Value::Object(files.collect()),
        "events": run.events,
        "digest": format!("{:016x}", run.digest),
        "wallSeconds": run.took.as_secs_f64(),
        "finishedAtUnixSeconds": now(),
        "host": host(),
        "resolved": resolved,
    })
}

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
    let mut provenance = of(ready, &Run { events, digest, took });
    provenance["host"]["threads"] = threads.into();
    provenance
}

/// The provenance of a comparison: the hash of each design's scenario, and where it was made.
pub(super) fn of_comparison(designs: &[(&str, &Replicates)], took: Duration) -> Value {
    let hash = |(name, report): &(&str, &Replicates)| {
        ((*name).to_owned(), report.provenance["scenarioHash"].clone())
    };
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "scenarioHashes": Value::Object(designs.iter().map(hash).collect()),
        "wallSeconds": took.as_secs_f64(),
        "finishedAtUnixSeconds": now(),
        "host": host(),
    })
}

fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn host() -> Value {
    json!({
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    })
}
