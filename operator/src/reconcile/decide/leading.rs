//! A run that is under way.

use std::time::Duration;

use peerlab_scenarios::{
    report::{Progress, Stage, Verdict},
    spec::crd::status::Phase,
    units::Nanos,
};

use super::{Component, Next, Owned, Prepared};
use crate::{
    build::{self, peer_name},
    reconcile::{
        conditions::{self, IN_PROGRESS, PEERS_READY, RESULTS_COLLECTED, RUNNING},
        observe::{Asked, Ended, PodView},
    },
};

/// How often a conductor is asked while something is about to change.
const SOON: Duration = Duration::from_secs(2);

/// How often it is asked, at the least, while the scenario runs.
pub(super) const LATER: Duration = Duration::from_secs(15);

/// How long a conductor that is told to end a run may take until that ends.
const LAST_WORD: Nanos = Nanos::from_secs(120);

/// How many names are told of those that are awaited.
const NAMES: usize = 10;

impl<'a> Next<'a> {
    /// Brings a run further.
    pub(super) fn lead(&mut self, prepared: &'a Prepared) {
        let run = self.run();
        if self.leftovers_are_going(&run) {
            return;
        }
        let of_run = self.seen.owned.iter().filter(|owned| owned.run == run && !owned.is_going);
        if let Some((name, result)) =
            of_run.filter_map(|owned| Some((&owned.name, owned.result.as_ref()?))).next()
        {
            return self.complete(name, result);
        }
        let has_job = self.seen.job.as_ref().is_some_and(|job| job.run == run);
        let had_job =
            self.status.phase.is_some_and(|phase| phase > Phase::Starting && phase <= Phase::Collecting);
        if had_job && !has_job {
            return self
                .fail("ConductorLost", "the conductor's Job is gone, and with it what it knew of the run");
        }
        let conducts = if has_job { self.follow(prepared, &run) } else { self.muster(prepared, &run) };
        if self.is_under_way() && self.status.phase != Some(Phase::Refused) {
            self.keep(prepared, &run, conducts);
        }
    }

    /// Has the objects of earlier runs go, and says whether there still are any. Names are the same from run to run, so the next one waits for that.
    fn leftovers_are_going(&mut self, run: &str) -> bool {
        let is_left = |owned: &Owned| owned.component != Some(Component::Result) && owned.run != run;
        self.delete(is_left);
        let objects = self.seen.owned.iter().filter(|owned| is_left(owned)).map(|owned| owned.name.clone());
        let pods = self.seen.pods.iter().filter(|pod| pod.run != run).map(|pod| pod.name.clone());
        let left: Vec<_> = objects.chain(pods).collect();
        if left.is_empty() {
            return false;
        }
        let message = format!("the run before is being cleared away; awaited: {}", some_of(left.into_iter()));
        self.set(PEERS_READY, false, "ClearingAway", &message);
        self.let_go();
        self.again(LATER);
        true
    }

    /// Applies what a run needs. Objects that another operator built, with other settings, stay as they are: pods that are replaced in the middle of a
    /// run would falsify it.
    fn keep(&mut self, prepared: &'a Prepared, run: &str, conducts: bool) {
        let plot = self.seen.plot(prepared, self.settings, run);
        let fingerprint = self.settings.fingerprint();
        let mut children = build::surroundings(&plot);
        children.extend(conducts.then(|| build::conductor(&plot)));
        let is_anothers = |child: &build::Child| {
            let mut owned = self.seen.owned.iter();
            owned.any(|o| {
                o.kind == child.kind && o.name == child.name && (o.is_going || o.builder != fingerprint)
            })
        };
        children.retain(|child| !is_anothers(child));
        self.decision.apply = children;
    }

    /// Waits until pods run, and says whether the conductor is to come.
    fn muster(&mut self, prepared: &Prepared, run: &str) -> bool {
        self.status.phase = Some(Phase::Starting);
        let expected = expected_pods(self.seen.name, prepared);
        let pods: Vec<_> = self.peer_pods(run).collect();
        let runs = |name: &str| pods.iter().any(|pod| pod.name == name && pod.is_running);
        let (there, missing): (Vec<_>, Vec<_>) = expected.iter().partition(|(name, _)| runs(name));
        if missing.is_empty() {
            self.set(
                PEERS_READY,
                false,
                "ConductorStarting",
                "all pods of peers run; awaited: the conductor",
            );
            return true;
        }
        let why = |name: &str| match pods.iter().find(|pod| pod.name == name) {
            Some(pod) => trouble(pod),
            None => Some("not made yet".to_owned()),
        };
        let names = missing.iter().map(|(name, _)| with_reason(name, why(name)));
        let awaited =
            format!("{} of {} pods of peers run; awaited: {}", there.len(), expected.len(), some_of(names));
        let since = self.status.run.started_at.as_ref().map(|time| time.0);
        if !self.is_past(since, prepared.cluster.pods_deadline) || self.is_patient {
            self.set(PEERS_READY, false, "PodsPending", &awaited);
            return false;
        }
        let peers: u32 = there.iter().map(|(_, peers)| peers).sum();
        if peers >= prepared.quorum {
            self.set(
                PEERS_READY,
                false,
                "PodsMissing",
                &format!("{awaited}: not waited for any longer, as a quorum is there"),
            );
            return true;
        }
        let deadline = prepared.cluster.pods_deadline;
        let message = format!(
            "after {deadline} (spec.cluster.podsDeadline), {awaited}; {} peers were needed",
            prepared.quorum
        );
        self.fail("PodsNotRunning", &message);
        false
    }

