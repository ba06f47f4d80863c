//! What the life of a peer needs to know of where it is led.

use std::sync::Arc;

use peerlab_scenarios::{
    host::{Behaviour, Peer},
    plan::{Plan, WorkloadKind, discovery::KademliaPlan},
    seed::Seed,
    spec::Overlay,
    units::Nanos,
};

/// What of a run concerns one peer.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The run's seed.
    pub seed: Seed,
    /// What brings items to all.
    pub overlay: Overlay,
    /// The centre of a star.
    pub hub: Peer,
    /// The peer's neighbours in the topology, in ascending order. In an open room it has none, and lives on every connection.
    pub neighbours: Vec<Peer>,
    /// What its machines are kept from doing.
    pub behaviour: Behaviour,
    /// After how much silence a connection counts as broken.
    pub timeout: Nanos,
    /// When the run begins to count.
    pub warm_up: Nanos,
    /// When it is over.
    pub end: Nanos,
    /// What finds contents and peers, if anything does.
    pub finding: Option<Finding>,
}

/// Kademlia in a run, and what is found by it.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Who serves, and under which parameters.
    pub kademlia: Arc<KademliaPlan>,
    /// Workloads that look contents up, and how many contents each has.
    pub contents: Vec<(u8, u32)>,
}

impl Finding {
    fn of(plan: &Plan) -> Option<Self> {
        let contents = (0..).zip(&plan.workloads).filter_map(|(workload, planned)| match &planned.kind {
            WorkloadKind::Lookups(lookups) => Some((workload, lookups.spec().contents.get())),
            WorkloadKind::Chat(_) | WorkloadKind::Update(_) => None,
        });
        Some(Self { kademlia: Arc::clone(plan.discovery.as_ref()?), contents: contents.collect() })
    }
}

impl Setting {
    /// That of a peer of a plan.
    #[must_use]
    pub fn of(plan: &Plan, me: Peer) -> Self {
        Self {
            seed: plan.seed,
            overlay: plan.spec.overlay.clone(),
            hub: plan.hub.unwrap_or_default(),
            neighbours: plan.graph.neighbours(me.0).iter().copied().map(Peer).collect(),
            behaviour: Behaviour::from(&plan.peers.group(me).spec.behaviour),
            timeout: plan.spec.network.timeout,
            warm_up: plan.spec.warm_up,
            end: plan.spec.end(),
            finding: Finding::of(plan),
        }
    }
}
