//! What goes wrong, and when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Who;
use crate::units::{Nanos, Share};

/// Something that goes wrong at an instant, for a while or for good. Exactly one kind must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "[has(self.partition), has(self.outage), has(self.degrade), has(self.kill), has(self.stop)].filter(x, x).size() == 1",
      "message": "a fault is exactly one of: partition, outage, degrade, kill, stop" },
]))]
pub struct Fault {
    /// Its name in the report.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// When it begins, from the run's start.
    pub at: Nanos,
    /// How long it lasts. Default: to the end of the run.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub lasts: Option<Nanos>,
    /// Nothing passes between two parts of the network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// Nothing passes to or from these peers, which go on running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outage: Option<Who>,
    /// What passes to or from these peers is slower, or is lost more often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub degrade: Option<Degrade>,
    /// These peers crash, and lose what they did not store. With `for`, they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kill: Option<Who>,
    /// These peers leave in good order. With `for`, they come back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Who>,
}

/// A cut between two parts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Partition {
    /// The two parts. Peers in neither are cut from nobody; none may be in both.
    #[schemars(length(min = 2, max = 2))]
    pub between: Vec<Who>,
}

/// A worse network for some.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.latency) || has(self.loss) || has(self.rate)", "message": "a degraded link has more latency, more loss or less rate" },
]))]
pub struct Degrade {
    /// Whose.
    #[serde(default)]
    pub who: Who,
    /// One-way delay added to each message to or from them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<Nanos>,
    /// Packets lost, besides those lost anyway.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss: Option<Share>,
    /// What is left of the rate of their links.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Share>,
}
