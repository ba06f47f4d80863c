//! What is in a file.

use std::{
    fmt,
    io::{self, Read as _},
    sync::Arc,
};

use peerlab_scenarios::{
    host::{
        Ask, Command, Found, Input, Lane, Link, Msg, Payload, Peer, QueryId, ReqId, StoreKey, TimerKey, Why,
    },
    plan::{Files, Plan},
    seed::Seed,
    spec::read,
    wire::{Body, Frame, Item, ItemId, Kind},
};
use serde::{Deserialize, Serialize};

use super::{Output, output::Print};
use crate::host::Native;

/// What a file begins with; the last byte is the version of the format.
pub const MAGIC: &[u8; 12] = b"peerlab-rec\x01";

/// The longest record: a scenario with its files, or what a store held after a long life.
const MAX_RECORD: usize = 256 << 20;

/// Why a file cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// The system would not let it be read.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is something else, or of another version.
    #[error("it is no record of a peer, or one of another version of the format")]
    Foreign,
    /// It is damaged.
    #[error("record {number}, from byte {at} on, is damaged: {why}")]
    Damaged {
        /// Which record, from 0: the header.
        number: u64,
        /// Where it begins.
        at: u64,
        /// What is wrong.
        why: String,
    },
    /// No plan comes of the scenario in it.
    #[error("the scenario in it cannot be planned: {0}")]
    Scenario(String),
}

/// What the machines were made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The release that recorded it.
    pub release: String,
    /// The name of the scenario's file.
    pub name: String,
    /// The scenario.
    pub scenario: Vec<u8>,
    /// The files that it names.
    pub files: Files,
    /// The seed of the run.
    pub seed: u64,
    /// The peer.
    pub peer: Peer,
    /// Which of its lives, from 0.
    pub life: u32,
}

impl Header {
    /// The plan of the run.
    ///
    /// # Errors
    /// When none comes of what is in the file.
    pub fn plan(&self) -> Result<Plan, RecordError> {
        let document = read::document(&self.name, &self.scenario)
            .map_err(|problems| RecordError::Scenario(problems.to_string()))?;
        let plan = Plan::new(&document.value, Seed(self.seed), &self.files).map_err(|errors| {
            let errors = errors.iter().map(|error| format!("{}: {}", error.path, error.why));
            RecordError::Scenario(errors.collect::<Vec<_>>().join("; "))
        })?;
        if self.peer.0 >= plan.peers.len() {
            return Err(RecordError::Scenario(format!("it has no {}", self.peer)));
        }
        Ok(plan.with_real_bodies())
    }
}

/// What follows the header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// The peer's planned neighbours that are connected, and all of them, when that has changed since the last step.
    Circle {
        /// Those that are connected.
        live: Vec<Peer>,
        /// All.
        known: Vec<Peer>,
    },
    /// A step of the machines.
    Step {
        /// When, in ns from the run's start.
        at: u64,
        /// What they were told.
        given: Given,
        /// What they answered, before what a peer that misbehaves makes of it.
        outputs: Vec<Output>,
    },
}

/// An item as it came: its frame, and whether its signature was wrong.
type Came = (Vec<u8>, bool);

/// What machines were told: [`Input`] with its contents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Given {
    /// [`Input::Start`].
    Start(Vec<(StoreKey, Came)>),
    /// [`Input::Stop`].
    Stop,
    /// [`Input::Command`].
    Command(u8, Command),
    /// [`Input::PeerUp`].
    PeerUp(Peer, Link),
    /// [`Input::PeerDown`].
    PeerDown(Peer, Why),
    /// [`Input::Message`]: from whom, how, its frame, and whether the signature of its item was wrong.
    Message(Peer, Lane, Vec<u8>, bool),
    /// [`Input::Timer`].
    Timer(TimerKey),
    /// [`Input::Asked`].
    Asked(Ask, ItemId),
    /// [`Input::Fetched`].
    Fetched(ReqId, Result<Came, Why>),
    /// [`Input::Found`].
    Found(QueryId, Found),
}

fn item_frame(item: &Item) -> Vec<u8> {
    Frame { kind: Kind::Serve, hops: 0, workload: 0, body: Body::Item(item.clone()) }.encode()
}

fn came(item: &Arc<Item>) -> Came {
    (item_frame(item), item.tainted)
}

fn item((frame, tainted): &Came) -> Result<Arc<Item>, String> {
    match Frame::decode(frame).map_err(|error| error.to_string())?.body {
        Body::Item(mut item) => {
            item.tainted = *tainted;
            Ok(Arc::new(item))
        }
        Body::Nothing | Body::Note(_) => Err("there is no item where one should be".to_owned()),
    }
}

impl Given {
    /// An input, with its contents; none of one that only machines of the same peer give to one another.
    pub(super) fn of(input: &Input<Native>, native: &Native) -> Option<Self> {
        Some(match input {
            Input::Start { kept } => Self::Start(kept.iter().map(|(key, item)| (*key, came(item))).collect()),
            Input::Stop => Self::Stop,
            Input::Command { workload, command } => Self::Command(*workload, command.clone()),
            Input::PeerUp { peer, link } => Self::PeerUp(*peer, *link),
            Input::PeerDown { peer, why } => Self::PeerDown(*peer, *why),
            Input::Message { from, lane, msg } => {
                let tainted = matches!(&msg.payload, Payload::Item(item) if item.tainted);
                Self::Message(*from, *lane, msg.frame(native).encode(), tainted)
            }
            Input::Timer(key) => Self::Timer(*key),
            Input::Asked { ask, what } => Self::Asked(*ask, *what),
            Input::Fetched { req, result } => {
                Self::Fetched(*req, result.as_ref().map(came).map_err(|why| *why))
            }
            Input::Found { query, found } => Self::Found(*query, (**found).clone()),
            Input::Published { .. } => return None,
        })
    }

