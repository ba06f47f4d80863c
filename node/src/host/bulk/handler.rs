//! The fetches of one connection.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, atomic::AtomicU64},
    task::{Context, Poll},
    time::Duration,
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
use web_time::Instant;

use super::{
    MAX_ASKED, PROTOCOL,
    pace::{LOOK, Pace},
    transfer::{TransferError, answer, ask, confirm, hear},
};

/// Answers that are sent at a time over one connection. Those of a line that is slow would all be through at the same time if all were, and
/// nothing would be on the line while the next are asked for; with one, a line that is long would wait for the window of its stream.
const AT_A_TIME: usize = 2;

/// Streams that were used and are kept for the next fetch: as many as a peer usually asks one other for, and a few more.
const MOST_SPARE: usize = 16;

/// How long such a stream is kept without use: until the next look then, which is long before the other end gives it up.
const UNUSED: Duration = LOOK.saturating_mul(2);

/// What watches over streams is tidied up when so many more are watched than twice those that are there.
const SLACK: usize = 16;

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
    Sent { stream: u64, result: Result<(Stream, Pace), TransferError> },
    Confirmed { stream: u64, result: Result<Stream, TransferError> },
    Came { fetch: u64, result: Result<(Stream, Bytes), TransferError> },
    GivenUp,
}

/// A fetch that has no stream yet.
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
    /// Streams of this end that are done with one fetch and may serve another, and since when.
    spare: VecDeque<(Stream, Instant)>,
    /// Those who asked and have no answer yet.
    asked: BTreeMap<u64, Stream>,
    next_stream: u64,
    /// Answers that wait for others to be sent, and how many of those there are.
    waiting: VecDeque<(u64, Stream, Vec<Bytes>)>,
    sending: usize,
    /// Streams of the other end that are not done with.
    inbound: usize,
    /// Fetches that have a stream, in both directions, and are not over.
    under_way: usize,
    told: VecDeque<Told>,
}

impl Handler {
    /// Fetches over a stream.
    fn fetch(&mut self, stream: Stream, opening: Opening) {
        let Opening { fetch, request, registration, came } = opening;
        let pace = self.pace();
        let transfer = async move { ask(stream, request, &came, &pace).await };
        let done = Abortable::new(transfer, registration).map(move |done| match done {
            Ok(result) => Done::Came { fetch, result },
            Err(_aborted) => Done::GivenUp,
        });
        self.under_way += 1;
        self.streams.push(done.boxed());
    }

    /// Waits for what the other end asks for by a stream.
    fn hear(&mut self, stream: Stream) {
        let pace = self.pace();
        self.streams.push(hear(stream, pace).map(Done::Heard).boxed());
    }

    fn answer(&mut self, stream: u64, frame: Vec<Bytes>) {
        match self.asked.remove(&stream) {
            Some(open) => {
                self.waiting.push_back((stream, open, frame));
                self.send();
            }
            None => self.told.push_back(Told::Answered { stream, result: Err(TransferError::NotConfirmed) }),
        }
    }

    /// Begins to send what waits, as far as it may be sent now.
    fn send(&mut self) {
        while self.sending < AT_A_TIME
            && let Some((stream, open, frame)) = self.waiting.pop_front()
        {
            self.sending += 1;
            let pace = self.pace();
            let sent = async move {
                let result = answer(open, frame, &pace).await.map(|open| (open, pace));
                Done::Sent { stream, result }
            };
            self.streams.push(sent.boxed());
        }
    }

    /// That of a stream on which work begins.
    fn pace(&mut self) -> Pace {
        if self.paces.len() > 2 * self.streams.len() + SLACK {
            self.paces.retain(Pace::is_needed);
        }
        let pace = Pace::default();
        self.paces.push(pace.clone());
        pace
    }

    /// Looks now and then whether streams still move, and whether those that are kept are used.
    fn poll_look(&mut self, cx: &mut Context<'_>) {
        while !(self.paces.is_empty() && self.spare.is_empty())
            && self.look.get_or_insert_with(|| Delay::new(LOOK)).poll_unpin(cx).is_ready()
        {
            self.look = None;
            self.paces.retain(Pace::is_needed);
            self.paces.iter().for_each(Pace::look);
            self.forget_unused();
        }
    }

    /// Ends streams that were not used for too long: the process may have stood still for some time, or nothing may have been fetched.
    fn forget_unused(&mut self) {
        self.spare.retain(|(_, since)| since.elapsed() < UNUSED);
    }

    /// Nothing that waits is sent any more: the other end reads nothing.
    fn give_up_waiting(&mut self) {
        for (stream, _, _) in std::mem::take(&mut self.waiting) {
            self.done(Done::Confirmed { stream, result: Err(TransferError::StoodStill) });
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Heard(Ok((stream, request))) => {
                let number = self.next_stream;
                self.next_stream += 1;
                self.under_way += 1;
                self.asked.insert(number, stream);
                self.told.push_back(Told::Asked { stream: number, request });
            }
            // Nothing more is asked by this one, or wrongly: then there is no answer, and the stream ends.
            Done::Heard(Err(_)) => self.inbound -= 1,
            Done::Sent { stream, result } => {
                self.sending -= 1;
                match result {
                    Ok((open, pace)) => {
                        let done = confirm(open, pace).map(move |result| Done::Confirmed { stream, result });
                        self.streams.push(done.boxed());
                    }
                    Err(error) => {
                        if matches!(error, TransferError::StoodStill) {
                            self.give_up_waiting();
                        }
                        self.done(Done::Confirmed { stream, result: Err(error) });
                    }
                }
                self.send();
            }
            Done::Confirmed { stream, result } => {
                self.under_way -= 1;
                let result = match result {
                    Ok(open) => {
                        self.hear(open);
                        Ok(())
                    }
                    Err(error) => {
                        self.inbound -= 1;
                        Err(error)
                    }
                };
                self.told.push_back(Told::Answered { stream, result });
            }
            Done::Came { fetch, result } => {
                self.under_way -= 1;
                let result = result.map(|(stream, answer)| {
                    if self.spare.len() < MOST_SPARE {
                        self.spare.push_back((stream, Instant::now()));
                    }
                    answer
                });
                self.told.push_back(Told::Came { fetch, result });
            }
            Done::GivenUp => self.under_way -= 1,
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

    // Streams are kept when nothing is fetched by them, and do not keep the connection.
    fn connection_keep_alive(&self) -> bool {
        self.under_way > 0
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
                self.forget_unused();
                if let Some((stream, _)) = self.spare.pop_back() {
                    self.fetch(stream, opening);
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
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: mut stream, ..
            }) if self.inbound < MAX_ASKED => {
                stream.ignore_for_keep_alive();
                self.inbound += 1;
                self.hear(stream);
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: mut stream,
                info,
            }) => {
                stream.ignore_for_keep_alive();
                self.fetch(stream, info);
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, .. }) => {
                self.told.push_back(Told::Came { fetch: info.fetch, result: Err(TransferError::NotOpened) });
            }
            _ => {}
        }
    }
}
