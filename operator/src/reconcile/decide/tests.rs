//! Runs as stories: a small cluster that does what is decided, and what happens in it.

mod changes;
mod turns;

use k8s_openapi::jiff::SignedDuration;
use peerlab_scenarios::report::{Progress, Stage};
use serde_json::json;

use super::*;
use crate::{
    build,
    prepare::{
        prepare,
        tests::{chat, object},
    },
    reconcile::observe::{Asked, Ended, JobView, Other, PodView, ResultView},
    resource::ScenarioObject,
};

/// A cluster with one scenario.
struct World {
    scenario: ScenarioObject,
    status: ScenarioStatus,
    owned: Vec<Owned>,
    pods: Vec<PodView>,
    job: Option<JobView>,
    conductor: Asked,
    others: Vec<Other>,
    now: Timestamp,
    settings: Settings,
    told: Vec<String>,
    last: Decision,
}

impl World {
    fn new(spec: serde_json::Value) -> Self {
        Self {
            scenario: object("chat", spec),
            status: ScenarioStatus::default(),
            owned: Vec::new(),
            pods: Vec::new(),
            job: None,
            conductor: Asked::No,
            others: Vec::new(),
            now: Timestamp::from_second(1_000_000).expect("a time"),
            settings: build::tests::settings(),
            told: Vec::new(),
            last: Decision::default(),
        }
    }

    /// Decides once, and does it.
    fn step(&mut self) {
        let prepared = prepare(&self.scenario, None, 1_000);
        let seen = Observed {
            name: "chat",
            namespace: "lab",
            uid: "uid",
            generation: self.scenario.metadata.generation,
            status: self.status.clone(),
            prepared: prepared.as_ref(),
            owned: self.owned.clone(),
            pods: self.pods.clone(),
            job: self.job.clone(),
            conductor: self.conductor.clone(),
            others: self.others.clone(),
            now: self.now,
        };
        let decision = decide(&seen, &self.settings);
        for doomed in &decision.delete {
            self.owned.retain(|owned| owned.uid != doomed.uid);
            // Pods of a Job go with it; those of StatefulSets take their time.
            if doomed.kind == Kind::Job {
                self.job = None;
                self.conductor = Asked::No;
                self.pods.retain(|pod| pod.component != Some(Component::Conductor));
            }
        }
        for child in &decision.apply {
            let metadata = serde_json::from_value(child.body["metadata"].clone()).expect("metadata");
            let is_it = |owned: &&mut Owned| owned.kind == child.kind && owned.name == child.name;
            let mut owned = Owned::of(child.kind, &metadata);
            match self.owned.iter_mut().find(is_it) {
                Some(there) => owned.uid.clone_from(&there.uid),
                None => owned.uid = format!("{}-{}-{}", child.name, owned.run, self.told.len()),
            }
            self.owned.retain(|there| there.kind != child.kind || there.name != child.name);
            if child.kind == Kind::Job && self.job.is_none() {
                self.job = Some(JobView { run: owned.run.clone(), created: Some(self.now), over: None });
            }
            self.owned.push(owned);
        }
        self.told.extend(decision.events.iter().map(|event| event.reason.clone()));
        self.status = decision.status.clone();
        self.last = decision;
    }

    /// Decides until nothing changes any longer.
    fn settle(&mut self) {
        for _ in 0..10 {
            let (status, owned) = (self.status.clone(), self.owned.clone());
            self.step();
            if status == self.status && owned == self.owned {
                assert!(self.last.events.is_empty(), "what is told follows from a change");
                return;
            }
        }
        panic!("the status never settles: {:#?}", self.status);
    }

    fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    fn run(&self) -> String {
        run_label(&self.status)
    }

    fn pod(&self, name: &str, component: Component) -> PodView {
        PodView {
            name: name.to_owned(),
            component: Some(component),
            group: String::new(),
            run: self.run(),
            is_going: false,
            is_running: true,
            address: Some([10, 0, 0, 7].into()),
            restarts: 0,
            waits_for: None,
            ended: None,
            is_over: false,
        }
    }

    const PEER_PODS: [&str; 4] = ["chat-offices-0", "chat-homes-0", "chat-homes-1", "chat-homes-2"];

    fn peers_run(&mut self) {
        let pods = Self::PEER_PODS.map(|name| self.pod(name, Component::Peers));
        self.pods.extend(pods);
        self.settle();
    }

    fn conductor_runs(&mut self) {
        self.pods.push(self.pod("chat-conductor-x", Component::Conductor));
    }

    fn conductor_says(&mut self, phase: Stage, peers_ready: u32) {
        self.conductor = Asked::Told(Progress {
            phase,
            peers_wanted: 30,
            peers_ready,
            peers_missing: (peers_ready..30).take(10).map(|peer| format!("homes-{peer}")).collect(),
            elapsed_seconds: 3.0,
            duration_seconds: 90.0,
            ..Progress::default()
        });
        self.settle();
    }

