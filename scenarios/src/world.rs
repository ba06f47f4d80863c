//! A world for tests: many peers, the network between them, and virtual time.
//!
//! It is to protocols of this crate, and to those that others write for it, what `Pair` is to quinn-proto: a host small
//! enough to be seen through, that can be stopped anywhere, looked into and harmed. It shows what a protocol does under
//! delay, loss, duplication, reordering, cuts and crashes. It does not show how fast a network would carry it: links have
//! no bandwidth here; that is the simulator's business.
//!
//! Every message is encoded and decoded on its way, so a test of a protocol also tests how it looks on the wire. All that
//! happens follows from the seed and the calls made.
//!
//! ```
//! use peerlab_scenarios::{
//!     host::{Command, Cx, Host, Input, Lane, Links, Machine, Msg, Overlay, Payload, Peer, PeerHost, RoleSlot},
//!     seed::Seed,
//!     units::Nanos,
//!     wire::{ItemId, Kind},
//!     world::{Probe, World},
//! };
//!
//! /// An overlay that goes one hop.
//! struct Shout;
//!
//! impl<H: Host> Machine<H> for Shout {
//!     fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
//!         if let Input::Message { from, msg: Msg { hops, payload: Payload::Item(item), .. }, .. } = input {
//!             cx.deliver(from, hops, item);
//!         }
//!     }
//!     fn digest(&self) -> u64 {
//!         0
//!     }
//! }
//!
//! impl<H: Host> Overlay<H> for Shout {
//!     fn links(&self) -> Links {
//!         Links::Planned
//!     }
//!     fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
//!         for &peer in cx.links() {
//!             cx.send(peer, Lane::Reliable, Msg::new(Kind::Gossip, 1, Payload::Item(item.clone())));
//!         }
//!     }
//! }
//!
//! let (alice, bob, carol) = (Peer(0), Peer(1), Peer(2));
//! let machines = |_| PeerHost::new(Shout, vec![RoleSlot::new(0, Probe::default())]);
//! let mut world = World::new(Seed(1), 3, &[(alice, bob), (bob, carol)], machines);
//! world.run_until(Nanos::from_secs(1));
//! world.command(alice, 0, Command::Post { room: 0, bytes: 200 });
//! world.run_until(Nanos::from_secs(2));
//!
//! let said = ItemId::new(0, alice, 0);
//! assert_eq!(world.peer(bob).role(0).unwrap().count(said), 1);
//! assert_eq!(world.peer(carol).role(0).unwrap().count(said), 0);
//! ```

mod bulk;
mod connections;
mod network;
mod probe;
mod shared;
mod station;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt, mem,
};

pub use network::Traffic;
pub use probe::{Probe, Receipt};
pub use shared::{Seen, Shared};

use network::Network;
use station::{End, Event, Station};

use crate::{
    host::{
        Behaviour, Command, Effect, Env, Input, Lane, Link, Links, Machine, Msg, Outbox, Overlay, Peer,
        PeerHost, Uplink, Why,
    },
    report::Fact,
    seed::Seed,
    units::{Nanos, Share},
    wire::Kind,
};

/// When an event happens, at whom, because of whom, and how many that one had caused before: a total order by content.
type Moment = (Nanos, Peer, Peer, u64);

/// Peers and the network between them, in virtual time.
pub struct World<O, R> {
    now: Nanos,
    seed: Seed,
    machines: Box<dyn Fn(Peer) -> PeerHost<O, R>>,
    stations: Vec<Station<O, R>>,
    queue: BTreeMap<Moment, Event>,
    /// What waits at a cut, by sender and receiver, in the order in which it was sent.
    held: BTreeMap<(Peer, Peer), Vec<Event>>,
    network: Network,
    connections: u64,
    heals: u64,
    shared: Shared,
    outbox: Outbox<Shared>,
    facts: Vec<(Nanos, Peer, Fact)>,
    traffic: Traffic,
}

