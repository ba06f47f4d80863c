//! What is known of items of late: which were met (libp2p's duplicate cache), and who has said not to want which (IDONTWANT).

use std::collections::VecDeque;

use peerlab_scenarios::units::Nanos;

use super::roster::Number;
use crate::engine::{prefetch, store::ItemRef};

/// How long an item stays unwanted, until the next heartbeat (`IDONTWANT_TIMEOUT`).
const UNWANTED_FOR: Nanos = Nanos::from_secs(3);

/// Items with the time until which they are known as met, after which they are taken for new, and with a lane of eight bits for
/// each neighbour, which tells whether that one does not want them.
///
/// Both are asked about the same item at about the same time, so they lie together: a table with open addressing, in which
/// items that were made one after the other, which are met together, lie side by side. What a lane holds is the mark of a
/// generation: of all that was said to be unwanted and is forgotten at the same heartbeat. So nothing else has to be written
/// down for each word of each neighbour.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Known {
    /// Entries, each of a [`Head`] and lanes by the numbers of neighbours.
    words: Box<[u64]>,
    /// Words of an entry, never less than two.
    width: u32,
    used: u32,
    /// Milliseconds that an item is remembered.
    keep: u32,
    /// Entries are 2 to the power of this, in units of [`TOGETHER`], unless there are none.
    bits: u8,
    /// The newest generation's mark.
    mark: u8,
    /// What is said from here on is of another generation than the newest.
    until: Nanos,
    /// Holds all items of which a lane holds that mark.
    newest: Span,
    rest: Box<Rest>,
}

/// Items from one on to another, by their numbers.
#[derive(Clone, Copy, Debug)]
struct Span {
    first: u32,
    last: u32,
}

impl Span {
    const NOTHING: Self = Self { first: u32::MAX, last: 0 };

    #[inline]
    fn reach(&mut self, item: u32) {
        (self.first, self.last) = (self.first.min(item), self.last.max(item));
    }
}

/// What only heartbeats touch.
#[derive(Debug, Default)]
struct Rest {
    /// Oldest first.
    generations: VecDeque<Generation>,
    /// When the next heartbeat is, and how long after it the one behind it.
    beat: Nanos,
    interval: Nanos,
    /// How many items each neighbour has declared unwanted and that are remembered, by their numbers: counted only while so many
    /// are known that one may have said it of too many.
    counts: Option<Vec<u32>>,
}

/// The first word of an entry. An item whose time is over and that nobody has called unwanted stays until the table grows,
/// which first looks whether it must.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    item: u32,
    /// Milliseconds since the run's start; 0 when it was not met.
    until: u32,
}

/// What is forgotten at one heartbeat.
#[derive(Debug)]
struct Generation {
    /// Stands in the lanes of what belongs to it: not 0, and no other generation's that is remembered.
    mark: u8,
    /// When it is forgotten.
    at: Nanos,
    /// Holds all items of which a lane holds the mark; that of the newest generation is [`Known::newest`].
    items: Span,
}

/// Items that a neighbour may declare unwanted (`IDONTWANT_CAP`).
const MOST_UNWANTED: u32 = 10_000;

/// As many are forgotten at once when it declares more, for each time takes a look at all. libp2p forgets one at a time.
const TOO_MANY: u32 = MOST_UNWANTED / 16;

/// No item has this number.
const FREE: u64 = u64::MAX;

/// Items that are made one after the other and lie together.
const TOGETHER: u32 = 16;

/// Entries of the smallest table.
const LEAST: usize = 16;

/// Lanes in a word.
const LANES: u32 = 8;

/// The shortest time that a generation takes, so that no more than 255 are remembered: with heartbeats more often than that, items
/// stay unwanted for so much longer.
const GENERATION: Nanos = Nanos::from_millis(12);

impl Known {
    /// Nothing is known, and what is met from now on is remembered for so long.
    pub(super) fn new(keep: Nanos) -> Self {
        Self {
            words: Box::default(),
            width: 2,
            used: 0,
            keep: millis(keep).max(1),
            bits: 0,
            mark: 0,
            until: Nanos::ZERO,
            newest: Span::NOTHING,
            rest: Box::default(),
        }
    }

    /// When the next heartbeat is, and how long after each the one behind it.
    pub(super) fn expect_beat(&mut self, at: Nanos, interval: Nanos) {
        (self.rest.beat, self.rest.interval) = (at, interval);
    }

