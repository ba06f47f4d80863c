//! The overlay that a scenario names, on a real peer.

use std::sync::{Arc, atomic::AtomicU64};

use peerlab_scenarios::{
    host::{self, Cx, Input, Links, Machine, Peer},
    overlay::Any,
    plan::Plan,
    report::Fact,
    wire::{Item, Topic},
};

use super::{Native, pubsub::Pubsub};

/// One of this project's overlays, or libp2p's gossipsub.
#[derive(Debug)]
pub enum Overlay {
    /// One that is a machine.
    Own(Any<Native>),
    /// libp2p's.
    Pubsub(Pubsub),
}

impl Overlay {
    /// The overlay of a plan; `named` is counted up by libp2p's gossipsub for each copy of a message that comes.
    pub(super) fn new(plan: &Plan, named: Arc<AtomicU64>) -> Self {
        Any::new(&plan.spec.overlay, plan.hub.unwrap_or_default())
            .map_or_else(|| Self::Pubsub(Pubsub::new(named)), Self::Own)
    }
}

impl Machine<Native> for Overlay {
    fn step(&mut self, cx: &mut Cx<'_, Native>, input: Input<Native>) {
        match self {
            Self::Own(overlay) => overlay.step(cx, input),
            Self::Pubsub(overlay) => overlay.step(cx, input),
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        match self {
            Self::Own(overlay) => overlay.drain_counters(record),
            Self::Pubsub(overlay) => overlay.drain_counters(record),
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Own(overlay) => overlay.digest(),
            Self::Pubsub(overlay) => overlay.digest(),
        }
    }
}

impl host::Overlay<Native> for Overlay {
    fn links(&self) -> Links {
        match self {
            Self::Own(overlay) => overlay.links(),
            Self::Pubsub(overlay) => overlay.links(),
        }
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Native>, topic: Topic, wanted: bool) {
        match self {
            Self::Own(overlay) => overlay.subscribe(cx, topic, wanted),
            Self::Pubsub(overlay) => overlay.subscribe(cx, topic, wanted),
        }
    }

    fn publish(&mut self, cx: &mut Cx<'_, Native>, item: Arc<Item>) {
        match self {
            Self::Own(overlay) => overlay.publish(cx, item),
            Self::Pubsub(overlay) => overlay.publish(cx, item),
        }
    }

    fn lives_on(&self, peer: Peer) -> bool {
        match self {
            Self::Own(overlay) => overlay.lives_on(peer),
            Self::Pubsub(overlay) => overlay.lives_on(peer),
        }
    }
}
