//! gossipsub as libp2p has it: a model of version 0.50 of its Rust crate.
//!
//! Each topic has a mesh: every subscriber keeps some of its neighbours who subscribe too, and passes each new item on to
//! these. At each heartbeat it tells some of the others which items it had of late (IHAVE), and who lacks one asks for it
//! (IWANT). So items travel fast along the mesh, and what the mesh misses is repaired a heartbeat later.
//!
//! Specifications: gossipsub [v1.0](https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.0.md) (mesh,
//! gossip, fanout), [v1.1](https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.1.md) (backoff, flood
//! publishing, outbound quota, scores, opportunistic grafting) and
//! [v1.2](https://github.com/libp2p/specs/blob/master/pubsub/gossipsub/gossipsub-v1.2.md) (IDONTWANT); paper: Vyzovitis et
//! al., 2020, <https://arxiv.org/abs/2007.02754>. Where libp2p differs from these, it is followed.
//!
//! | module | what of libp2p-gossipsub 0.50.1 it imitates |
//! |---|---|
//! | `mesh` | `behaviour.rs`: subscriptions, JOIN, LEAVE, GRAFT, PRUNE |
//! | `spread` | `behaviour.rs`: publishing, forwarding, IHAVE, IWANT, IDONTWANT |
//! | `heartbeat` | `behaviour.rs`: `heartbeat`, `emit_gossip` |
//! | `topics` | who subscribes to what, `mesh` and `fanout` |
//! | `neighbours`, `roster`, `queue` | `handler.rs`, `queue.rs`, `types.rs`: `PeerDetails` |
//! | `cache` | `mcache.rs` |
//! | `known` | `time_cache.rs`, `types.rs`: `PeerDetails::dont_send` |
//! | `promises`, `backoffs` | `gossip_promises.rs`, `backoff.rs` |
//! | `score` | `peer_score.rs` |
//!
//! Beyond libp2p, as any program on top of it must: an item that is published before a neighbour is known to subscribe
//! waits for the first that does, where libp2p gives an error (`NoPeersSubscribedToTopic`).
//!
//! Left out: peer exchange (off in libp2p), explicit peers, floodsub peers, parameters by topic, partial messages. A control
//! message that is too long is lost by itself, where libp2p ends the stream and opens it anew. Verification takes no time
//! but that of `processing`.

mod backoffs;
mod cache;
mod counts;
mod heartbeat;
mod known;
mod mesh;
mod neighbours;
mod promises;
mod queue;
mod roster;
mod score;
mod spread;
mod topics;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, mem::offset_of, sync::Arc};

use peerlab_scenarios::{
    host::{Cx, Input, Link, Links, Machine, Msg, Overlay, Payload, Peer, TimerKey},
    plan::Plan,
    report::{Fact, PubsubCount},
    seed::mix,
    spec::overlay::{Gossipsub as Params, Score},
    wire::{Kind, Topic},
};

use self::{
    backoffs::Backoffs,
    cache::Cache,
    counts::Counts,
    known::Known,
    neighbours::{Neighbours, WRITE},
    promises::Promises,
    queue::Outgoing,
    roster::Number,
    score::Scores,
    topics::Topics,
};
use crate::engine::{
    prefetch::Prefetch,
    rpc::Rpc,
    store::{ItemRef, NoteRef, Store},
};

/// What the model imitates, as a report names it.
pub const MODEL: &str = "gossipsub/0.50";

/// Time for a heartbeat.
const HEARTBEAT: TimerKey = TimerKey(0);
/// Time for counters of scores to decay.
const DECAY: TimerKey = TimerKey(2);

/// What all peers of a run share.
#[derive(Debug)]
pub struct Fleet {
    params: Params,
    score: Option<Arc<Score>>,
    /// The site of each peer whose address is that of a site; empty when there are no sites.
    sites: Vec<Option<u32>>,
}

impl Fleet {
    /// The fleet of a plan.
    #[must_use]
    pub fn new(plan: &Plan, params: &Params) -> Arc<Self> {
        let has_sites = plan.sites.instances() > 0;
        let sites = plan.peers.iter().filter(|_| has_sites).map(|peer| plan.peers.site(peer));
        Arc::new(Self {
            params: params.clone(),
            score: params.score.clone().map(Arc::new),
            sites: sites.collect(),
        })
    }

    /// The site whose address `other` has in the eyes of `me`, if it shares one with others. Within a site, each peer has
    /// its own.
    fn address(&self, me: Peer, other: Peer) -> Option<u32> {
        let site = |peer: Peer| self.sites.get(peer.index()).copied().flatten();
        site(other).filter(|it| site(me) != Some(*it))
    }
}

/// A peer of gossipsub.
///
/// Fields are laid out as they stand here: what every message touches comes first, in few lines of the cache, and what only an
/// item that is new touches behind it.
#[derive(Debug)]
#[repr(C)]
pub struct Gossipsub {
    known: Known,
    neighbours: Neighbours,
    scores: Option<Box<Scores>>,
    fleet: Arc<Fleet>,
    counts: Counts,
    topics: Topics,
    promises: Promises,
    cache: Cache,
    backoffs: Backoffs,
    /// Items published before anybody subscribed.
    early: VecDeque<ItemRef>,
    ticks: u32,
}

