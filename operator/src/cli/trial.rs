//! `peerlab-operator try`: three peers that talk to one another, to see whether all of it works.

use std::time::Duration;

use anyhow::{Context, bail};
use kube::{
    Api, Client,
    api::{DeleteParams, ObjectMeta, Patch, PatchParams},
    runtime::{conditions::Condition, wait::await_condition},
};
use peerlab_operator::resource::ScenarioObject;
use peerlab_scenarios::spec::crd::status::Phase;
use serde_json::json;

/// Who applies it: not the operator that runs it.
const APPLIER: &str = "peerlab-try";

#[derive(Debug, clap::Args)]
pub(super) struct Trial {
    /// The namespace to run it in.
    #[arg(long, value_name = "NAME", default_value = "default")]
    namespace: String,
    /// What to call the scenario.
    #[arg(long, value_name = "NAME", default_value = "peerlab-try")]
    name: String,
    /// How long it may take, in seconds.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
}

/// Three peers, a room, ten seconds.
fn scenario(name: &str) -> ScenarioObject {
    let spec = json!({
        "description": "Do three peers hear what each of them says?",
        "duration": "10s",
        "coolDown": "5s",
        "groups": [{ "name": "all", "peers": 3 }],
        "topology": { "fullMesh": {} },
        "workloads": [{ "name": "room", "chat": { "rooms": 1, "members": 3, "posts": { "poisson": { "every": "1s" } } } }],
        "targets": [{ "metric": "room.delivery.completeness", "atLeast": "100%" }],
        "cluster": { "peersPerPod": 1 },
    });
    ScenarioObject {
        metadata: ObjectMeta { name: Some(name.to_owned()), ..ObjectMeta::default() },
        spec,
        status: None,
    }
}

impl Trial {
    pub(super) fn run(&self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(self.go())
    }

    async fn go(&self) -> anyhow::Result<()> {
        let client = Client::try_default().await.context("finding the cluster")?;
        let scenarios: Api<ScenarioObject> = Api::namespaced(client, &self.namespace);
        let body = json!({
            "apiVersion": "peerlab.dev/v1alpha1",
            "kind": "Scenario",
            "metadata": { "name": self.name },
            "spec": scenario(&self.name).spec,
        });
        // What an earlier try has left would be taken for this one's.
        delete(&scenarios, &self.name).await?;
        let params = PatchParams::apply(APPLIER);
        scenarios.patch(&self.name, &params, &Patch::Apply(&body)).await.context("applying the scenario")?;
        println!("scenario {}/{}: applied", self.namespace, self.name);
        let over = await_condition(scenarios.clone(), &self.name, is_over());
        let waited = tokio::time::timeout(Duration::from_secs(self.timeout), over).await;
        let found = scenarios.get_opt(&self.name).await?;
        let status = found.map(|found| found.known_status()).unwrap_or_default();
        for condition in &status.conditions {
            println!("{}={}: {}: {}", condition.type_, condition.status, condition.reason, condition.message);
        }
        delete(&scenarios, &self.name).await?;
        match waited {
            Err(_) => bail!("it was not over after {} s", self.timeout),
            Ok(ended) => ended.context("watching the scenario")?,
        };
        match status.run.verdict.as_deref() {
            Some("pass") if status.phase == Some(Phase::Complete) => {
                println!("verdict: pass");
                Ok(())
            }
            verdict => bail!("verdict: {}", verdict.unwrap_or("none")),
        }
    }
}

/// Deletes the scenario, and waits until it is gone.
async fn delete(scenarios: &Api<ScenarioObject>, name: &str) -> anyhow::Result<()> {
    match scenarios.delete(name, &DeleteParams::foreground()).await {
        Err(kube::Error::Api(status)) if status.is_not_found() => return Ok(()),
        deleted => deleted.context("deleting the scenario")?,
    };
    let gone = await_condition(scenarios.clone(), name, |found: Option<&ScenarioObject>| found.is_none());
    let gone = tokio::time::timeout(Duration::from_secs(60), gone).await.context("deleting the scenario")?;
    gone.context("deleting the scenario").map(|_| ())
}

/// Nothing more will come of it.
fn is_over() -> impl Condition<ScenarioObject> {
    |scenario: Option<&ScenarioObject>| {
        let phase = scenario.and_then(|scenario| scenario.known_status().phase);
        phase.is_some_and(|phase| phase.is_over() || phase == Phase::Refused)
    }
}

#[cfg(test)]
mod tests {
    use peerlab_operator::prepare::prepare;

    use super::*;

    #[test]
    fn the_scenario_can_be_run() {
        let prepared = prepare(&scenario("try"), None, 10).expect("it is right");
        assert_eq!((prepared.peers(), prepared.pods()), (3, 3));
    }
}