    /// Follows the conductor.
    fn follow(&mut self, prepared: &Prepared, run: &str) -> bool {
        if self.status.phase == Some(Phase::Starting) {
            self.status.phase = Some(Phase::Joining);
        }
        let pod = self.conductor_pod(run).cloned();
        let job = self.seen.job.clone();
        let job_over = job.as_ref().and_then(|job| job.over.clone());
        let ended = pod.as_ref().filter(|pod| pod.is_over).and_then(|pod| pod.ended.clone());
        if ended.is_some() || job_over.is_some() {
            let reason = job_over.and_then(Result::err);
            self.ended(ended.as_ref(), reason.as_deref());
            return false;
        }
        match &self.seen.conductor {
            Asked::No => {
                let why = pod.as_ref().and_then(trouble).unwrap_or_default();
                // It may have waited for others after it was made.
                let created = job.as_ref().and_then(|job| job.created);
                let since = created.max(self.status.run.started_at.as_ref().map(|time| time.0));
                let message = with_reason(
                    "the conductor's pod does not run yet",
                    Some(why).filter(|why| !why.is_empty()),
                );
                // Its liveness is Kubernetes' business while it runs; while it does not, it has as long as the others had.
                if pod.as_ref().is_none_or(|pod| !pod.is_running)
                    && self.is_past(since, prepared.cluster.pods_deadline)
                    && !self.is_patient
                {
                    self.fail("ConductorNotRunning", &message);
                } else {
                    self.set(PEERS_READY, false, "ConductorPending", &message);
                    self.again(LATER);
                }
            }
            Asked::InVain(why) => {
                // It may have died this instant: its pod says so soon. While it hangs, its liveness probe ends it.
                self.set(RUNNING, self.status.phase == Some(Phase::Running), "ConductorUnreachable", why);
                self.again(SOON);
            }
            Asked::Told(progress) => self.progress(prepared, run, &progress.clone()),
        }
        true
    }

    fn progress(&mut self, prepared: &Prepared, run: &str, progress: &Progress) {
        let Progress { peers_ready, peers_wanted, .. } = *progress;
        let (ready, wanted) = (i32::try_from(peers_ready), i32::try_from(peers_wanted));
        (self.status.peers_ready, self.status.peers_wanted) = (ready.ok(), wanted.ok());
        let joined = format!("{peers_ready} of {peers_wanted} peers have joined");
        match progress.phase {
            Stage::Waiting | Stage::Starting => {
                self.status.phase = Some(Phase::Joining);
                let missing = some_of(progress.peers_missing.iter().cloned());
                let pods = self.peer_pods(run).filter(|pod| pod.restarts > 0 || pod.ended.is_some());
                let pods: Vec<_> = pods.map(|pod| with_reason(&pod.name, trouble(pod))).collect();
                let awaited =
                    if missing.is_empty() { joined } else { format!("{joined}; awaited: {missing}") };
                let troubles = if pods.is_empty() {
                    String::new()
                } else {
                    format!("; in trouble: {}", some_of(pods.into_iter()))
                };
                self.set(PEERS_READY, false, "PeersJoining", &format!("{awaited}{troubles}"));
                self.set(
                    RUNNING,
                    false,
                    "PeersJoining",
                    "the run begins when peers have joined: see PeersReady",
                );
                self.again(SOON);
            }
            Stage::Running => {
                self.status.phase = Some(Phase::Running);
                let reason = if peers_ready == peers_wanted { "AllJoined" } else { "QuorumJoined" };
                self.set(PEERS_READY, true, reason, &joined);
                self.set(RUNNING, true, IN_PROGRESS, "the scenario runs");
                self.look_after_pods(prepared, run);
                let began = conditions::find(&self.status.conditions, RUNNING)
                    .map(|running| running.last_transition_time.0);
                let late = prepared.end.saturating_add(build::SLACK);
                let is_late = self.is_past(began, late);
                let message =
                    format!("it was to end after {} and did not, {} later", prepared.end, build::SLACK);
                if is_late && self.is_past(began, late.saturating_add(LAST_WORD)) {
                    return self.fail("RunOverdue", &message);
                }
                if is_late {
                    self.stop(run, "Overdue", &format!("{message}: its conductor is told to end it"));
                } else if prepared.cluster.cancels() {
                    let why = "spec.cluster.cancel names the run: its conductor is told to end it";
                    self.stop(run, "Cancelling", why);
                }
                let left =
                    (progress.duration_seconds - progress.elapsed_seconds).clamp(0.0, LATER.as_secs_f64());
                self.again(SOON.max(Duration::from_secs_f64(left)));
            }
            Stage::Collecting => {
                self.status.phase = Some(Phase::Collecting);
                self.set(RUNNING, false, "RunEnded", "the scenario has run to its end");
                self.set(RESULTS_COLLECTED, false, "Gathering", "the conductor gathers what peers have seen");
                self.again(SOON);
            }
            Stage::Done => {
                self.status.phase = Some(Phase::Collecting);
                self.set(RUNNING, false, "RunEnded", "the scenario has run to its end");
                self.set(
                    RESULTS_COLLECTED,
                    false,
                    "Fetching",
                    "the report is being fetched from the conductor",
                );
                self.decision.collect = self.conductor_pod(run).and_then(|pod| pod.address);
                self.again(SOON);
            }
            Stage::Failed => {
                let said = progress.message.as_deref().unwrap_or("the conductor does not say why");
                if progress.exit_code == Some(2) {
                    self.refuse_by_conductor(said);
                } else {
                    self.fail("RunFailed", said);
                }
            }
        }
    }

