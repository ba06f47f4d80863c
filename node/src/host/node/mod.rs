//! One peer in one of its lives: the task that drives its swarm and its machines.
//!
//! A life has three parts. It *gathers*: it listens, and connects with its neighbours. It *runs* from the instant that it is
//! told: its machines start, and take one input at a time. When the run is over it *parts*: it says so on every lane behind
//! all that was sent, and reads until the others have said the same, so that every message is accounted for.
//!
//! What a step records is told before what it sends can go anywhere. So whoever listens to all peers hears of causes before
//! effects.

mod effects;
mod ending;
mod fetches;
mod network;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::poll_fn,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _, channel::mpsc, future::poll_immediate};
use futures_timer::Delay;
use libp2p::{
    Swarm,
    swarm::{ConnectionId, Executor, SwarmEvent},
};
use peerlab_report::traffic::Traffic;
use peerlab_scenarios::{
    host::{
        Behaviour, Command, Effect, Env, Input, Links, Machine, Outbox, Overlay as _, Peer, PeerHost,
        StoreKey, Uplink, Why,
    },
    plan::Plan,
    role,
    seed::mix,
    spec,
    units::Nanos,
    wire::Item,
};
use web_time::Instant;

use self::fetches::Fetches;
use super::{
    Addresses, Clock, Entry, Gauges, Legacy, Meter, Native, Overlay, Roster, Told, Wire,
    connections::Connections,
    contents::Contents,
    protocols::{Identity, Protocols, ProtocolsEvent, swarm},
    pubsub::{self, Publisher},
    timers::{Alarm, Timers},
};

/// The longest that a peer waits before it dials a neighbour again, ns: as in the model.
const REDIAL: u64 = 5_000_000_000;

/// The shortest.
const REDIAL_AT_ONCE: u64 = 50_000_000;

/// Entries that are told together at the most.
const TOGETHER: usize = 256;

/// What a peer is given for a life.
pub struct Life {
    /// Which peer.
    pub me: Peer,
    /// Which of its lives, from 0.
    pub number: u32,
    /// What the scenario and the seed decide.
    pub plan: Arc<Plan>,
    /// Who takes part.
    pub roster: Arc<Roster>,
    /// Where the others listen.
    pub addresses: Addresses,
    /// How connections are made.
    pub wire: Wire,
    /// What the life before has kept.
    pub kept: BTreeMap<StoreKey, Arc<Item>>,
    /// Whether there may be another life, for which something is to be kept.
    pub may_restart: bool,
    /// What it is told.
    pub orders: mpsc::Receiver<Order>,
    /// Where it tells what happens.
    pub tell: mpsc::Sender<Told>,
    /// What it has in common with the other peers of its process.
    pub gauges: Arc<Gauges>,
}

/// What a peer is told to do.
#[derive(Clone, Copy, Debug)]
pub enum Order {
    /// To connect with those neighbours whom it is to dial.
    Connect,
    /// To start its machines when this clock starts, or now if it has.
    Begin(Clock),
    /// To do what its user asks.
    Command {
        /// The workload.
        workload: u8,
        /// What is asked.
        command: Command,
    },
    /// To end this life.
    Leave(spec::Leave),
    /// To end the run now, before its time.
    Halt,
}

/// Why a peer could not live.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It cannot listen.
    #[error("it cannot listen: {0}")]
    Listen(String),
    /// libp2p's gossipsub would not have its parameters.
    #[error("gossipsub refuses its parameters: {0}")]
    Gossipsub(String),
}

/// Where a life stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Gathering,
    Running,
    Over,
}

/// Something that a peer has to do with.
#[expect(
    clippy::large_enum_variant,
    reason = "the large one is by far the commonest, and lives for a moment"
)]
enum Happening {
    Order(Option<Order>),
    Alarm(Nanos, Alarm),
    Swarm(SwarmEvent<ProtocolsEvent>),
}

