//! Curves of several runs, and how far their mean may be off.

use peerlab_scenarios::report::{Histogram, statistics::Estimate};

/// A point of a curve that is the mean of several runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BandPoint {
    /// Where.
    pub x: f64,
    /// The mean over runs.
    pub mean: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// A curve that is the mean of several runs: point by point, with the interval of each point by itself.
pub type Band = Vec<BandPoint>;

/// How many values lie at or below each: a histogram's counts, without the room for those that are nought.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Steps(Vec<(u64, u64)>);

impl Steps {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let mut below = 0;
        let step = |(value, count)| {
            below += count;
            (value, below)
        };
        Self(histogram.counts().map(step).collect())
    }

    /// How many values are at or below this one.
    fn at(&self, value: u64) -> u64 {
        let after = self.0.partition_point(|(step, _)| *step <= value);
        after.checked_sub(1).map_or(0, |place| self.0[place].1)
    }

    /// How many values there are.
    pub(super) fn total(&self) -> u64 {
        self.0.last().map_or(0, |(_, below)| *below)
    }
}

/// The mean share of values at or below each of these, with its interval cut to 0..=1. Of each run there are its steps and
/// the whole that the share is of; a run without a whole is left out.
pub(super) fn shares(at: impl Iterator<Item = u64>, runs: &[(&Steps, u64)], per_unit: f64) -> Band {
    at.filter_map(|value| {
        let present = runs.iter().filter(|(_, whole)| *whole > 0);
        let shares: Vec<f64> = present.map(|(steps, whole)| steps.at(value) as f64 / *whole as f64).collect();
        let point = point(value as f64 / per_unit, &shares)?;
        Some(BandPoint { low: point.low.max(0.0), high: point.high.min(1.0), ..point })
    })
    .collect()
}

/// The mean of these values and its interval, which is the value itself when there is only one.
pub(super) fn point(x: f64, values: &[f64]) -> Option<BandPoint> {
    match values {
        [] => None,
        [mean] => Some(BandPoint { x, mean: *mean, low: *mean, high: *mean }),
        values => {
            Estimate::of(values).map(|Estimate { mean, low, high, .. }| BandPoint { x, mean, low, high })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(values: &[u64]) -> Steps {
        let mut histogram = Histogram::default();
        values.iter().for_each(|value| histogram.record(*value));
        Steps::of(&histogram)
    }

    #[test]
    fn steps_count_as_the_histogram_does() {
        let steps = steps(&[5, 7, 7, 100]);
        assert_eq!([0, 5, 6, 7, 99, 100, u64::MAX].map(|value| steps.at(value)), [0, 1, 1, 3, 3, 4, 4]);
        assert_eq!(steps.total(), 4);
    }

    #[test]
    fn a_band_is_the_interval_of_each_share() {
        let (one, other, none) = (steps(&[1, 2]), steps(&[2, 3]), steps(&[]));
        let band = shares([1, 2, 3].into_iter(), &[(&one, 2), (&other, 2), (&none, 0)], 1.0);
        let means: Vec<_> = band.iter().map(|point| (point.x, point.mean)).collect();
        assert_eq!(means, [(1.0, 0.25), (2.0, 0.75), (3.0, 1.0)]);
        assert_eq!((band[0].low, band[2].low, band[2].high), (0.0, 1.0, 1.0), "shares end at 0 and 1");
        assert_eq!(shares([1].into_iter(), &[(&none, 0)], 1.0), []);
    }
}
