//! Words of connections that were hung up, while they are on their way: a new connection of the same two waits for them.

use std::collections::{BTreeMap, BTreeSet};

use peerlab_scenarios::host::Peer;

/// The words that peers sent and received.
#[derive(Debug, Default)]
pub(super) struct Farewells {
    /// When the last word from one peer to another comes, ns.
    sent: BTreeMap<(Peer, Peer), u64>,
    /// Words that have come to a peer from another, of which connection, and wait for the peer's downlink.
    waiting: BTreeSet<(Peer, Peer, u32)>,
}

impl Farewells {
    /// At `now`, a peer hangs up: its word comes to the other at `comes`, ns.
    pub(super) fn send(&mut self, from: Peer, to: Peer, now: u64, comes: u64) {
        // Those that have come are of no use: they are looked for each time that there are twice as many.
        if self.sent.len().is_power_of_two() {
            self.sent.retain(|_, comes| *comes >= now);
        }
        self.sent.insert((from, to), comes);
    }

    /// When the last word from one peer to another comes, ns, if it is not there at `now`.
    pub(super) fn on_way(&self, from: Peer, to: Peer, now: u64) -> Option<u64> {
        self.sent.get(&(from, to)).copied().filter(|comes| *comes >= now)
    }

    /// A word has come to `to`, and waits for its downlink.
    pub(super) fn wait(&mut self, to: Peer, from: Peer, id: u32) {
        self.waiting.insert((to, from, id));
    }

    /// Whether a word of this connection waits.
    pub(super) fn waits(&self, to: Peer, from: Peer, id: u32) -> bool {
        self.waiting.contains(&(to, from, id))
    }

    /// A word is heard.
    pub(super) fn hear(&mut self, to: Peer, from: Peer, id: u32) {
        self.waiting.remove(&(to, from, id));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_have_come_are_forgotten() {
        let mut farewells = Farewells::default();
        for now in 1..1_000 {
            let (from, to) = (Peer(now as u32), Peer(0));
            farewells.send(from, to, now, now + 2);
            assert_eq!(farewells.on_way(from, to, now + 2), Some(now + 2));
            assert_eq!(farewells.on_way(from, to, now + 3), None);
            assert_eq!(farewells.on_way(to, from, now), None);
        }
        assert!(farewells.sent.len() < 20, "{}", farewells.sent.len());
    }
}
