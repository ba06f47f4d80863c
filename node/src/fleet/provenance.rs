//! What ran, for the report.

use serde_json::Value;
#[cfg(feature = "net")]
use serde_json::json;

#[cfg(feature = "net")]
use super::{Conditions, Options};

/// The release of libp2p that this crate is built with, and those of its parts that a run may depend on.
pub const LIBP2P: [(&str, &str); 6] = [
    ("libp2p", "0.57.1"),
    ("libp2p-gossipsub", "0.50.1"),
    ("libp2p-swarm", "0.48.0"),
    ("libp2p-noise", "0.47.0"),
    ("libp2p-quic", "0.14.0"),
    ("yamux", "0.14.1"),
];

/// The releases by name.
#[must_use]
pub fn libraries() -> Value {
    Value::Object(LIBP2P.into_iter().map(|(name, version)| (name.to_owned(), version.into())).collect())
}

/// What an engine tells of itself: libraries, transport, links, and how the run went for the machine.
#[cfg(feature = "net")]
#[must_use]
pub fn of(options: Options, conditions: &Conditions) -> Value {
    json!({
        "libraries": libraries(),
        "transport": options.transport.name(),
        "links": if options.bare_links { "bare" } else { "scenario" },
        "lateSeconds": conditions.late.map(|(p99, max)| json!({"p99": p99 as f64 / 1e9, "max": max as f64 / 1e9})),
        "processorPressure": conditions.pressure,
        "processorStolen": conditions.stolen,
        "processorsBusy": conditions.busy,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is written here must be what is linked.
    #[test]
    fn versions_are_those_of_the_lock_file() {
        let lock = include_str!("../../../Cargo.lock");
        for (name, version) in LIBP2P {
            assert!(
                lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"\n")),
                "Cargo.lock has another {name} than {version}"
            );
        }
    }
}
