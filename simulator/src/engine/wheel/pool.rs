//! One arena of fixed-size chunks shared by every slot of the wheel.
//!
//! A slot is a chain of chunks and owns no allocation of its own: what it held goes back to the arena the moment it
//! is drained, still warm in the cache, and the arena as a whole is bounded by the most events ever pending at once
//! plus less than a chunk for each slot in use.

use super::Event;

/// Events in a chunk: one dependent cache miss per chunk when a cold slot is drained, three cache lines read ahead.
const CHUNK: usize = 8;

/// End of a chain.
const NONE: u32 = u32::MAX;

const BLANK: Event = Event { time: 0, key: 0, load: 0 };

/// Unsorted events of one span of time, as a chain of chunks in a [`Pool`]; only its newest chunk may be part full.
#[derive(Clone, Copy, Debug)]
pub(super) struct Slot {
    newest: u32,
    len: u32,
    earliest: u64,
}

impl Slot {
    pub(super) const EMPTY: Self = Self { newest: NONE, len: 0, earliest: u64::MAX };

    pub(super) fn len(&self) -> usize {
        self.len as usize
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
        let filled = slot.len() % CHUNK;
        if filled == 0 {
            slot.newest = self.take_chunk(slot.newest);
        }
        self.chunks[slot.newest as usize][filled] = event;
        slot.len += 1;
        slot.earliest = slot.earliest.min(event.time);
    }

    /// Hands the chunks of `slot` to `sink` one by one. Each is free again before `sink` sees its events, so that a
    /// sink which files them elsewhere in this pool reuses it.
    #[inline]
    pub(super) fn drain(&mut self, slot: Slot, mut sink: impl FnMut(&mut Self, &[Event])) {
        let mut chunk = slot.newest;
        let mut filled = (slot.len().wrapping_sub(1)) % CHUNK + 1;
        while chunk != NONE {
            let index = chunk as usize;
            let events = self.chunks[index];
            chunk = std::mem::replace(&mut self.next[index], self.free);
            self.free = index as u32;
            sink(self, &events[..filled]);
            filled = CHUNK;
        }
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
