//! Stories of an update, and the laws that it keeps whatever the network does.

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::{
    host::{Behaviour, Circle, Effect, Env, Outbox, PeerHost, RoleSlot, Uplink},
    overlay::Flood,
    plan::{Files, Plan, WorkloadKind, update::Locality},
    report::ChunkFate,
    seed::Seed,
    spec::read::read,
    units::Share,
    wire::{merkle::Digest, update::chunk_of},
    world::{Shared, World},
};

const ORIGIN: Peer = Peer(0);

/// The peer that is alone with its host in some stories.
const ME: Peer = Peer(3);

type Swarm = World<Flood<Shared>, Distribution<Shared>>;

/// An update among a publisher and others with six neighbours each.
struct Party {
    plan: Arc<UpdatePlan>,
    edges: Vec<(Peer, Peer)>,
    peers: u32,
    seed: Seed,
}

impl Party {
    fn new(others: u32, seed: u64, update: &str) -> Self {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: party}}
spec:
  duration: 1h
  groups: [{{name: origin, peers: 1}}, {{name: home, peers: {others}}}]
  topology: {{kRegular: {{degree: 6}}}}
  workloads: [{{name: patch, update: {{publisher: {{group: origin}}, {update}}}}}]
"
        );
        let scenario = read("party", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let plan = Plan::new(&scenario, Seed(seed), &Files::new()).expect("a party that can be held");
        let WorkloadKind::Update(update) = &plan.workloads[0].kind else { panic!("it is an update") };
        let edges = plan.graph.links().map(|[a, b]| (Peer(a), Peer(b))).collect();
        Self { plan: update.clone(), edges, peers: others + 1, seed: Seed(seed) }
    }

    fn world(&self) -> Swarm {
        let plan = self.plan.clone();
        let machines =
            move |_| PeerHost::new(Flood::default(), vec![RoleSlot::new(0, Distribution::new(plan.clone()))]);
        World::new(self.seed, self.peers, &self.edges, machines)
    }
}

fn release(world: &mut Swarm, version: u32) {
    world.command(ORIGIN, 0, Command::Release { version });
}

fn progress(world: &Swarm, peer: Peer) -> (u32, u32) {
    world.peer(peer).role(0).expect("it takes part").progress()
}

fn all_have(world: &Swarm, version: u32) -> bool {
    world.up().all(|peer| progress(world, peer) == (version, 0))
}

