//! What a report says of an update.

use std::collections::BTreeMap;

use peerlab_scenarios::{
    host::Peer,
    report::{Invariant, Metric, Summary, Unit, UpdateRecorder, metric},
};

use super::{percent, was_used};
use crate::Outcome;

pub(super) fn metrics(
    name: &str,
    update: &UpdateRecorder,
    outcome: &Outcome,
    metrics: &mut BTreeMap<String, Summary>,
) {
    let mut put = |metric: Metric, summary: Summary| metrics.insert(metric.full_name(name), summary);
    for (metric, histogram) in update.distributions() {
        put(metric, Summary::of_histogram(metric.unit, histogram, metric.unit.recorded_steps()));
    }
    let (installed, there) = update.finish(&|peer: Peer| outcome.online[peer.index()]);
    put(metric::INSTALL_COMPLETENESS, percent(installed, there));
    put(metric::INSTALL_OVER_BOUND, Summary::of(Unit::Count, update.over_bound(), 1e6));
    let kept = update.kept();
    put(metric::ORIGIN_OFFLOAD, percent(kept.sum() - kept.origin, kept.sum()));
    put(metric::BYTES_SITE, percent(kept.site, kept.sum()));
    put(metric::BYTES_REGION, percent(kept.region, kept.sum()));
    put(metric::BYTES_FAR, percent(kept.far, kept.sum()));
    put(metric::BYTES_WASTED, percent(update.wasted(), update.wasted() + kept.sum()));
    put(metric::CHUNKS_REFUSED, Summary::one(Unit::Count, update.chunks_refused() as f64));
    put(metric::MANIFESTS_REFUSED, Summary::one(Unit::Count, update.manifests_refused() as f64));
}

pub(super) fn invariants(name: &str, update: &UpdateRecorder, outcome: &Outcome, list: &mut Vec<Invariant>) {
    let (bad, all) = update.bad_installs();
    list.push(Invariant {
        name: format!("{name}: what is installed is what was released, and never older than before"),
        holds: bad == 0,
        detail: format!("{bad} violations in {all} installs"),
    });
    list.push(Invariant {
        name: format!("{name}: something was released"),
        holds: was_used(update.released(), outcome),
        detail: format!(
            "{} releases, {} chunks and {} manifests refused",
            update.released(),
            update.chunks_refused(),
            update.manifests_refused()
        ),
    });
}
