//! One peer in one of its lives: the task that drives its swarm and its machines.
//!
//! A life has three parts. It *gathers*: it listens, and connects with its neighbours. It *runs* from the instant that it is
//! told: its machines start, and take one input at a time. When the run is over it *parts*: it says so on every lane behind
//! all that was sent, and reads until the others have said the same, so that every message is accounted for.
//!
//! What a step records is told before what it sends can go anywhere. So whoever listens to all peers hears of causes before
//! effects.

mod company;
mod doorway;
mod early;
mod effects;
mod ending;
mod fetches;
mod network;

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    future::poll_fn,
    io,
    pin::Pin,
    sync::{Arc, atomic::AtomicU64},
    task::{Context, Poll, ready},
};

use futures::{StreamExt as _, channel::mpsc};
use libp2p::{
    Multiaddr, Swarm,
    swarm::{ConnectionId, Executor, SwarmEvent},
};
use peerlab_report::traffic::Traffic;
use peerlab_scenarios::{
    host::{
        Command, Effect, Env, Input, Links, Machine, Outbox, Overlay as _, Peer, PeerHost, RoleSlot,
        StoreKey, Uplink, Why,
    },
    role,
    seed::mix,
    spec,
    units::Nanos,
    wire::Item,
};
use web_time::Instant;

pub use self::company::Company;
use self::{doorway::Doorway, early::Early, fetches::Fetches};
use super::{
    Addresses, Clock, Entry, Gauges, Legacy, Meter, Native, Overlay, Roster, Setting, Told, Wire,
    connections::{Connections, Lasting},
    contents::Contents,
    kademlia::{self, Finder},
    protocols::{Chosen, Identity, Protocols, ProtocolsEvent, swarm},
    pubsub::{self, Publisher},
    quiet::Quiet,
    record::Tape,
    timers::{Alarm, Timers},
};
use crate::{causes::with_causes, timer::Timer};

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
    /// What of the run concerns it.
    pub setting: Setting,
    /// Its roles.
    pub roles: Vec<RoleSlot<role::Any<Native>>>,
    /// Who takes part.
    pub roster: Arc<Roster>,
    /// Where the others listen.
    pub addresses: Addresses,
    /// How it finds others in an open room.
    pub company: Company,
    /// How connections are made.
    pub wire: Wire,
    /// What the life before has kept.
    pub kept: BTreeMap<StoreKey, Arc<Item>>,
    /// Whether there may be another life, for which something is to be kept.
    pub may_restart: bool,
    /// Whether it tells what its machines want to be kept, for the listener to keep it.
    pub tells_kept: bool,
    /// What it is told.
    pub orders: mpsc::Receiver<Order>,
    /// Where it tells what happens.
    pub tell: mpsc::Sender<Told>,
    /// What it has in common with the other peers of its process.
    pub gauges: Arc<Gauges>,
    /// What its machines are told is recorded here, if it is to be.
    pub tape: Option<Tape>,
}

/// What a peer is told to do.
#[derive(Clone, Debug)]
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
    #[error("it cannot listen at {0}: {1}")]
    Listen(Multiaddr, String),
    /// The network of this machine would not let it look for others.
    #[error("it cannot look for others by mDNS: {0}")]
    Mdns(io::Error),
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
    setting: Setting,
    roster: Arc<Roster>,
    addresses: Addresses,
    meter: Meter,
    /// What the meter said when this life began.
    bytes_before: (u64, u64),
    gauges: Arc<Gauges>,
    orders: mpsc::Receiver<Order>,
    tell: mpsc::Sender<Told>,
    swarm: Swarm<Quiet<Protocols>>,
    machines: PeerHost<Overlay, R>,
    native: Native,
    out: Outbox<Native>,
    contents: Contents,
    publisher: Publisher,
    finder: Option<Finder>,
    doorway: Doorway,
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
    /// Connections that Kademlia has dialled, which end when it does not use them.
    found: Vec<ConnectionId>,
    timers: Timers,
    delay: Option<(Nanos, Timer)>,
    clock: Clock,
    phase: Phase,
    inputs: VecDeque<Input<Native>>,
    /// What came before the machines started.
    early: Early,
    entries: Vec<Entry>,
    /// Whether machines have recorded anything that was not told.
    has_untold_facts: bool,
    may_restart: bool,
    tells_kept: bool,
    kept: BTreeMap<StoreKey, Arc<Item>>,
    traffic: Traffic,
    /// The account and the bytes at the end of the warm-up, or when this life began if that was later.
    before: Option<(Traffic, (u64, u64))>,
    legacy: Legacy,
    tape: Option<Tape>,
}

