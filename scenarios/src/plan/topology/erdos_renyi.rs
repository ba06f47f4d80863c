//! The binomial random graph G(n, p): each pair is linked with probability p, on its own (Gilbert, Random
//! graphs, Annals of Mathematical Statistics 30, 1959; studied by Erdős and Rényi from the same year on).
//!
//! Pairs without a link are not drawn one by one: the gap to the next link is geometric, so that the time is
//! in proportion to the links (Batagelj and Brandes, Efficient generation of large random networks, Physical
//! Review E 71, 2005, algorithm 1).
//!
//! **Not connected** in general: with a mean degree below ln n some peers have no link (Erdős and Rényi
//! 1960), and the graph is what it is, as that is what this model is chosen for. The metrics report its
//! components.

use super::{TopologyError, full_mesh, graph::room_for};
use crate::{seed::Rng, spec::topology::ErdosRenyi};

pub(super) fn links(density: &ErdosRenyi, peers: u32, rng: &mut Rng) -> Result<Vec<[u32; 2]>, TopologyError> {
    let probability = probability(density, peers)?;
    if peers < 2 || probability == 0.0 {
        return Ok(Vec::new());
    }
    if probability == 1.0 {
        return full_mesh::links(peers);
    }
    let expected = probability * f64::from(peers) * f64::from(peers - 1) / 2.0;
    let mut links = room_for(expected as u64)?;
    let log_of_none = libm::log1p(-probability);
    // Pairs (a, b) with b < a, in the order of a, then b.
    let (mut a, mut b) = (1u64, -1.0f64);
    loop {
        b += 1.0 + libm::floor(libm::log(rng.unit()) / log_of_none);
        while b >= a as f64 {
            b -= a as f64;
            a += 1;
            if a >= u64::from(peers) {
                return Ok(links);
            }
        }
        links.push([b as u32, a as u32]);
    }
}

fn probability(density: &ErdosRenyi, peers: u32) -> Result<f64, TopologyError> {
    match *density {
        ErdosRenyi::Probability(share) => Ok(share.as_f64()),
        ErdosRenyi::MeanDegree(given) => {
            let most = f64::from(peers.saturating_sub(1));
            if !(0.0..=most).contains(&given) {
                return Err(TopologyError::MeanDegree { given, peers });
            }
            Ok(if most == 0.0 { 0.0 } else { given / most })
        }
    }
}
