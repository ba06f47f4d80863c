//! The generalised de Bruijn graph: peer i is linked to (base · i + r) mod n for each digit r below the base
//! (Imase and Itoh, Design to minimize diameter on building-block network, IEEE Transactions on Computers
//! C-30(6), 1981).
//!
//! It exists for any number of peers, not for powers of the base alone. Followed in its direction it is
//! strongly connected, with paths of at most ⌈log n / log base⌉; taken as undirected, without loops and
//! repeats, it is connected all the more. A peer has at most 2 · base links.

use super::{TopologyError, graph::room_for};
use crate::spec::topology::DeBruijn;

pub(super) fn links(de_bruijn: &DeBruijn, peers: u32) -> Result<Vec<[u32; 2]>, TopologyError> {
    const FIELD: &str = "deBruijn.base";
    let base = de_bruijn.base;
    if base < 2 {
        return Err(TopologyError::TooSmall { field: FIELD, given: base, least: 2 });
    }
    if base >= peers.max(3) {
        return Err(TopologyError::TooFewPeers { field: FIELD, wanted: base, peers });
    }
    let mut links = room_for(u64::from(peers) * u64::from(base))?;
    for peer in 0..peers {
        let first = u64::from(peer) * u64::from(base);
        links.extend((0..u64::from(base)).map(|digit| [peer, ((first + digit) % u64::from(peers)) as u32]));
    }
    Ok(links)
}
