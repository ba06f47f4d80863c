//! Tells new items from those met before and from falsified ones.

use crate::{
    host::{Cx, Host, SeenSet},
    report::Fact,
    seed::mix,
};

/// What became of an item at the door.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    New,
    Duplicate,
    Tainted,
}

/// Which items were met, and how many came.
#[derive(Debug)]
pub(super) struct Intake<H: Host> {
    seen: H::Seen,
    first: u64,
    duplicate: u64,
    tainted: u64,
}

impl<H: Host> Default for Intake<H> {
    fn default() -> Self {
        Self { seen: H::Seen::default(), first: 0, duplicate: 0, tainted: 0 }
    }
}

impl<H: Host> Intake<H> {
    /// Takes in an item that a neighbour sent. A falsified one is not marked as met: the genuine one may still come.
    #[inline]
    pub(super) fn judge(&mut self, cx: &Cx<'_, H>, item: &H::Item) -> Verdict {
        if cx.item(item).tainted {
            self.tainted += 1;
            Verdict::Tainted
        } else if self.seen.insert(cx.host(), item) {
            self.first += 1;
            Verdict::New
        } else {
            self.duplicate += 1;
            Verdict::Duplicate
        }
    }

    /// Marks an item of this peer's own, so that an echo is known as such.
    #[inline]
    pub(super) fn own(&mut self, cx: &Cx<'_, H>, item: &H::Item) {
        self.seen.insert(cx.host(), item);
    }

    /// See [`Machine::drain_counters`](crate::host::Machine::drain_counters).
    pub(super) fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        record(Fact::Copies { first: self.first, duplicate: self.duplicate, tainted: self.tainted });
        (self.first, self.duplicate, self.tainted) = (0, 0, 0);
    }

    /// A hash of the counters.
    pub(super) fn digest(&self) -> u64 {
        mix(self.first, self.duplicate, self.tainted)
    }
}
