//! Updates over every overlay, and what is drawn of several runs of them.

use crate::{
    simulated::simulate,
    workshop::{Workshop, scenario},
};

/// A release of a few chunks to peers of which some go and come back, in the middle of which a few crash.
const ROLLOUT: &str = "
duration: 3m
groups:
  - {name: origin, peers: 1}
  - {name: steady, peers: 20}
  - {name: restless, peers: 10, churn: {online: {exponential: {mean: 30s}}, offline: {exponential: {mean: 10s}}}}
topology: {kRegular: {degree: 6}}
overlay: OVERLAY
workloads: [{name: patch, update: {publisher: {group: origin}, at: 10s, size: 2Mi, chunk: 64Ki, releases: 2, every: 60s, fallback: 20s}}]
faults: [{name: blackout, at: 11s, for: 10s, kill: {group: steady, share: 30%}}]
";

fn rollout(overlay: &str) -> String {
    ROLLOUT.replace("OVERLAY", overlay)
}

#[test]
fn releases_reach_all_who_stay_over_every_overlay() {
    for overlay in [
        "{flood: {}}",
        "{plumtree: {membership: {plan: {}}}}",
        "{plumtree: {membership: {hyParView: {}}}}",
        "{gossipsub: {}}",
        "{gossipsub: {floodPublish: false}}",
    ] {
        let report = simulate(&rollout(overlay), &[]).unwrap_or_else(|why| panic!("{overlay}: {why}")).report;
        assert!(
            report.invariants.iter().all(|invariant| invariant.holds),
            "{overlay}: {:?}",
            report.invariants
        );
        let completeness = &report.metrics["patch.install.completeness"];
        assert!(completeness.mean >= 95.0, "{overlay}: {completeness:?}");
        assert!(report.metrics["patch.install.t95"].n >= 1, "{overlay}: hardly anybody has it");
        assert!(
            report.metrics["patch.origin.offload"].mean > 50.0,
            "{overlay}: the origin sends most itself"
        );
    }
}

#[test]
fn a_manifest_travels_over_a_mesh_as_an_item_does() {
    let report = simulate(&rollout("{gossipsub: {}}"), &[]).expect("it can be run").report;
    assert!(report.metrics["gossipsub.meshDegree"].n > 0, "peers subscribe to the update's topic");
    assert!(report.metrics["overlay.redundancy"].n > 0, "and manifests came more than once");
}

#[test]
fn rollouts_of_designs_are_drawn_over_one_another() {
    let workshop = Workshop::new("compare-rollouts");
    for (name, overlay) in [("flood", "{flood: {}}"), ("gossip", "{gossipsub: {}}")] {
        let text = scenario(&rollout(overlay)).replace("name: tiny", &format!("name: {name}"));
        workshop.write(&format!("{name}.yaml"), text.as_bytes());
    }
    workshop
        .run(&["compare", "flood.yaml", "gossip.yaml", "--seeds", "3", "--quiet", "--out", "now"])
        .ends_with(0);
    let chart = workshop.read("now/charts/patch-coverage.svg");
    for part in ["Rollout of patch since the release", ">flood<", ">gossip<", "Peers reached"] {
        assert!(chart.contains(part), "{part}");
    }
    // What was written of the runs gives the same picture again.
    workshop.run(&["compare", "now/runs/flood", "now/runs/gossip", "--quiet", "--out", "again"]).ends_with(0);
    assert!(chart == workshop.read("again/charts/patch-coverage.svg"));
}
