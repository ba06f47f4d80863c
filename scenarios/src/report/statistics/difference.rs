//! Intervals of a difference between two numbers that have intervals of their own.

use super::{LEVEL, normal_critical};

/// A number with the interval in which it is sought, at the level [`LEVEL`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bracket {
    /// The number.
    pub at: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Bracket {
    /// That of a mean of so many independent values with this standard deviation, by the normal distribution.
    #[must_use]
    pub fn of_mean(mean: f64, deviation: f64, n: f64) -> Self {
        let half = normal_critical(LEVEL) * deviation / n.sqrt();
        Self { at: mean, low: mean - half, high: mean + half }
    }

    /// The interval of a difference between two that are independent: the square roots of the sums of the squared distances
    /// to the ends that face each other (Zou and Donner, *Construction of confidence limits about effect measures*, Statistics in
    /// Medicine 27 (2008); "MOVER"). Where the two have chance in common it is too wide, never too narrow.
    #[must_use]
    pub fn less(self, other: Self) -> Self {
        let difference = self.at - other.at;
        let reach = |one: f64, other: f64| (one * one + other * other).sqrt();
        Self {
            at: difference,
            low: difference - reach(self.at - self.low, other.high - other.at),
            high: difference + reach(self.high - self.at, other.at - other.low),
        }
    }
}

/// The shares between which the quantile at `share` of a distribution lies in a sample of `n` independent values: the normal
/// approximation of the binomial distribution (Conover, *Practical Nonparametric Statistics*, 3rd edition, section 3.2).
#[must_use]
pub fn quantile_shares(share: f64, n: f64) -> (f64, f64) {
    let half = normal_critical(LEVEL) * (share * (1.0 - share) / n).sqrt();
    ((share - half).max(0.0), (share + half).min(1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn ends_that_face_each_other_count() {
        let one = Bracket { at: 10.0, low: 7.0, high: 11.0 };
        let other = Bracket { at: 4.0, low: 3.0, high: 8.0 };
        // 6 − √(3² + 4²) and 6 + √(1² + 1²)
        let Bracket { at, low, high } = one.less(other);
        assert_eq!((at, low), (6.0, 1.0));
        assert!((high - 6.0 - 2f64.sqrt()).abs() < 1e-12);
    }

    #[test]
    fn quantiles_lie_between_these_shares_as_often_as_is_said() {
        const EXPERIMENTS: u32 = 4_000;
        let mut rng = Seed(3).stream("quantiles", &[]);
        for (share, n) in [(0.5f64, 100usize), (0.95, 400)] {
            let truth = -(1.0 - share).ln();
            let (low, high) = quantile_shares(share, n as f64);
            let mut held = 0;
            for _ in 0..EXPERIMENTS {
                let mut values: Vec<f64> = (0..n).map(|_| rng.exponential()).collect();
                values.sort_by(f64::total_cmp);
                let at = |share: f64| values[((share * n as f64).ceil() as usize).clamp(1, n) - 1];
                held += u32::from((at(low)..=at(high)).contains(&truth));
            }
            let coverage = f64::from(held) / f64::from(EXPERIMENTS);
            assert!((0.93..0.97).contains(&coverage), "{coverage} at {share} of {n}");
        }
    }
}
