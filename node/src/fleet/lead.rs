//! Who says when a fleet goes on: its own director, or a conductor that has other fleets beside it.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering},
};

use web_time::Instant;

/// Who says when a fleet goes on.
#[derive(Clone, Debug)]
pub(crate) enum Lead {
    /// Its director, for all peers are here.
    Own,
    /// A conductor, by this.
    Conductor(Arc<Baton>),
}

/// What a conductor has said so far.
#[derive(Debug, Default)]
pub(crate) struct Baton {
    connects: AtomicBool,
    start: OnceLock<Instant>,
    leaves: AtomicBool,
}

impl Baton {
    /// Peers may dial their neighbours, for all listen.
    pub(crate) fn connect(&self) {
        self.connects.store(true, Ordering::Release);
    }

    /// The run starts at this instant. Only the first counts.
    pub(crate) fn begin(&self, start: Instant) {
        let _ = self.start.set(start);
    }

    /// Peers may go, for all have heard the last of them.
    pub(crate) fn leave(&self) {
        self.leaves.store(true, Ordering::Release);
    }

    pub(super) fn connects(&self) -> bool {
        self.connects.load(Ordering::Acquire)
    }

    pub(super) fn start(&self) -> Option<Instant> {
        self.start.get().copied()
    }

    pub(super) fn leaves(&self) -> bool {
        self.leaves.load(Ordering::Acquire)
    }
}