    /// Asks for the memory of an item's entry.
    #[inline]
    pub(super) fn prefetch(&self, item: ItemRef) {
        let entry = self.home(item.number());
        if let Some([head, .., last]) = self.words.get(entry..entry + self.width as usize) {
            prefetch::line(head);
            prefetch::line(last);
        }
    }

    /// Notes an item as met. False when it is known as met.
    #[inline]
    pub(super) fn meet(&mut self, now: Nanos, item: ItemRef) -> bool {
        let (now, entry) = (millis(now), self.entry(now, item));
        let head = &mut self.words[entry];
        if Head::of(*head).until > now {
            return false;
        }
        *head = Head { item: item.number(), until: now.saturating_add(self.keep) }.word();
        true
    }

    /// Whether an item is known as met.
    #[inline]
    pub(super) fn has_met(&self, now: Nanos, item: ItemRef) -> bool {
        self.find(item.number()).is_some_and(|entry| Head::of(self.words[entry]).until > millis(now))
    }

    /// A neighbour does not want an item. If it is remembered that it has said so before, it is remembered from now on for as long
    /// as if it had not; and if it has said it of too many, those are forgotten that it said first: of those that it said between the
    /// same two heartbeats, the lowest by `rank`, which is to tell them apart.
    #[inline]
    pub(super) fn call_off<R: Ord>(
        &mut self,
        now: Nanos,
        item: ItemRef,
        by: Number,
        rank: impl Fn(u32) -> R,
    ) {
        let lane = Lane::of(by);
        if lane.word >= self.width as usize {
            self.widen(lane.word);
        }
        if now >= self.until {
            self.begin_generation(now);
        }
        let entry = self.entry(now, item);
        let lanes = &mut self.words[entry + 1..entry + self.width as usize];
        self.newest.reach(item.number());
        let word = &mut lanes[lane.word - 1];
        let is_new = lane.read(*word) == 0;
        *word = lane.write(*word, self.mark);
        if is_new && self.used > MOST_UNWANTED {
            self.hold_to_most(entry, by, rank);
        }
    }

