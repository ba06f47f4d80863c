//! What is done about a scenario: a function of what was seen, and of nothing else.
//!
//! A run goes one way: *Starting* (its pods are on their way), *Joining* (the conductor waits for peers), *Running*, *Collecting*, and ends as
//! *Complete* or *Failed*. Where it stands follows from the objects that are there and from what the conductor says, so that an operator that is
//! started again in the middle of a run goes on where another was stopped.

mod ending;
mod leading;
mod turns;

use std::{net::IpAddr, time::Duration};

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};
use peerlab_scenarios::{
    spec::crd::status::{Phase, ScenarioStatus},
    units::Nanos,
};

use super::{
    conditions::{
        self, ACCEPTED, COMPLETE, DEGRADED, FAILED, PEERS_READY, RESULTS_COLLECTED, RUNNING, whole_seconds,
    },
    observe::{Observed, Owned},
    story::{Event, story},
};
use crate::{
    build::{Child, Component, Kind, run_label},
    prepare::{Prepared, Refusal},
    settings::Settings,
};

/// The reason of a refusal that came from the conductor. Reading the scenario again would not find it, so it is remembered in the status.
const REFUSED_BY_CONDUCTOR: &str = "RefusedByConductor";

/// How long after a refusal that may pass the scenario is looked at again.
const REFUSAL_PAUSE: Duration = Duration::from_secs(30);

/// How often a conductor is told that it may end.
const REPEAT: Duration = Duration::from_secs(5);

/// The reason of a run that has no pods until those before it have what they need.
const QUEUED: &str = "Queued";

/// The reason of a run whose pods wait until others end.
const NO_ROOM: &str = "NoRoom";

/// Whether a run waits for others, on a cluster that has no room for all of them.
#[must_use]
pub fn waits_for_its_turn(status: &ScenarioStatus) -> bool {
    let ready = conditions::find(&status.conditions, PEERS_READY);
    ready.is_some_and(|ready| [QUEUED, NO_ROOM].contains(&ready.reason.as_str()))
}

/// What is to be done about a scenario.
#[derive(Debug, Default, PartialEq)]
pub struct Decision {
    /// Its status.
    pub status: ScenarioStatus,
    /// Objects that are to be there, in this order.
    pub apply: Vec<Child>,
    /// Objects that are to go.
    pub delete: Vec<Doomed>,
    /// A conductor whose report is to be kept: the result appears among the objects, and the next decision sees it.
    pub collect: Option<IpAddr>,
    /// A conductor that is to end its run where it is, and to report on that.
    pub stop: Option<IpAddr>,
    /// A conductor that may end, after the status is written.
    pub release: Option<IpAddr>,
    /// What is told in events.
    pub events: Vec<Event>,
    /// When to look again though nothing has changed.
    pub again: Option<Duration>,
    /// The scenario itself is to go: its time is over.
    pub delete_scenario: bool,
}

/// An object that is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its uid: what has come in its place stays.
    pub uid: String,
}

/// Decides.
#[must_use]
pub fn decide(seen: &Observed<'_>, settings: &Settings) -> Decision {
    let mut next = Next {
        seen,
        settings,
        status: seen.status.clone(),
        decision: Decision::default(),
        is_patient: false,
    };
    match seen.prepared {
        Err(refusal) => next.refuse(refusal),
        Ok(_) if next.was_refused_by_conductor() => next.clear_away(),
        Ok(prepared) => next.go_on(prepared),
    }
    next.finish()
}

/// A decision in the making.
struct Next<'a> {
    seen: &'a Observed<'a>,
    settings: &'a Settings,
    status: ScenarioStatus,
    decision: Decision,
    /// Whether pods may take longer than their deadline, as others have the room that they need.
    is_patient: bool,
}

impl<'a> Next<'a> {
    fn finish(self) -> Decision {
        let Self { seen, mut status, mut decision, .. } = self;
        status.observed_generation = seen.generation;
        for condition in &mut status.conditions {
            condition.observed_generation = seen.generation;
        }
        decision.events = story(&seen.status, &status);
        decision.status = status;
        decision
    }

    fn set(&mut self, type_: &str, holds: bool, reason: &str, message: &str) {
        conditions::set(&mut self.status.conditions, type_, holds, reason, message, self.seen.now);
    }

    fn now(&self) -> Time {
        Time(whole_seconds(self.seen.now))
    }

    /// Looks again after so long, or sooner if that was said already.
    fn again(&mut self, after: Duration) {
        self.decision.again = Some(self.decision.again.map_or(after, |sooner| sooner.min(after)));
    }

    /// Looks again when a span after an instant is over, and says whether it is over already.
    fn is_past(&mut self, since: Option<Timestamp>, span: Nanos) -> bool {
        let Some(since) = since else { return false };
        let passed = self.seen.now.duration_since(since);
        let passed = Duration::try_from(passed).unwrap_or_default();
        let left = Duration::from_nanos(span.0).checked_sub(passed).filter(|left| !left.is_zero());
        // Times have whole seconds, so one more makes sure that it is over then.
        left.into_iter().for_each(|left| self.again(left + Duration::from_secs(1)));
        left.is_none()
    }

    /// The label of the run that is under way.
    fn run(&self) -> String {
        run_label(&self.status)
    }

    fn is_over(&self) -> bool {
        self.status.run.finished_at.is_some()
    }

    fn is_under_way(&self) -> bool {
        self.status.run.run_id.is_some() && !self.is_over()
    }

