//! Who does not want which items: what IDONTWANT has said of late.

use std::collections::VecDeque;

use peerlab_scenarios::{host::Peer, units::Nanos};

use crate::engine::store::ItemRef;

/// Items that peers have declared unwanted, in the order in which they did, and by item.
///
/// The table has open addressing, and each item's entries begin at a line of the cache of its own: those of a mesh lie
/// together, as they are looked at together when the item is passed on.
#[derive(Debug, Default)]
pub(super) struct Unwanted {
    /// Oldest first.
    said: VecDeque<Said>,
    /// A power of two of them, or none.
    slots: Box<[Slot]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Said {
    at: Nanos,
    item: ItemRef,
    by: Peer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Slot {
    item: u32,
    by: u32,
}

/// No peer has this number.
const FREE: Slot = Slot { item: 0, by: u32::MAX };

/// Slots in a line.
const LINE: usize = 8;

/// Slots of the smallest table.
const LEAST: usize = 4 * LINE;

impl Unwanted {
    /// A peer does not want an item; it may have said so before.
    #[inline]
    pub(super) fn add(&mut self, at: Nanos, item: ItemRef, by: Peer) {
        if (self.said.len() + 1) * 2 > self.slots.len() {
            self.make_room();
        }
        self.said.push_back(Said { at, item, by });
        self.put(Slot { item: item.number(), by: by.0 });
    }

    /// Whether a peer has said that it does not want an item.
    #[inline]
    pub(super) fn has(&self, item: ItemRef, by: Peer) -> bool {
        self.of(item).any(|other| other == by)
    }

    /// Those who have said that they do not want an item, once for each time.
    #[inline]
    pub(super) fn of(&self, item: ItemRef) -> impl Iterator<Item = Peer> + '_ {
        let (first, mask) = (self.first(item.number()), self.slots.len().wrapping_sub(1));
        let slots = (0..self.slots.len()).map(move |number| self.slots[(first + number) & mask]);
        let slots = slots.take_while(|slot| *slot != FREE).filter(move |slot| slot.item == item.number());
        slots.map(|slot| Peer(slot.by))
    }

    /// Forgets what was said so long ago; `forgotten` hears by whom, once for each time.
    pub(super) fn forget(&mut self, now: Nanos, after: Nanos, mut forgotten: impl FnMut(Peer)) {
        while let Some(&said) = self.said.front().filter(|said| now.saturating_sub(said.at) > after) {
            self.said.pop_front();
            self.take_out(said);
            forgotten(said.by);
        }
    }

    /// Forgets the first thing that a peer has said.
    #[cold]
    pub(super) fn forget_first_of(&mut self, by: Peer) {
        if let Some(said) = self.said.iter().position(|said| said.by == by) {
            let said = self.said.remove(said).expect("it was found there");
            self.take_out(said);
        }
    }

    /// Forgets all that a peer has said.
    pub(super) fn forget_all_of(&mut self, by: Peer) {
        self.said.retain(|said| said.by != by);
        self.lay_out(self.slots.len());
    }

    /// Where an item's entries begin.
    #[inline]
    fn first(&self, item: u32) -> usize {
        let lines = self.slots.len() / LINE;
        if lines == 0 {
            return 0;
        }
        // Numbers are dense: multiplication by the golden ratio spreads them evenly (Knuth, TAOCP 3, section 6.4).
        let spread = u64::from(item.wrapping_mul(0x9E37_79B9));
        ((spread * lines as u64) >> 32) as usize * LINE
    }

    #[inline]
    fn put(&mut self, slot: Slot) {
        let mask = self.slots.len() - 1;
        let mut place = self.first(slot.item);
        while self.slots[place] != FREE {
            place = (place + 1) & mask;
        }
        self.slots[place] = slot;
    }

    /// Frees a slot, and moves what follows up to where it would have been put without it (Knuth, TAOCP 3, section 6.4,
    /// algorithm R).
    fn take_out(&mut self, said: Said) {
        let (wanted, mask) = (Slot { item: said.item.number(), by: said.by.0 }, self.slots.len() - 1);
        let mut gap = self.first(wanted.item);
        while self.slots[gap] != wanted {
            debug_assert!(self.slots[gap] != FREE, "what was said is in the table");
            gap = (gap + 1) & mask;
        }
        let mut place = gap;
        loop {
            place = (place + 1) & mask;
            let slot = self.slots[place];
            if slot == FREE {
                break;
            }
            let first = self.first(slot.item);
            if (place.wrapping_sub(first) & mask) >= (place.wrapping_sub(gap) & mask) {
                self.slots[gap] = slot;
                gap = place;
            }
        }
        self.slots[gap] = FREE;
    }

    #[cold]
    fn make_room(&mut self) {
        self.lay_out((self.slots.len() * 2).max(LEAST));
    }

    fn lay_out(&mut self, slots: usize) {
        self.slots = vec![FREE; slots].into_boxed_slice();
        for number in 0..self.said.len() {
            let Said { item, by, .. } = self.said[number];
            self.put(Slot { item: item.number(), by: by.0 });
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FOR: Nanos = Nanos(30);

    #[derive(Clone, Debug)]
    enum Step {
        Add(u32, u32),
        Pass(u64),
        First(u32),
        All(u32),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let (item, peer) = (prop_oneof![0..6u32, 0..4_000u32], 0..12u32);
        let step = prop_oneof![
            12 => (item, peer.clone()).prop_map(|(item, peer)| Step::Add(item, peer)),
            4 => (0..9u64).prop_map(Step::Pass),
            1 => peer.clone().prop_map(Step::First),
            1 => peer.prop_map(Step::All),
        ];
        prop::collection::vec(step, 0..400)
    }

    proptest! {
        #[test]
        fn it_is_a_list_in_order_of_time(steps in steps()) {
            let (mut unwanted, mut list, mut now) = (Unwanted::default(), Vec::<Said>::new(), Nanos(0));
            for step in steps {
                match step {
                    Step::Add(item, by) => {
                        let said = Said { at: now, item: ItemRef::test(item), by: Peer(by) };
                        unwanted.add(said.at, said.item, said.by);
                        list.push(said);
                    }
                    Step::Pass(passes) => {
                        now.0 += passes;
                        let (mut told, mut gone) = (Vec::new(), Vec::new());
                        unwanted.forget(now, FOR, |by| told.push(by));
                        list.retain(|said| {
                            let stays = now.saturating_sub(said.at) <= FOR;
                            if !stays {
                                gone.push(said.by);
                            }
                            stays
                        });
                        prop_assert_eq!(told, gone);
                    }
                    Step::First(by) => {
                        unwanted.forget_first_of(Peer(by));
                        if let Some(place) = list.iter().position(|said| said.by == Peer(by)) {
                            list.remove(place);
                        }
                    }
                    Step::All(by) => {
                        unwanted.forget_all_of(Peer(by));
                        list.retain(|said| said.by != Peer(by));
                    }
                }
                for item in list.iter().map(|said| said.item).chain([ItemRef::test(1), ItemRef::test(9_999)]) {
                    let mut by: Vec<Peer> = unwanted.of(item).collect();
                    let mut expected: Vec<Peer> =
                        list.iter().filter(|said| said.item == item).map(|said| said.by).collect();
                    by.sort_unstable();
                    expected.sort_unstable();
                    prop_assert_eq!(&by, &expected);
                    prop_assert!((0..12).all(|peer| unwanted.has(item, Peer(peer)) == by.contains(&Peer(peer))));
                }
            }
        }
    }
}
