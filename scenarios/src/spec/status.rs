//! What a cluster says of a scenario: the status of the custom resource.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{Condition, Time};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How far a scenario has come. Programs read the conditions; people read the phase.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioStatus {
    /// The generation of the resource that all this is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The phase, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<Phase>,
    /// `Accepted`, `PeersReady`, `Running`, `ResultsCollected`, `Complete`, `Failed` and `Degraded`, each with the reason and, while something is
    /// awaited, what that is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["type"]))]
    pub conditions: Vec<Condition>,
    /// Peers that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers_ready: Option<i32>,
    /// Peers that the scenario has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peers_wanted: Option<i32>,
    /// The last run.
    #[serde(flatten)]
    pub run: Run,
    /// How often the run was begun: more than once when it was suspended meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<i32>,
    /// Runs before, the latest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 20))]
    pub history: Vec<Run>,
}

/// A run of a scenario, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Its name, from `spec.cluster.runId`. With it, the run has begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_id: Option<String>,
    /// The seed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// Whether the targets were met: `pass`, `fail`, or `invalid` when the run says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<String>,
    /// Whether the numbers can be believed: `valid`, `degraded` or `invalid`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validity: Option<String>,
    /// When its objects were first asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Time>,
    /// When it was over, with or without a result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished_at: Option<Time>,
    /// Where its result is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result_ref: Option<ResultRef>,
}

/// Where a result is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ResultRef {
    /// The ConfigMap with `report.json` and `report.html.gz`.
    pub config_map: String,
}

/// How far a scenario has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub enum Phase {
    /// It cannot be run as it is: the condition `Accepted` says why.
    Refused,
    /// It has no pods, as `spec.cluster.suspend` says.
    Suspended,
    /// Its pods are on their way.
    Starting,
    /// Its conductor waits for its peers.
    Joining,
    /// The scenario runs.
    Running,
    /// The conductor gathers what peers have seen, and the report is fetched.
    Collecting,
    /// There is a result.
    Complete,
    /// There is none, and will be none.
    Failed,
}

impl Phase {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Refused,
        Self::Suspended,
        Self::Starting,
        Self::Joining,
        Self::Running,
        Self::Collecting,
        Self::Complete,
        Self::Failed,
    ];

    /// As it is written.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Refused => "Refused",
            Self::Suspended => "Suspended",
            Self::Starting => "Starting",
            Self::Joining => "Joining",
            Self::Running => "Running",
            Self::Collecting => "Collecting",
            Self::Complete => "Complete",
            Self::Failed => "Failed",
        }
    }

    /// Whether a run is over.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Complete | Self::Failed)
    }
}
