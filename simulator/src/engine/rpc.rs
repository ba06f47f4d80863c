//! RPCs of libp2p's pubsub: what they say, and their exact length.
//!
//! Lengths are those of the protocol buffers that libp2p-gossipsub 0.50 writes (`rpc.proto`, `SubOpts` with both fields of
//! the partial-message extension), with the length that precedes each RPC on its stream; a test holds them to an encoder.

use peerlab_scenarios::{
    spec::overlay::Authenticity,
    wire::{Item, Topic},
};

use super::store::ItemRef;

/// An RPC besides those that carry an item. libp2p 0.50 sends each by itself and gathers none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rpc {
    /// Topics that the sender subscribes to, or no longer.
    Subscriptions(Vec<(Topic, bool)>),
    /// GRAFT.
    Graft(Topic),
    /// PRUNE, with the time to stay away, s.
    Prune(Topic, u64),
    /// IHAVE.
    IHave(Topic, Vec<ItemRef>),
    /// IWANT.
    IWant(Vec<ItemRef>),
    /// IDONTWANT, of a single item: libp2p tells of each when it comes.
    IDontWant(ItemRef),
}

/// Length of the RPC that announces no extension: `control { extensions { } }`.
pub(crate) const EXTENSIONS: u32 = framed(field(field(0)));

/// Bytes that name an author: the multihash of an Ed25519 key.
const PEER_ID: u32 = 38;
/// Bytes of a sequence number.
const SEQUENCE: u32 = 8;
/// Bytes of an Ed25519 signature.
const SIGNATURE: u32 = 64;
/// Bytes of a hash of the content.
const CONTENT_ID: u32 = 20;
/// Bytes of libp2p's own name for a message: the author in base 58, and the number in decimal, which begins with the time
/// in nanoseconds.
const AUTHOR_AND_NUMBER: u32 = 52 + 19;

/// What libp2p puts around the content of a message, and how long the name is that it gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Envelope {
    authorship: u32,
    id: u32,
    /// What [`Envelope::body`] is for an IDONTWANT: as they are as common as items, it is worked out once.
    dont_want: u32,
}

impl Envelope {
    /// That of messages so authenticated.
    pub(crate) const fn new(authenticity: Authenticity) -> Self {
        let (authorship, id) = match authenticity {
            Authenticity::Anonymous => (0, CONTENT_ID),
            Authenticity::Signed => (field(PEER_ID) + field(SEQUENCE) + field(SIGNATURE), AUTHOR_AND_NUMBER),
        };
        Self { authorship, id, dont_want: control(field(id)) }
    }

    /// Length of an item as a message, which libp2p compares with its thresholds.
    #[inline]
    pub(crate) fn message(self, item: &Item) -> u32 {
        self.authorship + field(item.encoded_len()) + field(name_len(item.published_under()))
    }

    /// Length on the stream of the RPC that carries it.
    #[inline]
    pub(crate) fn publish(self, item: &Item) -> u32 {
        framed(field(self.message(item)))
    }

    /// Length on the stream of an RPC.
    #[inline]
    pub(crate) fn len(self, rpc: &Rpc) -> u32 {
        framed(self.body(rpc))
    }

    /// Length of an RPC without the length that precedes it.
    #[inline]
    pub(crate) fn body(self, rpc: &Rpc) -> u32 {
        if let Rpc::IDontWant(_) = rpc { self.dont_want } else { self.other_body(rpc) }
    }

    fn other_body(self, rpc: &Rpc) -> u32 {
        let ids = |count: usize| count as u32 * field(self.id);
        match rpc {
            Rpc::Subscriptions(topics) => {
                topics.iter().map(|&(topic, wanted)| subscription(topic, wanted)).sum()
            }
            Rpc::Graft(topic) => control(field(name_len(*topic))),
            Rpc::Prune(topic, backoff) => control(field(name_len(*topic)) + 1 + varint(*backoff)),
            Rpc::IHave(topic, have) => control(field(name_len(*topic)) + ids(have.len())),
            Rpc::IWant(want) => control(ids(want.len())),
            Rpc::IDontWant(_) => self.dont_want,
        }
    }
}

/// Length of a control message that says one thing.
#[inline]
const fn control(said: u32) -> u32 {
    field(field(said))
}

/// One of the subscriptions of an RPC: a flag and a topic, and two more flags with those that are wanted.
fn subscription(topic: Topic, wanted: bool) -> u32 {
    const FLAG: u32 = 2;
    field(FLAG + field(name_len(topic)) + if wanted { 2 * FLAG } else { 0 })
}

/// Length of a topic's name.
#[inline]
fn name_len(topic: Topic) -> u32 {
    const FIXED: u32 = "peerlab//".len() as u32;
    FIXED + digits(u32::from(topic.workload)) + digits(topic.number)
}

#[inline]
const fn digits(number: u32) -> u32 {
    match number.checked_ilog10() {
        Some(log) => log + 1,
        None => 1,
    }
}

/// Length of a number in base 128.
#[inline]
const fn varint(number: u64) -> u32 {
    (64 - (number | 1).leading_zeros()).div_ceil(7)
}

/// Length of a field of so many bytes, with a tag below 16.
#[inline]
const fn field(len: u32) -> u32 {
    1 + varint(len as u64) + len
}

/// Length of so many bytes with their length before them.
#[inline]
const fn framed(len: u32) -> u32 {
    varint(len as u64) + len
}

#[cfg(test)]
mod tests;
