//! Random durations, as a scenario writes them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{seed::Rng, units::Nanos};

/// A random duration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Distribution {
    /// Always the same.
    Constant(Constant),
    /// Anything between two bounds, equally likely.
    Uniform(Uniform),
    /// Memoryless: the gaps of a Poisson process. Sessions of real peers are not like this.
    Exponential(Exponential),
    /// Weibull. Shapes below 1 have the heavy tails of measured peer sessions: about 0.6 for BitTorrent, 0.34 to 0.82
    /// over its traces.
    Weibull(Weibull),
    /// Log-normal: last-mile delays, response times of people.
    LogNormal(LogNormal),
    /// Pareto: the heaviest tail. Its mean is finite for shapes above 1.
    Pareto(Pareto),
}

/// Always the same.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Constant {
    /// The duration.
    pub value: Nanos,
}

/// Anything between two bounds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Uniform {
    /// The least.
    pub min: Nanos,
    /// The most.
    pub max: Nanos,
}

/// Memoryless.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Exponential {
    /// The mean.
    pub mean: Nanos,
}

/// Weibull.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Weibull {
    /// The shape, 0.1 to 10; 1 is exponential.
    #[schemars(schema_with = "shape")]
    pub shape: f64,
    /// The mean.
    pub mean: Nanos,
}

/// Log-normal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogNormal {
    /// The median.
    pub median: Nanos,
    /// The standard deviation of the logarithm, 0 to 10.
    #[schemars(schema_with = "sigma")]
    pub sigma: f64,
}

/// Pareto.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pareto {
    /// The shape, 0.1 to 10.
    #[schemars(schema_with = "shape")]
    pub shape: f64,
    /// The least.
    pub min: Nanos,
}

fn shape(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "number", "minimum": 0.1, "maximum": 10.0 })
}

fn sigma(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "number", "minimum": 0.0, "maximum": 10.0 })
}

impl Distribution {
    /// A draw from it.
    pub fn draw(&self, rng: &mut Rng) -> Nanos {
        match self {
            Self::Constant(Constant { value }) => *value,
            Self::Uniform(Uniform { min, max }) => {
                Nanos(min.0 + rng.below_nanos(Nanos(max.0.saturating_sub(min.0).saturating_add(1))).0)
            }
            Self::Exponential(Exponential { mean }) => scaled(*mean, rng.exponential()),
            Self::Weibull(Weibull { shape, mean }) => {
                // E = scale · Γ(1 + 1/shape); inverse transform of 1 − exp(−(x/scale)^shape).
                let unit_mean = libm::tgamma(1.0 + 1.0 / shape);
                scaled(*mean, libm::pow(rng.exponential(), 1.0 / shape) / unit_mean)
            }
            Self::LogNormal(LogNormal { median, sigma }) => scaled(*median, libm::exp(sigma * rng.normal())),
            Self::Pareto(Pareto { shape, min }) => scaled(*min, libm::pow(rng.unit(), -1.0 / shape)),
        }
    }

    /// A bound that no draw is below.
    #[must_use]
    pub fn least(&self) -> Nanos {
        match self {
            Self::Constant(Constant { value }) => *value,
            Self::Uniform(Uniform { min, .. }) => *min,
            // Less one for what is lost to rounding.
            Self::Pareto(Pareto { min, .. }) => Nanos(min.0.saturating_sub(1)),
            Self::Exponential(_) | Self::Weibull(_) | Self::LogNormal(_) => Nanos::ZERO,
        }
    }

    /// The mean, or none when it is infinite.
    #[must_use]
    pub fn mean(&self) -> Option<Nanos> {
        Some(match self {
            Self::Constant(Constant { value }) => *value,
            Self::Uniform(Uniform { min, max }) => Nanos(min.0 / 2 + max.0 / 2),
            Self::Exponential(Exponential { mean }) | Self::Weibull(Weibull { mean, .. }) => *mean,
            Self::LogNormal(LogNormal { median, sigma }) => scaled(*median, libm::exp(sigma * sigma / 2.0)),
            Self::Pareto(Pareto { shape, .. }) if *shape <= 1.0 => return None,
            Self::Pareto(Pareto { shape, min }) => scaled(*min, shape / (shape - 1.0)),
        })
    }
}

/// `unit × factor`, at most the end of time.
fn scaled(unit: Nanos, factor: f64) -> Nanos {
    // `as` saturates, and a product that is not a number cannot come of finite positive factors.
    Nanos((unit.0 as f64 * factor) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    #[test]
    fn draws_have_the_mean_that_is_promised() {
        let second = Nanos::from_secs(1);
        for (distribution, tolerance) in [
            (Distribution::Constant(Constant { value: second }), 0.0),
            (Distribution::Uniform(Uniform { min: Nanos::ZERO, max: second }), 0.01),
            (Distribution::Exponential(Exponential { mean: second }), 0.02),
            (Distribution::Weibull(Weibull { shape: 0.6, mean: second }), 0.03),
            (Distribution::LogNormal(LogNormal { median: second, sigma: 0.5 }), 0.02),
            (Distribution::Pareto(Pareto { shape: 3.0, min: second }), 0.02),
        ] {
            let mut rng = Seed(7).stream("test", &[]);
            let n = 100_000;
            let draws = (0..n).map(|_| distribution.draw(&mut rng));
            let draws =
                draws.inspect(|&draw| assert!(draw >= distribution.least(), "{distribution:?}: {draw}"));
            let mean = draws.map(Nanos::as_secs_f64).sum::<f64>() / f64::from(n);
            let promised = distribution.mean().expect("all of these have one").as_secs_f64();
            assert!((mean / promised - 1.0).abs() <= tolerance, "{distribution:?}: {mean} is not {promised}");
        }
    }

    #[test]
    fn a_tail_without_a_mean_says_so() {
        assert_eq!(Distribution::Pareto(Pareto { shape: 1.0, min: Nanos(1) }).mean(), None);
    }
}
