//! What one of several engines tells, put into an order, and told on to the observer of the run.

use std::collections::VecDeque;

use peerlab_report::{Divisible, Observer, Tally};
use peerlab_scenarios::{host::Peer, report::Fact, units::Nanos, wire::Kind};

use crate::engine::{event::EVERYONE, wheel::Event};

/// When an event is worked off among all of a run.
///
/// An engine works off the first event that is pending. So an event that is scheduled for the present comes right after the one
/// that scheduled it, even if by content it belongs before: what counts among engines is the highest destination up to it. What
/// concerns everyone is worked off by all engines, and begins a new round of the same instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn {
    time: u64,
    round: u32,
    highest: u32,
}

impl Turn {
    const FIRST: Self = Self { time: 0, round: 0, highest: 0 };

    fn next(self, event: &Event) -> Self {
        let (time, dst) = (event.time, event.dst());
        if time != self.time {
            Self { time, round: 0, highest: dst }
        } else if self.highest == EVERYONE.0 {
            Self { round: self.round + 1, highest: dst, ..self }
        } else {
            Self { highest: self.highest.max(dst), ..self }
        }
    }
}

/// Something that an observer hears of in its order.
#[derive(Debug)]
enum Told {
    Fact(Peer, Fact),
    Up(Peer),
    Down(Peer),
    Came(Peer, u32),
    Discarded(Peer, u8, u64),
    /// An item was made, with this number in the stores.
    Made(u32),
    Measure,
}

#[derive(Debug)]
pub(super) struct Note {
    turn: Turn,
    told: Told,
}

/// Notes what one engine tells.
#[derive(Debug)]
pub(super) struct Clerk<T> {
    pub(super) tally: T,
    /// Whether it notes what concerns the whole run.
    leads: bool,
    turn: Turn,
    pub(super) notes: Vec<Note>,
}

impl<T: Tally> Clerk<T> {
    pub(super) const fn new(tally: T, leads: bool) -> Self {
        Self { tally, leads, turn: Turn::FIRST, notes: Vec::new() }
    }

    /// What is told from now on, this event brings about.
    #[inline]
    pub(super) fn turn(&mut self, event: &Event) {
        self.turn = self.turn.next(event);
    }

    /// What is told from now on, the end of the run brings about, peer by peer.
    pub(super) const fn close(&mut self, end: u64) {
        self.turn = Turn { time: end, round: u32::MAX, highest: 0 };
    }

    /// The event made an item.
    pub(super) fn made(&mut self, item: u32) {
        self.note(Told::Made(item));
    }

    fn note(&mut self, told: Told) {
        self.notes.push(Note { turn: self.turn, told });
    }
}

impl<T: Tally> Observer for Clerk<T> {
    fn fact(&mut self, _: Nanos, peer: Peer, fact: &Fact) {
        if self.turn.round == u32::MAX {
            self.turn.highest = peer.0;
        }
        self.note(Told::Fact(peer, *fact));
    }

    fn up(&mut self, _: Nanos, peer: Peer) {
        self.note(Told::Up(peer));
    }

    fn down(&mut self, _: Nanos, peer: Peer) {
        self.note(Told::Down(peer));
    }

    fn falsified(&mut self, now: Nanos, bytes: u32) {
        self.tally.falsified(now, bytes);
    }

    #[inline]
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, item: Option<u32>, bytes: u32) {
        if self.tally.delivered(now, to, kind, item.is_some(), bytes)
            && let Some(item) = item
        {
            self.note(Told::Came(to, item));
        }
    }

    fn discarded(&mut self, _: Nanos, to: Peer, workload: u8, bytes: u64) {
        self.note(Told::Discarded(to, workload, bytes));
    }

    fn measure(&mut self, _: Nanos, _: u32) {
        if self.leads {
            self.note(Told::Measure);
        }
    }
}

/// Puts together what several clerks noted, and gives items the numbers that they have when one engine makes them all.
#[derive(Debug)]
pub(super) struct Chronicle<V> {
    pub(super) observer: V,
    /// Of each clerk, what is not told on yet, and up to when it has told everything, ns.
    clerks: Vec<(VecDeque<Note>, u64)>,
    /// The numbers of items, by those that they have in the stores.
    numbers: Vec<u32>,
    made: u32,
}

impl<V: Divisible> Chronicle<V> {
    pub(super) fn new(observer: V, clerks: usize) -> Self {
        let clerks = std::iter::repeat_with(|| (VecDeque::new(), 0)).take(clerks).collect();
        Self { observer, clerks, numbers: Vec::new(), made: 0 }
    }

    /// Takes in what a clerk noted: all of what came before `until`, ns. What is known of all clerks is told on.
    pub(super) fn take_in(&mut self, clerk: usize, notes: Vec<Note>, until: u64) {
        let (waiting, told) = &mut self.clerks[clerk];
        waiting.extend(notes);
        *told = until;
        let known = self.clerks.iter().map(|&(_, until)| until).min().unwrap_or_default();
        loop {
            let heads = self.clerks.iter().enumerate();
            let heads = heads.filter_map(|(clerk, (notes, _))| Some((notes.front()?.turn, clerk)));
            let Some((turn, clerk)) = heads.min().filter(|(turn, _)| turn.time < known) else { return };
            let note = self.clerks[clerk].0.pop_front().expect("it is there");
            self.tell(Nanos(turn.time), &note.told);
        }
    }

    fn tell(&mut self, now: Nanos, told: &Told) {
        match told {
            Told::Fact(peer, fact) => self.observer.fact(now, *peer, fact),
            Told::Up(peer) => self.observer.up(now, *peer),
            Told::Down(peer) => self.observer.down(now, *peer),
            Told::Came(to, item) => self.observer.came(*to, self.numbers[*item as usize]),
            Told::Discarded(to, workload, bytes) => self.observer.discarded(now, *to, *workload, *bytes),
            Told::Made(item) => {
                let place = *item as usize;
                if place >= self.numbers.len() {
                    self.numbers.resize(place + 1, 0);
                }
                self.numbers[place] = self.made;
                self.made += 1;
            }
            Told::Measure => self.observer.measure(now, self.made),
        }
    }
}
