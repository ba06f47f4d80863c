//! Kademlia as libp2p has it: a model of version 0.49 of its Rust crate, that of libp2p 0.57.
//!
//! Peers and contents have keys in one space, and the distance of two keys is their exclusive or. Each peer knows many that are
//! near to it and few that are far away. To find what is nearest to a key, it asks the nearest that it knows for nearer ones, until
//! there are none: each answer halves the distance several times. Records of who provides a content are kept by the k servers that are
//! nearest to its key.
//!
//! Paper: Maymounkov and Mazières, Kademlia: A peer-to-peer information system based on the XOR metric, IPTPS 2002;
//! specification: <https://github.com/libp2p/specs/blob/master/kad-dht/README.md>. Where libp2p differs, it is followed:
//!
//! | module | what of libp2p-kad 0.49.0 it imitates |
//! |---|---|
//! | `table` | `kbucket.rs`, `kbucket/bucket.rs` |
//! | `closest` | `query/peers/closest.rs` |
//! | `query` | `query.rs`, and what of `behaviour.rs` ends a query |
//! | `records` | `record/store/memory.rs` |
//! | `streams` | `handler.rs`: a stream for each request, which is negotiated first (multistream-select, V1) |
//! | `refresh` | `bootstrap.rs`, `jobs.rs` |
//! | `beside` | a behaviour beside others on the same connections |
//!
//! Besides, as the programs around libp2p-kad do: peers say who they are on each new connection (identify), and who serves goes into
//! the table of either end (`Behaviour::add_address`); a connection that was dialled for a lookup ends when it was idle for long
//! enough (libp2p-swarm's `idle_connection_timeout`).
//!
//! Left out: records of values, disjoint paths, filters of records, the limit of 32 streams on a connection, changes between
//! client and server, addresses that change. A lookup of providers ends as soon as as many are known as were wanted, as programs
//! end it (`QueryMut::finish`).

mod beside;
mod closest;
mod query;
mod records;
mod refresh;
mod streams;
mod table;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use peerlab_scenarios::{
    host::{Cx, Found, Link, Lookup, Msg, Payload, Peer, QueryId, TimerKey},
    plan::{KademliaPlan, discovery::Key},
    report::{Fact, KademliaCount},
    seed::{Rng, mix},
    units::Nanos,
    wire::Kind,
};

pub use self::beside::Beside;
use self::{
    query::{Purpose, Query},
    records::Records,
    refresh::Refresh,
    streams::Connection,
    table::{Insert, Table},
};
use crate::engine::{
    kad::{Named, Rpc, Target},
    store::Store,
};

/// What the model imitates, as a report names it.
pub const MODEL: &str = "kademlia/0.49";

/// libp2p's own k, where it does not ask the parameter (`K_VALUE`): peers in an answer, peers that a lookup begins with, results of a
/// refresh, providers of a content, and peers in a table below which it looks for more at once.
const K_VALUE: usize = 20;

/// Timers of Kademlia have this bit, those of an overlay beside it do not.
const TIMERS: u32 = 1 << 23;
/// Time to look for lookups that took too long.
const LOOK: TimerKey = TimerKey(TIMERS);
/// Time to look for connections that nobody uses.
const IDLE: TimerKey = TimerKey(TIMERS + 1);
/// Time to refresh the table.
const REFRESH: TimerKey = TimerKey(TIMERS + 2);
/// Time to renew records.
const REPUBLISH: TimerKey = TimerKey(TIMERS + 3);

/// What a peer counts.
#[derive(Debug, Default)]
struct Counts([u64; KademliaCount::ALL.len()]);

impl Counts {
    const fn add(&mut self, what: KademliaCount, count: u64) {
        self.0[what as usize] += count;
    }
}

/// A peer of Kademlia.
#[derive(Debug)]
pub struct Kademlia {
    plan: Arc<KademliaPlan>,
    me: Peer,
    serves: bool,
    /// Made when it starts.
    rng: Option<Rng>,
    table: Table,
    connections: BTreeMap<Peer, Connection>,
    /// Peers that are being dialled, and since when.
    dialling: BTreeMap<Peer, Nanos>,
    queries: BTreeMap<u32, Query>,
    next_query: u32,
    records: Records,
    refresh: Refresh,
    /// Connections that have been idle for too long.
    idle: Vec<Peer>,
    /// When the timers are due that are set.
    looks_at: Nanos,
    idles_at: Nanos,
    now: Nanos,
    counts: Counts,
}

impl Kademlia {
    /// A peer that has not started.
    #[must_use]
    pub fn new(plan: &Arc<KademliaPlan>, me: Peer) -> Self {
        let spec = plan.spec();
        Self {
            me,
            serves: plan.servers().contains(me),
            rng: None,
            table: Table::new(plan.key(me), spec.k.size()),
            connections: BTreeMap::new(),
            dialling: BTreeMap::new(),
            queries: BTreeMap::new(),
            next_query: 0,
            records: Records::new(spec.max_contents.size()),
            refresh: Refresh::default(),
            idle: Vec::new(),
            looks_at: Nanos::NEVER,
            idles_at: Nanos::NEVER,
            now: Nanos::ZERO,
            counts: Counts::default(),
            plan: Arc::clone(plan),
        }
    }

