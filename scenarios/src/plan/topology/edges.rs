//! Links written out in the scenario, taken as they are: whether they connect the peers is the author's
//! affair.

use std::collections::BTreeMap;

use super::{TopologyError, graph::room_for};
use crate::spec::topology::Edges;

pub(super) fn links(edges: &Edges, peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    let mut links = room_for(edges.list.len() as u64)?;
    let mut places = BTreeMap::new();
    for (position, &[a, b]) in edges.list.iter().enumerate() {
        if a.max(b) >= peers {
            return Err(TopologyError::NoSuchPeer { position, a, b, peers });
        }
        if a == b {
            return Err(TopologyError::SelfLink { position, peer: a });
        }
        if let Some(before) = places.insert([a.min(b), a.max(b)], position) {
            return Err(TopologyError::RepeatedLink { position, before, a, b });
        }
        links.push([a, b]);
    }
    Ok(links)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_a_link_is_refused_by_its_place() {
        let error = |list: &[[u32; 2]]| links(&Edges { list: list.to_vec() }, 3).unwrap_err();
        assert_eq!(error(&[[0, 1], [1, 3]]), TopologyError::NoSuchPeer { position: 1, a: 1, b: 3, peers: 3 });
        assert_eq!(error(&[[2, 2]]), TopologyError::SelfLink { position: 0, peer: 2 });
        assert_eq!(
            error(&[[0, 1], [1, 2], [1, 0]]),
            TopologyError::RepeatedLink { position: 2, before: 0, a: 1, b: 0 }
        );
    }
}
