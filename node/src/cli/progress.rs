//! How far a fleet has come, for people.

use std::io::{IsTerminal as _, Write as _};

use peerlab_node::fleet::Phase;
use peerlab_scenarios::units::Nanos;

/// A line on standard error: rewritten in place on a terminal, and otherwise written when a phase begins.
pub(super) struct Progress {
    is_quiet: bool,
    is_terminal: bool,
    phase: Option<std::mem::Discriminant<Phase>>,
}

impl Progress {
    pub(super) fn new(is_quiet: bool) -> Self {
        Self { is_quiet, is_terminal: std::io::stderr().is_terminal(), phase: None }
    }

    pub(super) fn show(&mut self, phase: Phase) {
        let kind = std::mem::discriminant(&phase);
        let is_new = self.phase.replace(kind) != Some(kind);
        if is_new {
            tracing::info!("{}", text(phase));
        }
        if self.is_quiet || !(is_new || self.is_terminal) {
            return;
        }
        let text = text(phase);
        if self.is_terminal {
            eprint!("\r\x1b[K{text}");
            // A line that is not shown yet is shown with the next.
            let _ = std::io::stderr().flush();
        } else {
            eprintln!("{text}");
        }
    }

    /// Takes the line away.
    pub(super) fn finish(&self) {
        if self.is_terminal && !self.is_quiet {
            eprint!("\r\x1b[K");
        }
    }
}

fn text(phase: Phase) -> String {
    match phase {
        Phase::Starting { up, of } => format!("starting {up}/{of} peers"),
        Phase::Connecting { up, of } => format!("waiting for the mesh: {up}/{of} connections"),
        Phase::Running { now, end, .. } => format!("running {} of {}", minutes(now), minutes(end)),
        Phase::Collecting { done, of } => format!("collecting from {done}/{of} peers"),
    }
}

/// `00:41`, or `1:00:41` from an hour on.
fn minutes(time: Nanos) -> String {
    let seconds = time.0 / 1_000_000_000;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_told_as_on_a_clock() {
        let running =
            |now| text(Phase::Running { now: Nanos::from_secs(now), end: Nanos::from_secs(300), up: 0 });
        assert_eq!(running(41), "running 00:41 of 05:00");
        assert_eq!(minutes(Nanos::from_secs(3_641)), "1:00:41");
    }
}
