//! What a run is made of, as objects of Kubernetes: pure functions of what was prepared.
//!
//! | object | for |
//! |---|---|
//! | ConfigMap `NAME-scenario` | the scenario and its files |
//! | Service `NAME-peers` | the StatefulSets' names in DNS |
//! | Service `NAME-conductor` | where peers find their conductor |
//! | NetworkPolicy `NAME-run` | the run's pods talk to one another, and the operator to the conductor |
//! | StatefulSet `NAME-GROUP` | the peers of a group |
//! | Job `NAME-conductor` | the conductor |
//! | ConfigMap `NAME-result-RUN` | what came of it |
//!
//! All belong to the scenario (owner references), so that deleting it deletes them.

mod conductor;
mod config;
mod labels;
mod network;
mod peers;
mod pods;
pub mod results;

use std::time::Duration;

use k8s_openapi::{
    api::{
        apps::v1::StatefulSet,
        batch::v1::Job,
        core::v1::{ConfigMap, Service},
        networking::v1::NetworkPolicy,
    },
    apimachinery::pkg::apis::meta::v1::OwnerReference,
};
use kube::{
    Resource,
    api::{ApiResource, ObjectMeta},
};
use peerlab_scenarios::spec::crd::ScenarioResource;
use serde::Serialize;
use serde_json::Value;

pub(crate) use self::conductor::SLACK;
pub use self::{
    labels::{BUILDER, COMPONENT, Component, GROUP, INSTANCE, MANAGED_BY, RUN, run_label},
    peers::peer_name,
};
use crate::{prepare::Prepared, settings::Settings};

/// The longest name of a child: a StatefulSet's is in a label of its pods together with a hash of ten characters and a dash, and labels have 63.
const NAME_LENGTH: usize = 52;

/// What a run is built from.
#[derive(Clone, Copy, Debug)]
pub struct Plot<'a> {
    /// What is run.
    pub prepared: &'a Prepared,
    /// What is the same for all scenarios.
    pub settings: &'a Settings,
    /// The scenario's name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// The value of the label [`RUN`]: which run of it, and the how manieth attempt.
    pub run: &'a str,
}

impl Plot<'_> {
    fn metadata(&self, name: String, component: Component) -> ObjectMeta {
        ObjectMeta {
            name: Some(name),
            namespace: Some(self.namespace.to_owned()),
            labels: Some(labels::of(self.name, self.run, component)),
            annotations: Some([(BUILDER.to_owned(), self.settings.fingerprint())].into()),
            owner_references: Some(vec![OwnerReference {
                api_version: ScenarioResource::api_version(&()).into_owned(),
                kind: ScenarioResource::kind(&()).into_owned(),
                name: self.name.to_owned(),
                uid: self.uid.to_owned(),
                controller: Some(true),
                block_owner_deletion: Some(true),
            }]),
            ..ObjectMeta::default()
        }
    }
}

/// The kinds of objects that a run is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A ConfigMap.
    ConfigMap,
    /// A Service.
    Service,
    /// A NetworkPolicy.
    NetworkPolicy,
    /// A StatefulSet.
    StatefulSet,
    /// A Job.
    Job,
}

impl Kind {
    /// How the API server calls it.
    #[must_use]
    pub fn resource(self) -> ApiResource {
        match self {
            Self::ConfigMap => ApiResource::erase::<ConfigMap>(&()),
            Self::Service => ApiResource::erase::<Service>(&()),
            Self::NetworkPolicy => ApiResource::erase::<NetworkPolicy>(&()),
            Self::StatefulSet => ApiResource::erase::<StatefulSet>(&()),
            Self::Job => ApiResource::erase::<Job>(&()),
        }
    }
}

/// An object that is to be there.
#[derive(Clone, Debug, PartialEq)]
pub struct Child {
    /// Its kind.
    pub kind: Kind,
    /// Its name.
    pub name: String,
    /// All of it, as it is applied.
    pub body: Value,
}

impl Child {
    fn new<K: Serialize + Resource>(kind: Kind, object: &K) -> Self {
        let name = object.meta().name.clone().expect("every builder names its object");
        Self { kind, name, body: serde_json::to_value(object).expect("objects of Kubernetes serialise") }
    }
}

/// All that a run needs but its conductor, in the order in which it is to be applied.
#[must_use]
pub fn surroundings(plot: &Plot<'_>) -> Vec<Child> {
    let mut children = vec![
        Child::new(Kind::ConfigMap, &config::scenario(plot)),
        Child::new(Kind::Service, &network::peers(plot)),
        Child::new(Kind::Service, &network::conductor(plot)),
        Child::new(Kind::NetworkPolicy, &network::policy(plot)),
    ];
    let groups = plot.prepared.groups.iter();
    children.extend(groups.map(|group| Child::new(Kind::StatefulSet, &peers::stateful_set(plot, group))));
    children
}

/// The conductor of a run.
#[must_use]
pub fn conductor(plot: &Plot<'_>) -> Child {
    Child::new(Kind::Job, &conductor::job(plot))
}

/// The name of the ConfigMap that keeps a run's scenario and files.
#[must_use]
pub fn scenario_name(scenario: &str) -> String {
    child_name(scenario, &["scenario"])
}

/// The name of the conductor's Job, and of its Service.
#[must_use]
pub fn conductor_name(scenario: &str) -> String {
    child_name(scenario, &["conductor"])
}

/// The name of the ConfigMap that keeps what came of a run.
#[must_use]
pub fn result_name(scenario: &str, run_id: &str) -> String {
    child_name(scenario, &["result", run_id])
}

/// A name for a child of a scenario, such as `chat-room-homes`. No two pairs of scenario and parts of one kind have the same: where the last part has a dash
/// itself, so that the seam could not be told, and where a name is too long, a hash of both ends it. So it is where the scenario begins with a digit, as a
/// Service must not: a letter comes before it then.
fn child_name(scenario: &str, parts: &[&str]) -> String {
    let begins_right = scenario.starts_with(|first: char| first.is_ascii_alphabetic());
    let letter = if begins_right { "" } else { "s-" };
    let plain = format!("{letter}{scenario}-{}", parts.join("-"));
    let last = parts.last().copied().unwrap_or_default();
    if begins_right && plain.len() <= NAME_LENGTH && !last.contains('-') {
        return plain;
    }
    let mut hasher = blake3::Hasher::new();
    for part in std::iter::once(&scenario).chain(parts) {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hash = &hasher.finalize().to_hex()[..8];
    let kept = &plain[..plain.len().min(NAME_LENGTH - 1 - hash.len())];
    format!("{}-{hash}", kept.trim_end_matches(['-', '.']))
}

/// A span as whole seconds, rounded up, and at least one.
fn seconds(span: Duration) -> i64 {
    let whole = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    i64::try_from(whole.max(1)).unwrap_or(i64::MAX)
}

#[cfg(test)]
pub(crate) mod tests;
