//! Connections that stand before a run starts.

use peerlab_scenarios::{
    host::{Links, Overlay as _, Peer},
    overlay::Any,
    plan::Plan,
};

use crate::host::Native;

/// How many connections of the plan there are between peers that are there at the start, if the overlay lives on them.
pub(crate) fn planned_links(plan: &Plan, is_first: impl Fn(Peer) -> bool) -> usize {
    let overlay = Any::<Native>::new(&plan.spec.overlay, plan.hub.unwrap_or_default());
    if overlay.is_some_and(|overlay| overlay.links() != Links::Planned) {
        return 0;
    }
    let stands = |&[a, b]: &[u32; 2]| {
        let (a, b) = (Peer(a), Peer(b));
        is_first(a) && is_first(b) && plan.sites.reach(&plan.peers, a, b)
    };
    plan.graph.links().filter(stands).count()
}
