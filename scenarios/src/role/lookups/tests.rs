//! Stories of a few peers over a discovery that answers what it is told to.

use super::*;
use crate::{
    host::{Circle, Effect, Env, Links, Outbox, Overlay, PeerHost, RoleSlot, Uplink, Why},
    seed::Seed,
    spec::{Count, lookups::LookupsSpec},
    world::Shared,
};

/// What stands below the role: it answers every lookup with these peers.
#[derive(Debug)]
struct Oracle(Vec<Peer>);

impl Machine<Shared> for Oracle {
    fn step(&mut self, _: &mut Cx<'_, Shared>, _: Input<Shared>) {}
    fn digest(&self) -> u64 {
        0
    }
}

impl Overlay<Shared> for Oracle {
    fn links(&self) -> Links {
        Links::Chosen
    }
    fn publish(&mut self, _: &mut Cx<'_, Shared>, _: <Shared as Host>::Item) {}
    fn look_up(&mut self, cx: &mut Cx<'_, Shared>, workload: u8, query: QueryId, _: Lookup) {
        let found =
            Found { peers: self.0.clone(), kept: !self.0.is_empty(), hops: Some(2), requests: 5, failed: 1 };
        cx.found(workload, query, found);
    }
}

struct Story {
    peer: PeerHost<Oracle, Lookups>,
    now: Nanos,
}

const ME: Peer = Peer(0);

impl Story {
    fn new(found: &[u32]) -> Self {
        let spec = LookupsSpec { contents: Count::new(4), copies: Count::new(1), ..LookupsSpec::default() };
        let others: Vec<Peer> = (0..5).map(Peer).collect();
        let plan = LookupsPlan::new(spec, 0, others.clone(), &[ME], others, Seed(1), Nanos::from_secs(300));
        let oracle = Oracle(found.iter().copied().map(Peer).collect());
        let peer = PeerHost::new(oracle, vec![RoleSlot::new(0, Lookups::new(Arc::new(plan)))]);
        Self { peer, now: Nanos::ZERO }
    }

    fn step(&mut self, input: Input<Shared>) -> (Vec<Fact>, Vec<Peer>, Vec<Peer>) {
        let mut out = Outbox::default();
        let env = Env {
            now: self.now,
            me: ME,
            seed: Seed(1),
            neighbours: &Circle::default(),
            uplink: &Uplink::IDLE,
            host: &mut Shared,
            out: &mut out,
        };
        self.peer.step(env, input);
        let (mut facts, mut dialled, mut hung_up) = (Vec::new(), Vec::new(), Vec::new());
        for effect in out.effects {
            match effect {
                Effect::Record(fact) => facts.push(fact),
                Effect::Dial(peer) => dialled.push(peer),
                Effect::HangUp(peer) => hung_up.push(peer),
                _ => {}
            }
        }
        (facts, dialled, hung_up)
    }

    fn start(&mut self) -> (Vec<Fact>, Vec<Peer>, Vec<Peer>) {
        self.step(Input::Start { kept: Box::default() })
    }

    fn command(&mut self, command: Command) -> (Vec<Fact>, Vec<Peer>, Vec<Peer>) {
        self.step(Input::Command { workload: 0, command })
    }
}

const ASKED: Asked = Asked { began: Nanos::ZERO, hops: Some(2), requests: 5, failed: 1 };

#[test]
fn who_looks_for_a_content_ends_in_touch_with_a_provider() {
    let mut story = Story::new(&[3, 4]);
    story.start();
    let (facts, dialled, _) = story.command(Command::FindProviders { content: 2 });
    assert_eq!(
        facts.last(),
        Some(&Fact::ProvidersSought { workload: 0, content: 2, count: 2, asked: ASKED })
    );
    assert_eq!((facts.len(), dialled), (3, vec![Peer(3)]));
    story.now = Nanos::from_secs(1);
    let (facts, dialled, _) = story.step(Input::PeerDown { peer: Peer(3), why: Why::Unreachable });
    assert_eq!((facts, dialled), (vec![], vec![Peer(4)]));
    let (facts, _, hung_up) = story.step(Input::PeerUp { peer: Peer(4), link: Link::Dialled });
    assert_eq!(facts, [Fact::Retrieved { workload: 0, began: Nanos::ZERO, reached: true }]);
    assert_eq!(hung_up, []);
    let end = TimerKey(1 << 24 | END.0);
    assert_eq!(story.step(Input::Timer(end)).2, [Peer(4)]);
    story.step(Input::PeerDown { peer: Peer(4), why: Why::HungUp });
    assert_eq!(story.step(Input::Timer(end)).2, []);
}

#[test]
fn a_connection_that_stands_already_serves() {
    let mut story = Story::new(&[3]);
    story.start();
    story.step(Input::PeerUp { peer: Peer(3), link: Link::Accepted });
    let (facts, dialled, hung_up) = story.command(Command::FindProviders { content: 2 });
    assert_eq!(facts.last(), Some(&Fact::Retrieved { workload: 0, began: Nanos::ZERO, reached: true }));
    assert_eq!((dialled, hung_up), (vec![], vec![]));
}

#[test]
fn a_lookup_without_a_provider_that_answers_fails() {
    let failed = Fact::Retrieved { workload: 0, began: Nanos::ZERO, reached: false };
    let mut alone = Story::new(&[]);
    alone.start();
    let (facts, ..) = alone.command(Command::FindProviders { content: 1 });
    assert_eq!(facts.last(), Some(&failed));
    let mut silent = Story::new(&[3]);
    silent.start();
    silent.command(Command::FindProviders { content: 1 });
    let (facts, ..) = silent.step(Input::Timer(TimerKey(1 << 24)));
    assert_eq!(facts, [failed]);
}

#[test]
fn a_provider_that_comes_back_says_again_what_it_has() {
    let mut story = Story::new(&[1, 2]);
    assert_eq!(story.start().0, [], "its time has not come");
    story.now = Nanos::from_secs(100);
    let (facts, ..) = story.start();
    let contents: Vec<u32> = facts
        .iter()
        .map(|fact| match fact {
            Fact::Provided { content, kept: true, .. } => *content,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(contents, [0, 1, 2, 3]);
}

#[test]
fn a_peer_is_found_when_it_is_among_those_that_discovery_names() {
    let mut story = Story::new(&[3]);
    story.start();
    for (peer, found) in [(3, true), (4, false)] {
        let (facts, ..) = story.command(Command::FindPeer { peer: Peer(peer) });
        assert_eq!(facts, [Fact::PeerSought { workload: 0, peer: Peer(peer), found, asked: ASKED }]);
    }
}
