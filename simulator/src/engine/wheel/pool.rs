//! One pool of fixed-size chunks shared by every slot of the wheel.
//!
//! A slot has room for one event, and a chain of chunks for the others: what it held is free for any other slot once it
//! is drained. The pool is as large as the most events ever pending at once, plus less than a chunk (1.5 kB)
//! for each slot then in use.

use super::Event;

/// Events in a chunk. A cold chain costs one dependent cache miss per chunk: with a million pending, PHOLD
/// costs a third more per event at 16; 128 gains little over 64 and doubles what part-full chunks waste.
const CHUNK: usize = 64;

/// End of a chain.
const NONE: u32 = u32::MAX;

const BLANK: Event = Event { time: 0, key: 0, load: 0 };

/// Unsorted events of one span of time: the first of them, and the others as a chain of chunks in a [`Pool`]; only the
/// newest chunk may be part full. Fewer than 2³² events, which would take 100 GB.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    first: Event,
    newest: u32,
    len: u32,
    earliest: u64,
}

impl Slot {
    pub(super) const EMPTY: Self = Self { first: BLANK, newest: NONE, len: 0, earliest: u64::MAX };

    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Events in the newest chunk, if there is one.
    fn filled(&self) -> usize {
        self.len().wrapping_sub(2) % CHUNK + 1
    }

    /// Takes out the only event, if there is no other.
    #[inline]
    pub(super) fn take_single(&mut self) -> Option<Event> {
        if self.len != 1 {
            return None;
        }
        (self.len, self.earliest) = (0, u64::MAX);
        Some(self.first)
    }

    /// The event that came first to a slot that is not empty.
    #[inline]
    pub(super) fn first(&self) -> &Event {
        &self.first
    }

    /// The earliest time in the slot, `u64::MAX` if it is empty.
    pub(super) fn earliest(&self) -> u64 {
        self.earliest
    }
}

#[derive(Debug)]
pub(super) struct Pool {
    chunks: Vec<[Event; CHUNK]>,
    /// For each chunk the next older one of its slot, or the next free one.
    next: Vec<u32>,
    free: u32,
}

impl Pool {
    pub(super) fn new() -> Self {
        Self { chunks: Vec::new(), next: Vec::new(), free: NONE }
    }

    #[inline]
    pub(super) fn push(&mut self, slot: &mut Slot, event: Event) {
        slot.earliest = slot.earliest.min(event.time);
        slot.len += 1;
        if slot.len == 1 {
            slot.first = event;
            return;
        }
        let filled = (slot.len() - 2) % CHUNK;
        if filled == 0 {
            slot.newest = self.take_chunk(slot.newest);
        }
        self.chunks[slot.newest as usize][filled] = event;
    }

    /// The event of this number, from 0, in a slot that is not empty; none of more than one chunk but the first.
    #[inline]
    pub(super) fn nth<'p>(&'p self, slot: &'p Slot, number: usize) -> Option<&'p Event> {
        if number == 0 {
            return Some(&slot.first);
        }
        let is_held = number < slot.len() && slot.len() <= CHUNK + 1;
        is_held.then(|| &self.chunks[slot.newest as usize][number - 1])
    }

    /// Appends the events of `slot`, which is not empty, to `events`, newest chunk first, and frees its chunks.
    #[inline]
    pub(super) fn collect(&mut self, slot: Slot, events: &mut Vec<Event>) {
        events.push(slot.first);
        let (mut chunk, mut filled) = (slot.newest, slot.filled());
        while chunk != NONE {
            events.extend_from_slice(&self.chunks[chunk as usize][..filled]);
            chunk = self.free_chunk(chunk);
            filled = CHUNK;
        }
    }

    /// Hands each event of `slot`, which is not empty, to `file`, which may push it to another slot of this pool, and frees its
    /// chunks.
    ///
    /// A chunk is copied out whole: its lines miss the cache together instead of one after the other, and the
    /// free chunk is warm when `file` asks for one.
    #[inline]
    pub(super) fn deal(&mut self, slot: Slot, mut file: impl FnMut(&mut Self, Event)) {
        file(self, slot.first);
        let (mut chunk, mut filled) = (slot.newest, slot.filled());
        while chunk != NONE {
            let events = self.chunks[chunk as usize];
            chunk = self.free_chunk(chunk);
            for &event in &events[..filled] {
                file(self, event);
            }
            filled = CHUNK;
        }
    }

    /// Frees `chunk`; returns the next older one of its slot.
    #[inline]
    fn free_chunk(&mut self, chunk: u32) -> u32 {
        let older = std::mem::replace(&mut self.next[chunk as usize], self.free);
        self.free = chunk;
        older
    }

    #[inline]
    fn take_chunk(&mut self, older: u32) -> u32 {
        if self.free == NONE {
            return self.grow(older);
        }
        let chunk = self.free;
        self.free = std::mem::replace(&mut self.next[chunk as usize], older);
        chunk
    }

    #[cold]
    fn grow(&mut self, older: u32) -> u32 {
        let chunk = u32::try_from(self.chunks.len()).expect("2^32 chunks would not fit in memory");
        self.chunks.push([BLANK; CHUNK]);
        self.next.push(older);
        chunk
    }
}

#[cfg(test)]
mod tests {
    use super::{BLANK, CHUNK, Event, Pool, Slot};

    #[test]
    fn slots_that_are_filled_in_turn_share_their_memory() {
        let mut pool = Pool::new();
        let mut drained = Vec::new();
        for turn in 0..100 {
            let mut slot = Slot::EMPTY;
            let times = turn..turn + 1_000;
            for time in times.clone().rev() {
                pool.push(&mut slot, Event { time, ..BLANK });
            }
            assert_eq!((slot.len(), slot.earliest()), (1_000, turn));
            drained.clear();
            pool.collect(slot, &mut drained);
            drained.sort_unstable();
            assert!(drained.iter().map(|event| event.time).eq(times));
        }
        assert_eq!(pool.chunks.len(), 999usize.div_ceil(CHUNK));
    }

    #[test]
    fn a_slot_is_dealt_out_with_one_chunk_to_spare_for_each_slot_below() {
        let mut pool = Pool::new();
        let mut slot = Slot::EMPTY;
        for time in 0..100 * CHUNK as u64 {
            pool.push(&mut slot, Event { time, ..BLANK });
        }
        let mut below = [Slot::EMPTY; 4];
        pool.deal(slot, |pool, event| pool.push(&mut below[event.time as usize % 4], event));
        assert_eq!(
            below.map(|slot| (slot.len(), slot.earliest())),
            [0, 1, 2, 3].map(|first| (25 * CHUNK, first))
        );
        assert!(pool.chunks.len() <= 100 + below.len());
    }
}