    /// The peers in its routing table.
    pub fn known(&self) -> impl Iterator<Item = Peer> + '_ {
        self.table.peers()
    }

    fn key(&self, peer: Peer) -> Key {
        self.plan.key(peer)
    }

    fn start(&mut self, cx: &mut Cx<'_, Store>) {
        self.now = cx.now;
        self.rng = Some(self.plan.seed().stream("kademlia", &[u64::from(self.me.0), cx.now.0]));
        for peer in self.plan.contacts(self.me) {
            self.take_in(cx, peer);
        }
        self.refresh.start(cx, self.plan.spec());
        self.refresh_later(cx);
    }

    /// Learns that a peer serves, and by which address (`Behaviour::add_address`, `Behaviour::connection_updated`).
    fn take_in(&mut self, cx: &mut Cx<'_, Store>, peer: Peer) {
        let (key, connected) = (self.key(peer), self.connections.contains_key(&peer));
        match self.table.add(cx.now, peer, key, connected) {
            Some(Insert::Inserted) => self.grown(cx),
            // Whoever might make room is asked whether it is still there.
            Some(Insert::Pending(other)) => self.dial(cx, other),
            None if connected => self.table.update(cx.now, peer, key, true),
            Some(Insert::Full) | None => {}
        }
    }

    fn dial(&mut self, cx: &mut Cx<'_, Store>, peer: Peer) {
        // An attempt of which nothing was heard for so long has come to nothing.
        const FORGOTTEN: Nanos = Nanos::from_secs(60);
        let under_way = |since: &Nanos| cx.now.saturating_sub(*since) < FORGOTTEN;
        if self.connections.contains_key(&peer) || self.dialling.get(&peer).is_some_and(under_way) {
            return;
        }
        self.dialling.insert(peer, cx.now);
        self.counts.add(KademliaCount::Dialled, 1);
        cx.dial(peer);
    }

    fn connected(&mut self, cx: &mut Cx<'_, Store>, peer: Peer, link: Link) {
        self.now = cx.now;
        let mine = self.dialling.remove(&peer).is_some() && link == Link::Dialled;
        self.connections.insert(peer, Connection::new(mine, cx.now));
        cx.send(peer, streams::LANE, Msg::new(Kind::Identify, 0, Payload::Nothing));
        let waiting = |(&name, query): (&u32, &mut Query)| query.unsent.remove(&peer).then_some(name);
        for name in self.queries.iter_mut().filter_map(waiting).collect::<Vec<_>>() {
            self.open_stream(cx, peer, name);
        }
        self.watch_idle(cx);
    }

    fn disconnected(&mut self, cx: &mut Cx<'_, Store>, peer: Peer) {
        self.now = cx.now;
        self.dialling.remove(&peer);
        self.connections.remove(&peer);
        let key = self.key(peer);
        self.table.update(cx.now, peer, key, false);
        for query in self.queries.values_mut() {
            query.unsent.remove(&peer);
            query.failed(&self.plan, &mut self.counts, peer);
        }
        self.go_on(cx);
    }

    fn timer(&mut self, cx: &mut Cx<'_, Store>, key: TimerKey) {
        self.now = cx.now;
        match key {
            LOOK => {
                self.looks_at = Nanos::NEVER;
                self.go_on(cx);
            }
            IDLE => {
                self.idles_at = Nanos::NEVER;
                self.find_idle();
                self.watch_idle(cx);
            }
            REFRESH => self.refresh_due(cx),
            REPUBLISH => self.republish(cx),
            key => unreachable!("Kademlia sets no timer {key:?}"),
        }
    }

    fn message(&mut self, cx: &mut Cx<'_, Store>, from: Peer, msg: &Msg<Store>) {
        self.now = cx.now;
        if let Some(connection) = self.connections.get_mut(&from) {
            connection.used = cx.now;
        }
        match (msg.kind, msg.hops) {
            (Kind::Identify, 0) => {
                let answer = if self.serves { 2 } else { 1 };
                cx.send(from, streams::LANE, Msg::new(Kind::Identify, answer, Payload::Nothing));
            }
            (Kind::Identify, 2) if self.connections.contains_key(&from) => self.take_in(cx, from),
            (Kind::KadStream, 0) => {
                let answer = if self.serves { 1 } else { 2 };
                cx.send(from, streams::LANE, Msg::new(Kind::KadStream, answer, Payload::Nothing));
            }
            (Kind::KadStream, 1) => self.stream_accepted(cx, from),
            (Kind::KadStream, _) => self.stream_refused(cx, from),
            (Kind::KadRpc, _) => {
                let Payload::Note(note) = msg.payload else { return };
                // The content belongs to the message, which ends with this step.
                let Some(rpc) = cx.host().kad(note).cloned() else { return };
                self.rpc(cx, from, rpc);
            }
            _ => {}
        }
    }

    fn rpc(&mut self, cx: &mut Cx<'_, Store>, from: Peer, rpc: Rpc) {
        match rpc {
            Rpc::FindNode { query, target } => {
                let closer = self.closer(cx.now, target, from);
                self.answer(cx, from, Rpc::Nodes { query, closer });
            }
            Rpc::GetProviders { query, target } => {
                let known = self.records.of(cx.now, target.key);
                let others = known.into_iter().filter(|&provider| provider != from);
                let name = |peer| Named { peer, connected: self.connections.contains_key(&peer) };
                let providers = others.take(self.plan.spec().k.size()).map(name).collect();
                let closer = self.closer(cx.now, target, from);
                self.answer(cx, from, Rpc::Providers { query, closer, providers });
            }
            Rpc::AddProvider { target } => {
                let expires = cx.now.saturating_add(self.plan.spec().provider_ttl);
                self.records.add(target.key, from, expires);
            }
            Rpc::Nodes { query, closer } => self.answered(cx, from, query, &closer, None),
            Rpc::Providers { query, closer, providers } => {
                self.answered(cx, from, query, &closer, Some(&providers));
            }
        }
    }

    /// The peers nearest to a key, for another who asks (`Behaviour::find_closest_local_peers`).
    fn closer(&mut self, now: Nanos, target: Target, asker: Peer) -> Vec<Named> {
        let nearest = self.table.nearest(now, &self.plan, target.key, K_VALUE, Some(asker));
        nearest.into_iter().map(|(peer, connected)| Named { peer, connected }).collect()
    }

    fn answer(&self, cx: &mut Cx<'_, Store>, to: Peer, rpc: Rpc) {
        let note = cx.host_mut().make_kad(rpc, self.me);
        cx.send(to, streams::LANE, Msg::new(Kind::KadRpc, 0, Payload::Note(note)));
    }

    fn look_up(&mut self, cx: &mut Cx<'_, Store>, workload: u8, query: QueryId, lookup: Lookup) {
        self.now = cx.now;
        let content = |number| Target::content(Key::of(&self.plan.content_name(workload, number)));
        let asker = Some((workload, query));
        match lookup {
            Lookup::Provide(number) => {
                let target = content(number);
                if self.records.provide(target.key, self.me) {
                    self.begin(cx, Purpose::Provide { asker }, target);
                } else {
                    cx.found(workload, query, Found::default());
                }
            }
            Lookup::Providers { content: number, wanted } => {
                let target = content(number);
                // What this peer knows by itself counts.
                let known = self.records.of(cx.now, target.key);
                let purpose = Purpose::Providers { workload, query, wanted, found: known, hops: None };
                self.begin(cx, purpose, target);
            }
            Lookup::Peer(peer) => {
                let target = Target::peer(self.key(peer));
                self.begin(cx, Purpose::Peer { workload, query, peer }, target);
            }
        }
    }

    /// Whether a request is under way over the connection to a peer.
    fn lives_on(&self, peer: Peer) -> bool {
        self.connections.get(&peer).is_some_and(Connection::is_busy)
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        for what in KademliaCount::ALL {
            record(Fact::Kademlia { what, count: std::mem::take(&mut self.counts.0[what as usize]) });
        }
        let records = self.serves.then(|| self.records.of_others(self.now) as u32);
        record(Fact::RoutingTable { peers: self.table.len() as u32, records });
    }

    fn digest(&self) -> u64 {
        let table = self.table.peers().fold(0, |hash, peer| mix(hash, u64::from(peer.0), 0));
        mix(table, self.records.of_others(self.now) as u64, u64::from(self.next_query))
    }

    /// A place in the subtree of a bucket, if it is found by chance; libp2p must find a name whose hash lies there.
    fn random_key(&mut self, bucket: u8) -> Key {
        const TRIES: usize = 17;
        let rng = self.rng.as_mut().expect("it has started");
        let me = self.plan.key(self.me);
        let mut draw = || Key::from_words([rng.next_u64(), rng.next_u64(), rng.next_u64(), rng.next_u64()]);
        let mut key = draw();
        for _ in 1..TRIES {
            if me.distance(key).bucket() == Some(bucket) {
                break;
            }
            key = draw();
        }
        key
    }

    /// Peers that are in a query, or in the table, that must be told apart from this one.
    fn without_me<'n>(&self, named: impl Iterator<Item = &'n Named>) -> Vec<Peer> {
        let me = self.me;
        let mut seen = BTreeSet::new();
        named.map(|it| it.peer).filter(|&peer| peer != me && seen.insert(peer)).collect()
    }
}