impl<O, R> fmt::Debug for World<O, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World")
            .field("now", &self.now)
            .field("stations", &self.stations)
            .field("queue", &self.queue)
            .field("network", &self.network)
            .finish_non_exhaustive()
    }
}

/// What the world is like; set before it runs.
impl<O: Overlay<Shared>, R: Machine<Shared>> World<O, R> {
    /// A world of `peers` peers that know each other along `edges`. Each gets its machines from `machines`, when it starts
    /// at time zero and anew after each crash. Latency is 10 ms one way, and nothing goes wrong unless told to.
    ///
    /// # Panics
    /// When an edge names a peer that is not there, or joins a peer to itself.
    pub fn new(
        seed: Seed,
        peers: u32,
        edges: &[(Peer, Peer)],
        machines: impl Fn(Peer) -> PeerHost<O, R> + 'static,
    ) -> Self {
        let mut known = vec![BTreeSet::new(); peers as usize];
        for &(a, b) in edges {
            assert_ne!(a, b, "an edge joins two peers");
            known[a.index()].insert(b);
            known[b.index()].insert(a);
        }
        let mut world = Self {
            now: Nanos::ZERO,
            seed,
            machines: Box::new(machines),
            stations: known.into_iter().map(Station::new).collect(),
            queue: BTreeMap::new(),
            held: BTreeMap::new(),
            network: Network::new(seed.stream("world", &[])),
            connections: 0,
            heals: 0,
            shared: Shared,
            outbox: Outbox::default(),
            facts: Vec::new(),
            traffic: Traffic::default(),
        };
        for peer in (0..peers).map(Peer) {
            world.schedule(Nanos::ZERO, peer, peer, Event::Start);
        }
        world
    }

    /// Sets how long a message travels from one peer to another.
    #[must_use]
    pub fn latency(mut self, latency: impl Fn(Peer, Peer) -> Nanos + 'static) -> Self {
        self.network.latency = Box::new(latency);
        self
    }

    /// Delays each message by up to so much more, which reorders datagrams.
    #[must_use]
    pub const fn jitter(mut self, jitter: Nanos) -> Self {
        self.network.jitter = jitter;
        self
    }

    /// Loses each transmission with this probability: a datagram for good, anything else until it is sent again.
    ///
    /// # Panics
    /// When everything would be lost.
    #[must_use]
    pub fn loss(mut self, loss: Share) -> Self {
        assert!(loss < Share::ALL, "a message that is lost each time never arrives");
        self.network.loss = loss;
        self
    }

    /// Duplicates each datagram with this probability.
    #[must_use]
    pub const fn duplication(mut self, duplication: Share) -> Self {
        self.network.duplication = duplication;
        self
    }

    /// Duplicates and reorders on the reliable lanes too, as no transport would: for laws that must not rest on it.
    #[must_use]
    pub const fn unruly(mut self) -> Self {
        self.network.unruly = true;
        self
    }

    /// Sets how long a connection over a cut path lives on; 10 s at first.
    #[must_use]
    pub const fn patience(mut self, patience: Nanos) -> Self {
        self.network.patience = patience;
        self
    }

    /// Makes a peer misbehave.
    #[must_use]
    pub fn behaviour(mut self, peer: Peer, behaviour: Behaviour) -> Self {
        self.stations[peer.index()].behaviour = behaviour;
        self
    }

    /// Leaves a peer out until it is [started](World::start).
    #[must_use]
    pub fn without(mut self, peer: Peer) -> Self {
        self.queue.retain(|moment, _| moment.1 != peer);
        self
    }
}

/// What happens.
impl<O: Overlay<Shared>, R: Machine<Shared>> World<O, R> {
    /// Lets everything happen that happens up to `time`, which is then now.
    pub fn run_until(&mut self, time: Nanos) {
        while self.queue.first_key_value().is_some_and(|(moment, _)| moment.0 <= time) {
            self.step();
        }
        self.now = self.now.max(time);
    }

