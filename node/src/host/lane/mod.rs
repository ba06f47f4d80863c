//! The reliable lane: one ordered stream in each direction of each connection, for messages.
//!
//! Its frames are those of [`peerlab_scenarios::wire`]; the lane does not look into them. What waits to be sent is bounded in
//! bytes for each connection: a reader that is too slow loses it, for a reliable lane may break but never leave out a frame.

mod codec;
mod handler;
#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::channel::mpsc;
use libp2p::{
    Multiaddr, PeerId, StreamProtocol,
    core::{Endpoint, transport::PortUse},
    swarm::{
        ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
    },
};

use self::handler::{Handler, Order};
pub use self::{codec::LaneError, handler::Told};

const PROTOCOL: StreamProtocol = StreamProtocol::new("/peerlab/lane/1");

/// Bytes that may wait to be sent over one connection.
pub const MAX_UNSENT: usize = 8 << 20;

/// Why an end of a connection sends no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parting {
    /// It has hung up.
    HungUp,
    /// Its peer leaves.
    Stopped,
    /// The run is over.
    Over,
}

impl Parting {
    const fn byte(self) -> u8 {
        match self {
            Self::HungUp => 0,
            Self::Stopped => 1,
            Self::Over => 2,
        }
    }

    const fn from_byte(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::HungUp),
            1 => Some(Self::Stopped),
            2 => Some(Self::Over),
            _ => None,
        }
    }
}

/// What the lane of a connection tells.
#[derive(Debug)]
pub struct Event {
    /// Which connection.
    pub connection: ConnectionId,
    /// What.
    pub told: Told,
}

/// The near end of a lane.
#[derive(Debug)]
struct Line {
    name: u64,
    orders: mpsc::UnboundedSender<Order>,
    unsent: Arc<AtomicUsize>,
    is_kept: Arc<AtomicBool>,
    sent: u64,
    has_parted: bool,
}

/// The lanes of a peer.
#[derive(Debug)]
pub struct Behaviour {
    next_name: u64,
    max_unsent: usize,
    lines: BTreeMap<ConnectionId, Line>,
    events: VecDeque<Event>,
}

impl Behaviour {
    /// No lanes yet. They are named by numbers from this one on; names must differ in a fleet.
    #[must_use]
    pub fn new(first_name: u64) -> Self {
        Self {
            next_name: first_name,
            max_unsent: MAX_UNSENT,
            lines: BTreeMap::new(),
            events: VecDeque::new(),
        }
    }

    /// Lets no more than so many bytes wait for one connection.
    #[must_use]
    pub fn with_max_unsent(self, max_unsent: usize) -> Self {
        Self { max_unsent, ..self }
    }

    /// Sends a frame. False when the lane has gone or is past its word of parting; nothing was sent then.
    ///
    /// # Errors
    /// When too much waits already: the connection is to be closed.
    pub fn send(&mut self, connection: ConnectionId, frame: &Bytes) -> Result<bool, LaneError> {
        let Some(line) = self.lines.get_mut(&connection).filter(|line| !line.has_parted) else {
            return Ok(false);
        };
        let waits = line.unsent.load(Ordering::Relaxed) + frame.len();
        if waits > self.max_unsent {
            return Err(LaneError::Backlog(waits));
        }
        line.unsent.fetch_add(frame.len(), Ordering::Relaxed);
        let is_sent = line.orders.unbounded_send(Order::Frame(frame.clone())).is_ok();
        line.sent += u64::from(is_sent);
        Ok(is_sent)
    }

    /// Says a word of parting, behind all that was sent.
    pub fn part(&mut self, connection: ConnectionId, why: Parting) {
        if let Some(line) = self.lines.get_mut(&connection)
            && !line.has_parted
        {
            line.has_parted = true;
            // A handler that has gone needs no word.
            let _ = line.orders.unbounded_send(Order::Part(why));
        }
    }

    /// Whether a connection is to stay when nothing else needs it, which it does unless it is said. A lane that waits for frames is no
    /// reason for it to stay.
    pub fn keep(&self, connection: ConnectionId, kept: bool) {
        if let Some(line) = self.lines.get(&connection) {
            line.is_kept.store(kept, Ordering::Relaxed);
        }
    }

    /// The name of this end of a lane, and how many frames were sent over it.
    #[must_use]
    pub fn sent(&self, connection: ConnectionId) -> Option<(u64, u64)> {
        self.lines.get(&connection).map(|line| (line.name, line.sent))
    }

    /// Forgets a lane whose connection has ended.
    pub fn forget(&mut self, connection: ConnectionId) {
        self.lines.remove(&connection);
    }

    fn handler(&mut self, connection: ConnectionId) -> Handler {
        let (orders, receiver) = mpsc::unbounded();
        let unsent = Arc::new(AtomicUsize::new(0));
        let is_kept = Arc::new(AtomicBool::new(true));
        let name = self.next_name;
        self.next_name += 1;
        let line = Line {
            name,
            orders,
            unsent: Arc::clone(&unsent),
            is_kept: Arc::clone(&is_kept),
            sent: 0,
            has_parted: false,
        };
        self.lines.insert(connection, line);
        Handler::new(name, receiver, unsent, is_kept)
    }
}

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        Ok(self.handler(connection))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            // Another behaviour would not have the connection.
            FromSwarm::DialFailure(failed) => self.forget(failed.connection_id),
            FromSwarm::ListenFailure(failed) => self.forget(failed.connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(
        &mut self,
        _: PeerId,
        connection: ConnectionId,
        told: THandlerOutEvent<Self>,
    ) {
        self.events.push_back(Event { connection, told });
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        self.events.pop_front().map_or(Poll::Pending, |event| Poll::Ready(ToSwarm::GenerateEvent(event)))
    }
}
