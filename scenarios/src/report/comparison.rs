//! Several designs held against one of them, seed by seed.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Statistic, Unit,
    replicates::{Measure, Replicates},
    statistics::{Estimate, LEVEL, Paired, holm, replicates_needed},
};

/// The version of the form of a comparison.
pub const COMPARISON_SCHEMA: &str = "peerlab.dev/comparison/v1";

/// The chance of even one false finding in a comparison, over all of its tests: 5 %.
pub const FAMILY_LEVEL: f64 = 0.05;

/// Fields of a scenario that must be equal: they say what is done and measured, when.
const MUST_AGREE: [&str; 4] = ["duration", "warmUp", "coolDown", "workloads"];

/// Fields of a scenario that do not change what happens.
const OF_NO_EFFECT: [&str; 3] = ["description", "seed", "targets"];

/// Why designs cannot be compared.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Incomparable {
    /// A comparison is between two at least.
    #[error("a comparison needs two designs at least")]
    Alone,
    /// Something differs that must not.
    #[error("{one} and {other} differ in {field}: {values}; their numbers would not measure the same thing")]
    Differs {
        /// The baseline.
        one: String,
        /// The other.
        other: String,
        /// What differs.
        field: String,
        /// Both values, in short.
        values: String,
    },
    /// Too few seeds are common to all.
    #[error(
        "the designs have {common} seeds in common, and pairs need two at least: {seeds}; run them with the same --seed and --seeds"
    )]
    Unpaired {
        /// How many seeds are common.
        common: usize,
        /// The seeds of each.
        seeds: String,
    },
    /// A measure that a design does not have.
    #[error("{design} has no metric `{metric}`")]
    NoMetric {
        /// The design.
        design: String,
        /// The metric.
        metric: String,
    },
}

/// What came of a comparison: its `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Comparison {
    /// [`COMPARISON_SCHEMA`].
    pub schema: String,
    /// Which engine ran all of it.
    pub engine: String,
    /// What the others are held against.
    pub baseline: String,
    /// The others.
    pub contenders: Vec<String>,
    /// The seeds common to all, by which runs are paired.
    pub seeds: Vec<u64>,
    /// The level of all intervals.
    pub level: f64,
    /// How many tests were made, over all contenders and measures.
    pub tests: u64,
    /// In what the scenarios differ: fields of `spec`, with the value of each design.
    pub differences: BTreeMap<String, Vec<Value>>,
    /// The measures that differ anywhere, in the order of their names.
    pub measures: Vec<Compared>,
    /// Measures that all designs have the same values of, seed by seed.
    pub same: Vec<Measure>,
    /// Measures that too few runs have a value of.
    pub absent: Vec<Measure>,
    /// Where the comparison comes from.
    pub provenance: Value,
}

/// One measure over all designs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// What is measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// Its unit.
    pub unit: Unit,
    /// The baseline's.
    pub baseline: Estimate,
    /// The contenders', in their order; nothing where fewer than two pairs have a value.
    pub contenders: Vec<Option<Contender>>,
}

/// One measure of a contender against the baseline's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Contender {
    /// The contender's own.
    pub estimate: Estimate,
    /// The difference.
    #[serde(flatten)]
    pub paired: Paired,
    /// The p-value of the t test, adjusted for all tests of the comparison.
    pub p_adjusted: f64,
    /// Whether the difference is beyond chance: `pAdjusted` below [`FAMILY_LEVEL`].
    pub significant: bool,
    /// Seeds that it would take to find a difference of this size in four studies of five, at the level that the strictest
    /// of all tests is held to; nothing when there is no difference, or when it never varies.
    pub seeds_needed: Option<u64>,
}

/// A design: several runs under a name.
#[derive(Clone, Copy, Debug)]
pub struct Design<'a> {
    /// What it is called; no two alike.
    pub name: &'a str,
    /// Its runs.
    pub report: &'a Replicates,
}

/// What is known of a design before it has run.
#[derive(Clone, Debug)]
pub struct Prospect {
    /// What it is called; no two alike.
    pub name: String,
    /// Which engine runs it.
    pub engine: String,
    /// The resolved `spec` of its scenario.
    pub spec: Value,
    /// The seeds of its runs.
    pub seeds: Vec<u64>,
    /// The metrics that its reports hold.
    pub metrics: BTreeSet<String>,
}