    fn conductor_ends(&mut self, code: i32, message: &str) {
        self.conductor = Asked::No;
        for pod in self.pods.iter_mut().filter(|pod| pod.component == Some(Component::Conductor)) {
            pod.is_running = false;
            pod.is_over = true;
            pod.ended = Some(Ended { code, reason: "Error".to_owned(), message: message.to_owned() });
        }
        if let Some(job) = &mut self.job {
            job.over = Some(if code == 0 { Ok(()) } else { Err("BackoffLimitExceeded".to_owned()) });
        }
        self.settle();
    }

    /// The result appears among the objects, as it does when it is fetched.
    fn result_is_kept(&mut self, verdict: &str, validity: &str) {
        let run = self.run();
        let name = build::result_name("chat", self.status.run.run_id.as_deref().expect("a run"));
        self.owned.retain(|owned| owned.name != name);
        self.owned.push(Owned {
            kind: Kind::ConfigMap,
            uid: format!("{name}-uid"),
            name,
            component: Some(Component::Result),
            run,
            builder: String::new(),
            is_going: false,
            version: String::new(),
            result: Some(ResultView {
                verdict: verdict.to_owned(),
                validity: validity.to_owned(),
                reasons: "a processor was late".to_owned(),
            }),
        });
        self.settle();
    }

    fn running() -> Self {
        let mut world = Self::new(chat());
        world.settle();
        world.peers_run();
        world.conductor_runs();
        world.conductor_says(Stage::Running, 30);
        world
    }

    fn completed(mut self) -> Self {
        self.conductor_says(Stage::Done, 30);
        self.result_is_kept("pass", "valid");
        self
    }

    fn names(&self) -> Vec<&str> {
        let mut names: Vec<_> = self.owned.iter().map(|owned| owned.name.as_str()).collect();
        names.sort_unstable();
        names
    }

    fn change(&mut self, path: &str, value: serde_json::Value) {
        let (parent, field) = path.rsplit_once('/').expect("a path");
        let parent = self.scenario.spec.pointer_mut(parent).expect("it is there");
        parent[field] = value;
        *self.scenario.metadata.generation.get_or_insert_default() += 1;
    }

    fn condition(&self, type_: &str) -> (&str, &str, &str) {
        let condition = conditions::find(&self.status.conditions, type_).expect("it is said");
        (condition.status.as_str(), condition.reason.as_str(), condition.message.as_str())
    }
}

#[test]
fn a_run_from_its_first_pod_to_its_report() {
    let mut world = World::new(chat());
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Starting));
    assert_eq!(
        world.names(),
        ["chat-conductor", "chat-homes", "chat-offices", "chat-peers", "chat-run", "chat-scenario"]
    );
    assert!(world.condition(PEERS_READY).2.contains("chat-homes-0 (not made yet)"));
    assert!(world.job.is_none(), "the conductor's time does not run while images are pulled");
    assert_eq!((world.status.peers_ready, world.status.peers_wanted), (Some(0), Some(30)));

    let late = world.pod("chat-homes-1", Component::Peers);
    world.pods.push(PodView { is_running: false, waits_for: Some("ImagePullBackOff".to_owned()), ..late });
    world.settle();
    let (status, reason, message) = world.condition(PEERS_READY);
    assert_eq!((status, reason), ("False", "PodsPending"));
    assert!(message.contains("chat-homes-1 (ImagePullBackOff)"), "{message}");

    world.pods.clear();
    world.peers_run();
    assert!(world.job.is_some());
    assert_eq!(world.status.phase, Some(Phase::Joining));

    world.conductor_runs();
    world.conductor_says(Stage::Waiting, 28);
    let (.., message) = world.condition(PEERS_READY);
    assert_eq!(message, "28 of 30 peers have joined; awaited: homes-28, homes-29");
    assert_eq!(world.status.peers_ready, Some(28));

    world.conductor_says(Stage::Running, 30);
    assert_eq!(world.condition(RUNNING).0, "True");
    assert_eq!(world.condition(PEERS_READY).0, "True");
    assert_eq!(world.last.again, Some(Duration::from_secs(15)), "it is asked again, but seldom");

    world.conductor_says(Stage::Collecting, 30);
    assert_eq!((world.status.phase, world.condition(RUNNING).0), (Some(Phase::Collecting), "False"));
    world.conductor_says(Stage::Done, 30);
    assert_eq!(world.last.collect, Some([10, 0, 0, 7].into()));

    world.result_is_kept("fail", "degraded");
    assert_eq!(world.status.phase, Some(Phase::Complete));
    assert_eq!(world.status.run.verdict.as_deref(), Some("fail"));
    assert_eq!(world.condition(COMPLETE), ("True", "TargetsMissed", "verdict: fail; validity: degraded"));
    assert_eq!(world.condition(DEGRADED), ("True", "RunDegraded", "a processor was late"));
    assert_eq!(world.condition(FAILED).0, "False");
    assert_eq!(
        world.status.run.result_ref.as_ref().map(|result| result.config_map.as_str()),
        Some("chat-result-1")
    );
    assert_eq!(world.last.release, Some([10, 0, 0, 7].into()), "the conductor may end");
    assert_eq!(
        world.names(),
        ["chat-conductor", "chat-result-1", "chat-scenario"],
        "the log and the result stay"
    );

    world.conductor_ends(1, "");
    assert_eq!((world.last.release, world.last.again), (None, None), "nothing is left to do");
    assert_eq!(world.status.phase, Some(Phase::Complete), "a missed target is no failure");
    assert_eq!(world.told, ["Starting", "Joining", "Running", "Collecting", "RunDegraded", "Complete"]);
}

