//! Many peers on the engine: what holds after every step of each, and what comes of it.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    sync::Arc,
};

use peerlab_report::{Observer, Outcome};
use peerlab_scenarios::{
    host::{Cx, Input, Links, Machine, Msg, Overlay, Peer, PeerHost, RoleSlot, TimerKey},
    plan::Plan,
    report::{Fact, PubsubCount},
    seed::Seed,
    spec::{Overlay as Spec, overlay::Gossipsub as Params, read::read},
    units::Nanos,
    wire::{ItemId, Topic},
};
use proptest::prelude::*;

use super::{
    super::{Fleet, Gossipsub, HEARTBEAT},
    person::{Log, Person},
};
use crate::engine::{
    Engine,
    prefetch::Prefetch,
    store::{ItemRef, Store},
};

const ROOM: Topic = Topic { workload: 0, number: 0 };

/// A peer that is looked at after each of its heartbeats.
struct Watched {
    peer: Gossipsub,
    params: Params,
    /// When it began to run.
    since: Nanos,
    beats: Rc<RefCell<Beats>>,
}

/// What was seen at heartbeats.
#[derive(Debug, Default)]
struct Beats {
    seen: u64,
    broken: Vec<String>,
}

impl Watched {
    fn look(&self, cx: &Cx<'_, Store>) {
        let mesh: Vec<Peer> = self.peer.mesh(ROOM).collect();
        let state = self.peer.topics.get(ROOM).expect("everybody subscribes");
        let outbound = mesh.iter().filter(|&&peer| self.peer.neighbours.is_outbound(peer)).count();
        let could = |peer: &Peer| self.peer.is_candidate(ROOM, *peer);
        let idle = state.others().filter(could).count();
        let idle_outbound =
            state.others().filter(could).filter(|&peer| self.peer.neighbours.is_outbound(peer)).count();
        let low = self.params.mesh_n_low.size();
        // One that is just not too large may still take in some that this side dialled.
        let most = self.params.mesh_n_high.size() - 1 + self.params.mesh_outbound_min.size();
        let laws = [
            ("no more than its bound", mesh.len() <= most),
            ("no fewer than it could have", mesh.len() >= low || idle == 0),
            (
                "enough that this side dialled",
                outbound >= self.params.mesh_outbound_min.size() || mesh.len() < low || idle_outbound == 0,
            ),
            ("none but connected ones", mesh.iter().all(|&peer| self.peer.neighbours.contains(peer))),
        ];
        let mut beats = self.beats.borrow_mut();
        beats.seen += 1;
        for (law, holds) in laws {
            if !holds {
                beats.broken.push(format!("{} at {}: {law}: {mesh:?}, {idle} idle", cx.me, cx.now));
            }
        }
    }
}

impl Machine<Store> for Watched {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        let is_beat = matches!(input, Input::Timer(key) if key == HEARTBEAT);
        if let Input::Start { .. } = input {
            self.since = cx.now;
        }
        assert!(!matches!(input, Input::Timer(TimerKey(3..))), "there are three timers");
        self.peer.step(cx, input);
        if is_beat {
            assert!(cx.now >= self.since.saturating_add(self.params.heartbeat_initial_delay));
            self.look(cx);
        }
    }
    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.peer.drain_counters(record);
    }
    fn digest(&self) -> u64 {
        self.peer.digest()
    }
}

impl Overlay<Store> for Watched {
    fn links(&self) -> Links {
        self.peer.links()
    }
    fn subscribe(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, wanted: bool) {
        self.peer.subscribe(cx, topic, wanted);
    }
    fn publish(&mut self, cx: &mut Cx<'_, Store>, item: ItemRef) {
        self.peer.publish(cx, item);
    }
}

impl Prefetch for Watched {
    fn prefetch(&self, msg: &Msg<Store>) {
        self.peer.prefetch(msg);
    }
}

/// Adds up what is counted.
#[derive(Debug, Default)]
struct Sums {
    duplicate: u64,
    pubsub: [u64; PubsubCount::ALL.len()],
}

impl Observer for Sums {
    fn fact(&mut self, _: Nanos, _: Peer, fact: &Fact) {
        match *fact {
            Fact::Copies { duplicate, .. } => self.duplicate += duplicate,
            Fact::Pubsub { what, count } => self.pubsub[what as usize] += count,
            _ => {}
        }
    }
}

/// What came of a run.
pub(super) struct Result {
    outcome: Outcome,
    sums: Sums,
    beats: Beats,
    pub(super) heard: BTreeSet<(Peer, ItemId)>,
}

impl Result {
    pub(super) fn of(&self, what: PubsubCount) -> u64 {
        self.sums.pubsub[what as usize]
    }

    /// How many peers heard an item.
    fn readers(&self, item: ItemId) -> usize {
        self.heard.iter().filter(|(_, other)| *other == item).count()
    }
}

/// Runs a fleet in one room: `rest` is what the scenario says besides, and `posts` who says how much when.
pub(super) fn run(seed: u64, peers: u32, overlay: &str, rest: &str, posts: &[(u64, u32, u32)]) -> Result {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: fleet}}
spec:
  duration: 60s
  overlay: {{gossipsub: {overlay}}}
  workloads: [{{name: room, chat: {{posts: {{trace: {{file: posts.csv}}}}}}}}]
  {}
