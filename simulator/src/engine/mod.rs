//! The model engine: what drives a simulated fleet through virtual time.
//!
//! Events are worked off in the order of (time, destination, source, the source's sequence number), which is content and
//! not the order in which they were scheduled; all chance is a hash of what it is for. So a run depends on the scenario and
//! the seed alone, and not on how peers are dealt out to threads.
//!
//! | module | what it holds |
//! |---|---|
//! | [`wheel`] | pending events |
//! | `event` | what an event says, in two words |
//! | [`store`] | contents of messages, behind 4-byte handles |
//! | `links` | connections: the plan's in compressed rows, dialled ones beside |
//! | `seat` | what messages touch of a peer |
//! | `network` | queues, delay, jitter, loss, processors |
//! | `rpc` | messages of gossipsub, whose lengths are libp2p's |
//! | `kad` | messages of Kademlia, likewise |
//! | `trouble` | faults while they last |
//! | `carry` | a message on its way |
//! | `life` | peers and connections as they come and go |
//! | [`flows`] | bulk transfer: items as flows that share links |
//! | `circuits`, `relay` | connections that a relay carries, and how they become direct |
//! | `farewells` | words of connections that were hung up, while they are on their way |
//! | [`prefetch`] | memory that the next events touch, asked for ahead |
//! | [`threads`] | one run on several threads, each with an engine for a part of the peers |

mod carry;
mod circuits;
mod event;
mod farewells;
pub mod flows;
pub(crate) mod kad;
mod life;
mod links;
mod network;
pub mod prefetch;
mod relay;
pub(crate) mod rpc;
mod seat;
pub mod store;
pub mod threads;
mod trouble;
pub mod wheel;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    iter::Peekable,
};

use peerlab_report::{
    EngineKind, Observer, Outcome,
    traffic::{self, Traffic},
};
use peerlab_scenarios::{
    host::{
        Behaviour, Command, Effect, Env, Input, Machine, Outbox, Overlay, Peer, PeerHost, ReqId, StoreKey,
        TimerKey,
    },
    plan::{Plan, Sessions, WorkloadKind},
    spec::Leave,
    units::Nanos,
};
use smallvec::SmallVec;

use self::{
    circuits::Circuits,
    event::{Control, EVERYONE, Phase},
    farewells::Farewells,
    flows::Flows,
    links::Links,
    network::{Inlet, Network, Port},
    prefetch::Prefetch,
    seat::Seats,
    store::{ItemRef, Store, ages},
    threads::{Everyone, Outgoing, Own, Places},
    trouble::Trouble,
    wheel::{Event, Wheel},
};

/// Who says what when, in order of time.
type Commands<'p> = Peekable<Box<dyn Iterator<Item = (Nanos, Peer, Command)> + 'p>>;

/// When which timers of a peer are due, ns. Most peers have one for the overlay and one for a role.
type Timers = SmallVec<[(TimerKey, u64); 2]>;

/// A run of a plan, or the part of one that the peers `P` have.
pub struct Engine<'p, O, R, V, P = Everyone> {
    plan: &'p Plan,
    places: P,
    make: Box<dyn Fn(Peer) -> PeerHost<O, R> + 'p>,
    observer: V,
    now: u64,
    wheel: Wheel,
    store: Store,
    links: Links<P>,
    farewells: Farewells,
    circuits: Circuits,
    network: Network,
    trouble: Trouble,
    flows: Flows,
    traffic: Traffic,
    seats: Seats<O, R, P>,
    behaviours: Vec<Behaviour>,
    timers: Own<Timers, P>,
    kept: Own<Vec<(StoreKey, ItemRef)>, P>,
    /// Whether a peer may start again, so that what it stores must be remembered.
    may_restart: Vec<bool>,
    /// Whether its sessions want a peer to run.
    wanted: Vec<bool>,
    /// Starts and stops of each peer, to know whether it runs, and what was meant for an earlier life.
    lives: Vec<u32>,
    /// Sessions to come, of peers that have any.
    sessions: BTreeMap<Peer, Sessions>,
    timelines: Vec<Commands<'p>>,
    /// Of each workload, the commands of the next instant at which there are any, by peer.
    pending: Vec<VecDeque<(Peer, Command)>>,
    out: Outbox<Store>,
    /// For peers that others hold.
    outgoing: Outgoing,
    warm_up: Traffic,
    bytes_before: Vec<(u64, u64)>,
    skipped_commands: u64,
    events: u64,
    digest: u64,
}

/// Watches how far a run has come in virtual time, now and then, and says whether it is to be stopped.
pub type Watch<'a> = &'a dyn Fn(Nanos) -> bool;

/// How often a run is watched, in events.
const WATCHED: u64 = 1 << 16;

