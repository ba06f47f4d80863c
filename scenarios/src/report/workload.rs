//! The recorder that a workload needs.

use std::ops::Range;

use super::{ChatRecorder, Fact, UpdateRecorder};
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
        }
    }

    /// Takes in a fact that a peer recorded; those of other workloads are passed over.
    #[inline]
    pub fn record(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        match self {
            Self::Chat(chat) => chat.record(now, peer, fact),
            Self::Update(update) => update.record(now, peer, fact),
        }
    }

    /// A peer starts.
    pub fn peer_up(&mut self, now: Nanos, peer: Peer) {
        if let Self::Chat(chat) = self {
            chat.peer_up(now, peer);
        }
    }

    /// A peer stops or crashes.
    pub fn peer_down(&mut self, now: Nanos, peer: Peer) {
        if let Self::Chat(chat) = self {
            chat.peer_down(now, peer);
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

    /// The update's, if it is one.
    #[must_use]
    pub fn update(&self) -> Option<&UpdateRecorder> {
        if let Self::Update(update) = self { Some(update) } else { None }
    }
}
