//! The star: every peer is linked to the hub and to no other, the baseline of a server and its clients.
//! Connected.

use super::{Fleet, TopologyError, graph::room_for};
use crate::spec::topology::Star;

pub(super) fn links(star: &Star, fleet: &dyn Fleet) -> Result<Vec<[u32; 2]>, TopologyError> {
    let hub = match &star.hub {
        None => 0,
        Some(group) => {
            fleet.first_of_group(group).ok_or_else(|| TopologyError::NoHub { group: group.clone() })?
        }
    };
    let mut links = room_for(u64::from(fleet.peers()))?;
    links.extend((0..fleet.peers()).filter(|&peer| peer != hub).map(|peer| [hub, peer]));
    Ok(links)
}
