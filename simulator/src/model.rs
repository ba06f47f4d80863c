//! A scenario on the model engine: which machines its peers run, and what this engine cannot do.

use std::sync::Arc;

use peerlab_report::{Divisible, Observer, Outcome, record::Recorder};
use peerlab_scenarios::{
    host::{Peer, PeerHost},
    overlay::{Flood, Plumtree, Star},
    plan::Plan,
    role,
    spec::{
        Discovery, ScenarioSpec,
        overlay::Overlay,
        read::{Fault, FieldPath},
    },
};

use crate::{
    cost::Cost,
    engine::{
        Engine, Watch,
        prefetch::Prefetch,
        store::Store,
        threads::{
            self,
            division::{Division, Undivided},
        },
    },
    gossipsub::{self, Fleet, Gossipsub},
    kademlia::{self, Beside, Kademlia},
};

/// What this engine models and what it leaves out, for people.
pub const NOTES: [&str; 4] = [
    "Modelled: one-way delay that belongs to each pair of peers, with jitter for each message; first-in-first-out queues at \
     every uplink and downlink and at shared uplinks of sites; packet loss, as a delay of retransmission on reliable lanes and as \
     a loss on the datagram lane; handshakes; connections that break after silence; address translation, hole punching and \
     relays where groups are behind NAT; bulk transfers as flows that ramp up and share links; sessions and crashes; partitions, \
     outages and degraded links; processor time for each message where the scenario gives it.",
    "Not modelled: congestion inside the network, congestion control and slow start of anything but bulk transfers, \
     acknowledgement traffic, clocks that differ between peers, and processors unless the scenario says so.",
    "Every message is charged its encoded length and the overhead of its packets. Protocols are the ones that run on real \
     peers, not models of them; only gossipsub and Kademlia are models, of the releases of libp2p that the provenance names.",
    "The run depends on the scenario and its seed alone: the same two give the same numbers on any machine.",
];

/// What a scenario asks for and this engine cannot do, by field. A run would not mean what the file says, so none begins.
#[must_use]
pub fn refusals(spec: &ScenarioSpec) -> Vec<Fault> {
    if spec.groups.iter().all(|group| group.nat.can_be_dialled()) {
        return Vec::new();
    }
    let updates = spec.workloads.iter().enumerate().filter(|(_, workload)| workload.update.is_some());
    updates
        .map(|(number, _)| {
            let path = FieldPath::parse(&format!("spec.workloads[{number}].update"));
            Fault::new(path, "the model engine does not bring bulk transfer over relays, which peers behind address translation need")
                .help("let all groups have `nat: open` or `nat: fullCone`, or leave the update out")
        })
        .collect()
}

/// Both of them.
const BOTH_MODELS: &str = "gossipsub/0.50, kademlia/0.49";

/// What of a scenario this engine imitates rather than runs, with the release that it follows.
#[must_use]
pub fn imitated(spec: &ScenarioSpec) -> Option<&'static str> {
    match (&spec.overlay, &spec.discovery) {
        (Overlay::Gossipsub(_), Discovery::Plan {}) => Some(gossipsub::MODEL),
        (Overlay::Gossipsub(_), Discovery::Kademlia(_)) => Some(BOTH_MODELS),
        (_, Discovery::Kademlia(_)) => Some(kademlia::MODEL),
        (Overlay::Flood {} | Overlay::Plumtree(_) | Overlay::Star {}, Discovery::Plan {}) => None,
    }
}

/// Runs a plan, to its end or until `watch` stops it. The overlay is a type parameter of the engine: nothing on the way of a
/// message is dispatched dynamically. So there are many engines, and compiling them takes long: with this recorder they are
/// compiled once, here, and not by each crate that runs them.
#[must_use]
pub fn run(plan: &Plan, recorder: Recorder, watch: Watch<'_>) -> (Outcome, Recorder) {
    with_overlay(plan, OneThread { observer: recorder, watch })
}

/// Deals a plan's peers out to at most so many threads, as many as make a run fastest.
///
/// # Errors
/// Why a run is better off with one thread.
pub fn divide(plan: &Plan, threads: usize) -> Result<Division, Undivided> {
    Division::best(plan, threads, Cost::of(plan).events_per_second(plan))
}

/// Runs a plan on several threads: what comes of it is the same.
#[must_use]
pub fn run_divided(
    plan: &Plan,
    division: &Division,
    recorder: Recorder,
    watch: Watch<'_>,
) -> (Outcome, Recorder) {
    with_overlay(plan, Divided { division, observer: recorder, watch })
}

/// How a plan is run, whichever overlay its peers have.
trait Drive {
    /// What observes the run.
    type Observer;

    /// Runs a plan whose peers have their roles over the overlays that `overlay` makes.
    fn drive<O: Prefetch>(self, plan: &Plan, overlay: impl Fn(Peer) -> O + Sync)
    -> (Outcome, Self::Observer);
}

fn with_overlay<D: Drive>(plan: &Plan, how: D) -> (Outcome, D::Observer) {
    match &plan.spec.overlay {
        Overlay::Flood {} => with_discovery(plan, Flood::<Store>::default, how),
        Overlay::Plumtree(params) => with_discovery(plan, || Plumtree::new(params.clone()), how),
        Overlay::Gossipsub(params) => {
            let fleet = Fleet::new(plan, params);
            with_discovery(plan, || Gossipsub::new(Arc::clone(&fleet)), how)
        }
        Overlay::Star {} => {
            let hub = plan.hub.unwrap_or_default();
            with_discovery(plan, || Star::new(hub), how)
        }
    }
}

fn with_discovery<O: Prefetch, D: Drive>(
    plan: &Plan,
    overlay: impl Fn() -> O + Sync,
    how: D,
) -> (Outcome, D::Observer) {
    match &plan.discovery {
        None => how.drive(plan, |_| overlay()),
        Some(kademlia) => how.drive(plan, |peer| Beside::new(overlay(), Kademlia::new(kademlia, peer))),
    }
}

struct OneThread<'a, V> {
    observer: V,
    watch: Watch<'a>,
}

impl<V: Observer> Drive for OneThread<'_, V> {
    type Observer = V;

    fn drive<O: Prefetch>(self, plan: &Plan, overlay: impl Fn(Peer) -> O + Sync) -> (Outcome, V) {
        let make = |peer| PeerHost::new(overlay(peer), role::Any::of(plan, peer));
        Engine::new(plan, make, self.observer).run(self.watch)
    }
}

struct Divided<'a, V> {
    division: &'a Division,
    observer: V,
    watch: Watch<'a>,
}

impl<V: Divisible> Drive for Divided<'_, V> {
    type Observer = V;

    fn drive<O: Prefetch>(self, plan: &Plan, overlay: impl Fn(Peer) -> O + Sync) -> (Outcome, V) {
        let make = |peer| PeerHost::new(overlay(peer), role::Any::of(plan, peer));
        threads::run(plan, self.division, make, self.observer, self.watch)
    }
}
