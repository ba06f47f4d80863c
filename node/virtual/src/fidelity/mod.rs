//! The referee: the model held against real libp2p in virtual time, scenario by scenario.
//!
//! Both are given the same plan, in one process, and [`peerlab_simulator::fidelity`] holds one against the other.

mod presence;
mod table;
mod why;

use std::sync::Arc;

use peerlab_report::{cli::input::Loaded, quantity::grouped, record::Recorder};
use peerlab_scenarios::{
    plan::{Plan, PlanError},
    report::fidelity::{Fidelity, Run},
    spec::{Join, Scenario, ScenarioSpec},
    units::Nanos,
};
use peerlab_simulator::{fidelity, model};

pub use presence::Presence;
pub use table::{Held, Row, document, exceptions};

/// The most peers of a scenario that is run.
pub const MOST_PEERS: u32 = 200;

/// The most connections of a scenario that is run: each is real, with keys and streams of its own, at both of its ends.
pub const MOST_CONNECTIONS: u64 = 10_000;

/// The longest that a scenario may be in virtual time, cool-down included, where it cannot be cut.
pub const MOST_TIME: Nanos = Nanos::from_secs(72 * 3600);

/// What a scenario is cut to in which nothing is planned for a certain time: the end of its workloads, and what comes before and
/// after.
const CUT: (Nanos, Nanos, Nanos) = (Nanos::from_secs(60), Nanos::from_secs(10), Nanos::from_secs(10));

/// What becomes of a scenario.
#[derive(Clone, Debug)]
pub enum Trial {
    /// It is run.
    Run {
        /// Its plan.
        plan: Box<Plan>,
        /// Whether it was cut short.
        cut: bool,
    },
    /// It is not, for this reason.
    LeftOut(String),
}

/// What becomes of a scenario that was read, with its own seed.
///
/// # Errors
/// What cannot be planned.
pub fn trial(loaded: &Loaded) -> Result<Trial, Vec<PlanError>> {
    let scenario = &loaded.document.value;
    let refused = peerlab_scenarios::capabilities::refusals(&scenario.spec);
    if let Some(first) = refused.first() {
        return Ok(Trial::LeftOut(format!("`{}`: {}", first.path, first.message)));
    }
    let peers = scenario.spec.counted_peers();
    if peers > u64::from(MOST_PEERS) {
        return Ok(Trial::LeftOut(format!("more than {MOST_PEERS} peers")));
    }
    let cut = can_be_cut(&scenario.spec);
    let scenario = if cut { cut_short(scenario) } else { scenario.clone() };
    let plan = Plan::new(&scenario, peerlab_scenarios::seed::Seed(scenario.spec.seed), loaded.files())?;
    if plan.peers.len() > MOST_PEERS {
        return Ok(Trial::LeftOut(format!("{} peers", plan.peers.len())));
    }
    if plan.graph.edges() > MOST_CONNECTIONS {
        return Ok(Trial::LeftOut(format!("{} connections", grouped(plan.graph.edges()))));
    }
    if plan.spec.end() > MOST_TIME {
        return Ok(Trial::LeftOut(format!("{} of virtual time", plan.spec.end())));
    }
    Ok(Trial::Run { plan: Box::new(plan), cut })
}

/// Whether a scenario shows in a minute what it shows: nobody comes or goes, nothing breaks, nothing is released.
fn can_be_cut(spec: &ScenarioSpec) -> bool {
    is_steady(spec) && spec.faults.is_empty() && spec.workloads.iter().all(|workload| workload.chat.is_some())
}

/// Whether nobody comes or goes.
fn is_steady(spec: &ScenarioSpec) -> bool {
    spec.groups.iter().all(|group| {
        group.churn.is_none() && group.online.is_none() && matches!(group.join, Join::AtStart(_))
    })
}

fn cut_short(scenario: &Scenario) -> Scenario {
    let mut scenario = scenario.clone();
    let (duration, warm_up, cool_down) = CUT;
    let spec = &mut scenario.spec;
    spec.duration = spec.duration.min(duration);
    spec.warm_up = spec.warm_up.min(warm_up);
    spec.cool_down = spec.cool_down.min(cool_down);
    scenario
}

/// Runs a plan on the model.
#[must_use]
pub fn modelled(plan: &Plan) -> Run {
    let (outcome, recorder) = model::run(plan, Recorder::new(plan), &|_| false);
    fidelity::made(plan, &outcome, &recorder)
}

/// Runs a plan on real peers in virtual time.
///
/// # Errors
/// When its links cannot be laid.
pub fn lived(plan: &Plan) -> Result<Run, PlanError> {
    // Chunks are real here, and so is what proves them.
    let plan = Arc::new(plan.clone().with_real_bodies());
    let recorder = Recorder::new(&plan);
    let lived = crate::run(&plan, recorder, |_| (), || false)?;
    Ok(fidelity::made(&plan, &lived.run.outcome, &lived.run.observer))
}

/// Holds the model against real peers in virtual time.
///
/// # Errors
/// When the plan's links cannot be laid.
pub fn held(plan: &Plan) -> Result<Fidelity, PlanError> {
    let runs = [modelled(plan), lived(plan)?];
    Ok(fidelity::hold(&runs).expect("two runs of one plan"))
}

/// How many connections a peer has: at the end of the model's run, or by the plan where it is meshes that are counted then, or not all
/// are there at all times.
#[must_use]
pub fn neighbours(plan: &Plan, fidelity: &Fidelity) -> f64 {
    let changes = fidelity.degrees.mesh || !is_steady(&plan.spec);
    let ends: u64 = if changes && plan.graph.edges() > 0 {
        2 * plan.graph.edges()
    } else {
        fidelity.degrees.rows.iter().map(|(degree, peers)| degree * peers[0]).sum()
    };
    ends as f64 / f64::from(fidelity.peers)
}
