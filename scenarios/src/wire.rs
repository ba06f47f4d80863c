//! What peers send to one another: the content of messages, and how it looks on the wire.
//!
//! A frame is four bytes of header (kind, hops, workload, sort of payload) and a payload in postcard's encoding
//! (<https://postcard.jamesmunns.com/wire-format>). The model engine never encodes: it charges [`Frame::encoded_len`],
//! which a property test holds to [`Frame::encode`].

mod blob;
pub mod chat;
mod kind;
pub mod merkle;
pub mod update;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use blob::Blob;
pub use kind::Kind;

use chat::{ChatItem, EntryHash, Post, RoomHave};
use update::{Chunk, HaveMap, UpdateItem};

use crate::{
    host::{Host, Msg, Payload, Peer, ReqId},
    units::Nanos,
};

/// The longest frame that is decoded, in bytes; what is longer is refused before anything is allocated.
pub const MAX_FRAME: usize = 1 << 20;

/// Bytes of a frame before its payload.
pub const HEADER: u32 = 4;

/// Length of a signature in bytes.
const SIGNATURE: usize = 64;

/// What stands before the bytes of an item when it is signed.
const SIGNED: &[u8] = b"peerlab/item/1\0";

/// What an item is about: a room of a chat, say. Roles subscribe to topics, and each item has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Topic {
    /// The workload.
    pub workload: u8,
    /// Its number there.
    pub number: u32,
}

/// As libp2p's pubsub names it: `peerlab/0/12`.
impl std::fmt::Display for Topic {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "peerlab/{}/{}", self.workload, self.number)
    }
}

/// Names an item in a run: the workload, the author and a number that the author counts up for each of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ItemId(u64);

impl ItemId {
    /// Peers that an id can name.
    pub const MAX_PEERS: u32 = 1 << 24;

    /// The `number`th item of `author` in `workload`.
    #[must_use]
    pub const fn new(workload: u8, author: Peer, number: u32) -> Self {
        assert!(author.0 < Self::MAX_PEERS, "an author's index has 24 bits");
        Self((workload as u64) << 56 | (author.0 as u64) << 32 | number as u64)
    }

    /// The workload.
    #[inline]
    #[must_use]
    pub const fn workload(self) -> u8 {
        (self.0 >> 56) as u8
    }

    /// The author.
    #[inline]
    #[must_use]
    pub const fn author(self) -> Peer {
        Peer((self.0 >> 32) as u32 & (Self::MAX_PEERS - 1))
    }

    /// The author's count.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0 as u32
    }

    /// All of it, for hashing.
    #[inline]
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0
    }
}

/// What an item says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    /// Bytes with no further meaning.
    Raw(Blob),
    /// Of a chat.
    Chat(ChatItem),
    /// Of an update.
    Update(UpdateItem),
}

impl Content {
    /// The bytes of an application in it, if it is one of those that have some.
    #[must_use]
    pub const fn body_mut(&mut self) -> Option<&mut Blob> {
        match self {
            Self::Raw(body)
            | Self::Chat(ChatItem::Post(Post { text: body, .. }))
            | Self::Update(UpdateItem::Chunk(Chunk { body, .. })) => Some(body),
            Self::Chat(_) | Self::Update(_) => None,
        }
    }
}

/// Something published: immutable, signed by its author, shared by all who have it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// Its name.
    pub id: ItemId,
    /// What it is about, in the workload's numbering: a room of a chat.
    pub topic: u32,
    /// When its author made it, by the author's clock.
    pub at: Nanos,
    /// What it says.
    pub content: Content,
    /// The author's signature over all the above: zeros until a host signs it, always zeros in the model and in chunks, which
    /// prove themselves ([`update::Chunk`]).
    signature: [[u8; 32]; 2],
    /// Whether its signature was found wrong. The node sets it when it decodes; in the model a corrupting peer does.
    #[serde(skip)]
    pub tainted: bool,
    #[serde(skip)]
    len: u32,
    #[serde(skip)]
    hash: EntryHash,
}

impl Item {
    /// An item that its host will sign.
    #[must_use]
    pub fn new(id: ItemId, topic: u32, at: Nanos, content: Content) -> Self {
        let hash = EntryHash::default();
        Self { id, topic, at, content, signature: [[0; 32]; 2], tainted: false, len: 0, hash }.measured()
    }

