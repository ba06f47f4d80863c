//! Which items were met lately: libp2p's duplicate cache.

use peerlab_scenarios::units::Nanos;

use crate::engine::store::ItemRef;

/// Items with the time until which they are known as met. What comes back later is taken for new.
///
/// A table with open addressing: entries whose time is over stay in their places until it grows, which first looks whether
/// it must.
#[derive(Debug)]
pub(super) struct Seen {
    /// Milliseconds that an item is remembered.
    keep: u32,
    used: u32,
    /// A power of two of them, or none.
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    item: u32,
    /// Milliseconds since the run's start; 0 for a slot that was never used.
    until: u32,
}

const UNUSED: Slot = Slot { item: 0, until: 0 };

/// Slots in a line.
const LINE: u32 = 8;

/// Slots of the smallest table.
const LEAST: usize = 16;

impl Seen {
    pub(super) fn new(keep: Nanos) -> Self {
        Self { keep: millis(keep).max(1), used: 0, slots: Box::default() }
    }

    /// Notes an item. False when it is known as met.
    #[inline]
    pub(super) fn insert(&mut self, now: Nanos, item: ItemRef) -> bool {
        if (self.used as usize + 1) * 2 > self.slots.len() {
            self.make_room(millis(now));
        }
        let now = millis(now);
        let place = self.place(item.number());
        let slot = &mut self.slots[place];
        if slot.until > now {
            return false;
        }
        self.used += u32::from(slot.until == 0);
        *slot = Slot { item: item.number(), until: now.saturating_add(self.keep) };
        true
    }

    /// Whether an item is known as met.
    #[inline]
    pub(super) fn contains(&self, now: Nanos, item: ItemRef) -> bool {
        !self.slots.is_empty() && self.slots[self.place(item.number())].until > millis(now)
    }

    /// Where an item is, or would be.
    #[inline]
    fn place(&self, item: u32) -> usize {
        // Items that are made one after the other are met together, and lie in one line of the cache. Lines are spread by the
        // golden ratio, evenly as numbers are dense (Knuth, TAOCP 3, section 6.4).
        let (spread, mask) = (u64::from((item / LINE).wrapping_mul(0x9E37_79B9)), self.slots.len() - 1);
        let lines = self.slots.len() as u64 / u64::from(LINE);
        let mut place = ((spread * lines) >> 32) as usize * LINE as usize + (item % LINE) as usize;
        while self.slots[place].until != 0 && self.slots[place].item != item {
            place = (place + 1) & mask;
        }
        place
    }

    /// Drops what is over, and doubles the table if that is not enough.
    #[cold]
    fn make_room(&mut self, now: u32) {
        let held: Vec<Slot> = self.slots.iter().copied().filter(|slot| slot.until > now).collect();
        let size = (held.len() * 4).next_power_of_two().max(LEAST);
        self.slots = vec![UNUSED; size].into_boxed_slice();
        self.used = held.len() as u32;
        for slot in held {
            let place = self.place(slot.item);
            self.slots[place] = slot;
        }
    }
}

/// Whole milliseconds, for 49 days.
#[inline]
fn millis(time: Nanos) -> u32 {
    u32::try_from(time.0 / 1_000_000).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::engine::store::ItemRef;

    const KEEP: u64 = 60_000;

    proptest! {
        #[test]
        fn an_item_is_known_for_its_time_and_no_longer(
            steps in prop::collection::vec((0..500u32, 0..2_000u64), 1..600)
        ) {
            let mut seen = Seen::new(Nanos::from_millis(KEEP));
            let (mut known, mut now) = (BTreeMap::new(), 0);
            for (item, passes) in steps {
                now += passes;
                let at = Nanos::from_millis(now);
                let is_known = known.get(&item).is_some_and(|until| *until > now);
                prop_assert_eq!(seen.contains(at, ItemRef::test(item)), is_known);
                prop_assert_eq!(seen.insert(at, ItemRef::test(item)), !is_known);
                if !is_known {
                    known.insert(item, now + KEEP);
                }
            }
        }
    }

    #[test]
    fn the_table_does_not_grow_with_the_run() {
        let mut seen = Seen::new(Nanos::from_millis(1_000));
        for second in 0..1_000 {
            for item in 0..10 {
                assert!(seen.insert(Nanos::from_secs(second), ItemRef::test(second as u32 * 10 + item)));
            }
        }
        assert!(seen.slots.len() <= 128, "{} slots for 10 items", seen.slots.len());
    }
}
