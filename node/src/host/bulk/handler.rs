//! The fetches of one connection.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::AtomicU64},
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{
    FutureExt as _, StreamExt as _,
    future::{AbortRegistration, Abortable, BoxFuture},
    stream::FuturesUnordered,
};
use futures_timer::Delay;
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, SubstreamProtocol,
        handler::{ConnectionEvent, DialUpgradeError, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::{
    MAX_ASKED, PROTOCOL,
    pace::{LOOK, Pace},
    transfer::{TransferError, answer, ask, hear},
};

/// Streams that are done with are remembered no further than so many more than there are twice.
const SPARE: usize = 16;

/// What a behaviour asks of a handler.
#[derive(Debug)]
pub enum Order {
    /// To fetch something.
    Ask { fetch: u64, request: Bytes, registration: AbortRegistration, came: Arc<AtomicU64> },
    /// To answer who asked by a stream.
    Answer { stream: u64, frame: Vec<Bytes> },
}

/// What a handler tells its behaviour.
#[derive(Debug)]
pub enum Told {
    Asked { stream: u64, request: Bytes },
    Answered { stream: u64, result: Result<(), TransferError> },
    Came { fetch: u64, result: Result<Bytes, TransferError> },
}

/// What a stream has come to.
enum Done {
    Heard(Result<(Stream, Bytes), TransferError>),
    Answered { stream: u64, result: Result<(), TransferError> },
    Came { fetch: u64, result: Result<Bytes, TransferError> },
    GivenUp,
}

/// A fetch whose stream is being opened.
pub struct Opening {
    fetch: u64,
    request: Bytes,
    registration: AbortRegistration,
    came: Arc<AtomicU64>,
}

/// The fetches of one connection, in both directions.
#[derive(Default)]
pub struct Handler {
    openings: VecDeque<Opening>,
    streams: FuturesUnordered<BoxFuture<'static, Done>>,
    /// How they move, and when to look at that again.
    paces: Vec<Pace>,
    look: Option<Delay>,
    /// Those who asked and have no answer yet.
    asked: BTreeMap<u64, Stream>,
    next_stream: u64,
    /// Streams of the other end that are not done with.
    inbound: usize,
    told: VecDeque<Told>,
}

impl Handler {
    fn answer(&mut self, stream: u64, frame: Vec<Bytes>) {
        match self.asked.remove(&stream) {
            Some(open) => {
                let done =
                    answer(open, frame, self.pace()).map(move |result| Done::Answered { stream, result });
                self.streams.push(done.boxed());
            }
            None => self.told.push_back(Told::Answered { stream, result: Err(TransferError::NotConfirmed) }),
        }
    }

    /// That of a stream on which work begins.
    fn pace(&mut self) -> Pace {
        if self.paces.len() > 2 * self.streams.len() + SPARE {
            self.paces.retain(Pace::is_needed);
        }
        let pace = Pace::default();
        self.paces.push(pace.clone());
        pace
    }

    /// Looks now and then whether streams still move.
    fn poll_look(&mut self, cx: &mut Context<'_>) {
        while !self.paces.is_empty()
            && self.look.get_or_insert_with(|| Delay::new(LOOK)).poll_unpin(cx).is_ready()
        {
            self.look = None;
            self.paces.retain(Pace::is_needed);
            self.paces.iter().for_each(Pace::look);
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Heard(Ok((stream, request))) => {
                let number = self.next_stream;
                self.next_stream += 1;
                self.asked.insert(number, stream);
                self.told.push_back(Told::Asked { stream: number, request });
            }
            // Whoever asks wrongly gets no answer: its stream ends.
            Done::Heard(Err(_)) => self.inbound -= 1,
            Done::Answered { stream, result } => {
                self.inbound -= 1;
                self.told.push_back(Told::Answered { stream, result });
            }
            Done::Came { fetch, result } => self.told.push_back(Told::Came { fetch, result }),
            Done::GivenUp => {}
        }
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = Order;
    type ToBehaviour = Told;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Opening;

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ConnectionHandlerEvent<Self::OutboundProtocol, Opening, Told>> {
        loop {
            if let Some(told) = self.told.pop_front() {
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
            }
            if let Some(opening) = self.openings.pop_front() {
                if opening.registration.handle().is_aborted() {
                    continue;
                }
                let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), opening);
                return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
            }
            match self.streams.poll_next_unpin(cx) {
                Poll::Ready(Some(done)) => self.done(done),
                Poll::Ready(None) | Poll::Pending => {
                    self.poll_look(cx);
                    return Poll::Pending;
                }
            }
        }
    }

    fn on_behaviour_event(&mut self, order: Order) {
        match order {
            Order::Ask { fetch, request, registration, came } => {
                self.openings.push_back(Opening { fetch, request, registration, came });
            }
            Order::Answer { stream, frame } => self.answer(stream, frame),
        }
    }

    fn on_connection_event(
        &mut self,
        event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol, (), Opening>,
    ) {
        match event {
            // One too many is dropped, which resets it.
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound { protocol: stream, .. })
                if self.inbound < MAX_ASKED =>
            {
                self.inbound += 1;
                let pace = self.pace();
                self.streams.push(hear(stream, pace).map(Done::Heard).boxed());
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound { protocol, info }) => {
                let Opening { fetch, request, registration, came } = info;
                let pace = self.pace();
                let transfer = async move { ask(protocol, request, &came, &pace).await };
                let done = Abortable::new(transfer, registration).map(move |done| match done {
                    Ok(result) => Done::Came { fetch, result },
                    Err(_aborted) => Done::GivenUp,
                });
                self.streams.push(done.boxed());
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, .. }) => {
                self.told.push_back(Told::Came { fetch: info.fetch, result: Err(TransferError::NotOpened) });
            }
            _ => {}
        }
    }
}
