//! How many copies of each item come to a sample of peers, in memory that does not grow with the run.

/// Peers of which every copy is counted, at the most.
const SAMPLED_PEERS: u32 = 256;

/// Items of which copies are still counted at a peer: half of them at least, and then the older half is settled.
const RECENT: usize = 1 << 16;

/// Newer items after which a copy may be too late to be counted; machines remember about as many items as they have met.
pub const REACH: usize = RECENT / 2;

/// Which peers are sampled: of every so many, one.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    stride: u32,
    /// 2⁶⁴ over the stride, rounded up: a peer is sampled if its product with that, modulo 2⁶⁴, is less (Lemire, Kaser and
    /// Kurz, *Faster remainder by direct computation*, 2019), which takes no division for each copy.
    inverse: u64,
}

impl Sample {
    /// Of every `stride` peers, one.
    const fn every(stride: u32) -> Self {
        Self { stride, inverse: (u64::MAX / stride as u64).wrapping_add(1) }
    }

    /// Whether a peer is.
    #[inline]
    #[must_use]
    pub const fn has(self, peer: u32) -> bool {
        (peer as u64).wrapping_mul(self.inverse) <= self.inverse.wrapping_sub(1)
    }

    /// The place of a peer among those that are.
    const fn place(self, peer: u32) -> usize {
        (peer / self.stride) as usize
    }
}

/// Counts copies by item and sampled peer. Items have numbers, and new ones the highest.
#[derive(Debug)]
pub struct CopyCount {
    sample: Sample,
    peers: Vec<Recent>,
    /// How many older items came in so many copies.
    settled: [u64; 256],
    /// The first item that counts.
    counted_from: u32,
    late: u64,
}

/// Copies of the newest items that came to one peer, each at most 255.
#[derive(Clone, Debug, Default)]
struct Recent {
    first: u32,
    copies: Vec<u8>,
}

impl CopyCount {
    /// For a fleet of so many peers.
    #[must_use]
    pub fn new(peers: u32) -> Self {
        let stride = peers.div_ceil(SAMPLED_PEERS).max(1);
        Self {
            sample: Sample::every(stride),
            peers: vec![Recent::default(); peers.div_ceil(stride) as usize],
            settled: [0; 256],
            counted_from: 0,
            late: 0,
        }
    }

    /// Which peers are sampled.
    #[must_use]
    pub const fn sample(&self) -> Sample {
        self.sample
    }

    /// A copy of an item came to a peer.
    #[inline]
    pub fn came(&mut self, peer: u32, item: u32) {
        if !self.sample.has(peer) {
            return;
        }
        let recent = &mut self.peers[self.sample.place(peer)];
        let Some(place) = item.checked_sub(recent.first).map(|place| place as usize) else {
            self.late += 1;
            return;
        };
        if place >= recent.copies.len() {
            self.make_room(peer, place);
        }
        let recent = &mut self.peers[self.sample.place(peer)];
        let copies = &mut recent.copies[(item - recent.first) as usize];
        *copies = copies.saturating_add(1);
    }

    #[cold]
    fn make_room(&mut self, peer: u32, place: usize) {
        let recent = &mut self.peers[self.sample.place(peer)];
        let forgotten = if place < RECENT { 0 } else { place + 1 - REACH };
        let leaving = recent.copies.drain(..forgotten.min(recent.copies.len()));
        for (copies, item) in leaving.zip(recent.first..) {
            self.settled[usize::from(copies)] += u64::from(item >= self.counted_from);
        }
        recent.first += forgotten as u32;
        recent.copies.resize(place + 1 - forgotten, 0);
    }

    /// Begins anew: items below this number do not count.
    pub fn restart(&mut self, from: u32) {
        self.counted_from = from;
        self.settled = [0; 256];
        self.late = 0;
    }

    /// How many of the items that came to a sampled peer came in how many copies besides the first: (duplicates, items).
    #[must_use]
    pub fn duplicates(&self) -> Vec<(u64, u64)> {
        let mut counts = self.settled;
        for recent in &self.peers {
            for (&copies, item) in recent.copies.iter().zip(recent.first..) {
                counts[usize::from(copies)] += u64::from(item >= self.counted_from);
            }
        }
        let came = counts.iter().enumerate().skip(1).filter(|(_, items)| **items > 0);
        came.map(|(copies, &items)| (copies as u64 - 1, items)).collect()
    }

    /// How many peers are sampled.
    #[must_use]
    pub fn sampled_peers(&self) -> usize {
        self.peers.len()
    }

    /// Copies that came after more than [`REACH`] newer items: of these it is not known whether they were the first.
    #[must_use]
    pub const fn late(&self) -> u64 {
        self.late
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn memory_is_bounded_and_what_is_old_still_counts() {
        let mut count = CopyCount::new(1);
        let items = RECENT as u32 * 5;
        for item in 0..items {
            (0..=item % 3).for_each(|_| count.came(0, item));
        }
        assert!(count.peers[0].copies.len() <= RECENT);
        let of = |rest: u32| u64::from((items - rest).div_ceil(3));
        assert_eq!(count.duplicates(), [(0, of(0)), (1, of(1)), (2, of(2))]);
    }

    #[test]
    fn a_copy_from_beyond_memory_is_told_of() {
        let mut count = CopyCount::new(1);
        count.came(0, RECENT as u32 * 2);
        count.came(0, RECENT as u32 * 2 - REACH as u32 + 1);
        assert_eq!(count.late(), 0);
        count.came(0, 7);
        assert_eq!((count.late(), count.duplicates()), (1, vec![(0, 2)]));
    }

    #[test]
    fn every_stride_th_peer_is_sampled() {
        for fleet in [1, 256, 257, 1_000, 1_000_000, 1 << 24] {
            let stride = fleet / 256 + u32::from(fleet % 256 > 0);
            let mut count = CopyCount::new(fleet);
            let some = (0..fleet.min(70_000)).chain(fleet.saturating_sub(70_000)..fleet);
            for peer in some {
                let place = (peer / stride) as usize;
                let before = count.peers[place].copies.first().copied().unwrap_or(0);
                count.came(peer, 0);
                let now = count.peers[place].copies.first().copied().unwrap_or(0);
                assert_eq!(now > before, peer.is_multiple_of(stride), "{peer} of {fleet}");
            }
        }
    }

    #[test]
    fn a_sample_of_a_large_fleet_is_even() {
        let mut count = CopyCount::new(10_000);
        (0..10_000).for_each(|peer| count.came(peer, 0));
        assert_eq!(count.duplicates(), [(0, count.sampled_peers() as u64)]);
        assert!((200..=256).contains(&count.sampled_peers()));
    }

    proptest! {
        #[test]
        fn copies_are_counted_by_item_and_peer_since_the_restart(
            copies in prop::collection::vec((0..4u32, 0..40u32), 0..300),
            from in 0..40u32,
        ) {
            let (mut count, mut expected) = (CopyCount::new(4), BTreeMap::new());
            count.restart(from);
            for (peer, item) in copies {
                count.came(peer, item);
                if item >= from {
                    *expected.entry((peer, item)).or_insert(0u64) += 1;
                }
            }
            let mut duplicates = BTreeMap::new();
            expected.values().for_each(|copies| *duplicates.entry(copies - 1).or_insert(0u64) += 1);
            prop_assert_eq!(count.duplicates(), duplicates.into_iter().collect::<Vec<_>>());
        }
    }
}
