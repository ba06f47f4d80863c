//! When there are runs enough.

use serde::{Deserialize, Serialize};

use crate::report::{Report, Statistic, statistics::Estimate};

/// One number of each run, by metric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Measure {
    /// The metric's full name.
    pub metric: String,
    /// Which of its numbers.
    pub statistic: Statistic,
}

/// Run on until the intervals of all measures are narrow enough.
///
/// This is the sequential procedure of Law, *Simulation Modeling and Analysis*, 5th edition, section 9.4.1: stop at the
/// first number of runs at which the half-width by the mean is at most `γ / (1 + γ)`, so that the mean's own relative error
/// is at most `γ` with the interval's confidence. A rule that looks at the data stops a little too readily: intervals
/// then hold the truth somewhat less often than they say. That the shortfall vanishes as `γ` shrinks is the theorem of Chow
/// and Robbins, *On the asymptotic theory of fixed-width sequential confidence intervals for the mean*, Annals of
/// Mathematical Statistics 36 (1965); that it is small in practice needs no fewer than [`StoppingRule::FEWEST`] runs (Law
/// and Kelton, *Operations Research* 30 (1982)).
#[derive(Clone, Debug, PartialEq)]
pub struct StoppingRule {
    /// The relative error `γ` that is asked for, above 0.
    pub relative_error: f64,
    /// What is to be so precise.
    pub measures: Vec<Measure>,
    /// The number of runs at which to stop in any case.
    pub most: u64,
}

/// How a rule ended the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Stopping {
    /// The relative error that was asked for.
    pub relative_error: f64,
    /// Whether it was reached.
    pub reached: bool,
    /// The number of runs at which it would have stopped in any case.
    pub most: u64,
    /// How precise each measure became.
    pub measures: Vec<Precision>,
}

/// How precise a measure is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Precision {
    /// What is measured.
    #[serde(flatten)]
    pub measure: Measure,
    /// Half of its interval's width by its mean; nothing when there is no interval or its mean is nought.
    pub relative_half_width: Option<f64>,
}

impl StoppingRule {
    /// Runs before the rule is asked at all.
    pub const FEWEST: u64 = 10;

    /// Whether these runs are enough.
    #[must_use]
    pub fn is_satisfied(&self, reports: &[Report]) -> bool {
        let enough =
            |precision: Precision| precision.relative_half_width.is_some_and(|width| width <= self.width());
        reports.len() as u64 >= Self::FEWEST && self.precisions(reports).into_iter().all(enough)
    }

    /// How these runs end under the rule.
    #[must_use]
    pub fn outcome(&self, reports: &[Report]) -> Stopping {
        Stopping {
            relative_error: self.relative_error,
            reached: self.is_satisfied(reports),
            most: self.most,
            measures: self.precisions(reports),
        }
    }

    /// The widest relative half-width that will do.
    fn width(&self) -> f64 {
        self.relative_error / (1.0 + self.relative_error)
    }

    fn precisions(&self, reports: &[Report]) -> Vec<Precision> {
        let precision = |measure: &Measure| {
            let value = |report: &Report| report.metrics.get(&measure.metric)?.value(measure.statistic);
            let values: Vec<f64> = reports.iter().filter_map(value).collect();
            let width = Estimate::of(&values).map(|estimate| estimate.relative_half_width());
            Precision {
                measure: measure.clone(),
                relative_half_width: width.filter(|width| width.is_finite()),
            }
        };
        self.measures.iter().map(precision).collect()
    }
}
