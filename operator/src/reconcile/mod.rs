//! From what is seen of a scenario to what is done about it: seeing and doing are here, deciding is in [`mod@decide`].

mod apply;
pub mod conditions;
pub mod decide;
mod memory;
pub mod observe;
mod story;

use std::{
    collections::BTreeMap,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use k8s_openapi::{
    api::{batch::v1::Job, core::v1::ConfigMap},
    jiff::Timestamp,
};
use kube::{
    Api, Client, Resource,
    runtime::{
        controller::Action,
        events::{EventType, Recorder},
    },
};
use peerlab_scenarios::{report::Report, spec::crd::status::Phase};
use tokio::task::JoinError;

use self::{
    apply::Applier,
    decide::{Decision, decide},
    memory::Outcome,
    observe::{Asked, JobView, Observed, Other, PodView},
};
pub use self::{apply::ApplyError, memory::Memory, story::Event};
use crate::{
    build::{self, Component, Kind, results},
    conductor::{AskError, Asker},
    metrics::Metrics,
    prepare::{self, prepare},
    resource::ScenarioObject,
    settings::Settings,
    watch::{Seen, Stores},
};

/// How long after a conflict it is decided again: by then, what was written is seen as a rule.
const CONFLICT_PAUSE: Duration = Duration::from_millis(500);

/// Why a scenario could not be dealt with.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The API server did not do what it was asked for.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// The conductor did not hand out its report.
    #[error("the report: {0}")]
    Fetch(#[from] AskError),
    /// The conductor's report is none.
    #[error("the report is not one that this operator knows: {0}")]
    Report(#[from] serde_json::Error),
    /// The plan was not finished.
    #[error("the plan: {0}")]
    Plan(#[from] JoinError),
}

impl ReconcileError {
    /// One word of few, for metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Apply(error) => error.reason(),
            Self::Fetch(_) => "fetch",
            Self::Report(_) => "report",
            Self::Plan(_) => "plan",
        }
    }

    /// Whether somebody else wrote meanwhile, so that nothing is wrong.
    #[must_use]
    pub fn is_conflict(&self) -> bool {
        matches!(self, Self::Apply(error) if error.is_conflict())
    }
}

/// What dealing with scenarios takes.
pub struct Context {
    /// The API server.
    pub client: Client,
    /// What is the same for all.
    pub settings: Settings,
    /// What is seen of the cluster.
    pub stores: Stores,
    /// Who is asked for progress and reports.
    pub asker: Asker,
    /// Where events go.
    pub recorder: Recorder,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// What is remembered.
    pub memory: Memory,
}

/// Deals with a scenario: sees, decides, acts.
///
/// # Errors
/// When something could not be done. All is tried again then, from what will be seen.
pub async fn reconcile(
    scenario: Arc<ScenarioObject>,
    context: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let began = Instant::now();
    let done = deal_with(&scenario, &context).await;
    context.metrics.reconciled(began.elapsed(), done.as_ref().err().map(ReconcileError::reason));
    let action = done?;
    context.memory.succeeded(scenario.metadata.uid.as_deref().unwrap_or_default());
    Ok(action)
}

/// What follows from an error: a pause that grows, but for conflicts, which only say that there is something new to see.
#[expect(clippy::needless_pass_by_value, reason = "the runtime calls it so")]
pub fn after_error(scenario: Arc<ScenarioObject>, error: &ReconcileError, context: Arc<Context>) -> Action {
    if error.is_conflict() {
        tracing::debug!(%error, "decided on what is no longer so");
        return Action::requeue(CONFLICT_PAUSE);
    }
    let pause = context.memory.after_failure(scenario.metadata.uid.as_deref().unwrap_or_default());
    tracing::warn!(namespace = scenario.namespace(), name = scenario.name(), %error, ?pause, "to be tried again");
    Action::requeue(pause)
}

async fn deal_with(scenario: &Arc<ScenarioObject>, context: &Context) -> Result<Action, ReconcileError> {
    if scenario.metadata.deletion_timestamp.is_some() {
        // What it owns goes with it.
        return Ok(Action::await_change());
    }
    let mut seen = context.stores.of(scenario.namespace(), scenario.name());
    confirm_loss(scenario, &mut seen, context).await?;
    let prepared = prepared(scenario, &seen, context).await?;
    let status = scenario.known_status();
    let wants_room = decide::waits_for_its_turn(&status) || seen.pods.iter().any(PodView::finds_no_room);
    let observed = Observed {
        name: scenario.name(),
        namespace: scenario.namespace(),
        uid: scenario.metadata.uid.as_deref().unwrap_or_default(),
        generation: scenario.metadata.generation,
        status,
        prepared: prepared.as_ref().as_ref(),
        others: if wants_room { others(scenario, context) } else { Vec::new() },
        conductor: ask(&seen, context).await,
        owned: seen.owned,
        pods: seen.pods,
        job: seen.job,
        now: Timestamp::now(),
    };
    let decision = decide(&observed, &context.settings);
    act(scenario, context, &observed, &decision).await?;
    Ok(decision.again.map_or_else(Action::await_change, Action::requeue))
}

/// The other runs that are under way, in the order of their turns.
fn others(scenario: &ScenarioObject, context: &Context) -> Vec<Other> {
    let turn = |it: &ScenarioObject| {
        (it.metadata.creation_timestamp.as_ref().map(|time| time.0), it.metadata.uid.clone())
    };
    let own = turn(scenario);
    let mut others: Vec<_> = context.stores.scenarios.state();
    others.retain(|other| other.metadata.uid != scenario.metadata.uid);
    others.sort_by_cached_key(|other| turn(other));
    let under_way = others.iter().filter_map(|other| {
        let phase = other
            .known_status()
            .phase
            .filter(|phase| (Phase::Starting..=Phase::Collecting).contains(phase))?;
        Some(Other {
            name: format!("{}/{}", other.namespace(), other.name()),
            is_older: turn(other) < own,
            runs: phase >= Phase::Running,
        })
    });
    under_way.collect()
}

/// Asks for the Job of a run that should have one and is not seen to: what was written a moment ago may not be seen yet, and a run is lost without its
/// conductor.
async fn confirm_loss(
    scenario: &ScenarioObject,
    seen: &mut Seen,
    context: &Context,
) -> Result<(), ApplyError> {
    let should_have =
        scenario.known_status().phase.is_some_and(|phase| phase > Phase::Starting && !phase.is_over());
    if seen.job.is_some() || !should_have {
        return Ok(());
    }
    let name = build::conductor_name(scenario.name());
    let api: Api<Job> = Api::namespaced(context.client.clone(), scenario.namespace());
    context.metrics.api_call("get");
    let job = api.get_opt(&name).await.map_err(ApplyError::of(format!("get Job {name}")))?;
    seen.job = job.as_ref().map(JobView::of);
    Ok(())
}

/// Reads and plans a scenario, if it has changed.
async fn prepared(
    scenario: &Arc<ScenarioObject>,
    seen: &Seen,
    context: &Context,
) -> Result<Outcome, ReconcileError> {
    let uid = scenario.metadata.uid.as_deref().unwrap_or_default();
    let generation = scenario.metadata.generation.unwrap_or_default();
    if let Some(known) = context.memory.prepared(uid, generation) {
        return Ok(known);
    }
    let files = match prepare::wanted_config_map(scenario) {
        Some(name) => files(scenario, seen, name, context).await?,
        None => None,
    };
    let (object, most) = (Arc::clone(scenario), context.settings.max_peers);
    let outcome = tokio::task::spawn_blocking(move || prepare(&object, files.as_ref(), most)).await?;
    let outcome = Arc::new(outcome);
    if outcome.as_ref().as_ref().err().is_none_or(|refusal| !refusal.may_pass) {
        context.memory.keep_prepared(uid, generation, Arc::clone(&outcome));
    }
    Ok(outcome)
}

/// The files of a scenario, by key: those that its run began with, if it has begun, or those of the ConfigMap that it names.
async fn files(
    scenario: &ScenarioObject,
    seen: &Seen,
    config_map: &str,
    context: &Context,
) -> Result<Option<BTreeMap<String, String>>, ReconcileError> {
    let status = scenario.known_status();
    let run = build::run_label(&status);
    let own = build::scenario_name(scenario.name());
    let has_begun =
        seen.owned.iter().any(|owned| owned.kind == Kind::ConfigMap && owned.name == own && owned.run == run);
    let is_of_run =
        scenario.spec.pointer("/cluster/runId").and_then(|id| id.as_str()) == status.run.run_id.as_deref();
    let name = if has_begun && is_of_run { own.as_str() } else { config_map };
    let api: Api<ConfigMap> = Api::namespaced(context.client.clone(), scenario.namespace());
    context.metrics.api_call("get");
    let found = api.get_opt(name).await.map_err(ApplyError::of(format!("get ConfigMap {name}")))?;
    let data = found.map(|found| found.data.unwrap_or_default());
    Ok(data)
}

/// Asks the conductor, if there is one that can answer.
async fn ask(seen: &Seen, context: &Context) -> Asked {
    let mut pods = seen.pods.iter().filter(|pod| pod.component == Some(Component::Conductor));
    let Some(address) = pods.find_map(|pod| pod.address.filter(|_| pod.is_running)) else { return Asked::No };
    match context.asker.progress(address).await {
        Ok(progress) => Asked::Told(progress),
        Err(error) => Asked::InVain(error.to_string()),
    }
}

async fn act(
    scenario: &ScenarioObject,
    context: &Context,
    observed: &Observed<'_>,
    decision: &Decision,
) -> Result<(), ReconcileError> {
    let Context { client, memory, metrics, .. } = context;
    let applier = Applier { client, memory, metrics, scenario };
    for doomed in &decision.delete {
        applier.delete(doomed).await?;
    }
    let mut failed = None;
    for child in &decision.apply {
        if let Err(error) = applier.apply(child, &observed.owned).await {
            failed.get_or_insert((child.kind, error));
        }
    }
    // What stands in the way of one object is no reason to say nothing; but that there is a conductor must not be said before it is so.
    if failed.as_ref().is_none_or(|(kind, _)| *kind != Kind::Job) {
        applier.write_status(&decision.status).await?;
        for event in &decision.events {
            tell(scenario, event, context).await;
        }
    }
    if let Some((_, error)) = failed {
        if !error.is_conflict() {
            let event = Event { is_warning: true, reason: "ApplyFailed".to_owned(), note: error.to_string() };
            tell(scenario, &event, context).await;
        }
        return Err(error.into());
    }
    if let Some(address) = decision.stop {
        context.asker.stop(address).await?;
    }
    if let Some(address) = decision.collect {
        collect(&applier, context, observed, address).await?;
    }
    if let Some(address) = decision.release
        && let Err(error) = context.asker.release(address).await
    {
        // It ends by itself, in time.
        tracing::debug!(%error, "a conductor was not told to end");
    }
    if decision.delete_scenario {
        applier.delete_scenario().await?;
    }
    Ok(())
}

/// Fetches a report and keeps it. The ConfigMap that keeps it is seen, and what is in its annotations becomes the status.
async fn collect(
    applier: &Applier<'_>,
    context: &Context,
    observed: &Observed<'_>,
    address: IpAddr,
) -> Result<(), ReconcileError> {
    let Ok(prepared) = observed.prepared else { return Ok(()) };
    let json = context.asker.file(address, results::JSON).await?;
    let report: Report = serde_json::from_slice(&json)?;
    // A verdict without its page is better than none.
    let html = context.asker.file(address, "report.html").await;
    let html = html.map(|page| page.to_vec()).map_err(|error| error.to_string());
    let run_id = observed.status.run.run_id.as_deref().unwrap_or_default();
    let run = build::run_label(&observed.status);
    let plot = observed.plot(prepared, &context.settings, &run);
    let fetched = results::Fetched { json: json.to_vec(), report, html };
    applier.apply(&results::result(&plot, run_id, &fetched), &observed.owned).await?;
    Ok(())
}

/// Tells an event. That it could not be told is no reason to do anything again.
async fn tell(scenario: &ScenarioObject, event: &Event, context: &Context) {
    context.metrics.api_call("event");
    let told = kube::runtime::events::Event {
        type_: if event.is_warning { EventType::Warning } else { EventType::Normal },
        reason: event.reason.clone(),
        note: Some(event.note.clone()).filter(|note| !note.is_empty()),
        action: "Reconcile".to_owned(),
        secondary: None,
    };
    tracing::info!(
        namespace = scenario.namespace(),
        name = scenario.name(),
        reason = event.reason,
        "{}",
        event.note
    );
    if let Err(error) = context.recorder.publish(&told, &scenario.object_ref(&())).await {
        tracing::warn!(%error, "an event could not be told");
    }
}

#[cfg(test)]
mod tests;
