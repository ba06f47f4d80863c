//! What is told of a run.

use std::{collections::BTreeSet, path::PathBuf};

use crate::fleet::Phase;
use peerlab_scenarios::{
    host::Peer,
    report::{Progress, Report, Stage, Trust, Verdict},
    units::Nanos,
};

/// The files of a run folder, by their paths in it.
#[derive(Clone, Debug, Default)]
pub struct Files {
    /// The folder.
    pub place: PathBuf,
    /// What is in it.
    pub names: BTreeSet<String>,
}

/// What is told of a run. `/status` answers with it as a [`Progress`].
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// How far it has come.
    pub stage: Stage,
    /// Whether others may come, or for a process of peers, whether these listen.
    pub is_ready: bool,
    /// Peers that are to take part.
    pub peers_wanted: u32,
    /// Those of them that are there.
    pub peers_ready: u32,
    /// The first of those that are not.
    pub peers_missing: Vec<Peer>,
    /// Planned connections that stand; of a process of peers, their ends here.
    pub connections: usize,
    /// The time of the run.
    pub elapsed: Nanos,
    /// When it ends.
    pub duration: Nanos,
    /// Whether its numbers can be believed, when there is a report.
    pub validity: Option<Trust>,
    /// How it ended, when there is a report.
    pub verdict: Option<Verdict>,
    /// What the program ends with.
    pub exit_code: Option<u8>,
    /// Why there is no report, or what is to be said of it.
    pub message: Option<String>,
    /// The run folder, when there is one.
    pub files: Files,
}

impl Status {
    /// Takes note of how far a run has come.
    pub fn see(&mut self, phase: Phase) {
        match phase {
            Phase::Starting { up, .. } => {
                self.stage = Stage::Waiting;
                self.peers_ready = up as u32;
            }
            Phase::Connecting { up, .. } => {
                self.stage = Stage::Starting;
                self.is_ready = true;
                self.connections = up;
            }
            Phase::Running { now, end, up } => {
                self.stage = Stage::Running;
                self.connections = up;
                self.elapsed = now;
                self.duration = end;
            }
            Phase::Collecting { .. } => self.stage = Stage::Collecting,
        }
    }

    /// There is a report, in these files.
    pub fn reported(&mut self, report: &Report, exit_code: u8, files: Files) {
        self.stage = Stage::Done;
        self.validity = Some(report.validity.state);
        self.verdict = Some(report.conclusion());
        self.message = (!report.validity.reasons.is_empty()).then(|| report.validity.reasons.join("; "));
        self.exit_code = Some(exit_code);
        self.files = files;
    }

    /// There is none, and why.
    pub fn failed(&mut self, why: String, exit_code: u8) {
        self.stage = Stage::Failed;
        self.message = Some(why);
        self.exit_code = Some(exit_code);
    }

    /// Whether the run is over, whatever came of it.
    pub(super) const fn is_over(&self) -> bool {
        matches!(self.stage, Stage::Done | Stage::Failed)
    }

    /// As JSON.
    pub(super) fn json(&self) -> String {
        let progress = Progress {
            phase: self.stage,
            peers_wanted: self.peers_wanted,
            peers_ready: self.peers_ready,
            peers_missing: self.peers_missing.iter().map(ToString::to_string).collect(),
            elapsed: self.elapsed,
            duration: self.duration,
            elapsed_seconds: self.elapsed.as_secs_f64(),
            duration_seconds: self.duration.as_secs_f64(),
            validity: self.validity,
            verdict: self.verdict,
            exit_code: self.exit_code,
            message: self.message.clone(),
            files: self.files.names.clone(),
        };
        serde_json::to_string(&progress).expect("a status is words and numbers")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_tells_how_far_a_run_has_come_and_why_there_is_no_report() {
        let mut status = Status { peers_wanted: 3, peers_missing: vec![Peer(2)], ..Status::default() };
        status.see(Phase::Running { now: Nanos::from_secs(41), end: Nanos::from_secs(330), up: 7 });
        let json = status.json();
        for part in [
            r#""phase":"running""#,
            r#""peersWanted":3"#,
            r#""peersMissing":["peer 2"]"#,
            r#""elapsed":"41s","duration":"330s","elapsedSeconds":41.0,"durationSeconds":330.0"#,
            r#""validity":null,"verdict":null,"exitCode":null,"message":null,"files":[]"#,
        ] {
            assert!(json.contains(part), "{json} without {part}");
        }
        assert!(!status.is_over());
        status.failed("nobody came".to_owned(), 3);
        let json = status.json();
        assert!(
            json.contains(r#""phase":"failed""#) && json.contains(r#""exitCode":3,"message":"nobody came""#)
        );
        assert!(status.is_over());
    }
}
