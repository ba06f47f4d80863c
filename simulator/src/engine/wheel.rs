//! The pending-event set of the model engine: a hierarchical timing wheel that narrows its slots only where
//! they are crowded.
//!
//! Level `l` of the wheel has 256 slots of 2⁸ˡ ns each; the eight levels together span every 64-bit time, so
//! an event due in a week or at `u64::MAX` costs the same append as one due in a microsecond. An event is
//! filed, unsorted, at the level of the highest byte in which its time differs from the present (Varghese &
//! Lauck, *Hashed and Hierarchical Timing Wheels*, SOSP 1987, scheme 7). When the first occupied slot is due,
//! there are two ways on:
//!
//! * it holds up to 32 events: they are sorted and popped one by one, however wide the slot is;
//! * it holds more: they are dealt out to the 256 narrower slots of the level below, of which the first is
//!   due.
//!
//! This is the rule of the ladder queue (Tang, Goh & Thng, *Ladder Queue: An O(1) Priority Queue Structure
//! for Large-Scale Discrete Event Simulation*, TOMACS 2005), with its rungs at fixed powers of two. The width
//! of a bucket thereby follows the density of events from one microsecond to the next: there is no global
//! width to tune, hence none to be wrong after a burst or in the lull between two. An occupancy bitmap per
//! level makes empty slots free to skip.
//!
//! Events pushed into the slot being popped wait in a small heap. When that grows, the slot is narrowed
//! around the present in the same way. So an event moves at most once per level and is sorted among few: its
//! cost is amortised O(1). Only a nanosecond cannot be split; k events of the very same time cost O(log k)
//! each.
//!
//! The order of events is their content alone ([`Event`]'s `Ord`): slots decide when events are compared,
//! never how.

mod pool;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use pool::{Pool, Slot};

/// Something that happens at a peer at an instant of virtual time: plain data, ordered by content.
///
/// The order is time, destination, source, the source's sequence number, and last what the event carries. It
/// depends neither on when the event was scheduled nor by which partition, which makes runs repeatable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Event {
    /// When it happens, in nanoseconds of virtual time.
    pub time: u64,
    /// `destination << 40 | source << 16 | sequence number`.
    pub key: u64,
    /// `tag << 32 | handle`.
    pub load: u64,
}

impl Event {
    /// Peers that an event can name: 24 bits, so that its whole order fits two words.
    pub const MAX_PEERS: u32 = 1 << 24;

    /// An event at `time` (ns) for peer `dst`, caused by peer `src` as its `seq`-th (wrapping), carrying `tag` and
    /// `handle`. Peers are below [`Event::MAX_PEERS`].
    #[inline]
    #[must_use]
    pub const fn new(time: u64, dst: u32, src: u32, seq: u16, tag: u32, handle: u32) -> Self {
        debug_assert!(dst < Self::MAX_PEERS && src < Self::MAX_PEERS);
        Self {
            time,
            key: (dst as u64) << 40 | (src as u64) << 16 | seq as u64,
            load: (tag as u64) << 32 | handle as u64,
        }
    }

    /// The peer at which the event happens.
    #[inline]
    #[must_use]
    pub const fn dst(&self) -> u32 {
        (self.key >> 40) as u32
    }

    /// The peer that caused it.
    #[inline]
    #[must_use]
    pub const fn src(&self) -> u32 {
        (self.key >> 16) as u32 & (Self::MAX_PEERS - 1)
    }

    /// The sequence number its source gave it, modulo 2¹⁶.
    #[inline]
    #[must_use]
    pub const fn seq(&self) -> u16 {
        self.key as u16
    }

    /// What kind of event it is; the wheel gives it no meaning.
    #[inline]
    #[must_use]
    pub const fn tag(&self) -> u32 {
        (self.load >> 32) as u32
    }

    /// The same event with another tag.
    #[inline]
    #[must_use]
    pub const fn with_tag(self, tag: u32) -> Self {
        Self { load: (tag as u64) << 32 | self.load & 0xFFFF_FFFF, ..self }
    }

    /// Where its payload is kept; the wheel gives it no meaning.
    #[inline]
    #[must_use]
    pub const fn handle(&self) -> u32 {
        self.load as u32
    }
}

