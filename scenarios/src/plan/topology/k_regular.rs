//! The random regular graph: every peer has the same number of links.
//!
//! Each peer gets `degree` stubs, and stubs are paired at random (the pairing model: Bollobás, A
//! probabilistic proof of an asymptotic formula for the number of labelled regular graphs, European Journal
//! of Combinatorics 1, 1980). Loops and repeats, about (degree² − 1) / 4 of them however many peers there
//! are, are removed by switchings: a bad link a–b and a random link c–e become a–c and b–e (McKay and
//! Wormald, Uniform generation of random regular graphs of moderate degree, Journal of Algorithms 11, 1990).
//! Each switching takes random links, so the outcome is close to uniform but not exactly so. When a peer is
//! linked to more than half of the others, the complement is drawn instead, which is then sparse.
//!
//! **Always connected.** Nearly all random regular graphs of degree 3 and more are. The others, and those of
//! degree 2, which fall into cycles, are joined by switchings of a link on a cycle with one of the largest
//! part, which change no degree.

use super::{TopologyError, disjoint_sets::DisjointSets, full_mesh, graph::room_for};
use crate::{seed::Rng, spec::topology::KRegular};

/// Draws for one switching before the whole pairing is drawn anew.
const DRAWS: u32 = 1_000;

pub(super) fn links(regular: &KRegular, peers: u32, rng: &mut Rng) -> Result<Vec<[u32; 2]>, TopologyError> {
    const FIELD: &str = "kRegular.degree";
    let degree = regular.degree;
    if degree >= peers {
        return Err(TopologyError::TooFewPeers { field: FIELD, wanted: degree, peers });
    }
    if degree == peers - 1 {
        return full_mesh::links(peers);
    }
    if degree < 2 {
        return Err(TopologyError::TooSmall { field: FIELD, given: degree, least: 2 });
    }
    if peers % 2 == 1 && degree % 2 == 1 {
        return Err(TopologyError::HalfLink { degree, peers });
    }
    let mut list = room_for(u64::from(peers) * u64::from(degree) / 2)?;
    if degree > (peers - 1) / 2 {
        // With more than half of the others as neighbours, any two peers have one in common: it is connected.
        list.extend(Rows::simple(peers, peers - 1 - degree, rng).complement());
    } else {
        let mut rows = Rows::simple(peers, degree, rng);
        rows.connect(rng);
        list.extend(rows.links());
    }
    Ok(list)
}

/// The neighbours of each peer, `degree` of them, in no order.
struct Rows {
    degree: usize,
    ends: Vec<u32>,
}

impl Rows {
    /// A random regular graph without loops and repeats, connected or not.
    fn simple(peers: u32, degree: u32, rng: &mut Rng) -> Self {
        loop {
            let mut rows = Self::paired(peers, degree as usize, rng);
            if rows.repair(rng) {
                return rows;
            }
        }
    }

    /// The stubs of all peers, paired at random.
    fn paired(peers: u32, degree: usize, rng: &mut Rng) -> Self {
        let mut stubs = Vec::with_capacity(peers as usize * degree);
        stubs.extend((0..peers).flat_map(|peer| std::iter::repeat_n(peer, degree)));
        rng.shuffle(&mut stubs);
        let mut ends = vec![0; stubs.len()];
        let mut filled = vec![0u32; peers as usize];
        for pair in stubs.chunks_exact(2) {
            for (at, end) in [(pair[0], pair[1]), (pair[1], pair[0])] {
                let slot = &mut filled[at as usize];
                ends[at as usize * degree + *slot as usize] = end;
                *slot += 1;
            }
        }
        Self { degree, ends }
    }

    fn peers(&self) -> u32 {
        self.ends.len().checked_div(self.degree).unwrap_or(0) as u32
    }

    fn row(&self, peer: u32) -> &[u32] {
        &self.ends[peer as usize * self.degree..][..self.degree]
    }

    /// How many times the two are linked; a loop counts twice.
    fn times_linked(&self, a: u32, b: u32) -> usize {
        self.row(a).iter().filter(|&&end| end == b).count()
    }

    /// A random link, from a random one of its ends.
    fn random_link(&self, rng: &mut Rng) -> [u32; 2] {
        let slot = rng.index(self.ends.len());
        [(slot / self.degree) as u32, self.ends[slot]]
    }

    /// Turns one link of `at` from one far end to another.
    fn turn(&mut self, at: u32, from: u32, to: u32) {
        let row = &mut self.ends[at as usize * self.degree..][..self.degree];
        let slot = row.iter_mut().find(|end| **end == from).expect("the link is there");
        *slot = to;
    }

    /// Replaces the links a–b and c–e by a–c and b–e.
    fn switch(&mut self, [a, b]: [u32; 2], [c, e]: [u32; 2]) {
        self.turn(a, b, c);
        self.turn(b, a, e);
        self.turn(c, e, a);
        self.turn(e, c, b);
    }

