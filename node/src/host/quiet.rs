//! Protocols that are asked only when something has happened to them.
//!
//! A connection of libp2p asks the handlers of all its protocols whenever anything happens to any of them, several times for each message that comes.
//! Ping and identify look into two streams and a timer each time, and have something to do every ten seconds; gossipsub looks into
//! three queues and two streams, and half of the time it is the connection alone that has something to do. So each protocol is quiet,
//! and so are all of them together.

use std::{
    ops::{Deref, DerefMut},
    task::{Context, Poll},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionHandler, ConnectionHandlerEvent, ConnectionId, FromSwarm,
        NetworkBehaviour, SubstreamProtocol, THandler, THandlerInEvent, THandlerOutEvent, ToSwarm,
        handler::{ConnectionEvent, FullyNegotiatedInbound, ListenUpgradeError},
    },
};

use super::{
    bell::Bell,
    names::{Named, Offer},
};

/// A behaviour whose handlers are polled when they have asked for it, or were told something.
#[derive(Debug)]
pub(super) struct Quiet<B: NetworkBehaviour> {
    behaviour: B,
    renames: Renames<THandlerInEvent<B>>,
}

/// Whether a handler may speak under other names once its behaviour has told it this.
type Renames<T> = fn(&T) -> bool;

impl<B: NetworkBehaviour> Quiet<B> {
    /// A behaviour whose handlers keep their names whatever it tells them.
    pub(super) fn new(behaviour: B) -> Self {
        Self::renamed(behaviour, |_| false)
    }

    /// A behaviour of which some of what it tells its handlers may change their names.
    pub(super) fn renamed(behaviour: B, renames: Renames<THandlerInEvent<B>>) -> Self {
        Self { behaviour, renames }
    }
}

impl<B: NetworkBehaviour> Deref for Quiet<B> {
    type Target = B;

    fn deref(&self) -> &B {
        &self.behaviour
    }
}

impl<B: NetworkBehaviour> DerefMut for Quiet<B> {
    fn deref_mut(&mut self) -> &mut B {
        &mut self.behaviour
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for Quiet<B> {
    type ConnectionHandler = Handler<THandler<B>>;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.behaviour.handle_pending_inbound_connection(connection, local, remote)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let handler =
            self.behaviour.handle_established_inbound_connection(connection, peer, local, remote)?;
        Ok(Handler::new(handler, self.renames))
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.behaviour.handle_pending_outbound_connection(connection, peer, addresses, role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        role: Endpoint,
        port: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        let behaviour = &mut self.behaviour;
        let handler =
            behaviour.handle_established_outbound_connection(connection, peer, address, role, port)?;
        Ok(Handler::new(handler, self.renames))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        self.behaviour.on_swarm_event(event);
    }

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        self.behaviour.on_connection_handler_event(peer, connection, event);
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.behaviour.poll(cx)
    }
}

/// The handler of such a behaviour.
#[derive(Debug)]
pub(super) struct Handler<H: ConnectionHandler> {
    handler: H,
    bell: Bell,
    offer: Offer<H::InboundProtocol, H::InboundOpenInfo>,
    renames: Renames<H::FromBehaviour>,
}

impl<H: ConnectionHandler> Handler<H> {
    fn new(handler: H, renames: Renames<H::FromBehaviour>) -> Self {
        Self { bell: Bell::new(), offer: Offer::of(&handler), handler, renames }
    }
}

impl<H: ConnectionHandler> ConnectionHandler for Handler<H> {
    type FromBehaviour = H::FromBehaviour;
    type ToBehaviour = H::ToBehaviour;
    type InboundProtocol = Named<H::InboundProtocol, H::InboundOpenInfo>;
    type OutboundProtocol = H::OutboundProtocol;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = H::OutboundOpenInfo;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        self.offer.protocol(&self.handler)
    }

