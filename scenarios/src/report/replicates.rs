//! What several runs of one scenario, with different seeds, tell together.
//!
//! Every number of a run's summary (its mean, its 99th percentile) is one observation. The report gives the mean of these
//! observations and its interval, for quantiles as for means. The distribution of all values of all runs together is
//! reported beside it, without an interval.

mod stopping;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use self::stopping::{Measure, Precision, Stopping, StoppingRule};
use super::{
    Bound, Report, Settling, Statistic, Summary, Trust, Unit, Validity, Verdict,
    statistics::{Estimate, LEVEL},
};

/// The version of the form of a report on replicates.
pub const REPLICATES_SCHEMA: &str = "peerlab.dev/replicates/v1";

/// What came of several runs of one scenario: their `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Replicates {
    /// [`REPLICATES_SCHEMA`].
    pub schema: String,
    /// Which engine ran them.
    pub engine: String,
    /// What was run.
    pub scenario: Setting,
    /// The seeds, one for each run; all `values` are in their order.
    pub seeds: Vec<u64>,
    /// The level of all intervals.
    pub level: f64,
    /// The rule by which their number was chosen, when it was not given.
    pub stopping: Option<Stopping>,
    /// Whether the numbers can be believed: as little as those of the worst run.
    pub validity: Validity,
    /// The numbers, by name.
    pub metrics: BTreeMap<String, ReplicatedMetric>,
    /// What was asked of them.
    pub targets: Vec<ReplicatedTarget>,
    /// What must hold in every run.
    pub invariants: Vec<ReplicatedInvariant>,
    /// Where the report comes from; all that the machine has to do with is here.
    pub provenance: serde_json::Value,
}

/// What was run, as far as it does not depend on the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// The scenario's name.
    pub name: String,
    /// Which question it answers.
    pub description: Option<String>,
    /// How many peers.
    pub peers: u32,
    /// How long workloads went on, in seconds.
    pub duration: f64,
    /// What did not count at the beginning, in seconds.
    pub warm_up: f64,
    /// When it had settled, by what was seen.
    pub settling: Settling,
    /// What followed at the end, in seconds.
    pub cool_down: f64,
}

/// A metric over all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicatedMetric {
    /// The unit of all but counts.
    pub unit: Unit,
    /// The runs' means.
    pub mean: Spread,
    /// The runs' medians.
    pub p50: Spread,
    /// The runs' 95th percentiles.
    pub p95: Spread,
    /// The runs' 99th percentiles.
    pub p99: Spread,
    /// The runs' largest values.
    pub max: Spread,
    /// All values of all runs as one distribution; only of metrics that are kept as histograms.
    pub pooled: Option<Summary>,
}

/// One number of each run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// Their mean and its interval; nothing when fewer than two runs have one.
    pub estimate: Option<Estimate>,
    /// The numbers, in the order of the seeds; nothing for a run without a value.
    pub values: Vec<Option<f64>>,
}

impl Spread {
    fn of(values: Vec<Option<f64>>) -> Self {
        let present: Vec<f64> = values.iter().copied().flatten().collect();
        Self { estimate: Estimate::of(&present), values }
    }
}

impl ReplicatedMetric {
    /// The runs' numbers of one kind.
    #[must_use]
    pub const fn spread(&self, statistic: Statistic) -> &Spread {
        match statistic {
            Statistic::Mean => &self.mean,
            Statistic::P50 => &self.p50,
            Statistic::P95 => &self.p95,
            Statistic::P99 => &self.p99,
            Statistic::Max => &self.max,
        }
    }
}

/// What the runs say of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Answer {
    /// It is kept, by the whole interval.
    Met,
    /// It is broken, by the whole interval.
    Missed,
    /// The interval holds the limit: more runs are needed.
    Undecided,
}

/// What came of a bound over all runs.
///
/// A claim has to be shown: a bound on a mean or a quantile is met when the whole interval of that number keeps it. `max`
/// bounds what must never be exceeded, so it is met when every run kept it. A run without a single value keeps no bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicatedTarget {
    /// The metric.
    pub metric: String,
    /// What of it is bounded.
    pub bound: Bound,
    /// The limit, in the metric's unit.
    pub limit: f64,
    /// What was observed: the mean over runs, and for `max` the largest.
    pub observed: Option<f64>,
    /// The interval's ends; nothing for `max`.
    pub interval: Option<[f64; 2]>,
    /// The unit.
    pub unit: Unit,
    /// Runs that kept the bound by themselves.
    pub met_in: u64,
    /// What they say together.
    pub answer: Answer,
}

/// An invariant over all runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ReplicatedInvariant {
    /// What must hold.
    pub name: String,
    /// Whether it held in every run.
    pub holds: bool,
    /// Seeds with which it did not.
    pub broken_with: Vec<u64>,
}