    /// Every loop, and every link after the first between the same two peers.
    fn bad_links(&self) -> Vec<[u32; 2]> {
        let mut bad = Vec::new();
        let mut seen_from = vec![u32::MAX; self.peers() as usize];
        for a in 0..self.peers() {
            let mut is_stub_of_loop = false;
            for &b in self.row(a) {
                if b == a {
                    is_stub_of_loop = !is_stub_of_loop;
                    if is_stub_of_loop {
                        bad.push([a, a]);
                    }
                } else if b > a {
                    if seen_from[b as usize] == a {
                        bad.push([a, b]);
                    }
                    seen_from[b as usize] = a;
                }
            }
        }
        bad
    }

    /// Switches all bad links away; false when the draws did not suffice.
    fn repair(&mut self, rng: &mut Rng) -> bool {
        self.bad_links().into_iter().all(|bad| self.repair_one(bad, rng))
    }

    fn repair_one(&mut self, [a, b]: [u32; 2], rng: &mut Rng) -> bool {
        for _ in 0..DRAWS {
            let is_bad = if a == b { self.times_linked(a, a) > 0 } else { self.times_linked(a, b) > 1 };
            if !is_bad {
                // Another switching took it along.
                return true;
            }
            let [c, e] = self.random_link(rng);
            let stays_simple =
                a != c && b != e && c != e && self.times_linked(a, c) == 0 && self.times_linked(b, e) == 0;
            if stays_simple {
                self.switch([a, b], [c, e]);
                return true;
            }
        }
        false
    }

    /// Joins the parts of a simple graph of degree 2 or more.
    fn connect(&mut self, rng: &mut Rng) {
        let mut parts = DisjointSets::joined_by(self.peers(), self.links());
        if parts.count() == 1 {
            return;
        }
        let main = parts.largest().expect("a regular graph has peers");
        let mut walked_from = vec![u32::MAX; self.peers() as usize];
        for root in parts.roots() {
            if root == main {
                continue;
            }
            let on_cycle = self.link_on_cycle(root, &mut walked_from);
            let in_main = loop {
                let link = self.random_link(rng);
                if parts.find(link[0]) == parts.find(main) {
                    break link;
                }
            };
            self.switch(on_cycle, in_main);
            parts.join(root, main);
        }
    }

    /// A link on a cycle in the part of `start`: where a walk that does not turn back meets itself.
    fn link_on_cycle(&self, start: u32, walked_from: &mut [u32]) -> [u32; 2] {
        let (mut before, mut at) = (start, start);
        loop {
            walked_from[at as usize] = start;
            let next =
                *self.row(at).iter().find(|&&end| end != before).expect("every peer has two neighbours");
            if walked_from[next as usize] == start {
                return [at, next];
            }
            (before, at) = (at, next);
        }
    }

    fn links(&self) -> impl Iterator<Item = [u32; 2]> + '_ {
        (0..self.peers()).flat_map(|a| self.row(a).iter().filter(move |&&b| a < b).map(move |&b| [a, b]))
    }

    /// Every pair that is not linked here.
    fn complement(&self) -> impl Iterator<Item = [u32; 2]> + '_ {
        let peers = self.peers();
        let mut linked_from = vec![u32::MAX; peers as usize];
        (0..peers).flat_map(move |a| {
            for &b in self.row(a) {
                linked_from[b as usize] = a;
            }
            (a + 1..peers).filter(|&b| linked_from[b as usize] != a).map(|b| [a, b]).collect::<Vec<_>>()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn degrees_that_no_graph_has_are_refused_with_those_that_work() {
        let error = |degree, peers| {
            let mut rng = Seed(1).stream("test", &[]);
            links(&KRegular { degree }, peers, &mut rng).unwrap_err().to_string()
        };
        assert_eq!(
            error(8, 5),
            "8 links a peer need at least 9 peers, and there are 5; use at most 4 or a fullMesh"
        );
        assert!(error(8, 1).ends_with("there are 1; use a fullMesh"));
        assert_eq!(error(1, 6), "1 is too few; use at least 2");
        assert!(error(3, 7).ends_with("use the degree 2 or 4, or one peer more"));
    }

    #[test]
    fn parts_are_joined_without_changing_a_degree() {
        // Five separate triangles.
        let ends = (0..15u32).flat_map(|i| [i / 3 * 3 + (i + 1) % 3, i / 3 * 3 + (i + 2) % 3]).collect();
        let mut rows = Rows { degree: 2, ends };
        rows.connect(&mut Seed(1).stream("test", &[]));
        assert!(rows.bad_links().is_empty());
        assert_eq!(DisjointSets::joined_by(15, rows.links()).count(), 1);
    }
}