#[test]
fn what_cannot_be_run_has_no_pods() {
    let mut spec = chat();
    spec["workloads"][0]["chat"]["members"] = json!(5_000);
    let mut world = World::new(spec);
    world.settle();
    assert_eq!((world.status.phase, world.condition(ACCEPTED).1), (Some(Phase::Refused), "InvalidSpec"));
    assert!(world.owned.is_empty());
    assert_eq!((world.status.run.run_id.clone(), world.last.again), (None, None), "it is not tried again");

    world.change("/workloads/0/chat/members", json!(5));
    world.settle();
    assert_eq!((world.status.phase, world.condition(ACCEPTED).0), (Some(Phase::Starting), "True"));
}

#[test]
fn what_only_the_conductor_sees_through_is_refused_once() {
    let mut world = World::new(chat());
    world.settle();
    world.peers_run();
    world.conductor_runs();
    world.settle();
    world.conductor_ends(2, "spec.groups[0].nat: real peers have no address translation between them");
    let (status, reason, message) = world.condition(ACCEPTED);
    assert_eq!((status, reason), ("False", "RefusedByConductor"));
    assert!(message.starts_with("spec.groups[0].nat"), "{message}");
    assert!(world.owned.is_empty());
    world.pods.clear();
    world.settle();
    assert!(world.owned.is_empty(), "nothing has changed, so nothing is tried");
    assert_eq!(world.status.phase, Some(Phase::Refused));

    world.change("/duration", json!("2m"));
    world.settle();
    assert_eq!(world.status.phase, Some(Phase::Starting));
}

#[test]
fn pods_that_never_come_fail_the_run_and_are_named() {
    let mut world = World::new(chat());
    world.settle();
    let pods = World::PEER_PODS.map(|name| world.pod(name, Component::Peers));
    world.pods = pods.into();
    world.pods[2].is_running = false;
    world.pods[2].waits_for = Some("Unschedulable: 0/1 nodes are available".to_owned());
    world.settle();
    assert_eq!(world.last.again, Some(Duration::from_secs(301)));
    world.pass(301);
    world.settle();
    let (status, reason, message) = world.condition(FAILED);
    assert_eq!((status, reason), ("True", "PodsNotRunning"));
    assert!(message.contains("3 of 4 pods of peers run; awaited: chat-homes-1 (Unschedulable"), "{message}");
    assert_eq!(world.names(), ["chat-scenario"]);
    assert_eq!(world.told, ["Starting", "PodsNotRunning"]);
}

#[test]
fn a_quorum_does_not_wait_for_ever() {
    let mut spec = chat();
    spec["start"] = json!({ "quorum": "60%" });
    let mut world = World::new(spec);
    world.settle();
    let pods = World::PEER_PODS.map(|name| world.pod(name, Component::Peers));
    world.pods = pods.into();
    world.pods[2].is_running = false;
    world.settle();
    assert!(world.job.is_none());
    world.pass(301);
    world.settle();
    assert!(world.job.is_some(), "20 of 30 peers are more than 18");
    assert_eq!(world.status.phase, Some(Phase::Joining));
}

#[test]
fn a_conductor_that_is_killed_fails_the_run() {
    let mut world = World::running();
    world.conductor_ends(137, "");
    assert_eq!(world.status.phase, Some(Phase::Failed));
    let (_, reason, message) = world.condition(FAILED);
    assert_eq!(reason, "ConductorFailed");
    assert!(message.contains("exit code 137"), "{message}");
    assert_eq!(world.condition(COMPLETE).0, "False");
    assert_eq!(world.names(), ["chat-conductor", "chat-scenario"], "its log stays");
    assert!(world.status.run.finished_at.is_some());
}

