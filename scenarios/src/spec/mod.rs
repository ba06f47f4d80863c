//! The language: what a user writes, as types.
//!
//! The JSON Schema for editors, the custom resource and the reference in `docs/language.md` are derived from these types;
//! their doc comments are what a user reads there. Rules that types cannot hold stand beside them in CEL, enforced by
//! the API server and evaluated by [`read`] alike.

pub mod chat;
mod cluster;
mod count;
#[cfg(feature = "crd")]
pub mod crd;
pub mod discovery;
mod distribution;
mod fault;
mod group;
pub mod lookups;
mod network;
pub mod overlay;
pub mod read;
mod schema;
mod selector;
pub mod semantics;
mod start;
#[cfg(feature = "crd")]
pub mod status;
mod target;
mod time_of_day;
pub mod topology;
mod traversal;
pub mod update;
mod workload;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::count::PeerCount;
pub use self::{
    chat::ChatSpec, cluster::Cluster, count::Count, discovery::Discovery, distribution::*, fault::*,
    group::*, lookups::LookupsSpec, network::*, overlay::Overlay, selector::Who, start::Start,
    target::Target, time_of_day::TimeOfDay, topology::Topology, traversal::Traversal, update::UpdateSpec,
    workload::Workload,
};
use crate::units::Nanos;

/// A scenario file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scenario {
    /// The version of the language.
    pub api_version: ApiVersion,
    /// What the file is.
    pub kind: ScenarioKind,
    /// Its name, and what a cluster wants to know besides.
    pub metadata: Metadata,
    /// The scenario itself.
    pub spec: ScenarioSpec,
}

/// The version of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ApiVersion {
    /// The only one so far.
    #[serde(rename = "peerlab.dev/v1alpha1")]
    V1Alpha1,
}

/// What the file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ScenarioKind {
    /// A scenario.
    Scenario,
}

/// A scenario's name, and what a cluster wants to know besides.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// The name: lower-case letters, digits and dashes.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// The namespace; only a cluster uses it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels; only a cluster uses them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations; only a cluster uses them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

/// Who takes part, over which network, doing what, while what goes wrong, and what must come out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[cfg_attr(feature = "crd", derive(kube::CustomResource))]
#[cfg_attr(
    feature = "crd",
    kube(
        group = "peerlab.dev",
        version = "v1alpha1",
        kind = "Scenario",
        root = "ScenarioResource",
        plural = "scenarios",
        singular = "scenario",
        shortname = "scn",
        category = "peerlab",
        namespaced,
        status = "status::ScenarioStatus",
        doc = "An experiment on a network of peers."
    )
)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "has(self.peers) || self.groups.all(g, !has(g.share))", "message": "a group with a share needs spec.peers" },
    { "rule": "self.duration.matches('[1-9]')", "message": "a run takes some time", "fieldPath": ".duration" },
    // CEL reads neither days nor weeks; with these, the two are compared offline and by the operator only.
    { "rule": "[self.warmUp, self.duration].exists(d, d.matches('[dw]')) || !self.duration.matches('[1-9]') || duration(self.warmUp) < duration(self.duration)",
      "message": "the warm-up must be shorter than the run", "fieldPath": ".warmUp" },
]))]
pub struct ScenarioSpec {
    /// Which question the scenario answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 2000))]
    pub description: Option<String>,
    /// The only source of chance. Default: 1.
    #[serde(default = "first_seed")]
    #[schemars(schema_with = "schema::seed")]
    pub seed: u64,
    /// How long workloads go on.
    pub duration: Nanos,
    /// What begins before this instant does not count. Default: from the start.
    #[serde(default)]
    pub warm_up: Nanos,
    /// How long the run goes on after `duration`, with nothing new, so that what is on its way arrives. Default: 30s.
    #[serde(default = "half_a_minute")]
    pub cool_down: Nanos,
    /// When the run begins, if its peers are processes of their own. Default: when all are there, within a minute.
    #[serde(default)]
    pub start: Start,
    /// Peers in all, of which groups may have shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PeerCount>")]
    pub peers: Option<u32>,
    /// LANs whose peers share an uplink.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub sites: Vec<Site>,
    /// The peers.
    #[schemars(length(min = 1, max = 100), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub groups: Vec<Group>,
    /// Who is whose neighbour. Default: random with 8 neighbours each.
    #[serde(default)]
    pub topology: Topology,
    /// How what is published reaches everyone. Default: flooding, along the links of the topology.
    #[serde(default)]
    pub overlay: Overlay,
    /// How peers and content are found. Default: by the plan.
    #[serde(default)]
    pub discovery: Discovery,
    /// The network between peers.
    #[serde(default)]
    pub network: Network,
    /// What the peers do.
    #[schemars(length(min = 1, max = 32), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub workloads: Vec<Workload>,
    /// What goes wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 200), extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub faults: Vec<Fault>,
    /// What must come out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100))]
    pub targets: Vec<Target>,
    /// How a cluster runs it. Only a cluster reads this.
    #[serde(default)]
    pub cluster: Cluster,
}

impl ScenarioSpec {
    /// When the run is over: after `duration` and `coolDown`.
    #[must_use]
    pub const fn end(&self) -> Nanos {
        self.duration.saturating_add(self.cool_down)
    }

    /// The peers of groups that say how many they have. Those with a share come to the rest of `peers`, as the plan divides it.
    #[must_use]
    pub fn counted_peers(&self) -> u64 {
        self.groups.iter().filter_map(|group| group.peers).map(u64::from).sum()
    }
}

const fn first_seed() -> u64 {
    1
}

const fn half_a_minute() -> Nanos {
    Nanos::from_secs(30)
}
