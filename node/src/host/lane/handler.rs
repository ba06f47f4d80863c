//! One end of a connection's lane.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use bytes::Bytes;
use futures::{StreamExt as _, channel::mpsc};
use libp2p::{
    Stream, StreamProtocol,
    core::upgrade::ReadyUpgrade,
    swarm::{
        ConnectionHandler, ConnectionHandlerEvent, StreamUpgradeError, SubstreamProtocol,
        handler::{ConnectionEvent, FullyNegotiatedInbound, FullyNegotiatedOutbound},
    },
};

use super::{
    PROTOCOL, Parting,
    codec::{Came, LaneError, Reader, Writer},
};
use crate::host::bell::Bell;

/// What is to go out.
#[derive(Debug)]
pub(super) enum Order {
    Frame(Bytes),
    Part(Parting),
}

/// What a handler tells its behaviour.
#[derive(Debug)]
pub enum Told {
    /// The name that the other end has given to its stream.
    Named(u64),
    /// Frames, in their order.
    Came(Vec<Bytes>),
    /// The other end will send no more.
    Parted(Parting),
    /// All that was to go out has, the word of parting included.
    Finished,
    /// The lane is broken, and so the connection is of no use.
    Broken(LaneError),
}

/// The way out.
enum Outbound {
    Idle,
    Opening,
    Open(Writer<Stream>),
    Closing(Writer<Stream>),
    Done,
}

/// One end of a connection's lane: a stream out, and a stream in.
pub struct Handler {
    name: u64,
    orders: mpsc::UnboundedReceiver<Order>,
    unsent: Arc<AtomicUsize>,
    is_kept: Arc<AtomicBool>,
    outbound: Outbound,
    inbound: Option<(Reader<Stream>, Bell)>,
    had_inbound: bool,
    broken: Option<LaneError>,
    is_broken: bool,
}

impl Handler {
    pub(super) fn new(
        name: u64,
        orders: mpsc::UnboundedReceiver<Order>,
        unsent: Arc<AtomicUsize>,
        is_kept: Arc<AtomicBool>,
    ) -> Self {
        Self {
            name,
            orders,
            unsent,
            is_kept,
            outbound: Outbound::Idle,
            inbound: None,
            had_inbound: false,
            broken: None,
            is_broken: false,
        }
    }

    fn breaks(&mut self, error: impl Into<LaneError>) {
        if !self.is_broken {
            self.is_broken = true;
            self.broken = Some(error.into());
        }
        self.outbound = Outbound::Done;
        self.inbound = None;
    }

    /// Writes what is to go out, as far as the stream takes it. True when the last of it has gone.
    fn poll_outbound(&mut self, cx: &mut Context<'_>) -> Result<bool, LaneError> {
        loop {
            match &mut self.outbound {
                Outbound::Open(writer) => {
                    let mut parting = None;
                    while !writer.is_full() && parting.is_none() {
                        match self.orders.poll_next_unpin(cx) {
                            Poll::Ready(Some(Order::Frame(frame))) => {
                                self.unsent.fetch_sub(frame.len(), Ordering::Relaxed);
                                writer.push(&frame);
                            }
                            Poll::Ready(Some(Order::Part(why))) => parting = Some(why),
                            Poll::Ready(None) | Poll::Pending => break,
                        }
                    }
                    if let Some(why) = parting {
                        writer.part(why);
                        let Outbound::Open(writer) = std::mem::replace(&mut self.outbound, Outbound::Done)
                        else {
                            unreachable!("it was open three lines ago")
                        };
                        self.outbound = Outbound::Closing(writer);
                        continue;
                    }
                    let has_more = writer.is_full();
                    if writer.poll_write(cx)?.is_pending() {
                        return Ok(false);
                    }
                    if !has_more {
                        let _ = writer.poll_flush(cx)?;
                        return Ok(false);
                    }
                }
                Outbound::Closing(writer) => {
                    if writer.poll_write(cx)?.is_pending() || writer.poll_close(cx)?.is_pending() {
                        return Ok(false);
                    }
                    self.outbound = Outbound::Done;
                    return Ok(true);
                }
                Outbound::Idle | Outbound::Opening | Outbound::Done => return Ok(false),
            }
        }
    }
}

type Event = ConnectionHandlerEvent<ReadyUpgrade<StreamProtocol>, (), Told>;

impl ConnectionHandler for Handler {
    type FromBehaviour = std::convert::Infallible;
    type ToBehaviour = Told;
    type InboundProtocol = ReadyUpgrade<StreamProtocol>;
    type OutboundProtocol = ReadyUpgrade<StreamProtocol>;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = ();

    fn listen_protocol(&self) -> SubstreamProtocol<Self::InboundProtocol> {
        SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ())
    }

    fn connection_keep_alive(&self) -> bool {
        !self.is_broken && self.is_kept.load(Ordering::Relaxed)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Outbound::Idle = self.outbound {
            self.outbound = Outbound::Opening;
            let protocol = SubstreamProtocol::new(ReadyUpgrade::new(PROTOCOL), ());
            return Poll::Ready(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
        }
        match self.poll_outbound(cx) {
            Ok(true) => return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Told::Finished)),
            Ok(false) => {}
            Err(error) => self.breaks(error),
        }
        if let Some((reader, bell)) = &mut self.inbound {
            let told = match bell.answer(cx, |cx| reader.poll_next(cx)) {
                Poll::Pending => None,
                Poll::Ready(Ok(Came::Name(name))) => Some(Told::Named(name)),
                Poll::Ready(Ok(Came::Frames(frames))) => Some(Told::Came(frames)),
                Poll::Ready(Ok(Came::Parting(why))) => {
                    self.inbound = None;
                    Some(Told::Parted(why))
                }
                Poll::Ready(Err(error)) => {
                    self.breaks(error);
                    None
                }
            };
            if let Some(told) = told {
                return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(told));
            }
        }
        if let Some(error) = self.broken.take() {
            return Poll::Ready(ConnectionHandlerEvent::NotifyBehaviour(Told::Broken(error)));
        }
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: Self::FromBehaviour) {
        match event {}
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<Self::InboundProtocol, Self::OutboundProtocol>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(FullyNegotiatedInbound {
                protocol: mut stream, ..
            }) => {
                // It is open for as long as the connection stands: what keeps that is said.
                stream.ignore_for_keep_alive();
                if self.had_inbound {
                    self.breaks(LaneError::Second);
                } else if !self.is_broken {
                    self.had_inbound = true;
                    self.inbound = Some((Reader::new(stream), Bell::new()));
                }
            }
            ConnectionEvent::FullyNegotiatedOutbound(FullyNegotiatedOutbound {
                protocol: mut stream,
                ..
            }) if !self.is_broken => {
                stream.ignore_for_keep_alive();
                self.outbound = Outbound::Open(Writer::new(stream, self.name));
            }
            ConnectionEvent::DialUpgradeError(failed) => self.breaks(match failed.error {
                StreamUpgradeError::Timeout => std::io::Error::from(std::io::ErrorKind::TimedOut).into(),
                StreamUpgradeError::NegotiationFailed => LaneError::Unsupported,
                StreamUpgradeError::Io(error) => LaneError::Io(error),
                StreamUpgradeError::Apply(never) => match never {},
            }),
            _ => {}
        }
    }
}
