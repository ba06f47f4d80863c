//! Links to the nearest peers by latency, for short hops, and to random ones, for few hops: the small world
//! by proximity of Merugu, Srinivasan and Zegura (Adding structure to unstructured peer-to-peer networks: the
//! use of small-world graphs, Journal of Parallel and Distributed Computing 65, 2005).
//!
//! Each peer makes `near` and `far` links of its own, all to different peers; as links are two-way, the mean
//! degree comes close to twice their sum, less the links that two peers both make.
//!
//! **Nearest of 512.** Peers do not measure everyone. A peer looks at the members of its own region, then of
//! the other regions by their latency from its own, until it has seen [`CANDIDATES`]; of a region that is
//! larger than the rest of this number, it sees a random part. So the choice is exact for fleets up to this
//! size, and takes time in proportion to the peers above it. A handful of candidates is known to come close
//! to the best (proximity neighbour selection with samples: Gummadi and others, The impact of DHT routing
//! geometry on resilience and proximity, SIGCOMM 2003).
//!
//! **Always connected.** With no or few far links regions may be left apart. Each part but the largest then
//! gets one more link, to a random peer of the largest.

use std::collections::BTreeMap;

use super::{Fleet, TopologyError, disjoint_sets::DisjointSets, graph::room_for};
use crate::{seed::Rng, spec::topology::Geographic, units::Nanos};

/// Peers that a peer looks at before it chooses the nearest.
const CANDIDATES: usize = 512;

pub(super) fn links(
    geographic: &Geographic,
    fleet: &dyn Fleet,
    rng: &mut Rng,
) -> Result<Vec<[u32; 2]>, TopologyError> {
    let (peers, near) = (fleet.peers(), geographic.near as usize);
    let each = geographic.near.saturating_add(geographic.far);
    if each == 0 {
        return Err(TopologyError::TooSmall { field: "geographic.far", given: 0, least: 1 });
    }
    if each >= peers {
        return Err(TopologyError::TooFewPeers { field: "geographic", wanted: each, peers });
    }
    let mut links = room_for(u64::from(peers) * u64::from(each))?;
    let regions = Regions::of(fleet, rng);
    let mut candidates: Vec<(Nanos, u32)> = Vec::with_capacity(CANDIDATES);
    let mut chosen: Vec<u32> = Vec::with_capacity(each as usize);
    for peer in 0..peers {
        chosen.clear();
        if near > 0 {
            candidates.clear();
            regions.look_around(fleet, peer, CANDIDATES.max(near), rng, |other| {
                candidates.push((fleet.latency(peer, other), other));
            });
            candidates.select_nth_unstable(near - 1);
            chosen.extend(candidates[..near].iter().map(|&(_, other)| other));
        }
        while chosen.len() < each as usize {
            let other = rng.index(peers as usize) as u32;
            if other != peer && !chosen.contains(&other) {
                chosen.push(other);
            }
        }
        links.extend(chosen.iter().map(|&other| [peer, other]));
    }
    connect(&mut links, peers, rng);
    Ok(links)
}

/// The regions, with their members.
struct Regions {
    /// Members in random order, so that any run of them is a sample.
    members: BTreeMap<u32, Vec<u32>>,
    /// For each region, all regions from the nearest to the farthest.
    order: BTreeMap<u32, Vec<u32>>,
}

impl Regions {
    fn of(fleet: &dyn Fleet, rng: &mut Rng) -> Self {
        let mut members: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for peer in 0..fleet.peers() {
            members.entry(fleet.region(peer)).or_default().push(peer);
        }
        for peers in members.values_mut() {
            rng.shuffle(peers);
        }
        let order = members
            .iter()
            .map(|(&from, here)| {
                let mut by_latency: Vec<_> = members
                    .iter()
                    .filter(|&(&to, _)| to != from)
                    .map(|(&to, there)| (fleet.latency(here[0], there[0]), to))
                    .collect();
                by_latency.sort_unstable();
                let others = by_latency.into_iter().map(|(_, to)| to);
                (from, std::iter::once(from).chain(others).collect())
            })
            .collect();
        Self { members, order }
    }

    /// Shows `count` others to `see`, or all when there are fewer, from the nearest regions outwards.
    fn look_around(
        &self,
        fleet: &dyn Fleet,
        peer: u32,
        count: usize,
        rng: &mut Rng,
        mut see: impl FnMut(u32),
    ) {
        let mut left = count;
        for region in &self.order[&fleet.region(peer)] {
            let members = &self.members[region];
            // One more than is left, as the peer itself may be among them.
            let run = members.len().min(left + 1);
            let start = if run < members.len() { rng.index(members.len()) } else { 0 };
            let others = members[start..].iter().chain(&members[..start]).take(run);
            for &other in others.filter(|&&other| other != peer).take(left) {
                left -= 1;
                see(other);
            }
            if left == 0 {
                return;
            }
        }
    }
}

fn connect(links: &mut Vec<[u32; 2]>, peers: u32, rng: &mut Rng) {
    let mut parts = DisjointSets::joined_by(peers, links.iter().copied());
    if parts.count() == 1 {
        return;
    }
    let main = parts.largest().expect("a geographic graph has peers");
    for root in parts.roots() {
        if root != main {
            let other = parts.member(main, rng);
            links.push([root, other]);
            parts.join(root, other);
        }
    }
}