struct Node<R> {
    me: Peer,
    plan: Arc<Plan>,
    roster: Arc<Roster>,
    addresses: Addresses,
    meter: Meter,
    /// What the meter said when this life began.
    bytes_before: (u64, u64),
    gauges: Arc<Gauges>,
    orders: mpsc::Receiver<Order>,
    tell: mpsc::Sender<Told>,
    swarm: Swarm<Protocols>,
    machines: PeerHost<Overlay, R>,
    native: Native,
    out: Outbox<Native>,
    contents: Contents,
    publisher: Publisher,
    behaviour: Behaviour,
    connections: Connections,
    /// What the other ends call their lanes, and frames that came over them.
    incoming: HashMap<ConnectionId, (u64, u64)>,
    /// Connections on which the other end has said that its run is over.
    parted: Vec<ConnectionId>,
    /// Connections on which all that this end had to say has gone.
    finished: Vec<ConnectionId>,
    /// Whether the last words of the others are not waited for any longer.
    is_late: bool,
    fetches: Fetches,
    /// Those whom a machine wants to be connected with.
    wanted: Vec<Peer>,
    timers: Timers,
    delay: Option<(Nanos, Delay)>,
    clock: Clock,
    phase: Phase,
    inputs: VecDeque<Input<Native>>,
    /// What came before the machines started.
    early: Vec<(ConnectionId, Bytes)>,
    entries: Vec<Entry>,
    may_restart: bool,
    kept: BTreeMap<StoreKey, Arc<Item>>,
    traffic: Traffic,
    /// The account and the bytes at the end of the warm-up, or when this life began if that was later.
    before: Option<(Traffic, (u64, u64))>,
    legacy: Legacy,
}

/// Lives a life, until it is told to leave or the run is over.
///
/// # Errors
/// When it cannot begin.
pub async fn run(life: Life, executor: impl Executor + Send + 'static) -> Result<Legacy, NodeError> {
    let named = Arc::new(AtomicU64::new(0));
    let machines =
        PeerHost::new(Overlay::new(&life.plan, Arc::clone(&named)), role::Any::of(&life.plan, life.me));
    let mut node = Node::new(life, machines, named, executor)?;
    node.live().await;
    Ok(node.legacy)
}

impl<R: Machine<Native>> Node<R> {
    fn new(
        life: Life,
        machines: PeerHost<Overlay, R>,
        named: Arc<AtomicU64>,
        executor: impl Executor + Send + 'static,
    ) -> Result<Self, NodeError> {
        let Life { me, number, plan, roster, addresses, wire, kept, may_restart, orders, tell, gauges } =
            life;
        let keys = roster.keypair(me);
        let gossip = match &plan.spec.overlay {
            spec::Overlay::Gossipsub(params) => {
                let behaviour = pubsub::behaviour(params, &keys, Arc::clone(&named));
                Some(behaviour.map_err(NodeError::Gossipsub)?)
            }
            _ => None,
        };
        let identity = Identity {
            keys: &keys,
            roster: &roster,
            first_name: u64::from(me.0) << 40 | u64::from(number & 0xffff) << 24,
            timeout: plan.spec.network.timeout,
        };
        let mut swarm = swarm(&identity, gossip, wire.transport, executor);
        swarm.listen_on(wire.listen).map_err(|error| NodeError::Listen(error.to_string()))?;
        let keeps_planned = machines.overlay().links() == Links::Planned;
        let known = plan.graph.neighbours(me.0).iter().copied().map(Peer).collect();
        Ok(Self {
            me,
            addresses,
            bytes_before: (wire.meter)(),
            meter: wire.meter,
            gauges,
            orders,
            tell,
            swarm,
            machines,
            native: Native::new(me, keys),
            out: Outbox::default(),
            contents: Contents::new(Arc::clone(&roster)),
            publisher: Publisher::new(named, &plan.spec.overlay),
            behaviour: Behaviour::from(&plan.peers.group(me).spec.behaviour),
            connections: Connections::new(known, keeps_planned),
            incoming: HashMap::new(),
            parted: Vec::new(),
            finished: Vec::new(),
            is_late: false,
            fetches: Fetches::default(),
            wanted: Vec::new(),
            timers: Timers::default(),
            delay: None,
            clock: Clock::new(Instant::now()),
            phase: Phase::Gathering,
            inputs: VecDeque::new(),
            early: Vec::new(),
            entries: Vec::new(),
            may_restart,
            kept,
            traffic: Traffic::default(),
            before: None,
            legacy: Legacy::default(),
            plan,
            roster,
        })
    }

