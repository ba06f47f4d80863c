//! The test of Kolmogorov and Smirnov: whether two samples are of one distribution.

/// Terms of the series at the most: it converges after a few wherever the sum is not 1.
const MOST_TERMS: i32 = 100;

/// The chance of a distance at least this large between two samples of so many independent values of one distribution.
///
/// The limiting distribution with Stephens' correction for samples of finite size (Stephens, *Use of the Kolmogorov-Smirnov,
/// Cramér-von Mises and related statistics without extensive tables*, Journal of the Royal Statistical Society B 32 (1970); Press
/// et al., *Numerical Recipes*, 3rd edition, section 14.3.3). It is accurate from an effective size of four on, and on the safe side where
/// values are alike.
#[must_use]
pub fn kolmogorov_smirnov(distance: f64, one: f64, other: f64) -> f64 {
    let root = (one * other / (one + other)).sqrt();
    let lambda = (root + 0.12 + 0.11 / root) * distance;
    // Below, the series alternates for long, and its sum is 1 to six digits.
    if lambda < 0.3 {
        return 1.0;
    }
    let term = |k: i32| {
        let size = libm::exp(-2.0 * f64::from(k * k) * lambda * lambda);
        if k % 2 == 1 { size } else { -size }
    };
    (2.0 * (1..=MOST_TERMS).map(term).sum::<f64>()).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Rng, Seed};

    /// Critical values of the limiting distribution, as every table has them: 1.2238, 1.3581 and 1.6276.
    #[test]
    fn chances_are_those_of_the_tables() {
        for (lambda, chance) in [(1.2238, 0.10), (1.3581, 0.05), (1.6276, 0.01)] {
            let size = 2e9;
            let told = kolmogorov_smirnov(lambda / 1e9f64.sqrt(), size, size);
            assert!((told - chance).abs() < 1e-4, "{told} for {lambda}");
        }
        assert_eq!((kolmogorov_smirnov(0.0, 10.0, 10.0), kolmogorov_smirnov(1.0, 1e4, 1e4)), (1.0, 0.0));
    }

    /// Of two thousand pairs of samples from one distribution, as many are found to differ as the level says.
    #[test]
    fn it_is_wrong_as_often_as_it_says() {
        const EXPERIMENTS: u32 = 2_000;
        let mut rng = Seed(9).stream("kolmogorov", &[]);
        let sample = |rng: &mut Rng| {
            let mut values: Vec<f64> = (0..80).map(|_| rng.exponential()).collect();
            values.sort_by(f64::total_cmp);
            values
        };
        let mut found = 0;
        for _ in 0..EXPERIMENTS {
            let (one, other) = (sample(&mut rng), sample(&mut rng));
            let below = |values: &[f64], x: f64| values.partition_point(|value| *value <= x) as f64 / 80.0;
            let apart = one.iter().chain(&other).map(|&x| (below(&one, x) - below(&other, x)).abs());
            found += u32::from(kolmogorov_smirnov(apart.fold(0.0, f64::max), 80.0, 80.0) < 0.05);
        }
        let share = f64::from(found) / f64::from(EXPERIMENTS);
        assert!((0.025..0.055).contains(&share), "{share}");
    }
}
