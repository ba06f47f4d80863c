//! What peers do with the network.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ChatSpec, LookupsSpec, UpdateSpec, Who};

/// Something that peers do, under a name by which targets and selectors refer to it. Exactly one kind must be given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("x-kubernetes-validations" = [
    { "rule": "[has(self.chat), has(self.update), has(self.lookups)].exists_one(given, given)", "message": "a workload says what it is, and only one of these: chat, update, lookups" },
]))]
pub struct Workload {
    /// Its name; metrics begin with it.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Who takes part. Default: everyone.
    #[serde(default)]
    pub who: Who,
    /// Messages among members of rooms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chat: Option<ChatSpec>,
    /// A file that a publisher releases and peers bring to one another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub update: Option<UpdateSpec>,
    /// Contents that some peers provide and others look for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookups: Option<LookupsSpec>,
}
