//! A set of peers of a plan.

use crate::host::Peer;

/// A set of peers as bits: membership is asked once a message while a fault lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerSet {
    words: Vec<u64>,
    len: u32,
}

impl PeerSet {
    /// Whether a peer is in it.
    #[inline]
    #[must_use]
    pub fn contains(&self, peer: Peer) -> bool {
        self.words.get(peer.index() / 64).is_some_and(|word| word >> (peer.0 % 64) & 1 == 1)
    }

    /// Puts a peer in. False when it was there.
    pub fn insert(&mut self, peer: Peer) -> bool {
        if self.contains(peer) {
            return false;
        }
        let word = peer.index() / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (peer.0 % 64);
        self.len += 1;
        true
    }

    /// How many.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len as usize
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Its peers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = Peer> + '_ {
        let peers = |(index, word): (usize, &u64)| {
            let word = *word;
            (0..64).filter(move |bit| word >> bit & 1 == 1).map(move |bit| Peer(index as u32 * 64 + bit))
        };
        self.words.iter().enumerate().flat_map(peers)
    }
}

impl FromIterator<Peer> for PeerSet {
    fn from_iter<I: IntoIterator<Item = Peer>>(peers: I) -> Self {
        let mut set = Self::default();
        for peer in peers {
            set.insert(peer);
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_a_set(peers: std::collections::BTreeSet<u16>) {
            let set: PeerSet = peers.iter().map(|&peer| Peer(u32::from(peer))).collect();
            prop_assert_eq!(set.len(), peers.len());
            prop_assert_eq!(set.iter().map(|peer| peer.0 as u16).collect::<Vec<_>>(), peers.iter().copied().collect::<Vec<_>>());
        }
    }
}
