//! What machines tell the report: typed, small, and folded at once into histograms and counters.

use serde::{Deserialize, Serialize};

use crate::{host::Peer, units::Nanos};

/// How an item came to a reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Route {
    /// By the overlay.
    Overlay,
    /// From another holder, after the overlay had missed this reader.
    CatchUp,
    /// By the overlay, but it had to wait for another that came by catching up.
    HeldForCatchUp,
}

/// What a gossipsub peer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PubsubCount {
    /// Items announced to others, once for each that was told.
    Announced,
    /// Items asked for.
    Asked,
    /// Answers that did not come in time.
    Broken,
    /// Items not sent, or taken out of a queue, for the receiver had said that it needs them not.
    Spared,
    /// Messages that waited too long for their connection, or found too many waiting.
    Dropped,
    /// Peers taken into a mesh.
    Grafted,
    /// Peers put out of one, by this side.
    Pruned,
    /// Messages that libp2p refused: too long to be published, or a control message too long to be read.
    Refused,
    /// Messages of peers whose score is too low.
    Ignored,
}

impl PubsubCount {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Announced,
        Self::Asked,
        Self::Broken,
        Self::Spared,
        Self::Dropped,
        Self::Grafted,
        Self::Pruned,
        Self::Refused,
        Self::Ignored,
    ];
}

/// What a Kademlia peer counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KademliaCount {
    /// Peers asked, by lookups of its roles, refreshes and renewals alike.
    Requests,
    /// Those of them that could not be reached, did not answer, or do not serve.
    Failed,
    /// Connections that it dialled.
    Dialled,
    /// Lookups that refresh its routing table.
    Refreshes,
}

impl KademliaCount {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Requests, Self::Failed, Self::Dialled, Self::Refreshes];
}

/// What a lookup took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When it began.
    pub began: Nanos,
    /// As in [`Found::hops`](crate::host::Found::hops).
    pub hops: Option<u8>,
    /// Peers that were asked.
    pub requests: u32,
    /// Those of them that did not answer.
    pub failed: u32,
}

/// What became of a chunk that was fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChunkFate {
    /// It was right, and is kept.
    Kept,
    /// It was right, and here already.
    Again,
    /// The manifest does not accept it.
    Refused,
}

/// Why a manifest was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ManifestFault {
    /// Its signature is wrong.
    Tainted,
    /// It is not of the publisher, or makes no sense.
    Stranger,
    /// Its version is lower than one that is known.
    Rollback,
    /// It has expired.
    Expired,
}

/// Something that happened at a peer. The host adds when and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact {
    /// An overlay counted the items that came from neighbours since it was last asked.
    Copies {
        /// Met for the first time.
        first: u64,
        /// Met before.
        duplicate: u64,
        /// Refused for a wrong signature.
        tainted: u64,
    },
    /// gossipsub: peers in this peer's mesh of a topic, at the end or when it stopped.
    MeshDegree {
        /// How many.
        peers: u32,
    },
    /// gossipsub: things of one sort, counted since it was last asked.
    Pubsub {
        /// What was counted.
        what: PubsubCount,
        /// How many.
        count: u64,
    },
    /// Kademlia: things of one sort, counted since it was last asked.
    Kademlia {
        /// What was counted.
        what: KademliaCount,
        /// How many.
        count: u64,
    },
    /// Kademlia: what this peer knows and keeps, at the end or when it stopped.
    RoutingTable {
        /// Peers in its routing table.
        peers: u32,
        /// Records of providers that it keeps for others; none, when it does not serve.
        records: Option<u32>,
    },
    /// A chat: this peer's user said something.
    Posted {
        /// The workload.
        workload: u8,
        /// The room.
        room: u32,
        /// Place in the author's log of the room, from 0.
        seq: u32,
    },
    /// A chat: a post was shown to this peer's user, in its order.
    Shown {
        /// The workload.
        workload: u8,
        /// The room.
        room: u32,
        /// Who said it.
        author: Peer,
        /// Place in the author's log of the room, from 0.
        seq: u32,
        /// When it was said.
        posted: Nanos,
        /// How long it had been here, waiting for what comes before it.
        held: Nanos,
        /// Links from the author; 0 when it came by catching up, or the overlay does not tell.
        hops: u8,
        /// How it came.
        route: Route,
    },
    /// A chat: this peer's view of another member's presence changed.
    PresenceSeen {
        /// The workload.
        workload: u8,
        /// The other member.
        about: Peer,
        /// What this peer now believes.
        online: bool,
        /// When its latest sign of life had come, by this peer's clock: what a user is told as "last seen".
        heard: Nanos,
    },
    /// A chat: a peer that came back holds all that the partner it asked had.
    CaughtUp {
        /// The workload.
        workload: u8,
        /// When it came back.
        since: Nanos,
        /// Posts fetched.
        posts: u32,
    },
    /// A chat: the author learnt that this reader had read its post.
    ReadSeen {
        /// The workload.
        workload: u8,
        /// The reader.
        reader: Peer,
        /// When the post was said.
        posted: Nanos,
    },
    /// A chat: an entry was refused because it contradicts its author's log.
    Refused {
        /// The workload.
        workload: u8,
        /// Whose log it claims to be of.
        author: Peer,
    },
    /// An update: this peer released a version.
    Released {
        /// The workload.
        workload: u8,
        /// Which, from 1.
        version: u32,
        /// A hash of its content.
        content: u64,
    },
    /// An update: a chunk came that this peer had fetched.
    ChunkCame {
        /// The workload.
        workload: u8,
        /// From whom.
        from: Peer,
        /// Length of its item in bytes.
        bytes: u32,
        /// What became of it.
        fate: ChunkFate,
    },
    /// An update: this peer has all of a version, and installs it.
    Installed {
        /// The workload.
        workload: u8,
        /// Which, from 1.
        version: u32,
        /// When it was released, by the publisher's clock.
        released: Nanos,
        /// A hash of what is installed.
        content: u64,
    },
    /// Lookups: this peer has said that it provides a content, to all who shall know.
    Provided {
        /// The workload.
        workload: u8,
        /// The content.
        content: u32,
        /// Whether anybody who was told keeps it.
        kept: bool,
        /// What it took.
        asked: Asked,
    },
    /// Lookups: this peer learnt of a provider.
    ProviderFound {
        /// The workload.
        workload: u8,
        /// The content.
        content: u32,
        /// Who provides it.
        provider: Peer,
        /// When it began to look.
        began: Nanos,
    },
    /// Lookups: this peer's search for providers of a content is over.
    ProvidersSought {
        /// The workload.
        workload: u8,
        /// The content.
        content: u32,
        /// Providers that were found.
        count: u32,
        /// What it took.
        asked: Asked,
    },
    /// Lookups: this peer stands in connection with a provider of what it looked for, or tried all that it found.
    Retrieved {
        /// The workload.
        workload: u8,
        /// When it began to look.
        began: Nanos,
        /// Whether a provider was reached.
        reached: bool,
    },
    /// Lookups: this peer's search for another is over.
    PeerSought {
        /// The workload.
        workload: u8,
        /// Whom it looked for.
        peer: Peer,
        /// Whether it was found.
        found: bool,
        /// What it took.
        asked: Asked,
    },
    /// An update: a manifest was refused.
    ManifestRefused {
        /// The workload.
        workload: u8,
        /// Why.
        why: ManifestFault,
    },
}
