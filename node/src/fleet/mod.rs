//! The fleet: the peers of a scenario in one process, all of them or the part that a conductor has given to it.
//!
//! Each swarm is driven by a task of its own. The *director* is a task that starts and stops them as the plan says, and gives
//! them the commands of their users. What they tell comes over one bounded channel to whoever called: who tells more than it
//! takes in has to wait, and in real time that shows as lateness.
//!
//! Where a fleet lives is its [`Ground`]: [`live`] has the sockets and the threads of this machine, and real time. Another has
//! virtual time.

mod collector;
mod conditions;
mod director;
mod harvest;
#[cfg_attr(not(feature = "net"), allow(dead_code, reason = "without a network there is no conductor"))]
mod lead;
mod ledger;
#[cfg(feature = "net")]
pub mod live;
mod phase;
mod planned;
pub mod provenance;
#[cfg(feature = "net")]
mod runtime;
mod tasks;
#[cfg(feature = "net")]
mod transport;

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use futures::{
    StreamExt as _,
    channel::mpsc,
    future::BoxFuture,
    stream::{BoxStream, select},
};
use libp2p::identity::Keypair;
use peerlab_report::{EngineKind, Observer, Outcome};
use peerlab_scenarios::{
    host::Peer,
    plan::{FaultEffect, PeerSet, Plan},
    report::Invariant,
    units::Nanos,
};

use self::director::Director;
#[cfg(feature = "net")]
pub(crate) use self::lead::Baton;
pub(crate) use self::{collector::Collector, lead::Lead, planned::planned_links};
pub use self::{conditions::Conditions, harvest::Harvest, phase::Phase};
#[cfg(feature = "net")]
pub use self::{
    live::{FleetError, Options, run},
    runtime::{Cores, Runtime, threads},
    transport::Transport,
};
use crate::{
    host::{Addresses, Gauges, Roster, Told, Wire, record::Tapes},
    link::{Shaper, Spawn},
};

/// Batches that may wait to be taken in, besides one for each peer.
const WAITING: usize = 256;

/// How a peer is given its connections, with its key, or why it cannot.
pub type Wires = Box<dyn Fn(Peer, &Keypair) -> Result<Wire, String> + Send>;

/// Where a fleet lives.
pub struct Ground {
    /// What runs its tasks, and those that its tasks spawn.
    pub spawn: Spawn,
    /// What runs the tasks of each peer.
    pub spawn_of: Box<dyn Fn(Peer) -> Spawn + Send>,
    /// What carries its connections.
    pub wire: Wires,
    /// The links below them, if they are those of the scenario.
    pub links: Option<Shaper>,
    /// Whether its time is that of this machine, which may then be late.
    pub in_real_time: bool,
    /// Where the lives of its peers are recorded, if they are.
    pub tapes: Option<Tapes>,
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

/// What comes from peers and their director.
pub(crate) enum Comes {
    /// A peer told something.
    Told(Told),
    /// This far it has come.
    Phase(Phase),
    /// Those peers that are there from the beginning listen, or never will.
    Ready,
    /// The warm-up is over, at this time.
    Measure(Nanos),
    /// All is over.
    Done(Box<Harvest>),
}

/// Which peers of a plan are run, and by whose word.
pub(crate) struct Part {
    pub(crate) here: PeerSet,
    pub(crate) addresses: Addresses,
    pub(crate) lead: Lead,
    /// Set by whoever wants the run to end before its time.
    pub(crate) halt: Arc<AtomicBool>,
}

/// Peers that are running.
pub(crate) struct Launched {
    /// What comes from them, until all is over.
    pub(crate) comes: BoxStream<'static, Comes>,
    director: BoxFuture<'static, Result<(), tasks::Died>>,
}

impl Launched {
    /// Panics as the director did, if it did. To be called when nothing comes any more.
    pub(crate) async fn end(self) {
        if let Err(died) = self.director.await {
            died.pass_on();
        }
    }
}

/// Starts a part of a plan's peers, or all.
pub(crate) fn launch(plan: &Arc<Plan>, ground: Ground, part: Part) -> Launched {
    let spawn = Arc::clone(&ground.spawn);
    let (tell, told) = mpsc::channel(WAITING);
    let (report, reports) = mpsc::unbounded();
    let Part { here, addresses, lead, halt } = part;
    let roster = if ground.in_real_time { Roster::new } else { Roster::out_of_time };
    let director = Director::new(director::Setup {
        plan: Arc::clone(plan),
        roster: roster(plan.seed, plan.peers.len()),
        addresses,
        gauges: Arc::new(Gauges::default()),
        ground,
        here,
        lead,
        tell,
        report,
        halt,
    });
    let director = tasks::spawn(&spawn, director.run());
    Launched { comes: select(told.map(Comes::Told), reports).boxed(), director }
}

/// Runs a plan to its end, or until `stop` says so, which is asked now and then. `on_phase` hears how far it has come.
pub async fn carry_out<V: Observer>(
    plan: &Arc<Plan>,
    ground: Ground,
    observer: V,
    on_phase: &mut dyn FnMut(Phase),
    stop: &dyn Fn() -> bool,
) -> Run<V> {
    let engine = if ground.in_real_time { EngineKind::Live } else { EngineKind::Virtual };
    let halt = Arc::new(AtomicBool::new(false));
    let part = Part {
        here: plan.peers.iter().collect(),
        addresses: Addresses::new(plan.peers.len()),
        lead: Lead::Own,
        halt: Arc::clone(&halt),
    };
    let mut launched = launch(plan, ground, part);
    let mut collector = Collector::new(observer, plan.spec.end());
    let mut harvest = None;
    while let Some(come) = launched.comes.next().await {
        match come {
            Comes::Told(told) => collector.take_in(told),
            Comes::Measure(at) => collector.measure(at),
            Comes::Phase(phase) => {
                on_phase(phase);
                if stop() {
                    halt.store(true, Ordering::Relaxed);
                }
            }
            Comes::Ready => {}
            Comes::Done(done) => harvest = Some(*done),
        }
    }
    launched.end().await;
    let harvest = harvest.expect("a director that ends in good order leaves its harvest");
    let (outcome, conditions) = outcome(plan, engine, harvest);
    Run { outcome, observer: collector.finish(), conditions }
}

/// Peers that are named one by one at the most.
pub(crate) const NAMED: usize = 10;

pub(crate) fn named<'a>(peers: impl ExactSizeIterator<Item = (&'a Peer, &'a String)>) -> String {
    let count = peers.len();
    let named: Vec<_> = peers.take(NAMED).map(|(peer, why)| format!("{peer} ({why})")).collect();
    let more = if count > NAMED { format!(" and {} others", count - NAMED) } else { String::new() };
    format!("{}{more}", named.join(", "))
}