    /// The input.
    ///
    /// # Errors
    /// When its contents are none.
    pub(super) fn input(&self) -> Result<Input<Native>, String> {
        Ok(match self {
            Self::Start(kept) => {
                let kept = kept.iter().map(|(key, came)| Ok((*key, item(came)?)));
                Input::Start { kept: kept.collect::<Result<_, String>>()? }
            }
            Self::Stop => Input::Stop,
            Self::Command(workload, command) => {
                Input::Command { workload: *workload, command: command.clone() }
            }
            Self::PeerUp(peer, link) => Input::PeerUp { peer: *peer, link: *link },
            Self::PeerDown(peer, why) => Input::PeerDown { peer: *peer, why: *why },
            Self::Message(from, lane, frame, tainted) => {
                let Frame { kind, hops, workload, body } =
                    Frame::decode(frame).map_err(|error| error.to_string())?;
                let payload = match body {
                    Body::Nothing => Payload::Nothing,
                    Body::Note(note) => Payload::Note(Arc::new(note)),
                    Body::Item(mut item) => {
                        item.tainted = *tainted;
                        Payload::Item(Arc::new(item))
                    }
                };
                Input::Message { from: *from, lane: *lane, msg: Msg { kind, hops, workload, payload } }
            }
            Self::Timer(key) => Input::Timer(*key),
            Self::Asked(ask, what) => Input::Asked { ask: *ask, what: *what },
            Self::Fetched(req, result) => {
                let result = match result {
                    Ok(came) => Ok(item(came)?),
                    Err(why) => Err(*why),
                };
                Input::Fetched { req: *req, result }
            }
            Self::Found(query, found) => Input::Found { query: *query, found: Box::new(found.clone()) },
        })
    }
}

/// In a line: contents by their kind, length and hash.
impl fmt::Display for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start(kept) => write!(f, "Start, with {} items kept", kept.len()),
            Self::Message(from, lane, frame, tainted) => {
                let falsified = if *tainted { ", falsified" } else { "" };
                write!(f, "Message from {from}, {lane:?}: {}{falsified}", Print::of_frame(frame))
            }
            Self::Fetched(req, Ok((frame, _))) => write!(f, "Fetched {req:?}: {}", Print::of_frame(frame)),
            other => write!(f, "{other:?}"),
        }
    }
}

/// Reads a file, record by record.
#[derive(Debug)]
pub struct Read<R> {
    file: R,
    at: u64,
    number: u64,
    /// Where the record began that was read last.
    began: u64,
    /// What the file begins with.
    pub header: Header,
}

impl<R: io::Read> Read<R> {
    /// Reads what a file begins with.
    ///
    /// # Errors
    /// When it is no record of a peer.
    pub fn new(mut file: R) -> Result<Self, RecordError> {
        let mut magic = [0; MAGIC.len()];
        match file.read_exact(&mut magic) {
            Ok(()) if magic == *MAGIC => {}
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error.into()),
            _ => return Err(RecordError::Foreign),
        }
        let (mut at, mut number) = (MAGIC.len() as u64, 0);
        let header = next(&mut file, &mut at, &mut number)?.ok_or(RecordError::Foreign)?;
        Ok(Self { file, at, number, began: 0, header })
    }

    /// The next record; none at the end, or where the file is torn.
    ///
    /// # Errors
    /// When it is damaged.
    pub fn record(&mut self) -> Result<Option<Record>, RecordError> {
        self.began = self.at;
        next(&mut self.file, &mut self.at, &mut self.number)
    }

    /// What to say of a record that was read last and cannot be.
    pub(super) fn damaged(&self, why: String) -> RecordError {
        RecordError::Damaged { number: self.number - 1, at: self.began, why }
    }
}

fn next<T: for<'de> Deserialize<'de>>(
    file: &mut impl io::Read,
    at: &mut u64,
    number: &mut u64,
) -> Result<Option<T>, RecordError> {
    let damaged = |why| RecordError::Damaged { number: *number, at: *at, why };
    let mut length = Vec::new();
    file.by_ref().take(4).read_to_end(&mut length)?;
    let Ok(length) = <[u8; 4]>::try_from(length) else { return Ok(None) };
    let length = u32::from_be_bytes(length) as usize;
    if length > MAX_RECORD {
        return Err(damaged(format!("it would have {length} bytes, and {MAX_RECORD} are possible")));
    }
    // Memory is taken as bytes come, not as they are announced.
    let mut bytes = Vec::new();
    file.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Ok(None);
    }
    let record = match postcard::take_from_bytes(&bytes) {
        Ok((record, [])) => record,
        Ok((_, rest)) => return Err(damaged(format!("{} bytes stand behind it", rest.len()))),
        Err(error) => return Err(damaged(error.to_string())),
    };
    *at += 4 + length as u64;
    *number += 1;
    Ok(Some(record))
}

/// A record behind its length.
pub(super) fn pack(record: &impl Serialize) -> io::Result<Vec<u8>> {
    let bytes = postcard::to_extend(record, vec![0; 4]).map_err(io::Error::other)?;
    let length = u32::try_from(bytes.len() - 4).ok().filter(|length| *length as usize <= MAX_RECORD);
    let length = length.ok_or_else(|| io::Error::other("a record is too long"))?;
    let mut bytes = bytes;
    bytes[..4].copy_from_slice(&length.to_be_bytes());
    Ok(bytes)
}
