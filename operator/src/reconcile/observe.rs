//! What was seen of a scenario in the cluster, in the few words that a decision needs.

use std::net::IpAddr;

use k8s_openapi::{
    api::{
        batch::v1::Job,
        core::v1::{ContainerStatus, Pod},
    },
    apimachinery::pkg::apis::meta::v1::ObjectMeta,
    jiff::Timestamp,
};
use peerlab_scenarios::{report::Progress, spec::crd::status::ScenarioStatus};

use crate::{
    build::{BUILDER, COMPONENT, Component, GROUP, Kind, Plot, RUN, results},
    prepare::{Prepared, Refusal},
    settings::Settings,
};

/// The reason of a pod that no node is found for.
const UNSCHEDULABLE: &str = "Unschedulable";

/// What the scheduler says then of nodes that others have filled. Of the rest, such as labels that no node has, time mends nothing.
const FILLED: [&str; 2] = ["Insufficient ", "Too many pods"];

/// What was seen of a scenario.
#[derive(Clone, Debug)]
pub struct Observed<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// Its generation.
    pub generation: Option<i64>,
    /// What was said of it last.
    pub status: ScenarioStatus,
    /// What it comes to.
    pub prepared: Result<&'a Prepared, &'a Refusal>,
    /// Its objects but its pods.
    pub owned: Vec<Owned>,
    /// Its pods.
    pub pods: Vec<PodView>,
    /// Its conductor's Job.
    pub job: Option<JobView>,
    /// What its conductor says.
    pub conductor: Asked,
    /// Other runs that are under way, looked for where this one finds no room, or waits for its turn.
    pub others: Vec<Other>,
    /// What time it is.
    pub now: Timestamp,
}

impl<'a> Observed<'a> {
    /// What a run of it is built from.
    #[must_use]
    pub fn plot(&self, prepared: &'a Prepared, settings: &'a Settings, run: &'a str) -> Plot<'a> {
        let Self { name, namespace, uid, .. } = *self;
        Plot { prepared, settings, name, namespace, uid, run }
    }
}

/// Another run, which takes room that this one may want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Its namespace and its name.
    pub name: String,
    /// Whether its scenario is older, and its turn comes first.
    pub is_older: bool,
    /// Whether it has all that it needs, and will end in time.
    pub runs: bool,
}

/// What a conductor says.
#[derive(Clone, Debug, PartialEq)]
pub enum Asked {
    /// It was not asked, for there is none that could answer.
    No,
    /// It did not answer, and why.
    InVain(String),
    /// How far it is.
    Told(Progress),
}

/// An object of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owned {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// Its uid.
    pub uid: String,
    /// What it is for.
    pub component: Option<Component>,
    /// Of which run it is.
    pub run: String,
    /// By which operator, with which settings, it was built.
    pub builder: String,
    /// Whether it is about to go.
    pub is_going: bool,
    /// What changes when anybody changes it.
    pub version: String,
    /// What came of the run, where this is a result.
    pub result: Option<ResultView>,
}

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultView {
    /// What came of the targets.
    pub verdict: String,
    /// Whether the numbers can be believed.
    pub validity: String,
    /// Why not.
    pub reasons: String,
}

impl Owned {
    /// From the metadata of an object.
    #[must_use]
    pub fn of(kind: Kind, metadata: &ObjectMeta) -> Self {
        let annotation = |name: &str| metadata.annotations.as_ref().and_then(|all| all.get(name)).cloned();
        let result = annotation(results::VERDICT).map(|verdict| ResultView {
            verdict,
            validity: annotation(results::VALIDITY).unwrap_or_default(),
            reasons: annotation(results::REASONS).unwrap_or_default(),
        });
        // Objects with a generation have a status besides, whose changes are none of the object.
        let generation = metadata.generation.map(|generation| generation.to_string());
        let labels_too = format!("{:?}{:?}", metadata.labels, metadata.annotations);
        let version = generation.map(|generation| format!("{generation} {labels_too}"));
        Self {
            kind,
            name: metadata.name.clone().unwrap_or_default(),
            uid: metadata.uid.clone().unwrap_or_default(),
            component: label(metadata, COMPONENT).and_then(|word| Component::of(&word)),
            run: label(metadata, RUN).unwrap_or_default(),
            builder: annotation(BUILDER).unwrap_or_default(),
            is_going: metadata.deletion_timestamp.is_some(),
            version: version.or_else(|| metadata.resource_version.clone()).unwrap_or_default(),
            result,
        }
    }
}

