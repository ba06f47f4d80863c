//! The balanced tree: peers in the order of a breadth-first walk, peer i under peer ⌊(i − 1) / branching⌋, as
//! in the array of a d-ary heap (Johnson, Priority queues with update and finding minimum spanning trees,
//! Information Processing Letters 4, 1975). Connected.

use super::{TopologyError, graph::room_for};
use crate::spec::topology::Tree;

pub(super) fn links(tree: &Tree, peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    if tree.branching == 0 {
        return Err(TopologyError::TooSmall { field: "tree.branching", given: 0, least: 1 });
    }
    let mut links = room_for(u64::from(peers))?;
    links.extend((1..peers).map(|peer| [(peer - 1) / tree.branching, peer]));
    Ok(links)
}
