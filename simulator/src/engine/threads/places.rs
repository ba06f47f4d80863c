//! Which peers an engine holds, and where in its arrays each of them is.

use std::{
    fmt::Debug,
    ops::{Index, IndexMut},
    sync::Arc,
};

use peerlab_scenarios::host::Peer;

/// Which peers an engine holds. A type parameter, so that an engine that holds all of them pays nothing for the question.
pub trait Places: Clone + Debug {
    /// Whether it holds all of them.
    const ALL: bool;
    /// The part of the fleet that a peer is in.
    fn part(&self, peer: Peer) -> usize;
    /// Whether a peer is among those that it holds.
    fn has(&self, peer: Peer) -> bool;
    /// The place, among those that it holds, of a peer by its index in the plan.
    fn place(&self, peer: usize) -> usize;
    /// Whether it is the engine that accounts for what happens to the run as a whole.
    fn leads(&self) -> bool;
}

/// An engine by itself holds all peers, each at its index in the plan.
#[derive(Clone, Copy, Debug)]
pub struct Everyone;

impl Places for Everyone {
    const ALL: bool = true;

    #[inline]
    fn part(&self, _: Peer) -> usize {
        0
    }

    #[inline]
    fn has(&self, _: Peer) -> bool {
        true
    }

    #[inline]
    fn place(&self, peer: usize) -> usize {
        peer
    }

    #[inline]
    fn leads(&self) -> bool {
        true
    }
}

/// One of several engines that share a fleet holds the peers of its part, in ascending order.
#[derive(Clone, Debug)]
pub struct Part {
    /// Of each peer of the plan, its part in the upper 8 bits and its place there below: peers have 24 bits.
    table: Arc<[u32]>,
    number: u32,
}

const PLACE: u32 = 24;

impl Part {
    /// The parts of a fleet whose peers are in these, by their index in the plan.
    pub(super) fn all(part_of: &[u8]) -> Vec<Self> {
        let parts = part_of.iter().max().map_or(0, |&last| u32::from(last) + 1);
        let mut filled = vec![0u32; parts as usize];
        let place = |&part: &u8| {
            let next = &mut filled[usize::from(part)];
            *next += 1;
            u32::from(part) << PLACE | (*next - 1)
        };
        let table: Arc<[u32]> = part_of.iter().map(place).collect();
        (0..parts).map(|number| Self { table: Arc::clone(&table), number }).collect()
    }

    /// Its number.
    pub(super) const fn number(&self) -> usize {
        self.number as usize
    }
}

impl Places for Part {
    const ALL: bool = false;

    #[inline]
    fn part(&self, peer: Peer) -> usize {
        (self.table[peer.index()] >> PLACE) as usize
    }

    #[inline]
    fn has(&self, peer: Peer) -> bool {
        self.table[peer.index()] >> PLACE == self.number
    }

    #[inline]
    fn place(&self, peer: usize) -> usize {
        (self.table[peer] & ((1 << PLACE) - 1)) as usize
    }

    #[inline]
    fn leads(&self) -> bool {
        self.number == 0
    }
}

/// One of something for each peer that an engine holds, by the peer's index in the plan.
#[derive(Debug)]
pub(in crate::engine) struct Own<T, P> {
    of: Vec<T>,
    places: P,
}

impl<T, P: Places> Own<T, P> {
    /// What `make` makes of each of the `peers` that the engine holds.
    pub(in crate::engine) fn new(
        places: &P,
        peers: impl Iterator<Item = Peer>,
        make: impl FnMut(Peer) -> T,
    ) -> Self {
        let of = peers.filter(|&peer| places.has(peer)).map(make).collect();
        Self { of, places: places.clone() }
    }

    /// All of them, in ascending order of their peers.
    pub(in crate::engine) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.of.iter()
    }

    /// All of them, in ascending order of their peers.
    pub(in crate::engine) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.of.iter_mut()
    }
}

impl<T, P: Places> Index<usize> for Own<T, P> {
    type Output = T;

    #[inline]
    fn index(&self, peer: usize) -> &T {
        &self.of[self.places.place(peer)]
    }
}

impl<T, P: Places> IndexMut<usize> for Own<T, P> {
    #[inline]
    fn index_mut(&mut self, peer: usize) -> &mut T {
        &mut self.of[self.places.place(peer)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_peer_is_held_once_and_in_ascending_order() {
        let parts = Part::all(&[1, 0, 2, 1, 0, 1]);
        let peers = || (0..6).map(Peer);
        let held: Vec<Vec<u32>> = parts
            .iter()
            .map(|part| Own::new(part, peers(), |peer| peer.0).iter().copied().collect())
            .collect();
        assert_eq!(held, [vec![1, 4], vec![0, 3, 5], vec![2]]);
        for part in &parts {
            let own = Own::new(part, peers(), |peer| peer.0);
            for peer in peers().filter(|&peer| part.has(peer)) {
                assert_eq!(own[peer.index()], peer.0);
                assert_eq!(part.part(peer), part.number());
            }
        }
    }
}
