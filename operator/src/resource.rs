//! The custom resource as it is read: without trust in what it says.

use kube::{Resource, api::ObjectMeta};
use peerlab_scenarios::spec::crd::{ScenarioResource, status::ScenarioStatus};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A scenario as the API server hands it out.
///
/// The specification stays a [`Value`]: the types of the language refuse more than a schema can, and a watch that fails on one bad object
/// would fail for all. [`prepare`](crate::prepare) reads it, with an error for its owner.
#[derive(Clone, Debug, Serialize, Deserialize, Resource)]
#[resource(inherit = ScenarioResource)]
pub struct ScenarioObject {
    /// Name, namespace, generation and the like.
    pub metadata: ObjectMeta,
    /// What the user wrote, with the defaults of the schema.
    #[serde(default)]
    pub spec: Value,
    /// What was said of it last.
    #[serde(default)]
    pub status: Option<Value>,
}

impl ScenarioObject {
    /// What was said of it last. A status in a form that is not known counts as none: it is written anew.
    #[must_use]
    pub fn known_status(&self) -> ScenarioStatus {
        self.status.clone().and_then(|status| serde_json::from_value(status).ok()).unwrap_or_default()
    }

    /// Its name; the API server lets none be without.
    #[must_use]
    pub fn name(&self) -> &str {
        self.metadata.name.as_deref().unwrap_or_default()
    }

    /// Its namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.metadata.namespace.as_deref().unwrap_or_default()
    }
}
