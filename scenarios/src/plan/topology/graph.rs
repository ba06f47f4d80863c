//! The graph: undirected, without loops or parallel links, in compressed rows.

use super::TopologyError;

/// The most links that a topology may ask for, 2²⁷: 1 GiB of rows, a full mesh of 16,384 peers, or a mean
/// degree of 268 for a million.
pub const MOST_LINKS: u64 = 1 << 27;

/// An undirected simple graph of peers numbered from 0, kept as one sorted row of neighbours a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// Where each row begins, and where the last one ends.
    offsets: Vec<u32>,
    /// The rows, each in ascending order.
    neighbours: Vec<u32>,
}

impl Graph {
    /// The graph of `peers` peers with these links, each given once or more, in either direction. Links from
    /// a peer to itself are left out.
    ///
    /// # Panics
    ///
    /// When a link names a peer that is not below `peers`, or when there are 2³¹ links or more.
    #[must_use]
    pub fn from_links(peers: u32, links: &[[u32; 2]]) -> Self {
        assert!(links.len() < 1 << 31, "offsets have 32 bits");
        let mut offsets = vec![0u32; peers as usize + 1];
        for &[a, b] in links.iter().filter(|[a, b]| a != b) {
            offsets[a as usize + 1] += 1;
            offsets[b as usize + 1] += 1;
        }
        for i in 1..offsets.len() {
            offsets[i] += offsets[i - 1];
        }
        let mut neighbours = vec![0u32; offsets[peers as usize] as usize];
        let mut next = offsets.clone();
        let mut place = |at: u32, neighbour: u32| {
            let slot = &mut next[at as usize];
            neighbours[*slot as usize] = neighbour;
            *slot += 1;
        };
        for &[a, b] in links.iter().filter(|[a, b]| a != b) {
            place(a, b);
            place(b, a);
        }
        let mut graph = Self { offsets, neighbours };
        graph.sort_rows();
        graph
    }

    /// Sorts each row and removes what is in it twice, closing the gaps.
    fn sort_rows(&mut self) {
        let (mut kept, mut begin) = (0usize, 0usize);
        for peer in 0..self.offsets.len() - 1 {
            let end = self.offsets[peer + 1] as usize;
            self.neighbours[begin..end].sort_unstable();
            let row = kept;
            for i in begin..end {
                let neighbour = self.neighbours[i];
                if kept == row || self.neighbours[kept - 1] != neighbour {
                    self.neighbours[kept] = neighbour;
                    kept += 1;
                }
            }
            self.offsets[peer + 1] = kept as u32;
            begin = end;
        }
        self.neighbours.truncate(kept);
    }

    /// How many peers there are.
    #[must_use]
    pub fn peers(&self) -> u32 {
        (self.offsets.len() - 1) as u32
    }

    /// How many links there are.
    #[must_use]
    pub fn edges(&self) -> u64 {
        self.neighbours.len() as u64 / 2
    }

    /// The peers linked to `peer`, in ascending order.
    ///
    /// # Panics
    ///
    /// When there is no such peer.
    #[inline]
    #[must_use]
    pub fn neighbours(&self, peer: u32) -> &[u32] {
        let peer = peer as usize;
        &self.neighbours[self.offsets[peer] as usize..self.offsets[peer + 1] as usize]
    }

    /// How many links `peer` has.
    ///
    /// # Panics
    ///
    /// When there is no such peer.
    #[inline]
    #[must_use]
    pub fn degree(&self, peer: u32) -> u32 {
        let peer = peer as usize;
        self.offsets[peer + 1] - self.offsets[peer]
    }

    /// Every link once, the lower peer first, in ascending order.
    pub fn links(&self) -> impl Iterator<Item = [u32; 2]> + '_ {
        (0..self.peers()).flat_map(|a| {
            let row = self.neighbours(a);
            row[row.partition_point(|&b| b < a)..].iter().map(move |&b| [a, b])
        })
    }
}

/// An empty list with room for so many links, or the error that they are too many.
pub(super) fn room_for(links: u64) -> Result<Vec<[u32; 2]>, TopologyError> {
    if links > MOST_LINKS {
        return Err(TopologyError::TooManyLinks { links });
    }
    Ok(Vec::with_capacity(links as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_and_repeats_are_left_out() {
        let graph = Graph::from_links(4, &[[2, 0], [0, 2], [1, 1], [0, 1], [2, 0]]);
        assert_eq!((graph.peers(), graph.edges()), (4, 2));
        assert_eq!(graph.neighbours(0), [1, 2]);
        assert_eq!(graph.neighbours(3), [0u32; 0]);
        assert_eq!(graph.degree(2), 1);
        assert_eq!(graph.links().collect::<Vec<_>>(), [[0, 1], [0, 2]]);
    }

    #[test]
    fn there_may_be_no_peer_at_all() {
        let graph = Graph::from_links(0, &[]);
        assert_eq!((graph.peers(), graph.edges(), graph.links().count()), (0, 0, 0));
    }
}
