use std::collections::BTreeSet;

use super::*;
use crate::{
    plan::{Files, Plan, WorkloadKind},
    spec::read::read,
};

fn planned(spec: &str) -> Result<Arc<UpdatePlan>, String> {
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: party}}\nspec:\n  duration: 1h\n{spec}"
    );
    let scenario = read("party", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let plan = Plan::new(&scenario, Seed(1), &Files::new()).map_err(|errors| errors[0].to_string())?;
    let WorkloadKind::Update(update) = &plan.workloads[0].kind else { panic!("it is an update") };
    Ok(update.clone())
}

fn offices(update: &str) -> Arc<UpdatePlan> {
    let spec = format!(
        "  sites: [{{name: office, count: 5, uplink: {{down: 50Mbit, up: 50Mbit}}}}]
  groups:
    - {{name: origin, peers: 2, link: {{up: 80Mbit}}}}
    - {{name: staff, peers: 100, site: office}}
    - {{name: home, peers: 100, link: {{down: 40Mbit, up: 10Mbit}}}}
    - {{name: deaf, peers: 10, behaviour: {{silent: {{}}}}}}
  workloads: [{{name: patch, update: {{publisher: {{group: origin}}, {update}}}}}]
"
    );
    planned(&spec).expect("it can be planned")
}

#[test]
fn publishers_publish_and_all_others_subscribe_but_silent_ones_are_not_waited_for() {
    let plan = offices("");
    assert_eq!(plan.publishers(), [Peer(0), Peer(1)]);
    assert_eq!((plan.subscribers(), plan.expected()), (210, 200));
    assert!(plan.takes_part(Peer(0)) && !plan.subscribes(Peer(0)) && plan.subscribes(Peer(211)));
    let sources: BTreeSet<Peer> = (2..212).map(|peer| plan.source_for(Peer(peer))).collect();
    assert_eq!(sources.len(), 2, "both publishers have their share of those who are late");
}

#[test]
fn partners_are_near_and_far_and_connect_everybody() {
    let plan = offices("partners: {near: 4, far: 1}");
    let subscribers: Vec<Peer> = (2..212).map(Peer).collect();
    for &peer in &subscribers {
        let partners = plan.partners(peer);
        assert!(partners.len() >= 4 && !partners.contains(&peer), "{partners:?}");
        assert!(partners.iter().all(|&other| plan.subscribes(other)));
        if (2..102).contains(&peer.0) {
            let near = partners.iter().filter(|&&other| plan.locality(peer, other) == Locality::Site);
            assert!((2..=5).contains(&near.count()), "some within the office, and some beyond");
        }
    }
    // Whom word reaches along partners, in either direction.
    let (mut reached, mut next) = (BTreeSet::from([Peer(2)]), vec![Peer(2)]);
    while let Some(peer) = next.pop() {
        let linked = subscribers
            .iter()
            .filter(|&&other| plan.partners(peer).contains(&other) || plan.partners(other).contains(&peer));
        next.extend(linked.filter(|&&other| reached.insert(other)).copied().collect::<Vec<_>>());
    }
    assert_eq!(reached.len(), subscribers.len());
}

#[test]
fn turns_come_by_the_shares_of_the_stages_and_the_early_are_always_early() {
    let plan = offices("rollout: [{share: 10%, after: 0s}, {share: 50%, after: 1h}]");
    let stages = plan.releases()[0].manifest.stages.clone();
    let turns: Vec<_> = (2..212).map(|peer| plan.turn(Peer(peer), &stages)).collect();
    let count = |turn| turns.iter().filter(|other| **other == turn).count();
    let (first, second) = (count(Some(Nanos::ZERO)), count(Some(Nanos::from_secs(3_600))));
    assert!((8..40).contains(&first) && (60..110).contains(&second), "{first} and {second} of 210");
    assert_eq!(plan.expected(), plan.expecting().count() as u64);
    assert!(plan.expected() < 130);
}

#[test]
fn releases_follow_one_another_and_none_is_made_after_the_end() {
    let plan = offices("at: 10m, releases: 2, every: 20m, validFor: 1h, size: 1000Ki, chunk: 256Ki");
    let times: Vec<_> = plan.timeline().collect();
    assert_eq!(
        times,
        [
            (Nanos::from_secs(600), Peer(0), Command::Release { version: 1 }),
            (Nanos::from_secs(1_800), Peer(0), Command::Release { version: 2 }),
        ]
    );
    let [first, second] = plan.releases() else { panic!("there are two") };
    assert_eq!((first.leaves.len(), first.manifest.len_of(3)), (4, 232 << 10));
    assert_ne!(first.manifest.root, second.manifest.root);
    assert_ne!(first.content(), second.content());
    assert_eq!(first.manifest.expires, Nanos::from_secs(4_200));
}

#[test]
fn the_lower_bound_is_that_of_the_tightest_of_the_three() {
    let with = |origin: &str, home: &str| {
        let groups = format!(
            "  groups: [{{name: origin, peers: 1, link: {{up: {origin}}}}}, {{name: home, peers: 10, link: {{{home}}}}}]
  topology: {{fullMesh: {{}}}}
  workloads: [{{name: patch, update: {{publisher: {{group: origin}}, size: 10MB}}}}]
"
        );
        planned(&groups).expect("it can be planned").lower_bound()
    };
    assert_eq!(with("8Mbit", "down: 1Gbit, up: 1Gbit"), Nanos::from_secs(10), "the publisher's uplink");
    assert_eq!(with("1Gbit", "down: 4Mbit, up: 1Gbit"), Nanos::from_secs(20), "the slowest downlink");
    assert_eq!(with("10Mbit", "down: 1Gbit, up: 1Mbit"), Nanos::from_secs(40), "all uplinks together");
}