    /// Has objects go, but those that go already.
    fn delete(&mut self, which: impl Fn(&Owned) -> bool) {
        let owned = self.seen.owned.iter().filter(|owned| !owned.is_going && which(owned));
        self.decision.delete.extend(owned.map(|owned| Doomed {
            kind: owned.kind,
            name: owned.name.clone(),
            uid: owned.uid.clone(),
        }));
    }

    /// Has all go but results.
    fn clear_away(&mut self) {
        self.delete(|owned| owned.component != Some(Component::Result));
        self.let_go();
    }

    /// Tells a conductor that nobody waits for its report: one that was told to end keeps it for a while.
    fn let_go(&mut self) {
        let conductors =
            self.seen.pods.iter().filter(|pod| pod.component == Some(Component::Conductor) && !pod.is_over);
        if let Some(address) = conductors.filter(|pod| pod.is_running).find_map(|pod| pod.address) {
            self.decision.release = Some(address);
            self.again(REPEAT);
        }
    }

    fn go_on(&mut self, prepared: &'a Prepared) {
        self.set(ACCEPTED, true, "Valid", &format!("{} peers in {} pods", prepared.peers(), prepared.pods()));
        self.status.peers_wanted = i32::try_from(prepared.peers()).ok();
        let wanted = &prepared.cluster.run_id;
        let is_another = self.status.run.run_id.as_ref() != Some(wanted);
        if !is_another && self.is_over() {
            return self.tidy(prepared);
        }
        if prepared.cluster.cancels() {
            return self.cancel(prepared, is_another);
        }
        if prepared.cluster.suspend {
            return self.suspend();
        }
        if is_another {
            self.begin(prepared);
        } else if self.status.phase == Some(Phase::Suspended) {
            self.start_again();
        }
        self.take_turns(prepared);
    }

    /// Begins another run, and keeps what came of the one before.
    fn begin(&mut self, prepared: &Prepared) {
        let mut before = std::mem::take(&mut self.status.run);
        if before.run_id.is_some() {
            before.finished_at.get_or_insert(self.now());
            self.status.history.insert(0, before);
        }
        let (kept, name) = (prepared.cluster.history.size(), Some(&prepared.cluster.run_id));
        self.status.history.retain(|run| run.run_id.as_ref() != name);
        self.status.history.truncate(kept);
        self.status.run.run_id = name.cloned();
        self.status.run.seed = i64::try_from(prepared.seed).ok();
        self.status.attempt = Some(1);
        self.start();
    }

    /// Begins a run once more, whose pods were taken away.
    fn start_again(&mut self) {
        self.status.attempt = Some(self.status.attempt.unwrap_or(1).saturating_add(1));
        self.start();
    }

    fn start(&mut self) {
        self.status.conditions.retain(|condition| condition.type_ == ACCEPTED);
        self.status.run.started_at = Some(self.now());
        self.status.peers_ready = Some(0);
        self.status.phase = Some(Phase::Starting);
        for type_ in [RUNNING, RESULTS_COLLECTED, COMPLETE] {
            self.set(type_, false, "Starting", "the run's pods are on their way");
        }
    }

    /// Takes away the pods of a run, which begins anew when it may.
    fn suspend(&mut self) {
        let message = "spec.cluster.suspend is set: there are no pods until it is not";
        self.status.phase = Some(Phase::Suspended);
        self.status.peers_ready = Some(0);
        self.set(PEERS_READY, false, "Suspended", message);
        self.set(RUNNING, false, "Suspended", message);
        self.set(COMPLETE, false, "Suspended", message);
        self.clear_away();
    }

    fn was_refused_by_conductor(&self) -> bool {
        let accepted = conditions::find(&self.status.conditions, ACCEPTED);
        accepted.is_some_and(|accepted| {
            accepted.reason == REFUSED_BY_CONDUCTOR && accepted.observed_generation == self.seen.generation
        })
    }

    /// Refuses a scenario that cannot be run as it is.
    fn refuse(&mut self, refusal: &Refusal) {
        self.set(ACCEPTED, false, refusal.reason, &refusal.message);
        if self.is_under_way() {
            self.end_without_result(
                "Refused",
                "the scenario was changed to one that cannot be run: see Accepted",
            );
        }
        self.status.phase = Some(Phase::Refused);
        self.clear_away();
        if refusal.may_pass {
            self.again(REFUSAL_PAUSE);
        }
    }

    /// Refuses a scenario that only its conductor could see through.
    fn refuse_by_conductor(&mut self, message: &str) {
        self.set(ACCEPTED, false, REFUSED_BY_CONDUCTOR, message);
        self.set(RUNNING, false, "Refused", "the conductor refused the scenario: see Accepted");
        // Nothing ran, so the scenario may be changed without another name for the run.
        self.status.run = Default::default();
        self.status.phase = Some(Phase::Refused);
        self.clear_away();
    }

    /// Ends a run of which nothing will come.
    fn fail(&mut self, reason: &str, message: &str) {
        self.end_without_result(reason, message);
        // Everything goes with the next decision, which the change of the status brings about.
        self.status.phase = Some(Phase::Failed);
    }

    fn end_without_result(&mut self, reason: &str, message: &str) {
        self.status.run.finished_at = Some(self.now());
        self.set(FAILED, true, reason, message);
        for type_ in [RUNNING, RESULTS_COLLECTED, COMPLETE] {
            self.set(type_, false, reason, "the run has failed: see Failed");
        }
    }

    fn degrade(&mut self, reason: &str, message: &str) {
        self.set(DEGRADED, true, reason, message);
    }
}

#[cfg(test)]
mod tests;
