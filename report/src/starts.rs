//! Peers that start again and again, so fast that a model cannot tell their lives apart.

use peerlab_scenarios::{host::Peer, units::Nanos};

/// The model tells so many lives of a peer apart, one after another: what is on its way to one of them must have arrived, or
/// be lost, before the number comes again.
const LIVES: u32 = 16;

/// How long a window is. A message waits for its connection less than this (15 s unless a scenario says otherwise), and in a
/// queue as long only where a network is overloaded.
const WINDOW: Nanos = Nanos::from_secs(20);

/// Fewer starts than these in each window are fewer than [`LIVES`] in any time as long, for it lies in two windows at the most.
const MANY: u32 = LIVES / 2;

const COUNT_BITS: u32 = 4;

/// Counts the starts of each peer, in four bytes.
#[derive(Clone, Debug, Default)]
pub struct Starts {
    /// The window of a peer's last start, and above how many there were in it.
    peers: Vec<u32>,
    hasty: Option<Peer>,
}

impl Starts {
    /// A peer starts.
    pub fn begins(&mut self, now: Nanos, peer: Peer) {
        let window = ((now.0 / WINDOW.0) as u32) << COUNT_BITS;
        if self.peers.len() <= peer.index() {
            self.peers.resize(peer.index() + 1, 0);
        }
        let last = &mut self.peers[peer.index()];
        let before =
            if *last >> COUNT_BITS == window >> COUNT_BITS { *last & ((1 << COUNT_BITS) - 1) } else { 0 };
        let count = (before + 1).min(MANY);
        *last = window | count;
        if count == MANY && self.hasty.is_none() {
            self.hasty = Some(peer);
        }
    }

    /// What is to be said of a run in which a peer began so many lives in a short time that the model may have taken one for
    /// another.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let Peer(peer) = self.hasty?;
        Some(format!(
            "peer {peer} started {MANY} times or more within {} s: what was sent to one of its lives may have reached a later one",
            WINDOW.0 / 1_000_000_000
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(every_ms: u64, times: u64) -> Option<String> {
        let mut starts = Starts::default();
        (0..times).for_each(|number| starts.begins(Nanos::from_millis(number * every_ms), Peer(3)));
        starts.told()
    }

    #[test]
    fn sixteen_lives_within_a_window_are_told_of_wherever_it_lies() {
        assert_eq!(starts(3_000, 1_000), None);
        let told = starts(1_250, 40).expect("16 in 20 s");
        assert!(told.starts_with("peer 3 started 8 times or more within 20 s"), "{told}");
    }

    #[test]
    fn starts_of_different_peers_are_not_added_up() {
        let mut starts = Starts::default();
        (0..100).for_each(|peer| starts.begins(Nanos(u64::from(peer)), Peer(peer)));
        assert_eq!(starts.told(), None);
    }
}
