use super::*;
use crate::report::{Invariant, SCHEMA, ScenarioSummary, TargetResult};

/// A run in which `m` had this mean (and as its other numbers), or no value at all, held against a bound.
fn run(seed: u64, value: Option<f64>, bound: Bound, limit: f64) -> Report {
    let summary = value.map_or(Summary::none(Unit::Seconds), |value| Summary::one(Unit::Seconds, value));
    Report {
        schema: SCHEMA.to_owned(),
        engine: "model".to_owned(),
        scenario: ScenarioSummary {
            name: "tiny".to_owned(),
            description: None,
            peers: 3,
            edges: 2,
            duration: 60.0,
            warm_up: 5.0,
            settling: Settling::default(),
            cool_down: 0.0,
            interrupted: None,
            faults: Vec::new(),
        },
        seed,
        validity: Validity { state: Trust::Valid, reasons: Vec::new() },
        metrics: BTreeMap::from([("m".to_owned(), summary)]),
        targets: vec![TargetResult {
            metric: "m".to_owned(),
            bound,
            limit,
            observed: value,
            unit: Unit::Seconds,
            met: value.is_some_and(|value| bound.admits(value, limit)),
        }],
        invariants: vec![Invariant { name: "law".to_owned(), holds: true, detail: String::new() }],
        provenance: serde_json::Value::Null,
    }
}

pub(crate) fn together(values: &[Option<f64>], bound: Bound, limit: f64) -> Replicates {
    let reports: Vec<_> = (7..).zip(values).map(|(seed, value)| run(seed, *value, bound, limit)).collect();
    Replicates::of(&reports, &BTreeMap::new()).expect("there are runs")
}

/// The mean is 5.5 and its interval 3.33 to 7.67.
fn one_to_ten() -> Vec<Option<f64>> {
    (1..=10).map(|value| Some(f64::from(value))).collect()
}

#[test]
fn a_bound_is_met_when_the_whole_interval_keeps_it() {
    let answer = |bound, limit| {
        let replicates = together(&one_to_ten(), bound, limit);
        (replicates.targets[0].answer, replicates.targets[0].met_in, replicates.verdict().exit_code())
    };
    assert_eq!(answer(Bound::P99, 8.0), (Answer::Met, 8, 0));
    assert_eq!(answer(Bound::P99, 7.0), (Answer::Undecided, 7, 1));
    assert_eq!(answer(Bound::P99, 5.0), (Answer::Undecided, 5, 1));
    assert_eq!(answer(Bound::P99, 3.0), (Answer::Missed, 3, 1));
    assert_eq!(answer(Bound::AtLeast, 3.0), (Answer::Met, 8, 0));
    assert_eq!(answer(Bound::AtLeast, 9.0), (Answer::Missed, 2, 1));
}

#[test]
fn what_must_never_be_exceeded_is_kept_by_every_run() {
    assert_eq!(together(&one_to_ten(), Bound::Max, 9.5).targets[0].answer, Answer::Missed);
    let kept = &together(&one_to_ten(), Bound::Max, 10.0).targets[0];
    assert_eq!((kept.answer, kept.observed, kept.interval), (Answer::Met, Some(10.0), None));
}

#[test]
fn a_run_without_a_value_keeps_no_bound() {
    let target = &together(&[Some(1.0), None, Some(1.0)], Bound::AtMost, 2.0).targets[0];
    assert_eq!((target.answer, target.met_in, target.observed), (Answer::Missed, 2, Some(1.0)));
    let target = &together(&[None, None], Bound::Max, 2.0).targets[0];
    assert_eq!((target.answer, target.observed), (Answer::Missed, None));
}

#[test]
fn one_invalid_run_makes_all_invalid_and_is_named() {
    let mut reports = [7, 8].map(|seed| run(seed, Some(1.0), Bound::AtMost, 2.0));
    reports[1].validity = Validity { state: Trust::Invalid, reasons: vec!["law: broken".to_owned()] };
    reports[1].invariants[0].holds = false;
    let replicates = Replicates::of(&reports, &BTreeMap::new()).expect("there are runs");
    assert_eq!(replicates.verdict(), Verdict::Invalid);
    assert_eq!(replicates.validity.reasons, ["seed 8: law: broken"]);
    assert_eq!(replicates.invariants[0].broken_with, [8]);
}

#[test]
fn a_report_survives_its_own_json() {
    let mut replicates = together(&[Some(0.1), Some(0.3), None], Bound::P95, 1.0);
    let rule = rule(0.05);
    replicates.stopping = Some(rule.outcome(&[]));
    let text = serde_json::to_string(&replicates).expect("it can be written");
    assert_eq!(serde_json::from_str::<Replicates>(&text).expect("it can be read"), replicates);
}

fn rule(relative_error: f64) -> StoppingRule {
    let measures = vec![Measure { metric: "m".to_owned(), statistic: Statistic::Mean }];
    StoppingRule { relative_error, measures, most: 100 }
}

#[test]
fn runs_are_enough_when_the_interval_is_narrow() {
    let runs = |values: Vec<f64>| -> Vec<Report> {
        (0..).zip(values).map(|(seed, value)| run(seed, Some(value), Bound::AtMost, 1.0)).collect()
    };
    // Half-width 0.3938 of the mean: enough for a relative error of 0.3938 / (1 - 0.3938) = 0.6496.
    let ten = runs((1..=10).map(f64::from).collect());
    assert!(rule(0.65).is_satisfied(&ten) && !rule(0.64).is_satisfied(&ten));
    assert!(!rule(0.65).is_satisfied(&ten[..9]), "nine are too few, whatever they say");
    assert!(rule(0.01).is_satisfied(&runs(vec![0.0; 10])), "what never varies is known");
    let around_nought = runs([1.0, -1.0].repeat(5));
    assert!(!rule(0.5).is_satisfied(&around_nought));
    assert_eq!(rule(0.5).outcome(&around_nought).measures[0].relative_half_width, None);
}
