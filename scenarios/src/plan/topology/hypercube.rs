//! The incomplete hypercube: peers are linked when their numbers differ in exactly one bit (Katseff,
//! Incomplete hypercubes, IEEE Transactions on Computers 37(5), 1988).
//!
//! For a power of two this is the hypercube, with log₂ n links for each peer. For any other number it is the
//! hypercube without the peers that are not there; as clearing a bit only lowers a number, each peer still
//! reaches peer 0, so the graph is connected.

use super::{TopologyError, graph::room_for};

pub(super) fn links(peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    let links = || (0..peers).flat_map(|peer| lower_neighbours(peer).map(move |lower| [lower, peer]));
    let mut list = room_for((0..peers).map(|peer| u64::from(peer.count_ones())).sum())?;
    list.extend(links());
    Ok(list)
}

/// `peer` with each of its set bits cleared in turn.
fn lower_neighbours(peer: u32) -> impl Iterator<Item = u32> {
    (0..u32::BITS).map(|bit| 1 << bit).filter(move |bit| peer & bit != 0).map(move |bit| peer ^ bit)
}
