//! The model and real peers, of one small fleet: what `docs/fidelity.md` tells of the shipped scenarios.

use std::fmt::Write as _;

use peerlab_scenarios::{
    plan::{Files, Plan},
    report::{Statistic, Trust, fidelity::Fidelity},
    seed::Seed,
    spec::read,
};

const LATENCY: &str = "rooms.delivery.latency";
const REDUNDANCY: &str = "overlay.redundancy";

/// Both engines' runs of a fleet with this overlay and chat.
fn held(overlay: &str, chat: &str, files: &Files, seed: u64) -> Fidelity {
    let scenario = format!(
        "
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: small}}
spec:
  duration: 40s
  warmUp: 10s
  coolDown: 5s
  groups:
    - {{name: offices, peers: 12, link: {{profile: fibre}}}}
    - {{name: homes, peers: 24, link: {{profile: cable}}}}
  topology: {{kRegular: {{degree: 8}}}}
  overlay: {{{overlay}: {{}}}}
  workloads:
    - {{name: rooms, chat: {{rooms: 4, members: 18, {chat}}}}}
"
    );
    let document = read::document("small", scenario.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = Plan::new(&document.value, Seed(seed), files).unwrap_or_else(|wrong| panic!("{wrong:?}"));
    let fidelity = peerlab_virtual::fidelity::held(&plan).unwrap();
    assert!(fidelity.runs.iter().all(|run| run.state == Trust::Valid), "{:?}", fidelity.runs);
    fidelity
}

/// How far the model is off, as a share.
fn off(fidelity: &Fidelity, metric: &str, statistic: Statistic) -> f64 {
    let measure = fidelity.measure(metric, statistic).unwrap_or_else(|| panic!("no {metric}"));
    measure.differences[0].and_then(|difference| difference.relative).unwrap_or_else(|| panic!("{measure:?}"))
}

/// A post every 1.25 s, by one member after another, from the tenth second on: all are connected by then, and hardly ever are
/// two posts on their way at a time.
fn unhurried() -> Files {
    let mut posts = String::new();
    for post in 0..24 {
        let millis = 10_000 + 1_250 * post;
        writeln!(posts, "{millis}ms,{},{},120", post % 4, 7 * post % 18).expect("a String takes all");
    }
    Files::from([("posts.csv".to_owned(), posts)])
}

/// How far the model is off in the mean over so many seeds, each another fleet with other meshes and trees, in three numbers. It
/// is the geometric mean of ratios, for which twice as quick and half as quick make up for one another.
fn off_in_the_mean(overlay: &str, chat: &str, seeds: u64) -> [f64; 3] {
    let files = unhurried();
    let mut sums = [0.0; 3];
    for seed in 1..=seeds {
        let fidelity = held(overlay, chat, &files, seed);
        let numbers = [(LATENCY, Statistic::P50), (LATENCY, Statistic::P95), (REDUNDANCY, Statistic::Mean)];
        for (sum, (metric, statistic)) in sums.iter_mut().zip(numbers) {
            *sum += off(&fidelity, metric, statistic).ln_1p();
        }
    }
    sums.map(|sum| (sum / seeds as f64).exp_m1())
}

#[test]
fn flooding_is_as_fast_and_as_redundant_as_on_real_peers() {
    let fidelity = held("flood", "posts: {poisson: {every: 4s}}", &Files::new(), 5);
    for (metric, statistic) in
        [(LATENCY, Statistic::P50), (LATENCY, Statistic::P95), (REDUNDANCY, Statistic::Mean)]
    {
        let off = off(&fidelity, metric, statistic);
        assert!(off.abs() <= 0.10, "{metric} {} is off by {off}", statistic.name());
    }
    let distance = fidelity.distance(LATENCY, 0).expect("there are posts");
    assert!(distance.p.is_some_and(|p| p > 0.01), "{distance:?}");
    assert!(fidelity.findings[0].starts_with("rooms: the model says p95 = "), "{:?}", fidelity.findings);
}

/// A tree is what the first posts leave behind, and how quick it is varies by a fifth from fleet to fleet, on either engine: the mean over
/// 48 fleets has a standard error of 3 %.
#[test]
fn trees_of_plumtree_are_as_quick_and_as_spare_as_on_real_peers_in_the_mean() {
    let off = off_in_the_mean("plumtree", "posts: {trace: {file: posts.csv}}", 48);
    assert!(off.iter().all(|off| off.abs() <= 0.10), "{off:?}");
}

#[test]
fn meshes_of_gossipsub_are_as_quick_and_as_spare_as_on_real_peers_in_the_mean() {
    let off = off_in_the_mean(
        "gossipsub",
        "posts: {trace: {file: posts.csv}}, sync: {every: 20s, with: neighbours}",
        12,
    );
    assert!(off.iter().all(|off| off.abs() <= 0.10), "{off:?}");
}

/// Members that lack something dial whoever may have it. In the model they do so while nobody is connected yet, and gossipsub makes use of
/// these connections: a few more links, a few more copies. This holds what the page says of it.
#[test]
fn connections_that_members_make_leave_a_few_more_copies_in_the_model() {
    let [p50, p95, redundancy] =
        off_in_the_mean("gossipsub", "posts: {trace: {file: posts.csv}}, sync: {every: 1h}", 12);
    assert!(p50.abs() <= 0.10 && p95.abs() <= 0.10, "{p50} {p95}");
    assert!((0.0..=0.15).contains(&redundancy), "{redundancy}");
}
