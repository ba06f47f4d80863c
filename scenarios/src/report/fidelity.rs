//! Runs of one plan on several engines, held against one another: how far the first is off.
//!
//! All engines are given the same plan: the same people say the same things at the same times, over paths of the same delay. So
//! what differs is what the engines make of it, and little else: which packets are lost or late is drawn for each anew.
//!
//! **What counts as one observation.** Values of one run depend on one another, so an interval that took each for itself
//! would be too narrow. The readers of a post hear of it by the same links, so a post is one observation here, however many read
//! it, and so is a release, however many install it. Peers and meshes count one by one. What the runs have in common by their plan
//! would make intervals narrower still, and is left aside. Differences between seeds are not told by two runs: for these
//! there are [`super::replicates`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Distribution, Metric, Report, Statistic, Summary, Trust, Unit, metric,
    statistics::{Bracket, LEVEL, kolmogorov_smirnov, quantile_shares},
};

/// The version of the form of such a comparison.
pub const FIDELITY_SCHEMA: &str = "peerlab.dev/fidelity/v1";

/// Fewer observations than these say nothing of chance.
const FEWEST: u64 = 20;

/// Fields of a scenario's `spec` that do not change what happens.
const OF_NO_EFFECT: [&str; 3] = ["description", "seed", "targets"];

/// Metrics whose values belong to posts, many to each.
const OF_POSTS: [Metric; 5] = [
    metric::DELIVERY_LATENCY,
    metric::DELIVERY_LIVE,
    metric::DELIVERY_HOPS,
    metric::ORDER_HELD,
    metric::READ_LATENCY,
];

/// Why runs are not held against one another.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unlike {
    /// One run has nothing to be held against.
    #[error("a comparison needs two runs at least")]
    Alone,
    /// They are of different scenarios.
    #[error("{one} ran the scenario `{of_one}`, and {other} ran `{of_other}`")]
    Scenario {
        /// The first run.
        one: String,
        /// What it ran.
        of_one: String,
        /// Another.
        other: String,
        /// What that ran.
        of_other: String,
    },
    /// They have different seeds.
    #[error(
        "{one} has the seed {of_one}, and {other} has {of_other}: other people say other things; run both with the same --seed"
    )]
    Seed {
        /// The first run.
        one: String,
        /// Its seed.
        of_one: u64,
        /// Another.
        other: String,
        /// Its seed.
        of_other: u64,
    },
    /// The scenarios of one name are not the same.
    #[error("{one} and {other} differ in {fields}: their numbers would not measure the same thing")]
    Differs {
        /// The first run.
        one: String,
        /// Another.
        other: String,
        /// In which fields, with both values.
        fields: String,
    },
}

/// A run as it left itself behind.
#[derive(Clone, Debug)]
pub struct Run {
    /// What it is called; no two alike.
    pub name: String,
    /// Its report.
    pub report: Report,
    /// How the values of its metrics are spread, by name.
    pub distributions: BTreeMap<String, Distribution>,
    /// How many peers had how many connections at the end.
    pub degrees: BTreeMap<u64, u64>,
}

/// What came of the comparison: its `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fidelity {
    /// [`FIDELITY_SCHEMA`].
    pub schema: String,
    /// What was run.
    pub scenario: String,
    /// The seed.
    pub seed: u64,
    /// How many peers.
    pub peers: u32,
    /// The runs; the first is held against each of the others.
    pub runs: Vec<Origin>,
    /// The level of all intervals.
    pub level: f64,
    /// What can be said in a sentence, of each workload and run.
    pub findings: Vec<String>,
    /// The numbers that any run has, in the order of their names.
    pub measures: Vec<Measured>,
    /// Distances between distributions, in the same order.
    pub distances: Vec<Apart>,
    /// How many connections peers have at the end, or with gossipsub how many peers are in a mesh.
    pub degrees: Degrees,
    /// Where the comparison comes from.
    pub provenance: Value,
}

