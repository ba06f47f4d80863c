//! The local fleet: all peers of a scenario on this machine, in real time.
//!
//! All swarms are in one process, each driven by a task of its own on a runtime of several threads. They listen on ports that
//! the system picks, so that a second fleet beside this one is in nobody's way. The *director* is a task that starts and stops
//! them as the plan says, and gives them the commands of their users. What they tell comes over one bounded channel to the
//! thread that called: who tells more than it takes in has to wait, and that shows as lateness.

mod collector;
mod conditions;
mod director;
mod ledger;
pub mod provenance;
mod transport;

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use futures::{StreamExt as _, channel::mpsc, executor::block_on, stream::select};
use peerlab_report::{EngineKind, Observer, Outcome};
use peerlab_scenarios::{
    host::Peer,
    plan::{PeerSet, Plan},
    report::Invariant,
    units::Nanos,
};

use self::{collector::Collector, director::Director, transport::Links};
pub use self::{
    conditions::Conditions,
    director::{Harvest, Phase},
    transport::Transport,
};
use crate::{
    host::{Addresses, Gauges, Roster, Told},
    link::Shaper,
};

/// Batches that may wait to be taken in, besides one for each peer.
const WAITING: usize = 256;

/// How a fleet is to run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// What carries connections.
    pub transport: Transport,
    /// Whether connections have the links of this machine instead of those of the scenario.
    pub bare_links: bool,
}

/// Why a fleet could not run.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The runtime did not start.
    #[error("the runtime cannot start: {0}")]
    Runtime(#[from] std::io::Error),
    /// The links of the plan cannot be laid.
    #[error(transparent)]
    Links(#[from] peerlab_scenarios::plan::PlanError),
}

/// A run that is over.
#[derive(Debug)]
pub struct Run<V> {
    /// What came of it.
    pub outcome: Outcome,
    /// Who watched it.
    pub observer: V,
    /// How it went for the machine.
    pub conditions: Conditions,
}

/// What comes to the thread that called.
enum Comes {
    Told(Told),
    Phase(Phase),
    Measure(Nanos),
    Done(Box<Harvest>),
}

/// Runs a plan to its end, or until `stop` says so, which is asked now and then. `on_phase` hears how far it has come.
///
/// # Errors
/// When the system refuses what a fleet needs.
pub fn run<V: Observer>(
    plan: &Arc<Plan>,
    observer: V,
    options: Options,
    on_phase: &mut dyn FnMut(Phase),
    stop: &dyn Fn() -> bool,
) -> Result<Run<V>, FleetError> {
    let threads = thread::available_parallelism().map_or(2, NonZero::get);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    let peers = plan.peers.len();
    let links = if options.bare_links {
        Links::bare(peers)
    } else {
        let mut here = PeerSet::default();
        plan.peers.iter().for_each(|peer| {
            here.insert(peer);
        });
        let handle = runtime.handle().clone();
        let spawn = Arc::new(move |task| {
            handle.spawn(task);
        });
        Links::Shaped(Shaper::new(plan, &here, spawn)?)
    };
    let (tell, told) = mpsc::channel(WAITING);
    let (report, reports) = mpsc::unbounded();
    let halt = Arc::new(AtomicBool::new(false));
    let director = Director::new(director::Setup {
        plan: Arc::clone(plan),
        roster: Roster::new(plan.seed, peers),
        addresses: Addresses::new(peers),
        gauges: Arc::new(Gauges::default()),
        links,
        transport: options.transport,
        tell,
        report,
        halt: Arc::clone(&halt),
    });
    let task = runtime.spawn(director.run());
    let mut collector = Collector::new(observer, plan.spec.end());
    let mut harvest = None;
    block_on(async {
        let mut comes = select(told.map(Comes::Told), reports);
        while let Some(come) = comes.next().await {
            match come {
                Comes::Told(told) => collector.take_in(told),
                Comes::Measure(at) => collector.measure(at),
                Comes::Phase(phase) => {
                    if let Phase::Running { now, .. } = phase {
                        collector.progress(now, 0);
                    }
                    on_phase(phase);
                    if stop() {
                        halt.store(true, Ordering::Relaxed);
                    }
                }
                Comes::Done(done) => harvest = Some(*done),
            }
        }
    });
    if let Err(died) = runtime.block_on(task)
        && died.is_panic()
    {
        std::panic::resume_unwind(died.into_panic());
    }
    runtime.shutdown_background();
    let harvest = harvest.expect("a director that ends in good order leaves its harvest");
    let (outcome, conditions) = outcome(plan, harvest);
    collector.progress(outcome.interrupted.unwrap_or(plan.spec.end()), outcome.events);
    Ok(Run { outcome, observer: collector.finish(), conditions })
}

/// Peers that are named one by one at the most.
const NAMED: usize = 10;

fn named<'a>(peers: impl ExactSizeIterator<Item = (&'a Peer, &'a String)>) -> String {
    let count = peers.len();
    let named: Vec<_> = peers.take(NAMED).map(|(peer, why)| format!("{peer} ({why})")).collect();
    let more = if count > NAMED { format!(" and {} others", count - NAMED) } else { String::new() };
    format!("{}{more}", named.join(", "))
}

fn outcome(plan: &Plan, harvest: Harvest) -> (Outcome, Conditions) {
    let Harvest {
        traffic,
        warm_up,
        bytes,
        connected,
        online,
        events,
        digest,
        fault_hits,
        skipped_commands,
        interrupted,
        dead,
        missing_links,
        wanted_links,
        troubles,
        conditions,
    } = harvest;
    let reported = Invariant {
        name: "every peer reported".to_owned(),
        holds: dead.is_empty(),
        detail: match dead.len() {
            0 => format!("{} peers", plan.peers.len()),
            count => format!("{count} of {} did not: {}", plan.peers.len(), named(dead.iter())),
        },
    };
    let mut disturbances = conditions.disturbances();
    let mut disturbed = |count: u64, told: String| {
        if count > 0 {
            disturbances.push(told);
        }
    };
    disturbed(
        missing_links,
        format!("{missing_links} of {wanted_links} connections did not stand when the run began"),
    );
    disturbed(
        troubles.backlogs,
        format!("{} connections were ended because too much waited for them", troubles.backlogs),
    );
    disturbed(
        troubles.violations,
        format!("{} connections were ended because the other end broke the protocol", troubles.violations),
    );
    let outcome = Outcome {
        engine: EngineKind::Live,
        events,
        interrupted,
        traffic,
        warm_up,
        bytes,
        fault_hits,
        skipped_commands,
        online,
        digest,
        reached: None,
        connections: both_ends(&connected),
        invariants: vec![reported],
        disturbances,
    };
    (outcome, conditions)
}

/// The connections of which an end told, each once.
fn both_ends(connected: &BTreeMap<Peer, Vec<Peer>>) -> Vec<(Peer, Peer)> {
    let told = connected.iter().flat_map(|(peer, others)| others.iter().map(move |other| (*peer, *other)));
    let mut pairs: Vec<_> = told.map(|(a, b)| (a.min(b), a.max(b))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}