    /// Lets so much time pass.
    pub fn run_for(&mut self, duration: Nanos) {
        self.run_until(self.now.saturating_add(duration));
    }

    /// Lets the next thing happen. False when nothing will happen any more.
    pub fn step(&mut self) -> bool {
        let Some(((time, peer, other, sequence), event)) = self.queue.pop_first() else { return false };
        self.now = time;
        match event {
            // A test that could not wait may have started it itself.
            Event::Start if self.is_up(peer) => {}
            Event::Start => self.start(peer),
            Event::Connect { life, planned } => self.connect(other, peer, life, planned),
            Event::Message { connection, .. } | Event::Served { connection, .. }
                if !self.end_is(peer, other, connection) =>
            {
                self.traffic.lost += 1;
            }
            Event::Message { msg, .. } if msg.kind.is_bulk() => {
                self.traffic.delivered += 1;
                self.hear_of_fetch(peer, other, &msg);
            }
            Event::Message { lane, msg, .. } => {
                self.traffic.delivered += 1;
                self.input(peer, Input::Message { from: other, lane, msg });
            }
            Event::Served { req, item, .. } => {
                self.traffic.delivered += 1;
                self.fetched(peer, other, req, Ok(item));
            }
            Event::NotFetched(req) => self.fetched(peer, other, req, Err(Why::Unreachable)),
            Event::Closed { connection, why } => self.lose_connection(peer, other, connection, why),
            Event::Silence { connection, cut } => {
                if cut == self.heals && self.end_is(peer, other, connection) {
                    let undelivered = self.held.remove(&(other, peer)).unwrap_or_default();
                    let messages = undelivered.iter().filter(|event| event.is_message());
                    self.traffic.lost += messages.count() as u64;
                    self.lose_connection(peer, other, connection, Why::TimedOut);
                }
            }
            Event::Timer(key) => {
                let timers = &mut self.stations[peer.index()].timers;
                if timers.get(&key) == Some(&sequence) {
                    timers.remove(&key);
                    self.input(peer, Input::Timer(key));
                }
            }
        }
        true
    }

    /// Asks something of a peer's role, now. A peer that is down does not hear it.
    pub fn command(&mut self, peer: Peer, workload: u8, command: Command) {
        self.input(peer, Input::Command { workload, command });
    }

    /// Takes all from a peer but what it stored; those connected with it learn that it stopped, unless a cut hides it.
    pub fn crash(&mut self, peer: Peer) {
        if let Some(machines) = &mut self.stations[peer.index()].machines {
            machines.drain_counters::<Shared>(&mut |fact| self.facts.push((self.now, peer, fact)));
        }
        for (other, end) in self.stations[peer.index()].lose_everything() {
            self.close(peer, other, &end, Why::Stopped);
        }
    }

    /// Lets a peer leave in good order: it may still send, and is then gone as after a crash.
    pub fn stop(&mut self, peer: Peer) {
        self.input(peer, Input::Stop);
        self.crash(peer);
    }

    /// Starts a peer that was left out, crashed or stopped, with what it had stored.
    ///
    /// # Panics
    /// When it is up.
    pub fn start(&mut self, peer: Peer) {
        assert!(!self.is_up(peer), "{peer} is up");
        let machines = (self.machines)(peer);
        let links = Overlay::<Shared>::links(machines.overlay());
        let station = &mut self.stations[peer.index()];
        station.machines = Some(machines);
        station.life += 1;
        let kept = station.kept.iter().map(|(&key, item)| (key, item.clone())).collect();
        let known = station.circle.known.clone();
        self.input(peer, Input::Start { kept });
        if links == Links::Planned {
            for other in known {
                self.ask_to_connect(peer, other, true);
            }
        }
    }

