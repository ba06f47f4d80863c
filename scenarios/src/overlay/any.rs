//! The overlay that a scenario names.

use super::{Flood, Plumtree, Star};
use crate::{
    host::{Cx, Host, Input, Links, Machine, Overlay, Peer},
    report::Fact,
    spec,
};

/// Any of the overlays of this crate, for engines that learn which from a scenario. It is as small as the smallest: the
/// larger ones are boxed.
#[derive(Debug)]
pub enum Any<H: Host> {
    /// Flooding.
    Flood(Flood<H>),
    /// Epidemic broadcast trees.
    Plumtree(Box<Plumtree<H>>),
    /// A server.
    Star(Star<H>),
}

impl<H: Host> Any<H> {
    /// A peer's machine for the overlay of a scenario, or none for one that engines bring along themselves. `hub` is the
    /// centre of the topology, for a star.
    #[must_use]
    pub fn new(overlay: &spec::overlay::Overlay, hub: Peer) -> Option<Self> {
        Some(match overlay {
            spec::overlay::Overlay::Flood {} => Self::Flood(Flood::default()),
            spec::overlay::Overlay::Plumtree(params) => {
                Self::Plumtree(Box::new(Plumtree::new(params.clone())))
            }
            spec::overlay::Overlay::Star {} => Self::Star(Star::new(hub)),
            spec::overlay::Overlay::Gossipsub(_) => return None,
        })
    }
}

impl<H: Host> Machine<H> for Any<H> {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match self {
            Self::Flood(flood) => flood.step(cx, input),
            Self::Plumtree(plumtree) => plumtree.step(cx, input),
            Self::Star(star) => star.step(cx, input),
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        match self {
            Self::Flood(flood) => flood.drain_counters(record),
            Self::Plumtree(plumtree) => plumtree.drain_counters(record),
            Self::Star(star) => star.drain_counters(record),
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Flood(flood) => flood.digest(),
            Self::Plumtree(plumtree) => plumtree.digest(),
            Self::Star(star) => star.digest(),
        }
    }
}

impl<H: Host> Overlay<H> for Any<H> {
    fn links(&self) -> Links {
        match self {
            Self::Flood(flood) => flood.links(),
            Self::Plumtree(plumtree) => plumtree.links(),
            Self::Star(star) => star.links(),
        }
    }

    #[inline]
    fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        match self {
            Self::Flood(flood) => flood.publish(cx, item),
            Self::Plumtree(plumtree) => plumtree.publish(cx, item),
            Self::Star(star) => star.publish(cx, item),
        }
    }
    fn lives_on(&self, peer: Peer) -> bool {
        match self {
            Self::Flood(flood) => flood.lives_on(peer),
            Self::Plumtree(plumtree) => plumtree.lives_on(peer),
            Self::Star(star) => star.lives_on(peer),
        }
    }
}
