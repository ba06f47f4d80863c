//! A mean with its interval of confidence.

use serde::{Deserialize, Serialize};

use super::critical;

/// The level of all intervals: 95 %.
pub const LEVEL: f64 = 0.95;

/// What independent observations tell of a mean.
///
/// The interval is `mean ± t(n - 1) · deviation / √n` with Student's t at [`LEVEL`]. It is exact for normal
/// observations, and close for others: a replicate's number is itself an average of many, so it is nearly normal, but a
/// high quantile or a rare event need more replicates (Law, section 4.5).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// How many observations.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end of the interval.
    pub high: f64,
    /// Their standard deviation, with n - 1 in the denominator.
    pub deviation: f64,
}

impl Estimate {
    /// Of these observations; nothing when they are fewer than two, which say nothing of chance.
    #[must_use]
    pub fn of(values: &[f64]) -> Option<Self> {
        let [first, _, ..] = values else { return None };
        let n = values.len() as f64;
        // Differences from the first: the mean of equal numbers is that number to the last bit, and a bound on it is kept.
        let mean = first + values.iter().map(|value| value - first).sum::<f64>() / n;
        let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
        let deviation = (squares / (n - 1.0)).sqrt();
        let half = if deviation == 0.0 { 0.0 } else { critical(LEVEL, n - 1.0) * deviation / n.sqrt() };
        Some(Self { n: values.len() as u64, mean, low: mean - half, high: mean + half, deviation })
    }

    /// Half the width of the interval.
    #[must_use]
    pub fn half_width(&self) -> f64 {
        (self.high - self.low) / 2.0
    }

    /// Half the width by the mean's size: 0 when all observations are the same, infinite when only their mean is nought.
    #[must_use]
    pub fn relative_half_width(&self) -> f64 {
        if self.deviation == 0.0 { 0.0 } else { self.half_width() / self.mean.abs() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Rng, Seed};

    /// Ten observations worked out by hand: mean 5.5, deviation √(82.5/9), t(9) = 2.262157.
    #[test]
    fn ten_numbers_by_hand() {
        let estimate = Estimate::of(&(1..=10).map(f64::from).collect::<Vec<_>>()).unwrap();
        assert_eq!(estimate.mean, 5.5);
        assert!((estimate.deviation - 3.027_650_354).abs() < 1e-9);
        assert!((estimate.high - 7.665_851_2).abs() < 1e-6 && (estimate.low - 3.334_148_8).abs() < 1e-6);
        assert!((estimate.relative_half_width() - 0.393_791_1).abs() < 1e-6);
    }

    #[test]
    fn equal_numbers_are_their_own_mean() {
        let estimate = Estimate::of(&[0.285; 7]).unwrap();
        assert_eq!((estimate.low, estimate.mean, estimate.high), (0.285, 0.285, 0.285));
        assert_eq!(estimate.relative_half_width(), 0.0);
        assert_eq!((Estimate::of(&[1.0]), Estimate::of(&[])), (None, None));
    }

    /// The share of experiments whose interval holds the true mean.
    fn coverage(size: usize, truth: f64, draw: &mut dyn FnMut(&mut Rng) -> f64) -> f64 {
        const EXPERIMENTS: u32 = 4_000;
        let mut rng = Seed(5).stream("coverage", &[size as u64]);
        let mut held = 0;
        for _ in 0..EXPERIMENTS {
            let values: Vec<_> = (0..size).map(|_| draw(&mut rng)).collect();
            let estimate = Estimate::of(&values).unwrap();
            held += u32::from((estimate.low..=estimate.high).contains(&truth));
        }
        f64::from(held) / f64::from(EXPERIMENTS)
    }

    /// Four thousand experiments tell 95 % from 94 and 96.
    #[test]
    fn intervals_hold_the_truth_as_often_as_they_say() {
        for size in [3, 10, 30] {
            let normal = coverage(size, 7.0, &mut |rng| 7.0 + 2.0 * rng.normal());
            assert!((0.94..0.96).contains(&normal), "{normal} with {size}");
        }
        let uniform = coverage(10, 0.5, &mut Rng::unit);
        assert!((0.935..0.965).contains(&uniform), "{uniform}");
        // What a replicate gives: the mean of many skewed values.
        let means = coverage(10, 1.0, &mut |rng| (0..50).map(|_| rng.exponential()).sum::<f64>() / 50.0);
        assert!((0.935..0.96).contains(&means), "{means}");
        // A skewed observation by itself is held less often than promised: the reason to take ten replicates or more.
        let skewed = coverage(5, 1.0, &mut Rng::exponential);
        assert!((0.86..0.91).contains(&skewed), "{skewed}");
    }
}