impl<'p, O: Prefetch, R: Machine<Store>, V: Observer> Engine<'p, O, R, V> {
    /// A run of `plan` with the machines that `make` makes, at each start of a peer.
    pub fn new(plan: &'p Plan, make: impl Fn(Peer) -> PeerHost<O, R> + 'p, observer: V) -> Self {
        Self::of(plan, Everyone, Box::new(make), observer, Store::new(plan))
    }

    /// Runs to the end of the plan, or until `watch` stops it; and tells what came of it.
    pub fn run(mut self, watch: Watch<'_>) -> (Outcome, V) {
        let end = self.plan.spec.end().0;
        let mut look = 0;
        while let Some(event) = self.wheel.pop() {
            if event.time >= look {
                if event.time > end {
                    self.count_in_flight(&event);
                    break;
                }
                self.store.look_at_ages();
                look = ages::next_look(event.time).min(end.saturating_add(1));
            }
            if self.events.is_multiple_of(WATCHED) {
                let now = Nanos(self.now);
                if watch(now) {
                    self.count_in_flight(&event);
                    return self.finish(now, true);
                }
            }
            self.prefetch();
            self.work(&event);
        }
        self.finish(Nanos(end), false)
    }
}

impl<'p, O: Overlay<Store>, R: Machine<Store>, V: Observer, P: Places> Engine<'p, O, R, V, P> {
    fn of(
        plan: &'p Plan,
        places: P,
        make: Box<dyn Fn(Peer) -> PeerHost<O, R> + 'p>,
        observer: V,
        store: Store,
    ) -> Self {
        let n = plan.peers.len() as usize;
        let behaviour = |peer| Behaviour::from(&plan.peers.group(peer).spec.behaviour);
        let behaviours: Vec<Behaviour> = plan.peers.iter().map(behaviour).collect();
        let network = Network::new(plan, plan.seed);
        let inlet = |peer| Inlet::new(network.group(peer));
        let port = |peer: Peer| {
            let honest = behaviours[peer.index()] == Behaviour::Honest;
            Port::new(plan.peers.group(peer).up, honest)
        };
        let seats = Seats::new(plan, &places, inlet, port);
        let mut engine = Self {
            plan,
            make,
            observer,
            now: 0,
            wheel: Wheel::new(),
            store,
            links: Links::new(plan, &places),
            farewells: Farewells::default(),
            circuits: Circuits::default(),
            seats,
            network,
            trouble: Trouble::new(&plan.faults),
            flows: Flows::default(),
            traffic: Traffic::default(),
            behaviours,
            timers: Own::new(&places, plan.peers.iter(), |_| Timers::new()),
            kept: Own::new(&places, plan.peers.iter(), |_| Vec::new()),
            may_restart: vec![false; n],
            wanted: vec![false; n],
            lives: vec![0; n],
            sessions: BTreeMap::new(),
            timelines: Vec::new(),
            pending: Vec::new(),
            out: Outbox::default(),
            outgoing: Outgoing::default(),
            warm_up: Traffic::default(),
            bytes_before: Vec::new(),
            skipped_commands: 0,
            events: 0,
            digest: 0,
            places,
        };
        engine.lay_out();
        engine
    }

    /// The peers that it holds, in ascending order.
    fn own_peers(&self) -> impl Iterator<Item = Peer> + use<O, R, V, P> {
        let places = self.places.clone();
        self.plan.peers.iter().filter(move |&peer| places.has(peer))
    }

    /// Schedules what the plan decides: sessions, faults, the first command of each workload, the end of the warm-up.
    fn lay_out(&mut self) {
        for peer in self.plan.peers.iter() {
            let mut sessions = self.plan.sessions(peer);
            self.begin_next(peer, &mut sessions);
        }
        for (number, fault) in self.plan.faults.iter().enumerate() {
            self.schedule(fault.at.0, Control::Fault, number as u32);
            if fault.until != Nanos::NEVER {
                self.schedule(fault.until.0, Control::Heal, number as u32);
            }
            if let Some(who) = fault.effect.stops()
                && fault.until != Nanos::NEVER
            {
                who.iter().for_each(|peer| self.may_restart[peer.index()] = true);
            }
        }
        self.schedule(self.plan.spec.warm_up.0, Control::Measure, 0);
        for (number, workload) in self.plan.workloads.iter().enumerate() {
            let timeline: Box<dyn Iterator<Item = _>> = match &workload.kind {
                WorkloadKind::Chat(chat) => Box::new(chat.timeline()),
                WorkloadKind::Update(update) => Box::new(update.timeline()),
                WorkloadKind::Lookups(lookups) => Box::new(lookups.timeline()),
            };
            self.timelines.push(timeline.peekable());
            self.pending.push(VecDeque::new());
            self.next_commands(number);
        }
    }

