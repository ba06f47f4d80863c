//! The flood on the engine: the real overlay, under a role that does next to nothing.

use peerlab_report::Observer;
use peerlab_scenarios::{
    host::{Peer, PeerHost, RoleSlot},
    overlay::Flood,
    report::Fact,
    units::Nanos,
    wire::Kind,
};
use peerlab_simulator::engine::{Engine, store::Store};

use crate::{Tally, author::Author, fleet::Fleet};

/// Tells what was delivered, and when.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) tally: Tally,
}

impl Observer for Counter {
    fn fact(&mut self, _: Nanos, _: Peer, _: &Fact) {}

    #[inline]
    fn delivered(&mut self, now: Nanos, _: Peer, _: Kind, _: Option<u32>, _: u32) {
        self.tally.delivered += 1;
        self.tally.instants = self.tally.instants.wrapping_add(now.0);
    }
}

/// A run that is ready to begin.
pub(crate) fn engine(fleet: &Fleet) -> Engine<'_, Flood<Store>, Author, Counter> {
    let make = |_| PeerHost::new(Flood::default(), vec![RoleSlot::new(0, Author::default())]);
    Engine::new(&fleet.plan, make, Counter::default())
}