/// Events that come soon: see [`Wheel::ahead`].
#[derive(Clone, Copy, Debug)]
pub struct Ahead<'w> {
    /// These come next or not long after.
    pub soon: [Option<&'w Event>; 2],
    /// These are `soon` in a while.
    pub later: [Option<&'w Event>; 2],
}

/// Bits of the time that one level resolves.
const BITS: usize = 8;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS as usize / BITS;

/// The most events of a slot that are sorted rather than dealt out. The narrowest slots hold one event each, mostly, and
/// that is popped from where it lies: in a flood, whose messages are worked on microseconds after they came, it beats
/// sorting hundreds and merging those into them (26 ns an event against 31 at 1024; 29 at 256). With a million pending,
/// PHOLD costs a fifteenth more.
const CROWD: usize = 32;

/// The most events that wait in the heap of the open slot before it is split. It matters when few are
/// pending: at 1024, a heap of hundreds nearly doubles the cost of their events; from 16 to 64 it is flat.
const LATE: usize = 64;

/// The pending events of a simulation, popped in their total order.
///
/// Memory is that of the most events ever pending at once: slots share one pool of chunks.
///
/// ```
/// use peerlab_simulator::engine::wheel::{Event, Wheel};
///
/// let mut wheel = Wheel::new();
/// wheel.push(Event::new(5_000, 1, 0, 0, 0, 0));
/// wheel.push(Event::new(2_000, 7, 0, 1, 0, 0));
/// assert_eq!(wheel.peek_time(), Some(2_000));
/// assert_eq!(wheel.pop().map(|event| event.dst()), Some(7));
/// ```
#[derive(Debug)]
pub struct Wheel {
    /// Time of the last popped event: no event is pending before it.
    now: u64,
    /// The open slot is the one of this level that holds `now`; every level below is empty.
    open_level: usize,
    /// Events of the open slot, latest first.
    open: Vec<Event>,
    /// Events that were pushed into the open slot since it was opened.
    late: BinaryHeap<Reverse<Event>>,
    levels: Box<[Level; LEVELS]>,
    /// Bit `l` is set if level `l` has an occupied slot.
    occupied: u32,
    pool: Pool,
    len: usize,
    /// [`CROWD`], unless a test forces slots of other widths.
    crowd: usize,
    /// [`LATE`], likewise.
    late_crowd: usize,
}

impl Default for Wheel {
    fn default() -> Self {
        Self::new()
    }
}

impl Wheel {
    /// An empty wheel at time 0.
    #[must_use]
    pub fn new() -> Self {
        Self::with_limits(CROWD, LATE)
    }

    fn with_limits(crowd: usize, late_crowd: usize) -> Self {
        Self {
            now: 0,
            open_level: 0,
            open: Vec::new(),
            late: BinaryHeap::new(),
            levels: Box::new([Level::EMPTY; LEVELS]),
            occupied: 0,
            pool: Pool::new(),
            len: 0,
            crowd,
            late_crowd,
        }
    }

    /// The number of pending events.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing is pending.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Schedules `event`.
    ///
    /// # Panics
    ///
    /// If `event` is earlier than the last popped one: an effect before its cause.
    #[inline]
    pub fn push(&mut self, event: Event) {
        assert!(event.time >= self.now, "an event is scheduled before the present");
        self.len += 1;
        let differing = event.time ^ self.now;
        if differing >> (self.open_level * BITS) == 0 {
            self.late.push(Reverse(event));
            if self.late.len() > self.late_crowd && self.open_level > 0 {
                self.split_open();
            }
        } else {
            self.file(differing.ilog2() as usize / BITS, event);
        }
    }

    /// Removes and returns the first pending event.
    #[inline]
    pub fn pop(&mut self) -> Option<Event> {
        if self.open.is_empty() {
            if self.late.is_empty()
                && let Some(event) = self.take_single()
            {
                return Some(event);
            }
            if !self.refill() {
                return None;
            }
        }
        let event = match (self.open.last(), self.late.peek()) {
            (Some(&open), Some(&Reverse(late))) if late < open => self.late.pop().map(|late| late.0),
            (Some(_), _) => self.open.pop(),
            (None, _) => self.late.pop().map(|late| late.0),
        }?;
        self.len -= 1;
        self.now = event.time;
        Some(event)
    }

    /// The first event of the wheel, if it is alone in its slot: it need not be moved to be popped.
    #[inline]
    fn take_single(&mut self) -> Option<Event> {
        if self.occupied == 0 {
            return None;
        }
        let number = self.occupied.trailing_zeros() as usize;
        let level = &mut self.levels[number];
        let event = level.take_single()?;
        self.occupied ^= u32::from(level.is_empty()) << number;
        self.open_level = number;
        self.len -= 1;
        self.now = event.time;
        Some(event)
    }

    /// Removes and returns the first pending event if it is earlier than `end` (ns).
    #[inline]
    pub fn pop_before(&mut self, end: u64) -> Option<Event> {
        if self.peek_time()? < end { self.pop() } else { None }
    }

    /// The time (ns) of the first pending event. It opens no slot: events may still be pushed before it.
    #[inline]
    #[must_use]
    pub fn peek_time(&self) -> Option<u64> {
        match (self.open.last(), self.late.peek()) {
            (Some(open), Some(Reverse(late))) => Some(open.time.min(late.time)),
            (Some(event), None) | (None, Some(Reverse(event))) => Some(event.time),
            (None, None) if self.occupied != 0 => {
                let level = &self.levels[self.occupied.trailing_zeros() as usize];
                Some(level.slots[level.first()].earliest())
            }
            (None, None) => None,
        }
    }

    /// Events that come soon, without the trouble of being sure in which order: what working on them takes can be fetched meanwhile.
    ///
    /// They are taken from the slot behind the open one, two after each pop, so that most are told of once as `later` and once, a pop
    /// after that, as `soon`. Where slots hold one event each, these are the one after the next and the next.
    #[inline]
    #[must_use]
    pub fn ahead(&self) -> Ahead<'_> {
        if self.occupied == 0 {
            return Ahead { soon: [None; 2], later: [None; 2] };
        }
        let level = &self.levels[self.occupied.trailing_zeros() as usize];
        let first = level.first();
        let slot = &level.slots[first];
        let pair = |number| [number, number + 1].map(|number| self.pool.nth(slot, number));
        let left = self.open.len();
        let later = if left > 0 {
            pair(2 * left - 2)
        } else {
            [level.after(first).map(|after| level.slots[after].first()), None]
        };
        Ahead { soon: pair(2 * left), later }
    }

    #[inline]
    fn file(&mut self, level: usize, event: Event) {
        self.occupied |= 1 << level;
        self.levels[level].push(&mut self.pool, level, event);
    }

    /// Makes sure that the first pending event is in the open slot; false if nothing is pending.
    fn refill(&mut self) -> bool {
        if self.late.is_empty() {
            return self.open_next();
        }
        if self.late.len() > self.late_crowd {
            // A burst at the present nanosecond, which cannot be split: one sort is cheaper than a large
            // heap.
            self.open.extend(self.late.drain().map(|late| late.0));
            self.sort_open();
        }
        true
    }

    fn sort_open(&mut self) {
        self.open.sort_unstable_by(|a, b| b.cmp(a));
    }

    /// Opens the first occupied slot, or its first occupied descendant that is not crowded; false if all are
    /// empty.
    fn open_next(&mut self) -> bool {
        if self.occupied == 0 {
            return false;
        }
        // All slots of a level precede those of the levels above, which differ from the present in a higher
        // byte.
        let mut level = self.occupied.trailing_zeros() as usize;
        loop {
            let slot = self.levels[level].take_first();
            self.occupied ^= u32::from(self.levels[level].is_empty()) << level;
            if level == 0 || slot.len() <= self.crowd {
                self.pool.collect(slot, &mut self.open);
                self.sort_open();
                self.open_level = level;
                return true;
            }
            level -= 1;
            self.occupied |= 1 << level;
            let below = &mut self.levels[level];
            self.pool.deal(slot, |pool, event| below.push(pool, level, event));
        }
    }

    /// Narrows the open slot around the present until few events are left in it or it is one nanosecond wide.
    #[cold]
    fn split_open(&mut self) {
        let mut open = std::mem::take(&mut self.open);
        open.extend(self.late.drain().map(|late| late.0));
        while self.open_level > 0 && open.len() > self.late_crowd {
            self.open_level -= 1;
            let (level, shift) = (self.open_level, self.open_level * BITS);
            open.retain(|&event| {
                let stays = (event.time ^ self.now) >> shift == 0;
                if !stays {
                    self.file(level, event);
                }
                stays
            });
        }
        self.open = open;
        self.sort_open();
    }
}