    /// Something that concerns the whole run.
    fn schedule(&mut self, time: u64, what: Control, handle: u32) {
        self.wheel.push(event::control(time, EVERYONE, EVERYONE, 0, what, handle));
    }

    /// Schedules what happens at a peer, whoever holds it.
    #[inline]
    fn post(&mut self, event: Event) {
        if P::ALL || self.places.has(Peer(event.dst())) {
            self.wheel.push(event);
        } else {
            self.outgoing.put(self.places.part(Peer(event.dst())), event, &mut self.store);
        }
    }

    #[inline]
    fn work(&mut self, event: &Event) {
        self.now = event.time;
        if P::ALL || self.counts(event) {
            self.events += 1;
            // A sum, so that it is the same for several engines together as for one.
            let hash = (event.time.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ event.key)
                .wrapping_mul(0xD134_2543_DE82_EF95);
            self.digest = self.digest.wrapping_add(hash ^ hash >> 32);
        }
        match event::phase(event) {
            Phase::Depart => self.depart(event),
            Phase::Arrive | Phase::Resume => self.arrive(event),
            Phase::Deliver => self.deliver(event),
            Phase::LeaveSite => self.leave_site(event),
            Phase::EnterSite => self.enter_site(event),
            Phase::Timer => self.timer(Peer(event.dst()), TimerKey(event.handle())),
            Phase::Control => self.control(event),
        }
    }

    /// Whether an event is this engine's to count: all engines work off what concerns the whole run, and sessions.
    fn counts(&self, event: &Event) -> bool {
        if event::phase(event) != Phase::Control {
            return true;
        }
        match (event::what(event), Peer(event.dst())) {
            (_, EVERYONE) => self.places.leads(),
            (Control::Begin | Control::End, peer) => self.places.has(peer),
            _ => true,
        }
    }

    fn control(&mut self, event: &Event) {
        let (peer, other, handle) = (Peer(event.dst()), Peer(event.src()), event.handle());
        match event::what(event) {
            Control::Begin => self.begin(peer),
            Control::End => {
                let leave = if handle == 1 { Leave::Graceful } else { Leave::Crash };
                self.end_session(peer, leave);
            }
            Control::Connect => self.connected(peer, other, handle),
            Control::Answer => self.answered(peer, other, handle),
            Control::NoAnswer => self.not_answered(peer, other),
            Control::GivenUp => self.given_up(peer, other, handle),
            Control::Stopped | Control::HungUp => self.told_of_end(event),
            Control::Silence => self.silence(peer, other, handle),
            Control::Command => self.command(peer, handle),
            Control::Fault => self.fault_begins(handle as usize),
            Control::Heal => self.fault_ends(handle as usize),
            Control::Measure => self.measure(),
            Control::NotFetched => self.not_fetched(peer, other, ReqId(handle)),
            Control::Stream => self.look_at_stream(event),
            Control::Landing => self.landing(event),
            Control::Landed => self.landed(event),
            Control::Transit => self.transit(handle),
            Control::Upgrade => self.upgrade(handle),
            Control::Expire => self.expire(handle),
        }
    }

    /// One step of a peer's machines, if it runs.
    #[inline(never)]
    fn step(&mut self, peer: Peer, input: Input<Store>) {
        self.step_inline(peer, input);
    }

    /// The same, for messages: most steps are for such, and know at their place what they are.
    #[inline(always)]
    fn step_inline(&mut self, peer: Peer, input: Input<Store>) {
        let Some(machines) = self.seats.machines[peer.index()].get_mut() else { return };
        let env = Env {
            now: Nanos(self.now),
            me: peer,
            seed: self.plan.seed,
            neighbours: &self.links,
            uplink: &self.seats.ports[peer.index()].up,
            host: &mut self.store,
            out: &mut self.out,
        };
        machines.step(env, input);
        if !self.out.effects.is_empty() {
            self.links.prefetch(peer);
            self.carry_out(peer);
        }
        self.store.end_step();
    }

