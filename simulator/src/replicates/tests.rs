use std::convert::Infallible;

use peerlab_scenarios::{
    plan::Files,
    report::{
        Statistic,
        replicates::{Answer, Measure},
    },
    seed::Seed,
    spec::{Scenario, read::read},
    units::Bytes,
};

use super::*;

/// A dozen peers on a random graph, where delivery takes a little while.
fn scenario() -> Scenario {
    let text = "
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: tiny}
spec:
  duration: 60s
  warmUp: 5s
  groups: [{name: all, peers: 12}]
  topology: {kRegular: {degree: 4}}
  overlay: {flood: {}}
  workloads: [{name: talk, chat: {posts: {poisson: {every: 2s}}}}]
  targets: [{metric: talk.delivery.completeness, atLeast: 100%}]
";
    read("tiny.yaml", text.as_bytes()).expect("it is well-formed")
}

fn batch(threads: usize, runs: u64, relative_error: Option<f64>) -> Batch {
    let scenario = scenario();
    let plan = |seed| {
        Ok::<_, Infallible>(Plan::new(&scenario, Seed(seed), &Files::new()).expect("it can be planned"))
    };
    let measure = Measure { metric: "talk.delivery.latency".to_owned(), statistic: Statistic::Mean };
    let rule = relative_error.map(|relative_error| StoppingRule {
        relative_error,
        measures: vec![measure],
        most: runs,
    });
    let threads = NonZero::new(threads).expect("one at least");
    let mut heard = Vec::new();
    let schedule = Schedule::new(7, runs, rule, threads);
    let Ok(batch) = run(&schedule, plan, || false, |done| heard.push(done));
    let batch = batch.expect("there are runs");
    assert_eq!(heard, (1..=batch.runs.len() as u64).collect::<Vec<_>>());
    batch
}

#[test]
fn a_batch_is_its_runs_one_by_one_on_any_number_of_threads() {
    let one = batch(1, 6, None);
    assert_eq!(one.report.seeds, [7, 8, 9, 10, 11, 12]);
    let scenario = scenario();
    for (run, seed) in one.runs.iter().zip(7..) {
        let plan = Plan::new(&scenario, Seed(seed), &Files::new()).expect("it can be planned");
        let alone = ReplicateRun::of(&plan, 1, &|| false).expect("nothing stops it");
        assert_eq!(alone.report, run.report);
    }
    assert!(
        one.runs.windows(2).all(|pair| pair[0].digest != pair[1].digest),
        "each has a network of its own"
    );
    for threads in [2, 3, 8] {
        let other = batch(threads, 6, None);
        assert_eq!(other.report, one.report, "{threads} threads");
        assert_eq!(other.pooled, one.pooled, "{threads} threads");
        assert_eq!(chart_curves(&other), chart_curves(&one), "{threads} threads");
        assert_eq!(series(&other, &chart_curves(&other)), series(&one, &chart_curves(&one)));
    }
}

#[test]
fn runs_come_before_the_threads_of_a_run() {
    let shares = |threads, runs, limit| {
        let threads = NonZero::new(threads).expect("one at least");
        let schedule = Schedule::new(7, runs, None, threads).within(Bytes(10), Bytes(3), Some(Bytes(limit)));
        schedule.shares().collect::<Vec<_>>()
    };
    assert_eq!(shares(4, 20, 990), [1, 1, 1, 1]);
    assert_eq!(shares(8, 3, 990), [3, 3, 2]);
    assert_eq!(shares(8, 3, 42), [3, 2, 2], "no more threads fit into memory");
    assert_eq!(shares(8, 20, 29), [3, 2], "no more runs fit");
    assert_eq!(shares(8, 20, 0), [1], "one at the least");
    assert_eq!(shares(1, 2, 990), [1]);
}

#[test]
fn a_rule_stops_at_the_same_run_on_any_number_of_threads() {
    let one = batch(1, 60, Some(0.1));
    let stopping = one.report.stopping.as_ref().expect("there is a rule");
    assert!(stopping.reached && (11..60).contains(&one.runs.len()), "{} runs", one.runs.len());
    assert_eq!(batch(4, 60, Some(0.1)).report, one.report);
    let never = batch(2, 12, Some(1e-6)).report;
    assert_eq!((never.seeds.len(), never.stopping.map(|stopping| stopping.reached)), (12, Some(false)));
}

#[test]
fn pooled_values_are_those_of_all_runs() {
    let batch = batch(2, 4, None);
    let metric = &batch.report.metrics["talk.delivery.latency"];
    let n: u64 = batch.runs.iter().map(|run| run.report.metrics["talk.delivery.latency"].n).sum();
    let pooled = metric.pooled.expect("latencies are pooled");
    assert_eq!(pooled.n, n);
    let largest = metric.max.values.iter().copied().flatten().fold(0.0, f64::max);
    assert!((pooled.max / largest - 1.0).abs() < 2e-3, "to the precision of a histogram");
    assert_eq!(batch.report.targets[0].answer, Answer::Met);
    assert_eq!(batch.report.metrics["overlay.redundancy"].pooled, None);
}

#[test]
fn the_first_seed_that_cannot_be_planned_is_told() {
    let scenario = scenario();
    let plan = |seed| {
        if seed >= 9 {
            Err(seed)
        } else {
            Ok(Plan::new(&scenario, Seed(seed), &Files::new()).expect("planned"))
        }
    };
    let threads = NonZero::new(4).expect("one at least");
    let schedule = Schedule::new(7, 8, None, threads);
    assert_eq!(run(&schedule, plan, || false, |_| ()).map(|batch| batch.is_some()), Err(9));
}

#[test]
fn an_interrupted_batch_holds_the_runs_that_were_done() {
    let scenario = scenario();
    let came = AtomicBool::new(false);
    let plan = |seed| {
        // After six runs the others wait to be interrupted, however slowly word of that comes.
        while seed >= 13 && !came.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        Ok::<_, Infallible>(Plan::new(&scenario, Seed(seed), &Files::new()).expect("it can be planned"))
    };
    let threads = NonZero::new(2).expect("one at least");
    let schedule = Schedule::new(7, 1_000, None, threads);
    let interrupt = |done| came.store(done >= 3, Ordering::Relaxed);
    let Ok(batch) = run(&schedule, plan, || came.load(Ordering::Relaxed), interrupt);
    let batch = batch.expect("there are runs");
    assert!((3..10).contains(&batch.runs.len()), "{}", batch.runs.len());
    let told = format!("interrupted after {} of 1000 runs", batch.runs.len());
    assert_eq!(batch.report.validity.reasons, [told]);
    let Ok(none) = run(&schedule, plan, || true, |_| ());
    assert!(none.is_none());
}
