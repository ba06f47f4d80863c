//! The small world: a ring on which each peer is linked to the `degree / 2` nearest on either side, of whose
//! links a share is moved to a random far end (Watts and Strogatz, Collective dynamics of 'small-world'
//! networks, Nature 393, 1998, methods and figure 1).
//!
//! As in the paper, links are taken lap by lap, from those to the nearest to those to the farthest; the near
//! end stays; and a link never comes to be a loop or a repeat. The number of links is always n · degree / 2.
//!
//! **Always connected.** The paper relies on degree ≫ ln n for that. Here, when moved links have left parts
//! behind, one more link is moved for each: a link that lies on a cycle, so that nothing is lost by it, gets
//! a far end in another part. As there are at least as many links as peers, there are always enough of these.

use super::{TopologyError, disjoint_sets::DisjointSets, graph::room_for};
use crate::{seed::Rng, spec::topology::WattsStrogatz};

/// Draws before the peers that are still free are counted out instead.
const DRAWS: u32 = 64;

pub(super) fn links(
    world: &WattsStrogatz,
    peers: u32,
    rng: &mut Rng,
) -> Result<Vec<[u32; 2]>, TopologyError> {
    const FIELD: &str = "wattsStrogatz.degree";
    let degree = world.degree;
    if degree < 2 {
        return Err(TopologyError::TooSmall { field: FIELD, given: degree, least: 2 });
    }
    if degree >= peers {
        return Err(TopologyError::ShortLattice { degree, peers });
    }
    if !degree.is_multiple_of(2) {
        return Err(TopologyError::OddLattice { degree });
    }
    let side = degree / 2;
    let mut list = room_for(u64::from(peers) * u64::from(side))?;
    let mut lattice = Lattice::new(peers, side);
    for lap in 0..side {
        for peer in 0..peers {
            if rng.chance(world.rewire)
                && let Some(far) = lattice.free_for(peer, rng)
            {
                lattice.ends_of_mut(peer)[lap as usize] = far;
            }
        }
    }
    list.extend((0..peers).flat_map(|peer| lattice.ends_of(peer).iter().map(move |&end| [peer, end])));
    connect(&mut list, peers, rng);
    Ok(list)
}

/// The far ends of the links that each peer began with to one side.
struct Lattice {
    side: usize,
    ends: Vec<u32>,
}

impl Lattice {
    fn new(peers: u32, side: u32) -> Self {
        let (n, side) = (u64::from(peers), u64::from(side));
        let ends = (0..n).flat_map(|peer| (1..=side).map(move |step| ((peer + step) % n) as u32)).collect();
        Self { side: side as usize, ends }
    }

    fn peers(&self) -> usize {
        self.ends.len() / self.side
    }

    fn ends_of(&self, peer: u32) -> &[u32] {
        &self.ends[peer as usize * self.side..][..self.side]
    }

    fn ends_of_mut(&mut self, peer: u32) -> &mut [u32] {
        &mut self.ends[peer as usize * self.side..][..self.side]
    }

    /// Whether a link between the two would be neither a loop nor a repeat.
    fn is_free(&self, a: u32, b: u32) -> bool {
        a != b && !self.ends_of(a).contains(&b) && !self.ends_of(b).contains(&a)
    }

    /// A random peer that `peer` is not linked to, or none when it is linked to all.
    fn free_for(&self, peer: u32, rng: &mut Rng) -> Option<u32> {
        for _ in 0..DRAWS {
            let far = rng.index(self.peers()) as u32;
            if self.is_free(peer, far) {
                return Some(far);
            }
        }
        let free: Vec<u32> = (0..self.peers() as u32).filter(|&far| self.is_free(peer, far)).collect();
        rng.choose(&free).copied()
    }
}

/// Moves one link that closes a cycle for each part but one, to join them all.
fn connect(links: &mut [[u32; 2]], peers: u32, rng: &mut Rng) {
    let mut parts = DisjointSets::new(peers);
    let mut spare: Vec<usize> = Vec::new();
    for (i, &[a, b]) in links.iter().enumerate() {
        if !parts.join(a, b) {
            spare.push(i);
        }
    }
    if parts.count() == 1 {
        return;
    }
    rng.shuffle(&mut spare);
    let main = parts.largest().expect("a small world has peers");
    let mut roots = parts.roots().into_iter();
    for moved in spare {
        let near = links[moved][0];
        let far = if parts.find(near) == parts.find(main) {
            match roots.find(|&root| parts.find(root) != parts.find(main)) {
                Some(root) => root,
                None => return,
            }
        } else {
            parts.member(main, rng)
        };
        links[moved] = [near, far];
        parts.join(near, far);
    }
}
