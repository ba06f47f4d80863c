//! What peers tell, handed on to the observer of the run.

use std::collections::HashMap;

use peerlab_report::Observer;
use peerlab_scenarios::{host::Peer, units::Nanos, wire::ItemId};

use crate::host::{Entry, Told};

/// Items whose numbers are remembered: an item that comes after so many newer ones is taken for another.
const MOST: usize = 1 << 18;

/// Hands on what peers tell, in the order in which it comes: causes before effects.
#[derive(Debug)]
pub(crate) struct Collector<V> {
    observer: V,
    end: Nanos,
    /// Numbers of items, by the order in which they first came to somebody.
    numbers: HashMap<ItemId, u32>,
    next: u32,
}

impl<V: Observer> Collector<V> {
    pub(crate) fn new(observer: V, end: Nanos) -> Self {
        Self { observer, end, numbers: HashMap::new(), next: 0 }
    }

    pub(crate) fn take_in(&mut self, told: Told) {
        let Told { peer, entries } = told;
        entries.into_iter().for_each(|entry| self.entry(peer, &entry));
    }

    /// Takes in one thing that happened.
    pub(crate) fn entry(&mut self, peer: Peer, entry: &Entry) {
        match *entry {
            // A fleet is no open room, and keeps things by itself.
            Entry::Room(_) => {}
            Entry::Up(at) => self.observer.up(at.min(self.end), peer),
            Entry::Down(at) => self.observer.down(at.min(self.end), peer),
            Entry::Fact(at, ref fact) => self.observer.fact(at.min(self.end), peer, fact),
            Entry::Delivered(at, kind, item, bytes) => {
                let item = item.map(|item| self.number(item));
                self.observer.delivered(at.min(self.end), peer, kind, item, bytes);
            }
            Entry::Falsified(at, bytes) => self.observer.falsified(at.min(self.end), bytes),
            Entry::Discarded(at, workload, bytes) => {
                self.observer.discarded(at.min(self.end), peer, workload, bytes);
            }
        }
    }

    fn number(&mut self, item: ItemId) -> u32 {
        if let Some(&number) = self.numbers.get(&item) {
            return number;
        }
        if self.numbers.len() >= MOST {
            let recent = self.next - (MOST / 2) as u32;
            self.numbers.retain(|_, number| *number >= recent);
        }
        let number = self.next;
        self.numbers.insert(item, number);
        self.next += 1;
        number
    }

    pub(crate) fn measure(&mut self, at: Nanos) {
        self.observer.measure(at, self.next);
    }

    pub(crate) fn finish(self) -> V {
        self.observer
    }
}
