//! What a report says of lookups, and of the table that they look things up in.

use std::collections::BTreeMap;

use peerlab_scenarios::{
    report::{Invariant, KademliaCount, LookupsRecorder, Metric, Summary, Unit, metric},
    wire::Kind,
};

use super::{percent, was_used};
use crate::{EngineKind, Outcome, record::Recorder};

pub(super) fn metrics(name: &str, lookups: &LookupsRecorder, metrics: &mut BTreeMap<String, Summary>) {
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.full_name(name), summary);
    for (metric, histogram) in lookups.distributions() {
        put(metric, Summary::of_histogram(metric.unit, histogram, metric.unit.recorded_steps()));
    }
    for (metric, tally) in lookups.shares() {
        put(metric, Summary { n: tally.all, ..percent(tally.good, tally.all) });
    }
}

/// What Kademlia did in a run, whoever asked for it.
pub(super) fn discovery_metrics(
    outcome: &Outcome,
    recorder: &Recorder,
    metrics: &mut BTreeMap<String, Summary>,
) {
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.name.to_owned(), summary);
    let count = |what: KademliaCount| recorder.kademlia[what as usize];
    put(metric::KADEMLIA_TABLE, Summary::of(Unit::Count, recorder.table_sizes.clone(), 1.0));
    put(metric::KADEMLIA_RECORDS, Summary::of(Unit::Count, recorder.provider_records.clone(), 1.0));
    let requests = count(KademliaCount::Requests);
    put(metric::KADEMLIA_REQUESTS, Summary::one(Unit::Count, requests as f64));
    put(metric::KADEMLIA_FAILED, percent(count(KademliaCount::Failed), requests));
    put(metric::KADEMLIA_DIALLED, Summary::one(Unit::Count, count(KademliaCount::Dialled) as f64));
    put(metric::KADEMLIA_REFRESHES, Summary::one(Unit::Count, count(KademliaCount::Refreshes) as f64));
    if outcome.engine != EngineKind::Model {
        // Real libp2p tells how many bytes went over a connection, and not for what.
        return;
    }
    let volume = |kind: Kind| {
        let number = usize::from(kind.number());
        outcome.traffic.sent[number].bytes - outcome.warm_up.sent[number].bytes
    };
    let bytes: u64 = Kind::ALL.into_iter().filter(|kind| kind.is_discovery()).map(volume).sum();
    put(metric::KADEMLIA_BYTES, Summary::one(Unit::Bytes, bytes as f64 / outcome.online.len() as f64));
}

pub(super) fn invariants(
    name: &str,
    lookups: &LookupsRecorder,
    outcome: &Outcome,
    list: &mut Vec<Invariant>,
) {
    let wrong = lookups.wrong();
    list.push(Invariant {
        name: format!("{name}: who is found as a provider is one"),
        holds: wrong.good == 0,
        detail: format!("{} violations in {} providers found", wrong.good, wrong.all),
    });
    list.push(Invariant {
        name: format!("{name}: something was looked for"),
        holds: was_used(lookups.sought(), outcome),
        detail: format!("{} lookups came to an end", lookups.sought()),
    });
}
