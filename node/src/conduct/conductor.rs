//! The conductor itself: it does what [`Muster`] says next, hears what sessions tell, and writes down what came of it all.

use std::{
    collections::BTreeMap,
    ops::Range,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, channel::mpsc};
use libp2p::{Multiaddr, multiaddr::Protocol, noise, swarm::SwarmEvent};
use peerlab_report::{EngineKind, Observer};
use peerlab_scenarios::{
    host::Peer,
    plan::{Files, Plan, identity},
    units::Nanos,
};
use tokio::task::JoinSet;

use super::{
    clock::Estimator,
    log::{Clocks, LogError, Merge, time},
    message::{Header, PROTOCOL, ToProcess, address_book},
    muster::{Happens, Missing, Muster, Step},
    network::{self, Streams},
    pieces,
    session::{self, Context, Event, Left, News},
};
use crate::{
    causes::with_causes,
    fleet::{Collector, Harvest, NAMED, Options, Phase, Run, named, outcome, planned_links},
    host::{Entry, Moved, Roster},
};

/// Between the last word and the start, so that all have heard of it.
const HEADS_UP: Duration = Duration::from_secs(1);

/// How often the conductor looks around.
const LOOK: Duration = Duration::from_millis(100);

/// Processes that are getting acquainted, at a time.
pub(super) const STRANGERS: usize = 256;

/// What may wait for the conductor.
const EVENTS: usize = 1024;

/// Clocks whose difference is known no better than that make a run one to be read with care, ns.
const MOST_UNCERTAIN: u64 = 5_000_000;

/// What a plan is made from.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// The file that the scenario came in, to name it.
    pub name: String,
    /// The scenario.
    pub scenario: Vec<u8>,
    /// The files that it names.
    pub files: Files,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ConductError {
    /// The conductor cannot listen.
    #[error("it cannot listen at {address}: {why}")]
    Listen {
        /// Where.
        address: Multiaddr,
        /// Why.
        why: String,
    },
    /// Noise would not have its key.
    #[error(transparent)]
    Noise(#[from] noise::Error),
    /// What the plan is made from is too long to be handed out.
    #[error(
        "the scenario and its files are longer than the {} bytes that are handed out",
        super::message::INPUTS
    )]
    TooLong,
    /// Too few peers came.
    #[error("{ready} of {of} peers were ready at the deadline, and the quorum is {least}: missing are {missing}", ready = .of - .missing.len())]
    NoQuorum {
        /// How many there are.
        of: usize,
        /// How many must be there.
        least: u32,
        /// Who is missing.
        missing: Missing,
    },
    /// It was stopped before the run began.
    #[error("interrupted before the run began")]
    Interrupted,
    /// Its disk failed.
    #[error("the log of a process: {0}")]
    Log(String),
}

/// A conductor that listens.
pub struct Conductor {
    swarm: Streams,
    incoming: libp2p_stream::IncomingStreams,
    run: Conducted,
    address: Multiaddr,
}

impl std::fmt::Debug for Conductor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Conductor").field("address", &self.address).finish_non_exhaustive()
    }
}

/// What tells of processes that are gone for good, by their peers, and why.
pub type Gone = mpsc::UnboundedReceiver<(Range<u32>, String)>;

/// How a run stands.
#[derive(Clone, Debug)]
pub struct Standing {
    /// How far it has come.
    pub phase: Phase,
    /// Peers that are there.
    pub ready: u32,
    /// The first of those that are not.
    pub away: Vec<Peer>,
}

/// How a run is watched from outside.
pub struct Watchers<'a> {
    /// Hears how the run stands.
    pub on_look: &'a mut dyn FnMut(Standing),
    /// Is asked now and then whether it shall end.
    pub stop: &'a dyn Fn() -> bool,
    /// Tells of processes that are gone for good, by their peers, and why.
    pub gone: Gone,
}

