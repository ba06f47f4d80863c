//! The contract between machines and engines.
//!
//! A machine (an overlay, a role) is a plain struct that is told what happened, by [`Input`], and answers with data, by
//! [`Effect`]. It never asks the world for anything: time is [`Cx::now`], chance is [`Cx::rng`], and failure is an input.
//! An engine (the model, the virtual and the live node, [`crate::world::World`] in tests) implements [`Host`], drives a
//! [`PeerHost`] one input at a time and carries out the effects when the step is over: run to completion, no re-entrancy.
//!
//! What a message points to is immutable and belongs to the host: a 4-byte handle in the model engine, an `Arc` on the
//! node. The model charges its encoded length, the node encodes; see [`crate::wire`]. Measured, this costs 1.2 times a
//! flood loop written by hand; messages that own their content cost 3.5 times.
//!
//! There are two sorts of content. An [`Item`] is published once and may be kept by any machine for as long as the run
//! lasts (posts, manifests). A [`Note`] is control traffic between two machines (identifiers, views) and lives until it is
//! delivered; a machine that wants its content later copies it, so a host may free it at once.
//!
//! What is large is not pushed but fetched: a machine asks another peer's for an item by its name ([`Cx::fetch`]), is asked
//! ([`Input::Asked`]), serves or refuses, and is brought the item or the reason why not ([`Input::Fetched`]). Whom to ask for
//! what, whom to serve and what to make of what comes is up to the machines; how the bytes share links with others is up to the
//! host. A fetch lives and dies with the connection between the two: when that ends, so does the fetch.

mod behaviour;
mod cx;
mod peer_host;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use behaviour::Behaviour;
pub use cx::{Circle, Cx, Env, Neighbours, Outbox, Uplink};
pub use peer_host::{PeerHost, RoleSlot};

use crate::{
    report::Fact,
    units::Nanos,
    wire::{Blob, Item, ItemId, Kind, Note, Topic},
};

/// A peer, by its index in the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u32);

impl Peer {
    /// As an index into the plan's flat arrays.
    #[inline]
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "peer {}", self.0)
    }
}

/// What an engine gives to machines. A type parameter, so that nothing on the path of a delivery is dispatched dynamically.
pub trait Host: Sized {
    /// A published item: cheap to clone, kept as long as a machine likes.
    type Item: Clone + fmt::Debug;
    /// The content of a control message: cheap to clone, valid until the message is delivered.
    type Note: Clone + fmt::Debug;
    /// Which items a machine has met, in the form that suits the handles.
    type Seen: SeenSet<Self>;

    /// The item behind a handle.
    fn item<'a>(&'a self, item: &'a Self::Item) -> &'a Item;
    /// The note behind a handle.
    fn note<'a>(&'a self, note: &'a Self::Note) -> &'a Note;
    /// Makes an item that others will share; on the node, this is where it is signed.
    fn make_item(&mut self, item: Item) -> Self::Item;
    /// Makes a note that its copies will share.
    fn make_note(&mut self, note: Note) -> Self::Note;
}

/// A bounded memory of which items were met: it has no iteration, so no order to leak.
pub trait SeenSet<H: Host>: Default + fmt::Debug {
    /// Marks an item as met. False when it was met before, or is older than the memory reaches.
    fn insert(&mut self, host: &H, item: &H::Item) -> bool;
    /// Whether an item was met, or is older than the memory reaches.
    fn contains(&self, host: &H, item: &H::Item) -> bool;
}

/// What a message carries besides its header.
#[derive(Debug)]
pub enum Payload<H: Host> {
    /// The header says it all.
    Nothing,
    /// A published item.
    Item(H::Item),
    /// Control content.
    Note(H::Note),
}

/// A message between two peers: small, and `Copy` where the host's handles are.
#[derive(Debug)]
pub struct Msg<H: Host> {
    /// What it is, and so which machine it is for.
    pub kind: Kind,
    /// A small number whose meaning the kind gives: hops travelled, or hops left.
    pub hops: u8,
    /// The workload whose role sends it; 0 for the overlay's own messages.
    pub workload: u8,
    /// What it carries.
    pub payload: Payload<H>,
}

// Derives would ask `H` itself to be `Clone` and `Copy`.
impl<H: Host> Clone for Payload<H> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Nothing => Self::Nothing,
            Self::Item(item) => Self::Item(item.clone()),
            Self::Note(note) => Self::Note(note.clone()),
        }
    }
}

impl<H: Host> Clone for Msg<H> {
    #[inline]
    fn clone(&self) -> Self {
        Self { kind: self.kind, hops: self.hops, workload: self.workload, payload: self.payload.clone() }
    }
}

impl<H: Host<Item: Copy, Note: Copy>> Copy for Payload<H> {}
impl<H: Host<Item: Copy, Note: Copy>> Copy for Msg<H> {}

