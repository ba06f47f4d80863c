//! How far a run has come.

use serde::{Deserialize, Serialize};

/// How far a run on real peers has come, as it says over HTTP, and as who asks for it reads.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stage_has_one_name() {
        for stage in Stage::ALL {
            assert_eq!(serde_json::to_value(stage).unwrap(), stage.name());
        }
    }
}
