//! One way to say which peers: in faults, workloads and archives alike.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{count::PeerCount, schema};
use crate::units::Share;

/// Which peers. All conditions must hold; `share` or `count` then picks among those that remain, by chance. An empty
/// selector means every peer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "!(has(self.share) && has(self.count))", "message": "give either a share or a count, not both" },
]))]
pub struct Who {
    /// Of this group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// In this region.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// In a site of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// Taking part in this workload.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workload: Option<String>,
    /// Exactly these, by their index in the plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schema::peers")]
    pub peers: Option<Vec<u32>>,
    /// This share of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// So many of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<PeerCount>")]
    pub count: Option<u32>,
}
