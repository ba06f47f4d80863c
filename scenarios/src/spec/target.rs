//! What must come out for the run to pass.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A bound on a metric. Quantities are written with the metric's own unit; `peerlab-sim metrics` lists them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.p50) || has(self.p95) || has(self.p99) || has(self.max) || has(self.atMost) || has(self.atLeast)",
      "message": "a target bounds something: p50, p95, p99, max, atMost or atLeast" },
]))]
pub struct Target {
    /// The metric, such as `rooms.delivery.latency`.
    #[schemars(length(min = 1, max = 200))]
    pub metric: String,
    /// The median is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub p50: Option<String>,
    /// The 95th percentile is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub p95: Option<String>,
    /// The 99th percentile is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub p99: Option<String>,
    /// The largest is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub max: Option<String>,
    /// The mean is at most this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub at_most: Option<String>,
    /// The mean is at least this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 50))]
    pub at_least: Option<String>,
}