/// A pod of a scenario.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub component: Option<Component>,
    /// Of which group its peers are.
    pub group: String,
    /// Of which run it is.
    pub run: String,
    /// Whether it is about to go.
    pub is_going: bool,
    /// Whether its container runs.
    pub is_running: bool,
    /// Its address.
    pub address: Option<IpAddr>,
    /// How often its container was started again.
    pub restarts: i32,
    /// Why its container does not run yet.
    pub waits_for: Option<String>,
    /// How its container ended last.
    pub ended: Option<Ended>,
    /// Whether it has ended for good.
    pub is_over: bool,
}

/// How a container ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit code.
    pub code: i32,
    /// The word for it, such as `OOMKilled`.
    pub reason: String,
    /// The last of what it said.
    pub message: String,
}

impl Ended {
    /// In one line.
    #[must_use]
    pub fn told(&self) -> String {
        let said = self.message.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default();
        let separator = if said.is_empty() { "" } else { ": " };
        format!("{} (exit code {}){separator}{said}", self.reason, self.code)
    }
}

impl PodView {
    /// Whether no node has room for it that others might give back.
    #[must_use]
    pub fn finds_no_room(&self) -> bool {
        self.waits_for
            .as_ref()
            .is_some_and(|why| why.starts_with(UNSCHEDULABLE) && FILLED.iter().any(|word| why.contains(word)))
    }

    /// From a pod with one container.
    #[must_use]
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.clone().unwrap_or_default();
        let container = status.container_statuses.iter().flatten().next();
        let state = container.and_then(|container| container.state.as_ref());
        let phase = status.phase.as_deref().unwrap_or("Pending");
        let unscheduled =
            status.conditions.iter().flatten().find(|c| c.type_ == "PodScheduled" && c.status == "False");
        let waits_for = match state.and_then(|state| state.waiting.as_ref()) {
            Some(waiting) => Some(said(waiting.reason.as_ref(), waiting.message.as_ref())),
            None => unscheduled.map(|condition| said(condition.reason.as_ref(), condition.message.as_ref())),
        };
        let evicted = status.reason.as_ref().filter(|_| phase == "Failed" && container.is_none());
        let ended = container.and_then(ended).or_else(|| {
            evicted.map(|reason| Ended {
                code: -1,
                reason: reason.clone(),
                message: status.message.clone().unwrap_or_default(),
            })
        });
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            component: label(&pod.metadata, COMPONENT).and_then(|word| Component::of(&word)),
            group: label(&pod.metadata, GROUP).unwrap_or_default(),
            run: label(&pod.metadata, RUN).unwrap_or_default(),
            is_going: pod.metadata.deletion_timestamp.is_some(),
            is_running: phase == "Running" && state.is_some_and(|state| state.running.is_some()),
            address: status.pod_ip.as_deref().and_then(|address| address.parse().ok()),
            restarts: container.map_or(0, |container| container.restart_count),
            waits_for,
            ended,
            is_over: matches!(phase, "Failed" | "Succeeded"),
        }
    }
}

/// How a container ended, now or before it was started again.
fn ended(container: &ContainerStatus) -> Option<Ended> {
    let now = container.state.as_ref().and_then(|state| state.terminated.as_ref());
    let before = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    now.or(before).map(|ended| Ended {
        code: ended.exit_code,
        reason: ended.reason.clone().unwrap_or_else(|| "Ended".to_owned()),
        message: ended.message.clone().unwrap_or_default(),
    })
}

fn said(reason: Option<&String>, message: Option<&String>) -> String {
    [reason, message].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(": ")
}

fn label(metadata: &ObjectMeta, name: &str) -> Option<String> {
    metadata.labels.as_ref().and_then(|labels| labels.get(name)).cloned()
}

/// The Job of a conductor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Of which run it is.
    pub run: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// Whether it is over, and how if it failed.
    pub over: Option<Result<(), String>>,
}

impl JobView {
    /// From a Job.
    #[must_use]
    pub fn of(job: &Job) -> Self {
        let conditions = job.status.iter().flat_map(|status| status.conditions.iter().flatten());
        let over = conditions.filter(|condition| condition.status == "True").find_map(|condition| {
            match condition.type_.as_str() {
                "Complete" => Some(Ok(())),
                "Failed" => Some(Err(condition.reason.clone().unwrap_or_default())),
                _ => None,
            }
        });
        Self {
            run: label(&job.metadata, RUN).unwrap_or_default(),
            created: job.metadata.creation_timestamp.as_ref().map(|time| time.0),
            over,
        }
    }
}
