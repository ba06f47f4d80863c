//! What every message touches of a peer.

use peerlab_scenarios::host::PeerHost;

use super::network::Port;

/// A peer's link and its machines, in two neighbouring cache lines.
///
/// The engine waits for memory more than for anything else. A message comes to the port first, and to the machines when it has
/// passed the downlink; processors fetch lines in such pairs, so the second is there by then.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Seat<O, R> {
    pub(super) port: Port,
    /// None while the peer does not run.
    pub(super) machines: Option<PeerHost<O, R>>,
}

impl<O, R> Seat<O, R> {
    /// The seat of a peer that does not run yet.
    pub(super) fn new(port: Port) -> Self {
        Self { port, machines: None }
    }
}
