//! How many links a topology will have, before it is made.

use crate::spec::topology::{ErdosRenyi, Topology};

/// Links of a topology of so many peers: exactly where its parameters fix them, on average where each pair is drawn, and at the
/// least where two of those asked for may be the same. Nothing is known of an imported graph.
///
/// It is for refusing early what cannot be made, so parameters that are impossible get some number.
#[must_use]
pub fn expected_links(topology: &Topology, peers: u64) -> u64 {
    let pairs = peers * peers.saturating_sub(1) / 2;
    let chain = peers.saturating_sub(1);
    let links = match topology {
        Topology::FullMesh(_) => pairs,
        // A ring has one more, and a grid is a chain at the least: rows may be as long as one likes.
        Topology::Ring(_) | Topology::Star(_) | Topology::Tree(_) | Topology::Grid(_) => chain,
        Topology::KRegular(regular) => peers * u64::from(regular.degree) / 2,
        Topology::ErdosRenyi(ErdosRenyi::Probability(share)) => (pairs as f64 * share.as_f64()) as u64,
        Topology::ErdosRenyi(ErdosRenyi::MeanDegree(degree)) => (peers as f64 * degree / 2.0) as u64,
        Topology::WattsStrogatz(world) => peers * u64::from(world.degree / 2),
        Topology::BarabasiAlbert(growth) => {
            let each = u64::from(growth.links);
            peers.saturating_sub(each) * each
        }
        // Two peers may choose each other.
        Topology::Geographic(geographic) => {
            peers * (u64::from(geographic.near) + u64::from(geographic.far)) / 2
        }
        // A link for each bit that is set in the number of a peer.
        Topology::Hypercube(_) => (0..u32::BITS)
            .map(|bit| {
                let (set, cycle) = (1u64 << bit, 1u64 << (bit + 1));
                peers / cycle * set + (peers % cycle).saturating_sub(set)
            })
            .sum(),
        // A link may be given by both of its ends, and the words of one letter, and of two in turn, are linked to themselves.
        Topology::DeBruijn(de_bruijn) => peers.saturating_sub(2) * u64::from(de_bruijn.base) / 2,
        Topology::Edges(edges) => edges.list.len() as u64,
        Topology::Import(_) => 0,
    };
    links.min(pairs)
}
