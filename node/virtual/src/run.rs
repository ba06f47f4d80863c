//! A scenario's fleet in a world of its own.

use std::sync::Arc;

use libp2p::{core::transport::MemoryTransport, yamux};
use peerlab_node::{
    fleet::{Ground, Phase, Run, carry_out},
    host::Wire,
    link::{Shaper, secure},
};
use peerlab_report::Observer;
use peerlab_scenarios::plan::{Plan, PlanError};
use peerlab_virtual_clock as clock;

use crate::{trace::Traced, world};

/// A run that is over.
#[derive(Debug)]
pub struct Lived<V> {
    /// What came of it. The digest of its outcome is a hash of all that happened, in its order.
    pub run: Run<V>,
    /// Timers that fired.
    pub timers: u64,
}

/// Runs a plan to its end, or until `stop` says so. `on_phase` hears how far it has come.
///
/// # Errors
/// When the links of the plan cannot be laid.
pub fn run<V: Observer + Send + 'static>(
    plan: &Arc<Plan>,
    observer: V,
    mut on_phase: impl FnMut(Phase) + Send + 'static,
    stop: impl Fn() -> bool + Send + 'static,
) -> Result<Lived<V>, PlanError> {
    let plan = Arc::clone(plan);
    world::live(plan.seed, move |spawn| async move {
        let shaper = Shaper::new(&plan, &plan.peers.iter().collect(), Arc::clone(&spawn))?;
        let links = shaper.clone();
        let wire = Box::new(move |me, keys: &_| {
            let transport = links.wrap(MemoryTransport::default(), Some(me));
            let transport =
                secure(transport, keys, yamux::Config::default()).map_err(|error| error.to_string())?;
            let links = links.clone();
            let meter = move || {
                let traffic = links.traffic(me);
                (traffic.sent, traffic.received)
            };
            let listen = "/memory/0".parse().expect("it is an address");
            Ok(Wire { transport, listen, meter: Box::new(meter) })
        });
        let spawn_of = {
            let spawn = Arc::clone(&spawn);
            Box::new(move |_| Arc::clone(&spawn))
        };
        let ground = Ground { spawn, spawn_of, wire, links: Some(shaper), in_real_time: false, tapes: None };
        let run = carry_out(&plan, ground, Traced::new(observer), &mut on_phase, &stop).await;
        let Run { mut outcome, observer, conditions } = run;
        let (observer, digest) = observer.finish();
        outcome.digest = digest;
        Ok(Lived { run: Run { outcome, observer, conditions }, timers: clock::fired() })
    })
}
