//! Facts, and the report that they add up to.

pub mod chat;
pub mod comparison;
mod distribution;
mod fact;
pub mod fidelity;
mod histogram;
pub mod lookups;
pub mod metric;
pub mod replicates;
mod settling;
mod stage;
pub mod statistics;
mod summary;
pub mod update;
mod verdict;
mod workload;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use chat::ChatRecorder;
pub use distribution::Distribution;
pub use fact::{Asked, ChunkFate, Fact, KademliaCount, ManifestFault, PubsubCount, Route};
pub use histogram::Histogram;
pub use lookups::LookupsRecorder;
pub use metric::{Metric, Unit};
pub use settling::{NOTABLE_BIAS, Settling};
pub use stage::{Progress, Stage};
pub use summary::{Statistic, Summary};
pub use update::UpdateRecorder;
pub use verdict::{Bound, Invariant, TargetResult, Trust, Validity, bounds, judge};
pub use workload::WorkloadRecorder;

/// The version of the report's form; it changes when a field is renamed or means something else.
pub const SCHEMA: &str = "peerlab.dev/report/v1";

/// What came of a run: `report.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA`].
    pub schema: String,
    /// Which engine ran it: `model`, `virtual` or `live`.
    pub engine: String,
    /// What was run.
    pub scenario: ScenarioSummary,
    /// The seed.
    pub seed: u64,
    /// Whether the numbers can be believed.
    pub validity: Validity,
    /// The numbers, by name.
    pub metrics: BTreeMap<String, Summary>,
    /// What was asked of them.
    pub targets: Vec<TargetResult>,
    /// What must hold in every run.
    pub invariants: Vec<Invariant>,
    /// Where the report comes from. All that differs between two runs of one scenario and seed is here.
    pub provenance: serde_json::Value,
}

/// What was run, in short.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ScenarioSummary {
    /// Its name.
    pub name: String,
    /// Which question it answers.
    pub description: Option<String>,
    /// How many peers.
    pub peers: u32,
    /// How many edges their topology has.
    pub edges: u64,
    /// How long workloads went on, in seconds.
    pub duration: f64,
    /// What did not count at the beginning, in seconds.
    pub warm_up: f64,
    /// When it had settled, by what was seen.
    pub settling: Settling,
    /// What followed at the end, in seconds.
    pub cool_down: f64,
    /// When the run was stopped, in seconds, if that was before its end; absent otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interrupted: Option<f64>,
    /// What went wrong by plan.
    pub faults: Vec<FaultSummary>,
}

/// A fault, and what it hit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FaultSummary {
    /// Its name.
    pub name: String,
    /// Its kind.
    pub kind: String,
    /// When it began, in seconds.
    pub at: f64,
    /// When it ended, in seconds; nothing when it lasted to the end.
    pub until: Option<f64>,
    /// Messages that it cut or strained, or peers that it stopped or kept from starting.
    pub hits: u64,
}

/// How a run ended, as programs see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Verdict {
    /// Every target was met.
    #[serde(rename = "pass")]
    Met,
    /// A target was missed.
    #[serde(rename = "fail")]
    Missed,
    /// The run says nothing.
    #[serde(rename = "invalid")]
    Invalid,
}

impl Verdict {
    /// In a word, as programs are told of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Met => "pass",
            Self::Missed => "fail",
            Self::Invalid => "invalid",
        }
    }

    /// The exit code: 0, 1 or 3. 2 stands for bad input, of which there is no report.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Met => 0,
            Self::Missed => 1,
            Self::Invalid => 3,
        }
    }

    /// What a program says that has ended with this code.
    #[must_use]
    pub fn of_exit_code(code: i32) -> Option<Self> {
        [Self::Met, Self::Missed, Self::Invalid]
            .into_iter()
            .find(|verdict| i32::from(verdict.exit_code()) == code)
    }
}

impl Report {
    /// How the run ended.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        if self.validity.state == Trust::Invalid {
            Verdict::Invalid
        } else if self.targets.iter().all(|target| target.met) {
            Verdict::Met
        } else {
            Verdict::Missed
        }
    }

    /// What came of the run as it was planned: one that was interrupted says nothing of targets that are for the whole of it.
    #[must_use]
    pub fn conclusion(&self) -> Verdict {
        if self.scenario.interrupted.is_some() { Verdict::Invalid } else { self.verdict() }
    }
}
