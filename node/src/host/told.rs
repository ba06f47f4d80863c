//! What a peer tells of its run.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use libp2p::Multiaddr;
use peerlab_report::traffic::Traffic;
use peerlab_scenarios::{
    host::{Peer, StoreKey},
    report::{Fact, Histogram},
    units::Nanos,
    wire::{Item, ItemId, Kind},
};
use serde::{Deserialize, Serialize};

use super::card::Card;

/// Something that happened at a peer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Its machines began.
    Up(Nanos),
    /// They have stopped.
    Down(Nanos),
    /// A machine recorded something.
    Fact(Nanos, Fact),
    /// A message reached its machine.
    Delivered(Nanos, Kind, Option<ItemId>, u32),
    /// A message with a falsified item reached its machine.
    Falsified(Nanos, u32),
    /// Bytes of a workload came that nobody wanted any more.
    Discarded(Nanos, u8, u64),
    /// Something of an open room. A fleet has none, and so none is sent to a conductor.
    #[serde(skip)]
    Room(Room),
}

/// Something that happened at a peer in an open room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Room {
    /// It listens: others can dial it there.
    Listens(Multiaddr),
    /// A member was introduced, or goes by another name now.
    Introduced(Peer, Card),
    /// An address by which to join could not be reached, and why.
    Unreachable(Multiaddr, String),
    /// A machine wants something to be kept, and it is for the listener to do it; see [`Life::tells_kept`](super::Life::tells_kept).
    Kept(StoreKey, Arc<Item>),
}

/// What happened at one peer, in order.
#[derive(Clone, Debug)]
pub struct Told {
    /// The peer.
    pub peer: Peer,
    /// What happened.
    pub entries: Vec<Entry>,
}

/// How far the peers of a process have come, all together.
#[derive(Debug, Default)]
pub struct Gauges {
    /// Ends of planned connections that stand.
    linked: AtomicUsize,
    /// Peers that have said and heard all that there is to the run.
    drained: AtomicUsize,
    /// How late they were, in ns, each time that one wanted to be woken: together, for a histogram takes more memory than a peer's
    /// machines do.
    lateness: Mutex<Histogram>,
}

impl Gauges {
    pub(super) fn count_linked(&self, stands: bool) {
        if stands {
            self.linked.fetch_add(1, Ordering::Relaxed);
        } else {
            self.linked.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn count_drained(&self) {
        self.drained.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn count_late(&self, by: Nanos) {
        self.lateness.lock().unwrap_or_else(PoisonError::into_inner).record(by.0);
    }

    /// How late peers were, in ns, each time that one wanted to be woken since this was last asked.
    #[must_use]
    pub fn take_lateness(&self) -> Histogram {
        std::mem::take(&mut self.lateness.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Ends of planned connections that stand: two for each connection.
    #[must_use]
    pub fn linked(&self) -> usize {
        self.linked.load(Ordering::Relaxed)
    }

    /// Peers that have said and heard all that there is to the run.
    #[must_use]
    pub fn drained(&self) -> usize {
        self.drained.load(Ordering::Relaxed)
    }
}

/// What one end of a lane has carried, by the name that its sender gave it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The lane.
    pub lane: u64,
    /// Whether this is the sending end.
    pub sends: bool,
    /// Frames.
    pub frames: u64,
    /// Whether its connection stood when the run ended.
    pub stood: bool,
    /// Whether the last of them has gone out, or come in.
    pub complete: bool,
    /// Whether its connection had ended before the warm-up did.
    pub early: bool,
}

/// What went wrong with a peer's connections, by what it is called in a report.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Troubles {
    /// Dials that failed though the other peer was up.
    pub dials_failed: u64,
    /// Connections that were given up because nothing was heard for too long.
    pub silences: u64,
    /// Connections that ended because too much waited for them.
    pub backlogs: u64,
    /// Connections that ended because the other end broke the protocol.
    pub violations: u64,
}

impl Troubles {
    /// Adds those of another peer.
    pub const fn add(&mut self, other: Self) {
        self.dials_failed += other.dials_failed;
        self.silences += other.silences;
        self.backlogs += other.backlogs;
        self.violations += other.violations;
    }
}

/// What a peer leaves behind at the end of a life.
#[derive(Debug, Default)]
pub struct Legacy {
    /// What its machines keep over a crash.
    pub kept: BTreeMap<StoreKey, Arc<Item>>,
    /// Its part of the account of messages, without what was lost on lanes.
    pub traffic: Traffic,
    /// What of that was before the end of the warm-up.
    pub warm_up: Traffic,
    /// Bytes sent and received since then.
    pub bytes: (u64, u64),
    /// Its ends of lanes.
    pub accounts: Vec<Account>,
    /// Whom it was connected with when the run ended, each by a connection that stood.
    pub connected: Vec<Peer>,
    /// Steps of its machines.
    pub steps: u64,
    /// A hash of the state of its machines.
    pub digest: u64,
    /// What went wrong.
    pub troubles: Troubles,
    /// Whether it ran when the run ended.
    pub online: bool,
}
