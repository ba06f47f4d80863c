//! The bulk lane: a stream for each fetch that is under way, so that what is large neither waits for what is small nor holds it up,
//! and each has the flow control of its own stream.
//!
//! Who wants an item opens a stream and writes a [`Fetch`](peerlab_scenarios::wire::Kind::Fetch) frame behind its length; the other
//! end answers with one frame, [`Serve`](peerlab_scenarios::wire::Kind::Serve) or [`Refuse`](peerlab_scenarios::wire::Kind::Refuse).
//! A byte that says that it came ends the exchange, and the next may be asked for by the same stream: so it takes no round trip to agree on
//! a protocol, and the window that the stream has grown to is kept. One that has served nothing for half a minute is ended at the next look. Who has lost
//! interest resets the stream.
//!
//! The other end sends two answers of a connection at a time, in the order in which they were asked for. If all were sent at once they would
//! come to their end together, and nothing would be under way while the next are asked for.

mod handler;
mod pace;
#[cfg(test)]
mod tests;
mod transfer;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::future::AbortHandle;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
    },
};

use self::handler::{Handler, Order, Told};
pub use self::transfer::TransferError;

const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerlab/bulk/1");

/// Fetches of one connection that may be asked for or served at a time.
pub const MAX_ASKED: usize = 256;

/// Names a stream by which a peer was asked, on its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// The connection.
    pub connection: ConnectionId,
    /// Which of its streams.
    pub stream: u64,
}

/// What happened on the bulk lane.
#[derive(Debug)]
pub enum Event {
    /// A peer asks for something: its frame.
    Asked {
        /// How to answer.
        asked: Asked,
        /// The frame.
        request: Bytes,
    },
    /// What this peer asked for has come, or will not: the frame.
    Came {
        /// The number that this peer gave its fetch.
        fetch: u64,
        /// The frame.
        result: Result<Bytes, TransferError>,
    },
    /// An answer has come to its end.
    Answered {
        /// Which.
        asked: Asked,
        /// Whether the other end said that it came.
        result: Result<(), TransferError>,
    },
}

/// A fetch under way.
#[derive(Debug)]
struct Fetch {
    abort: AbortHandle,
    came: Arc<AtomicU64>,
}

/// The bulk lanes of a peer.
#[derive(Debug, Default)]
pub struct Behaviour {
    fetches: BTreeMap<u64, Fetch>,
    next_fetch: u64,
    orders: VecDeque<(PeerId, ConnectionId, Order)>,
    events: VecDeque<Event>,
}

impl Behaviour {
    /// Asks the other end of a connection for something, by a frame. Gives the number of the fetch.
    pub fn ask(&mut self, peer: PeerId, connection: ConnectionId, request: Bytes) -> u64 {
        let fetch = self.next_fetch;
        self.next_fetch += 1;
        let (abort, registration) = AbortHandle::new_pair();
        let came = Arc::new(AtomicU64::new(0));
        self.fetches.insert(fetch, Fetch { abort, came: Arc::clone(&came) });
        self.orders.push_back((peer, connection, Order::Ask { fetch, request, registration, came }));
        fetch
    }

    /// Gives a fetch up: nothing more is heard of it. Gives the bytes that had come.
    pub fn abort(&mut self, fetch: u64) -> u64 {
        let Some(fetch) = self.fetches.remove(&fetch) else { return 0 };
        fetch.abort.abort();
        fetch.came.load(Ordering::Relaxed)
    }

    /// Answers a peer that asked, by a frame, given in pieces.
    pub fn answer(&mut self, peer: PeerId, asked: Asked, frame: Vec<Bytes>) {
        self.orders.push_back((peer, asked.connection, Order::Answer { stream: asked.stream, frame }));
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(Handler::default())
    }

    fn on_swarm_event(&mut self, _: FromSwarm<'_>) {}

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        told: THandlerOutEvent<Self>,
    ) {
        let event = match told {
            Told::Asked { stream, request } => Event::Asked { asked: Asked { connection, stream }, request },
            Told::Answered { stream, result } => {
                Event::Answered { asked: Asked { connection, stream }, result }
            }
            Told::Came { fetch, result } => {
                // It may have been given up while this was on its way from the handler.
                if self.fetches.remove(&fetch).is_none() {
                    return;
                }
                Event::Came { fetch, result }
            }
        };
        self.events.push_back(event);
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection, event)) = self.orders.pop_front() {
            let handler = NotifyHandler::One(connection);
            return Poll::Ready(ToSwarm::NotifyHandler { peer_id, handler, event });
        }
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}
