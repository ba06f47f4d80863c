//! Triangles, and the clustering that follows from them.
//!
//! Links are directed from the peer of lower degree to that of higher degree, so that no peer has more than √(2 · edges)
//! links out; each triangle then shows once, as two links out of its lowest peer whose far ends are linked (compact-forward:
//! Latapy, Main-memory triangle computations for very large (sparse (power-law)) graphs, Theoretical Computer Science 407,
//! 2008). The time is in O(edges^1.5).

use crate::plan::topology::Graph;

/// The triangles that each peer is in, and their number in all.
pub(super) fn count(graph: &Graph) -> (Vec<u64>, u64) {
    let peers = graph.peers();
    let is_above = |a: u32, b: u32| (graph.degree(a), a) > (graph.degree(b), b);
    let mut offsets = vec![0usize];
    let mut above = Vec::with_capacity(graph.edges() as usize);
    for peer in 0..peers {
        above.extend(graph.neighbours(peer).iter().copied().filter(|&other| is_above(other, peer)));
        offsets.push(above.len());
    }
    let row = |peer: u32| &above[offsets[peer as usize]..offsets[peer as usize + 1]];
    let mut per_peer = vec![0u64; peers as usize];
    let mut total = 0;
    let mut neighbour_of = vec![u32::MAX; peers as usize];
    for lowest in 0..peers {
        for &other in row(lowest) {
            neighbour_of[other as usize] = lowest;
        }
        let mut with_lowest = 0;
        for &middle in row(lowest) {
            let mut with_both = 0;
            for &highest in row(middle) {
                if neighbour_of[highest as usize] == lowest {
                    per_peer[highest as usize] += 1;
                    with_both += 1;
                }
            }
            per_peer[middle as usize] += with_both;
            with_lowest += with_both;
        }
        per_peer[lowest as usize] += with_lowest;
        total += with_lowest;
    }
    (per_peer, total)
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
