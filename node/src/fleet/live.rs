//! A fleet on this machine, in real time.
//!
//! Tasks are on the threads of a [`Runtime`]. Peers listen on ports that the system picks, so that a second fleet beside this one is
//! in nobody's way.

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr},
    pin::pin,
    sync::Arc,
    task::{Context, Poll, Wake, Waker},
    thread::{self, Thread},
    time::Duration,
};

use peerlab_report::Observer;
use peerlab_scenarios::{
    host::Peer,
    plan::{PeerSet, Plan},
};
use tokio::runtime::Handle;

use super::{
    Ground, Phase, Run, Transport, carry_out,
    runtime::{Cores, Runtime},
    transport::Links,
};
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

/// How long what peers tell may wait to be taken in. Their channel has room for what they tell meanwhile.
const TOGETHER: Duration = Duration::from_millis(5);

/// Runs a future to its end, and not each time at once when it can go on: peers tell of each message that they get, and to wake this thread for
/// each took a tenth of theirs.
fn attend<T>(future: impl Future<Output = T>) -> T {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        thread::park();
        thread::sleep(TOGETHER);
    }
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
    let ground = ground(plan, &plan.peers.iter().collect(), options, runtime.cores())?;
    let ground = Ground { tapes, ..ground };
    Ok(attend(carry_out(plan, ground, observer, on_phase, stop)))
}

/// This machine, for those peers of a plan that are here.
pub(crate) fn ground(
    plan: &Arc<Plan>,
    here: &PeerSet,
    options: Options,
    cores: &Cores,
) -> Result<Ground, FleetError> {
    let first = cores.of(Peer(0)).clone();
    // What a task spawns stays where it is.
    let spawn: Spawn = Arc::new(move |task| {
        Handle::try_current().as_ref().unwrap_or(&first).spawn(task);
    });
    let (links, shaper) = if options.bare_links {
        (Links::bare(plan.peers.len()), None)
    } else {
        let shaper = Shaper::new(plan, here, Arc::clone(&spawn))?;
        (Links::Shaped(shaper.clone()), Some(shaper))
    };
    let (homes, spawners) = (cores.clone(), cores.clone());
    let wire = Box::new(move |peer, keys: &_| {
        // Sockets belong to the runtime in which they are made.
        let _inside = homes.of(peer).enter();
        links.wire(peer, keys, options).map_err(|error| error.to_string())
    });
    let spawn_of = Box::new(move |peer| -> Spawn {
        let home = spawners.of(peer).clone();
        Arc::new(move |task| {
            home.spawn(task);
        })
    });
    Ok(Ground { spawn, spawn_of, wire, links: shaper, in_real_time: true, tapes: None })
}