impl Prospect {
    /// What was known of a design that has run.
    #[must_use]
    pub fn of(design: &Design<'_>) -> Self {
        let report = design.report;
        Self {
            name: design.name.to_owned(),
            engine: report.engine.clone(),
            spec: spec(report).clone(),
            seeds: report.seeds.clone(),
            metrics: report.metrics.keys().cloned().collect(),
        }
    }
}

/// Whether designs can be compared, in these measures or in the usual ones: the seeds that all have in common. All of it is known
/// before any of them runs.
///
/// # Errors
/// When the designs do not do the same thing, have no seeds in common, or do not have a measure.
pub fn comparable(designs: &[Prospect], measures: Option<&[Measure]>) -> Result<Vec<u64>, Incomparable> {
    let [baseline, contenders @ ..] = designs else { return Err(Incomparable::Alone) };
    if contenders.is_empty() {
        return Err(Incomparable::Alone);
    }
    contenders.iter().try_for_each(|other| check(baseline, other))?;
    for (measure, design) in
        measures.into_iter().flatten().flat_map(|it| designs.iter().map(move |design| (it, design)))
    {
        if !design.metrics.contains(&measure.metric) {
            let (design, metric) = (design.name.clone(), measure.metric.clone());
            return Err(Incomparable::NoMetric { design, metric });
        }
    }
    common_seeds(designs)
}

