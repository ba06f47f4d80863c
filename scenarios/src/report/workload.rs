//! The recorder that a workload needs.

use std::ops::Range;

use super::{ChatRecorder, Fact, LookupsRecorder, UpdateRecorder};
use crate::{
    host::Peer,
    plan::{WorkloadKind, WorkloadPlan},
    units::Nanos,
};

/// Folds the facts of one workload.
#[derive(Clone, Debug)]
pub enum WorkloadRecorder {
    /// Of a chat.
    Chat(Box<ChatRecorder>),
    /// Of an update.
    Update(Box<UpdateRecorder>),
    /// Of lookups.
    Lookups(Box<LookupsRecorder>),
}

impl WorkloadRecorder {
    /// A recorder for what began within `window`.
    #[must_use]
    pub fn new(workload: &WorkloadPlan, window: Range<Nanos>) -> Self {
        match &workload.kind {
            WorkloadKind::Chat(chat) => Self::Chat(Box::new(ChatRecorder::new(chat.clone(), window))),
            WorkloadKind::Update(update) => {
                Self::Update(Box::new(UpdateRecorder::new(update.clone(), window)))
            }
            WorkloadKind::Lookups(lookups) => {
                Self::Lookups(Box::new(LookupsRecorder::new(lookups.clone(), window)))
            }
        }
    }

    /// Takes in a fact that a peer recorded; those of other workloads are passed over.
    #[inline]
    pub fn record(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        match self {
            Self::Chat(chat) => chat.record(now, peer, fact),
            Self::Update(update) => update.record(now, peer, fact),
            Self::Lookups(lookups) => lookups.record(now, fact),
        }
    }

    /// A peer starts.
    pub fn peer_up(&mut self, now: Nanos, peer: Peer) {
        match self {
            Self::Chat(chat) => chat.peer_up(now, peer),
            Self::Lookups(lookups) => lookups.peer_up(now, peer),
            Self::Update(_) => {}
        }
    }

    /// A peer stops or crashes.
    pub fn peer_down(&mut self, now: Nanos, peer: Peer) {
        match self {
            Self::Chat(chat) => chat.peer_down(now, peer),
            Self::Lookups(lookups) => lookups.peer_down(peer),
            Self::Update(_) => {}
        }
    }

    /// Bytes of an item of this workload came that was not wanted any more.
    pub fn discarded(&mut self, now: Nanos, bytes: u64) {
        if let Self::Update(update) = self {
            update.discarded(now, bytes);
        }
    }

    /// The chat's, if it is one.
    #[must_use]
    pub fn chat(&self) -> Option<&ChatRecorder> {
        if let Self::Chat(chat) = self { Some(chat) } else { None }
    }

    /// The lookups', if it is some.
    #[must_use]
    pub fn lookups(&self) -> Option<&LookupsRecorder> {
        if let Self::Lookups(lookups) = self { Some(lookups) } else { None }
    }

    /// The update's, if it is one.
    #[must_use]
    pub fn update(&self) -> Option<&UpdateRecorder> {
        if let Self::Update(update) = self { Some(update) } else { None }
    }
}