impl<H: Host> Msg<H> {
    /// A message of the overlay.
    #[inline]
    pub const fn new(kind: Kind, hops: u8, payload: Payload<H>) -> Self {
        Self { kind, hops, workload: 0, payload }
    }
}

/// How a message travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lane {
    /// In order and complete as long as the connection lives; a loss costs a retransmission's delay.
    Reliable,
    /// As reliable, in a stream of its own, so that it does not hold up what is small.
    Bulk,
    /// Once or never, in any order.
    Datagram,
}

/// Whose idea a connection was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Link {
    /// An edge of the plan's topology: it is in [`Cx::links`] while it is up.
    Planned,
    /// Asked for by [`Cx::dial`] on this side.
    Dialled,
    /// Asked for by the other side.
    Accepted,
}

/// Why a connection ended or was never made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Why {
    /// This side or the other hung up.
    HungUp,
    /// The other side stopped, and its system said so.
    Stopped,
    /// Nothing was heard for too long: a cut path, or a peer that vanished.
    TimedOut,
    /// It could not be reached.
    Unreachable,
    /// It was asked for something, and would not.
    Refused,
}

/// Names one timer of one machine: setting it again moves it. The upper 8 bits belong to [`PeerHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimerKey(pub u32);

/// Names one fetch of one machine among those that are under way. The upper 8 bits belong to [`PeerHost`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReqId(pub u32);

/// Names one lookup of one role among those that are under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct QueryId(pub u32);

/// What a role asks of discovery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Lookup {
    /// Let others find this peer as a provider of a content, by its number in the workload.
    Provide(u32),
    /// Who provides a content?
    Providers {
        /// Its number in the workload.
        content: u32,
        /// As soon as so many are known, the lookup ends.
        wanted: u32,
    },
    /// Where is this peer?
    Peer(Peer),
}

/// What came of a lookup.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Those that provide the content; the peer, if it was found; of those that keep the provider's record now, whom the host knows.
    pub peers: Vec<Peer>,
    /// Whether anybody keeps the provider's record now.
    pub kept: bool,
    /// Links of the chain by which each peer was named to this one by the one before: 1 when it was known from the start. Of the
    /// peer that was found, of the one that named the first provider, of the nearest that keeps a record. Not every host knows.
    pub hops: Option<u8>,
    /// Peers that were asked.
    pub requests: u32,
    /// Those of them that could not be reached or did not answer.
    pub failed: u32,
}

/// A fetch, as the peer knows it that is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ask {
    /// Who asks.
    pub by: Peer,
    /// Which of the asker's fetches.
    pub req: ReqId,
}

/// Names something that a machine keeps over a crash: storing it again replaces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StoreKey(pub u64);

/// What a person or a program asks of a role: from the plan's timeline, or at a terminal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Command {
    /// Say something of so many bytes in a room of a chat.
    Post {
        /// The room's index in the workload.
        room: u32,
        /// Length of the text in bytes.
        bytes: u32,
    },
    /// Say this in a room of a chat.
    Say {
        /// The room's index in the workload.
        room: u32,
        /// The text, no longer than [`MAX_BODY`](crate::plan::chat::MAX_BODY). Boxed: most inputs are none of this, and are moved.
        text: Box<Blob>,
    },
    /// Release a version of an update.
    Release {
        /// Which, from 1.
        version: u32,
    },
    /// Let others find this peer as a provider of a content.
    Provide {
        /// Its number in the workload.
        content: u32,
    },
    /// Find who provides a content.
    FindProviders {
        /// Its number in the workload.
        content: u32,
    },
    /// Find a peer.
    FindPeer {
        /// Whom.
        peer: Peer,
    },
}

/// What happened.
#[derive(Debug)]
pub enum Input<H: Host> {
    /// The peer begins, or begins again after a crash with what it had stored, by key.
    Start {
        /// What [`Cx::store`] kept, in order of key.
        kept: Box<[(StoreKey, H::Item)]>,
    },
    /// The peer will leave in good order after this step; a crash gives no such warning.
    Stop,
    /// Its user asks something of a workload's role.
    Command {
        /// The workload's index in the plan.
        workload: u8,
        /// What is asked.
        command: Command,
    },
    /// A connection stands. Between two peers there is one at a time: the end of the one before was told before.
    PeerUp {
        /// The other end.
        peer: Peer,
        /// Whose idea it was.
        link: Link,
    },
    /// A connection ended, or a dial failed.
    PeerDown {
        /// The other end.
        peer: Peer,
        /// Why.
        why: Why,
    },
    /// A message came.
    Message {
        /// The sender, known for certain: connections are authenticated.
        from: Peer,
        /// How it came.
        lane: Lane,
        /// What came.
        msg: Msg<H>,
    },
    /// The overlay brings a role an item that another peer published; each item comes at most once, as long as the overlay
    /// remembers it.
    Published {
        /// The neighbour who sent it.
        via: Peer,
        /// Hops from its author, at least 1; 0 from an overlay that does not tell.
        hops: u8,
        /// The item.
        item: H::Item,
    },
    /// A timer of this machine is due.
    Timer(TimerKey),
    /// Another peer's machine of the same workload wants an item: [`Cx::serve`] or [`Cx::refuse`], now or later.
    Asked {
        /// Which fetch of whom.
        ask: Ask,
        /// The item.
        what: ItemId,
    },
    /// A fetch came to its end, unless it was aborted.
    Fetched {
        /// Which fetch.
        req: ReqId,
        /// What was served, whole and unread, or why there is nothing.
        result: Result<H::Item, Why>,
    },
    /// A lookup of this role came to its end; or, for an overlay that has the host look things up, one of those.
    Found {
        /// Which.
        query: QueryId,
        /// What came of it.
        found: Box<Found>,
    },
}

