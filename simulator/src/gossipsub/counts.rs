//! What a peer counts for the report.

use peerlab_scenarios::report::{Fact, PubsubCount};

/// Copies of items that came, and all else that is counted. Duplicates, the most of all, stand first.
#[derive(Debug, Default)]
#[repr(C)]
pub(super) struct Counts {
    pub(super) duplicate: u64,
    pub(super) first: u64,
    pub(super) tainted: u64,
    others: [u64; PubsubCount::ALL.len()],
}

impl Counts {
    #[inline]
    pub(super) fn add(&mut self, what: PubsubCount, count: u64) {
        self.others[what as usize] += count;
    }

    #[cfg(test)]
    pub(super) fn of(&self, what: PubsubCount) -> u64 {
        self.others[what as usize]
    }

    /// Hands them out, and begins anew.
    pub(super) fn drain(&mut self, record: &mut dyn FnMut(Fact)) {
        let Self { first, duplicate, tainted, others } = std::mem::take(self);
        record(Fact::Copies { first, duplicate, tainted });
        for what in PubsubCount::ALL {
            record(Fact::Pubsub { what, count: others[what as usize] });
        }
    }
}