    /// Who does not want an item.
    #[inline]
    pub(super) fn unwanted(&self, item: ItemRef) -> Unwanted<'_> {
        Unwanted(
            self.find(item.number()).map_or(&[], |entry| &self.words[entry..entry + self.width as usize]),
        )
    }

    /// A heartbeat: forgets what was said to be unwanted for long enough.
    pub(super) fn heartbeat(&mut self, now: Nanos) {
        while self.rest.generations.front().is_some_and(|generation| generation.at <= now) {
            let Some(Generation { mark, mut items, .. }) = self.rest.generations.pop_front() else { break };
            if self.rest.generations.is_empty() {
                items = self.newest;
            }
            for number in 0..self.most(items) {
                let Some(entry) = self.nth(items, number) else { continue };
                let lanes = &mut self.words[entry + 1..entry + self.width as usize];
                for (number, word) in lanes.iter_mut().enumerate() {
                    let mut held = holding(*word, mark);
                    while held != 0 {
                        let lane = held.trailing_zeros() / LANES;
                        *word &= !(0xFF << (lane * LANES));
                        held &= held - 1;
                        if let Some(counts) = &mut self.rest.counts {
                            counts[number * LANES as usize + lane as usize] -= 1;
                        }
                    }
                }
            }
        }
        self.rest.beat = now.saturating_add(self.rest.interval);
    }

    /// Forgets what a neighbour has said first, if it has said too much with what it has just said of the item at `entry`.
    #[cold]
    fn hold_to_most<R: Ord>(&mut self, entry: usize, by: Number, rank: impl Fn(u32) -> R) {
        let (lane, width) = (Lane::of(by), self.width as usize);
        let count = match &mut self.rest.counts {
            Some(counts) => {
                let count = &mut counts[by.index()];
                *count += 1;
                count
            }
            none => &mut none.insert(count(&self.words, width))[by.index()],
        };
        if *count <= MOST_UNWANTED {
            return;
        }
        *count -= TOO_MANY;
        let mut ages = [0; 1 + u8::MAX as usize];
        for (age, generation) in self.rest.generations.iter().enumerate() {
            ages[usize::from(generation.mark)] = age;
        }
        let others =
            (0..self.words.len()).step_by(width).filter(|&other| other != entry && self.words[other] != FREE);
        let mut said: Vec<_> = others
            .filter_map(|other| {
                let mark = lane.read(self.words[other + lane.word]);
                (mark != 0).then(|| (ages[usize::from(mark)], rank(Head::of(self.words[other]).item), other))
            })
            .collect();
        said.sort_unstable();
        for (.., other) in said.into_iter().take(TOO_MANY as usize) {
            let word = &mut self.words[other + lane.word];
            *word = lane.write(*word, 0);
        }
    }

    /// Forgets all that a neighbour has said.
    pub(super) fn forget_all_of(&mut self, by: Number) {
        let (lane, width) = (Lane::of(by), self.width as usize);
        if lane.word >= width {
            return;
        }
        if let Some(counts) = &mut self.rest.counts {
            counts[by.index()] = 0;
        }
        if self.rest.generations.is_empty() {
            return;
        }
        for entry in self.words.chunks_exact_mut(width).filter(|entry| entry[0] != FREE) {
            entry[lane.word] = lane.write(entry[lane.word], 0);
        }
    }

    /// Begins the generation of what is forgotten at the first heartbeat after its time.
    #[cold]
    fn begin_generation(&mut self, now: Nanos) {
        let over = now.saturating_add(UNWANTED_FOR);
        let Rest { generations, beat, interval, .. } = &mut *self.rest;
        let over = if *interval < GENERATION { over.saturating_add(GENERATION) } else { over };
        let beats = over.0.checked_sub(beat.0).map_or(0, |late| late / interval.0.max(1) + 1);
        let at = beat.saturating_add(Nanos(beats.saturating_mul(interval.0)));
        self.until = at.saturating_sub(UNWANTED_FOR);
        self.mark = 1;
        if let Some(newest) = generations.back_mut() {
            newest.items = self.newest;
            self.mark = newest.mark % u8::MAX + 1;
        }
        generations.push_back(Generation { mark: self.mark, at, items: Span::NOTHING });
        self.newest = Span::NOTHING;
    }

    /// How many entries there are to look at for items of a span: one for each, or all if these are fewer.
    fn most(&self, Span { first, last }: Span) -> u32 {
        last.checked_sub(first).map_or(0, |more| more.saturating_add(1).min(self.entries()))
    }

    /// Where the entry of this number among those begins, if there is one.
    fn nth(&self, Span { first, last }: Span, number: u32) -> Option<usize> {
        if last - first < self.entries() {
            return self.find(first + number);
        }
        let entry = number as usize * self.width as usize;
        (self.words[entry] != FREE).then_some(entry)
    }

    fn entries(&self) -> u32 {
        if self.words.is_empty() { 0 } else { TOGETHER << self.bits }
    }

    /// Where an item's entry begins, if it has one.
    #[inline]
    fn find(&self, item: u32) -> Option<usize> {
        if self.words.is_empty() {
            return None;
        }
        let entry = self.place(item);
        (self.words[entry] != FREE).then_some(entry)
    }

    /// Where an item's entry begins, which is made if there is none.
    #[inline]
    fn entry(&mut self, now: Nanos, item: ItemRef) -> usize {
        if (self.used + 1) * 2 > self.entries() {
            self.make_room(millis(now));
        }
        let entry = self.place(item.number());
        if self.words[entry] == FREE {
            self.used += 1;
            self.words[entry] = Head { item: item.number(), until: 0 }.word();
        }
        entry
    }

    /// Where an item's entry begins, or would.
    #[inline]
    fn place(&self, item: u32) -> usize {
        let (mut entry, width) = (self.home(item), self.width as usize);
        while self.words[entry] != FREE && Head::of(self.words[entry]).item != item {
            entry += width;
            if entry == self.words.len() {
                entry = 0;
            }
        }
        entry
    }

    /// Where an item's entry begins unless another had that place before.
    #[inline]
    fn home(&self, item: u32) -> usize {
        // Groups are spread by the golden ratio, evenly as numbers are dense (Knuth, TAOCP 3, section 6.4).
        let spread = u64::from((item / TOGETHER).wrapping_mul(0x9E37_79B9));
        let group = ((spread << self.bits) >> 32) as u32;
        (group * TOGETHER + item % TOGETHER) as usize * self.width as usize
    }

    /// Drops what is over, and makes the table larger if that is not enough.
    #[cold]
    fn make_room(&mut self, now: u32) {
        let is_unwanted = |lanes: &[u64]| lanes.iter().any(|lanes| *lanes != 0);
        self.lay_out(self.width, |entry| Head::of(entry[0]).until > now || is_unwanted(&entry[1..]));
    }

    /// Makes room for the lanes of more neighbours, up to those of this word; of half as many again, so that a hub does not do this
    /// for every few of its own.
    #[cold]
    fn widen(&mut self, word: usize) {
        let word = u32::try_from(word).expect("a lane's word is an eighth of a peer's number");
        self.lay_out((word + 1).max(self.width + self.width / 2), |_| true);
    }

    fn lay_out(&mut self, width: u32, stays: impl Fn(&[u64]) -> bool) {
        // They may be so few again that nothing is counted, and then more.
        self.rest.counts = None;
        let (words, was) = (std::mem::take(&mut self.words), self.width as usize);
        let held: Vec<&[u64]> =
            words.chunks_exact(was).filter(|entry| entry[0] != FREE && stays(entry)).collect();
        let entries = (held.len() * 4).next_power_of_two().max(LEAST);
        (self.width, self.used) = (width, held.len() as u32);
        self.bits = (entries as u32 / TOGETHER).ilog2() as u8;
        self.words = vec![0; entries * width as usize].into_boxed_slice();
        self.words.iter_mut().step_by(width as usize).for_each(|head| *head = FREE);
        for entry in held {
            let place = self.place(Head::of(entry[0]).item);
            self.words[place..place + was].copy_from_slice(entry);
        }
    }
}

