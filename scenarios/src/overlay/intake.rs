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
    copies: Copies,
}

/// Genuine copies that came since they were last handed out: in 32 bits each, so that a peer's machines share one cache line.
/// Falsified ones are rare, and recorded one by one.
#[derive(Clone, Copy, Debug, Default)]
struct Copies {
    first: u32,
    duplicate: u32,
}

impl Copies {
    /// Hands out what was counted, and begins anew.
    fn take(&mut self) -> Fact {
        let Self { first, duplicate } = std::mem::take(self);
        Fact::Copies { first: first.into(), duplicate: duplicate.into(), tainted: 0 }
    }
}

impl<H: Host> Default for Intake<H> {
    fn default() -> Self {
        Self { seen: H::Seen::default(), copies: Copies::default() }
    }
}

impl<H: Host> Intake<H> {
    /// Takes in an item that a neighbour sent. A falsified one is not marked as met: the genuine one may still come.
    #[inline]
    pub(super) fn judge(&mut self, cx: &mut Cx<'_, H>, item: &H::Item) -> Verdict {
        if cx.item(item).tainted {
            cx.record(Fact::Copies { first: 0, duplicate: 0, tainted: 1 });
            return Verdict::Tainted;
        }
        let (verdict, copies) = if self.seen.insert(cx.host(), item) {
            (Verdict::New, &mut self.copies.first)
        } else {
            (Verdict::Duplicate, &mut self.copies.duplicate)
        };
        *copies += 1;
        if *copies == u32::MAX {
            self.hand_out(cx);
        }
        verdict
    }

    /// Records the counts before one of them would overflow.
    #[cold]
    fn hand_out(&mut self, cx: &mut Cx<'_, H>) {
        cx.record(self.copies.take());
    }

    /// Marks an item of this peer's own, so that an echo is known as such.
    #[inline]
    pub(super) fn own(&mut self, cx: &Cx<'_, H>, item: &H::Item) {
        self.seen.insert(cx.host(), item);
    }

    /// See [`Machine::drain_counters`](crate::host::Machine::drain_counters).
    pub(super) fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        record(self.copies.take());
    }

    /// A hash of the counters.
    pub(super) fn digest(&self) -> u64 {
        let Copies { first, duplicate } = self.copies;
        mix(first.into(), duplicate.into(), 0)
    }
}