",
        rest.replace("PEERS", &peers.to_string())
    );
    let scenario = read("fleet.yaml", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let posts: String = posts.iter().map(|(at, who, bytes)| format!("{at}ms,0,{who},{bytes}\n")).collect();
    let files = BTreeMap::from([("posts.csv".to_owned(), posts)]);
    let plan = Plan::new(&scenario, Seed(seed), &files).unwrap_or_else(|errors| panic!("{errors:?}"));
    let Spec::Gossipsub(params) = plan.spec.overlay.clone() else { panic!("it runs gossipsub") };
    let (log, beats) = (Log::default(), Rc::new(RefCell::new(Beats::default())));
    let fleet = Fleet::new(&plan, &params);
    let make = |_| {
        let peer = Gossipsub::new(Arc::clone(&fleet));
        let (params, since, beats) = (Params::clone(&params), Nanos::ZERO, Rc::clone(&beats));
        let watched = Watched { peer, params, since, beats };
        PeerHost::new(watched, vec![RoleSlot::new(0, Person::heard_in(&log))])
    };
    let (outcome, sums) = Engine::new(&plan, make, Sums::default()).run(&|_| false);
    let heard = log.borrow().iter().copied().collect();
    Result { outcome, sums, beats: beats.take(), heard }
}

const RANDOM: &str = "groups: [{name: all, peers: PEERS, link: {profile: cable}}]
  topology: {kRegular: {degree: 12}}";

/// One post a second, each by another.
fn posts(peers: u32, bytes: u32) -> Vec<(u64, u32, u32)> {
    (0..30).map(|number| (20_000 + 1000 * number, number as u32 * 7 % peers, bytes)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn meshes_stay_within_their_bounds_and_nobody_hears_an_item_twice(
        seed: u64, n in 3..9u32, peers in 30..80u32, churn: bool
    ) {
        let outbound = n / 2;
        let low = outbound.max(n - 1);
        let overlay = format!("{{meshN: {n}, meshNLow: {low}, meshNHigh: {}, meshOutboundMin: {outbound}}}", n * 2);
        let rest = if churn {
            "groups: [{name: all, peers: PEERS, churn: {online: {exponential: {mean: 20s}}, \
             offline: {exponential: {mean: 5s}}}}]\n  topology: {kRegular: {degree: 12}}"
        } else {
            RANDOM
        };
        let result = run(seed, peers, &overlay, rest, &posts(peers, 100));
        prop_assert_eq!(&result.beats.broken, &Vec::<String>::new());
        prop_assert!(result.beats.seen > 1000);
        prop_assert_eq!(result.outcome.traffic.imbalance(), 0);
        if !churn {
            for number in 0..3 {
                let item = ItemId::new(0, Peer(number * 7 % peers), 20_000 + 1000 * number);
                prop_assert_eq!(result.readers(item), peers as usize - 1);
            }
        }
    }
}

/// A mesh so thin that it falls apart: what it misses is announced and asked for.
#[test]
fn gossip_repairs_what_the_mesh_misses() {
    let thin = "{meshN: 1, meshNLow: 1, meshNHigh: 2, meshOutboundMin: 0, floodPublish: false";
    let mesh_alone =
        run(3, 60, &format!("{thin}, gossipLazy: 0, gossipFactor: 0%}}"), RANDOM, &posts(60, 100));
    let repaired = run(3, 60, &format!("{thin}}}"), RANDOM, &posts(60, 100));
    let item = ItemId::new(0, Peer(0), 20_000);
    assert!(mesh_alone.readers(item) < 59, "{} had it without gossip", mesh_alone.readers(item));
    assert_eq!(repaired.readers(item), 59);
    assert!(repaired.of(PubsubCount::Asked) > 0);
    assert_eq!(mesh_alone.of(PubsubCount::Announced), 0);
}

/// A peer that was cut off for less than the connections live is told of what it missed as long as it is announced.
#[test]
fn who_was_cut_off_is_told_of_what_it_missed() {
    let rest = "groups: [{name: most, peers: 40}, {name: one, peers: 1}]
  topology: {kRegular: {degree: 12}}
  network: {timeout: 3s}
  faults: [{name: cut, at: 25s, for: 4s, outage: {group: one}}]";
    let overlay = "{historyLength: 20, historyGossip: 20}";
    let missed = (26_000, 0, 100);
    let result = run(5, 41, overlay, rest, &[missed]);
    assert_eq!(result.readers(ItemId::new(0, Peer(0), 26_000)), 40);
    assert!(result.of(PubsubCount::Asked) > 0);
}

/// Long items over slow links: each peer hears from most of its mesh that it need not send before its turn comes.
#[test]
fn saying_what_is_not_wanted_saves_copies() {
    let slow = "groups: [{name: all, peers: PEERS, link: {profile: cable, up: 4Mbit}}]
  topology: {kRegular: {degree: 12}}";
    let long = posts(40, 20_000);
    let told = run(7, 40, "{}", slow, &long);
    let silent = run(7, 40, "{idontwantMessageSizeThreshold: 1Gi}", slow, &long);
    assert!(told.of(PubsubCount::Spared) > 0);
    assert_eq!(silent.of(PubsubCount::Spared), 0);
    assert!(
        told.sums.duplicate * 10 < silent.sums.duplicate * 9,
        "{} of {}",
        told.sums.duplicate,
        silent.sums.duplicate
    );
}

/// A link that is much too slow for the items that it must pass on.
#[test]
fn items_go_stale_behind_a_link_that_is_too_slow() {
    let slow = "groups: [{name: all, peers: PEERS, link: {profile: cable, up: 500kbit}}]
  topology: {kRegular: {degree: 12}}";
    let result = run(9, 30, "{sendBuffer: 4KiB}", slow, &posts(30, 30_000));
    assert!(result.of(PubsubCount::Dropped) > 100, "{}", result.of(PubsubCount::Dropped));
}
