//! What is told in events: what has changed in a status, in the words of its conditions.

use peerlab_scenarios::spec::crd::status::{Phase, ScenarioStatus};

use super::{
    conditions::{
        self, ACCEPTED, COMPLETE, DEGRADED, FAILED, IN_PROGRESS, PEERS_READY, RESULTS_COLLECTED, RUNNING,
    },
    decide::waits_for_its_turn,
};

/// Something worth telling.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Whether somebody may have to do something about it.
    pub is_warning: bool,
    /// One word in CamelCase.
    pub reason: String,
    /// The rest.
    pub note: String,
}

/// The longest note that the API server takes is 1 kB; characters may have more bytes than one.
const NOTE_BYTES: usize = 1_000;

/// What is told of a change from one status to the next.
pub(super) fn story(before: &ScenarioStatus, after: &ScenarioStatus) -> Vec<Event> {
    let mut events = Vec::new();
    let mut tell = |is_warning, reason: &str, note: &str| {
        let mut end = note.len().min(NOTE_BYTES);
        while !note.is_char_boundary(end) {
            end -= 1;
        }
        events.push(Event { is_warning, reason: reason.to_owned(), note: note[..end].to_owned() });
    };
    let message = |type_: &str| {
        conditions::find(&after.conditions, type_).map_or("", |condition| condition.message.as_str())
    };
    let turned = |type_: &str| {
        let new = conditions::find(&after.conditions, type_)?;
        let old = conditions::find(&before.conditions, type_);
        let is_told = old.is_some_and(|old| (&old.status, &old.reason) == (&new.status, &new.reason));
        (!is_told).then_some(new)
    };
    if let Some(accepted) = turned(ACCEPTED).filter(|accepted| accepted.status == "False") {
        tell(true, &accepted.reason, &accepted.message);
    }
    if let Some(degraded) = turned(DEGRADED).filter(|degraded| degraded.status == "True") {
        tell(true, &degraded.reason, &degraded.message);
    }
    if let Some(waits) = turned(PEERS_READY).filter(|_| waits_for_its_turn(after)) {
        tell(false, &waits.reason, &waits.message);
    }
    if let Some(ends) =
        turned(RUNNING).filter(|running| running.status == "True" && running.reason != IN_PROGRESS)
    {
        tell(true, &ends.reason, &ends.message);
    }
    let Some(phase) = after.phase.filter(|phase| before.phase != Some(*phase)) else { return events };
    let run = after.run.run_id.as_deref().unwrap_or_default();
    match phase {
        Phase::Refused => {}
        Phase::Suspended => tell(false, phase.name(), message(RUNNING)),
        Phase::Starting => tell(false, phase.name(), &format!("run {run}: {}", message(ACCEPTED))),
        Phase::Joining => tell(false, phase.name(), message(PEERS_READY)),
        Phase::Running => tell(false, phase.name(), &format!("run {run}: {}", message(PEERS_READY))),
        Phase::Collecting => tell(false, phase.name(), message(RESULTS_COLLECTED)),
        Phase::Complete => {
            tell(false, phase.name(), &format!("{}; {}", message(COMPLETE), message(RESULTS_COLLECTED)));
        }
        Phase::Failed => {
            let reason =
                conditions::find(&after.conditions, FAILED).map_or("Failed", |failed| failed.reason.as_str());
            tell(true, reason, message(FAILED));
        }
    }
    events
}
