//! A fleet on this machine, in real time.
//!
//! Tasks are on a runtime of several threads. Peers listen on ports that the system picks, so that a second fleet beside this one is
//! in nobody's way.

use std::{
    net::{IpAddr, Ipv4Addr},
    num::NonZero,
    sync::Arc,
    thread,
};

use futures::executor::block_on;
use peerlab_report::Observer;
use peerlab_scenarios::plan::{PeerSet, Plan};
use tokio::runtime::{Handle, Runtime};

use super::{Ground, Phase, Run, Transport, carry_out, transport::Links};
use crate::{
    host::record::Tapes,
    link::{Shaper, Spawn},
};

/// How a fleet is to run.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// What carries connections.
    pub transport: Transport,
    /// Whether connections have the links of this machine instead of those of the scenario.
    pub bare_links: bool,
    /// The address of this machine that peers listen on, on ports that the system picks.
    pub address: IpAddr,
}

impl Default for Options {
    fn default() -> Self {
        Self { transport: Transport::default(), bare_links: false, address: Ipv4Addr::LOCALHOST.into() }
    }
}

/// Why a fleet could not run.
#[derive(Debug, thiserror::Error)]
pub enum FleetError {
    /// The links of the plan cannot be laid.
    #[error(transparent)]
    Links(#[from] peerlab_scenarios::plan::PlanError),
}

/// How many threads serve a fleet: one a processor.
#[must_use]
pub fn threads() -> usize {
    thread::available_parallelism().map_or(2, NonZero::get)
}

/// Runs a plan on a runtime to its end, or until `stop` says so, which is asked now and then. `on_phase` hears how far it has come.
/// The lives of its peers are recorded where `tapes` says.
///
/// # Errors
/// When the system refuses what a fleet needs.
pub fn run<V: Observer>(
    runtime: &Runtime,
    plan: &Arc<Plan>,
    observer: V,
    options: Options,
    tapes: Option<Tapes>,
    on_phase: &mut dyn FnMut(Phase),
    stop: &dyn Fn() -> bool,
) -> Result<Run<V>, FleetError> {
    let ground = ground(plan, &plan.peers.iter().collect(), options, runtime.handle())?;
    let ground = Ground { tapes, ..ground };
    Ok(block_on(carry_out(plan, ground, observer, on_phase, stop)))
}

/// A runtime that serves a fleet.
///
/// # Errors
/// When the system refuses.
pub fn runtime() -> std::io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(threads()).enable_all().build()
}

/// This machine, for those peers of a plan that are here.
pub(crate) fn ground(
    plan: &Arc<Plan>,
    here: &PeerSet,
    options: Options,
    handle: &Handle,
) -> Result<Ground, FleetError> {
    let spawner = handle.clone();
    let spawn: Spawn = Arc::new(move |task| {
        spawner.spawn(task);
    });
    let (links, shaper) = if options.bare_links {
        (Links::bare(plan.peers.len()), None)
    } else {
        let shaper = Shaper::new(plan, here, Arc::clone(&spawn))?;
        (Links::Shaped(shaper.clone()), Some(shaper))
    };
    let handle = handle.clone();
    let wire = Box::new(move |peer, keys: &_| {
        // Sockets belong to the runtime in which they are made.
        let _inside = handle.enter();
        links.wire(peer, keys, options).map_err(|error| error.to_string())
    });
    Ok(Ground { spawn, wire, links: shaper, in_real_time: true, tapes: None })
}
