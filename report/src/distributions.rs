//! How the values of each metric are spread, as a run leaves it behind for whoever holds it against another run.

use std::collections::BTreeMap;

use peerlab_scenarios::{
    host::Peer,
    plan::Plan,
    report::{Distribution, Histogram, Unit, metric},
    spec::Overlay,
};

use crate::{Outcome, record::Recorder};

/// The columns of a distribution's table: the upper edge of a bucket in the metric's unit, and how many values are in it.
pub const COLUMNS: [&str; 2] = ["at_most", "count"];

/// The distributions of a run that hold anything, by the metric's full name.
#[must_use]
pub fn of_run(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> BTreeMap<String, Distribution> {
    let mut found = BTreeMap::new();
    let mut put = |name: String, unit: Unit, histogram: &Histogram| {
        if !histogram.is_empty() {
            found.insert(name, Distribution::of(histogram, unit.recorded_steps()));
        }
    };
    for (name, chat) in recorder.chats(plan) {
        for (metric, histogram) in chat.distributions() {
            put(metric.full_name(name), metric.unit, histogram);
        }
    }
    for (name, update, _) in recorder.updates(plan) {
        for (metric, histogram) in update.distributions() {
            put(metric.full_name(name), metric.unit, histogram);
        }
    }
    for (name, lookups) in recorder.lookups(plan) {
        for (metric, histogram) in lookups.distributions() {
            put(metric.full_name(name), metric.unit, histogram);
        }
    }
    let bytes = |side: fn(&(u64, u64)) -> u64| counted(outcome.bytes.iter().map(side));
    for (metric, histogram) in [
        (metric::NETWORK_SENT, bytes(|(sent, _)| *sent)),
        (metric::NETWORK_RECEIVED, bytes(|(_, received)| *received)),
    ] {
        put(metric.name.to_owned(), metric.unit, &histogram);
    }
    if matches!(plan.spec.overlay, Overlay::Gossipsub(_)) {
        let metric = metric::GOSSIPSUB_MESH_DEGREE;
        put(metric.name.to_owned(), metric.unit, &counted(recorder.mesh_degrees.iter().copied()));
    }
    let copies = counted(recorder.duplicate_shares());
    if !copies.is_empty() {
        let copies = Distribution::of(&copies, crate::record::DUPLICATE_STEPS);
        found.insert(metric::OVERLAY_DUPLICATES.name.to_owned(), copies);
    }
    found
}

fn counted(values: impl Iterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::default();
    values.for_each(|value| histogram.record(value));
    histogram
}

/// How many peers have how many of these connections, of those that are online.
#[must_use]
pub fn degrees(online: &[bool], connections: &[(Peer, Peer)]) -> BTreeMap<u64, u64> {
    let mut by_peer = vec![0u64; online.len()];
    for end in connections.iter().flat_map(|&(a, b)| [a, b]) {
        by_peer[end.index()] += 1;
    }
    let mut counts = BTreeMap::new();
    for (degree, _) in by_peer.into_iter().zip(online).filter(|(_, online)| **online) {
        *counts.entry(degree).or_insert(0) += 1;
    }
    counts
}

/// A distribution as CSV.
#[must_use]
pub fn csv(distribution: &Distribution) -> String {
    let row = |(edge, count): &(f64, u64)| format!("{edge},{count}\n");
    format!("{}\n{}", COLUMNS.join(","), distribution.counts().iter().map(row).collect::<String>())
}

/// A distribution from CSV; nothing when it is none.
#[must_use]
pub fn read(csv: &str) -> Option<Distribution> {
    let mut lines = csv.lines();
    lines.next().filter(|head| head.split(',').eq(COLUMNS))?;
    let row = |line: &str| {
        let (edge, count) = line.split_once(',')?;
        Some((edge.parse().ok()?, count.parse().ok()?))
    };
    Distribution::new(lines.map(row).collect::<Option<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again_to_the_last_bit() {
        let histogram = counted([1, 7, 123_456_789, 123_456_790, 6_567_807_520].into_iter());
        let distribution = Distribution::of(&histogram, 1e9);
        assert_eq!(read(&csv(&distribution)), Some(distribution));
        assert_eq!(read("seconds,share\n0.1,1\n"), None);
        assert_eq!(read("at_most,count\n0.2,1\n0.1,1\n"), None);
    }

    #[test]
    fn degrees_leave_out_who_is_away() {
        let connections = [(Peer(0), Peer(1)), (Peer(0), Peer(2))];
        let counts = degrees(&[true, true, true, true, false], &connections);
        assert_eq!(counts, BTreeMap::from([(0, 1), (1, 2), (2, 1)]));
    }
}
