use serde_json::json;

use super::*;
use crate::report::{Histogram, SCHEMA, ScenarioSummary, Settling, Validity};

/// A run of a chat whose posts took so long, in ms, ten readers to each.
fn run(name: &str, latencies: &[u64]) -> Run {
    let mut histogram = Histogram::default();
    latencies.iter().flat_map(|&ms| [ms; 10]).for_each(|ms| histogram.record(ms * 1_000_000));
    let latency = metric::DELIVERY_LATENCY.full_name("talk");
    let posts = Summary { n: latencies.len() as u64, ..Summary::one(Unit::Seconds, 0.1) };
    let metrics = BTreeMap::from([
        (latency.clone(), Summary::of_histogram(Unit::Seconds, &histogram, 1e9)),
        (metric::COVERAGE_T50.full_name("talk"), posts),
        (metric::OVERLAY_REDUNDANCY.name.to_owned(), Summary::one(Unit::Count, 6.0)),
    ]);
    let scenario = ScenarioSummary {
        name: "talk".to_owned(),
        description: None,
        peers: 10,
        edges: 20,
        duration: 60.0,
        warm_up: 0.0,
        settling: Settling { at: None, bias: None },
        cool_down: 0.0,
        interrupted: None,
        faults: Vec::new(),
    };
    let report = Report {
        schema: SCHEMA.to_owned(),
        engine: name.to_owned(),
        scenario,
        seed: 1,
        validity: Validity::of(&[], Vec::new()),
        metrics,
        targets: Vec::new(),
        invariants: Vec::new(),
        provenance: json!({"files": {}, "resolved": {"spec": {"duration": "1m", "seed": 1}}}),
    };
    let distributions = BTreeMap::from([(latency, Distribution::of(&histogram, 1e9))]);
    Run { name: name.to_owned(), report, distributions, degrees: BTreeMap::from([(4, 10)]) }
}

/// `n` latencies around `middle` ms.
fn around(middle: u64, n: u64) -> Vec<u64> {
    (0..n).map(|number| middle - 20 + number * 40 / n).collect()
}

#[test]
fn the_first_is_off_by_so_much_and_chance_counts_posts_and_not_readers() {
    let (model, real) = (run("model", &around(110, 40)), run("virtual", &around(100, 40)));
    let fidelity = Fidelity::of(&[model, real]).unwrap();
    let p50 = fidelity.measure("talk.delivery.latency", Statistic::P50).unwrap();
    let difference = p50.differences[0].unwrap();
    assert!((difference.value - 0.010).abs() < 2e-4 && (difference.relative.unwrap() - 0.1).abs() < 3e-3);
    // The middle 31 % of 40 posts within 40 ms span 12 ms, so that both ends are about 6 √2 ms away. 400 readers would span 4 ms.
    let [low, high] = difference.interval.unwrap();
    assert!((low..high).contains(&0.010) && (0.014..0.022).contains(&(high - low)), "{low} {high}");
    let Distance { ks, p } = fidelity.distance("talk.delivery.latency", 0).unwrap();
    assert!((ks - 0.25).abs() < 1e-9 && (0.1..0.3).contains(&p.unwrap()), "{ks} {p:?}");
    let redundancy = fidelity.measure("overlay.redundancy", Statistic::Mean).unwrap();
    assert_eq!(redundancy.differences[0].unwrap().interval, None, "a single number has none");
    assert_eq!(fidelity.degrees, Degrees { mesh: false, rows: vec![(4, vec![10, 10])] });
}

#[test]
fn a_run_held_against_itself_is_not_off() {
    let fidelity = Fidelity::of(&[run("model", &around(90, 50)), run("model-2", &around(90, 50))]).unwrap();
    for measure in &fidelity.measures {
        let difference = measure.differences[0].unwrap();
        assert_eq!((difference.value, difference.is_beyond_chance().unwrap_or(false)), (0.0, false));
    }
    assert_eq!(fidelity.distance("talk.delivery.latency", 0), Some(Distance { ks: 0.0, p: Some(1.0) }));
}

#[test]
fn few_posts_say_nothing_of_chance() {
    let fidelity = Fidelity::of(&[run("model", &[100, 110]), run("virtual", &[100, 120])]).unwrap();
    assert_eq!(fidelity.distance("talk.delivery.latency", 0).unwrap().p, None);
    let all = fidelity.measures.iter().flat_map(|measure| measure.differences.iter().flatten());
    assert!(all.into_iter().all(|difference| difference.interval.is_none()));
}

#[test]
fn runs_of_different_plans_are_refused_by_name() {
    let (model, mut real) = (run("model", &[100]), run("virtual", &[100]));
    let refused = |real: &Run| Fidelity::of(&[model.clone(), real.clone()]).unwrap_err().to_string();
    real.report.provenance["resolved"]["spec"]["duration"] = json!("2m");
    assert_eq!(
        refused(&real),
        "model and virtual differ in spec.duration (\"1m\" and \"2m\"): their numbers would not measure the same thing"
    );
    real.report.seed = 2;
    assert!(refused(&real).starts_with("model has the seed 1, and virtual has 2"));
    real.report.scenario.name = "walk".to_owned();
    assert_eq!(refused(&real), "model ran the scenario `talk`, and virtual ran `walk`");
    assert_eq!(Fidelity::of(std::slice::from_ref(&model)).unwrap_err(), Unlike::Alone);
}
