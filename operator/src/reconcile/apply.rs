//! Writes to the API server: by server-side apply, under one name, and nothing that is there already.

use kube::{
    Api, Client, Resource,
    api::{DeleteParams, DynamicObject, Patch, PatchParams, Preconditions},
};
use peerlab_scenarios::spec::crd::status::ScenarioStatus;
use serde_json::json;

use super::{decide::Doomed, memory::Memory, observe::Owned};
use crate::{
    build::{Child, Kind},
    metrics::Metrics,
    resource::ScenarioObject,
    settings::MANAGER,
};

/// Why a write came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The API server said no, or nothing.
    #[error("{what}: {}", said(source))]
    Api {
        /// What was to be done.
        what: String,
        /// What came of it.
        source: Box<kube::Error>,
    },
    /// There is another's object of that name.
    #[error("{0} is there already and belongs to somebody else: rename it, or the scenario")]
    Taken(String),
}

impl ApplyError {
    pub(super) fn of(what: impl Into<String>) -> impl FnOnce(kube::Error) -> Self {
        let what = what.into();
        move |source| Self::Api { what, source: Box::new(source) }
    }

    /// Whether somebody else wrote meanwhile, so that it is to be seen and decided again.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Api { source, .. } if matches!(&**source, kube::Error::Api(status) if status.is_conflict()))
    }

    /// One word of few, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Taken(_) => "name_taken",
            Self::Api { source, .. } => match &**source {
                kube::Error::Api(status) if status.is_conflict() => "conflict",
                kube::Error::Api(status) if status.is_forbidden() => "forbidden",
                kube::Error::Api(_) => "refused",
                _ => "unreachable",
            },
        }
    }
}

/// What the API server said, without the rest of its answer.
fn said(error: &kube::Error) -> String {
    match error {
        kube::Error::Api(status) => status.message.clone(),
        error => error.to_string(),
    }
}

/// Applies and deletes objects.
#[derive(Clone, Copy)]
pub(super) struct Applier<'a> {
    pub(super) client: &'a Client,
    pub(super) memory: &'a Memory,
    pub(super) metrics: &'a Metrics,
    pub(super) scenario: &'a ScenarioObject,
}

impl Applier<'_> {
    fn uid(&self) -> &str {
        self.scenario.metadata.uid.as_deref().unwrap_or_default()
    }

    fn children(&self, kind: Kind) -> Api<DynamicObject> {
        Api::namespaced_with(self.client.clone(), self.scenario.namespace(), &kind.resource())
    }

    fn scenarios(&self) -> Api<ScenarioObject> {
        Api::namespaced(self.client.clone(), self.scenario.namespace())
    }

    /// Has an object be as it is to be. `owned` are the scenario's objects as they were seen.
    ///
    /// # Errors
    /// When the API server does not do it, or the name is taken by an object that is not the scenario's.
    pub(super) async fn apply(&self, child: &Child, owned: &[Owned]) -> Result<(), ApplyError> {
        let what = format!("{} {}", child.kind.resource().kind, child.name);
        let api = self.children(child.kind);
        let hash = blake3::hash(child.body.to_string().as_bytes());
        let seen = owned.iter().find(|owned| owned.kind == child.kind && owned.name == child.name);
        match seen {
            Some(seen) if self.memory.is_applied(self.uid(), hash, seen) => return Ok(()),
            Some(_) => {}
            None => {
                self.metrics.api_call("get");
                let there =
                    api.get_metadata_opt(&child.name).await.map_err(ApplyError::of(format!("get {what}")))?;
                let owners = there.iter().flat_map(|there| there.metadata.owner_references.iter().flatten());
                if there.is_some() && !owners.map(|owner| owner.uid.as_str()).any(|owner| owner == self.uid())
                {
                    return Err(ApplyError::Taken(what));
                }
            }
        }
        // To apply puts back what was changed, but not what was added to a list, and may even be refused for it. What is merged is put in a list's place.
        let is_edited = seen.is_some() && self.memory.has_applied(self.uid(), hash, child);
        let merged = PatchParams { field_manager: Some(MANAGER.to_owned()), ..PatchParams::default() };
        let merge = async || api.patch(&child.name, &merged, &Patch::Merge(&child.body)).await;
        self.metrics.api_call("apply");
        let patched = if is_edited {
            merge().await
        } else {
            match api
                .patch(&child.name, &PatchParams::apply(MANAGER).force(), &Patch::Apply(&child.body))
                .await
            {
                Err(kube::Error::Api(status)) if status.is_invalid() && seen.is_some() => merge().await,
                patched => patched,
            }
        };
        let patched = patched.map_err(ApplyError::of(format!("apply {what}")))?;
        self.memory.applied(self.uid(), hash, Owned::of(child.kind, &patched.metadata));
        Ok(())
    }

    /// Deletes an object, and what it owns after it.
    ///
    /// # Errors
    /// When the API server does not do it; that it is gone already, or another's in its place, is none.
    pub(super) async fn delete(&self, doomed: &Doomed) -> Result<(), ApplyError> {
        let Doomed { kind, name, uid } = doomed;
        self.memory.deleted(self.uid(), *kind, name);
        let preconditions = Preconditions { uid: Some(uid.clone()), resource_version: None };
        let params = DeleteParams::background().preconditions(preconditions);
        self.metrics.api_call("delete");
        match self.children(*kind).delete(name, &params).await {
            Err(kube::Error::Api(status)) if status.is_not_found() || status.is_conflict() => Ok(()),
            Err(error) => Err(ApplyError::of(format!("delete {} {name}", kind.resource().kind))(error)),
            Ok(_) => Ok(()),
        }
    }

    /// Deletes the scenario, whose time is over.
    ///
    /// # Errors
    /// When the API server does not do it.
    pub(super) async fn delete_scenario(&self) -> Result<(), ApplyError> {
        let metadata = &self.scenario.metadata;
        let preconditions =
            Preconditions { uid: metadata.uid.clone(), resource_version: metadata.resource_version.clone() };
        let params = DeleteParams::background().preconditions(preconditions);
        self.metrics.api_call("delete");
        let deleted = self.scenarios().delete(self.scenario.name(), &params).await;
        deleted.map_err(ApplyError::of("delete the scenario")).map(|_| ())
    }

    /// Writes a status, unless it is as it was. What was decided on a scenario that has changed meanwhile is a conflict.
    ///
    /// # Errors
    /// When the API server does not do it.
    pub(super) async fn write_status(&self, status: &ScenarioStatus) -> Result<(), ApplyError> {
        if *status == self.scenario.known_status() {
            return Ok(());
        }
        let metadata = &self.scenario.metadata;
        let body = json!({
            "apiVersion": ScenarioObject::api_version(&()),
            "kind": ScenarioObject::kind(&()),
            "metadata": { "name": metadata.name, "resourceVersion": metadata.resource_version },
            "status": status,
        });
        self.metrics.api_call("apply_status");
        let params = PatchParams::apply(MANAGER).force();
        let written =
            self.scenarios().patch_status(self.scenario.name(), &params, &Patch::Apply(&body)).await;
        written.map_err(ApplyError::of("write the status")).map(|_| ())
    }
}