pub(crate) fn outcome(plan: &Plan, engine: EngineKind, harvest: Harvest) -> (Outcome, Conditions) {
    let Harvest {
        ledger,
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
        lateness,
        conditions,
        disturbances: told,
    } = harvest;
    let (traffic, warm_up) = ledger.close();
    let conditions = conditions.with_lateness(&lateness);
    let reported = Invariant {
        name: "every peer reported".to_owned(),
        holds: dead.is_empty(),
        detail: match dead.len() {
            0 => format!("{} peers", plan.peers.len()),
            count => format!("{count} of {} did not: {}", plan.peers.len(), named(dead.iter())),
        },
    };
    let mut disturbances = conditions.disturbances();
    disturbances.extend(told);
    let mut disturbed = |count: u64, told: String| {
        if count > 0 {
            disturbances.push(told);
        }
    };
    disturbed(
        missing_links,
        format!("{missing_links} of {wanted_links} connections did not stand when the run began"),
    );
    if !plan.faults.iter().any(|fault| cuts(&fault.effect)) {
        disturbed(
            troubles.silences,
            format!("{} connections were given up after a silence that no fault explains", troubles.silences),
        );
    }
    // Where peers come and go, some dial whom they do not know to have gone.
    if plan.faults.is_empty()
        && plan.spec.groups.iter().all(|group| group.churn.is_none() && group.online.is_none())
    {
        disturbed(
            troubles.dials_failed,
            format!("{} dials came to nothing though nothing was in their way", troubles.dials_failed),
        );
    }
    disturbed(
        troubles.backlogs,
        format!("{} connections were ended because too much waited for them", troubles.backlogs),
    );
    disturbed(
        troubles.violations,
        format!("{} connections were ended because the other end broke the protocol", troubles.violations),
    );
    let outcome = Outcome {
        engine,
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

/// Whether a fault may let connections fall silent.
const fn cuts(effect: &FaultEffect) -> bool {
    matches!(effect, FaultEffect::Partition(..) | FaultEffect::Outage(_) | FaultEffect::Degrade { .. })
}

/// The connections of which an end told, each once.
fn both_ends(connected: &BTreeMap<Peer, Vec<Peer>>) -> Vec<(Peer, Peer)> {
    let told = connected.iter().flat_map(|(peer, others)| others.iter().map(move |other| (*peer, *other)));
    let mut pairs: Vec<_> = told.map(|(a, b)| (a.min(b), a.max(b))).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{plan::Files, seed::Seed, spec::read};

    use super::*;

    #[test]
    fn a_peer_that_does_not_report_is_named_and_the_run_is_invalid() {
        let text = "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {name: small}\nspec:\n  duration: 1s\n  \
                    groups: [{name: people, peers: 20}]\n  workloads: [{name: room, chat: {}}]\n";
        let document = read::document("small.yaml", text.as_bytes()).expect("it is a scenario");
        let plan = Plan::new(&document.value, Seed(1), &Files::new()).expect("it can be planned");
        let of = |dead: &[u32]| {
            let dead = dead.iter().map(|&peer| (Peer(peer), "it panicked".to_owned())).collect();
            let (outcome, _) = outcome(&plan, EngineKind::Live, Harvest { dead, ..Harvest::default() });
            let [Invariant { holds, detail, .. }] = outcome.invariants.try_into().expect("there is one");
            (holds, detail)
        };
        assert_eq!(of(&[]), (true, "20 peers".to_owned()));
        assert_eq!(of(&[3]), (false, "1 of 20 did not: peer 3 (it panicked)".to_owned()));
        assert!(of(&(0..15).collect::<Vec<_>>()).1.ends_with("peer 9 (it panicked) and 5 others"));
    }
}
