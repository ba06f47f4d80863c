//! Fleets on the engine: what holds of every table at any time, and what lookups come to.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc, sync::Arc};

use peerlab_report::{Observer, Outcome};
use peerlab_scenarios::{
    host::{
        Command, Cx, Found, Input, Links, Lookup, Machine, Msg, Overlay, Peer, PeerHost, QueryId, RoleSlot,
    },
    overlay::Flood,
    plan::{Files, KademliaPlan, Plan, discovery::Key},
    report::Fact,
    seed::Seed,
    spec::read::read,
    units::Nanos,
};
use proptest::prelude::*;

use super::{Beside, Kademlia};
use crate::engine::{
    Engine,
    prefetch::Prefetch,
    store::{ItemRef, Store},
};

/// A peer whose table is looked at after each step.
struct Watched {
    below: Beside<Flood<Store>>,
    plan: Arc<KademliaPlan>,
    broken: Rc<RefCell<Vec<String>>>,
}

impl Watched {
    fn look(&self, cx: &Cx<'_, Store>) {
        let (table, k) = (&self.below.kademlia().table, self.plan.spec().k.size());
        let laws = [
            ("no bucket holds more than k", table.fullest() <= k),
            ("all in a table serve", table.peers().all(|peer| self.plan.servers().contains(peer))),
            ("nobody is in its own table", table.peers().all(|peer| peer != cx.me)),
        ];
        let mut broken = self.broken.borrow_mut();
        broken.extend(
            laws.iter().filter(|(_, holds)| !holds).map(|(law, _)| format!("{} at {}: {law}", cx.me, cx.now)),
        );
    }
}

impl Machine<Store> for Watched {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        self.below.step(cx, input);
        self.look(cx);
    }
    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.below.drain_counters(record);
    }
    fn digest(&self) -> u64 {
        self.below.digest()
    }
}

impl Overlay<Store> for Watched {
    fn links(&self) -> Links {
        self.below.links()
    }
    fn publish(&mut self, cx: &mut Cx<'_, Store>, item: ItemRef) {
        self.below.publish(cx, item);
    }
    fn look_up(&mut self, cx: &mut Cx<'_, Store>, workload: u8, query: QueryId, lookup: Lookup) {
        self.below.look_up(cx, workload, query, lookup);
    }
    fn lives_on(&self, peer: Peer) -> bool {
        self.below.lives_on(peer)
    }
}

impl Prefetch for Watched {
    fn prefetch(&self, msg: &Msg<Store>) {
        self.below.prefetch(msg);
    }
}

/// What came of a lookup: who asked, when it ended, for what, and the answer.
type Answer = (Peer, Nanos, Lookup, Found);

/// Asks what the plan tells it to, and writes the answers down.
struct Seeker {
    asked: BTreeMap<QueryId, Lookup>,
    answers: Rc<RefCell<Vec<Answer>>>,
}

impl Machine<Store> for Seeker {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Command { command, .. } => {
                let lookup = match command {
                    Command::Provide { content } => Lookup::Provide(content),
                    Command::FindProviders { content } => Lookup::Providers { content, wanted: 1 },
                    Command::FindPeer { peer } => Lookup::Peer(peer),
                    other => panic!("{other:?} is no lookup"),
                };
                let name = QueryId(self.asked.len() as u32);
                self.asked.insert(name, lookup);
                cx.look_up(name, lookup);
            }
            Input::Found { query, found } => {
                self.answers.borrow_mut().push((cx.me, cx.now, self.asked[&query], *found));
            }
            _ => {}
        }
    }
    fn digest(&self) -> u64 {
        0
    }
}

/// Sums what is counted of tables.
#[derive(Default)]
struct Tables(Vec<u32>);

impl Observer for Tables {
    fn fact(&mut self, _: Nanos, _: Peer, fact: &Fact) {
        if let Fact::RoutingTable { peers, .. } = *fact {
            self.0.push(peers);
        }
    }
}

struct Run {
    plan: Plan,
    outcome: Outcome,
    tables: Vec<u32>,
    answers: Vec<Answer>,
    broken: Vec<String>,
}

impl Run {
    fn kademlia(&self) -> &KademliaPlan {
        self.plan.discovery.as_ref().expect("it is there")
    }