/// What a step asks the host to do, in order.
#[derive(Debug)]
pub enum Effect<H: Host> {
    /// Send a message over a connection that stands; it is lost, and counted, when none does.
    Send {
        /// The receiver.
        to: Peer,
        /// How.
        lane: Lane,
        /// What.
        msg: Msg<H>,
    },
    /// Send a message to all of [`Cx::links`] but one, in their order: what an overlay does most, so that a host need not look
    /// up each link.
    SendToLinks {
        /// Who is left out: mostly the one that it came from.
        except: Option<Peer>,
        /// How.
        lane: Lane,
        /// What.
        msg: Msg<H>,
    },
    /// Connect; answered by [`Input::PeerUp`] or [`Input::PeerDown`], unless a connection stands already.
    Dial(Peer),
    /// End a connection that was dialled or accepted, once what was sent over it has gone out; answered by
    /// [`Input::PeerDown`].
    HangUp(Peer),
    /// Wake the machine at this instant; replaces the timer of the same key.
    SetTimer {
        /// Which timer.
        key: TimerKey,
        /// When.
        at: Nanos,
    },
    /// Forget a timer.
    CancelTimer(TimerKey),
    /// Keep an item over a crash.
    Store {
        /// Under which name.
        key: StoreKey,
        /// What.
        item: H::Item,
    },
    /// Note a fact for the report.
    Record(Fact),
    /// Ask a connected peer for an item; answered by [`Input::Fetched`].
    Fetch {
        /// Under which name.
        req: ReqId,
        /// Whom.
        from: Peer,
        /// For what.
        what: ItemId,
    },
    /// Give a fetch up. What is on its way already still comes, and is thrown away.
    Abort(ReqId),
    /// Send the item that was asked for. It does nothing when the asker has given up, or its connection ended.
    Serve {
        /// To whom.
        ask: Ask,
        /// What.
        item: H::Item,
    },
    /// Say that there will be nothing.
    Refuse(Ask),
}

/// A protocol as a state machine without input or output of its own.
pub trait Machine<H: Host> {
    /// Takes in what happened and leaves its answer in the context's outbox.
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>);

    /// Hands out, and sets to zero, what it counts for the report rather than records one by one. The host calls it when
    /// the warm-up ends, before a crash, and at the end.
    fn drain_counters(&mut self, _record: &mut dyn FnMut(Fact)) {}

    /// A hash of the state that matters, equal for two peers that agree; for convergence checks and for comparing runs.
    fn digest(&self) -> u64;
}

/// Which connections an overlay lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// The plan's edges: the host connects them at the start and again after a break.
    Planned,
    /// Its own choice: the plan's edges are only addresses to begin with, and the overlay dials.
    Chosen,
}

/// A machine that carries items between peers.
pub trait Overlay<H: Host>: Machine<H> {
    /// Which connections it lives on.
    fn links(&self) -> Links;
    /// A role of this peer wants items of this topic, or no longer. Overlays without topics bring every item to every peer.
    fn subscribe(&mut self, _cx: &mut Cx<'_, H>, _topic: Topic, _wanted: bool) {}
    /// Brings an item that a role of this peer made to all other peers, or to those that subscribe to its topic.
    fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item);
    /// A role of this peer looks for something, and is answered by [`Cx::found`], once. What is below the roles finds nothing
    /// unless the scenario names a discovery.
    fn look_up(&mut self, cx: &mut Cx<'_, H>, workload: u8, query: QueryId, _lookup: Lookup) {
        cx.found(workload, query, Found::default());
    }
    /// Whether it lives on the connection to a peer, of those that are not the plan's: a role that hangs up leaves that one
    /// standing, whoever dialled.
    fn lives_on(&self, _peer: Peer) -> bool {
        false
    }
}
