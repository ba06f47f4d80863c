//! What messages there are.

use serde::{Deserialize, Serialize};

/// What a message is. Kinds up to [`Kind::KadRpc`] are the overlay's and discovery's, those from [`Kind::Fetch`] the host's own,
/// and the others a role's.
///
/// Those whose names begin with `Pubsub` are RPCs of gossipsub, each of which libp2p sends by itself; those after them are of
/// Kademlia and of what it needs. They travel in libp2p's encoding and not in a [`Frame`](super::Frame): neither is a machine of this crate,
/// but a model in the one engine and the library itself in the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum Kind {
    /// An item on its way to all; `hops` counts the links travelled, this one included.
    Gossip,
    /// Plumtree: the sender has these items and does not push them (IHAVE); carries [`Note::Ids`](super::Note::Ids). `hops` counts the
    /// links that they would have travelled, as in [`Kind::Gossip`].
    Announce,
    /// Plumtree: send me these items, and push what comes after them (GRAFT); carries [`Note::Ids`](super::Note::Ids), perhaps empty.
    Graft,
    /// Plumtree: do not push to me (PRUNE).
    Prune,
    /// HyParView: a new peer asks a contact to join.
    Join,
    /// HyParView: a join on its walk, `hops` left to go; carries the new peer in [`Note::Peers`](super::Note::Peers).
    ForwardJoin,
    /// HyParView: be my neighbour; `hops` 1 asks with high priority, which may not be refused.
    Neighbour,
    /// HyParView: the answer to [`Kind::Neighbour`]; `hops` 1 accepts, 0 refuses.
    NeighbourReply,
    /// HyParView: you are no longer in my active view.
    Disconnect,
    /// HyParView: a sample of the views, `hops` left to go; carries [`Note::Peers`](super::Note::Peers), its origin first.
    Shuffle,
    /// HyParView: a sample in return; carries [`Note::Peers`](super::Note::Peers).
    ShuffleReply,
    /// gossipsub: an item, published or forwarded; `hops` counts the links travelled, this one included.
    PubsubPublish,
    /// gossipsub: topics that the sender subscribes to, or no longer.
    PubsubSubscriptions,
    /// gossipsub: which extensions the sender speaks, the first word on a connection.
    PubsubExtensions,
    /// gossipsub: the receiver is in the sender's mesh of a topic now (GRAFT).
    PubsubGraft,
    /// gossipsub: the receiver is not, and should not come back for a while (PRUNE).
    PubsubPrune,
    /// gossipsub: the sender has these items (IHAVE).
    PubsubIHave,
    /// gossipsub: send me these items (IWANT).
    PubsubIWant,
    /// gossipsub: do not send me these items (IDONTWANT).
    PubsubIDontWant,
    /// identify: who are you, and what do you speak; `hops` 0 asks, 1 answers for one that serves no Kademlia, 2 for one that
    /// does.
    Identify,
    /// Kademlia: a stream for one request; `hops` 0 proposes it, 1 accepts it, 2 says that this peer does not serve.
    KadStream,
    /// Kademlia: a request or its answer.
    KadRpc,
    /// Chat: what the sender has of the rooms it shares with the receiver; carries [`Note::Frontier`](super::Note::Frontier). `hops` 1 asks for
    /// the same in return, 2 offers it to who lacks something of it.
    ChatHave,
    /// Chat: an entry that the receiver lacks.
    ChatEntry,
    /// Update: which version the sender knows of, and which chunks of it it has; carries [`Note::Have`](super::Note::Have). `hops` 1 asks for the
    /// same in return.
    UpdateHave,
    /// Update: chunks that the sender has got since; carries [`Note::Have`](super::Note::Have) with these alone.
    UpdateGot,
    /// Update: the manifest of a version that the receiver does not know of.
    UpdateManifest,
    /// Bulk transfer: send me this item; carries [`Note::Fetch`](super::Note::Fetch).
    Fetch,
    /// Bulk transfer: I do not want it any more; carries [`Note::Request`](super::Note::Request).
    Abort,
    /// Bulk transfer: I will not send it; carries [`Note::Request`](super::Note::Request).
    Refuse,
    /// Bulk transfer: the item that was asked for, over links that it shares with others.
    Serve,
}

