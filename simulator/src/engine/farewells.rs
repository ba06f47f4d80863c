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

    /// When the last word from one peer to another comes or came, ns.
    pub(super) fn comes(&self, from: Peer, to: Peer) -> u64 {
        self.sent.get(&(from, to)).copied().unwrap_or_default()
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
        for number in 0..1_000 {
            farewells.send(Peer(number), Peer(0), u64::from(number), u64::from(number) + 2);
            assert_eq!(farewells.comes(Peer(number), Peer(0)), u64::from(number) + 2);
            assert_eq!(farewells.comes(Peer(0), Peer(number)), 0);
        }
        assert!(farewells.sent.len() < 20, "{}", farewells.sent.len());
    }
}