    /// The servers that are nearest to a content, if everybody knew everybody: as many as keep its records, and more.
    fn nearest(&self, content: u32, but: Peer, more: u32) -> Vec<Peer> {
        let kademlia = self.kademlia();
        let count = kademlia.spec().k.size() + more as usize;
        let mut nearest = kademlia.nearest(Key::of(&kademlia.content_name(0, content)), count + 1);
        nearest.retain(|&peer| peer != but);
        nearest.truncate(count);
        nearest
    }

    /// Answers to questions after providers, and how many of them named one.
    fn found(&self) -> (usize, usize) {
        let sought =
            self.answers.iter().filter(|(_, _, lookup, _)| matches!(lookup, Lookup::Providers { .. }));
        let found: Vec<bool> = sought.map(|(_, _, _, found)| !found.peers.is_empty()).collect();
        (found.iter().filter(|found| **found).count(), found.len())
    }
}

fn run(seed: u64, kademlia: &str, groups: &str, rest: &str) -> Run {
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: tables}}
spec:
  duration: 4m
  coolDown: 90s
  groups: {groups}
  topology: {{ring: {{}}}}
  discovery: {{kademlia: {kademlia}}}
  workloads: [{{name: look, lookups: {{contents: 20, copies: 2, provideAt: 1m, provideWithin: 30s, find: {{every: 1s}}, findPeers: {{every: 2s}}}}}}]
{rest}"
    );
    let scenario = read("tables", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let plan = Plan::new(&scenario, Seed(seed), &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let (answers, broken) = (Rc::new(RefCell::new(Vec::new())), Rc::new(RefCell::new(Vec::new())));
    let (outcome, tables) = {
        let kademlia = plan.discovery.as_ref().expect("it is there");
        let make = |peer| {
            let below = Beside::new(Flood::default(), Kademlia::new(kademlia, peer));
            let watched = Watched { below, plan: Arc::clone(kademlia), broken: Rc::clone(&broken) };
            let seeker = Seeker { asked: BTreeMap::new(), answers: Rc::clone(&answers) };
            PeerHost::new(watched, vec![RoleSlot::new(0, seeker)])
        };
        Engine::new(&plan, make, Tables::default()).run(&|_| false)
    };
    assert_eq!(outcome.traffic.imbalance(), 0);
    Run { outcome, tables: tables.0, answers: answers.take(), broken: broken.take(), plan }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn in_a_network_that_stays_records_come_to_the_k_nearest_and_whoever_is_sought_is_found(
        seed: u64, peers in 25..90u32, k in 5..21u32, alpha in 1..6u32
    ) {
        let kademlia = format!("{{k: {k}, alpha: {alpha}, start: {{filled: {{}}}}}}");
        let run = run(seed, &kademlia, &format!("[{{name: all, peers: {peers}}}]"), "");
        prop_assert_eq!(&run.broken, &Vec::<String>::new());
        let (mut requests, mut failed) = (0, 0);
        for (who, _, lookup, found) in &run.answers {
            match *lookup {
                // Those that failed are passed over, and the next nearest take their places.
                Lookup::Provide(content) => {
                    let mut nearest = run.nearest(content, *who, found.failed);
                    let missing = nearest.iter().filter(|peer| !found.peers.contains(peer)).count();
                    prop_assert!(missing <= found.failed as usize, "{:?} of {:?}", found, nearest);
                    nearest.retain(|peer| found.peers.contains(peer));
                    prop_assert_eq!(&found.peers, &nearest);
                }
                Lookup::Providers { .. } => prop_assert!(!found.peers.is_empty()),
                Lookup::Peer(peer) => prop_assert!(found.peers == [peer] || found.failed > 0, "{found:?}"),
            }
            (requests, failed) = (requests + found.requests, failed + found.failed);
        }
        prop_assert!(run.answers.len() > 200, "{} answers", run.answers.len());
        // A connection that its other end takes for idle may end under a request.
        prop_assert!(failed * 200 <= requests, "{failed} of {requests} failed");
    }

    #[test]
    fn under_churn_tables_keep_their_bounds_and_lookups_still_find(seed: u64, k in 4..21u32, hidden: bool) {
        let homes = if hidden { ", nat: symmetric" } else { "" };
        let groups = format!(
            "[{{name: servers, peers: 60, churn: {{online: {{exponential: {{mean: 3m}}}}, offline: {{exponential: {{mean: 30s}}}}}}}}, \
             {{name: homes, peers: 30{homes}}}]"
        );
        let rest = "  faults: [{name: cut, at: 100s, for: 20s, outage: {group: servers, share: 20%}}]\n";
        let run = run(seed, &format!("{{k: {k}}}"), &groups, rest);
        prop_assert_eq!(&run.broken, &Vec::<String>::new());
        let (found, sought) = run.found();
        prop_assert!(sought > 60 && found * 2 > sought, "{} of {}", found, sought);
    }
}

#[test]
fn a_network_that_begins_with_few_contacts_finds_itself() {
    let run = run(11, "{start: {few: {count: 3}}}", "[{name: all, peers: 100}]", "");
    let (mut right, mut all) = (0, 0);
    for (who, _, lookup, found) in &run.answers {
        if let Lookup::Provide(content) = *lookup {
            let nearest = run.nearest(content, *who, 0);
            right += found.peers.iter().filter(|peer| nearest.contains(peer)).count();
            all += nearest.len();
        }
    }
    assert!(right * 100 >= all * 95, "{right} of {all} keepers are the nearest");
    let (found, sought) = run.found();
    assert_eq!(found, sought);
    assert!(run.tables.iter().all(|&peers| peers >= 40), "{:?}", run.tables);
}

#[test]
fn clients_behind_nat_provide_and_find_and_are_in_no_table() {
    let groups = "[{name: servers, peers: 40}, {name: homes, peers: 40, nat: portRestricted}]";
    let run = run(3, "{}", groups, "");
    assert_eq!(run.broken, Vec::<String>::new());
    let by_homes = |answer: &&Answer| answer.0 >= Peer(40) && matches!(answer.2, Lookup::Providers { .. });
    assert!(run.answers.iter().filter(by_homes).all(|(.., found)| !found.peers.is_empty()));
    let provided = run
        .answers
        .iter()
        .filter(|(who, _, lookup, _)| *who >= Peer(40) && matches!(lookup, Lookup::Provide(_)));
    assert!(provided.clone().count() > 5 && provided.clone().all(|(.., found)| found.peers.len() == 20));
}

#[test]
fn records_that_nobody_renews_are_forgotten_and_those_that_are_stay() {
    let count = |republish: &str| {
        let kademlia = format!("{{providerTtl: 60s, republish: {republish}}}");
        let run = run(5, &kademlia, "[{name: all, peers: 40}]", "");
        let late = |answer: &&Answer| {
            answer.1 > Nanos::from_secs(180) && matches!(answer.2, Lookup::Providers { .. })
        };
        let late: Vec<_> = run.answers.iter().filter(late).collect();
        (late.iter().filter(|(.., found)| !found.peers.is_empty()).count(), late.len())
    };
    let (renewed, all) = count("25s");
    assert!(all > 40 && renewed == all, "{renewed} of {all}");
    // Providers know of themselves for ever, but nobody asks them.
    let (left, all) = count("59s");
    assert!(left * 4 > all, "{left} of {all}");
    let run = run(
        5,
        "{providerTtl: 60s, republish: 59s}",
        "[{name: all, peers: 40}]",
        "  faults: [{name: end, at: 91s, kill: {share: 100%}}]\n",
    );
    assert!(run.answers.iter().all(|(_, at, ..)| *at < Nanos::from_secs(91)));
}

#[test]
fn a_lookup_ends_when_everybody_is_gone() {
    let groups = "[{name: servers, peers: 30}, {name: homes, peers: 40, nat: symmetric}]";
    let rest = "  faults: [{name: end, at: 120s, kill: {group: servers}}]\n";
    let run = run(5, "{queryTimeout: 20s}", groups, rest);
    let late = |answer: &&Answer| answer.1 > Nanos::from_secs(160);
    let late: Vec<_> = run.answers.iter().filter(late).collect();
    assert!(late.len() > 20, "{} answers", late.len());
    assert!(late.iter().all(|(.., found)| found.peers.is_empty() && found.failed > 0));
}

#[test]
fn the_same_run_twice_is_the_same_run() {
    let groups = "[{name: servers, peers: 50, churn: {online: {exponential: {mean: 2m}}, offline: {exponential: {mean: 30s}}}}, \
                  {name: homes, peers: 20, nat: symmetric}]";
    let (first, second, other) =
        (run(9, "{}", groups, ""), run(9, "{}", groups, ""), run(10, "{}", groups, ""));
    assert_eq!((first.outcome.digest, &first.answers), (second.outcome.digest, &second.answers));
    assert_ne!(first.outcome.digest, other.outcome.digest);
}