impl Conductor {
    /// Listens at an address, for the peers of a plan that is made from these inputs. To be called on a runtime.
    ///
    /// # Errors
    /// When it cannot.
    pub async fn listen(
        plan: &Arc<Plan>,
        inputs: Inputs,
        options: Options,
        address: &Multiaddr,
    ) -> Result<Self, ConductError> {
        let context = Arc::new(context(plan, inputs, options)?);
        let keys = identity::keypair(plan.seed, identity::CONDUCTOR);
        let mut swarm = network::of_conductor(&keys, &context.roster)?;
        let unheard = |why: String| ConductError::Listen { address: address.clone(), why };
        let incoming = swarm.behaviour().streams.new_control().accept(PROTOCOL);
        let incoming = incoming.map_err(|error| unheard(with_causes(&error)))?;
        swarm.listen_on(address.clone()).map_err(|error| unheard(with_causes(&error)))?;
        let address = loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => break address,
                SwarmEvent::ListenerClosed { reason: Err(error), .. }
                | SwarmEvent::ListenerError { error, .. } => {
                    return Err(unheard(with_causes(&error)));
                }
                _ => {}
            }
        };
        let address = address.with(Protocol::P2p(*swarm.local_peer_id()));
        Ok(Self { swarm, incoming, run: Conducted::new(context), address })
    }

    /// Where it listens, and its name: what processes are told.
    #[must_use]
    pub const fn address(&self) -> &Multiaddr {
        &self.address
    }

    /// How the run stands before anybody has come.
    #[must_use]
    pub fn standing(&self) -> Option<Standing> {
        self.run.standing()
    }

    /// Conducts the run to its end.
    ///
    /// # Errors
    /// When there is nothing to write a report of.
    pub async fn conduct<V: Observer>(
        self,
        observer: V,
        watchers: Watchers<'_>,
    ) -> Result<Run<V>, ConductError> {
        let Self { mut swarm, mut incoming, mut run, .. } = self;
        let context = Arc::clone(&run.context);
        let Watchers { on_look, stop, mut gone } = watchers;
        let (events, mut happens) = mpsc::channel(EVENTS);
        let strangers = Arc::new(tokio::sync::Semaphore::new(STRANGERS));
        let mut ticks = tokio::time::interval(LOOK);
        // They end with the run, whatever becomes of it.
        let mut sessions = JoinSet::new();
        loop {
            tokio::select! {
                _ = swarm.select_next_some() => {}
                Some((id, stream)) = incoming.next() => {
                    if let Ok(permit) = Arc::clone(&strangers).try_acquire_owned() {
                        let session = session::serve(stream, id, Arc::clone(&context), events.clone(), permit);
                        sessions.spawn(session);
                    }
                }
                Some(_) = sessions.join_next() => {}
                Some(event) = happens.next() => run.on_event(event),
                Some((peers, why)) = gone.next() => run.muster.tell(&peers, Happens::Gone(why)),
                _ = ticks.tick() => {
                    if let Some(standing) = run.standing() {
                        on_look(standing);
                    }
                    if stop() {
                        run.halt();
                    }
                }
            }
            while let Some(step) = run.muster.next(Nanos(context.now())) {
                match step {
                    Step::GiveUp => return Err(run.give_up()),
                    Step::Connect => run.connect(),
                    Step::Begin => run.begin(),
                    Step::Leave => run.tell_all(&ToProcess::Leave),
                    Step::Finish => return run.finish(observer, &mut gone),
                }
            }
        }
    }
}

/// What sessions of a run that is made from these inputs have in common.
fn context(plan: &Arc<Plan>, inputs: Inputs, options: Options) -> Result<Context, ConductError> {
    let files = inputs.files.iter().map(|(name, text)| (name.clone(), text.len() as u64));
    let header = Header {
        seed: plan.seed.0,
        name: inputs.name,
        scenario: inputs.scenario.len() as u64,
        files: files.collect(),
        transport: options.transport,
        bare_links: options.bare_links,
    };
    header.total().ok_or(ConductError::TooLong)?;
    let mut bytes = inputs.scenario;
    inputs.files.values().for_each(|text| bytes.extend_from_slice(text.as_bytes()));
    let roster = Roster::new(plan.seed, plan.peers.len());
    Ok(Context { plan: Arc::clone(plan), roster, header, inputs: bytes, epoch: Instant::now() })
}

