//! Whether a run counts, and whether it met its targets.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Statistic, Summary, Unit};
use crate::{spec::Target, units::QuantityError};

/// Whether a run's numbers can be believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// They can.
    Valid,
    /// Something disturbed the run: read them with care.
    Degraded,
    /// Something that must hold did not: they say nothing.
    Invalid,
}

impl Trust {
    /// In a word, as in JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Degraded => "degraded",
            Self::Invalid => "invalid",
        }
    }
}

/// Whether a run's numbers can be believed, and why not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// The judgement.
    pub state: Trust,
    /// What led to it, when it is not the best.
    pub reasons: Vec<String>,
}

/// Something that must hold in every run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invariant {
    /// What must hold.
    pub name: String,
    /// Whether it did.
    pub holds: bool,
    /// The figures behind it.
    pub detail: String,
}

impl Validity {
    /// Invalid when an invariant failed, degraded when something else disturbed the run; the failures come first among
    /// the reasons.
    #[must_use]
    pub fn of(invariants: &[Invariant], disturbances: Vec<String>) -> Self {
        let failed = invariants.iter().filter(|invariant| !invariant.holds);
        let mut reasons: Vec<_> =
            failed.map(|invariant| format!("{}: {}", invariant.name, invariant.detail)).collect();
        let state = match (reasons.is_empty(), disturbances.is_empty()) {
            (true, true) => Trust::Valid,
            (true, false) => Trust::Degraded,
            (false, _) => Trust::Invalid,
        };
        reasons.extend(disturbances);
        Self { state, reasons }
    }

    /// Adds something that disturbed the run.
    pub fn disturbed(&mut self, told: String) {
        if self.state == Trust::Valid {
            self.state = Trust::Degraded;
        }
        self.reasons.push(told);
    }
}

/// A bound of a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Bound {
    /// The median is at most the limit.
    P50,
    /// The 95th percentile is at most the limit.
    P95,
    /// The 99th percentile is at most the limit.
    P99,
    /// The largest is at most the limit.
    Max,
    /// The mean is at most the limit.
    AtMost,
    /// The mean is at least the limit.
    AtLeast,
}

impl Bound {
    /// As the scenario writes it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
            Self::AtMost => "atMost",
            Self::AtLeast => "atLeast",
        }
    }

    /// What of a metric it bounds.
    #[must_use]
    pub const fn statistic(self) -> Statistic {
        match self {
            Self::P50 => Statistic::P50,
            Self::P95 => Statistic::P95,
            Self::P99 => Statistic::P99,
            Self::Max => Statistic::Max,
            Self::AtMost | Self::AtLeast => Statistic::Mean,
        }
    }

    /// Whether a value keeps it.
    #[must_use]
    pub fn admits(self, value: f64, limit: f64) -> bool {
        if self == Self::AtLeast { value >= limit } else { value <= limit }
    }
}

/// What came of a bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetResult {
    /// The metric.
    pub metric: String,
    /// What of it is bounded.
    pub bound: Bound,
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// What was observed, or nothing when there was nothing to observe.
    pub observed: Option<f64>,
    /// The unit of both.
    pub unit: Unit,
    /// Whether the bound was kept. A metric without a single value keeps no bound.
    pub met: bool,
}

/// The bounds of a target, in the order of their names.
///
/// # Errors
/// When a limit is not a quantity of the metric's unit, with the bound at fault.
pub fn bounds(target: &Target, unit: Unit) -> Result<Vec<(Bound, f64)>, (Bound, QuantityError)> {
    let given = [
        (Bound::P50, &target.p50),
        (Bound::P95, &target.p95),
        (Bound::P99, &target.p99),
        (Bound::Max, &target.max),
        (Bound::AtMost, &target.at_most),
        (Bound::AtLeast, &target.at_least),
    ];
    let read = |(bound, text): (Bound, &Option<String>)| {
        let limit = text.as_ref().map(|text| unit.read(text).map_err(|error| (bound, error)));
        limit.map(|limit| limit.map(|limit| (bound, limit)))
    };
    given.into_iter().filter_map(read).collect()
}

/// Holds the targets against the metrics. A target that cannot be read here was refused before the run.
#[must_use]
pub fn judge(targets: &[Target], metrics: &BTreeMap<String, Summary>) -> Vec<TargetResult> {
    let mut results = Vec::new();
    for target in targets {
        let Some(summary) = metrics.get(&target.metric) else { continue };
        for (bound, limit) in bounds(target, summary.unit).into_iter().flatten() {
            let observed = summary.value(bound.statistic());
            let met = observed.is_some_and(|value| bound.admits(value, limit));
            let metric = target.metric.clone();
            results.push(TargetResult { metric, bound, limit, observed, unit: summary.unit, met });
        }
    }
    results
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(json: serde_json::Value) -> Target {
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn bounds_are_held_against_their_own_statistic() {
        let latency =
            Summary { unit: Unit::Seconds, n: 9, mean: 0.2, p50: 0.1, p95: 0.4, p99: 0.6, max: 1.0 };
        let metrics = BTreeMap::from([("a.delivery.latency".to_owned(), latency)]);
        let targets = [target(
            serde_json::json!({ "metric": "a.delivery.latency", "p95": "400ms", "p99": "500ms", "atLeast": "100ms" }),
        )];
        let met: Vec<_> = judge(&targets, &metrics).iter().map(|result| (result.bound, result.met)).collect();
        assert_eq!(met, [(Bound::P95, true), (Bound::P99, false), (Bound::AtLeast, true)]);
    }

    #[test]
    fn a_disturbance_degrades_and_a_failure_invalidates() {
        let invariant = |holds| Invariant { name: "law".to_owned(), holds, detail: "3 of 4".to_owned() };
        let of = |holds, disturbances: &[&str]| {
            let disturbances = disturbances.iter().map(|&told| told.to_owned()).collect();
            let Validity { state, reasons } = Validity::of(&[invariant(holds)], disturbances);
            (state, reasons.join("; "))
        };
        assert_eq!(of(true, &[]), (Trust::Valid, String::new()));
        assert_eq!(of(true, &["backlog"]), (Trust::Degraded, "backlog".to_owned()));
        assert_eq!(of(false, &["backlog"]), (Trust::Invalid, "law: 3 of 4; backlog".to_owned()));
    }

    #[test]
    fn nothing_observed_keeps_no_bound() {
        let metrics = BTreeMap::from([("m".to_owned(), Summary::none(Unit::Count))]);
        let results = judge(&[target(serde_json::json!({ "metric": "m", "atMost": "3" }))], &metrics);
        assert_eq!((results[0].observed, results[0].met), (None, false));
    }

    #[test]
    fn a_limit_has_the_unit_of_its_metric() {
        let error =
            bounds(&target(serde_json::json!({ "metric": "m", "p99": "5%" })), Unit::Seconds).unwrap_err();
        assert_eq!(error.0, Bound::P99);
    }
}
