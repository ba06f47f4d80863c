//! The cycle: each peer is linked to the next, and the last to the first. Connected.
//!
//! Two peers have one link between them, and a single peer has none.

use super::{TopologyError, graph::room_for};

pub(super) fn links(peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    let mut links = room_for(u64::from(peers))?;
    links.extend((1..peers).map(|peer| [peer - 1, peer]));
    if peers > 2 {
        links.push([peers - 1, 0]);
    }
    Ok(links)
}