    /// Cuts every path between two sets of peers: connections end when their patience does, with all that waits on them.
    pub fn cut(&mut self, these: &[Peer], those: &[Peer]) {
        self.network.cut(these, those);
        let mut severed = Vec::new();
        for (&a, &b) in these.iter().flat_map(|a| those.iter().map(move |b| (a, b))) {
            for (peer, other) in [(a, b), (b, a)] {
                if let Some(end) = self.stations[peer.index()].ends.get(&other) {
                    severed.push((peer, other, end.connection));
                }
            }
        }
        for (peer, other, connection) in severed {
            let silence = Event::Silence { connection, cut: self.heals };
            self.schedule(self.now.saturating_add(self.network.patience), peer, other, silence);
        }
    }

    /// Mends every cut. What still waited is sent, and the plan's connections are made again.
    pub fn heal(&mut self) {
        self.network.heal();
        self.heals += 1;
        for ((from, to), events) in mem::take(&mut self.held) {
            let mut arrival = self.now.saturating_add(self.network.latency(from, to));
            for event in events {
                if let Some(lane) = event.lane() {
                    arrival = self.in_order(from, to, lane, arrival);
                }
                self.schedule(arrival, to, from, event);
            }
        }
        for peer in (0..self.stations.len() as u32).map(Peer) {
            let station = &self.stations[peer.index()];
            let planned = station
                .machines
                .as_ref()
                .is_some_and(|it| Overlay::<Shared>::links(it.overlay()) == Links::Planned);
            if planned {
                for other in station.circle.known.clone() {
                    self.ask_to_connect(peer, other, true);
                }
            }
        }
    }

    /// Adds to the facts what the machines counted since the last time; see [`Machine::drain_counters`].
    pub fn drain_counters(&mut self) {
        for (peer, station) in (0u32..).map(Peer).zip(&mut self.stations) {
            if let Some(machines) = &mut station.machines {
                machines.drain_counters::<Shared>(&mut |fact| self.facts.push((self.now, peer, fact)));
            }
        }
    }
}

/// What is to be seen.
impl<O, R> World<O, R> {
    /// Time since the start.
    pub const fn now(&self) -> Nanos {
        self.now
    }

    /// A peer's machines.
    ///
    /// # Panics
    /// When it is down.
    pub fn peer(&self, peer: Peer) -> &PeerHost<O, R> {
        self.stations[peer.index()].machines.as_ref().unwrap_or_else(|| panic!("{peer} is down"))
    }

    /// Whether a peer is up.
    pub fn is_up(&self, peer: Peer) -> bool {
        self.stations[peer.index()].machines.is_some()
    }

    /// The peers that are up.
    pub fn up(&self) -> impl Iterator<Item = Peer> + '_ {
        (0..self.stations.len() as u32).map(Peer).filter(|&peer| self.is_up(peer))
    }

    /// Those whom a peer is connected with, as its own side sees it, in ascending order.
    pub fn connected(&self, peer: Peer) -> impl Iterator<Item = Peer> + '_ {
        self.stations[peer.index()].ends.keys().copied()
    }

    /// What was recorded, in order.
    pub fn facts(&self) -> &[(Nanos, Peer, Fact)] {
        &self.facts
    }

    /// What became of the messages so far.
    pub const fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Messages that were sent and neither delivered nor lost yet.
    pub fn in_flight(&self) -> u64 {
        let waiting = self.queue.values().chain(self.held.values().flatten());
        waiting.filter(|event| event.is_message()).count() as u64
    }

    fn end_is(&self, peer: Peer, other: Peer, connection: u64) -> bool {
        self.stations[peer.index()].ends.get(&other).is_some_and(|end| end.connection == connection)
    }
}

/// How it comes about.
impl<O: Overlay<Shared>, R: Machine<Shared>> World<O, R> {
    fn schedule(&mut self, time: Nanos, at: Peer, because_of: Peer, event: Event) {
        let sequence = &mut self.stations[because_of.index()].sequence;
        *sequence += 1;
        self.queue.insert((time, at, because_of, *sequence), event);
    }

