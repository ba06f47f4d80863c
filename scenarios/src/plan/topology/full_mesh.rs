//! The complete graph: every peer is linked to every other. Connected.

use super::{TopologyError, graph::room_for};

pub(super) fn links(peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    let count = u64::from(peers) * u64::from(peers.saturating_sub(1)) / 2;
    let mut links = room_for(count)?;
    links.extend((0..peers).flat_map(|a| (a + 1..peers).map(move |b| [a, b])));
    Ok(links)
}
