//! What machines answer.

use std::fmt;

use peerlab_scenarios::{
    host::{Ask, Effect, Lane, Lookup, Msg, Peer, QueryId, ReqId, StoreKey, TimerKey},
    report::Fact,
    wire::{Body, Frame, Item, ItemId, Kind},
};
use serde::{Deserialize, Serialize};

use crate::host::{Native, native::PubsubOrder};

/// Contents, told apart: two with the same print are the same.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Print {
    /// What it is on the wire, with the small number and the workload of its header.
    pub header: [u8; 3],
    /// Its item, if it carries one.
    pub item: Option<ItemId>,
    /// Its length in bytes.
    pub len: u32,
    /// The beginning of the BLAKE3 hash of its bytes.
    pub hash: [u8; 8],
}

impl Print {
    fn new(frame: &Frame) -> Self {
        let item = match &frame.body {
            Body::Item(item) => Some(item.id),
            Body::Nothing | Body::Note(_) => None,
        };
        Self::of(&frame.encode(), item)
    }

    fn of(bytes: &[u8], item: Option<ItemId>) -> Self {
        let mut header = [0; 3];
        let most = bytes.len().min(3);
        header[..most].copy_from_slice(&bytes[..most]);
        let mut hash = [0; 8];
        hash.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
        Self { header, item, len: bytes.len() as u32, hash }
    }

    /// That of a frame, read or not.
    pub(super) fn of_frame(bytes: &[u8]) -> Self {
        Frame::decode(bytes).map_or_else(|_| Self::of(bytes, None), |frame| Self::new(&frame))
    }

    fn of_msg(msg: &Msg<Native>, native: &Native) -> Self {
        Self::new(&msg.frame(native))
    }

    fn of_item(item: &Item) -> Self {
        Self::new(&Frame { kind: Kind::Serve, hops: 0, workload: 0, body: Body::Item(item.clone()) })
    }
}

impl fmt::Display for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [kind, hops, workload] = self.header;
        match Kind::from_number(kind) {
            Some(kind) => write!(f, "{kind:?}")?,
            None => write!(f, "kind {kind}")?,
        }
        write!(f, " (hops {hops}, workload {workload}")?;
        if let Some(item) = self.item {
            write!(f, ", item {} of {}", item.number(), item.author())?;
        }
        write!(f, ", {} B, ", self.len)?;
        self.hash.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…)")
    }
}

impl fmt::Debug for Print {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An answer: [`Effect`] with the print of its contents, or what was asked of libp2p's gossipsub or Kademlia.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// [`Effect::Send`].
    Send(Peer, Lane, Print),
    /// [`Effect::SendToLinks`], but for one.
    SendToLinks(Option<Peer>, Lane, Print),
    /// [`Effect::Dial`].
    Dial(Peer),
    /// [`Effect::HangUp`].
    HangUp(Peer),
    /// [`Effect::SetTimer`], in ns from the run's start.
    SetTimer(TimerKey, u64),
    /// [`Effect::CancelTimer`].
    CancelTimer(TimerKey),
    /// [`Effect::Store`].
    Store(StoreKey, Print),
    /// [`Effect::Record`].
    Record(Fact),
    /// [`Effect::Fetch`].
    Fetch(ReqId, Peer, ItemId),
    /// [`Effect::Abort`].
    Abort(ReqId),
    /// [`Effect::Serve`].
    Serve(Ask, Print),
    /// [`Effect::Refuse`].
    Refuse(Ask),
    /// Subscribe to a topic of gossipsub, or unsubscribe.
    Subscribe(String, bool),
    /// Publish by gossipsub.
    Publish(Print),
    /// Look something up by Kademlia, for a workload.
    LookUp(QueryId, u8, Lookup),
}

impl Output {
    fn of_effect(effect: &Effect<Native>, native: &Native) -> Self {
        match effect {
            Effect::Send { to, lane, msg } => Self::Send(*to, *lane, Print::of_msg(msg, native)),
            Effect::SendToLinks { except, lane, msg } => {
                Self::SendToLinks(*except, *lane, Print::of_msg(msg, native))
            }
            Effect::Dial(peer) => Self::Dial(*peer),
            Effect::HangUp(peer) => Self::HangUp(*peer),
            Effect::SetTimer { key, at } => Self::SetTimer(*key, at.0),
            Effect::CancelTimer(key) => Self::CancelTimer(*key),
            Effect::Store { key, item } => Self::Store(*key, Print::of_item(item)),
            Effect::Record(fact) => Self::Record(*fact),
            Effect::Fetch { req, from, what } => Self::Fetch(*req, *from, *what),
            Effect::Abort(req) => Self::Abort(*req),
            Effect::Serve { ask, item } => Self::Serve(*ask, Print::of_item(item)),
            Effect::Refuse(ask) => Self::Refuse(*ask),
        }
    }

    fn of_order(order: &PubsubOrder) -> Self {
        match order {
            PubsubOrder::Subscribe(topic, wanted) => Self::Subscribe(topic.to_string(), *wanted),
            PubsubOrder::Publish(item) => Self::Publish(Print::of_item(item)),
        }
    }

    /// All answers of a step, in order: those to the host, then those to gossipsub and to Kademlia.
    pub(super) fn of_step(effects: &[Effect<Native>], native: &Native) -> Vec<Self> {
        let effects = effects.iter().map(|effect| Self::of_effect(effect, native));
        let lookups = native.lookups.iter().map(|it| Self::LookUp(it.query, it.workload, it.lookup));
        effects.chain(native.pubsub.iter().map(Self::of_order)).chain(lookups).collect()
    }
}