/// Lives a life, until it is told to leave or the run is over.
///
/// # Errors
/// When it cannot begin.
pub async fn run(mut life: Life, executor: impl Executor + Send + 'static) -> Result<Legacy, NodeError> {
    let named = Arc::new(AtomicU64::new(0));
    let machines =
        PeerHost::new(Overlay::new(&life.setting, Arc::clone(&named)), std::mem::take(&mut life.roles));
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
        let Life {
            me,
            number,
            setting,
            roles: _,
            roster,
            addresses,
            company,
            wire,
            kept,
            may_restart,
            tells_kept,
            orders,
            tell,
            gauges,
            tape,
        } = life;
        let keys = roster.keypair(me);
        let finder = Finder::new(&setting, &roster, &addresses, me);
        let gossip = match &setting.overlay {
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
            timeout: setting.timeout,
        };
        let kademlia = setting.finding.as_ref().map(|finding| {
            let behaviour = kademlia::behaviour(&finding.kademlia, roster.id(me));
            (behaviour, finding.kademlia.spec().idle_timeout)
        });
        let chosen = Chosen { pubsub: gossip, kademlia, mdns: company.mdns };
        let mut swarm = swarm(&identity, chosen, wire.transport, executor).map_err(NodeError::Mdns)?;
        let address = wire.listen.clone();
        swarm.listen_on(wire.listen).map_err(|error| NodeError::Listen(address, with_causes(&error)))?;
        let lasting = match machines.overlay().links() {
            Links::Chosen => Lasting::Chosen,
            Links::Planned if roster.is_open() => Lasting::All,
            Links::Planned => Lasting::Planned,
        };
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
            publisher: Publisher::new(named, &setting.overlay),
            finder,
            doorway: Doorway::new(company.contacts),
            connections: Connections::new(setting.neighbours.clone(), lasting),
            incoming: HashMap::new(),
            parted: Vec::new(),
            finished: Vec::new(),
            is_late: false,
            fetches: Fetches::default(),
            wanted: Vec::new(),
            found: Vec::new(),
            timers: Timers::default(),
            delay: None,
            clock: Clock::new(Instant::now()),
            phase: Phase::Gathering,
            inputs: VecDeque::new(),
            early: Early::default(),
            entries: Vec::new(),
            has_untold_facts: false,
            may_restart,
            tells_kept,
            kept,
            traffic: Traffic::default(),
            before: None,
            legacy: Legacy::default(),
            tape,
            setting,
            roster,
        })
    }

    /// Does what is to be done, one thing after the other.
    async fn live(&mut self) {
        loop {
            match poll_fn(|cx| self.poll_happening(cx)).await {
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
        let ended = self.tape.take().map_or(Ok(()), Tape::end);
        self.note_tape(ended);
    }

    /// What happens next. Before it is waited for, what has happened is told.
    fn poll_happening(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        let happening = self.poll_next(cx);
        if happening.is_pending() {
            // What finds no room now is told as soon as there is some, or with what comes next.
            let _ = self.poll_flush(cx);
        }
        happening
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Happening> {
        if let Some(next) = self.timers.next() {
            let now = self.clock.now();
            if let Some((due, alarm)) = self.timers.pop(now) {
                return Poll::Ready(Happening::Alarm(due, alarm));
            }
            match &mut self.delay {
                Some((at, _)) if *at == next => {}
                Some((at, delay)) => {
                    *at = next;
                    delay.reset(self.clock.until(next));
                }
                None => self.delay = Some((next, Timer::new(self.clock.until(next)))),
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
        // What comes late in the warm-up, when all have something to say at once, is in no figure.
        if self.phase == Phase::Running && self.before.is_some() {
            self.gauges.count_late(self.clock.now().saturating_sub(due));
        }
        match alarm {
            Alarm::Begin => self.begin(),
            Alarm::Measure => self.measure(),
            Alarm::End => self.part(self.setting.end),
            Alarm::Redial(peer) => self.connect_planned(peer),
            Alarm::Contacts => self.dial_contacts(),
            Alarm::Call(id) => self.call_found(id),
            Alarm::Introduce(connection) => self.show_out(connection),
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
        let (warm_up, end) = (self.setting.warm_up, self.setting.end);
        if now >= end {
            return self.part(end);
        }
        self.phase = Phase::Running;
        self.timers.set(Alarm::End, end);
        self.dial_contacts();
        if now < warm_up {
            self.timers.set(Alarm::Measure, warm_up);
        } else {
            self.before = Some((Traffic::default(), self.bytes_before));
        }
        self.entries.push(Entry::Up(now));
        self.start_finding();
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
        for (connection, frame) in self.early.take() {
            self.frame(connection, &frame);
        }
    }

    /// The warm-up is over: counters begin anew.
    fn measure(&mut self) {
        self.drain_counters(&mut |_| ());
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
            let effects = self.step(input);
            if self.entries.len() >= TOGETHER || (self.has_untold_facts && self.sends(&effects)) {
                self.flush().await;
            }
            self.carry_out(effects);
        }
        self.keep_what_the_overlay_lives_on();
        if self.entries.len() >= TOGETHER {
            self.flush().await;
        }
    }

    /// Whether anything of what is to be carried out leaves this peer.
    fn sends(&self, effects: &[Effect<Native>]) -> bool {
        let stays = |effect: &Effect<Native>| {
            matches!(effect, Effect::SetTimer { .. } | Effect::CancelTimer(_) | Effect::Store { .. })
        };
        !self.native.pubsub.is_empty() || !self.native.lookups.is_empty() || !effects.iter().all(stays)
    }

    /// One step of the machines. Gives what is to be carried out.
    fn step(&mut self, input: Input<Native>) -> Vec<Effect<Native>> {
        let now = self.clock.now().min(self.setting.end);
        self.native.now = now;
        self.legacy.steps += 1;
        let given = self.tape.as_ref().and_then(|_| Tape::given(&input, &self.native));
        let env = Env {
            now,
            me: self.me,
            seed: self.setting.seed,
            neighbours: self.connections.circle(),
            uplink: &Uplink::IDLE,
            host: &mut self.native,
            out: &mut self.out,
        };
        self.machines.step(env, input);
        let mut effects = std::mem::take(&mut self.out.effects);
        if let (Some(tape), Some(given)) = (&mut self.tape, given) {
            let done = tape.step(now, self.connections.circle(), given, &effects, &self.native);
            self.note_tape(done);
        }
        self.setting.behaviour.filter(self.me, &mut self.native, &mut effects);
        let before = self.entries.len();
        effects.retain(|effect| match effect {
            Effect::Record(fact) => {
                self.entries.push(Entry::Fact(now, *fact));
                false
            }
            _ => true,
        });
        self.has_untold_facts |= self.entries.len() > before;
        effects
    }

    /// A record that cannot be written ends where that was, and the run goes on.
    fn note_tape(&mut self, done: io::Result<()>) {
        if let Err(error) = done {
            tracing::error!(peer = self.me.0, %error, "its record ends here, for it cannot be written");
            self.tape = None;
        }
    }

    /// Tells what has happened.
    async fn flush(&mut self) {
        poll_fn(|cx| self.poll_flush(cx)).await;
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.entries.is_empty() {
            let has_room = ready!(self.tell.poll_ready(cx)).is_ok();
            let entries = std::mem::take(&mut self.entries);
            self.has_untold_facts = false;
            // Whoever listened may have gone: then there is nobody to tell.
            if has_room {
                let _ = self.tell.start_send(Told { peer: self.me, entries });
            }
        }
        Poll::Ready(())
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
