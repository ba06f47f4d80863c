//! A hash of all that happens in a run, in its order.

use std::fmt::{self, Write};

use peerlab_report::Observer;
use peerlab_scenarios::{host::Peer, report::Fact, units::Nanos, wire::Kind};

/// An observer who hands on what he sees, and keeps a hash of it.
pub(crate) struct Traced<V> {
    observer: V,
    hash: Hash,
}

#[derive(Default)]
struct Hash(blake3::Hasher);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.update(text.as_bytes());
        Ok(())
    }
}

impl<V> Traced<V> {
    pub(crate) fn new(observer: V) -> Self {
        Self { observer, hash: Hash::default() }
    }

    /// Whom it went to, and the hash, which two runs have in common if all that happened did so at the same instants and in the
    /// same order.
    pub(crate) fn finish(self) -> (V, u64) {
        let hash = self.hash.0.finalize();
        let bytes = hash.as_bytes().first_chunk().expect("a hash has more than eight bytes");
        (self.observer, u64::from_le_bytes(*bytes))
    }

    fn note(&mut self, what: fmt::Arguments<'_>) {
        self.hash.write_fmt(what).expect("a hash takes all");
        self.hash.0.update(b"\n");
    }
}

impl<V: Observer> Observer for Traced<V> {
    fn fact(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        self.note(format_args!("fact {} {} {fact:?}", now.0, peer.0));
        self.observer.fact(now, peer, fact);
    }

    fn up(&mut self, now: Nanos, peer: Peer) {
        self.note(format_args!("up {} {}", now.0, peer.0));
        self.observer.up(now, peer);
    }

    fn down(&mut self, now: Nanos, peer: Peer) {
        self.note(format_args!("down {} {}", now.0, peer.0));
        self.observer.down(now, peer);
    }

    fn falsified(&mut self, now: Nanos, bytes: u32) {
        self.note(format_args!("falsified {} {bytes}", now.0));
        self.observer.falsified(now, bytes);
    }

    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, item: Option<u32>, bytes: u32) {
        self.note(format_args!("delivered {} {} {} {item:?} {bytes}", now.0, to.0, kind.number()));
        self.observer.delivered(now, to, kind, item, bytes);
    }

    fn discarded(&mut self, now: Nanos, to: Peer, workload: u8, bytes: u64) {
        self.note(format_args!("discarded {} {} {workload} {bytes}", now.0, to.0));
        self.observer.discarded(now, to, workload, bytes);
    }

    fn measure(&mut self, now: Nanos, items: u32) {
        self.note(format_args!("measure {}", now.0));
        self.observer.measure(now, items);
    }
}
