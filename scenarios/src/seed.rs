//! The only source of chance: streams and hashes derived from the run's seed by name.
//!
//! Streams are derived from what they are for (a label and the ids of who draws), never handed on from one user to the
//! next, so adding a peer, a group or a machine does not shift what any other draws (shadow/shadow#2074 is what happens otherwise).
//! Transcendental functions come from `libm` rather than from the platform, so that a seed means the same on every system.

use rand::Rng as _;
use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

use crate::units::{Nanos, Share};

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Seed(pub u64);

impl Seed {
    /// The last seed, 2⁵³ − 1: the largest of the whole numbers that JSON carries everywhere.
    pub const MOST: u64 = (1 << 53) - 1;

    /// The stream for `label` and `ids`, the same for the same three on every engine.
    #[must_use]
    pub fn stream(self, label: &str, ids: &[u64]) -> Rng {
        Rng(Box::new(ChaCha8Rng::from_seed(self.bytes(label, ids))))
    }

    /// 32 bytes derived from the seed, `label` and `ids`, for a key or another generator.
    #[must_use]
    pub fn bytes(self, label: &str, ids: &[u64]) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_derive_key("peerlab 2026-11 seed stream v1");
        hasher.update(&self.0.to_le_bytes());
        hasher.update(&(label.len() as u64).to_le_bytes());
        hasher.update(label.as_bytes());
        for id in ids {
            hasher.update(&id.to_le_bytes());
        }
        *hasher.finalize().as_bytes()
    }

    /// A number derived from the seed and `label`, to begin [`mix`] with.
    #[must_use]
    pub fn salt(self, label: &str) -> u64 {
        let bytes = self.bytes(label, &[]);
        u64::from_le_bytes(bytes[..8].try_into().expect("32 bytes hold 8"))
    }
}

/// A cheap hash of a salt and two numbers, for draws that need no state: one a link, one a message.
///
/// Two rounds of the SplitMix64 finaliser (Steele, Lea and Flood, OOPSLA 2014).
#[inline]
#[must_use]
pub const fn mix(salt: u64, a: u64, b: u64) -> u64 {
    finalise(
        finalise(salt ^ a.wrapping_mul(0x9E37_79B9_7F4A_7C15))
            .wrapping_add(b.wrapping_mul(0xD134_2543_DE82_EF95)),
    )
}

#[inline]
const fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// `0..1` from 64 random bits, never 0 so that a logarithm is finite.
#[inline]
#[must_use]
pub fn unit_from(bits: u64) -> f64 {
    ((bits >> 11) as f64 + 0.5) * (1.0 / 9_007_199_254_740_992.0)
}

/// One stream of randomness (ChaCha with 8 rounds).
#[derive(Clone, Debug)]
pub struct Rng(Box<ChaCha8Rng>);

impl Rng {
    /// 64 random bits.
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `n`, by Lemire's multiplication with rejection (ACM TOMACS 2019); `n` must not be 0.
    pub fn below(&mut self, n: u64) -> u64 {
        assert!(n > 0, "there is no number below 0");
        loop {
            let product = u128::from(self.next_u64()) * u128::from(n);
            if product as u64 >= n.wrapping_neg() % n {
                return (product >> 64) as u64;
            }
        }
    }

    /// An index into something of length `n`; `n` must not be 0.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// A number strictly between 0 and 1.
    pub fn unit(&mut self) -> f64 {
        unit_from(self.next_u64())
    }

    /// Whether an event of this probability happens.
    pub fn chance(&mut self, share: Share) -> bool {
        self.below(u64::from(Share::ALL.parts_per_billion())) < u64::from(share.parts_per_billion())
    }

    /// An instant or duration below `bound`, uniformly; zero when `bound` is zero.
    pub fn below_nanos(&mut self, bound: Nanos) -> Nanos {
        if bound == Nanos::ZERO { Nanos::ZERO } else { Nanos(self.below(bound.0)) }
    }

    /// A normal deviate of mean 0 and deviation 1 (Box and Muller, 1958; the second deviate is not kept, so that the
    /// stream's position is the count of draws).
    pub fn normal(&mut self) -> f64 {
        let (a, b) = (self.unit(), self.unit());
        libm::sqrt(-2.0 * libm::log(a)) * libm::cos(2.0 * std::f64::consts::PI * b)
    }

    /// An exponential deviate of mean 1.
    pub fn exponential(&mut self) -> f64 {
        -libm::log(self.unit())
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for i in (1..items.len()).rev() {
            items.swap(i, self.index(i + 1));
        }
    }

    /// Picks one of `items`, or none when there are none.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { Some(&items[self.index(items.len())]) }
    }

    /// `count` of `items` in random order, or all of them when there are fewer.
    pub fn sample<T: Copy>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut pool = items.to_vec();
        let count = count.min(pool.len());
        for i in 0..count {
            let j = i + self.index(pool.len() - i);
            pool.swap(i, j);
        }
        pool.truncate(count);
        pool
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_depends_on_all_that_names_it_and_on_nothing_else() {
        let first = |seed: u64, label: &str, ids: &[u64]| Seed(seed).stream(label, ids).next_u64();
        assert_eq!(first(1, "a", &[2, 3]), first(1, "a", &[2, 3]));
        assert_ne!(first(1, "a", &[2, 3]), first(2, "a", &[2, 3]));
        assert_ne!(first(1, "a", &[2, 3]), first(1, "b", &[2, 3]));
        assert_ne!(first(1, "a", &[2, 3]), first(1, "a", &[3, 2]));
    }

    /// A release that changes this changes what every published seed means, and must say so.
    #[test]
    fn seeds_mean_what_they_meant() {
        assert_eq!(Seed(42).stream("golden", &[7]).next_u64(), 10_948_120_266_240_500_854);
        assert_eq!(mix(1, 2, 3), 7584662853276166134);
    }

    #[test]
    fn draws_have_their_moments() {
        let mut rng = Seed(1).stream("moments", &[]);
        let n = 100_000;
        let mean = |draw: &mut dyn FnMut() -> f64| (0..n).map(|_| draw()).sum::<f64>() / f64::from(n);
        assert!((mean(&mut || rng.exponential()) - 1.0).abs() < 0.02);
        assert!(mean(&mut || rng.normal()).abs() < 0.02);
        assert!(
            (mean(&mut || {
                let x = rng.normal();
                x * x
            }) - 1.0)
                .abs()
                < 0.03
        );
        assert!((mean(&mut || rng.below(10) as f64) - 4.5).abs() < 0.05);
    }

    #[test]
    fn a_sample_has_no_repeats() {
        let mut picked = Seed(1).stream("sample", &[]).sample(&(0..100).collect::<Vec<u32>>(), 60);
        picked.sort_unstable();
        picked.dedup();
        assert_eq!(picked.len(), 60);
    }
}
