//! Who starts and stops peers, and gives them their users' commands.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use futures::{
    FutureExt as _, StreamExt as _,
    channel::mpsc,
    future::{BoxFuture, Either, select},
    stream::FuturesUnordered,
};
use futures_timer::Delay;
use peerlab_scenarios::{
    host::{Command, Peer, StoreKey},
    plan::{FaultEffect, PeerSet, Plan, Sessions, WorkloadKind},
    role,
    seed::mix,
    spec::Leave,
    units::Nanos,
    wire::Item,
};
use web_time::Instant;

use super::{Comes, Ground, Lead, conditions::Watch, harvest::Harvest, phase::Phase, planned_links, tasks};
use crate::host::{self, Addresses, Clock, Company, Gauges, Legacy, Life, Order, Roster, Setting, Told};

/// Peers that are started, or told to dial, at a time, and the pause between.
const AT_A_TIME: usize = 20;
const PAUSE: Duration = Duration::from_millis(20);

/// How often the director looks how far its peers have come.
const LOOK: Duration = Duration::from_millis(200);

/// How long peers may take to listen, to connect, and to say and hear their last.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
const CONNECTS_WITHIN: Duration = Duration::from_secs(60);
const ENDS_WITHIN: Duration = Duration::from_secs(20);

/// How long what a conductor says is waited for: it has deadlines of its own, and whoever loses it halts the fleet.
const CONDUCTED: Duration = Duration::from_secs(24 * 60 * 60);

/// Between the last preparation and the start, so that all have heard of it.
const HEADS_UP: Duration = Duration::from_millis(300);

/// Orders that may wait for a peer.
const ORDERS: usize = 64;

/// What a director needs.
pub(super) struct Setup {
    pub(super) plan: Arc<Plan>,
    pub(super) roster: Arc<Roster>,
    pub(super) addresses: Addresses,
    pub(super) gauges: Arc<Gauges>,
    pub(super) ground: Ground,
    /// The peers that are run by this director.
    pub(super) here: PeerSet,
    pub(super) lead: Lead,
    pub(super) tell: mpsc::Sender<Told>,
    pub(super) report: mpsc::UnboundedSender<Comes>,
    pub(super) halt: Arc<AtomicBool>,
}

/// Something that the plan wants at an instant; what stands first is done first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Act {
    Heal(usize),
    Fault(usize),
    Begin(Peer),
    End(Peer, bool),
    Command(usize),
    Measure,
}

/// A peer, whether it runs or not.
struct Seat {
    /// How it is told, while it runs.
    orders: Option<mpsc::Sender<Order>>,
    /// Whether its task is still there.
    is_alive: bool,
    lives: u32,
    /// Whether its session wants it to run.
    wanted: bool,
    sessions: Option<Sessions>,
    may_restart: bool,
    kept: BTreeMap<StoreKey, Arc<Item>>,
}

type Ended = (Peer, Result<Legacy, String>);

pub(super) struct Director {
    setup: Setup,
    seats: Vec<Seat>,
    tasks: FuturesUnordered<BoxFuture<'static, Ended>>,
    acts: BinaryHeap<Reverse<(Nanos, Act)>>,
    timelines: Vec<Box<dyn Iterator<Item = (Nanos, Peer, Command)> + Send>>,
    pending: Vec<Option<(Peer, Command)>>,
    active: Vec<usize>,
    clock: Option<Clock>,
    is_over: bool,
    harvest: Harvest,
}

impl Director {
    pub(super) fn new(setup: Setup) -> Self {
        let plan = &setup.plan;
        let seat = |peer| Seat {
            orders: None,
            is_alive: false,
            lives: 0,
            wanted: false,
            sessions: Some(plan.sessions(peer)),
            may_restart: false,
            kept: BTreeMap::new(),
        };
        let harvest = Harvest::of_nobody(plan);
        Self {
            seats: plan.peers.iter().map(seat).collect(),
            tasks: FuturesUnordered::new(),
            acts: BinaryHeap::new(),
            timelines: Vec::new(),
            pending: Vec::new(),
            active: Vec::new(),
            clock: None,
            is_over: false,
            harvest,
            setup,
        }
    }