impl Kind {
    /// Every kind, in the order of their numbers.
    pub const ALL: [Self; 31] = [
        Self::Gossip,
        Self::Announce,
        Self::Graft,
        Self::Prune,
        Self::Join,
        Self::ForwardJoin,
        Self::Neighbour,
        Self::NeighbourReply,
        Self::Disconnect,
        Self::Shuffle,
        Self::ShuffleReply,
        Self::PubsubPublish,
        Self::PubsubSubscriptions,
        Self::PubsubExtensions,
        Self::PubsubGraft,
        Self::PubsubPrune,
        Self::PubsubIHave,
        Self::PubsubIWant,
        Self::PubsubIDontWant,
        Self::Identify,
        Self::KadStream,
        Self::KadRpc,
        Self::ChatHave,
        Self::ChatEntry,
        Self::UpdateHave,
        Self::UpdateGot,
        Self::UpdateManifest,
        Self::Fetch,
        Self::Abort,
        Self::Refuse,
        Self::Serve,
    ];

    /// The kind of this number.
    #[inline]
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }

    /// Its number on the wire.
    #[inline]
    #[must_use]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// Whether it is for the overlay or discovery rather than for a role.
    #[inline]
    #[must_use]
    pub const fn is_overlay(self) -> bool {
        (self as u8) <= Self::KadRpc as u8
    }

    /// Whether it is of Kademlia, or of what libp2p needs to run it.
    #[inline]
    #[must_use]
    pub const fn is_discovery(self) -> bool {
        matches!(self, Self::Identify | Self::KadStream | Self::KadRpc)
    }

    /// Whether it is of gossipsub, which travels in libp2p's encoding instead of a [`Frame`](super::Frame).
    #[inline]
    #[must_use]
    pub const fn is_pubsub(self) -> bool {
        Self::PubsubPublish as u8 <= self as u8 && self as u8 <= Self::PubsubIDontWant as u8
    }

    /// Whether an overlay brings an item by it, to all who want it.
    #[inline]
    #[must_use]
    pub const fn spreads_item(self) -> bool {
        matches!(self, Self::Gossip | Self::PubsubPublish)
    }

    /// Whether it is between hosts, which make fetches of it: no machine sees it.
    #[inline]
    #[must_use]
    pub const fn is_bulk(self) -> bool {
        self as u8 >= Self::Fetch as u8
    }

    /// Whether its payload is an item; the others are control traffic.
    #[must_use]
    pub const fn carries_item(self) -> bool {
        self.spreads_item() || matches!(self, Self::ChatEntry | Self::UpdateManifest | Self::Serve)
    }

    /// As it stands in a scenario and in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Gossip => "gossip",
            Self::Announce => "announce",
            Self::Graft => "graft",
            Self::Prune => "prune",
            Self::Join => "join",
            Self::ForwardJoin => "forwardJoin",
            Self::Neighbour => "neighbour",
            Self::NeighbourReply => "neighbourReply",
            Self::Disconnect => "disconnect",
            Self::Shuffle => "shuffle",
            Self::ShuffleReply => "shuffleReply",
            Self::PubsubPublish => "pubsubPublish",
            Self::PubsubSubscriptions => "pubsubSubscriptions",
            Self::PubsubExtensions => "pubsubExtensions",
            Self::PubsubGraft => "pubsubGraft",
            Self::PubsubPrune => "pubsubPrune",
            Self::PubsubIHave => "pubsubIHave",
            Self::PubsubIWant => "pubsubIWant",
            Self::PubsubIDontWant => "pubsubIDontWant",
            Self::Identify => "identify",
            Self::KadStream => "kadStream",
            Self::KadRpc => "kadRpc",
            Self::ChatHave => "chatHave",
            Self::ChatEntry => "chatEntry",
            Self::UpdateHave => "updateHave",
            Self::UpdateGot => "updateGot",
            Self::UpdateManifest => "updateManifest",
            Self::Fetch => "fetch",
            Self::Abort => "abort",
            Self::Refuse => "refuse",
            Self::Serve => "serve",
        }
    }
}