/// Which run it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Origin {
    /// What it is called.
    pub name: String,
    /// Its engine.
    pub engine: String,
    /// Whether it can be believed.
    pub state: Trust,
    /// Why not, if so.
    pub reasons: Vec<String>,
}

/// One number of one metric, in all runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Measured {
    /// The metric.
    pub metric: String,
    /// Which of its numbers.
    pub statistic: Statistic,
    /// Its unit.
    pub unit: Unit,
    /// The value in each run; nothing where there was nothing to count.
    pub values: Vec<Option<f64>>,
    /// The first run's value less that of each other.
    pub differences: Vec<Option<Difference>>,
}

/// By how much the first run is above another.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Difference {
    /// The difference, in the metric's unit.
    pub value: f64,
    /// As a share of the other's value; nothing when that is nought.
    pub relative: Option<f64>,
    /// Its interval; nothing of maxima, of what is a single number, and of too few observations.
    pub interval: Option<[f64; 2]>,
}

impl Difference {
    /// Whether the interval does not hold nought; nothing without one.
    #[must_use]
    pub fn is_beyond_chance(&self) -> Option<bool> {
        self.interval.map(|[low, high]| low > 0.0 || high < 0.0)
    }
}

/// How far distributions of a metric are apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Apart {
    /// The metric.
    pub metric: String,
    /// The first run against each other; nothing where either has no values.
    pub distances: Vec<Option<Distance>>,
}

/// The distance of two distributions.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Distance {
    /// The greatest difference between the cumulative shares, 0 to 1: Kolmogorov and Smirnov's.
    pub ks: f64,
    /// The chance of one as large between two samples of one distribution; nothing of too few observations.
    pub p: Option<f64>,
}

/// How degrees are spread.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Degrees {
    /// Whether these are meshes of gossipsub: else they are connections.
    pub mesh: bool,
    /// A row a degree: the degree, and how many have it in each run.
    pub rows: Vec<(u64, Vec<u64>)>,
}