    /// Runs the fleet, and leaves its harvest.
    pub(super) async fn run(mut self) {
        self.lay_out();
        let begun = self.gather().await;
        let watch = self.setup.ground.in_real_time.then(Watch::begin);
        if begun {
            self.direct().await;
        }
        self.collect().await;
        self.harvest.conditions = watch.map(Watch::end).unwrap_or_default();
        let Self { setup, harvest, .. } = self;
        let _ = setup.report.unbounded_send(Comes::Done(Box::new(harvest)));
    }

    fn report(&self, comes: Comes) {
        // Whoever listened may have gone.
        let _ = self.setup.report.unbounded_send(comes);
    }

    /// Whether the run is to end before its time. When it is over, there is nothing left to end.
    fn is_halted(&self) -> bool {
        !self.is_over && self.setup.halt.load(Ordering::Relaxed)
    }

    fn at(&mut self, time: Nanos, act: Act) {
        self.acts.push(Reverse((time, act)));
    }

    /// Notes what the plan decides: sessions, faults, the first command of each workload, the end of the warm-up.
    fn lay_out(&mut self) {
        let plan = Arc::clone(&self.setup.plan);
        for peer in self.setup.here.iter().collect::<Vec<_>>() {
            self.next_session(peer);
        }
        for (number, fault) in plan.faults.iter().enumerate() {
            self.at(fault.at, Act::Fault(number));
            if fault.until != Nanos::NEVER {
                self.at(fault.until, Act::Heal(number));
                if let Some(who) = stops(&fault.effect) {
                    who.iter().for_each(|peer| self.seats[peer.index()].may_restart = true);
                }
            }
        }
        self.at(plan.spec.warm_up, Act::Measure);
        for (number, workload) in plan.workloads.iter().enumerate() {
            self.timelines.push(match &workload.kind {
                WorkloadKind::Chat(chat) => Box::new(chat.timeline()),
                WorkloadKind::Update(update) => Box::new(update.timeline()),
                WorkloadKind::Lookups(lookups) => Box::new(lookups.timeline()),
            });
            self.pending.push(None);
            self.next_command(number);
        }
    }

    fn next_session(&mut self, peer: Peer) {
        let Some(session) = self.seats[peer.index()].sessions.as_mut().and_then(Iterator::next) else {
            return;
        };
        self.at(session.from, Act::Begin(peer));
        if session.to != Nanos::NEVER {
            self.at(session.to, Act::End(peer, session.leave == Leave::Graceful));
            self.seats[peer.index()].may_restart = true;
        }
    }

    fn next_command(&mut self, workload: usize) {
        if let Some((at, peer, command)) = self.timelines[workload].next() {
            self.pending[workload] = Some((peer, command));
            self.at(at, Act::Command(workload));
        }
    }

