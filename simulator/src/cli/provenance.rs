//! Where a report comes from: the one part of it that differs between two runs of the same scenario and seed.

use std::time::{Duration, SystemTime};

use peerlab_scenarios::plan;
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
    let started = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let resolved = plan::resolved(&ready.document.value, &ready.plan).scenario;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "imitates": model::imitated(&ready.plan.spec),
        "scenarioHash": hash(&ready.bytes),
        "files": Value::Object(files.collect()),
        "events": run.events,
        "digest": format!("{:016x}", run.digest),
        "wallSeconds": run.took.as_secs_f64(),
        "finishedAtUnixSeconds": started.as_secs(),
        "host": {
            "system": std::env::consts::OS,
            "architecture": std::env::consts::ARCH,
            "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
        },
        "resolved": serde_json::to_value(resolved).unwrap_or(Value::Null),
    })
}