impl Fidelity {
    /// Holds the first run against each of the others.
    ///
    /// # Errors
    /// When they are not runs of one plan.
    pub fn of(runs: &[Run]) -> Result<Self, Unlike> {
        let (first, others) = comparable(runs)?;
        let mut names: Vec<&String> = runs.iter().flat_map(|run| run.report.metrics.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let measures: Vec<Measured> = names.iter().flat_map(|name| measured(name, runs)).collect();
        let apart = |name: &&String| Apart {
            metric: (*name).clone(),
            distances: others.iter().map(|other| distance(name, first, other)).collect(),
        };
        let distances = names.iter().map(apart).filter(|apart| apart.distances.iter().any(Option::is_some));
        let origin = |run: &Run| Origin {
            name: run.name.clone(),
            engine: run.report.engine.clone(),
            state: run.report.validity.state,
            reasons: run.report.validity.reasons.clone(),
        };
        Ok(Self {
            schema: FIDELITY_SCHEMA.to_owned(),
            scenario: first.report.scenario.name.clone(),
            seed: first.report.seed,
            peers: first.report.scenario.peers,
            runs: runs.iter().map(origin).collect(),
            level: LEVEL,
            findings: Vec::new(),
            distances: distances.collect(),
            measures,
            degrees: degrees(runs),
            provenance: Value::Null,
        })
    }

    /// One number of one metric, if any run has it.
    #[must_use]
    pub fn measure(&self, metric: &str, statistic: Statistic) -> Option<&Measured> {
        self.measures.iter().find(|measure| measure.metric == metric && measure.statistic == statistic)
    }

    /// The distance of a metric between the first run and another, by its place among the others.
    #[must_use]
    pub fn distance(&self, metric: &str, other: usize) -> Option<Distance> {
        self.distances.iter().find(|apart| apart.metric == metric)?.distances.get(other).copied().flatten()
    }
}

/// Whether all are runs of one plan: the first, and the others.
///
/// # Errors
/// When they are not, or there is one at most.
pub fn comparable(runs: &[Run]) -> Result<(&Run, &[Run]), Unlike> {
    let [first, others @ ..] = runs else { return Err(Unlike::Alone) };
    if others.is_empty() {
        return Err(Unlike::Alone);
    }
    others.iter().try_for_each(|other| check(first, other))?;
    Ok((first, others))
}

/// Whether two are runs of one plan.
fn check(one: &Run, other: &Run) -> Result<(), Unlike> {
    let names = || (one.name.clone(), other.name.clone());
    let (mine, theirs) = (&one.report, &other.report);
    if mine.scenario.name != theirs.scenario.name {
        let (of_one, of_other) = (mine.scenario.name.clone(), theirs.scenario.name.clone());
        let (one, other) = names();
        return Err(Unlike::Scenario { one, of_one, other, of_other });
    }
    if mine.seed != theirs.seed {
        let (one, other) = names();
        return Err(Unlike::Seed { one, of_one: mine.seed, other, of_other: theirs.seed });
    }
    let fields = differing(&mine.provenance, &theirs.provenance);
    if fields.is_empty() {
        return Ok(());
    }
    let (one, other) = names();
    Err(Unlike::Differs { one, other, fields: fields.join(", ") })
}

/// The fields in which what went into two runs differs, with both values.
fn differing(one: &Value, other: &Value) -> Vec<String> {
    let (mine, theirs) = (&one["resolved"]["spec"], &other["resolved"]["spec"]);
    let keys = |value: &Value| -> Vec<String> {
        value.as_object().into_iter().flat_map(|fields| fields.keys().cloned()).collect()
    };
    let mut names = [keys(mine), keys(theirs)].concat();
    names.sort_unstable();
    names.dedup();
    let differs = |name: &String| !OF_NO_EFFECT.contains(&name.as_str()) && mine[name] != theirs[name];
    let told = |name: String| format!("spec.{name} ({} and {})", short(&mine[&name]), short(&theirs[&name]));
    let mut fields: Vec<String> = names.into_iter().filter(differs).map(told).collect();
    if one["files"] != other["files"] {
        fields.push("the files that the scenario names".to_owned());
    }
    fields
}

/// A value, not longer than fits into a sentence.
fn short(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = value.to_string();
    if text.chars().count() <= LONGEST {
        return text;
    }
    format!("{}…", text.chars().take(LONGEST).collect::<String>())
}

/// The numbers of a metric: its mean, and of times the quantiles and the largest.
fn measured(name: &str, runs: &[Run]) -> Vec<Measured> {
    let summaries: Vec<Option<&Summary>> = runs.iter().map(|run| run.report.metrics.get(name)).collect();
    let Some(unit) = summaries.iter().flatten().map(|summary| summary.unit).next() else { return Vec::new() };
    let statistics: &[Statistic] = if unit == Unit::Seconds { &Statistic::ALL } else { &[Statistic::Mean] };
    let of = |&statistic: &Statistic| {
        let value = |summary: &Option<&Summary>| summary.and_then(|summary| summary.value(statistic));
        let values: Vec<Option<f64>> = summaries.iter().map(value).collect();
        let others = runs.iter().zip(&values).skip(1);
        let differences = others
            .map(|(other, value)| {
                let (mine, theirs) = (values[0]?, (*value)?);
                Some(difference(
                    statistic,
                    bracket(name, &runs[0], statistic, mine),
                    bracket(name, other, statistic, theirs),
                ))
            })
            .collect();
        Measured { metric: name.to_owned(), statistic, unit, values, differences }
    };
    let has_any = |measured: &Measured| measured.values.iter().any(Option::is_some);
    statistics.iter().map(of).filter(has_any).collect()
}

fn difference(
    statistic: Statistic,
    mine: (f64, Option<Bracket>),
    theirs: (f64, Option<Bracket>),
) -> Difference {
    let value = mine.0 - theirs.0;
    let relative = value / theirs.0;
    let brackets = mine.1.zip(theirs.1).filter(|_| statistic != Statistic::Max);
    let interval = brackets.map(|(mine, theirs)| {
        let Bracket { low, high, .. } = mine.less(theirs);
        [low, high]
    });
    Difference { value, relative: relative.is_finite().then_some(relative), interval }
}

/// A number of a run, with its interval when the run says enough for one.
fn bracket(name: &str, run: &Run, statistic: Statistic, at: f64) -> (f64, Option<Bracket>) {
    let share = match statistic {
        Statistic::Mean => None,
        Statistic::P50 => Some(0.5),
        Statistic::P95 => Some(0.95),
        Statistic::P99 => Some(0.99),
        Statistic::Max => return (at, None),
    };
    let Some(distribution) = run.distributions.get(name) else { return (at, None) };
    let n = observations(name, &run.report);
    if n < FEWEST {
        return (at, None);
    }
    let n = n as f64;
    let Some(share) = share else {
        return (at, Some(Bracket::of_mean(at, distribution.deviation(), n)));
    };
    let (low, high) = quantile_shares(share, n);
    let edge = |share| distribution.quantile(share).unwrap_or(at);
    // The quantile itself may be cut to the largest value, its bucket's edge is not.
    (at, Some(Bracket { at, low: edge(low).min(at), high: edge(high).max(at) }))
}

/// How many values of a metric count as observations of their own.
fn observations(name: &str, report: &Report) -> u64 {
    let n = |name: &str| report.metrics.get(name).map_or(0, |summary| summary.n);
    let within = |metric: Metric, of: Metric| {
        let workload = name.strip_suffix(metric.name)?.strip_suffix('.')?;
        Some(n(name).min(n(&of.full_name(workload))))
    };
    let of_posts = OF_POSTS.into_iter().find_map(|metric| within(metric, metric::COVERAGE_T50));
    of_posts.or_else(|| within(metric::INSTALL_TIME, metric::INSTALL_T50)).unwrap_or_else(|| n(name))
}

fn distance(name: &str, one: &Run, other: &Run) -> Option<Distance> {
    let (mine, theirs) = (one.distributions.get(name)?, other.distributions.get(name)?);
    if mine.n() < 2 || theirs.n() < 2 {
        return None;
    }
    let ks = mine.distance(theirs);
    let (n, m) = (observations(name, &one.report), observations(name, &other.report));
    let p = (n.min(m) >= FEWEST).then(|| kolmogorov_smirnov(ks, n as f64, m as f64));
    Some(Distance { ks, p })
}

/// Degrees of meshes where any run has meshes, and of connections else.
fn degrees(runs: &[Run]) -> Degrees {
    let meshes = |run: &Run| -> Option<BTreeMap<u64, u64>> {
        let distribution = run.distributions.get(metric::GOSSIPSUB_MESH_DEGREE.name)?;
        Some(distribution.counts().iter().map(|&(degree, count)| (degree as u64, count)).collect())
    };
    let mesh = runs.iter().any(|run| meshes(run).is_some());
    let of: Vec<BTreeMap<u64, u64>> = runs
        .iter()
        .map(|run| if mesh { meshes(run).unwrap_or_default() } else { run.degrees.clone() })
        .collect();
    let ends = of.iter().filter_map(|counts| counts.first_key_value().zip(counts.last_key_value()));
    let (mut least, mut most) = (u64::MAX, 0);
    for ((first, _), (last, _)) in ends {
        (least, most) = (least.min(*first), most.max(*last));
    }
    let held = |degree: &u64| of.iter().any(|counts| counts.contains_key(degree));
    let row = |degree| (degree, of.iter().map(|counts| counts.get(&degree).copied().unwrap_or(0)).collect());
    Degrees { mesh, rows: (least..=most).filter(held).map(row).collect() }
}

#[cfg(test)]
mod tests;
