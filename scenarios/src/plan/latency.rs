//! One-way delay between two peers: it belongs to the pair, derived by hashing rather than stored.
//!
//! Delays that are drawn anew for each message let every flood find a fast path and make protocols look better than they
//! are (filecoin-project/go-f3#212 measured 30 rounds against 10), so only jitter varies from message to message.

use super::{Peers, Regions, Sites};
use crate::{
    host::Peer,
    seed::{Rng, Seed, mix, unit_from},
    spec::{Distribution, Latency},
    units::{Nanos, Share},
};

/// The longest delay of a pair: 2^32 ns, or 4.3 s. Draws from heavy tails that are longer are cut to it.
const LONGEST: Nanos = Nanos(u32::MAX as u64);

/// The delay of every pair.
#[derive(Clone, Debug)]
pub struct PairLatency {
    base: Base,
    seed: Seed,
    salt: u64,
}

#[derive(Clone, Debug)]
enum Base {
    Fixed(Nanos),
    Drawn(Distribution),
    Regions(Share),
}

impl PairLatency {
    pub(super) fn new(latency: &Latency, seed: Seed) -> Self {
        let base = match latency {
            Latency::Fixed(fixed) => Base::Fixed(fixed.one_way),
            Latency::Drawn(drawn) => Base::Drawn(drawn.one_way.clone()),
            Latency::Regions(regions) => Base::Regions(regions.spread),
            Latency::Matrix(matrix) => Base::Regions(matrix.spread),
        };
        Self { base, seed, salt: seed.salt("pair latency") }
    }

    /// The one-way delay between two peers in nanoseconds, last miles included, without jitter and without what queues
    /// and transmission add; at most 4.3 s. The same in both directions.
    #[must_use]
    pub fn between(&self, a: Peer, b: Peer, peers: &Peers, regions: &Regions, sites: &Sites) -> Nanos {
        let (low, high) = (a.min(b), a.max(b));
        if let Some(lan) = sites.shared_lan(peers, a, b) {
            return lan.delay;
        }
        // Drawn delays may have any length.
        let ends = sites.last_mile(peers, low).0.saturating_add(sites.last_mile(peers, high).0);
        let pair = || mix(self.salt, u64::from(low.0), u64::from(high.0));
        let path = match &self.base {
            Base::Fixed(delay) => delay.0,
            Base::Drawn(distribution) => {
                let mut rng: Rng = self.seed.stream("pair latency", &[u64::from(low.0), u64::from(high.0)]);
                distribution.draw(&mut rng).0
            }
            Base::Regions(spread) => {
                let table = regions.one_way(peers.region(low), peers.region(high)).0 as f64;
                let factor = 1.0 + spread.as_f64() * (2.0 * unit_from(pair()) - 1.0);
                (table * factor) as u64
            }
        };
        Nanos(path.saturating_add(ends)).min(LONGEST)
    }

    /// The least delay that a path between peers of these regions can have, without their last miles.
    #[must_use]
    pub fn least(&self, from: usize, to: usize, regions: &Regions) -> Nanos {
        match &self.base {
            Base::Fixed(delay) => *delay,
            Base::Drawn(distribution) => distribution.least(),
            Base::Regions(spread) => {
                // Less one for what is lost to rounding.
                let least = regions.one_way(from, to).0 as f64 * (1.0 - spread.as_f64());
                Nanos((least as u64).saturating_sub(1))
            }
        }
    }
}