    /// Works out length and hash, once for all who will share the item.
    fn measured(mut self) -> Self {
        if matches!(self.content, Content::Chat(ChatItem::Post(_))) {
            let bytes = postcard::to_allocvec(&self).expect("every type here has a known length");
            self.len = u32::try_from(bytes.len()).expect("contents are shorter than 4 GiB");
            self.hash = EntryHash(*blake3::hash(&bytes[..bytes.len() - SIGNATURE]).as_bytes());
        } else {
            self.len = encoded_size(&self);
        }
        self
    }

    /// The topic that it is published under.
    #[inline]
    #[must_use]
    pub const fn published_under(&self) -> Topic {
        Topic { workload: self.id.workload(), number: self.topic }
    }

    /// The workload that it belongs to.
    #[inline]
    #[must_use]
    pub const fn workload(&self) -> u8 {
        self.id.workload()
    }

    /// Its author.
    #[inline]
    #[must_use]
    pub const fn author(&self) -> Peer {
        self.id.author()
    }

    /// Its length on the wire in bytes, signature included.
    #[inline]
    #[must_use]
    pub const fn encoded_len(&self) -> u32 {
        self.len
    }

    /// The hash by which the entries of a chat name each other; zeros for what is not a [`ChatItem::Post`].
    #[inline]
    #[must_use]
    pub const fn entry_hash(&self) -> EntryHash {
        self.hash
    }

    /// What its author signs: a tag, so that no signature on anything else will do, and the item's bytes but for the signature.
    #[must_use]
    pub fn signed_part(&self) -> Vec<u8> {
        let mut bytes =
            postcard::to_extend(self, SIGNED.to_vec()).expect("every type here has a known length");
        bytes.truncate(bytes.len() - SIGNATURE);
        bytes
    }

    /// The signature; zeros when there is none.
    #[must_use]
    pub fn signature(&self) -> [u8; SIGNATURE] {
        let mut bytes = [0; SIGNATURE];
        bytes[..32].copy_from_slice(&self.signature[0]);
        bytes[32..].copy_from_slice(&self.signature[1]);
        bytes
    }

    /// The same item with this signature.
    #[must_use]
    pub fn with_signature(mut self, signature: &[u8; SIGNATURE]) -> Self {
        self.signature[0].copy_from_slice(&signature[..32]);
        self.signature[1].copy_from_slice(&signature[32..]);
        self
    }

    /// The same item with its content falsified: what a corrupting peer sends on.
    #[must_use]
    pub fn corrupted(&self) -> Self {
        Self { tainted: true, ..self.clone() }
    }
}

/// Control content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Note {
    /// Names of items.
    Ids(Vec<ItemId>),
    /// Names of peers.
    Peers(Vec<Peer>),
    /// Chat: how much the sender has of rooms that it shares with the receiver.
    Frontier(Vec<RoomHave>),
    /// Update: which chunks the sender has.
    Have(HaveMap),
    /// Bulk transfer: an item, and the asker's name for the fetch.
    Fetch(ReqId, ItemId),
    /// Bulk transfer: the asker's name for a fetch.
    Request(ReqId),
}

impl Note {
    /// Its length on the wire in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> u32 {
        encoded_size(self)
    }
}

impl Serialize for Peer {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for Peer {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self)
    }
}

impl Serialize for ReqId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u32(self.0)
    }
}

impl<'de> Deserialize<'de> for ReqId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        u32::deserialize(deserializer).map(Self)
    }
}

/// A message with its content, as it stands on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is.
    pub kind: Kind,
    /// As in [`Msg::hops`].
    pub hops: u8,
    /// As in [`Msg::workload`].
    pub workload: u8,
    /// What it carries.
    pub body: Body,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    /// The header says it all.
    Nothing,
    /// A published item.
    Item(Item),
    /// Control content.
    Note(Note),
}

/// Why bytes from a peer are no frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MAX_FRAME`].
    #[error("a frame of {0} bytes is longer than the {MAX_FRAME} allowed")]
    TooLong(usize),
    /// Shorter than a header.
    #[error("a frame of {0} bytes is shorter than its header")]
    TooShort(usize),
    /// The kind is of another version, or none.
    #[error("there is no message of kind {0}")]
    UnknownKind(u8),
    /// The sort of payload is of another version, or none.
    #[error("there is no payload of sort {0}")]
    UnknownPayload(u8),
    /// The payload does not decode.
    #[error("the payload is damaged: {0}")]
    Damaged(postcard::Error),
    /// Something follows the payload.
    #[error("{0} bytes follow the payload")]
    Trailing(usize),
}