    /// Starts those who are there from the beginning, and lets them connect. False when the run was stopped meanwhile.
    async fn gather(&mut self) -> bool {
        let mut first = Vec::new();
        while let Some(Reverse((Nanos::ZERO, Act::Begin(_)))) = self.acts.peek() {
            let Some(Reverse((_, Act::Begin(peer)))) = self.acts.pop() else { break };
            first.push(peer);
        }
        let lead = self.setup.lead.clone();
        let of = first.len();
        let listening =
            |this: &Self| first.iter().filter(|peer| this.setup.addresses.of(**peer).is_some()).count();
        for some in first.chunks(AT_A_TIME) {
            if self.is_halted() {
                break;
            }
            self.report(Comes::Phase(Phase::Starting { up: listening(self), of }));
            some.iter().for_each(|peer| self.begin(*peer));
            Delay::new(PAUSE).await;
        }
        self.wait(STARTS_WITHIN, |this| (listening(this), of), |up, of| Phase::Starting { up, of }).await;
        if let Lead::Conductor(baton) = &lead {
            self.report(Comes::Ready);
            self.wait(
                CONDUCTED,
                |_| (usize::from(baton.connects()), 1),
                |_, _| Phase::Starting { up: of, of },
            )
            .await;
        }
        for some in first.chunks(AT_A_TIME) {
            if self.is_halted() {
                break;
            }
            for peer in some {
                self.order(*peer, Order::Connect);
            }
            Delay::new(PAUSE).await;
        }
        let gauges = Arc::clone(&self.setup.gauges);
        let start = match &lead {
            Lead::Own => {
                let is_first = |peer: Peer| self.seats[peer.index()].orders.is_some();
                let wanted = planned_links(&self.setup.plan, is_first);
                let linked = move || gauges.linked() / 2;
                self.wait(CONNECTS_WITHIN, |_| (linked(), wanted), |up, of| Phase::Connecting { up, of })
                    .await;
                self.harvest.wanted_links = wanted as u64;
                self.harvest.missing_links = wanted.saturating_sub(linked()) as u64;
                Instant::now() + HEADS_UP
            }
            Lead::Conductor(baton) => {
                // Who is at the other ends, and how many there should be, only the conductor knows.
                let begins = |_: &Self| (usize::from(baton.start().is_some()), 1);
                self.wait(CONDUCTED, begins, |_, _| Phase::Connecting { up: gauges.linked(), of: 0 }).await;
                baton.start().unwrap_or_else(Instant::now)
            }
        };
        if self.is_halted() {
            self.harvest.interrupted = Some(Nanos::ZERO);
            return false;
        }
        let clock = Clock::new(start);
        self.clock = Some(clock);
        if let Some(shaper) = &self.setup.ground.links {
            shaper.begin(clock.start());
        }
        for peer in 0..self.seats.len() as u32 {
            self.order(Peer(peer), Order::Begin(clock));
        }
        Delay::new(clock.until(Nanos::ZERO)).await;
        true
    }

    /// Waits until as many as are wanted are there, or for so long, and tells how far it has come.
    async fn wait(
        &mut self,
        most: Duration,
        count: impl Fn(&Self) -> (usize, usize),
        phase: impl Fn(usize, usize) -> Phase,
    ) {
        let deadline = Instant::now() + most;
        loop {
            let (up, of) = count(self);
            self.report(Comes::Phase(phase(up, of)));
            if up >= of || Instant::now() >= deadline || self.is_halted() {
                return;
            }
            let until = (Instant::now() + LOOK / 4).min(deadline);
            self.attend_until(until).await;
        }
    }

    /// Attends to peers whose lives end, until an instant.
    async fn attend_until(&mut self, instant: Instant) {
        let mut until = Delay::new(instant.saturating_duration_since(Instant::now()));
        while !self.tasks.is_empty() {
            let ended = match select(self.tasks.next(), &mut until).await {
                Either::Left((ended, _)) => ended,
                Either::Right(_) => return,
            };
            ended.into_iter().for_each(|ended| self.ended(ended));
        }
        until.await;
    }

    /// Carries out what the plan wants, each at its time.
    async fn direct(&mut self) {
        let clock = self.clock.expect("the run has begun");
        let end = self.setup.plan.spec.end();
        let mut look = Instant::now();
        loop {
            let now = clock.now();
            if self.is_halted() {
                self.harvest.interrupted = Some(now.min(end));
                for peer in 0..self.seats.len() as u32 {
                    self.order(Peer(peer), Order::Halt);
                }
                return;
            }
            if Instant::now() >= look {
                look = Instant::now() + LOOK;
                let linked = self.setup.gauges.linked();
                let up = if matches!(self.setup.lead, Lead::Own) { linked / 2 } else { linked };
                self.report(Comes::Phase(Phase::Running { now: now.min(end), end, up }));
            }
            if now >= end {
                return;
            }
            let next = self.acts.peek().map_or(end, |Reverse((time, _))| (*time).min(end));
            if next <= now {
                let Some(Reverse((time, act))) = self.acts.pop() else { continue };
                self.act(time, act);
                continue;
            }
            let wake = clock.instant(next).map_or(look, |next| look.min(next));
            self.attend_until(wake).await;
        }
    }

