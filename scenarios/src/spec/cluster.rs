//! What only a cluster asks of a scenario.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Count;
use crate::units::Nanos;

/// How a cluster runs the scenario. It changes nothing of what is simulated or measured, so engines that are one program accept it and leave it
/// alone: the same file runs everywhere. It is a part of `spec`, and not a set of annotations, so that it is checked and explained like all else.
///
/// Once a run has begun, `runId`, `cancel`, `suspend`, `ttlAfterFinished` and `history` may still be changed; the rest of `spec` only together with
/// `runId`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cluster {
    /// The name of the run: lower-case letters, digits and dashes. Another name runs the scenario again; what is under way then ends
    /// without a result. Default: `"1"`.
    #[serde(default = "first_run")]
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub run_id: String,
    /// Peers of a group that share a pod, at the most. Default: 10.
    #[serde(default = "ten")]
    pub peers_per_pod: Count<1, 1_000>,
    /// The run that is to end now, by its `runId`. What its peers have seen so far becomes its report, which says that it was interrupted, and its
    /// verdict is `invalid`; where they have not begun, it ends without a report. Another `runId` runs the scenario again. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 20), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub cancel: Option<String>,
    /// No pods: a run that has not begun waits, one that is under way ends without a result and begins anew afterwards. Default: false.
    #[serde(default)]
    pub suspend: bool,
    /// The ConfigMap, in the scenario's namespace, that has the files that the scenario names. A key of it is a file's name without its
    /// folders. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub files: Option<String>,
    /// How long pods may take until they run: to be scheduled, to have their images pulled. It comes before `start.deadline`, which is
    /// about peers that run. Default: 5m.
    #[serde(default = "five_minutes")]
    pub pods_deadline: Nanos,
    /// How long after its end the scenario is deleted, with its results. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_after_finished: Option<Nanos>,
    /// Runs before the last one whose results are kept. Default: 3.
    #[serde(default = "three")]
    pub history: Count<0, 20>,
}

impl Default for Cluster {
    fn default() -> Self {
        Self {
            run_id: first_run(),
            peers_per_pod: ten(),
            cancel: None,
            suspend: false,
            files: None,
            pods_deadline: five_minutes(),
            ttl_after_finished: None,
            history: three(),
        }
    }
}

impl Cluster {
    /// Whether the run that it names is to end now.
    #[must_use]
    pub fn cancels(&self) -> bool {
        self.cancel.as_ref() == Some(&self.run_id)
    }
}

fn first_run() -> String {
    "1".to_owned()
}

const fn ten() -> Count<1, 1_000> {
    Count::new(10)
}

const fn three() -> Count<0, 20> {
    Count::new(3)
}

const fn five_minutes() -> Nanos {
    Nanos::from_secs(300)
}
