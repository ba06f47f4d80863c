//! A run that is over.

use peerlab_scenarios::{
    report::Stage,
    spec::crd::status::{Phase, ResultRef},
    units::Nanos,
};

use super::{Component, Kind, Next, Prepared};
use crate::reconcile::{
    conditions::{COMPLETE, DEGRADED, FAILED, RESULTS_COLLECTED, RUNNING},
    observe::{Asked, ResultView},
};

/// How long a conductor may take to end that was told to.
const FAREWELL: Nanos = Nanos::from_secs(60);

impl<'a> Next<'a> {
    /// Ends a run whose result is kept.
    pub(super) fn complete(&mut self, config_map: &str, result: &ResultView) {
        let ResultView { verdict, validity, reasons } = result;
        self.status.run.verdict = Some(verdict.clone());
        self.status.run.validity = Some(validity.clone());
        self.status.run.result_ref = Some(ResultRef { config_map: config_map.to_owned() });
        self.status.run.finished_at = Some(self.now());
        self.status.phase = Some(Phase::Complete);
        self.set(RUNNING, false, "RunEnded", "the scenario has run to its end");
        self.set(RESULTS_COLLECTED, true, "Kept", &format!("the report is in the ConfigMap {config_map}"));
        let reason = match (verdict.as_str(), validity.as_str()) {
            ("pass", _) => "TargetsMet",
            ("fail", _) => "TargetsMissed",
            (_, "invalid") => "RunInvalid",
            // What there was of it can be believed.
            _ => "RunInterrupted",
        };
        self.set(COMPLETE, true, reason, &format!("verdict: {verdict}; validity: {validity}"));
        match validity.as_str() {
            "valid" => self.set(DEGRADED, false, "Valid", "nothing disturbed the run"),
            "degraded" => self.set(DEGRADED, true, "RunDegraded", reasons),
            _ => self.set(DEGRADED, true, "RunInvalid", reasons),
        }
    }

    /// Ends a run that its owner does not want to go on: with a report of what there was of it, where it has begun.
    pub(super) fn cancel(&mut self, prepared: &'a Prepared, is_another: bool) {
        if is_another {
            self.begin(prepared);
        }
        let has_begun = match &self.seen.conductor {
            Asked::Told(progress) => {
                matches!(progress.phase, Stage::Running | Stage::Collecting | Stage::Done)
            }
            _ => matches!(self.status.phase, Some(Phase::Running | Phase::Collecting)),
        };
        if is_another || !has_begun {
            let why = "spec.cluster.cancel names the run, and it had not begun: there is nothing to report";
            return self.fail("Cancelled", why);
        }
        self.lead(prepared);
    }

    /// Takes away what a run that is over does not need any longer. Its Job stays with its pod, for their log, and its scenario, to tell what ran.
    pub(super) fn tidy(&mut self, prepared: &Prepared) {
        // After a scenario that could not be run, this is that of the run before again.
        let is_complete = self.status.run.result_ref.is_some();
        self.status.phase = Some(if is_complete { Phase::Complete } else { Phase::Failed });
        if is_complete {
            self.set(FAILED, false, "Complete", "there is a result");
        }

        let run = self.run();
        let finished = self.status.run.finished_at.as_ref().map(|time| time.0);
        let pod = self.conductor_pod(&run).filter(|pod| !pod.is_over);
        let is_late = pod.is_some() && self.is_past(finished, FAREWELL);
        self.let_go();
        self.delete(|owned| match (owned.component, owned.kind) {
            (Some(Component::Result), _) => false,
            (_, Kind::ConfigMap) => owned.run != run,
            (_, Kind::Job) => owned.run != run || is_late,
            _ => true,
        });
        self.forget(prepared);

        if let Some(ttl) = prepared.cluster.ttl_after_finished
            && self.is_past(finished, ttl)
        {
            self.decision.delete_scenario = true;
        }
    }

    /// Has the results of runs go that are not told of any longer.
    fn forget(&mut self, prepared: &Prepared) {
        self.status.history.truncate(prepared.cluster.history.size());
        let told = self.status.history.iter().chain([&self.status.run]);
        let kept: Vec<_> =
            told.filter_map(|run| run.result_ref.as_ref()).map(|result| result.config_map.clone()).collect();
        self.delete(|owned| owned.component == Some(Component::Result) && !kept.contains(&owned.name));
    }
}