// Behind the word in which the host notes that the peer runs, what a message touches that says nothing new is in two lines of the cache: up
// to the count of duplicates, the first of all counts.
const _: () = assert!(size_of::<u64>() + offset_of!(Gossipsub, counts) + size_of::<u64>() <= 2 * 64);

impl Gossipsub {
    /// A peer without neighbours.
    #[must_use]
    pub fn new(fleet: Arc<Fleet>) -> Self {
        let params = &fleet.params;
        Self {
            topics: Topics::default(),
            neighbours: Neighbours::new(params.send_buffer.0, params.connection_handler_queue_len.size()),
            known: Known::new(params.duplicate_cache_time),
            cache: Cache::new(params.history_length.size()),
            promises: Promises::default(),
            backoffs: Backoffs::default(),
            scores: fleet.score.clone().map(|score| Box::new(Scores::new(score))),
            counts: Counts::default(),
            early: VecDeque::new(),
            ticks: 0,
            fleet,
        }
    }

    /// The peers of its mesh of a topic, in ascending order; none when it does not subscribe.
    pub fn mesh(&self, topic: Topic) -> impl Iterator<Item = Peer> + '_ {
        let state = self.topics.get(topic).filter(|state| state.subscribed);
        state.into_iter().flat_map(topics::TopicState::chosen)
    }

    /// The score that it gives a peer; 0 when it keeps none.
    #[must_use]
    pub fn score(&self, peer: Peer) -> f64 {
        self.scores.as_ref().map_or(0.0, |scores| scores.of(peer))
    }

    fn write(&mut self, cx: &mut Cx<'_, Store>, to: Peer, out: Outgoing) {
        self.neighbours.write(cx, &mut self.counts, to, out);
    }

    fn send(&mut self, cx: &mut Cx<'_, Store>, to: Peer, rpc: Rpc) {
        self.write(cx, to, Outgoing::Rpc(rpc));
    }

    fn start(&mut self, cx: &mut Cx<'_, Store>) {
        let params = &self.fleet.params;
        // Programs start at any moment between two ticks of the others.
        let phase = cx.rng().below_nanos(params.heartbeat_interval);
        let first = cx.now.saturating_add(params.heartbeat_initial_delay).saturating_add(phase);
        cx.set_timer(HEARTBEAT, first);
        self.known.expect_beat(first, params.heartbeat_interval);
        self.decay_later(cx);
    }

    fn decay_later(&self, cx: &mut Cx<'_, Store>) {
        if let Some(scores) = &self.scores {
            cx.set_timer(DECAY, cx.now.saturating_add(scores.params().decay_interval));
        }
    }

    fn connected(&mut self, cx: &mut Cx<'_, Store>, peer: Peer, link: Link) {
        let outbound = match link {
            Link::Dialled => true,
            Link::Accepted => false,
            // The plan does not say who dialled: either end, with equal chance.
            Link::Planned => {
                let (low, high) = (cx.me.min(peer), cx.me.max(peer));
                (mix(u64::from(low.0), u64::from(high.0), 0) & 1 == 0) == (cx.me == low)
            }
        };
        if !self.neighbours.add(peer, outbound) {
            return;
        }
        if let Some(scores) = &mut self.scores {
            scores.connected(peer, self.fleet.address(cx.me, peer));
        }
        self.write(cx, peer, Outgoing::Extensions);
        let hello: Vec<_> = self.topics.subscribed().map(|state| (state.topic, true)).collect();
        if !hello.is_empty() {
            self.send(cx, peer, Rpc::Subscriptions(hello));
        }
    }

    fn disconnected(&mut self, cx: &Cx<'_, Store>, peer: Peer) {
        if let Some(number) = self.neighbours.remove(peer) {
            self.known.forget_all_of(number);
            self.topics.remove_everywhere(peer);
            if let Some(scores) = &mut self.scores {
                scores.disconnected(cx.now, peer);
            }
        }
    }

    fn on_message(&mut self, cx: &mut Cx<'_, Store>, from: Peer, msg: Msg<Store>) {
        match (msg.kind, msg.payload) {
            (Kind::PubsubPublish, Payload::Item(item)) if self.heeds(from) => {
                self.on_publish(cx, from, msg.hops, item);
            }
            // What is still on its way when a connection ends is not heeded.
            (_, Payload::Note(note)) => {
                if let Some(number) = self.neighbours.number(from) {
                    self.on_note(cx, from, number, note);
                }
            }
            // Extensions, of which this model speaks none.
            _ => {}
        }
    }

    /// A control message of the neighbour of this number.
    #[inline]
    fn on_note(&mut self, cx: &mut Cx<'_, Store>, from: Peer, number: Number, note: NoteRef) {
        if let Some(item) = note.called_off() {
            if self.takes(cx.host(), &Rpc::IDontWant(item)) && self.heeds(from) {
                self.on_dont_want(cx.now, cx.host(), number, item);
            }
            return;
        }
        let Some(rpc) = cx.host().rpc(note) else { return };
        if self.takes(cx.host(), rpc) {
            self.on_rpc(cx, from, number, note);
        }
    }

    /// Whether a message is not too long.
    #[inline]
    fn takes(&mut self, host: &Store, rpc: &Rpc) -> bool {
        let taken = u64::from(host.envelope().body(rpc)) <= self.fleet.params.max_control_message_size.0;
        if !taken {
            self.counts.add(PubsubCount::Refused, 1);
        }
        taken
    }

    fn on_rpc(&mut self, cx: &mut Cx<'_, Store>, from: Peer, number: Number, note: NoteRef) {
        let Some(rpc) = cx.host().rpc(note) else { return };
        // Subscriptions are heeded whatever the score.
        if let Rpc::Subscriptions(subscriptions) = rpc {
            let subscriptions = subscriptions.clone();
            return self.on_subscriptions(cx, from, number, &subscriptions);
        }
        if !self.heeds(from) {
            return;
        }
        match *rpc {
            Rpc::Subscriptions(_) | Rpc::IDontWant(_) => unreachable!("these are done with by now"),
            Rpc::Graft(topic) => self.on_graft(cx, from, topic),
            Rpc::Prune(topic, backoff) => self.on_prune(cx, from, topic, backoff),
            Rpc::IHave(topic, _) => self.on_have(cx, from, number, topic, note),
            Rpc::IWant(ref items) => {
                let items = items.clone();
                self.on_want(cx, from, number, &items);
            }
        }
    }

    /// Whether what a peer says is heeded at all.
    #[inline]
    fn heeds(&mut self, peer: Peer) -> bool {
        let Some(scores) = &self.scores else { return true };
        let heeded = scores.of(peer) >= scores.params().graylist_threshold;
        if !heeded {
            self.counts.add(PubsubCount::Ignored, 1);
        }
        heeded
    }

    /// Whether gossip with a peer is worth it.
    fn gossips_with(&self, peer: Peer) -> bool {
        self.scores.as_ref().is_none_or(|scores| scores.of(peer) >= scores.params().gossip_threshold)
    }

    /// Whether items of this peer's own are published to a peer.
    fn publishes_to(&self, peer: Peer) -> bool {
        self.scores.as_ref().is_none_or(|scores| scores.of(peer) >= scores.params().publish_threshold)
    }

    /// Holds against peers what they did not take in time.
    fn note_slow_peers(&mut self) {
        if let Some(scores) = &mut self.scores {
            self.neighbours.slow.iter().for_each(|peer| scores.was_slow(*peer));
        }
        self.neighbours.slow.clear();
    }
}

