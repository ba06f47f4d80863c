use std::fmt::Write as _;

use proptest::prelude::*;

use super::*;
use crate::spec::read;

/// A plan of a scenario with these groups and what else is given below `spec`.
fn plan(groups: &str, rest: &str) -> Result<Plan, Vec<PlanError>> {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: test}}\nspec:\n  duration: 1m\n  groups:\n{groups}  \
         workloads: [{{name: talk, chat: {{}}}}]\n{rest}"
    );
    let scenario = read::read("test", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    Plan::new(&scenario, Seed(scenario.spec.seed), &Files::new())
}

fn group(name: &str, peers: u32, more: &str) -> String {
    format!("    - {{name: {name}, peers: {peers}{more}}}\n")
}

/// All that is decided of a peer, but for its neighbours.
fn portrait(plan: &Plan, peer: Peer) -> String {
    let mut text = format!("{} {:?}", identity::peer_id(plan.seed, peer), plan.peers.access(peer));
    let sessions: Vec<_> = plan.sessions(peer).take(3).collect();
    let _ = write!(text, " {} {:?} {sessions:?}", plan.peers.region(peer), plan.peers.site(peer));
    text
}

const CHURN: &str = ", churn: {online: {exponential: {mean: 20s}}, offline: {exponential: {mean: 5s}}}";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_group_appended_leaves_the_peers_before_it_as_they_were(first in 9u32..40, second in 1u32..30, seed in 0u64..1000) {
        let rest = format!("  seed: {seed}\n  topology: {{ring: {{}}}}\n");
        let before = plan(&group("a", first, CHURN), &rest).unwrap();
        let after = plan(&(group("a", first, CHURN) + &group("b", second, "")), &rest).unwrap();
        for peer in before.peers.iter() {
            prop_assert_eq!(portrait(&before, peer), portrait(&after, peer));
        }
        for (a, b) in before.peers.iter().flat_map(|a| before.peers.iter().map(move |b| (a, b))) {
            prop_assert_eq!(before.delay(a, b), after.delay(a, b));
        }
    }

    #[test]
    fn delays_are_symmetric_and_belong_to_the_pair(peers in 9u32..60, seed in 0u64..1000) {
        let plan = plan(&group("a", peers, ""), &format!("  seed: {seed}\n")).unwrap();
        for (a, b) in plan.peers.iter().flat_map(|a| plan.peers.iter().map(move |b| (a, b))) {
            prop_assert_eq!(plan.delay(a, b), plan.delay(b, a));
            prop_assert_eq!(plan.delay(a, b), plan.delay(a, b));
        }
    }

    #[test]
    fn shares_lose_nobody(peers in 10u32..5000, third in 1u32..40, fifth in 1u32..40) {
        let rest = 100 - third - fifth;
        let groups = format!(
            "    - {{name: a, share: {third}%}}\n    - {{name: b, share: {fifth}%}}\n    - {{name: c, share: {rest}%}}\n"
        );
        let plan = plan(&groups, &format!("  peers: {peers}\n  topology: {{ring: {{}}}}\n")).unwrap();
        prop_assert_eq!(plan.peers.len(), peers);
        for (group, percent) in plan.peers.groups().iter().zip([third, fifth, rest]) {
            let exact = f64::from(peers) * f64::from(percent) / 100.0;
            prop_assert!((f64::from(group.count) - exact).abs() < 1.0);
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_plan_and_another_seed_another() {
    let portraits = |seed: u64| {
        let plan = plan(&group("a", 50, CHURN), &format!("  seed: {seed}\n")).unwrap();
        let edges: Vec<_> = plan.graph.links().collect();
        (plan.peers.iter().map(|peer| portrait(&plan, peer)).collect::<Vec<_>>(), edges)
    };
    assert_eq!(portraits(1), portraits(1));
    assert_ne!(portraits(1), portraits(2));
}

#[test]
fn a_share_of_a_selection_keeps_most_of_its_peers_when_others_are_added() {
    let faults = "  faults: [{name: f, at: 1s, kill: {share: 20%}}]\n  topology: {ring: {}}\n";
    let killed = |groups: &str| match &plan(groups, faults).unwrap().faults[0].effect {
        FaultEffect::Kill(who) => who.iter().collect::<Vec<_>>(),
        other => panic!("a kill is a kill: {other:?}"),
    };
    let before = killed(&group("a", 100, ""));
    let after = killed(&(group("a", 100, "") + &group("b", 10, "")));
    assert_eq!((before.len(), after.len()), (20, 22));
    assert!(before.iter().filter(|peer| after.contains(peer)).count() >= 17);
}

#[test]
fn peers_of_a_site_share_its_region_and_its_lan() {
    let sites = "  sites: [{name: branch, count: 4, uplink: {down: 20Mbit, up: 20Mbit, latency: 15ms}}]\n";
    let plan = plan(&group("pcs", 40, ", site: branch"), sites).unwrap();
    for (a, b) in plan.peers.iter().flat_map(|a| plan.peers.iter().map(move |b| (a, b))) {
        if plan.peers.site(a) == plan.peers.site(b) {
            assert_eq!(plan.peers.region(a), plan.peers.region(b));
            assert_eq!(plan.delay(a, b), Nanos(300_000));
        } else {
            assert!(plan.delay(a, b) >= Nanos::from_millis(30), "both last miles count");
        }
    }
}

#[test]
fn what_cannot_be_planned_says_where() {
    let path = |groups: &str, rest: &str| plan(groups, rest).unwrap_err()[0].path.clone();
    assert_eq!(path(&group("a", 5, ""), ""), "spec.topology.kRegular.degree");
    let both = "  faults: [{name: f, at: 1s, partition: {between: [{}, {peers: [3]}]}}]\n";
    assert_eq!(path(&group("a", 20, ""), both), "spec.faults[0].partition.between");
    let nobody = "  faults: [{name: f, at: 1s, kill: {share: 1%}}]\n";
    assert_eq!(path(&group("a", 20, ""), nobody), "spec.faults[0].kill");
}
