//! Wilcoxon's signed-rank test: a check on the t test that does not suppose normal differences.

use super::student::normal_two_sided;

/// Up to so many differences the distribution is worked out; with more, the normal one stands for it.
const MOST_EXACT: usize = 100;

/// The two-sided p-value of the hypothesis that differences lie around nought; 1 when there are none.
///
/// Differences of nought are left out, equal ones share their ranks (Wilcoxon, *Individual comparisons by ranking
/// methods*, Biometrics Bulletin 1 (1945); Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, section
/// 3.1). Fewer than six differences cannot reach 5 %.
#[must_use]
pub fn signed_rank(differences: &[f64]) -> f64 {
    let mut sizes: Vec<(f64, bool)> =
        differences.iter().filter(|value| **value != 0.0).map(|value| (value.abs(), *value > 0.0)).collect();
    sizes.sort_by(|a, b| a.0.total_cmp(&b.0));
    // Twice the ranks, so that those shared by two are whole numbers.
    let mut ranks = Vec::with_capacity(sizes.len());
    for equal in sizes.chunk_by(|a, b| a.0 == b.0) {
        let shared = 2 * ranks.len() + equal.len() + 1;
        ranks.extend(std::iter::repeat_n(shared, equal.len()));
    }
    let positive: usize = ranks.iter().zip(&sizes).filter(|(_, (_, up))| *up).map(|(rank, _)| rank).sum();
    if ranks.len() <= MOST_EXACT { exact(&ranks, positive) } else { approximate(&ranks, positive) }
}

/// By the distribution of the sum when each rank counts with the chance 1/2.
fn exact(ranks: &[usize], positive: usize) -> f64 {
    let total: usize = ranks.iter().sum();
    let mut chances = vec![0.0; total + 1];
    chances[0] = 1.0;
    for &rank in ranks {
        for sum in (0..=total).rev() {
            let with = if sum >= rank { chances[sum - rank] } else { 0.0 };
            chances[sum] = (chances[sum] + with) / 2.0;
        }
    }
    let (below, above): (f64, f64) = (chances[..=positive].iter().sum(), chances[positive..].iter().sum());
    (2.0 * below.min(above)).min(1.0)
}

/// By the normal distribution with the sum's mean and variance, ties included.
fn approximate(ranks: &[usize], positive: usize) -> f64 {
    let mean = ranks.iter().sum::<usize>() as f64 / 2.0;
    let variance = ranks.iter().map(|&rank| (rank * rank) as f64).sum::<f64>() / 4.0;
    normal_two_sided((positive as f64 - mean) / variance.sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn few_differences_by_counting() {
        // All of n on one side: 2 of 2ⁿ arrangements.
        assert_eq!(signed_rank(&[1.0, 2.0, 3.0, 4.0, 5.0]), 2.0 / 32.0);
        assert_eq!(signed_rank(&[-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]), 2.0 / 64.0);
        // The smallest alone on the other side: rank sums 0 and 1 of 32.
        assert_eq!(signed_rank(&[-1.0, 2.0, 3.0, 4.0, 5.0]), 4.0 / 32.0);
        assert_eq!((signed_rank(&[]), signed_rank(&[0.0, 0.0])), (1.0, 1.0));
    }

    /// Hollander, Wolfe and Chicken, example 3.1 (depression scores): T⁺ = 5 of 9, two-sided p = 0.0391.
    #[test]
    fn a_published_example() {
        // In thousandths.
        let before = [1830.0, 500.0, 1620.0, 2480.0, 1680.0, 1880.0, 1550.0, 3060.0, 1300.0];
        let after = [878.0, 647.0, 598.0, 2050.0, 1060.0, 1290.0, 1060.0, 3140.0, 1290.0];
        let differences: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
        assert!((signed_rank(&differences) - 0.0390625).abs() < 1e-12);
    }

    #[test]
    fn the_normal_distribution_takes_over_smoothly() {
        let mut rng = Seed(3).stream("ranks", &[]);
        for shift in [0.0, 0.1, 0.2, 0.3] {
            let differences: Vec<_> = (0..100).map(|_| shift + rng.normal()).collect();
            let mut sizes: Vec<_> = (0..100).collect();
            sizes.sort_by(|&a: &usize, &b| differences[a].abs().total_cmp(&differences[b].abs()));
            let ranks: Vec<_> = (1..=100).map(|rank| 2 * rank).collect();
            let up = sizes.iter().zip(&ranks).filter(|(place, _)| differences[**place] > 0.0);
            let positive = up.map(|(_, rank)| rank).sum();
            assert_eq!(exact(&ranks, positive), signed_rank(&differences));
            assert!((exact(&ranks, positive) - approximate(&ranks, positive)).abs() < 0.01);
        }
    }
}