impl Comparison {
    /// Holds all designs but the first against the first, in these measures or in the usual ones.
    ///
    /// # Errors
    /// As [`comparable`].
    pub fn of(designs: &[Design<'_>], measures: Option<&[Measure]>) -> Result<Self, Incomparable> {
        let prospects: Vec<_> = designs.iter().map(Prospect::of).collect();
        let seeds = comparable(&prospects, measures)?;
        let [baseline, contenders @ ..] = designs else { return Err(Incomparable::Alone) };
        let measures = match measures {
            Some(measures) => measures.to_vec(),
            None => usual_measures(designs),
        };
        let (mut compared, mut same, mut absent) = (Vec::new(), Vec::new(), Vec::new());
        for measure in measures {
            let columns: Vec<Vec<Option<f64>>> =
                designs.iter().map(|design| values(design, &measure, &seeds)).collect();
            let has_values = columns[0].iter().any(Option::is_some);
            if has_values && columns[1..].iter().all(|column| *column == columns[0]) {
                same.push(measure);
                continue;
            }
            let present: Vec<f64> = columns[0].iter().copied().flatten().collect();
            let others: Vec<_> = columns[1..].iter().map(|other| hold_against(&columns[0], other)).collect();
            match Estimate::of(&present) {
                Some(baseline) if others.iter().any(Option::is_some) => {
                    let unit = designs[0].report.metrics[&measure.metric].unit;
                    compared.push(Compared { measure, unit, baseline, contenders: others });
                }
                _ => absent.push(measure),
            }
        }
        let tests = judge(&mut compared);
        Ok(Self {
            schema: COMPARISON_SCHEMA.to_owned(),
            engine: baseline.report.engine.clone(),
            baseline: baseline.name.to_owned(),
            contenders: contenders.iter().map(|design| design.name.to_owned()).collect(),
            seeds,
            level: LEVEL,
            tests,
            differences: differences(designs),
            measures: compared,
            same,
            absent,
            provenance: Value::Null,
        })
    }
}

/// The resolved scenario's fields.
fn spec(report: &Replicates) -> &Value {
    &report.provenance["resolved"]["spec"]
}

fn check(one: &Prospect, other: &Prospect) -> Result<(), Incomparable> {
    let differs = |field: String, values: String| {
        Err(Incomparable::Differs { one: one.name.clone(), other: other.name.clone(), field, values })
    };
    if one.engine != other.engine {
        return differs("engine".to_owned(), format!("{} and {}", one.engine, other.engine));
    }
    for field in MUST_AGREE {
        let (mine, theirs) = (&one.spec[field], &other.spec[field]);
        if mine != theirs {
            return differs(format!("spec.{field}"), format!("{} and {}", short(mine), short(theirs)));
        }
    }
    Ok(())
}

/// A value in one line of bounded length.
fn short(value: &Value) -> String {
    const LONGEST: usize = 120;
    let text = value.to_string();
    if text.chars().count() <= LONGEST { text } else { text.chars().take(LONGEST).chain(['…']).collect() }
}

fn common_seeds(designs: &[Prospect]) -> Result<Vec<u64>, Incomparable> {
    let sets: Vec<BTreeSet<u64>> =
        designs.iter().map(|design| design.seeds.iter().copied().collect()).collect();
    let common: Vec<u64> =
        designs[0].seeds.iter().copied().filter(|seed| sets.iter().all(|set| set.contains(seed))).collect();
    if common.len() >= 2 {
        return Ok(common);
    }
    let seeds = designs.iter().map(|design| {
        let seeds = &design.seeds;
        let (first, last) = (seeds.first().copied().unwrap_or(0), seeds.last().copied().unwrap_or(0));
        format!("{} has {first} to {last}", design.name)
    });
    Err(Incomparable::Unpaired { common: common.len(), seeds: seeds.collect::<Vec<_>>().join(", ") })
}

/// The mean of every metric; of what takes time, the median and the 99th percentile as well; and what the busiest peer
/// sends.
fn usual_measures(designs: &[Design<'_>]) -> Vec<Measure> {
    let mut measures = Vec::new();
    for (name, metric) in &designs[0].report.metrics {
        if !designs.iter().all(|design| design.report.metrics.contains_key(name)) {
            continue;
        }
        let mut add = |statistic| measures.push(Measure { metric: name.clone(), statistic });
        add(Statistic::Mean);
        if metric.unit == Unit::Seconds && metric.pooled.is_some() {
            add(Statistic::P50);
            add(Statistic::P99);
        }
        if name == super::metric::NETWORK_SENT.name {
            add(Statistic::Max);
        }
    }
    measures
}

/// A measure's values in the order of these seeds.
fn values(design: &Design<'_>, measure: &Measure, seeds: &[u64]) -> Vec<Option<f64>> {
    let metric = &design.report.metrics[&measure.metric];
    let all = design.report.seeds.iter().zip(&metric.spread(measure.statistic).values);
    let by_seed: BTreeMap<u64, Option<f64>> = all.map(|(seed, value)| (*seed, *value)).collect();
    seeds.iter().map(|seed| by_seed.get(seed).copied().flatten()).collect()
}

/// A contender against the baseline, before it is known how many tests there are.
fn hold_against(baseline: &[Option<f64>], other: &[Option<f64>]) -> Option<Contender> {
    let pairs: Vec<(f64, f64)> =
        baseline.iter().zip(other).filter_map(|(baseline, other)| baseline.zip(*other)).collect();
    let paired = Paired::of(&pairs)?;
    let estimate = Estimate::of(&pairs.iter().map(|(_, other)| *other).collect::<Vec<_>>())?;
    Some(Contender { estimate, paired, p_adjusted: paired.p, significant: false, seeds_needed: None })
}

/// Says of each difference whether it is beyond chance when all are looked at; returns how many tests there were.
fn judge(compared: &mut [Compared]) -> u64 {
    let mut all: Vec<&mut Contender> =
        compared.iter_mut().flat_map(|measure| measure.contenders.iter_mut().flatten()).collect();
    let adjusted = holm(&all.iter().map(|contender| contender.paired.p).collect::<Vec<_>>());
    let tests = all.len() as u64;
    for (contender, p) in all.iter_mut().zip(adjusted) {
        contender.p_adjusted = p;
        contender.significant = p < FAMILY_LEVEL;
        let effect = contender.paired.effect;
        contender.seeds_needed =
            effect.and_then(|effect| replicates_needed(effect, FAMILY_LEVEL / tests as f64));
    }
    tests
}

/// Fields of the scenarios that are not the same in all designs.
fn differences(designs: &[Design<'_>]) -> BTreeMap<String, Vec<Value>> {
    let fields: BTreeSet<&String> = designs
        .iter()
        .filter_map(|design| spec(design.report).as_object())
        .flat_map(|spec| spec.keys())
        .collect();
    let told = fields.into_iter().filter(|field| !OF_NO_EFFECT.contains(&field.as_str()));
    let of_each = told.map(|field| {
        let values: Vec<Value> =
            designs.iter().map(|design| spec(design.report)[field.as_str()].clone()).collect();
        (field.clone(), values)
    });
    of_each.filter(|(_, values)| values.iter().any(|value| *value != values[0])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Bound;
    use crate::report::replicates::tests::together;
    use serde_json::json;

    /// Runs with the seeds from 7 on, of a scenario with these fields.
    fn runs(values: &[f64], spec: &Value) -> Replicates {
        let values: Vec<_> = values.iter().copied().map(Some).collect();
        let mut report = together(&values, Bound::AtMost, 1.0);
        report.provenance = json!({ "resolved": { "spec": spec } });
        report
    }

    fn compare(one: &Replicates, other: &Replicates) -> Result<Comparison, Incomparable> {
        let designs = [Design { name: "one", report: one }, Design { name: "other", report: other }];
        Comparison::of(&designs, None)
    }

    #[test]
    fn a_difference_is_told_from_chance_by_pairs() {
        let ring =
            runs(&[1.0, 5.0, 3.0, 4.0, 2.0], &json!({ "duration": "1m", "topology": "ring", "seed": 1 }));
        let tree =
            runs(&[1.51, 5.49, 3.5, 4.52, 2.48], &json!({ "duration": "1m", "topology": "tree", "seed": 2 }));
        let comparison = compare(&ring, &tree).unwrap();
        assert_eq!((comparison.tests, comparison.seeds.len()), (1, 5));
        let found = comparison.measures[0].contenders[0].unwrap();
        assert!((found.paired.difference.mean - 0.5).abs() < 1e-12 && found.significant, "{found:?}");
        assert_eq!(comparison.differences.keys().collect::<Vec<_>>(), ["topology"]);
        assert_eq!(comparison.differences["topology"], [json!("ring"), json!("tree")]);
    }

    #[test]
    fn what_chance_may_have_done_needs_more_seeds() {
        let one = runs(&[1.0, 5.0, 3.0, 4.0, 2.0], &json!({}));
        let other = runs(&[2.0, 4.5, 3.7, 3.0, 2.5], &json!({}));
        let found = compare(&one, &other).unwrap().measures[0].contenders[0].unwrap();
        assert!(!found.significant && found.seeds_needed.is_some_and(|seeds| seeds > 5), "{found:?}");
        let same = compare(&one, &one).unwrap();
        assert_eq!((same.tests, same.same[0].metric.as_str()), (0, "m"));
    }

    #[test]
    fn what_does_not_measure_the_same_is_refused() {
        let minute = runs(&[1.0, 2.0], &json!({ "duration": "1m", "workloads": [] }));
        let hour = runs(&[1.0, 2.0], &json!({ "duration": "1h", "workloads": [] }));
        let error = compare(&minute, &hour).unwrap_err().to_string();
        assert!(error.starts_with(r#"one and other differ in spec.duration: "1m" and "1h""#), "{error}");
        let busy = runs(&[1.0, 2.0], &json!({ "duration": "1m", "workloads": [1] }));
        assert!(compare(&minute, &busy).unwrap_err().to_string().contains("spec.workloads"));
        let mut later = minute.clone();
        later.seeds = vec![8, 9];
        let error = compare(&minute, &later).unwrap_err().to_string();
        assert!(error.contains("1 seeds in common") && error.contains("other has 8 to 9"), "{error}");
    }

    #[test]
    fn pairs_are_made_by_seed_and_not_by_place() {
        let one = runs(&[1.0, 2.0, 3.0], &json!({}));
        let mut other = runs(&[3.5, 2.5, 99.0], &json!({}));
        other.seeds = vec![9, 8, 1];
        let comparison = compare(&one, &other).unwrap();
        assert_eq!(comparison.seeds, [8, 9]);
        let found = comparison.measures[0].contenders[0].unwrap();
        assert_eq!((found.paired.difference.mean, found.paired.difference.deviation), (0.5, 0.0));
        assert!(found.significant, "the same for every seed");
    }

    #[test]
    fn a_measure_that_is_not_there_is_named() {
        let one = runs(&[1.0, 2.0], &json!({}));
        let designs = [Design { name: "one", report: &one }, Design { name: "other", report: &one }];
        let wanted = [Measure { metric: "x".to_owned(), statistic: Statistic::Mean }];
        assert_eq!(Comparison::of(&designs, Some(&wanted)).unwrap_err().to_string(), "one has no metric `x`");
        assert_eq!(Comparison::of(&designs[..1], None).unwrap_err(), Incomparable::Alone);
    }
}
