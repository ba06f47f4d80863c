//! Laws of divided runs that no scenario shows.

use peerlab_report::record::Recorder;
use peerlab_scenarios::{
    host::{Peer, PeerHost},
    overlay::Flood,
    plan::{Files, Plan},
    role,
    seed::{Seed, mix},
    spec::read::read,
    units::Nanos,
};

use super::division::{Division, Undivided};
use crate::{
    engine::{Engine, store::Store},
    model,
};

/// A plan of this `spec`.
fn plan(seed: u64, spec: &str) -> Plan {
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: divided}}
spec:
{spec}
"
    );
    let scenario = read("divided", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    Plan::new(&scenario, Seed(seed), &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

const CHAT: &str = "
  workloads: [{name: talk, chat: {posts: {poisson: {every: 1s}}}}]";

/// Fleets of many sorts.
fn fleets(seed: u64) -> Vec<Plan> {
    let latencies = [
        "{}",
        "{regions: {table: aws-2024, spread: 30%}}",
        "{fixed: {oneWay: 20ms}}",
        "{drawn: {oneWay: {uniform: {min: 5ms, max: 90ms}}}}",
        "{drawn: {oneWay: {pareto: {shape: 2, min: 7ms}}}}",
        "{drawn: {oneWay: {logNormal: {median: 30ms, sigma: 0.8}}}}",
    ];
    let latency =
        |latency: &&str| if *latency == "{}" { String::new() } else { format!("latency: {latency}, ") };
    let of = |latency: String| {
        plan(
            seed,
            &format!(
                "  duration: 5s
  sites: [{{name: office, count: 5, uplink: {{up: 10Mbit, down: 10Mbit, latency: 3ms}}}}]
  groups:
    - {{name: desks, peers: 30, site: office}}
    - {{name: homes, peers: 60, link: {{profile: cable}}}}
  network: {{{latency}jitter: {}%}}{CHAT}",
                seed % 50
            ),
        )
    };
    latencies.iter().map(latency).map(of).collect()
}

#[test]
fn nothing_crosses_sooner_than_the_lookahead_and_sites_stay_together() {
    for seed in 0..8 {
        for (number, plan) in fleets(seed).into_iter().enumerate() {
            for threads in [2, 3, 4, 7] {
                let division = Division::of(&plan, threads, 1e5).expect("it can be divided");
                assert_eq!(division.threads(), threads);
                let jitter = plan.spec.network.jitter.as_f64();
                let mut tightest = f64::MAX;
                for a in plan.peers.iter() {
                    for b in plan.peers.iter().filter(|&b| division.part(a) != division.part(b)) {
                        let shortest = plan.delay(a, b).0 as f64 * (1.0 - jitter);
                        tightest = tightest.min(shortest);
                        assert!(plan.peers.site(a).is_none() || plan.peers.site(a) != plan.peers.site(b));
                    }
                }
                let lookahead = division.lookahead().0 as f64;
                assert!(lookahead <= tightest, "{lookahead} for {tightest}");
                // What is drawn for each pair has a bound that few come near.
                assert!(number > 2 || lookahead > 0.5 * tightest, "{number}: {lookahead} for {tightest}");
            }
        }
    }
}

#[test]
fn regions_that_are_far_apart_are_parted_rather_than_near_ones() {
    let near_and_far =
        |group: &str, region: &str| format!("{{name: {group}, peers: 50, regions: {{{region}: 1}}}}");
    let groups = ["eu-west-1", "eu-central-1", "ap-southeast-1", "ap-northeast-1"];
    let groups: Vec<_> = groups.iter().map(|region| near_and_far(region, region)).collect();
    let spec = format!(
        "  duration: 5s
  groups: [{}]
  network: {{latency: {{regions: {{table: aws-2024}}}}}}{CHAT}",
        groups.join(", ")
    );
    let plan = plan(1, &spec);
    let division = Division::of(&plan, 2, 1e5).expect("it can be divided");
    let part = |group: usize| division.part(plan.peers.groups()[group].first);
    assert_eq!((part(0), part(2)), (part(1), part(3)));
    assert_ne!(part(0), part(2));
    assert!(division.lookahead() > Nanos::from_millis(50), "{}", division.lookahead());
}

#[test]
fn what_cannot_be_divided_says_why() {
    let why = |spec: &str| Division::of(&plan(1, spec), 4, 1e6).map(|_| ()).expect_err("it cannot");
    let few =
        format!("  duration: 5s\n  groups: [{{name: all, peers: 3}}]\n  topology: {{ring: {{}}}}{CHAT}");
    assert_eq!(why(&few), Undivided::Few);
    let at_once = "  duration: 5s
  groups: [{name: all, peers: 30, link: {access: {constant: {value: 0s}}}}]
  network: {latency: {fixed: {oneWay: 0s}}}";
    assert_eq!(why(&format!("{at_once}{CHAT}")), Undivided::NoLookahead);
    let update = "  duration: 5s
  groups: [{name: all, peers: 30}]
  workloads: [{name: patch, update: {size: 1Mi}}]";
    assert_eq!(why(update), Undivided::Bulk);
    let quiet = plan(1, &format!("  duration: 5s\n  groups: [{{name: all, peers: 30}}]{CHAT}"));
    assert!(matches!(Division::best(&quiet, 4, 100.0), Err(Undivided::NotWorthwhile { .. })));
    assert!(Division::best(&quiet, 4, 1e7).is_ok());
}

#[test]
fn a_divided_run_that_is_stopped_accounts_for_every_message() {
    let plan = plan(
        3,
        "  duration: 30m
  groups: [{name: all, peers: 200}]
  topology: {kRegular: {degree: 8}}
  workloads: [{name: talk, chat: {posts: {poisson: {every: 1s}}}}]",
    );
    let division = Division::of(&plan, 3, 1e6).expect("it can be divided");
    let (outcome, _) = model::run_divided(&plan, &division, Recorder::new(&plan), &|_| true);
    assert!(outcome.interrupted.is_some_and(|at| at < plan.spec.end()), "{:?}", outcome.interrupted);
    assert_eq!(outcome.traffic.imbalance(), 0);
    assert!(outcome.traffic.delivered > 0);
}

#[test]
fn items_are_told_of_by_the_order_in_which_they_were_made() {
    use peerlab_report::{Divisible, Observer, Tally};
    use peerlab_scenarios::{report::Fact, wire::Kind};

    /// All that it hears of, in order, and items that came by peer.
    #[derive(Debug, Default, PartialEq)]
    struct Diary {
        facts: Vec<(Nanos, Peer, Fact)>,
        came: Vec<(Peer, u32)>,
        measured: Option<u32>,
    }
    struct All;

    impl Tally for All {
        fn falsified(&mut self, _: Nanos, _: u32) {}
        fn delivered(&mut self, _: Nanos, _: Peer, _: Kind, carries_item: bool, _: u32) -> bool {
            carries_item
        }
    }
    impl Observer for Diary {
        fn fact(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
            self.facts.push((now, peer, *fact));
        }
        fn delivered(&mut self, _: Nanos, to: Peer, _: Kind, item: Option<u32>, _: u32) {
            self.came.extend(item.map(|item| (to, item)));
        }
        fn measure(&mut self, _: Nanos, items: u32) {
            self.measured = Some(items);
        }
    }
    impl Divisible for Diary {
        type Tally = All;
        fn tally(&self) -> All {
            All
        }
        fn came(&mut self, to: Peer, item: u32) {
            self.came.push((to, item));
        }
        fn gather(&mut self, _: All) {}
    }

    let plan = plan(
        mix(1, 2, 3) >> 20,
        "  duration: 40s
  warmUp: 10s
  groups:
    - {name: all, peers: 40}
    - {name: guests, peers: 20, churn: {online: {exponential: {mean: 5s}}, offline: {exponential: {mean: 2s}}}}
  topology: {kRegular: {degree: 6}}
  faults: [{name: cut, at: 15s, for: 5s, partition: {between: [{group: all}, {group: guests}]}}]
  workloads: [{name: talk, chat: {posts: {poisson: {every: 200ms}}, presence: {every: 1s, timeout: 4s}}}]",
    );
    let make = |peer| PeerHost::new(Flood::<Store>::default(), role::Any::of(&plan, peer));
    let (_, one) = Engine::new(&plan, make, Diary::default()).run(&|_| false);
    assert!(
        one.measured.is_some_and(|items| items > 100) && one.came.len() > 10_000 && one.facts.len() > 1_000
    );
    for threads in [2, 5] {
        let division = Division::of(&plan, threads, 1e6).expect("it can be divided");
        let (_, many) = super::run(&plan, &division, make, Diary::default(), &|_| false);
        assert!(many == one, "{threads} threads");
    }
}
