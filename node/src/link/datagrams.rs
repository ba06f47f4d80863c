//! Datagrams between two peers: once or never, in any order.

use std::{sync::Arc, time::Duration};

use peerlab_scenarios::host::Peer;

use super::{Network, route::Route};

/// The way of datagrams from one peer to another. They share the links with what streams carry.
pub struct Datagrams {
    net: Arc<Network>,
    route: Route,
}

impl Datagrams {
    pub(super) fn new(net: Arc<Network>, from: Peer, to: Peer) -> Self {
        let route = Route::new(&net, from, to);
        Self { net, route }
    }

    /// Sends one of so many bytes from the sender's end: how long it takes to the receiver's, if it is not lost.
    pub fn send(&mut self, len: u32) -> Option<Duration> {
        let arrives = self.route.datagram(&self.net, self.net.now(), len)?;
        Some(self.net.until(arrives))
    }

    /// Takes in one that has come to the receiver's end: how long until it is received.
    #[must_use]
    pub fn receive(&self, len: u32) -> Duration {
        let (_, bytes) = self.net.size(len);
        self.net.until(self.route.receive(&self.net, self.net.now(), bytes))
    }
}

impl std::fmt::Debug for Datagrams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Datagrams")
            .field("from", &self.route.from)
            .field("to", &self.route.to)
            .finish_non_exhaustive()
    }
}