#[derive(Debug)]
struct Level {
    slots: [Slot; SLOTS],
    /// Bit `i % 64` of word `i / 64` is set if slot `i` is occupied.
    occupied: [u64; SLOTS / 64],
    /// Bit `i` is set if word `i` of these is not 0.
    words: u32,
}

impl Level {
    const EMPTY: Self = Self { slots: [Slot::EMPTY; SLOTS], occupied: [0; SLOTS / 64], words: 0 };

    fn is_empty(&self) -> bool {
        self.words == 0
    }

    /// Index of the first occupied slot; the level must not be empty.
    #[inline]
    fn first(&self) -> usize {
        debug_assert!(self.words != 0, "the level is occupied");
        let word = self.words.trailing_zeros() as usize;
        word * 64 + self.occupied[word].trailing_zeros() as usize
    }

    /// Index of the first occupied slot behind one that is occupied, if their bits are in one word.
    #[inline]
    fn after(&self, index: usize) -> Option<usize> {
        let later = self.occupied[index / 64] & (!1 << (index % 64));
        (later != 0).then(|| index / 64 * 64 + later.trailing_zeros() as usize)
    }

    #[inline]
    fn push(&mut self, pool: &mut Pool, level: usize, event: Event) {
        let index = (event.time >> (level * BITS)) as usize % SLOTS;
        self.occupied[index / 64] |= 1 << (index % 64);
        self.words |= 1 << (index / 64);
        pool.push(&mut self.slots[index], event);
    }

    /// The event of the first occupied slot, if it is alone there.
    #[inline]
    fn take_single(&mut self) -> Option<Event> {
        let index = self.first();
        let event = self.slots[index].take_single()?;
        self.vacate(index);
        Some(event)
    }

    #[inline]
    fn vacate(&mut self, index: usize) {
        let word = self.occupied[index / 64] & !(1 << (index % 64));
        self.occupied[index / 64] = word;
        self.words ^= u32::from(word == 0) << (index / 64);
    }

    #[inline]
    fn take_first(&mut self) -> Slot {
        let index = self.first();
        self.vacate(index);
        std::mem::replace(&mut self.slots[index], Slot::EMPTY)
    }
}

#[cfg(test)]
mod tests;
