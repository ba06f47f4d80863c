//! One peer of a [`World`](super::World): its machines, while it is up, and what its host knows.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
};

use super::Shared;
use crate::{
    host::{Ask, Behaviour, Circle, Lane, Link, Msg, Peer, PeerHost, ReqId, StoreKey, TimerKey, Why},
    units::Nanos,
    wire::Item,
};

/// Something that will happen at a peer.
#[derive(Debug)]
pub(super) enum Event {
    /// It begins.
    Start,
    /// A connection that the other end asked for in this life would stand now.
    Connect { life: u32, planned: bool },
    /// A message arrives over a connection.
    Message { connection: u64, lane: Lane, msg: Msg<Shared> },
    /// An item that was fetched arrives over a connection.
    Served { connection: u64, req: ReqId, item: Arc<Item> },
    /// There was no connection to fetch anything over.
    NotFetched(ReqId),
    /// The other end closed a connection.
    Closed { connection: u64, why: Why },
    /// A cut connection's patience ends, if it is still the same cut.
    Silence { connection: u64, cut: u64 },
    /// A timer is due, if it was not moved.
    Timer(TimerKey),
}

impl Event {
    /// The lane of what is on the network.
    pub(super) const fn lane(&self) -> Option<Lane> {
        match self {
            Self::Message { lane, .. } => Some(*lane),
            Self::Served { .. } => Some(Lane::Bulk),
            _ => None,
        }
    }

    /// Whether it is on the network.
    pub(super) const fn is_message(&self) -> bool {
        self.lane().is_some()
    }
}

/// One end of a connection.
#[derive(Debug)]
pub(super) struct End {
    /// Which connection: equal at both ends.
    pub(super) connection: u64,
    pub(super) link: Link,
    /// When the last message sent on each ordered lane arrives.
    arrivals: [Nanos; 2],
}

impl End {
    pub(super) const fn new(connection: u64, link: Link) -> Self {
        Self { connection, link, arrivals: [Nanos::ZERO; 2] }
    }

    /// Puts an arrival behind those before it on its lane.
    pub(super) fn in_order(&mut self, lane: Lane, arrival: Nanos) -> Nanos {
        let last = &mut self.arrivals[usize::from(lane == Lane::Bulk)];
        *last = arrival.max(*last);
        *last
    }

    /// When all that was sent has arrived.
    pub(super) fn drained(&self) -> Nanos {
        self.arrivals[0].max(self.arrivals[1])
    }
}

/// One peer.
pub(super) struct Station<O, R> {
    pub(super) machines: Option<PeerHost<O, R>>,
    pub(super) behaviour: Behaviour,
    pub(super) circle: Circle,
    pub(super) ends: BTreeMap<Peer, End>,
    pub(super) timers: BTreeMap<TimerKey, u64>,
    pub(super) kept: BTreeMap<StoreKey, Arc<Item>>,
    /// What its machines fetch, and from whom.
    pub(super) fetches: BTreeMap<ReqId, Peer>,
    /// What it was asked for and has not answered.
    pub(super) asked: BTreeSet<Ask>,
    /// Counts what it caused, to order what happens at one instant.
    pub(super) sequence: u64,
    /// Counts its starts.
    pub(super) life: u32,
}

impl<O, R> fmt::Debug for Station<O, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Station")
            .field("up", &self.machines.is_some())
            .field("ends", &self.ends)
            .finish_non_exhaustive()
    }
}

impl<O, R> Station<O, R> {
    pub(super) fn new(known: BTreeSet<Peer>) -> Self {
        Self {
            machines: None,
            behaviour: Behaviour::Honest,
            circle: Circle { live: Vec::new(), known: known.into_iter().collect() },
            ends: BTreeMap::new(),
            timers: BTreeMap::new(),
            kept: BTreeMap::new(),
            fetches: BTreeMap::new(),
            asked: BTreeSet::new(),
            sequence: 0,
            life: 0,
        }
    }

    pub(super) fn add_end(&mut self, peer: Peer, end: End) {
        if end.link == Link::Planned
            && let Err(place) = self.circle.live.binary_search(&peer)
        {
            self.circle.live.insert(place, peer);
        }
        self.ends.insert(peer, end);
    }

    pub(super) fn remove_end(&mut self, peer: Peer) -> Option<End> {
        self.circle.live.retain(|&link| link != peer);
        self.ends.remove(&peer)
    }

    /// Forgets all but what was stored, and gives back the connections that it had.
    pub(super) fn lose_everything(&mut self) -> BTreeMap<Peer, End> {
        self.machines = None;
        self.circle.live.clear();
        self.timers.clear();
        self.fetches.clear();
        self.asked.clear();
        std::mem::take(&mut self.ends)
    }
}
