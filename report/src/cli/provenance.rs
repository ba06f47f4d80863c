//! Where a report comes from: the one part of it that differs between two runs of the same scenario and seed.

use std::time::{Duration, SystemTime};

use peerlab_scenarios::plan;
use serde_json::{Value, json};

use super::input::Ready;

/// What a run itself adds.
#[derive(Clone, Debug)]
pub struct Run {
    /// What the engine imitates of a scenario rather than runs, with the release that it follows.
    pub imitates: Option<&'static str>,
    /// What else the engine tells of itself, such as the libraries that it runs: null when nothing.
    pub engine: Value,
    /// Events worked off.
    pub events: u64,
    /// A hash of them all.
    pub digest: u64,
    /// Wall time.
    pub took: Duration,
    /// How many threads took part.
    pub threads: usize,
}

/// The provenance of a run: versions, hashes of all that went in, resolved defaults, and the machine it ran on.
#[must_use]
pub fn of(ready: &Ready, run: &Run) -> Value {
    let hash = |bytes: &[u8]| format!("blake3:{}", blake3::hash(bytes).to_hex());
    let files = ready.files.iter().map(|(name, text)| (name.clone(), Value::String(hash(text.as_bytes()))));
    let resolved = plan::resolved(&ready.document.value, &ready.plan).document;
    let mut host = host();
    host["threads"] = run.threads.into();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "imitates": run.imitates,
        "engine": run.engine,
        "scenarioHash": hash(&ready.bytes),
        "files": Value::Object(files.collect()),
        "events": run.events,
        "digest": format!("{:016x}", run.digest),
        "wallSeconds": run.took.as_secs_f64(),
        "finishedAtUnixSeconds": now(),
        "host": host,
        "resolved": resolved,
    })
}

/// This instant, in seconds since 1970.
#[must_use]
pub fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// The machine.
#[must_use]
pub fn host() -> Value {
    json!({
        "system": std::env::consts::OS,
        "architecture": std::env::consts::ARCH,
        "processors": std::thread::available_parallelism().map_or(0, std::num::NonZero::get),
    })
}