    /// Has the conductor end the run where it is: what there was of it will be the report.
    fn stop(&mut self, run: &str, reason: &str, message: &str) {
        self.set(RUNNING, true, reason, message);
        self.decision.stop = self.conductor_pod(run).and_then(|pod| pod.address);
        self.again(SOON);
    }

    /// Says so when pods of peers did not last: the report will miss what they saw.
    fn look_after_pods(&mut self, prepared: &Prepared, run: &str) {
        let pods: Vec<_> = self.peer_pods(run).collect();
        let lost = expected_pods(self.seen.name, prepared).into_iter().filter_map(|(name, _)| {
            let Some(pod) = pods.iter().find(|pod| pod.name == name) else {
                return Some(with_reason(&name, Some("it is gone".to_owned())));
            };
            let is_lost = pod.restarts > 0 || !pod.is_running;
            is_lost.then(|| with_reason(&name, trouble(pod)))
        });
        let lost: Vec<_> = lost.collect();
        if !lost.is_empty() {
            self.degrade(
                "PeerPodsLost",
                &format!("pods of peers did not last: {}", some_of(lost.into_iter())),
            );
        }
    }

    /// A conductor that has ended, with nothing of it kept.
    fn ended(&mut self, ended: Option<&Ended>, job: Option<&str>) {
        let told = ended.map_or_else(|| "its pod is gone".to_owned(), Ended::told);
        let code = ended.map(|ended| ended.code);
        match (code, job, code.and_then(Verdict::of_exit_code)) {
            (Some(2), ..) => {
                let message = ended.map(|ended| ended.message.trim()).filter(|message| !message.is_empty());
                self.refuse_by_conductor(message.unwrap_or(&told));
            }
            (_, Some("DeadlineExceeded"), _) => {
                self.fail(
                    "DeadlineExceeded",
                    "the conductor was ended, for the run took longer than it ever should",
                );
            }
            (.., Some(verdict)) if self.status.phase == Some(Phase::Collecting) => {
                self.status.run.verdict = Some(verdict.name().to_owned());
                let message = format!(
                    "the conductor ended before its report was fetched: {told}; the verdict is from its exit code"
                );
                self.fail("ResultsLost", &message);
            }
            _ => self.fail("ConductorFailed", &format!("the conductor ended before the run did: {told}")),
        }
    }

    pub(super) fn conductor_pod(&self, run: &str) -> Option<&'a PodView> {
        let mut pods = self.seen.pods.iter();
        pods.find(|pod| pod.component == Some(Component::Conductor) && pod.run == run)
    }

    fn peer_pods<'r>(&self, run: &'r str) -> impl Iterator<Item = &'a PodView> + use<'a, 'r> {
        let pods = self.seen.pods.iter();
        pods.filter(move |pod| pod.component == Some(Component::Peers) && pod.run == run && !pod.is_going)
    }
}

/// The pods of peers that a run has, each with how many peers it has.
fn expected_pods(scenario: &str, prepared: &Prepared) -> Vec<(String, u32)> {
    let per_pod = prepared.peers_per_pod();
    let groups = prepared.groups.iter().flat_map(|group| {
        let name = peer_name(scenario, &group.name);
        (0..group.pods(per_pod))
            .map(move |pod| (format!("{name}-{pod}"), per_pod.min(group.count - pod * per_pod)))
    });
    groups.collect()
}

/// What is wrong with a pod, in one line.
fn trouble(pod: &PodView) -> Option<String> {
    let ended = pod.ended.as_ref().map(Ended::told);
    match (&pod.waits_for, ended) {
        (Some(waits), Some(ended)) => Some(format!("{waits}; {ended}")),
        (Some(waits), None) => Some(waits.clone()),
        (None, ended) => ended,
    }
}

fn with_reason(name: &str, reason: Option<String>) -> String {
    reason.map_or_else(|| name.to_owned(), |reason| format!("{name} ({reason})"))
}

/// The first names, and how many more there are.
pub(super) fn some_of(names: impl Iterator<Item = String>) -> String {
    let all: Vec<_> = names.collect();
    let more = all.len().saturating_sub(NAMES);
    let some = all[..all.len() - more].join(", ");
    if more == 0 { some } else { format!("{some} and {more} more") }
}
