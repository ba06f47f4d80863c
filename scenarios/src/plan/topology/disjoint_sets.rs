//! Which peers hang together: disjoint sets with union by size and path halving (Tarjan and van Leeuwen, JACM
//! 1984).

use crate::seed::Rng;

/// A partition of the peers into sets.
pub(super) struct DisjointSets {
    parents: Vec<u32>,
    sizes: Vec<u32>,
    sets: u32,
}

impl DisjointSets {
    /// Every peer in a set of its own.
    pub(super) fn new(peers: u32) -> Self {
        Self { parents: (0..peers).collect(), sizes: vec![1; peers as usize], sets: peers }
    }

    /// The components that these links make.
    pub(super) fn joined_by(peers: u32, links: impl IntoIterator<Item = [u32; 2]>) -> Self {
        let mut sets = Self::new(peers);
        for [a, b] in links {
            sets.join(a, b);
        }
        sets
    }

    /// How many sets there are.
    pub(super) const fn count(&self) -> u32 {
        self.sets
    }

    /// The peer that stands for the set of `peer`.
    pub(super) fn find(&mut self, peer: u32) -> u32 {
        let mut at = peer;
        while self.parents[at as usize] != at {
            let grandparent = self.parents[self.parents[at as usize] as usize];
            self.parents[at as usize] = grandparent;
            at = grandparent;
        }
        at
    }

    /// Joins the sets of two peers; false when they were one already.
    pub(super) fn join(&mut self, a: u32, b: u32) -> bool {
        let (a, b) = (self.find(a), self.find(b));
        if a == b {
            return false;
        }
        let (small, large) = if self.sizes[a as usize] < self.sizes[b as usize] { (a, b) } else { (b, a) };
        self.parents[small as usize] = large;
        self.sizes[large as usize] += self.sizes[small as usize];
        self.sets -= 1;
        true
    }

    /// The peers that stand for sets, in ascending order.
    pub(super) fn roots(&self) -> Vec<u32> {
        (0..self.parents.len() as u32).filter(|&peer| self.parents[peer as usize] == peer).collect()
    }

    /// How many peers are in the set that `root` stands for.
    pub(super) fn size(&self, root: u32) -> u32 {
        self.sizes[root as usize]
    }

    /// The root of the largest set, the lowest of them on a tie; none when there are no peers.
    pub(super) fn largest(&self) -> Option<u32> {
        self.roots().into_iter().max_by_key(|&root| (self.size(root), std::cmp::Reverse(root)))
    }

    /// A random peer of the set that `inside` belongs to.
    pub(super) fn member(&mut self, inside: u32, rng: &mut Rng) -> u32 {
        let root = self.find(inside);
        loop {
            let peer = rng.index(self.parents.len()) as u32;
            if self.find(peer) == root {
                return peer;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_join_sets() {
        let mut sets = DisjointSets::joined_by(7, [[0, 1], [2, 3], [3, 4], [4, 2]]);
        assert_eq!(sets.count(), 4);
        assert_eq!(sets.find(0), sets.find(1));
        assert_ne!(sets.find(0), sets.find(2));
        let largest = sets.largest().expect("there are peers");
        assert_eq!(sets.size(largest), 3);
        assert_eq!(sets.find(4), largest);
        assert!(!sets.join(2, 4));
        assert!(sets.join(4, 1));
        assert_eq!(sets.count(), 3);
    }
}
