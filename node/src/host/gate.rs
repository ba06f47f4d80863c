//! Nobody comes in who is not of the fleet, or in an open room whose index is another's.

use std::{
    convert::Infallible,
    sync::Arc,
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm, dummy,
    },
};

use super::Roster;

/// A peer that takes no part in the run.
#[derive(Debug, thiserror::Error)]
#[error("{0} takes no part in this run")]
pub(crate) struct Stranger(PeerId);

/// Closes connections with strangers, whoever made them, before any protocol speaks.
#[derive(Debug)]
pub(crate) struct Gate(Arc<Roster>);

impl Gate {
    pub(crate) const fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    fn admit(&self, id: PeerId) -> Result<dummy::ConnectionHandler, ConnectionDenied> {
        if !self.0.admits(&id) {
            return Err(ConnectionDenied::new(Stranger(id)));
        }
        Ok(dummy::ConnectionHandler)
    }
}

impl NetworkBehaviour for Gate {
    type ConnectionHandler = dummy::ConnectionHandler;
    type ToSwarm = Infallible;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer)
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer)
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use libp2p::{Swarm, identity::Keypair, swarm::SwarmEvent};
    use peerlab_scenarios::{host::Peer, plan::identity::keypair, seed::Seed};

    use super::*;
    use crate::host::bench::{At, connect, drive, swarm};

    /// Whether a member of a fleet of two lets somebody in.
    fn lets_in(keys: &Keypair) -> bool {
        let gate = || Gate::new(Roster::new(Seed(1), 2));
        let mut member: Swarm<Gate> = swarm(&keypair(Seed(1), Peer(0)), gate());
        let mut other: Swarm<dummy::Behaviour> = swarm(keys, dummy::Behaviour);
        connect(&mut member, &mut other);
        drive(&mut member, &mut other, |_, _, at| match at {
            At::One(SwarmEvent::ConnectionEstablished { .. }) => Some(true),
            At::One(SwarmEvent::IncomingConnectionError { .. }) => Some(false),
            _ => None,
        })
    }

    #[test]
    fn members_come_in_and_strangers_do_not() {
        assert!(lets_in(&keypair(Seed(1), Peer(1))));
        assert!(!lets_in(&keypair(Seed(1), Peer(2))), "a fleet of two has no third");
        assert!(!lets_in(&keypair(Seed(2), Peer(1))), "it is a peer of another run");
        assert!(!lets_in(&Keypair::generate_ed25519()));
    }
}
