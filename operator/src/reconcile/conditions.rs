//! Conditions of a status: <https://kubernetes.io/docs/reference/using-api/api-concepts/>, as API conventions have them.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::{Condition, Time},
    jiff::Timestamp,
};

/// The scenario can be run.
pub const ACCEPTED: &str = "Accepted";
/// Its peers are there.
pub const PEERS_READY: &str = "PeersReady";
/// It runs.
pub const RUNNING: &str = "Running";
/// Its report is kept.
pub const RESULTS_COLLECTED: &str = "ResultsCollected";
/// There is a result.
pub const COMPLETE: &str = "Complete";
/// There is none, and will be none.
pub const FAILED: &str = "Failed";
/// Something disturbed the run.
pub const DEGRADED: &str = "Degraded";

/// The reason of [`RUNNING`] while nobody has a mind to end the run.
pub const IN_PROGRESS: &str = "InProgress";

/// How many characters a message has at the most.
const MESSAGE_LENGTH: usize = 4_000;

/// A condition, by its type.
#[must_use]
pub fn find<'c>(conditions: &'c [Condition], type_: &str) -> Option<&'c Condition> {
    conditions.iter().find(|condition| condition.type_ == type_)
}

/// Whether a condition holds.
#[must_use]
pub fn holds(conditions: &[Condition], type_: &str) -> bool {
    find(conditions, type_).is_some_and(|condition| condition.status == "True")
}

/// Says of a condition whether it holds and why. Its time is that of the last time that it began or ceased to hold.
pub(super) fn set(
    conditions: &mut Vec<Condition>,
    type_: &str,
    holds: bool,
    reason: &str,
    message: &str,
    now: Timestamp,
) {
    let status = if holds { "True" } else { "False" };
    let message: String = message.chars().take(MESSAGE_LENGTH).collect();
    let new = Condition {
        type_: type_.to_owned(),
        status: status.to_owned(),
        reason: reason.to_owned(),
        message,
        // Times in a status have whole seconds: what is compared with what was read back has to have them as well.
        last_transition_time: Time(whole_seconds(now)),
        observed_generation: None,
    };
    match conditions.iter_mut().find(|condition| condition.type_ == type_) {
        Some(old) => {
            let since = if old.status == new.status {
                old.last_transition_time.clone()
            } else {
                new.last_transition_time.clone()
            };
            *old = Condition { last_transition_time: since, ..new };
        }
        None => conditions.push(new),
    }
}

/// A time as Kubernetes keeps it.
pub(super) fn whole_seconds(time: Timestamp) -> Timestamp {
    Timestamp::from_second(time.as_second()).unwrap_or(time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_moves_its_time_only_when_it_turns() {
        let at = |second| Timestamp::from_second(second).expect("a time");
        let mut conditions = Vec::new();
        set(&mut conditions, RUNNING, false, "Starting", "", at(1));
        set(&mut conditions, RUNNING, false, "Joining", "3 of 4", at(2));
        assert_eq!((conditions[0].last_transition_time.0, conditions[0].reason.as_str()), (at(1), "Joining"));
        set(&mut conditions, RUNNING, true, "InProgress", "", at(3));
        assert_eq!((conditions.len(), conditions[0].last_transition_time.0), (1, at(3)));
        assert!(holds(&conditions, RUNNING) && !holds(&conditions, COMPLETE));
    }
}
