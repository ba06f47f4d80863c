//! How the values of a metric are spread, as a run leaves it behind and as another is held against it.

use super::Histogram;

/// Counts of values by the upper edge of the bucket that they fell into, in the metric's unit, ascending.
///
/// Edges are those of [`Histogram`]: less than 0.1 % above any value of their bucket, and the same in every run. So what
/// two runs have in common stays in common, and a distance between them is off by no more than the share of the values that
/// lie within 0.1 % of one another.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    counts: Vec<(f64, u64)>,
    n: u64,
}

impl Distribution {
    /// Of edges with their counts; nothing when edges do not ascend, or a bucket is empty.
    #[must_use]
    pub fn new(counts: Vec<(f64, u64)>) -> Option<Self> {
        let ascends = counts.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let is_sound = counts.iter().all(|&(edge, count)| edge.is_finite() && count > 0);
        let n = counts.iter().try_fold(0u64, |n, &(_, count)| n.checked_add(count))?;
        (ascends && is_sound).then_some(Self { counts, n })
    }

    /// Of a histogram whose values are worth `1 / per_unit` of the unit.
    #[must_use]
    pub fn of(histogram: &Histogram, per_unit: f64) -> Self {
        let counts = histogram.buckets().map(|(edge, count)| (edge as f64 / per_unit, count)).collect();
        Self { counts, n: histogram.len() }
    }

    /// How many values there are.
    #[must_use]
    pub const fn n(&self) -> u64 {
        self.n
    }

    /// The edges with their counts.
    #[must_use]
    pub fn counts(&self) -> &[(f64, u64)] {
        &self.counts
    }

    /// The edges, each with the share of the values, 0 to 1, that are at most that large.
    pub fn shares(&self) -> impl Iterator<Item = (f64, f64)> + '_ {
        self.counts.iter().scan(0, |below, &(edge, count)| {
            *below += count;
            Some((edge, *below as f64 / self.n as f64))
        })
    }

    /// The smallest edge with at least this share of the values, 0 to 1, at or below it; nothing of no values.
    #[must_use]
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let wanted = ((share * self.n as f64).ceil() as u64).clamp(1, self.n.max(1));
        let mut below = 0;
        let reaches = |&&(_, count): &&(f64, u64)| {
            below += count;
            below >= wanted
        };
        self.counts.iter().find(reaches).map(|&(edge, _)| edge)
    }

    /// The standard deviation of the values, as if each were its edge; 0 of fewer than two.
    #[must_use]
    pub fn deviation(&self) -> f64 {
        if self.n < 2 {
            return 0.0;
        }
        let sum = |of: &dyn Fn(f64) -> f64| {
            self.counts.iter().map(|&(edge, count)| of(edge) * count as f64).sum::<f64>()
        };
        let mean = sum(&|edge| edge) / self.n as f64;
        (sum(&|edge| (edge - mean) * (edge - mean)) / (self.n - 1) as f64).sqrt()
    }

    /// The greatest difference between the two cumulative shares, 0 to 1: the distance of Kolmogorov and Smirnov. 0 when either
    /// has no values.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        if self.n == 0 || other.n == 0 {
            return 0.0;
        }
        let (mut mine, mut theirs) = (self.counts.iter().peekable(), other.counts.iter().peekable());
        let (mut below, mut farthest) = ([0u64; 2], 0.0f64);
        loop {
            let heads = [mine.peek(), theirs.peek()].into_iter().flatten().map(|&&(edge, _)| edge);
            let Some(edge) = heads.min_by(f64::total_cmp) else { return farthest };
            below[0] += mine.next_if(|&&(at, _)| at <= edge).map_or(0, |&(_, count)| count);
            below[1] += theirs.next_if(|&&(at, _)| at <= edge).map_or(0, |&(_, count)| count);
            let apart = below[0] as f64 / self.n as f64 - below[1] as f64 / other.n as f64;
            farthest = farthest.max(apart.abs());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Distribution {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        Distribution::of(&histogram, 1.0)
    }

    #[test]
    fn the_distance_is_the_greatest_gap_between_the_shares() {
        assert_eq!(of(&[1, 2, 3, 4]).distance(&of(&[1, 2, 3, 4])), 0.0);
        assert_eq!(of(&[1, 2]).distance(&of(&[3, 4])), 1.0);
        // After 2 there are 2 of 4 against 1 of 4.
        assert_eq!(of(&[1, 2, 5, 6]).distance(&of(&[2, 5, 6, 7])), 0.25);
        assert_eq!(of(&[]).distance(&of(&[1])), 0.0);
    }

    #[test]
    fn what_is_read_again_must_ascend_and_hold_something() {
        assert!(Distribution::new(vec![(0.5, 2), (0.7, 1)]).is_some_and(|it| it.n() == 3));
        for wrong in [vec![(0.7, 1), (0.5, 2)], vec![(0.5, 0)], vec![(f64::NAN, 1)], vec![(0.5, 1), (0.5, 1)]]
        {
            assert_eq!(Distribution::new(wrong), None);
        }
    }

    proptest! {
        /// Against the definition, value by value. Below 2,048 buckets are exact.
        #[test]
        fn distances_and_quantiles_are_those_of_the_values(
            mut left in prop::collection::vec(0..2_000u64, 1..60),
            right in prop::collection::vec(0..2_000u64, 1..60),
            share in 0.0..=1.0f64,
        ) {
            let at_most = |values: &[u64], x: u64| {
                values.iter().filter(|&&value| value <= x).count() as f64 / values.len() as f64
            };
            let gap = |x: &u64| (at_most(&left, *x) - at_most(&right, *x)).abs();
            let farthest = left.iter().chain(&right).map(gap).fold(0.0, f64::max);
            prop_assert!((of(&left).distance(&of(&right)) - farthest).abs() < 1e-12);
            let told = of(&left).quantile(share);
            left.sort_unstable();
            let rank = ((share * left.len() as f64).ceil() as usize).max(1);
            prop_assert_eq!(told, Some(left[rank - 1] as f64));
        }

        #[test]
        fn a_thousandth_apart_is_as_good_as_the_same(values in prop::collection::vec(1u64 << 20..1 << 40, 1..60)) {
            let mut histogram = Histogram::default();
            values.iter().for_each(|&value| histogram.record(value));
            for (&(edge, _), &least) in of(&values).counts().iter().zip(values.iter().min()) {
                prop_assert!(edge >= least as f64 && edge <= least as f64 * 1.001);
            }
        }
    }
}
