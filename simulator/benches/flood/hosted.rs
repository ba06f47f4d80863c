//! The flood on the engine: the real overlay, under a role that does next to nothing.

use peerlab_report::{Divisible, Observer, Outcome, Tally as ThreadTally};
use peerlab_scenarios::{
    host::{Peer, PeerHost, RoleSlot},
    overlay::Flood,
    report::Fact,
    units::Nanos,
    wire::Kind,
};
use peerlab_simulator::engine::{
    Engine,
    store::Store,
    threads::{self, division::Division},
};

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

impl ThreadTally for Counter {
    fn falsified(&mut self, _: Nanos, _: u32) {}

    #[inline]
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, _: bool, bytes: u32) -> bool {
        Observer::delivered(self, now, to, kind, None, bytes);
        false
    }
}

impl Divisible for Counter {
    type Tally = Self;

    fn tally(&self) -> Self {
        Self::default()
    }
    fn came(&mut self, _: Peer, _: u32) {}
    fn gather(&mut self, other: Self) {
        self.tally.delivered += other.tally.delivered;
        self.tally.instants = self.tally.instants.wrapping_add(other.tally.instants);
    }
}

fn peer(_: Peer) -> PeerHost<Flood<Store>, Author> {
    PeerHost::new(Flood::default(), vec![RoleSlot::new(0, Author::default())])
}

/// A run that is ready to begin.
pub(crate) fn engine(fleet: &Fleet) -> Engine<'_, Flood<Store>, Author, Counter> {
    Engine::new(&fleet.plan, peer, Counter::default())
}

/// A whole run on several threads.
pub(crate) fn divided(fleet: &Fleet, division: &Division) -> (Outcome, Counter) {
    threads::run(&fleet.plan, division, peer, Counter::default(), &|_| false)
}