    /// Steps a peer's machines and carries out what they ask for.
    fn input(&mut self, peer: Peer, input: Input<Shared>) {
        let station = &mut self.stations[peer.index()];
        let Some(machines) = &mut station.machines else { return };
        let env = Env {
            now: self.now,
            me: peer,
            seed: self.seed,
            neighbours: &station.circle,
            uplink: &Uplink::IDLE,
            host: &mut self.shared,
            out: &mut self.outbox,
        };
        machines.step(env, input);
        station.behaviour.filter(peer, &mut self.shared, &mut self.outbox.effects);
        let mut hung_up = Vec::new();
        for effect in mem::take(&mut self.outbox.effects) {
            self.carry_out(peer, effect, &mut hung_up);
        }
        // At once, so that it cannot come behind the word of the next connection between the same two.
        for other in hung_up {
            self.end_fetches(peer, other, Why::HungUp);
            self.input(peer, Input::PeerDown { peer: other, why: Why::HungUp });
        }
    }

    fn carry_out(&mut self, peer: Peer, effect: Effect<Shared>, hung_up: &mut Vec<Peer>) {
        match effect {
            Effect::Send { to, lane, msg } => self.send(peer, to, lane, &msg),
            Effect::SendToLinks { except, lane, msg } => {
                for to in self.stations[peer.index()].circle.live.clone() {
                    if Some(to) != except {
                        self.send(peer, to, lane, &msg);
                    }
                }
            }
            Effect::Dial(to) => self.ask_to_connect(peer, to, false),
            Effect::HangUp(to) => {
                let station = &mut self.stations[peer.index()];
                if station.ends.get(&to).is_some_and(|end| end.link != Link::Planned) {
                    let end = station.remove_end(to).expect("it was there a line ago");
                    self.close(peer, to, &end, Why::HungUp);
                    hung_up.push(to);
                }
            }
            Effect::SetTimer { key, at } => {
                self.schedule(at.max(self.now), peer, peer, Event::Timer(key));
                let station = &mut self.stations[peer.index()];
                station.timers.insert(key, station.sequence);
            }
            Effect::CancelTimer(key) => {
                self.stations[peer.index()].timers.remove(&key);
            }
            Effect::Store { key, item } => {
                self.stations[peer.index()].kept.insert(key, item);
            }
            Effect::Record(fact) => self.facts.push((self.now, peer, fact)),
            Effect::Fetch { req, from, what } => self.fetch(peer, req, from, what),
            Effect::Abort(req) => self.abort(peer, req),
            Effect::Serve { ask, item } => self.serve(peer, ask, &item),
            Effect::Refuse(ask) => self.refuse(peer, ask),
        }
    }

    fn send(&mut self, from: Peer, to: Peer, lane: Lane, msg: &Msg<Shared>) {
        let shared = Shared;
        let event = |connection| Event::Message { connection, lane, msg: shared.over_the_wire(msg) };
        self.put_on_the_way(from, to, lane, msg.kind, event);
    }

    /// Puts copies of an event on the way, over the connection that stands if one does.
    fn put_on_the_way(&mut self, from: Peer, to: Peer, lane: Lane, kind: Kind, event: impl Fn(u64) -> Event) {
        let Some(end) = self.stations[from.index()].ends.get(&to) else {
            self.traffic.count(kind, 1);
            self.traffic.lost += 1;
            return;
        };
        let connection = end.connection;
        let copies = self.network.travel(from, to, lane);
        self.traffic.count(kind, copies.len().max(1));
        self.traffic.lost += u64::from(copies.is_empty());
        for delay in copies {
            let event = event(connection);
            if self.network.is_cut(from, to) {
                if lane == Lane::Datagram {
                    self.traffic.lost += 1;
                } else {
                    self.held.entry((from, to)).or_default().push(event);
                }
                continue;
            }
            let arrival = self.in_order(from, to, lane, self.now.saturating_add(delay));
            self.schedule(arrival, to, from, event);
        }
    }
}

#[cfg(test)]
mod tests;