/// How many of the entries of this width hold a mark of each neighbour, by their numbers.
fn count(words: &[u64], width: usize) -> Vec<u32> {
    let mut counts = vec![0; (width - 1) * LANES as usize];
    for entry in words.chunks_exact(width).filter(|entry| entry[0] != FREE) {
        for (lanes, counts) in entry[1..].iter().zip(counts.chunks_exact_mut(LANES as usize)) {
            for (mark, count) in lanes.to_le_bytes().into_iter().zip(counts) {
                *count += u32::from(mark != 0);
            }
        }
    }
    counts
}

/// Who does not want an item.
#[derive(Clone, Copy, Debug)]
pub(super) struct Unwanted<'a>(&'a [u64]);

impl Unwanted<'_> {
    /// Whether a neighbour has said so.
    #[inline]
    pub(super) fn by(self, number: Number) -> bool {
        let lane = Lane::of(number);
        self.0.get(lane.word).is_some_and(|word| lane.read(*word) != 0)
    }
}

/// A neighbour's lane in every entry.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Which word of the entry, from 1.
    word: usize,
    shift: u32,
}

impl Lane {
    #[inline]
    const fn of(Number(number): Number) -> Self {
        Self { word: (number / LANES) as usize + 1, shift: number % LANES * LANES }
    }

    #[inline]
    const fn read(self, word: u64) -> u8 {
        (word >> self.shift) as u8
    }

    #[inline]
    const fn write(self, word: u64, mark: u8) -> u64 {
        word & !(0xFF << self.shift) | (mark as u64) << self.shift
    }
}

/// The highest bits of those lanes of a word that hold a mark.
#[inline]
const fn holding(lanes: u64, mark: u8) -> u64 {
    const LOW: u64 = u64::MAX / 0xFF;
    const HIGH: u64 = LOW << 7;
    let differing = lanes ^ (LOW * mark as u64);
    // A lane is 0 when neither its lower bits nor its highest are set (Warren, Hacker's Delight, section 6-1).
    !(((differing & !HIGH) + !HIGH) | differing) & HIGH
}

impl Head {
    #[inline]
    const fn of(word: u64) -> Self {
        Self { item: word as u32, until: (word >> 32) as u32 }
    }

    #[inline]
    const fn word(self) -> u64 {
        (self.until as u64) << 32 | self.item as u64
    }
}

/// Whole milliseconds, for 49 days.
#[inline]
fn millis(time: Nanos) -> u32 {
    u32::try_from(time.0 / 1_000_000).unwrap_or(u32::MAX - 1)
}

#[cfg(test)]
mod tests;