    /// Does what is to be done, one thing after the other.
    async fn live(&mut self) {
        loop {
            let happening = match poll_immediate(poll_fn(|cx| self.poll_next(cx))).await {
                Some(happening) => happening,
                None => {
                    self.flush().await;
                    poll_fn(|cx| self.poll_next(cx)).await
                }
            };
            match happening {
                Happening::Order(None) => break,
                Happening::Order(Some(Order::Leave(leave))) => {
                    self.leave(leave).await;
                    break;
                }
                Happening::Order(Some(order)) => self.obey(order),
                Happening::Alarm(due, alarm) => self.alarm(due, alarm),
                Happening::Swarm(event) => self.on_swarm(event),
            }
            self.work_off().await;
            if self.phase == Phase::Over && self.has_drained() {
                self.flush().await;
                self.gauges.count_drained();
                self.stand_by().await;
                break;
            }
        }
        self.addresses.set(self.me, None);
        // Unless that was done before: who was not waited for has its accounts all the same.
        self.bequeath_connections(true);
        self.bequeath();
        self.flush().await;
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        if let Some(next) = self.timers.next() {
            let now = self.clock.now();
            if let Some((due, alarm)) = self.timers.pop(now) {
                return Poll::Ready(Happening::Alarm(due, alarm));
            }
            if self.delay.as_ref().is_none_or(|(at, _)| *at != next) {
                self.delay = Some((next, Delay::new(self.clock.until(next))));
            }
            if let Some((_, delay)) = &mut self.delay
                && Pin::new(delay).poll(cx).is_ready()
            {
                self.delay = None;
                if let Some((due, alarm)) = self.timers.pop(self.clock.now()) {
                    return Poll::Ready(Happening::Alarm(due, alarm));
                }
                // Clocks of timers and of runs may differ by a tick.
                cx.waker().wake_by_ref();
            }
        }
        if let Poll::Ready(order) = self.orders.poll_next_unpin(cx) {
            return Poll::Ready(Happening::Order(order));
        }
        match self.swarm.poll_next_unpin(cx) {
            Poll::Ready(Some(event)) => Poll::Ready(Happening::Swarm(event)),
            Poll::Ready(None) | Poll::Pending => Poll::Pending,
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Connect => {
                for peer in self.connections.circle().known.clone() {
                    if self.is_caller(peer) {
                        self.connect_planned(peer);
                    }
                }
            }
            Order::Begin(clock) => {
                self.clock = clock;
                self.timers = Timers::default();
                self.delay = None;
                self.timers.set(Alarm::Begin, Nanos::ZERO);
            }
            Order::Command { workload, command } => {
                if self.phase == Phase::Running {
                    self.inputs.push_back(Input::Command { workload, command });
                }
            }
            Order::Halt => self.part(self.clock.now()),
            Order::Leave(_) => unreachable!("it ends the loop"),
        }
    }

    fn alarm(&mut self, due: Nanos, alarm: Alarm) {
        if self.phase == Phase::Running {
            self.legacy.lateness.record(self.clock.now().saturating_sub(due).0);
        }
        match alarm {
            Alarm::Begin => self.begin(),
            Alarm::Measure => self.measure(),
            Alarm::End => self.part(self.plan.spec.end()),
            Alarm::Redial(peer) => self.connect_planned(peer),
            Alarm::Close(connection) => {
                self.swarm.close_connection(connection);
            }
            Alarm::Machine(key) => {
                if self.phase == Phase::Running {
                    self.inputs.push_back(Input::Timer(key));
                }
            }
            Alarm::Drained => self.is_late = true,
        }
    }

