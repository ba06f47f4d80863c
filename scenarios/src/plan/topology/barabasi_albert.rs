//! Growth with preferential attachment: each new peer links to `links` distinct peers, each chosen with
//! probability in proportion to the links that it has already (Barabási and Albert, Emergence of scaling in
//! random networks, Science 286, 1999).
//!
//! A draw from the list in which every peer stands once for each of its links is such a choice (Batagelj and
//! Brandes, Physical Review E 71, 2005, algorithm 5); repeats are drawn anew. The paper leaves the first
//! peers open: here they are `links + 1` peers in a star, so that everyone has a link and the whole is
//! connected. There are (n − links) · links links.

use super::{TopologyError, graph::room_for};
use crate::{seed::Rng, spec::topology::BarabasiAlbert};

pub(super) fn links(
    growth: &BarabasiAlbert,
    peers: u32,
    rng: &mut Rng,
) -> Result<Vec<[u32; 2]>, TopologyError> {
    const FIELD: &str = "barabasiAlbert.links";
    let each = growth.links;
    if each == 0 {
        return Err(TopologyError::TooSmall { field: FIELD, given: each, least: 1 });
    }
    if each >= peers {
        return Err(TopologyError::TooFewPeers { field: FIELD, wanted: each, peers });
    }
    // The ends of these links, one after the other, are the list to draw from.
    let mut links = room_for(u64::from(peers - each) * u64::from(each))?;
    links.extend((1..=each).map(|peer| [0, peer]));
    let mut chosen_by = vec![0u32; peers as usize];
    for peer in each + 1..peers {
        let before = links.len();
        while links.len() < before + each as usize {
            let end = rng.index(2 * before);
            let other = links[end / 2][end % 2];
            if chosen_by[other as usize] != peer {
                chosen_by[other as usize] = peer;
                links.push([other, peer]);
            }
        }
    }
    Ok(links)
}