fn seconds(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// Bytes of kept chunks that came from the publisher, and of all.
fn loads(world: &Swarm) -> (u64, u64) {
    let kept = world.facts().iter().filter_map(|(_, _, fact)| match *fact {
        Fact::ChunkCame { from, bytes, fate: ChunkFate::Kept, .. } => Some((from, u64::from(bytes))),
        _ => None,
    });
    kept.fold((0, 0), |(origin, all), (from, bytes)| {
        (origin + if from == ORIGIN { bytes } else { 0 }, all + bytes)
    })
}

/// The manifests refused, and why.
fn refusals(world: &Swarm) -> Vec<(Peer, ManifestFault)> {
    let all = world.facts().iter();
    all.filter_map(|&(_, peer, fact)| match fact {
        Fact::ManifestRefused { why, .. } => Some((peer, why)),
        _ => None,
    })
    .collect()
}

/// What must hold at any time: whoever keeps a chunk was right to, and whoever installs has what was released.
fn check(plan: &UpdatePlan, world: &Swarm) {
    for peer in world.up() {
        let role = world.peer(peer).role(0).expect("it takes part");
        let Some(release) = plan.release(role.progress().0) else { continue };
        for chunk in role.chunks() {
            assert!(release.manifest.accepts(chunk).is_some(), "{peer} keeps {chunk:?}");
        }
    }
    for (_, peer, fact) in world.facts() {
        if let Fact::Installed { version, content, .. } = *fact {
            let released = plan.release(version).expect("it was released").content();
            assert_eq!(content, released, "{peer} installs what was released");
        }
    }
}

#[test]
fn everybody_gets_a_release_and_most_of_it_from_others() {
    let party = Party::new(60, 1, "size: 4Mi");
    let mut world = party.world().loss(Share::percent(2)).jitter(Nanos::from_millis(20));
    world.run_until(seconds(1));
    release(&mut world, 1);
    world.run_until(seconds(60));
    assert!(all_have(&world, 1), "{:?}", world.up().map(|peer| progress(&world, peer)).collect::<Vec<_>>());
    check(&party.plan, &world);
    let (origin, all) = loads(&world);
    assert!(all >= 60 * (4 << 20), "everybody got all of it: {all} bytes");
    // Sixty copies came to those sixty, and little more than one of them from the publisher.
    assert!(origin * 30 < all, "{origin} of {all} bytes came from the publisher");
}

#[test]
fn who_comes_back_goes_on_where_it_was_and_who_comes_late_gets_the_newest() {
    let party = Party::new(30, 2, "size: 8Mi, chunk: 64Ki, fetch: {parallel: 2}");
    let late = Peer(30);
    let mut world = party.world().without(late);
    world.run_until(seconds(1));
    release(&mut world, 1);
    let victim = Peer(7);
    while progress(&world, victim).1 != 60 {
        assert!(world.step(), "it gets to 60 missing chunks");
    }
    world.crash(victim);
    world.run_for(seconds(60));
    world.start(victim);
    assert_eq!(progress(&world, victim), (1, 60), "what it had was stored");
    world.start(late);
    world.run_for(seconds(60));
    assert!(all_have(&world, 1));
    check(&party.plan, &world);
}

#[test]
fn adversaries_are_found_out_and_gone_around() {
    let party = Party::new(60, 3, "size: 2Mi, releases: 2, fallback: 1m");
    let bad = |from: u32, behaviour| (from..from + 5).map(move |peer| (Peer(peer), behaviour));
    let adversaries = bad(1, Behaviour::Corruptor)
        .chain(bad(6, Behaviour::FreeRider))
        .chain(bad(11, Behaviour::StaleSeeder))
        .chain(bad(16, Behaviour::Silent));
    let mut world = adversaries.fold(party.world(), |world, (peer, it)| world.behaviour(peer, it));
    for version in [1, 2] {
        world.run_for(seconds(1));
        release(&mut world, version);
        world.run_for(seconds(120));
        let honest = (21..61).map(Peer).all(|peer| progress(&world, peer) == (version, 0));
        assert!(honest, "version {version}");
    }
    check(&party.plan, &world);
    let refused = world.facts().iter().filter(|(_, _, fact)| {
        matches!(fact, Fact::ChunkCame { from, fate: ChunkFate::Refused, .. } if (1..16).contains(&from.0))
    });
    assert!(refused.count() > 0, "falsified chunks came");
    let unfair = |(_, _, fact): &&(Nanos, Peer, Fact)| matches!(fact, Fact::ChunkCame { from, fate: ChunkFate::Refused, .. } if from.0 == 0 || from.0 > 15);
    assert_eq!(world.facts().iter().find(unfair), None, "nobody else is refused");
}

#[test]
fn a_rollout_goes_by_stages() {
    let stages = "rollout: [{share: 20%, after: 0s}, {share: 100%, after: 5m}]";
    let party = Party::new(100, 4, &format!("size: 1Mi, {stages}"));
    let mut world = party.world();
    world.run_until(seconds(1));
    release(&mut world, 1);
    let done = |world: &Swarm| (1..101).filter(|&peer| progress(world, Peer(peer)) == (1, 0)).count();
    world.run_until(seconds(290));
    let canaries = done(&world);
    assert!((10..=30).contains(&canaries), "{canaries} of 100 go first");
    assert!((1..101).all(|peer| progress(&world, Peer(peer)).0 == 1), "but all know of it");
    world.run_until(seconds(400));
    assert_eq!(done(&world), 100);
}

/// A peer alone with its host.
struct Alone {
    host: PeerHost<Flood<Shared>, Distribution<Shared>>,
    out: Outbox<Shared>,
    now: Nanos,
    /// Whom it asked for which chunk.
    asked: Vec<(Peer, u32)>,
}

impl Alone {
    fn new(plan: Arc<UpdatePlan>) -> Self {
        let host = PeerHost::new(Flood::default(), vec![RoleSlot::new(0, Distribution::new(plan))]);
        let mut alone = Self { host, out: Outbox::default(), now: Nanos::ZERO, asked: Vec::new() };
        alone.input(Input::Start { kept: Box::default() });
        alone
    }

    fn input(&mut self, input: Input<Shared>) {
        let Self { host, out, now, asked } = self;
        let before = out.effects.len();
        let env = Env {
            now: *now,
            me: ME,
            seed: Seed(1),
            neighbours: &Circle::default(),
            uplink: &Uplink::IDLE,
            host: &mut Shared,
            out,
        };
        host.step(env, input);
        asked.extend(out.effects[before..].iter().filter_map(|effect| match effect {
            Effect::Fetch { from, what, .. } => Some((*from, chunk_of(*what)?.1)),
            _ => None,
        }));
    }

    fn due(&mut self, TimerKey(key): TimerKey) {
        self.input(Input::Timer(TimerKey(1 << 24 | key)));
    }

    fn meets(&mut self, peer: Peer, have: HaveMap) {
        self.input(Input::PeerUp { peer, link: Link::Accepted });
        let msg = Msg::new(Kind::UpdateHave, 0, Payload::Note(Arc::new(Note::Have(have))));
        self.input(Input::Message { from: peer, lane: Lane::Reliable, msg });
    }

    /// How many chunks it asked a peer for.
    fn asks(&self, peer: Peer) -> usize {
        self.asked.iter().filter(|(from, _)| *from == peer).count()
    }

    /// A neighbour sends a manifest, and why it is refused, if it is.
    fn hears(&mut self, manifest: Manifest, author: Peer, tainted: bool) -> Option<ManifestFault> {
        self.out.effects.clear();
        let id = manifest_id(0, author, manifest.version);
        let mut item = Item::new(id, 0, Nanos::ZERO, Content::Update(UpdateItem::Manifest(manifest)));
        item.tainted = tainted;
        let msg = Msg::new(Kind::UpdateManifest, 0, Payload::Item(Arc::new(item)));
        self.input(Input::Message { from: Peer(5), lane: Lane::Reliable, msg });
        self.out.effects.iter().find_map(|effect| match effect {
            Effect::Record(Fact::ManifestRefused { why, .. }) => Some(*why),
            _ => None,
        })
    }

    fn version(&self) -> u32 {
        self.host.role(0).expect("it takes part").progress().0
    }
}

#[test]
fn the_publisher_is_asked_for_what_others_have_only_by_who_is_late() {
    let party = Party::new(10, 5, "size: 1Mi, chunk: 64Ki, fallback: 30s, partners: {near: 0, far: 0}");
    let mut alone = Alone::new(party.plan.clone());
    assert_eq!(alone.hears(party.plan.release(1).expect("planned").manifest.clone(), ORIGIN, false), None);
    alone.due(BEGIN);
    alone.meets(Peer(5), HaveMap::of(1, 0..15));
    assert_eq!(alone.asks(Peer(5)), 4, "as many as one is asked for");
    alone.meets(ORIGIN, HaveMap::of(1, 0..16));
    assert_eq!((alone.asks(Peer(5)), alone.asks(ORIGIN)), (4, 1), "the one that nobody else has");
    alone.now = seconds(30);
    alone.due(FALLBACK);
    assert_eq!((alone.asks(Peer(5)), alone.asks(ORIGIN)), (4, 4));
    let mut lonely = Alone::new(party.plan.clone());
    lonely.hears(party.plan.release(1).expect("planned").manifest.clone(), ORIGIN, false);
    lonely.now = seconds(30);
    lonely.due(FALLBACK);
    assert!(lonely.out.effects.iter().any(|effect| matches!(effect, Effect::Dial(ORIGIN))));
}

#[test]
fn those_nearby_are_asked_before_those_far_away_and_the_rarest_first() {
    let party =
        Party::new(40, 8, "size: 1Mi, chunk: 64Ki, fetch: {parallel: 4}, partners: {near: 0, far: 0}");
    let mut others = (1..41).map(Peer).filter(|peer| *peer != ME);
    let near = others.clone().find(|&peer| party.plan.locality(ME, peer) == Locality::Region);
    let mut far = others.by_ref().filter(|&peer| party.plan.locality(ME, peer) == Locality::Far);
    let (near, far, other) = (near.expect("some are near"), far.next().expect("some are far"), far.next());
    let other = other.expect("and more than one");
    let manifest = party.plan.release(1).expect("planned").manifest.clone();
    let asked = |mates: &[(Peer, u32)]| {
        let mut alone = Alone::new(party.plan.clone());
        mates.iter().for_each(|&(peer, has)| alone.meets(peer, HaveMap::of(1, 0..has)));
        alone.hears(manifest.clone(), ORIGIN, false);
        alone.due(BEGIN);
        alone.asked
    };
    let from = asked(&[(far, 16), (near, 12)]).into_iter().map(|(peer, _)| peer);
    assert_eq!(from.collect::<Vec<_>>(), [near; 4], "though the other has more");
    let which = asked(&[(far, 16), (other, 12)]).into_iter().filter(|(peer, _)| *peer == far);
    assert!(
        which.clone().count() > 0 && which.into_iter().all(|(_, index)| index >= 12),
        "what one alone has"
    );
}

#[test]
fn rollback_freeze_forgery_and_strangers_are_refused() {
    let party = Party::new(10, 6, "size: 1Mi, releases: 3, validFor: 30m");
    let manifest = |version| party.plan.release(version).expect("it is planned").manifest.clone();
    let mut alone = Alone::new(party.plan.clone());
    assert_eq!(alone.hears(manifest(2), ORIGIN, true), Some(ManifestFault::Tainted));
    assert_eq!(alone.hears(manifest(2), Peer(4), false), Some(ManifestFault::Stranger));
    assert_eq!(alone.version(), 0);
    assert_eq!(alone.hears(manifest(2), ORIGIN, false), None);
    assert_eq!(alone.version(), 2);
    assert_eq!(alone.hears(manifest(1), ORIGIN, false), Some(ManifestFault::Rollback));
    assert_eq!(alone.hears(manifest(2), ORIGIN, false), None, "the same again is no news");
    alone.now = seconds(3_600);
    assert_eq!(alone.hears(manifest(3), ORIGIN, false), Some(ManifestFault::Expired));
    assert_eq!(alone.version(), 2);
}

#[test]
fn chunks_of_real_bytes_are_checked_byte_by_byte() {
    let party = Party::new(10, 7, "size: 2Ki, chunk: 1Ki");
    let bodies = [vec![7u8; 1_024], vec![8; 1_024]];
    let leaves: Vec<Digest> = bodies.iter().map(|body| merkle::leaf(body)).collect();
    let planned = party.plan.release(1).expect("it is planned").manifest.clone();
    let manifest = Manifest { root: merkle::root(&leaves), ..planned };
    let serve = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut alone = Alone::new(party.plan.clone());
        assert_eq!(alone.hears(manifest.clone(), ORIGIN, false), None);
        alone.due(BEGIN);
        alone.out.effects.clear();
        alone.meets(Peer(5), HaveMap::of(1, [0, 1]));
        for effect in std::mem::take(&mut alone.out.effects) {
            if let Effect::Fetch { req, what, .. } = effect {
                let (version, index) = chunk_of(what).expect("a chunk is asked for");
                let mut body = bodies[index as usize].clone();
                change(&mut body);
                let path = merkle::paths(&leaves).remove(index as usize);
                let chunk = Chunk { version, index, path, body: Blob::Real(body.into()) };
                let item = Item::new(what, 0, Nanos::ZERO, Content::Update(UpdateItem::Chunk(chunk)));
                alone.input(Input::Fetched { req, result: Ok(Arc::new(item)) });
            }
        }
        alone.host.role(0).expect("it takes part").progress()
    };
    assert_eq!(serve(&|_| ()), (1, 0));
    assert_eq!(serve(&|body| body[500] ^= 1), (1, 2), "one bit is enough");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn every_accepted_byte_is_verified_and_all_who_stay_converge(
        seed in 0u64..1_000,
        loss in 0u32..20,
        jitter in 0u64..200,
        crashes in prop::collection::vec((1u32..25, 0u64..20_000, 0u64..20_000), 0..12),
        bad in prop::collection::btree_set(1u32..25, 0..6),
        behaviour in prop::sample::select(vec![Behaviour::Corruptor, Behaviour::StaleSeeder, Behaviour::FreeRider]),
    ) {
        let party = Party::new(24, seed, "size: 1Mi, chunk: 32Ki, releases: 2, fallback: 30s");
        let world = party.world().loss(Share::percent(loss)).jitter(Nanos::from_millis(jitter)).unruly();
        let mut world = bad.iter().fold(world, |world, &peer| world.behaviour(Peer(peer), behaviour));
        let mut turns: Vec<_> = crashes
            .iter()
            .flat_map(|&(peer, at, lasts)| [(at, peer, false), (at + lasts, peer, true)])
            .chain([(1_000, 0, true), (10_000, 0, true)])
            .collect();
        turns.sort_unstable();
        let mut version = 0;
        for (at, peer, up) in turns {
            world.run_until(Nanos::from_millis(1_000 + at));
            match (peer, up, world.is_up(Peer(peer))) {
                (0, ..) => {
                    version += 1;
                    release(&mut world, version);
                }
                (_, true, false) => world.start(Peer(peer)),
                (_, false, true) => world.crash(Peer(peer)),
                _ => {}
            }
            check(&party.plan, &world);
        }
        world.run_for(seconds(300));
        check(&party.plan, &world);
        let honest = (1..25).filter(|peer| !bad.contains(peer)).map(Peer);
        for peer in honest {
            prop_assert_eq!(progress(&world, peer), (2, 0), "{} is done", peer);
        }
        prop_assert!(refusals(&world).iter().all(|(_, why)| *why != ManifestFault::Stranger));
    }
}