    /// Starts the machines.
    fn begin(&mut self) {
        let now = self.clock.now();
        let spec = &self.plan.spec;
        if now >= spec.end() {
            return self.part(spec.end());
        }
        self.phase = Phase::Running;
        self.timers.set(Alarm::End, spec.end());
        if now < spec.warm_up {
            self.timers.set(Alarm::Measure, spec.warm_up);
        } else {
            self.before = Some((Traffic::default(), self.bytes_before));
        }
        self.entries.push(Entry::Up(now));
        let kept = self.kept.iter().map(|(key, item)| (*key, Arc::clone(item))).collect();
        self.inputs.push_back(Input::Start { kept });
        for peer in self.connections.connected().collect::<Vec<_>>() {
            if let Some(link) = self.connections.link(peer) {
                self.inputs.push_back(Input::PeerUp { peer, link });
            }
        }
        for peer in self.connections.circle().known.clone() {
            if self.connections.is_planned(peer) && self.connections.current(peer).is_none() {
                // At the start of a run, who calls whom is agreed. Later, others cannot know of this peer.
                if self.is_caller(peer) || now > Nanos::from_secs(1) {
                    self.connect_planned(peer);
                }
            }
        }
        for (connection, frame) in std::mem::take(&mut self.early) {
            self.frame(connection, &frame);
        }
    }

    /// The warm-up is over: counters begin anew.
    fn measure(&mut self) {
        self.machines.drain_counters(&mut |_| ());
        if let Some(behaviour) = self.swarm.behaviour_mut().pubsub.as_mut() {
            self.publisher.drain(behaviour, &mut |_| ());
        }
        self.before = Some((self.traffic.clone(), (self.meter)()));
    }

    /// Whether this is the end of a planned connection that dials: either, with equal chance.
    fn is_caller(&self, peer: Peer) -> bool {
        let (low, high) = (self.me.min(peer), self.me.max(peer));
        (mix(u64::from(low.0), u64::from(high.0), 0) & 1 == 0) == (self.me == low)
    }

    /// Works off inputs and what comes of them.
    async fn work_off(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            if self.phase != Phase::Running {
                self.inputs.clear();
                break;
            }
            let (effects, has_facts) = self.step(input);
            if has_facts || self.entries.len() >= TOGETHER {
                self.flush().await;
            }
            self.carry_out(effects);
        }
        if self.entries.len() >= TOGETHER {
            self.flush().await;
        }
    }

    /// One step of the machines. Gives what is to be carried out, and whether anything was recorded.
    fn step(&mut self, input: Input<Native>) -> (Vec<Effect<Native>>, bool) {
        let now = self.clock.now().min(self.plan.spec.end());
        self.native.now = now;
        self.legacy.steps += 1;
        let env = Env {
            now,
            me: self.me,
            seed: self.plan.seed,
            neighbours: self.connections.circle(),
            uplink: &Uplink::IDLE,
            host: &mut self.native,
            out: &mut self.out,
        };
        self.machines.step(env, input);
        let mut effects = std::mem::take(&mut self.out.effects);
        self.behaviour.filter(self.me, &mut self.native, &mut effects);
        let before = self.entries.len();
        effects.retain(|effect| match effect {
            Effect::Record(fact) => {
                self.entries.push(Entry::Fact(now, *fact));
                false
            }
            _ => true,
        });
        (effects, self.entries.len() > before)
    }

    /// Tells what has happened.
    async fn flush(&mut self) {
        if !self.entries.is_empty() {
            let entries = std::mem::take(&mut self.entries);
            // Whoever listened may have gone: then there is nobody to tell.
            let _ = self.tell.send(Told { peer: self.me, entries }).await;
        }
    }

    /// A planned connection stands, or does no longer.
    fn count_linked(&self, peer: Peer, stands: bool) {
        if self.connections.is_planned(peer) {
            self.gauges.count_linked(stands);
        }
    }

    /// Machines are told that a connection has ended, if they run.
    fn tell_down(&mut self, peer: Peer, why: Why) {
        if self.phase == Phase::Running {
            self.inputs.push_back(Input::PeerDown { peer, why });
        }
    }
}
