//! Two designs under the same chance: differences seed by seed.

use serde::{Deserialize, Serialize};

use super::{Estimate, critical, normal_critical, signed_rank, two_sided};

/// The power that [`replicates_needed`] is asked for: the chance to find a difference that is there.
pub const POWER: f64 = 0.8;

/// What pairs of observations tell of the difference between two designs.
///
/// The observations of a pair share a seed, and with it people, sessions, posts and delays. What they share cancels in the
/// difference, so that it varies less than two independent runs would (common random numbers; Law, section 11.2). The test
/// is the paired t test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Paired {
    /// Differences, other less baseline.
    pub difference: Estimate,
    /// The two-sided p-value of the hypothesis that the mean difference is nought.
    pub p: f64,
    /// The p-value of Wilcoxon's signed-rank test for the same.
    pub signed_rank_p: f64,
    /// The mean difference in units of its standard deviation, Cohen's d for pairs; nothing when all differences are the
    /// same.
    pub effect: Option<f64>,
}

impl Paired {
    /// Of observations (baseline, other); nothing when they are fewer than two.
    #[must_use]
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let differences: Vec<f64> = pairs.iter().map(|(baseline, other)| other - baseline).collect();
        let difference = Estimate::of(&differences)?;
        let n = difference.n as f64;
        let effect = (difference.deviation > 0.0).then(|| difference.mean / difference.deviation);
        let p = match effect {
            Some(effect) => two_sided(effect * n.sqrt(), n - 1.0),
            None if difference.mean == 0.0 => 1.0,
            // The same difference for every seed is not chance.
            None => 0.0,
        };
        Some(Self { difference, p, signed_rank_p: signed_rank(&differences), effect })
    }
}

/// How many replicates it takes until a paired t test at the two-sided level `alpha` finds an effect of this size (the mean
/// difference by the standard deviation of differences) with the chance [`POWER`]; nothing above a thousand million.
///
/// The smallest n with `n ≥ ((t(1 - alpha/2) + t(power)) / effect)²`, both with n - 1 degrees of freedom (Chow, Shao and
/// Wang, *Sample Size Calculations in Clinical Research*, section 3.1). The effect is an estimate itself, so the answer is a
/// guide and no promise.
#[must_use]
pub fn replicates_needed(effect: f64, alpha: f64) -> Option<u64> {
    const MOST: f64 = 1e9;
    let (level, power_level) = (1.0 - alpha, 2.0 * POWER - 1.0);
    let needed = |sum: f64| (sum / effect) * (sum / effect);
    // Student's factors are larger than the normal ones, so no smaller number can do.
    let at_least = needed(normal_critical(level) + normal_critical(power_level)).ceil();
    if !at_least.is_finite() || at_least > MOST {
        return None;
    }
    let enough = |n: &u64| {
        let freedom = (*n - 1) as f64;
        *n as f64 >= needed(critical(level, freedom) + critical(power_level, freedom))
    };
    ((at_least as u64).max(2)..).find(enough)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    /// The data of Student's own paper (1908): hours of sleep gained with two drugs by ten patients. t = 4.0621, p = 0.002833.
    #[test]
    fn students_sleep() {
        let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
        let pairs: Vec<_> = first.into_iter().zip(second).collect();
        let paired = Paired::of(&pairs).unwrap();
        assert!((paired.difference.mean - 1.58).abs() < 1e-12);
        assert!((paired.p - 0.002_832_89).abs() < 1e-7, "{}", paired.p);
        assert!((paired.difference.low - 0.700_114).abs() < 1e-5);
        assert!((paired.effect.unwrap() * 10f64.sqrt() - 4.062_128).abs() < 1e-5);
        assert!(paired.signed_rank_p < 0.01);
    }

    #[test]
    fn what_never_varies_is_certain() {
        let same = Paired::of(&[(1.0, 1.0), (2.0, 2.0)]).unwrap();
        assert_eq!((same.p, same.effect), (1.0, None));
        let shifted = Paired::of(&[(1.0, 2.0), (2.0, 3.0)]).unwrap();
        assert_eq!((shifted.p, shifted.difference.low), (0.0, 1.0));
        assert_eq!(Paired::of(&[(1.0, 2.0)]), None);
    }

    /// Against `power.t.test(delta = d, power = 0.8, type = "paired")` of R: 33.4, 9.9 and 198.2 pairs.
    #[test]
    fn sizes_are_those_that_others_compute() {
        let needed: Vec<_> = [0.5, 1.0, 0.2].map(|effect| replicates_needed(effect, 0.05)).into();
        assert!(
            needed.iter().zip([34, 10, 199]).all(|(n, wanted)| n.unwrap().abs_diff(wanted) <= 1),
            "{needed:?}"
        );
        assert_eq!((replicates_needed(0.0, 0.05), replicates_needed(1e-9, 0.05)), (None, None));
        assert_eq!(replicates_needed(-0.5, 0.05), replicates_needed(0.5, 0.05));
    }

    /// So many replicates do find the effect in about four experiments of five.
    #[test]
    fn power_is_what_was_asked_for() {
        let n = replicates_needed(0.8, 0.05).unwrap();
        let mut rng = Seed(9).stream("power", &[]);
        let mut found = 0;
        for _ in 0..2_000 {
            let pairs: Vec<_> = (0..n).map(|_| (0.0, 0.8 + rng.normal())).collect();
            found += u32::from(Paired::of(&pairs).unwrap().p < 0.05);
        }
        assert!((1_560..1_720).contains(&found), "{found} of 2,000 with {n}");
    }

    /// The shared part cancels: pairs find what unpaired intervals, which overlap, cannot.
    #[test]
    fn pairs_see_through_what_they_share() {
        let mut rng = Seed(2).stream("pairs", &[]);
        let pairs: Vec<_> = (0..10)
            .map(|_| {
                let shared = 10.0 * rng.normal();
                (shared + 0.1 * rng.normal(), shared + 0.5 + 0.1 * rng.normal())
            })
            .collect();
        let paired = Paired::of(&pairs).unwrap();
        let side =
            |of: fn(&(f64, f64)) -> f64| Estimate::of(&pairs.iter().map(of).collect::<Vec<_>>()).unwrap();
        assert!(paired.p < 1e-4);
        assert!(side(|pair| pair.0).high > side(|pair| pair.1).low);
    }
}