    fn connection_keep_alive(&self) -> bool {
        self.handler.connection_keep_alive()
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Self::OutboundOpenInfo, Self::ToBehaviour>> {
        self.bell.answer(cx, |cx| self.handler.poll(cx))
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::ToBehaviour>> {
        self.handler.poll_close(cx)
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        // Most of what is told are messages, and to list all names for each would take a fifteenth of what a message costs.
        let may_be_renamed = (self.renames)(&event);
        self.handler.on_behaviour_event(event);
        if may_be_renamed {
            self.offer = Offer::of(&self.handler);
        }
        debug_assert!(self.offer.is_of(&self.handler), "nothing else changes names");
        // Nobody was woken for it.
        self.bell.ring();
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<
            Self::InboundProtocol,
            Self::OutboundProtocol,
            Self::InboundOpenInfo,
            Self::OutboundOpenInfo,
        >,
    ) {
        use ConnectionEvent as Event;
        // What came in came by the protocol of the handler itself.
        let event = match event {
            Event::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: (protocol, info), .. }) => {
                Event::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol, info })
            }
            Event::ListenUpgradeError(ListenUpgradeError { error: (error, info), .. }) => {
                Event::ListenUpgradeError(ListenUpgradeError { info, error })
            }
            Event::FullyNegotiatedOutbound(opened) => Event::FullyNegotiatedOutbound(opened),
            Event::DialUpgradeError(failed) => Event::DialUpgradeError(failed),
            Event::AddressChange(change) => Event::AddressChange(change),
            Event::LocalProtocolsChange(change) => Event::LocalProtocolsChange(change),
            Event::RemoteProtocolsChange(change) => Event::RemoteProtocolsChange(change),
            _ => unreachable!("libp2p-swarm 0.48 knows no other event"),
        };
        self.handler.on_connection_event(event);
        self.offer = Offer::of(&self.handler);
        self.bell.ring();
    }
}

#[cfg(test)]
mod tests {
    use std::{convert::Infallible, iter};

    use futures::task::noop_waker;
    use libp2p::{
        StreamProtocol, Swarm,
        core::upgrade::ReadyUpgrade,
        ping,
        swarm::{SwarmEvent, handler::UpgradeInfoSend as _},
    };
    use peerlab_scenarios::{host::Peer, plan::identity::keypair, seed::Seed};

    use super::*;
    use crate::host::bench::{At, connect, drive, swarm};

    #[test]
    fn quiet_protocols_agree_on_streams_and_go_on() {
        let quiet = || Quiet::new(Quiet::new(ping::Behaviour::new(ping::Config::new().with_interval(SHORT))));
        let mut one = swarm(&keypair(Seed(1), Peer(0)), quiet());
        let mut other: Swarm<ping::Behaviour> = swarm(&keypair(Seed(1), Peer(1)), ping::Behaviour::default());
        connect(&mut one, &mut other);
        let mut answers = 0;
        drive(&mut one, &mut other, |_, _, at| {
            if let At::One(SwarmEvent::Behaviour(event)) = at {
                event.result.expect("the other answers");
                answers += 1;
            }
            (answers == 3).then_some(())
        });
    }

    const SHORT: std::time::Duration = std::time::Duration::from_millis(1);

    /// Speaks a protocol when told so, and counts how often it is polled.
    #[derive(Default)]
    struct Moody {
        speaks: Option<StreamProtocol>,
        polls: u32,
    }

    impl ConnectionHandler for Moody {
        type FromBehaviour = Option<StreamProtocol>;
        type ToBehaviour = Infallible;
        type InboundProtocol = ReadyUpgrade<StreamProtocol>;
        type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
        type InboundOpenInfo = ();
        type OutboundOpenInfo = ();

        fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
            let name = self.speaks.clone().unwrap_or(StreamProtocol::new("/silence"));
            SubstreamProtocol::new(ReadyUpgrade::new(name), ())
        }

        fn poll(
            &mut self,
            _: &mut Context<'_>,
        ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, (), Infallible>> {
            self.polls += 1;
            Poll::Pending
        }

        fn on_behaviour_event(&mut self, speaks: Option<StreamProtocol>) {
            self.speaks = speaks;
        }

        fn on_connection_event(
            &mut self,
            _: ConnectionEvent<'_, Self::InboundProtocol, Self::OutboundProtocol>,
        ) {
        }
    }

    #[test]
    fn names_are_those_of_the_handler_and_it_is_polled_when_told_something() {
        let mut handler = Handler::new(Moody::default(), Option::is_some);
        let names = |handler: &Handler<Moody>| -> Vec<String> {
            let listened = handler.listen_protocol();
            listened.upgrade().protocol_info().map(|name| name.as_ref().to_owned()).collect()
        };
        let waker = noop_waker();
        let mut cx = Context::from_waker(&waker);
        assert!(iter::repeat_with(|| handler.poll(&mut cx)).take(3).all(|polled| polled.is_pending()));
        assert_eq!((names(&handler), handler.handler.polls), (vec!["/silence".to_owned()], 1));
        handler.on_behaviour_event(Some(StreamProtocol::new("/word/1")));
        assert!(iter::repeat_with(|| handler.poll(&mut cx)).take(3).all(|polled| polled.is_pending()));
        assert_eq!((names(&handler), handler.handler.polls), (vec!["/word/1".to_owned()], 2));
    }
}