impl Replicates {
    /// The report on these runs, without stopping rule, detected warm-up and provenance. `pooled` holds the distributions
    /// of all values, by metric. Nothing when there are no runs.
    #[must_use]
    pub fn of(reports: &[Report], pooled: &BTreeMap<String, Summary>) -> Option<Self> {
        let first = reports.first()?;
        let scenario = &first.scenario;
        let metric = |(name, summary): (&String, &Summary)| {
            let spread = |statistic| {
                let value =
                    |report: &Report| report.metrics.get(name).and_then(|other| other.value(statistic));
                Spread::of(reports.iter().map(value).collect())
            };
            let [mean, p50, p95, p99, max] = Statistic::ALL.map(spread);
            let pooled = pooled.get(name).copied();
            (name.clone(), ReplicatedMetric { unit: summary.unit, mean, p50, p95, p99, max, pooled })
        };
        let metrics: BTreeMap<_, _> = first.metrics.iter().map(metric).collect();
        Some(Self {
            schema: REPLICATES_SCHEMA.to_owned(),
            engine: first.engine.clone(),
            scenario: Setting {
                name: scenario.name.clone(),
                description: scenario.description.clone(),
                peers: scenario.peers,
                duration: scenario.duration,
                warm_up: scenario.warm_up,
                settling: Settling::default(),
                cool_down: scenario.cool_down,
            },
            seeds: reports.iter().map(|report| report.seed).collect(),
            level: LEVEL,
            stopping: None,
            validity: validity(reports),
            targets: (0..first.targets.len()).filter_map(|place| target(reports, place, &metrics)).collect(),
            metrics,
            invariants: (0..first.invariants.len()).map(|place| invariant(reports, place)).collect(),
            provenance: serde_json::Value::Null,
        })
    }

    /// How the runs ended together.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.validity.state == Trust::Invalid {
            Verdict::Invalid
        } else if self.targets.iter().all(|target| target.answer == Answer::Met) {
            Verdict::Met
        } else {
            Verdict::Missed
        }
    }
}

fn validity(reports: &[Report]) -> Validity {
    let any = |state| reports.iter().any(|report| report.validity.state == state);
    let state = match (any(Trust::Invalid), any(Trust::Degraded)) {
        (true, _) => Trust::Invalid,
        (false, true) => Trust::Degraded,
        (false, false) => Trust::Valid,
    };
    let reasons = reports.iter().flat_map(|report| {
        report.validity.reasons.iter().map(|reason| format!("seed {}: {reason}", report.seed))
    });
    Validity { state, reasons: reasons.collect() }
}

/// What became of one of the bounds, which stand at the same place in the report of every run.
fn target(
    reports: &[Report],
    place: usize,
    metrics: &BTreeMap<String, ReplicatedMetric>,
) -> Option<ReplicatedTarget> {
    let one = &reports.first()?.targets[place];
    let spread = metrics.get(&one.metric)?.spread(one.bound.statistic());
    let met_in = reports.iter().filter(|report| report.targets[place].met).count() as u64;
    let everywhere = met_in == reports.len() as u64;
    let admits = |value| one.bound.admits(value, one.limit);
    let (observed, interval, answer) = if one.bound == Bound::Max {
        let largest = spread.values.iter().copied().flatten().max_by(f64::total_cmp);
        (largest, None, if everywhere { Answer::Met } else { Answer::Missed })
    } else if let Some(Estimate { mean, low, high, .. }) = spread.estimate {
        let whole = spread.values.iter().all(Option::is_some);
        let answer = match (admits(low), admits(high)) {
            (true, true) if whole => Answer::Met,
            (false, true) | (true, false) if whole => Answer::Undecided,
            _ => Answer::Missed,
        };
        (Some(mean), Some([low, high]), answer)
    } else {
        // One run alone says nothing of chance: the bound is kept or not as in a single report.
        let alone = spread.values.iter().copied().flatten().next();
        (alone, None, if everywhere { Answer::Met } else { Answer::Missed })
    };
    Some(ReplicatedTarget {
        metric: one.metric.clone(),
        bound: one.bound,
        limit: one.limit,
        observed,
        interval,
        unit: one.unit,
        met_in,
        answer,
    })
}

fn invariant(reports: &[Report], place: usize) -> ReplicatedInvariant {
    let broken: Vec<u64> =
        reports.iter().filter(|report| !report.invariants[place].holds).map(|report| report.seed).collect();
    let name = reports[0].invariants[place].name.clone();
    ReplicatedInvariant { name, holds: broken.is_empty(), broken_with: broken }
}

#[cfg(test)]
pub(super) mod tests;
