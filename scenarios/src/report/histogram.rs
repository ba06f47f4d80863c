//! Many whole numbers in little memory: exact where it can be, close where it cannot.

use hdrhistogram::Histogram as Buckets;

/// How many numbers there were, how they were spread, and exactly their sum, smallest and largest.
///
/// Numbers fall into buckets that are narrower than a thousandth of what is in them (HdrHistogram with three significant
/// digits), so that memory grows with the logarithm of the largest. A quantile is the upper edge of its bucket, but never
/// above the largest number: it is not below the exact one, and less than 0.1 % above it. Numbers below 2,048 have buckets
/// of their own.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    buckets: Buckets<u64>,
    sum: u128,
    min: u64,
    max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: Buckets::new(3).expect("three digits are allowed"), sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    /// Counts a number.
    pub fn record(&mut self, value: u64) {
        self.buckets.record(value).expect("a histogram grows as needed");
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// Counts a number so many times.
    pub fn record_times(&mut self, value: u64, times: u64) {
        if times > 0 {
            self.buckets.record_n(value, times).expect("a histogram grows as needed");
            self.sum += u128::from(value) * u128::from(times);
            self.min = self.min.min(value);
            self.max = self.max.max(value);
        }
    }

    /// Counts all that another has counted.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.add(&other.buckets).expect("a histogram grows as needed");
        self.sum += other.sum;
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// How many numbers were counted.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.buckets.len()
    }

    /// Whether none was counted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Their mean, from the exact sum; 0 of none.
    #[must_use]
    pub fn mean(&self) -> f64 {
        if self.is_empty() { 0.0 } else { self.sum as f64 / self.len() as f64 }
    }

    /// The smallest, exactly; 0 of none.
    #[must_use]
    pub fn min(&self) -> u64 {
        if self.is_empty() { 0 } else { self.min }
    }

    /// The largest, exactly; 0 of none.
    #[must_use]
    pub const fn max(&self) -> u64 {
        self.max
    }

    /// The smallest number with at least this share, from 0 to 1, at or below it, to the precision of the type; 0 of none.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        self.buckets.value_at_quantile(share).clamp(self.min(), self.max)
    }

    /// The upper edges of all buckets that hold something, as quantiles have them, with how many numbers each holds.
    pub fn counts(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets().map(|(edge, count)| (edge.clamp(self.min(), self.max), count))
    }

    /// The same with the edges as they are, which may lie above the largest number: two histograms have them in common.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.buckets.iter_recorded().map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
    }

    /// How many numbers are at most this one, or in its bucket.
    #[must_use]
    pub fn count_up_to(&self, value: u64) -> u64 {
        self.buckets.count_between(0, value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(values: &[u64]) -> Histogram {
        let mut histogram = Histogram::default();
        values.iter().for_each(|&value| histogram.record(value));
        histogram
    }

    #[test]
    fn of_one_number_every_figure_is_that_number() {
        let histogram = of(&[123_456_789]);
        let figures = [histogram.min(), histogram.quantile(0.5), histogram.quantile(0.99), histogram.max()];
        assert_eq!((figures, histogram.mean()), ([123_456_789; 4], 123_456_789.0));
    }

    #[test]
    fn of_none_every_figure_is_nought() {
        let none = Histogram::default();
        assert_eq!((none.len(), none.min(), none.max(), none.quantile(0.5), none.mean()), (0, 0, 0, 0, 0.0));
    }

    proptest! {
        #[test]
        fn sums_and_extremes_are_exact_and_quantiles_are_a_thousandth_above_at_most(
            mut values in prop::collection::vec(0..u64::MAX >> 8, 1..200),
            share in 0.0..=1.0f64,
        ) {
            let histogram = of(&values);
            values.sort_unstable();
            let sum: u128 = values.iter().map(|&value| u128::from(value)).sum();
            prop_assert_eq!(histogram.mean(), sum as f64 / values.len() as f64);
            prop_assert_eq!((histogram.min(), histogram.max()), (values[0], values[values.len() - 1]));
            let rank = ((share * values.len() as f64).ceil() as usize).max(1);
            let (exact, told) = (values[rank - 1], histogram.quantile(share));
            prop_assert!(exact <= told && told - exact <= exact / 1_000, "{} for {}", told, exact);
        }

        #[test]
        fn counts_carry_all_but_the_sum_and_the_smallest(values in prop::collection::vec(any::<u32>(), 0..50)) {
            let histogram = of(&values.iter().map(|&value| u64::from(value)).collect::<Vec<_>>());
            let mut carried = Histogram::default();
            histogram.counts().for_each(|(value, times)| carried.record_times(value, times));
            prop_assert_eq!((carried.len(), carried.max()), (histogram.len(), histogram.max()));
            for share in [0.5, 0.99, 1.0] {
                prop_assert_eq!(carried.quantile(share), histogram.quantile(share));
            }
        }

        #[test]
        fn merging_is_counting_both(
            left in prop::collection::vec(any::<u32>(), 0..50),
            right in prop::collection::vec(any::<u32>(), 0..50),
        ) {
            let wide = |values: &[u32]| values.iter().map(|&value| u64::from(value)).collect::<Vec<_>>();
            let (left, right) = (wide(&left), wide(&right));
            let mut merged = of(&left);
            merged.merge(&of(&right));
            prop_assert_eq!(merged, of(&[left, right].concat()));
        }
    }
}