/// A process that has joined.
struct Member {
    orders: mpsc::Sender<ToProcess>,
    process: u32,
    clock: Estimator,
    /// Its first peers listen.
    ready: bool,
}

/// A run as far as it has come.
struct Conducted {
    context: Arc<Context>,
    muster: Muster,
    members: BTreeMap<u32, (Range<u32>, Member)>,
    addresses: BTreeMap<Peer, Multiaddr>,
    /// What processes left whose sessions are over.
    left: Vec<(Range<u32>, Left)>,
    /// When the run started by the conductor's clock, ns.
    start: Option<u64>,
    missing: Option<Missing>,
    links: (usize, usize),
    halted: bool,
    is_connected: bool,
}

impl Conducted {
    fn new(context: Arc<Context>) -> Self {
        let plan = &context.plan;
        let spec = &plan.spec.start;
        let peers = plan.peers.len();
        let deadline = Nanos(context.now()).saturating_add(spec.deadline);
        Self {
            muster: Muster::new(peers, spec.least(peers), deadline),
            members: BTreeMap::new(),
            addresses: BTreeMap::new(),
            left: Vec::new(),
            start: None,
            missing: None,
            links: (0, 0),
            halted: false,
            is_connected: false,
            context,
        }
    }

    fn on_event(&mut self, event: Event) {
        match event {
            Event::Joins { peers, process, orders, answer } => {
                let admitted = self.muster.admit(peers.start, peers.end - peers.start);
                if admitted.is_ok() {
                    let member = Member { orders, process, clock: Estimator::default(), ready: false };
                    self.members.insert(peers.start, (peers, member));
                }
                // Whoever asked may have gone: then its session tells so.
                let _ = answer.send(admitted.map_err(|refusal| refusal.to_string()));
            }
            Event::From { peers, news } => self.on_news(&peers, news),
            Event::Ends { peers, orders, left, why } => {
                // It may have come back before its first session was over.
                let is_current =
                    self.members.get(&peers.start).is_some_and(|(_, it)| it.orders.same_receiver(&orders));
                if !is_current {
                    return;
                }
                for peer in peers.clone().map(Peer) {
                    self.addresses.remove(&peer);
                }
                let happens = match why {
                    Ok(()) => Happens::Done,
                    Err(why) => {
                        let process = self.members[&peers.start].1.process;
                        Happens::Lost(format!("process {process}: {why}"))
                    }
                };
                if self.muster.is_waiting() {
                    self.members.remove(&peers.start);
                } else {
                    self.left.push((peers.clone(), left));
                }
                self.muster.tell(&peers, happens);
            }
        }
    }

    fn on_news(&mut self, peers: &Range<u32>, news: News) {
        let Some((_, member)) = self.members.get_mut(&peers.start) else { return };
        match news {
            News::Exchange(exchange) => {
                member.clock.add(exchange);
            }
            News::Ready => member.ready = true,
            News::Phase(phase) => self.muster.tell(peers, Happens::Phase(phase)),
            News::Moved(moves) => {
                for (peer, address) in &moves {
                    match address {
                        Some(address) => self.addresses.insert(*peer, address.clone()),
                        None => self.addresses.remove(peer),
                    };
                }
                if self.is_connected {
                    self.tell_of(&moves, Some(peers.start));
                }
            }
        }
        // Without a notion of its clock it could not be told when the run starts.
        let is_ready =
            self.members.get(&peers.start).is_some_and(|(_, it)| it.ready && it.clock.best().is_some());
        if is_ready {
            self.muster.tell(peers, Happens::Ready);
        }
    }

