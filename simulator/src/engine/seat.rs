//! What every message touches of a peer.

use peerlab_scenarios::host::PeerHost;

use super::network::{Inlet, Port};

/// A peer's link and its machines, in two neighbouring cache lines.
///
/// The engine waits for memory more than for anything else. So what a message that says nothing new touches, which most do,
/// is in the first line: the inlet, and of the machines the roles' place and a small overlay. What it takes to send is in
/// the second. Fields are laid out as they stand here.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Seat<O, R> {
    pub(super) inlet: Inlet,
    /// None while the peer does not run.
    pub(super) machines: Option<PeerHost<O, R>>,
    pub(super) port: Port,
}

impl<O, R> Seat<O, R> {
    /// The seat of a peer that does not run yet.
    pub(super) fn new(inlet: Inlet, port: Port) -> Self {
        Self { inlet, machines: None, port }
    }

    /// What receives, and what else the link is.
    #[inline]
    pub(super) fn link(&mut self) -> (&mut Inlet, &mut Port) {
        (&mut self.inlet, &mut self.port)
    }

    /// Bytes sent and received so far, with overhead.
    pub(super) fn bytes(&self) -> (u64, u64) {
        (self.port.sent(), self.port.received(&self.inlet))
    }
}
