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
    /// The warm-up is over: what was counted so far does not count.
    fn measure(&mut self, _now: Nanos) {}
    /// So many events are done, at this instant. Called now and then.
    fn progress(&mut self, _now: Nanos, _events: u64) {}
}
