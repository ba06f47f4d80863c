//! Which items are too old to be remembered one by one.
//!
//! What a machine takes for met because it is too old must not depend on the numbers of items, for these depend on how
//! peers are dealt out to threads. So items are forgotten by age: those of one age are forgotten together, and an age ends
//! at the first whole second of virtual time at which enough items were made in it.

use std::collections::VecDeque;

/// How often ages are looked at, ns of virtual time.
pub(in crate::engine) const LOOK: u64 = 1_000_000_000;

/// Items of an age, at the least.
const ITEMS: u64 = 1 << 12;

/// Items that are remembered, at the least: 8 KiB a peer that met some of each 64.
const REMEMBERED: u64 = 1 << 16;

/// The first look at ages after this instant, ns.
pub(in crate::engine) const fn next_look(now: u64) -> u64 {
    (now / LOOK).saturating_add(1).saturating_mul(LOOK)
}

/// The ages of a run's items.
#[derive(Debug, Default)]
pub(super) struct Ages {
    /// Of each age that is remembered: items made before it, and the lowest number of its own.
    begun: VecDeque<(u64, u32)>,
    /// Items of lower numbers are forgotten.
    pub(super) forgotten: u32,
}

impl Ages {
    /// Looks whether the age ends, when so many items were made in the run and the next will have at least this number: whether it
    /// does, and later items must have that number or a higher one.
    pub(super) fn look(&mut self, made: u64, next: u32) -> bool {
        let since = self.begun.back().map_or(0, |&(before, _)| before);
        if made - since < ITEMS {
            return false;
        }
        self.begun.push_back((made, next));
        while let Some(&(before, first)) = self.begun.front()
            && made - before >= REMEMBERED
        {
            self.forgotten = first;
            self.begun.pop_front();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_ages_are_forgotten_when_enough_newer_items_were_made() {
        let mut ages = Ages::default();
        assert!(!ages.look(ITEMS - 1, 100));
        assert!(ages.look(ITEMS, 101));
        assert!(!ages.look(ITEMS + 1, 102), "the second age has one item");
        assert!(ages.look(REMEMBERED, 200));
        assert_eq!(ages.forgotten, 0);
        assert!(ages.look(REMEMBERED + ITEMS, 300));
        assert_eq!(ages.forgotten, 101, "that of the first age");
        assert!(ages.look(3 * REMEMBERED, 400));
        assert_eq!(ages.forgotten, 300);
    }

    #[test]
    fn ages_are_looked_at_each_whole_second() {
        assert_eq!((next_look(0), next_look(LOOK - 1), next_look(LOOK)), (LOOK, LOOK, 2 * LOOK));
    }
}