    /// Carries out what a step asked for.
    fn carry_out(&mut self, peer: Peer) {
        let mut effects = std::mem::take(&mut self.out.effects);
        if !self.seats.ports[peer.index()].honest {
            self.behaviours[peer.index()].filter(peer, &mut self.store, &mut effects);
        }
        let mut hint = 0;
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { to, lane, msg } => self.send(peer, to, lane, &msg, &mut hint),
                Effect::SendToLinks { except, lane, msg } => self.send_to_links(peer, except, lane, &msg),
                Effect::Record(fact) => self.observer.fact(Nanos(self.now), peer, &fact),
                Effect::SetTimer { key, at } => self.set_timer(peer, key, at.0),
                Effect::CancelTimer(key) => self.timers[peer.index()].retain(|(other, _)| *other != key),
                Effect::Store { key, item } => {
                    if self.may_restart[peer.index()] {
                        self.kept[peer.index()].push((key, item));
                    }
                }
                Effect::Dial(other) => self.dial(peer, other),
                Effect::HangUp(other) => self.hang_up(peer, other),
                Effect::Fetch { req, from, what } => self.fetch(peer, req, from, what),
                Effect::Abort(req) => self.abort(peer, req),
                Effect::Serve { ask, item } => self.serve(peer, ask, item),
                Effect::Refuse(ask) => self.refuse(peer, ask),
            }
        }
        self.out.effects = effects;
    }

    fn set_timer(&mut self, peer: Peer, key: TimerKey, at: u64) {
        let timers = &mut self.timers[peer.index()];
        match timers.iter_mut().find(|(other, _)| *other == key) {
            Some((_, due)) if *due == at => return,
            Some((_, due)) => *due = at,
            None => timers.push((key, at)),
        }
        self.wheel.push(Event::new(at, peer.0, peer.0, 0, Phase::Timer as u32, key.0));
    }

    /// A timer's event: it counts only if the timer was not moved since, or stopped with its peer.
    fn timer(&mut self, peer: Peer, key: TimerKey) {
        let timers = &mut self.timers[peer.index()];
        if let Some(place) = timers.iter().position(|&timer| timer == (key, self.now)) {
            timers.swap_remove(place);
            self.step(peer, Input::Timer(key));
        }
    }

    /// Schedules the commands of the next instant at which a workload has any for these peers: all of them, so that their order is
    /// content.
    fn next_commands(&mut self, workload: usize) {
        let Self { timelines, pending, places, .. } = self;
        let (timeline, pending) = (&mut timelines[workload], &mut pending[workload]);
        let Some((at, peer, command)) = timeline.find(|(_, peer, _)| places.has(*peer)) else { return };
        pending.push_back((peer, command));
        while let Some((_, peer, command)) = timeline.next_if(|(time, ..)| *time == at) {
            if places.has(peer) {
                pending.push_back((peer, command));
            }
        }
        pending.make_contiguous().sort_by_key(|(peer, _)| *peer);
        for &(peer, _) in &*pending {
            let at = at.0.max(self.now);
            self.wheel.push(event::control(at, peer, peer, 0, Control::Command, workload as u32));
        }
    }

    fn command(&mut self, peer: Peer, workload: u32) {
        if let Some((_, command)) = self.pending[workload as usize].pop_front() {
            if self.online(peer) {
                self.step(peer, Input::Command { workload: workload as u8, command });
            } else if self.now >= self.plan.spec.warm_up.0 {
                self.skipped_commands += 1;
            }
        }
        if self.pending[workload as usize].is_empty() {
            self.next_commands(workload as usize);
        }
    }

    /// The warm-up is over: counters begin anew.
    fn measure(&mut self) {
        for machines in self.seats.machines.iter_mut().filter_map(|seat| seat.get_mut()) {
            machines.drain_counters(&mut |_| ());
        }
        self.warm_up = self.traffic.clone();
        self.bytes_before = self.seats.bytes().collect();
        self.circuits.measure();
        self.observer.measure(Nanos(self.now), self.store.items() as u32);
    }

    /// Hands a peer's counters to the report.
    fn collect_counters(&mut self, peer: Peer) {
        if let Some(machines) = self.seats.machines[peer.index()].get_mut() {
            let (observer, now) = (&mut self.observer, Nanos(self.now));
            machines.drain_counters(&mut |fact| observer.fact(now, peer, &fact));
        }
    }

    fn finish(mut self, end: Nanos, interrupted: bool) -> (Outcome, V) {
        self.now = end.0;
        if self.bytes_before.is_empty() {
            // Stopped while warming up: nothing was measured yet.
            self.measure();
        }
        while let Some(event) = self.wheel.pop() {
            self.count_in_flight(&event);
        }
        self.count_flows();
        for peer in self.own_peers() {
            self.collect_counters(peer);
        }
        let (reached, connections) = (self.reached(), self.links.standing(self.own_peers()).collect());
        let online = self.own_peers().map(|peer| self.online(peer)).collect();
        let bytes = self.seats.bytes().zip(&self.bytes_before);
        let outcome = Outcome {
            engine: EngineKind::Model,
            events: self.events,
            interrupted: interrupted.then_some(end),
            warm_up: self.warm_up,
            traffic: self.traffic,
            bytes: bytes.map(|((sent, received), before)| (sent - before.0, received - before.1)).collect(),
            fault_hits: self.trouble.hits().to_vec(),
            skipped_commands: self.skipped_commands,
            online,
            digest: self.digest,
            reached,
            connections,
            invariants: Vec::new(),
            disturbances: Vec::new(),
        };
        (outcome, self.observer)
    }
}
