//! What every message touches of a peer.

use std::ops::{Deref, DerefMut};

use peerlab_scenarios::{
    host::{Peer, PeerHost},
    plan::Plan,
};

use super::{
    network::{Inlet, Port},
    threads::{Own, Places},
};

/// Links and machines of the peers that an engine holds.
///
/// The engine waits for memory more than for anything else, so what messages touch together lies together, and what they touch at
/// different times apart: an arrival looks at the inlet alone, four of which share a line of the cache; a delivery that
/// says nothing new, which most are, at the beginning of the machines besides; and only what is sent needs the port. Were they one
/// after the other in one array, the hot lines of all peers would compete for every other set of a cache.
#[derive(Debug)]
pub(super) struct Seats<O, R, P> {
    pub(super) inlets: Own<Inlet, P>,
    pub(super) machines: Own<Aligned<Seat<PeerHost<O, R>>>, P>,
    pub(super) ports: Own<Aligned<Port>, P>,
}

impl<O, R, P: Places> Seats<O, R, P> {
    /// The seats of peers that do not run yet.
    pub(super) fn new(
        plan: &Plan,
        places: &P,
        inlet: impl FnMut(Peer) -> Inlet,
        mut port: impl FnMut(Peer) -> Port,
    ) -> Self {
        Self {
            inlets: Own::new(places, plan.peers.iter(), inlet),
            machines: Own::new(places, plan.peers.iter(), |_| Aligned(Seat::Empty)),
            ports: Own::new(places, plan.peers.iter(), |peer| Aligned(port(peer))),
        }
    }

    /// What a peer receives with, and what else its link is.
    #[inline]
    pub(super) fn link(&mut self, peer: Peer) -> (&mut Inlet, &mut Port) {
        (&mut self.inlets[peer.index()], &mut self.ports[peer.index()])
    }

    /// Whether a peer runs.
    #[inline]
    pub(super) fn runs(&self, peer: Peer) -> bool {
        self.machines[peer.index()].get().is_some()
    }

    /// Bytes that each peer has sent and received so far, with overhead.
    pub(super) fn bytes(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.ports.iter().zip(self.inlets.iter()).map(|(port, inlet)| (port.sent(), port.received(inlet)))
    }
}

/// A peer's machines while it runs.
///
/// An `Option` would keep in a field of the machines whether there are any, and one in a line that most messages do not touch. Here
/// it stands before them.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Seat<M> {
    /// The peer does not run.
    Empty,
    /// It does.
    Taken(M),
}

impl<M> Seat<M> {
    #[inline(always)]
    pub(super) fn get(&self) -> Option<&M> {
        match self {
            Self::Empty => None,
            Self::Taken(machines) => Some(machines),
        }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self) -> Option<&mut M> {
        match self {
            Self::Empty => None,
            Self::Taken(machines) => Some(machines),
        }
    }
}

/// Begins at a line of the cache, so that it touches no more of them than it must.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Aligned<T>(pub(super) T);

impl<T> Deref for Aligned<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for Aligned<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}