    fn tell_of(&mut self, moves: &[Moved], except: Option<u32>) {
        for some in address_book(moves) {
            self.tell(&ToProcess::Addresses(some), except);
        }
    }

    fn tell_all(&mut self, message: &ToProcess) {
        self.tell(message, None);
    }

    fn tell(&mut self, message: &ToProcess, except: Option<u32>) {
        let mut slow = Vec::new();
        for (first, (peers, member)) in &mut self.members {
            if Some(*first) != except && member.orders.try_send(message.clone()).is_err_and(|it| it.is_full())
            {
                slow.push(peers.clone());
            }
        }
        for peers in slow {
            self.muster.tell(&peers, Happens::Lost("it does not read what it is told".to_owned()));
        }
    }

    fn present(&self) -> Vec<Range<u32>> {
        self.muster.present().collect()
    }

    fn connect(&mut self) {
        let plan = Arc::clone(&self.context.plan);
        let present = self.present();
        let is_first = |peer: Peer| {
            present.iter().any(|peers| peers.contains(&peer.0))
                && plan.sessions(peer).next().is_some_and(|session| session.from == Nanos::ZERO)
        };
        self.muster.want(planned_links(&plan, is_first));
        self.missing = Some(self.muster.missing());
        let book: Vec<Moved> = self.addresses.iter().map(|(peer, at)| (*peer, Some(at.clone()))).collect();
        self.tell_of(&book, None);
        self.is_connected = true;
        self.tell_all(&ToProcess::Connect);
    }

    fn begin(&mut self) {
        self.links = self.muster.links();
        let start = self.context.now().saturating_add(HEADS_UP.as_nanos() as u64);
        self.start = Some(start);
        let mut lost = Vec::new();
        for (peers, member) in self.members.values_mut() {
            let told =
                member.clock.tell(start).map(|at| member.orders.try_send(ToProcess::Begin(at)).is_ok());
            if told != Some(true) {
                lost.push(peers.clone());
            }
        }
        for peers in lost {
            self.muster.tell(&peers, Happens::Lost("it could not be told when the run starts".to_owned()));
        }
    }

    fn halt(&mut self) {
        if !std::mem::replace(&mut self.halted, true) {
            self.muster.halt();
            self.tell_all(&ToProcess::Halt);
        }
    }

    fn standing(&self) -> Option<Standing> {
        let running = || {
            let end = self.context.plan.spec.end();
            let now = Nanos(self.context.now().saturating_sub(self.start?)).min(end);
            Some(Phase::Running { now, end, up: self.muster.links().0 })
        };
        let phase = self.muster.phase().or_else(running)?;
        Some(Standing { phase, ready: self.muster.ready(), away: self.muster.away(NAMED) })
    }

    fn give_up(&self) -> ConductError {
        if self.halted {
            return ConductError::Interrupted;
        }
        let peers = self.context.plan.peers.len();
        let least = self.context.plan.spec.start.least(peers);
        ConductError::NoQuorum { of: peers as usize, least, missing: self.muster.missing() }
    }

    /// Puts together what all have left.
    fn finish<V: Observer>(mut self, observer: V, gone: &mut Gone) -> Result<Run<V>, ConductError> {
        // How a process ended may be known a moment after its connection had.
        while let Ok((peers, why)) = gone.try_recv() {
            self.muster.tell(&peers, Happens::Gone(why));
        }
        let plan = Arc::clone(&self.context.plan);
        let mut harvest = Harvest::of_nobody(&plan);
        harvest.wanted_links = self.links.1 as u64;
        harvest.missing_links = (self.links.1 - self.links.0) as u64;
        let mut logs = Vec::new();
        for (peers, left) in std::mem::take(&mut self.left) {
            let added = left.pieces.iter().try_for_each(|packed| pieces::add(&mut harvest, &peers, packed));
            if let Err(foreign) = added {
                harvest.dead.extend(peers.map(|peer| (Peer(peer), foreign.to_string())));
            }
            logs.push(left.log);
        }
        for (peer, why) in self.muster.lost() {
            harvest.dead.insert(peer, why.to_owned());
        }
        if let Some(missing) = self.missing.take().filter(|missing| !missing.is_empty()) {
            let missing = missing.into_inner();
            harvest.disturbances.push(format!(
                "{} of {} peers were missing when the run began: {}",
                missing.len(),
                plan.peers.len(),
                named(missing.iter())
            ));
        }
        harvest.disturbances.extend(self.uncertain_clocks());
        let mut collector = Collector::new(observer, plan.spec.end());
        self.tell_observer(logs, &mut collector).map_err(|error| ConductError::Log(error.to_string()))?;
        let (outcome, conditions) = outcome(&plan, EngineKind::Live, harvest);
        Ok(Run { outcome, observer: collector.finish(), conditions })
    }

