//! How far a run has come.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Trust, Verdict};
use crate::units::Nanos;

/// What a run on real peers does at the moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// Peers are waited for.
    #[default]
    Waiting,
    /// Neighbours connect.
    Starting,
    /// It goes on.
    Running,
    /// Peers say and hear their last, and the report is written.
    Collecting,
    /// There is a report, or for a process of peers: all was said.
    Done,
    /// There is none, and never will be.
    Failed,
}

impl Stage {
    /// All, in their order.
    pub const ALL: [Self; 6] =
        [Self::Waiting, Self::Starting, Self::Running, Self::Collecting, Self::Done, Self::Failed];

    /// As it is told.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Starting => "starting",
            Self::Running => "running",
            Self::Collecting => "collecting",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// How far a run on real peers has come: what `GET /status` is answered with, as who tells it writes it and who asks for it reads it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is done at the moment.
    pub phase: Stage,
    /// Peers that are to take part.
    pub peers_wanted: u32,
    /// Those of them that are there.
    pub peers_ready: u32,
    /// The first of those that are not, as people call them.
    #[serde(default)]
    pub peers_missing: Vec<String>,
    /// How long the run has been going on.
    #[serde(default)]
    pub elapsed: Nanos,
    /// How long it will have been.
    #[serde(default)]
    pub duration: Nanos,
    /// The first of these in seconds.
    #[serde(default)]
    pub elapsed_seconds: f64,
    /// The second.
    #[serde(default)]
    pub duration_seconds: f64,
    /// Whether its numbers can be believed, when there is a report.
    #[serde(default)]
    pub validity: Option<Trust>,
    /// How it ended, when there is a report.
    #[serde(default)]
    pub verdict: Option<Verdict>,
    /// What the program ends with, when the run is over.
    #[serde(default)]
    pub exit_code: Option<u8>,
    /// Why there is no report, or what is to be said of it.
    #[serde(default)]
    pub message: Option<String>,
    /// The files of the run folder, when there is one, by their paths in it.
    #[serde(default)]
    pub files: BTreeSet<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_what_is_read_and_may_leave_out_what_there_is_not_yet() {
        let progress = Progress {
            phase: Stage::Done,
            peers_wanted: 3,
            peers_ready: 2,
            peers_missing: vec!["peer 2".to_owned()],
            elapsed: Nanos::from_secs(41),
            validity: Some(Trust::Degraded),
            verdict: Some(Verdict::Missed),
            exit_code: Some(1),
            ..Progress::default()
        };
        let told = serde_json::to_string(&progress).unwrap();
        assert!(told.contains(r#""elapsed":"41s""#) && told.contains(r#""verdict":"fail""#), "{told}");
        assert_eq!(serde_json::from_str::<Progress>(&told).unwrap(), progress);
        let little = r#"{"phase": "waiting", "peersWanted": 3, "peersReady": 0, "unheardOf": 1}"#;
        assert_eq!(
            serde_json::from_str::<Progress>(little).unwrap(),
            Progress { peers_wanted: 3, ..Progress::default() }
        );
    }

    #[test]
    fn a_stage_has_one_name() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
    }
}