#[test]
fn a_conductor_whose_job_is_deleted_fails_the_run() {
    let mut world = World::running();
    world.job = None;
    world.owned.retain(|owned| owned.kind != Kind::Job);
    world.pods.retain(|pod| pod.component != Some(Component::Conductor));
    world.conductor = Asked::No;
    world.settle();
    assert_eq!((world.status.phase, world.condition(FAILED).1), (Some(Phase::Failed), "ConductorLost"));
}

#[test]
fn a_conductor_that_does_not_answer_is_waited_for_but_not_for_ever() {
    let mut world = World::running();
    world.conductor = Asked::InVain("http://10.0.0.7:8080/status: connection refused".to_owned());
    world.settle();
    assert_eq!(
        (world.status.phase, world.condition(RUNNING).1),
        (Some(Phase::Running), "ConductorUnreachable")
    );
    assert_eq!(world.last.again, Some(Duration::from_secs(2)));
    world.job.as_mut().expect("it is there").over = Some(Err("DeadlineExceeded".to_owned()));
    world.settle();
    assert_eq!((world.status.phase, world.condition(FAILED).1), (Some(Phase::Failed), "DeadlineExceeded"));
}

#[test]
fn a_run_that_does_not_end_is_ended() {
    let mut world = World::running();
    world.pass(90 + 600 + 1);
    world.settle();
    assert_eq!((world.status.phase, world.condition(RUNNING).1), (Some(Phase::Running), "Overdue"));
    assert_eq!(world.last.stop, Some([10, 0, 0, 7].into()), "there may be a report of what there was");
    world.pass(121);
    world.settle();
    assert_eq!((world.status.phase, world.condition(FAILED).1), (Some(Phase::Failed), "RunOverdue"));
    assert_eq!(world.last.release, Some([10, 0, 0, 7].into()));
    world.pass(61);
    world.settle();
    assert!(world.job.is_none(), "a conductor that does not heed it goes with its Job");
}

#[test]
fn a_report_that_nobody_fetched_is_told() {
    let mut world = World::running();
    world.conductor_says(Stage::Done, 30);
    world.conductor_ends(1, "");
    assert_eq!((world.status.phase, world.condition(FAILED).1), (Some(Phase::Failed), "ResultsLost"));
    assert_eq!(world.status.run.verdict.as_deref(), Some("fail"), "the exit code is known");
}

#[test]
fn a_peer_that_is_killed_is_named_and_the_run_goes_on() {
    let mut world = World::running();
    let pod = world.pods.iter_mut().find(|pod| pod.name == "chat-homes-2").expect("it runs");
    pod.restarts = 1;
    pod.ended = Some(Ended { code: 137, reason: "OOMKilled".to_owned(), message: String::new() });
    world.pods.retain(|pod| pod.name != "chat-offices-0");
    world.settle();
    let (status, reason, message) = world.condition(DEGRADED);
    assert_eq!((status, reason), ("True", "PeerPodsLost"));
    assert!(message.contains("chat-homes-2 (OOMKilled (exit code 137))"), "{message}");
    assert!(message.contains("chat-offices-0 (it is gone)"), "{message}");
    assert_eq!(world.status.phase, Some(Phase::Running));
    world = world.completed();
    assert_eq!(world.condition(DEGRADED).0, "False", "the report knows better");
}

#[test]
fn nothing_is_written_while_nothing_happens() {
    let mut world = World::running();
    let before = world.status.clone();
    for _ in 0..5 {
        world.pass(10);
        if let Asked::Told(progress) = &mut world.conductor {
            progress.elapsed_seconds += 10.0;
        }
        world.step();
        assert_eq!(world.status, before);
        assert!(world.last.events.is_empty() && world.last.delete.is_empty());
    }
}

#[test]
fn another_operator_leaves_the_objects_of_a_run_alone() {
    let mut world = World::running();
    world.settings.image = "peerlab-node:2".to_owned();
    world.step();
    assert!(world.last.apply.is_empty(), "pods that are replaced would falsify the run");
    world.owned.retain(|owned| owned.name != "chat-peers");
    world.step();
    assert_eq!(world.last.apply.len(), 1, "what is missing is put back");
    let mut world = world.completed();
    assert_eq!(world.status.phase, Some(Phase::Complete));
    world.change("/cluster", json!({ "runId": "2" }));
    world.settle();
    world.pods.clear();
    world.settle();
    assert_eq!(world.last.apply.len(), 6, "the next run has its own");
}

#[test]
fn a_scenario_goes_when_its_time_is_over() {
    let mut world = World::running().completed();
    world.conductor_ends(0, "");
    world.change("/cluster", json!({ "ttlAfterFinished": "1h" }));
    world.settle();
    assert_eq!((world.last.delete_scenario, world.last.again), (false, Some(Duration::from_secs(3_601))));
    world.pass(3_601);
    world.step();
    assert!(world.last.delete_scenario);
}