    /// What is to be said of clocks whose difference is not known well enough.
    fn uncertain_clocks(&self) -> Option<String> {
        let error = |member: &Member| Some(member.clock.correction()?.error());
        let (worst, member) = self
            .members
            .values()
            .filter_map(|(_, member)| Some((error(member)?, member)))
            .max_by_key(|(error, _)| *error)?;
        (worst > MOST_UNCERTAIN).then(|| {
            format!(
                "the clock of process {} is known to {:.1} ms only, and at most {:.1} ms are allowed",
                member.process,
                worst as f64 / 1e6,
                MOST_UNCERTAIN as f64 / 1e6
            )
        })
    }

    fn tell_observer<V: Observer>(
        &self,
        logs: Vec<super::log::Spool>,
        collector: &mut Collector<V>,
    ) -> Result<(), LogError> {
        let corrections = self
            .members
            .values()
            .filter_map(|(peers, member)| Some((peers.clone(), member.clock.correction()?)));
        let clocks = Clocks::new(self.start.unwrap_or_default(), corrections.collect());
        let corrected = |entry: Result<(Peer, Entry), LogError>| {
            entry.map(|(peer, entry)| (peer, clocks.corrected(peer, entry)))
        };
        let logs = logs.into_iter().map(|log| Ok(log.read()?.map(corrected)));
        let logs = logs.collect::<Result<Vec<_>, LogError>>()?;
        let key = |entry: &Result<(Peer, Entry), LogError>| {
            entry.as_ref().map_or(Nanos::ZERO, |(_, entry)| time(entry))
        };
        let warm_up = self.context.plan.spec.warm_up;
        let mut measured = false;
        for (at, entry) in Merge::new(logs, key) {
            let (peer, entry) = entry?;
            if !measured && at >= warm_up {
                measured = true;
                collector.measure(warm_up);
            }
            collector.entry(peer, &entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conduct::tests::small;

    #[test]
    fn whoever_does_not_read_what_it_is_told_is_lost_and_others_are_not() {
        let (plan, inputs) = small(9);
        let mut run = Conducted::new(Arc::new(context(&plan, inputs, Options::default()).unwrap()));
        let mut join = |first: u32| {
            let (orders, told) = mpsc::channel(session::ORDERS);
            let (answer, _) = futures::channel::oneshot::channel();
            run.on_event(Event::Joins { peers: first..first + 3, process: first, orders, answer });
            told
        };
        let (_slow, mut quick, _away) = (join(0), join(3), join(6));
        // Who is lost before the run has begun to be made may come back, and its seat is free.
        run.muster.tell(&(6..9), Happens::Gone("it ended".to_owned()));
        for peers in [0..3, 3..6] {
            run.muster.tell(&peers, Happens::Ready);
        }
        run.muster.halt();
        run.connect();
        for _ in 0..2 * session::ORDERS {
            run.tell_all(&ToProcess::Connect);
            while quick.try_recv().is_ok() {}
        }
        assert!(run.present().into_iter().eq(std::iter::once(3..6)));
    }
}
