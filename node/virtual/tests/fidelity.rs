//! The model and real peers, of one small fleet: what `docs/fidelity.md` tells of the shipped scenarios.

use peerlab_scenarios::{
    plan::{Files, Plan},
    report::{Statistic, Trust, fidelity::Fidelity},
    spec::read,
};

const SCENARIO: &str = "
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: small}
spec:
  seed: 5
  duration: 40s
  warmUp: 10s
  coolDown: 5s
  groups:
    - {name: offices, peers: 12, link: {profile: fibre}}
    - {name: homes, peers: 24, link: {profile: cable}}
  topology: {kRegular: {degree: 8}}
  overlay: OVERLAY
  workloads:
    - {name: rooms, chat: {rooms: 4, members: 18, posts: {poisson: {every: 4s}}}}
";

fn held(overlay: &str) -> Fidelity {
    let text = SCENARIO.replace("OVERLAY", overlay);
    let document = read::document("small", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = Plan::new(&document.value, peerlab_scenarios::seed::Seed(5), &Files::new()).unwrap();
    peerlab_virtual::fidelity::held(&plan).unwrap()
}

/// How far the model is off, as a share.
fn off(fidelity: &Fidelity, metric: &str, statistic: Statistic) -> f64 {
    let measure = fidelity.measure(metric, statistic).unwrap_or_else(|| panic!("no {metric}"));
    measure.differences[0].and_then(|difference| difference.relative).unwrap_or_else(|| panic!("{measure:?}"))
}

fn is_true(overlay: &str) {
    let fidelity = held(overlay);
    assert!(fidelity.runs.iter().all(|run| run.state == Trust::Valid), "{:?}", fidelity.runs);
    let latency = "rooms.delivery.latency";
    for (metric, statistic) in
        [(latency, Statistic::P50), (latency, Statistic::P95), ("overlay.redundancy", Statistic::Mean)]
    {
        let off = off(&fidelity, metric, statistic);
        assert!(off.abs() <= 0.10, "{overlay}: {metric} {} is off by {off}", statistic.name());
    }
    let distance = fidelity.distance(latency, 0).expect("there are posts");
    assert!(distance.p.is_some_and(|p| p > 0.01), "{overlay}: {distance:?}");
    assert!(fidelity.findings[0].starts_with("rooms: the model says p95 = "), "{:?}", fidelity.findings);
}

#[test]
fn flooding_is_as_fast_and_as_redundant_as_on_real_peers() {
    is_true("{flood: {}}");
}

#[test]
fn gossipsub_is_as_fast_and_as_redundant_as_on_real_peers() {
    is_true("{gossipsub: {}}");
}

#[test]
fn plumtree_is_as_fast_and_as_redundant_as_on_real_peers() {
    is_true("{plumtree: {}}");
}