impl Machine<Store> for Gossipsub {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Message { from, msg, .. } => self.on_message(cx, from, msg),
            Input::Timer(HEARTBEAT) => self.heartbeat(cx),
            Input::Timer(WRITE) => self.neighbours.write_on(cx, &mut self.counts),
            Input::Timer(DECAY) => {
                if let Some(scores) = &mut self.scores {
                    scores.refresh(cx.now);
                }
                self.decay_later(cx);
            }
            Input::Start { .. } => self.start(cx),
            Input::PeerUp { peer, link } => self.connected(cx, peer, link),
            Input::PeerDown { peer, .. } => self.disconnected(cx, peer),
            Input::Timer(key) => unreachable!("gossipsub sets no timer {key:?}"),
            // libp2p says no word when it leaves; commands, published items and fetches are for roles.
            Input::Stop
            | Input::Command { .. }
            | Input::Published { .. }
            | Input::Asked { .. }
            | Input::Fetched { .. }
            | Input::Found { .. } => {}
        }
        if !self.neighbours.slow.is_empty() {
            self.note_slow_peers();
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.counts.drain(record);
        for state in self.topics.subscribed() {
            record(Fact::MeshDegree { peers: state.degree() as u32 });
        }
    }

    fn digest(&self) -> u64 {
        let mesh =
            self.topics.subscribed().flat_map(|state| state.chosen().map(move |peer| (state.topic, peer)));
        let counts = mix(self.counts.first, self.counts.duplicate, self.counts.tainted);
        mesh.fold(counts, |hash, (topic, peer)| mix(hash, u64::from(topic.number), u64::from(peer.0)))
    }
}

impl Overlay<Store> for Gossipsub {
    fn links(&self) -> Links {
        Links::Planned
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, wanted: bool) {
        if wanted { self.join(cx, topic) } else { self.leave(cx, topic) }
    }

    fn publish(&mut self, cx: &mut Cx<'_, Store>, item: ItemRef) {
        self.publish_own(cx, item);
    }

    fn lives_on(&self, peer: Peer) -> bool {
        self.topics.subscribed().any(|state| state.is_chosen(peer))
    }
}

impl Prefetch for Gossipsub {
    #[inline]
    fn prefetch(&self, msg: &Msg<Store>) {
        let item = match msg.payload {
            Payload::Item(item) => Some(item),
            Payload::Note(note) => {
                self.neighbours.prefetch();
                note.called_off()
            }
            Payload::Nothing => None,
        };
        if let Some(item) = item {
            self.known.prefetch(item);
        }
    }
}
