//! Triangles, and the clustering that follows from them.
//!
//! In a sparse graph, links are directed from the peer of lower degree to that of higher degree, so that no
//! peer has more than √(2 · edges) links out; each triangle then shows once, as two links out of its lowest
//! peer whose far ends are linked (compact-forward: Latapy, Main-memory triangle computations for very large
//! (sparse (power-law)) graphs, Theoretical Computer Science 407, 2008). The time is in O(edges^1.5).
//!
//! In a dense one, such as a full mesh, each row is a row of bits, and the common neighbours of two linked
//! peers are the bits of both. The time is in O(edges · peers / 64).

use crate::plan::topology::Graph;

/// A graph is dense when a peer is linked to more than one in this many of the others: about where bits are
/// faster.
const DENSE: u64 = 16;

/// The most peers for rows of bits, which then take 50 MB.
const MOST_BIT_ROWS: u32 = 20_000;

/// The triangles that each peer is in.
pub(super) fn per_peer(graph: &Graph) -> Vec<u64> {
    let pairs = u64::from(graph.peers()).pow(2) / 2;
    if graph.peers() <= MOST_BIT_ROWS && graph.edges() > pairs / DENSE { dense(graph) } else { sparse(graph) }
}

fn sparse(graph: &Graph) -> Vec<u64> {
    let peers = graph.peers();
    let is_above = |a: u32, b: u32| (graph.degree(a), a) > (graph.degree(b), b);
    let mut offsets = vec![0usize];
    let mut above = Vec::with_capacity(graph.edges() as usize);
    for peer in 0..peers {
        above.extend(graph.neighbours(peer).iter().copied().filter(|&other| is_above(other, peer)));
        offsets.push(above.len());
    }
    let row = |peer: u32| &above[offsets[peer as usize]..offsets[peer as usize + 1]];
    let mut triangles = vec![0u64; peers as usize];
    let mut neighbour_of = vec![u32::MAX; peers as usize];
    for lowest in 0..peers {
        for &other in row(lowest) {
            neighbour_of[other as usize] = lowest;
        }
        for &middle in row(lowest) {
            let mut with_both = 0;
            for &highest in row(middle) {
                if neighbour_of[highest as usize] == lowest {
                    triangles[highest as usize] += 1;
                    with_both += 1;
                }
            }
            triangles[middle as usize] += with_both;
            triangles[lowest as usize] += with_both;
        }
    }
    triangles
}

fn dense(graph: &Graph) -> Vec<u64> {
    let words = (graph.peers() as usize).div_ceil(64);
    let mut bits = vec![0u64; words * graph.peers() as usize];
    for peer in 0..graph.peers() {
        for &other in graph.neighbours(peer) {
            bits[peer as usize * words + other as usize / 64] |= 1 << (other % 64);
        }
    }
    let row = |peer: u32| &bits[peer as usize * words..][..words];
    // A triangle of a peer shows on both of its links there.
    let mut twice = vec![0u64; graph.peers() as usize];
    for [a, b] in graph.links() {
        let common = row(a).iter().zip(row(b)).map(|(a, b)| u64::from((a & b).count_ones())).sum::<u64>();
        twice[a as usize] += common;
        twice[b as usize] += common;
    }
    twice.iter().map(|twice| twice / 2).collect()
}

/// The mean local clustering coefficient, 0 without peers.
pub(super) fn mean_clustering(graph: &Graph, triangles: &[u64]) -> f64 {
    if triangles.is_empty() {
        return 0.0;
    }
    let local = |(peer, &triangles): (u32, &u64)| {
        let degree = f64::from(graph.degree(peer));
        if degree < 2.0 { 0.0 } else { triangles as f64 / (degree * (degree - 1.0) / 2.0) }
    };
    (0..).zip(triangles).map(local).sum::<f64>() / triangles.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn both_ways_find_the_same_triangles() {
        let mut rng = Seed(1).stream("test", &[]);
        for links in [0, 30, 300, 3_000, 30_000] {
            let links: Vec<_> = (0..links).map(|_| [rng.below(130) as u32, rng.below(130) as u32]).collect();
            let graph = Graph::from_links(130, &links);
            assert_eq!(sparse(&graph), dense(&graph));
        }
    }
}
