//! What a change costs when a thousand peers are busy: one flow ends and another begins, and all rates are fair again.
//!
//! Four shapes of fleet: links that are faster down than up, as at home, where most changes end at one uplink; links alike both
//! ways, where a change travels furthest; sites that share an uplink; and the first among a hundred thousand peers that are idle,
//! which must cost what it costs without them.

mod split_mix;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use peerlab_simulator::engine::flows::solver::{FlowId, LinkId, Solver, UNLIMITED};

use split_mix::SplitMix64;

const BUSY: u32 = 1_000;
const FLOWS_EACH: u32 = 8;

/// A fleet in the middle of a download.
struct Fleet {
    solver: Solver,
    rng: SplitMix64,
    flows: Vec<FlowId>,
    /// The first link of the sites, if peers are in any.
    sites: Option<u32>,
}

impl Fleet {
    fn new(peers: u32, up: u64, down: u64, site: Option<u64>) -> Self {
        let mut solver = Solver::default();
        for peer in 0..peers {
            solver.set_capacity(LinkId(2 * peer), up);
            solver.set_capacity(LinkId(2 * peer + 1), down);
        }
        let sites = site.map(|_| 2 * peers);
        for link in 0..2 * BUSY / PER_SITE {
            if let Some(rate) = site {
                solver.set_capacity(LinkId(2 * peers + link), rate);
            }
        }
        let mut fleet = Self { solver, rng: SplitMix64(1), flows: Vec::new(), sites };
        for _ in 0..BUSY * FLOWS_EACH {
            fleet.begin();
        }
        fleet.solver.settle(|_, _| ());
        fleet
    }

    fn begin(&mut self) {
        let (from, to) = (self.rng.below(BUSY), self.rng.below(BUSY));
        let mut links = vec![LinkId(2 * from), LinkId(2 * to + 1)];
        if let Some(first) = self.sites
            && from / PER_SITE != to / PER_SITE
        {
            links.extend([LinkId(first + 2 * (from / PER_SITE)), LinkId(first + 2 * (to / PER_SITE) + 1)]);
        }
        self.flows.push(self.solver.add(&links, UNLIMITED));
    }

    fn change(&mut self) -> u64 {
        let ends = self.rng.below(self.flows.len() as u32) as usize;
        let id = self.flows.swap_remove(ends);
        let mut rates = 0;
        self.solver.remove(id);
        self.solver.settle(|_, rate| rates += rate);
        self.begin();
        self.solver.settle(|_, rate| rates += rate);
        rates
    }
}

const PER_SITE: u32 = 50;

fn two_changes(c: &mut Criterion) {
    let mut group = c.benchmark_group("two_changes");
    let mut measure = |name: &str, mut fleet: Fleet| {
        group.bench_function(name, |b| {
            b.iter(|| black_box(fleet.change()));
        });
    };
    let mbit = 1_000_000;
    measure("home", Fleet::new(BUSY, 20 * mbit, 100 * mbit, None));
    measure("alike", Fleet::new(BUSY, 1_000 * mbit, 1_000 * mbit, None));
    measure("sites", Fleet::new(BUSY, 1_000 * mbit, 1_000 * mbit, Some(100 * mbit)));
    measure("home_among_100k_idle", Fleet::new(100 * BUSY, 20 * mbit, 100 * mbit, None));
    group.finish();
}

criterion_group!(benches, two_changes);
criterion_main!(benches);
