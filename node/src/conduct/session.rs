//! The conductor's end of one process.

use std::{
    ops::Range,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, SinkExt as _, StreamExt as _,
    channel::{mpsc, oneshot},
    future::{Either, select},
};
use libp2p::PeerId;
use peerlab_scenarios::{host::Peer, plan::Plan};
use tokio::sync::OwnedSemaphorePermit;

use super::{
    challenge,
    clock::Exchange,
    codec::{self, CodecError},
    log::{LogError, Spool},
    message::{BEAT, CHUNK, FAREWELL, Header, Move, PATIENCE, RELEASE, ToConductor, ToProcess, reason},
};
use crate::{
    fleet::Phase,
    host::{Moved, Roster},
};

/// The most that the log of one process may come to on disk, bytes.
const LOG: u64 = 64 << 30;

/// The most that a process may leave behind, bytes: they are kept in memory, packed, until the run is over.
pub(super) const LEFT: usize = 64 << 20;

/// Exchanges at the beginning of a session, by which clocks are compared, and the pause between.
const EXCHANGES: usize = 8;
const PAUSE: Duration = Duration::from_millis(20);

/// Messages that may wait for a process: beyond that it does not read.
pub(super) const ORDERS: usize = 1024;

/// What all sessions have in common.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) plan: Arc<Plan>,
    pub(super) roster: Arc<Roster>,
    pub(super) header: Header,
    /// The scenario and its files, one behind the other.
    pub(super) inputs: Vec<u8>,
    /// The conductor's clock counts from here.
    pub(super) epoch: Instant,
}

impl Context {
    /// The conductor's clock, ns.
    pub(super) fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

/// What a session tells.
#[derive(Debug)]
pub(super) enum Event {
    /// A process wants to join; what it is told by.
    Joins {
        peers: Range<u32>,
        process: u32,
        orders: mpsc::Sender<ToProcess>,
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// Something came from a process that has joined.
    From { peers: Range<u32>, news: News },
    /// Its session is over.
    Ends { peers: Range<u32>, orders: mpsc::Sender<ToProcess>, left: Left, why: Result<(), String> },
}

/// What comes from a process.
#[derive(Debug)]
pub(super) enum News {
    Exchange(Exchange),
    Moved(Vec<Moved>),
    Ready,
    Phase(Phase),
}

/// What has come from a process, to be read when the run is over.
#[derive(Debug)]
pub(super) struct Left {
    pub(super) log: Spool,
    pub(super) pieces: Vec<Vec<u8>>,
}

/// Why a session ends that should not.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Codec(#[from] CodecError),
    #[error(transparent)]
    Log(#[from] LogError),
    #[error("it leaves more than {LEFT} bytes behind")]
    TooMuch,
    #[error("it said what it may not say now")]
    OutOfTurn,
    #[error("it told of a peer that is another's, or of no address")]
    Moves,
    #[error("{0}")]
    Failed(String),
}

/// Serves a process that has opened a stream, until all is over.
pub(super) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    id: PeerId,
    context: Arc<Context>,
    mut events: mpsc::Sender<Event>,
    stranger: OwnedSemaphorePermit,
) {
    let Ok((peers, process)) = welcome(&mut stream, id, &context).await else { return };
    let mut left = match Spool::new(peers.clone(), LOG) {
        Ok(log) => Left { log, pieces: Vec::new() },
        Err(error) => {
            return refuse(&mut stream, format!("the conductor cannot write its log: {error}")).await;
        }
    };
    let (orders, told) = mpsc::channel(ORDERS);
    let (answer, answered) = oneshot::channel();
    let joins = Event::Joins { peers: peers.clone(), process, orders: orders.clone(), answer };
    if events.send(joins).await.is_err() {
        return;
    }
    match answered.await {
        Ok(Ok(())) => {}
        Ok(Err(why)) => return refuse(&mut stream, why).await,
        // The conductor has gone.
        Err(oneshot::Canceled) => return,
    }
    drop(stranger);
    let mut session = Session { peers: peers.clone(), context, events: events.clone(), left: &mut left };
    let done = session.run(stream, told, orders.clone()).await;
    let why = done.map_err(|error| reason(&error.to_string()));
    if why.is_err() {
        // Half of what it had to leave behind would be worse than nothing.
        left.pieces.clear();
    }
    // The conductor may have gone.
    let _ = events.send(Event::Ends { peers, orders, left, why }).await;
}

async fn refuse(stream: &mut (impl AsyncWrite + Unpin), why: String) {
    // Whoever is refused may have gone.
    let _ = codec::write(stream, &ToProcess::Refused(why), PATIENCE).await;
    let _ = stream.close().await;
}

/// Finds out which peers a process has, and holds it against the keys. Whoever lies is told so.
async fn welcome<S: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut S,
    id: PeerId,
    context: &Context,
) -> Result<(Range<u32>, u32), ()> {
    let nonce = challenge::nonce();
    codec::write(stream, &ToProcess::Challenge(nonce), PATIENCE).await.map_err(drop)?;
    let join = codec::read(stream, PATIENCE).await.map_err(drop)?;
    let ToConductor::Join { release, first, count, process, proofs } = join else { return Err(()) };
    let peers = first..first.saturating_add(count).min(context.plan.peers.len());
    let why = if release != RELEASE {
        format!("the conductor is of release {RELEASE}, and plans of others may differ")
    } else if context.roster.peer(&id) != Some(Peer(first)) {
        format!("{id} is not {} of this run", Peer(first))
    } else if let Err(peer) = challenge::check(&nonce, peers.clone(), &proofs, &context.roster) {
        format!("that it has the key of {peer} is not proved")
    } else if peers.len() as u32 != count {
        format!("the plan has {} peers", context.plan.peers.len())
    } else {
        return Ok((peers, process));
    };
    refuse(stream, why).await;
    Err(())
}

