//! A metric's numbers: how many, their mean and their quantiles.

use serde::{Deserialize, Serialize};

use super::{Histogram, Unit};

/// The distribution of a metric, in its unit.
///
/// Where there is nothing to count (`n` is 0), all others are 0 too. A metric that is one number has `n` 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The unit of all but `n`.
    pub unit: Unit,
    /// How many values.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// Their median.
    pub p50: f64,
    /// Their 95th percentile.
    pub p95: f64,
    /// Their 99th percentile.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// One number of a distribution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Statistic {
    /// The mean.
    Mean,
    /// The median.
    P50,
    /// The 95th percentile.
    P95,
    /// The 99th percentile.
    P99,
    /// The largest.
    Max,
}

impl Statistic {
    /// All, in the order of a summary.
    pub const ALL: [Self; 5] = [Self::Mean, Self::P50, Self::P95, Self::P99, Self::Max];

    /// As it stands in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::P50 => "p50",
            Self::P95 => "p95",
            Self::P99 => "p99",
            Self::Max => "max",
        }
    }
}

impl Summary {
    /// One of its numbers, or nothing when there was nothing to count.
    #[must_use]
    pub fn value(&self, statistic: Statistic) -> Option<f64> {
        let value = match statistic {
            Statistic::Mean => self.mean,
            Statistic::P50 => self.p50,
            Statistic::P95 => self.p95,
            Statistic::P99 => self.p99,
            Statistic::Max => self.max,
        };
        (self.n > 0).then_some(value)
    }

    /// Of one number.
    #[must_use]
    pub fn one(unit: Unit, value: f64) -> Self {
        Self { unit, n: 1, mean: value, p50: value, p95: value, p99: value, max: value }
    }

    /// Of nothing.
    #[must_use]
    pub const fn none(unit: Unit) -> Self {
        Self { unit, n: 0, mean: 0.0, p50: 0.0, p95: 0.0, p99: 0.0, max: 0.0 }
    }

    /// Of whole numbers, each worth `1 / per_unit` of the unit. Quantiles are values that occur: the smallest with at least
    /// that share at or below it (nearest rank).
    #[must_use]
    pub fn of(unit: Unit, mut values: Vec<u64>, per_unit: f64) -> Self {
        values.sort_unstable();
        let Some(&max) = values.last() else { return Self::none(unit) };
        let n = values.len();
        let at =
            |quantile: f64| values[((quantile * n as f64).ceil() as usize).clamp(1, n) - 1] as f64 / per_unit;
        // An integer sum is the same in every order.
        let sum: u128 = values.iter().map(|&value| u128::from(value)).sum();
        Self {
            unit,
            n: n as u64,
            mean: sum as f64 / n as f64 / per_unit,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: max as f64 / per_unit,
        }
    }

    /// Of a histogram whose values are worth `1 / per_unit` of the unit: mean and maximum are exact, quantiles are to its precision.
    #[must_use]
    pub fn of_histogram(unit: Unit, histogram: &Histogram, per_unit: f64) -> Self {
        if histogram.is_empty() {
            return Self::none(unit);
        }
        let at = |quantile: f64| histogram.quantile(quantile) as f64 / per_unit;
        Self {
            unit,
            n: histogram.len(),
            mean: histogram.mean() / per_unit,
            p50: at(0.5),
            p95: at(0.95),
            p99: at(0.99),
            max: histogram.max() as f64 / per_unit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_by_nearest_rank() {
        let summary = Summary::of(Unit::Seconds, (1..=100).rev().collect(), 10.0);
        assert_eq!(
            (summary.n, summary.p50, summary.p95, summary.p99, summary.max),
            (100, 5.0, 9.5, 9.9, 10.0)
        );
        assert_eq!(Summary::of(Unit::Count, vec![7], 1.0), Summary::one(Unit::Count, 7.0));
        assert_eq!(Summary::of(Unit::Count, vec![], 1.0).n, 0);
    }
}
