//! Shortest paths in hops, by breadth-first searches from 64 peers at a time.
//!
//! Each peer has one word with a bit for each of the 64 searches, so that one pass over a row of neighbours
//! serves all of them (MS-BFS: Then and others, The more the merrier: efficient multi-source graph traversal,
//! VLDB 2014). While few peers are active they push to their neighbours; when most are, those that still miss
//! a search pull instead and stop as soon as nothing is missing (Beamer, Asanović and Patterson,
//! Direction-optimizing breadth-first search, SC 2012). As only active peers are visited when pushing, a long
//! chain costs no more than with plain searches.

use crate::plan::topology::Graph;

/// How many ordered pairs of distinct peers are how far apart.
pub(super) struct Distances {
    /// The number of pairs at each distance, from 0, where there are none.
    pairs: Vec<u64>,
}

impl Distances {
    /// The distances from `sources` to all peers of a connected graph.
    pub(super) fn from(graph: &Graph, sources: &[u32]) -> Self {
        let mut search = Search::new(graph);
        let mut pairs = vec![0];
        for batch in sources.chunks(64) {
            search.begin(batch);
            let mut left = batch.len() as u64 * u64::from(graph.peers() - 1);
            for hops in 1.. {
                if left == 0 {
                    break;
                }
                let reached = search.advance();
                left -= reached;
                if pairs.len() == hops {
                    pairs.push(0);
                }
                pairs[hops] += reached;
            }
        }
        Self { pairs }
    }

    fn total(&self) -> u64 {
        self.pairs.iter().sum()
    }

    /// The longest distance, 0 when there are no pairs.
    pub(super) fn longest(&self) -> u32 {
        (self.pairs.len() - 1) as u32
    }

    /// The mean distance, none when there are no pairs.
    pub(super) fn mean(&self) -> Option<f64> {
        let sum: u64 = (0..).zip(&self.pairs).map(|(hops, &pairs)| hops * pairs).sum();
        (self.total() > 0).then(|| sum as f64 / self.total() as f64)
    }

    /// The number of hops within which this share of the pairs is, where the distribution is taken to rise
    /// linearly from one whole number of hops to the next; none when there are no pairs.
    pub(super) fn effective_diameter(&self, share: f64) -> Option<f64> {
        let wanted = share * self.total() as f64;
        let mut within = 0u64;
        for (hops, &pairs) in self.pairs.iter().enumerate().skip(1) {
            if (within + pairs) as f64 >= wanted {
                return Some((hops - 1) as f64 + (wanted - within as f64) / pairs as f64);
            }
            within += pairs;
        }
        None
    }
}

/// Up to 64 searches side by side.
struct Search<'a> {
    graph: &'a Graph,
    /// One bit for each search of the batch.
    all: u64,
    /// By which searches each peer was reached so far, and in the last and the next hop.
    seen: Vec<u64>,
    last: Vec<u64>,
    next: Vec<u64>,
    /// The peers reached in the last hop, and room for those of the next.
    active: Vec<u32>,
    reached: Vec<u32>,
}

impl<'a> Search<'a> {
    fn new(graph: &'a Graph) -> Self {
        let words = || vec![0; graph.peers() as usize];
        Self {
            graph,
            all: 0,
            seen: words(),
            last: words(),
            next: words(),
            active: Vec::new(),
            reached: Vec::new(),
        }
    }

    fn begin(&mut self, sources: &[u32]) {
        self.seen.fill(0);
        self.last.fill(0);
        self.all = u64::MAX >> (64 - sources.len());
        self.active.clear();
        self.active.extend_from_slice(sources);
        for (i, &source) in sources.iter().enumerate() {
            self.seen[source as usize] = 1 << i;
            self.last[source as usize] = 1 << i;
        }
    }

    /// Goes one hop on; how many pairs of a source and a peer are that far apart.
    fn advance(&mut self) -> u64 {
        let ahead: u64 = self.active.iter().map(|&peer| u64::from(self.graph.degree(peer))).sum();
        self.reached.clear();
        let pairs = if ahead < self.graph.edges() { self.push() } else { self.pull() };
        for &peer in &self.active {
            self.last[peer as usize] = 0;
        }
        std::mem::swap(&mut self.last, &mut self.next);
        std::mem::swap(&mut self.active, &mut self.reached);
        pairs
    }

    fn push(&mut self) -> u64 {
        let mut pairs = 0;
        for &peer in &self.active {
            let searches = self.last[peer as usize];
            for &neighbour in self.graph.neighbours(peer) {
                let at = neighbour as usize;
                let new = searches & !self.seen[at];
                if new != 0 {
                    if self.next[at] == 0 {
                        self.reached.push(neighbour);
                    }
                    self.next[at] |= new;
                    self.seen[at] |= new;
                    pairs += u64::from(new.count_ones());
                }
            }
        }
        pairs
    }

    fn pull(&mut self) -> u64 {
        let mut pairs = 0;
        for peer in 0..self.graph.peers() {
            let missing = self.all & !self.seen[peer as usize];
            if missing == 0 {
                continue;
            }
            let mut new = 0;
            for &neighbour in self.graph.neighbours(peer) {
                new |= self.last[neighbour as usize] & missing;
                if new == missing {
                    break;
                }
            }
            if new != 0 {
                self.next[peer as usize] = new;
                self.seen[peer as usize] |= new;
                pairs += u64::from(new.count_ones());
                self.reached.push(peer);
            }
        }
        pairs
    }
}