/// What a frame carries, as its fourth byte says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Sort {
    /// Nothing but its header.
    Nothing = 0,
    /// An item.
    Item = 1,
    /// A note.
    Note = 2,
}

impl Sort {
    const fn from_number(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Nothing),
            1 => Some(Self::Item),
            2 => Some(Self::Note),
            _ => None,
        }
    }
}

/// The bytes of a frame before its payload.
#[must_use]
pub const fn header(kind: Kind, hops: u8, workload: u8, sort: Sort) -> [u8; HEADER as usize] {
    [kind.number(), hops, workload, sort as u8]
}

impl Frame {
    /// Its length in bytes, equal to that of [`Frame::encode`].
    #[must_use]
    pub fn encoded_len(&self) -> u32 {
        HEADER
            + match &self.body {
                Body::Nothing => 0,
                Body::Item(item) => item.encoded_len(),
                Body::Note(note) => note.encoded_len(),
            }
    }

    /// Its bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let sort = match self.body {
            Body::Nothing => Sort::Nothing,
            Body::Item(_) => Sort::Item,
            Body::Note(_) => Sort::Note,
        };
        let mut bytes = Vec::with_capacity(self.encoded_len() as usize);
        bytes.extend(header(self.kind, self.hops, self.workload, sort));
        match &self.body {
            Body::Nothing => Ok(bytes),
            Body::Item(item) => postcard::to_extend(item, bytes),
            Body::Note(note) => postcard::to_extend(note, bytes),
        }
        .expect("a vector grows as needed, and every type here has a known length")
    }

    /// Reads a frame that a peer sent.
    ///
    /// # Errors
    /// When the bytes are no frame of this version; the sender is then at fault.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        Self::read(bytes, |payload| postcard::take_from_bytes(payload))
    }

    /// The same of a frame whose memory may be kept: a body that is most of it shares that, and is not copied.
    ///
    /// # Errors
    /// As [`Frame::decode`].
    pub fn decode_shared(frame: &Bytes) -> Result<Self, WireError> {
        Self::read(frame, |payload| blob::item_sharing(frame, payload))
    }

    fn read(
        bytes: &[u8],
        item: impl FnOnce(&[u8]) -> postcard::Result<(Item, &[u8])>,
    ) -> Result<Self, WireError> {
        if bytes.len() > MAX_FRAME {
            return Err(WireError::TooLong(bytes.len()));
        }
        let Some((&[kind, hops, workload, sort], payload)) = bytes.split_first_chunk() else {
            return Err(WireError::TooShort(bytes.len()));
        };
        let kind = Kind::from_number(kind).ok_or(WireError::UnknownKind(kind))?;
        let (body, rest) = match Sort::from_number(sort).ok_or(WireError::UnknownPayload(sort))? {
            Sort::Nothing => (Body::Nothing, payload),
            Sort::Item => {
                let (item, rest) = item(payload).map_err(WireError::Damaged)?;
                (Body::Item(item.measured()), rest)
            }
            Sort::Note => {
                let (note, rest) = postcard::take_from_bytes(payload).map_err(WireError::Damaged)?;
                (Body::Note(note), rest)
            }
        };
        if rest.is_empty() {
            Ok(Self { kind, hops, workload, body })
        } else {
            Err(WireError::Trailing(rest.len()))
        }
    }
}

impl<H: Host> Msg<H> {
    /// Its length on the wire in bytes.
    #[inline]
    pub fn encoded_len(&self, host: &H) -> u32 {
        HEADER
            + match &self.payload {
                Payload::Nothing => 0,
                Payload::Item(item) => host.item(item).encoded_len(),
                Payload::Note(note) => host.note(note).encoded_len(),
            }
    }

    /// The frame that a host would put on the wire.
    pub fn frame(&self, host: &H) -> Frame {
        let body = match &self.payload {
            Payload::Nothing => Body::Nothing,
            Payload::Item(item) => Body::Item(host.item(item).clone()),
            Payload::Note(note) => Body::Note(host.note(note).clone()),
        };
        Frame { kind: self.kind, hops: self.hops, workload: self.workload, body }
    }
}

/// The length of a value in postcard's encoding.
fn encoded_size<T: Serialize>(value: &T) -> u32 {
    let size = postcard::experimental::serialized_size(value);
    size.ok()
        .and_then(|size| u32::try_from(size).ok())
        .expect("contents are shorter than 4 GiB and of known length")
}

#[cfg(test)]
mod tests;
