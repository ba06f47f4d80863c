//! How an engine tells what happens, while it happens.

use peerlab_scenarios::{host::Peer, report::Fact, units::Nanos, wire::Kind};

/// Who watches a run: the report's recorder, a test. Instants are of the run's time, from its start.
pub trait Observer {
    /// A machine recorded something.
    fn fact(&mut self, now: Nanos, peer: Peer, fact: &Fact);
    /// A peer began to run.
    fn up(&mut self, _now: Nanos, _peer: Peer) {}
    /// A peer stopped.
    fn down(&mut self, _now: Nanos, _peer: Peer) {}
    /// A message with a falsified item reached its machine.
    fn falsified(&mut self, _now: Nanos, _bytes: u32) {}
    /// Any other message reached its machine; `item` is the number of the item that it carries, by the order in which items
    /// were made.
    fn delivered(&mut self, _now: Nanos, _to: Peer, _kind: Kind, _item: Option<u32>, _bytes: u32) {}
    /// Bytes of an item that was fetched reached a peer that did not want it any more, or of which the rest never came.
    fn discarded(&mut self, _now: Nanos, _to: Peer, _workload: u8, _bytes: u64) {}
    /// The warm-up is over: what was counted so far does not count. So many items were made by now, which have lower numbers.
    fn measure(&mut self, _now: Nanos, _items: u32) {}
}

/// An observer of runs on several threads. What may be told in any order, each thread tells a tally of its own; of all else
/// the observer hears in order, as if the run had one thread.
pub trait Divisible: Observer {
    /// Counts for one thread.
    type Tally: Tally;

    /// A tally for one more thread.
    fn tally(&self) -> Self::Tally;
    /// In its order: an item that reached a machine, when a tally has asked for it.
    fn came(&mut self, to: Peer, item: u32);
    /// Adds up what a thread counted, at the end.
    fn gather(&mut self, tally: Self::Tally);
}

/// What one thread counts of what may be counted in any order.
pub trait Tally: Send {
    /// As [`Observer::falsified`].
    fn falsified(&mut self, now: Nanos, bytes: u32);
    /// As [`Observer::delivered`]: whether [`Divisible::came`] is to hear of its item.
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, carries_item: bool, bytes: u32) -> bool;
}