    fn act(&mut self, time: Nanos, act: Act) {
        match act {
            Act::Begin(peer) => self.begin(peer),
            Act::End(peer, graceful) => {
                self.seats[peer.index()].wanted = false;
                self.stop(peer, if graceful { Leave::Graceful } else { Leave::Crash });
                self.next_session(peer);
            }
            Act::Fault(number) => self.fault_begins(number),
            Act::Heal(number) => self.fault_ends(number),
            Act::Command(workload) => {
                if let Some((peer, command)) = self.pending[workload].take()
                    && self.setup.here.contains(peer)
                    && !self.order(peer, Order::Command { workload: workload as u8, command })
                    && time >= self.setup.plan.spec.warm_up
                {
                    self.harvest.skipped_commands += 1;
                }
                self.next_command(workload);
            }
            Act::Measure => self.report(Comes::Measure(time)),
        }
    }

    /// Tells a peer something, if it runs.
    fn order(&mut self, peer: Peer, order: Order) -> bool {
        self.seats[peer.index()].orders.as_mut().is_some_and(|orders| orders.try_send(order).is_ok())
    }

    fn begin(&mut self, peer: Peer) {
        self.seats[peer.index()].wanted = true;
        self.start(peer);
    }

    /// The faults that keep a peer down.
    fn kept_down_by(&self, peer: Peer) -> impl Iterator<Item = usize> + '_ {
        let faults = &self.setup.plan.faults;
        let stops_it =
            move |number: &usize| stops(&faults[*number].effect).is_some_and(|who| who.contains(peer));
        self.active.iter().copied().filter(stops_it)
    }

    /// Whether a fault keeps a peer from starting, which is then a hit.
    fn keep_down(&mut self, peer: Peer) -> bool {
        let by: Vec<usize> = self.kept_down_by(peer).collect();
        by.iter().for_each(|&number| self.harvest.fault_hits[number] += 1);
        !by.is_empty()
    }

    /// Starts a peer, if its session wants it and no fault keeps it down. One whose last life is still ending starts when that
    /// has ended.
    fn start(&mut self, peer: Peer) {
        let seat = &self.seats[peer.index()];
        if !seat.wanted || seat.orders.is_some() || seat.is_alive || self.keep_down(peer) {
            return;
        }
        let wire = match (self.setup.ground.wire)(peer, &self.setup.roster.keypair(peer)) {
            Ok(wire) => wire,
            Err(why) => {
                self.harvest.dead.insert(peer, why);
                return;
            }
        };
        let life = self.seats[peer.index()].lives;
        let tape = self.setup.ground.tapes.as_ref().map(|tapes| tapes.tape(peer, life)).transpose();
        let tape = match tape {
            Ok(tape) => tape,
            Err(why) => {
                self.harvest.dead.insert(peer, why);
                return;
            }
        };
        let (mut orders, receiver) = mpsc::channel(ORDERS);
        let seat = &mut self.seats[peer.index()];
        let life = Life {
            me: peer,
            number: seat.lives,
            setting: Setting::of(&self.setup.plan, peer),
            roles: role::Any::of(&self.setup.plan, peer),
            roster: Arc::clone(&self.setup.roster),
            addresses: self.setup.addresses.clone(),
            company: Company::default(),
            wire,
            kept: std::mem::take(&mut seat.kept),
            may_restart: seat.may_restart,
            tells_kept: false,
            orders: receiver,
            tell: self.setup.tell.clone(),
            gauges: Arc::clone(&self.setup.gauges),
            tape,
        };
        if let Some(clock) = self.clock {
            orders.try_send(Order::Begin(clock)).expect("an order finds room in an empty channel");
        }
        seat.orders = Some(orders);
        seat.lives += 1;
        seat.is_alive = true;
        let spawn = (self.setup.ground.spawn_of)(peer);
        let executor = Arc::clone(&spawn);
        let task = tasks::spawn(&spawn, host::run(life, move |task| executor(task)));
        let ended = async move {
            let left = match task.await {
                Ok(Ok(legacy)) => Ok(legacy),
                Ok(Err(error)) => Err(error.to_string()),
                Err(died) => Err(format!("its task died: {died}")),
            };
            (peer, left)
        };
        self.tasks.push(ended.boxed());
    }

    fn stop(&mut self, peer: Peer, leave: Leave) -> bool {
        let is_told = self.order(peer, Order::Leave(leave));
        self.seats[peer.index()].orders = None;
        is_told
    }

    /// A life has ended.
    fn ended(&mut self, (peer, left): Ended) {
        let seat = &mut self.seats[peer.index()];
        seat.is_alive = false;
        let was_told = seat.orders.take().is_none();
        match left {
            Ok(legacy) => self.inherit(peer, legacy),
            Err(why) => {
                self.harvest.dead.insert(peer, why);
                self.setup.addresses.set(peer, None);
                return;
            }
        }
        if was_told && self.clock.is_some() && self.kept_down_by(peer).next().is_none() {
            self.start(peer);
        }
    }

    fn inherit(&mut self, peer: Peer, legacy: Legacy) {
        let Legacy {
            kept,
            traffic,
            warm_up,
            bytes: (sent, received),
            accounts,
            connected,
            steps,
            digest,
            troubles,
            online,
        } = legacy;
        self.seats[peer.index()].kept = kept;
        let harvest = &mut self.harvest;
        harvest.ledger.add(&traffic, &warm_up, &accounts);
        harvest.bytes[peer.index()].0 += sent;
        harvest.bytes[peer.index()].1 += received;
        harvest.events += steps;
        // Lives end in any order: the hash of all must not depend on it.
        harvest.digest = harvest.digest.wrapping_add(mix(digest, u64::from(peer.0), steps));
        harvest.troubles.add(troubles);
        harvest.online[peer.index()] |= online;
        if online {
            harvest.connected.insert(peer, connected);
        }
    }

    fn fault_begins(&mut self, number: usize) {
        self.active.push(number);
        let fault = self.setup.plan.faults[number].effect.clone();
        if let Some(who) = stops(&fault) {
            let leave = if matches!(fault, FaultEffect::Stop(_)) { Leave::Graceful } else { Leave::Crash };
            for peer in who.iter() {
                let hit = self.stop(peer, leave);
                self.harvest.fault_hits[number] += u64::from(hit);
            }
        }
    }

    fn fault_ends(&mut self, number: usize) {
        self.active.retain(|other| *other != number);
        let fault = self.setup.plan.faults[number].effect.clone();
        if let Some(who) = stops(&fault) {
            who.iter().for_each(|peer| self.start(peer));
        }
    }

    /// Waits until all have said and heard their last, and lets them go.
    async fn collect(&mut self) {
        let gauges = Arc::clone(&self.setup.gauges);
        let of = self.seats.iter().filter(|seat| seat.orders.is_some()).count();
        self.is_over = true;
        match self.setup.lead.clone() {
            _ if self.clock.is_none() => {}
            Lead::Own => {
                let drained = |_: &Self| (gauges.drained(), of);
                self.wait(ENDS_WITHIN, drained, |done, of| Phase::Collecting { done, of }).await;
            }
            Lead::Conductor(baton) => {
                let all_have = |_: &Self| (usize::from(baton.leaves()), 1);
                let phase = |_, _| Phase::Collecting { done: gauges.drained(), of };
                self.wait(CONDUCTED, all_have, phase).await;
            }
        }
        self.clock = None;
        for seat in &mut self.seats {
            seat.wanted = false;
            seat.orders = None;
        }
        let deadline = Instant::now() + ENDS_WITHIN;
        while !self.tasks.is_empty() && Instant::now() < deadline {
            self.attend_until((Instant::now() + LOOK / 4).min(deadline)).await;
        }
        for (number, seat) in self.seats.iter().enumerate() {
            if seat.is_alive {
                self.harvest.dead.insert(Peer(number as u32), "it did not end in time".to_owned());
            }
        }
        self.harvest.lateness = gauges.take_lateness();
        if let Some(shaper) = &self.setup.ground.links {
            for (hits, more) in self.harvest.fault_hits.iter_mut().zip(shaper.hits()) {
                *hits += more;
            }
        }
    }
}

/// Whom a fault stops.
const fn stops(effect: &FaultEffect) -> Option<&PeerSet> {
    match effect {
        FaultEffect::Kill(who) | FaultEffect::Stop(who) => Some(who),
        _ => None,
    }
}
