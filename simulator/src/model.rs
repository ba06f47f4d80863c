//! A scenario on the model engine: which machines its peers run.

use std::sync::Arc;

use peerlab_scenarios::{
    host::{Peer, PeerHost, RoleSlot},
    overlay::{Flood, Plumtree, Star},
    plan::{Plan, WorkloadKind},
    role::chat::Chat,
    spec::{ScenarioSpec, overlay::Overlay},
};

use crate::{
    engine::{Engine, Observer, Outcome, store::Store},
    gossipsub::{self, Fleet, Gossipsub},
};

/// What of a scenario this engine imitates rather than runs, with the release that it follows.
#[must_use]
pub fn imitated(spec: &ScenarioSpec) -> Option<&'static str> {
    match spec.overlay {
        Overlay::Gossipsub(_) => Some(gossipsub::MODEL),
        Overlay::Flood {} | Overlay::Plumtree(_) | Overlay::Star {} => None,
    }
}

/// Runs a plan, to its end or until `stop` says so. The overlay is a type parameter of the engine: nothing on the way of a message is dispatched dynamically.
pub fn run<V: Observer>(plan: &Plan, observer: V, stop: &dyn Fn() -> bool) -> (Outcome, V) {
    match &plan.spec.overlay {
        Overlay::Flood {} => {
            Engine::new(plan, |peer| PeerHost::new(Flood::<Store>::default(), roles(plan, peer)), observer)
                .run(stop)
        }
        Overlay::Plumtree(params) => {
            let overlay = || Plumtree::<Store>::new(params.clone());
            Engine::new(plan, |peer| PeerHost::new(overlay(), roles(plan, peer)), observer).run(stop)
        }
        Overlay::Gossipsub(params) => {
            let fleet = Fleet::new(plan, params);
            let overlay = || Gossipsub::new(Arc::clone(&fleet));
            Engine::new(plan, |peer| PeerHost::new(overlay(), roles(plan, peer)), observer).run(stop)
        }
        Overlay::Star {} => {
            let hub = plan.hub.unwrap_or_default();
            Engine::new(plan, |peer| PeerHost::new(Star::<Store>::new(hub), roles(plan, peer)), observer)
                .run(stop)
        }
    }
}

/// The roles of a peer: one for each workload that it takes part in.
fn roles(plan: &Plan, peer: Peer) -> Vec<RoleSlot<Chat<Store>>> {
    let part = plan.workloads.iter().enumerate().filter_map(|(number, workload)| match &workload.kind {
        WorkloadKind::Chat(chat) => {
            chat.takes_part(peer).then(|| RoleSlot::new(number as u8, Chat::new(chat.clone())))
        }
    });
    part.collect()
}