struct Session<'a> {
    peers: Range<u32>,
    context: Arc<Context>,
    events: mpsc::Sender<Event>,
    left: &'a mut Left,
}

impl Session<'_> {
    async fn run<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        stream: S,
        told: mpsc::Receiver<ToProcess>,
        orders: mpsc::Sender<ToProcess>,
    ) -> Result<(), SessionError> {
        let (mut reader, mut writer) = stream.split();
        let context = Arc::clone(&self.context);
        {
            let writes = pin!(write_all(&mut writer, told, &context));
            let reads = pin!(self.read_all(&mut reader, orders));
            match select(reads, writes).await {
                // What is left to be said is that all has come.
                Either::Left((read, writes)) => {
                    read?;
                    writes.await?;
                }
                Either::Right((written, reads)) => {
                    written?;
                    reads.await?;
                }
            }
        }
        // It goes when it has heard that. If the conductor went first, it might never hear it.
        let mut rest = [0; 64];
        let goes = async { while reader.read(&mut rest).await.is_ok_and(|read| read > 0) {} };
        let _ = tokio::time::timeout(FAREWELL, goes).await;
        Ok(())
    }

    async fn read_all(
        &mut self,
        stream: &mut (impl AsyncRead + Unpin),
        mut orders: mpsc::Sender<ToProcess>,
    ) -> Result<(), SessionError> {
        let mut left = 0;
        loop {
            let message = codec::read(stream, PATIENCE).await?;
            let news = match message {
                ToConductor::Join { .. } => return Err(SessionError::OutOfTurn),
                ToConductor::Pong { asked, received, answered } => {
                    News::Exchange(Exchange { asked, received, answered, came: self.context.now() })
                }
                ToConductor::Addresses(moves) => News::Moved(self.moves(moves)?),
                ToConductor::Ready => News::Ready,
                ToConductor::Phase(phase) => News::Phase(phase),
                ToConductor::Log(packed) => {
                    self.left.log.add(&packed)?;
                    continue;
                }
                ToConductor::Piece(piece) => {
                    left += piece.len();
                    if left > LEFT {
                        return Err(SessionError::TooMuch);
                    }
                    self.left.pieces.push(piece);
                    continue;
                }
                ToConductor::Done => {
                    // It may have gone as soon as it had said so.
                    let _ = orders.send(ToProcess::Thanks).await;
                    return Ok(());
                }
                ToConductor::Failed(why) => return Err(SessionError::Failed(reason(&why))),
            };
            let event = Event::From { peers: self.peers.clone(), news };
            if self.events.send(event).await.is_err() {
                return Err(SessionError::Failed("the conductor has ended".to_owned()));
            }
        }
    }

    fn moves(&self, moves: Vec<Move>) -> Result<Vec<Moved>, SessionError> {
        let own = |(peer, _): &Moved| self.peers.contains(&peer.0);
        moves.into_iter().map(|it| it.read().filter(own).ok_or(SessionError::Moves)).collect()
    }
}

/// Writes what a process is told, first what its plan is made from, and asks now and then whether it is still there.
async fn write_all(
    stream: &mut (impl AsyncWrite + Unpin),
    mut told: mpsc::Receiver<ToProcess>,
    context: &Context,
) -> Result<(), CodecError> {
    codec::write(stream, &ToProcess::Inputs(context.header.clone()), PATIENCE).await?;
    for chunk in context.inputs.chunks(CHUNK) {
        codec::write(stream, &ToProcess::Bytes(chunk.to_vec()), PATIENCE).await?;
    }
    for _ in 0..EXCHANGES {
        codec::write(stream, &ToProcess::Ping(context.now()), PATIENCE).await?;
        tokio::time::sleep(PAUSE).await;
    }
    loop {
        let message = match tokio::time::timeout(BEAT, told.next()).await {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(_) => ToProcess::Ping(context.now()),
        };
        codec::write(stream, &message, PATIENCE).await?;
        if let ToProcess::Thanks = message {
            return Ok(stream.close().await?);
        }
    }
}
