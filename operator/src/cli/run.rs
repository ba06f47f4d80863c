//! `peerlab-operator run`: from the first look at the cluster to the last.

use std::{sync::Arc, time::Duration};

use anyhow::{Context as _, anyhow, bail};
use futures::{StreamExt, future};
use kube::{
    Api, Client,
    api::ListParams,
    runtime::{
        controller::{self, applier},
        events::{Recorder, Reporter},
    },
};
use peerlab_operator::{
    conductor::Asker,
    leader::Candidate,
    metrics::Metrics,
    reconcile::{self, Context, Memory},
    resource::ScenarioObject,
    serve::{self, listen},
    settings::MANAGER,
    watch::{Scope, Stores, watch},
};
use peerlab_scenarios::spec::crd::status::Phase;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::OnceCell,
};
use tracing_subscriber::EnvFilter;

use super::{LogForm, Run};

/// How long changes of one scenario are gathered before it is dealt with: pods come in crowds.
const DEBOUNCE: Duration = Duration::from_millis(200);

/// How long the last of what is being done may take.
const GRACE: Duration = Duration::from_secs(10);

/// What HTTP is answered from.
struct Health {
    metrics: Arc<Metrics>,
    /// What is seen, once this replica works.
    stores: OnceCell<Stores>,
    stands_by: bool,
}

impl serve::State for Health {
    fn is_ready(&self) -> bool {
        // A replica that stands by is ready to take over.
        self.stores.get().map_or(self.stands_by, |stores| {
            future::FutureExt::now_or_never(stores.ready()).is_some_and(|ready| ready.is_ok())
        })
    }

    fn metrics(&self) -> String {
        if let Some(stores) = self.stores.get() {
            let scenarios = stores.scenarios.state();
            let phases: Vec<_> = scenarios.iter().map(|scenario| scenario.known_status().phase).collect();
            for phase in Phase::ALL {
                let count = phases.iter().filter(|of| **of == Some(phase)).count();
                self.metrics.scenarios(phase.name(), count);
            }
        }
        self.metrics.text()
    }
}

pub(super) fn run(options: &Run) -> anyhow::Result<()> {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match options.log {
        LogForm::Json => log.json().flatten_event(true).with_current_span(false).init(),
        LogForm::Pretty => log.init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let done = runtime.block_on(operate(options));
    // A plan that is being made is not waited for.
    runtime.shutdown_timeout(GRACE);
    done
}

async fn operate(options: &Run) -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut told = std::pin::pin!(async move {
        tokio::select! {
            _ = terminate.recv() => (),
            _ = interrupt.recv() => (),
        }
        tracing::info!("told to end");
    });
    let metrics = Arc::new(Metrics::default());
    let health = Arc::new(Health {
        metrics: Arc::clone(&metrics),
        stores: OnceCell::new(),
        stands_by: options.leader_elect,
    });
    let listener =
        listen(options.listen).await.with_context(|| format!("listening at {}", options.listen))?;
    let server = tokio::spawn(serve::serve(listener, Arc::clone(&health)));

    let client = Client::try_default().await.context("finding the cluster")?;
    let scope = options.namespace.clone().map_or(Scope::Cluster, Scope::Namespace);
    is_installed(&client, &scope).await?;

    let candidate = match (&options.own_namespace, &options.identity) {
        (Some(namespace), Some(identity)) if options.leader_elect => {
            Some(Candidate::stand(client.clone(), namespace, identity).await.context("the lease")?)
        }
        _ => None,
    };
    let lasted = match candidate {
        None => {
            work(options, client, &scope, &health, told).await;
            Ok(())
        }
        Some(mut candidate) => {
            tracing::info!("stands by");
            let elected = tokio::select! {
                () = candidate.elected() => true,
                () = &mut told => false,
            };
            let mut deposed = false;
            if elected {
                let ends = async {
                    tokio::select! {
                        () = candidate.deposed() => deposed = true,
                        () = told => (),
                    }
                };
                work(options, client, &scope, &health, ends).await;
            }
            if deposed {
                // Whoever has it now must be alone: what was begun here must not go on.
                Err(anyhow!("the lease went to another"))
            } else {
                candidate.resign().await.context("giving the lease back")
            }
        }
    };
    server.abort();
    lasted
}

/// Works until told otherwise.
async fn work(options: &Run, client: Client, scope: &Scope, health: &Health, ends: impl Future<Output = ()>) {
    let metrics = Arc::clone(&health.metrics);
    metrics.leads(true);
    let (stores, writers) = Stores::empty();
    let (changes, mut watches) = watch(&client, scope, writers);
    let _ = health.stores.set(stores.clone());
    let reporter = Reporter { controller: MANAGER.to_owned(), instance: options.identity.clone() };
    let settings = options.settings();
    let context = Arc::new(Context {
        recorder: Recorder::new(client.clone(), reporter),
        asker: Asker::new(settings.http_port),
        client,
        settings,
        stores: stores.clone(),
        metrics: Arc::clone(&metrics),
        memory: Memory::default(),
    });
    tokio::pin!(ends);
    tokio::select! {
        ready = stores.ready() => if ready.is_err() { return },
        () = &mut ends => return,
    }
    tracing::info!(scenarios = stores.scenarios.len(), scope = ?scope, "works");
    let config = controller::Config::default().debounce(DEBOUNCE).concurrency(options.concurrency);
    let of = stores.scenarios.clone();
    // When there are no more changes to come, what is being done is done to its end.
    let changes = changes.take_until(ends);
    let deals = applier(
        |scenario, context| Box::pin(reconcile::reconcile(scenario, context)),
        reconcile::after_error,
        Arc::clone(&context),
        of,
        changes,
        config,
    );
    let worked = deals.for_each(|dealt| {
        if let Err(controller::Error::ObjectNotFound(_)) = dealt {
            let there: std::collections::BTreeSet<_> = stores
                .scenarios
                .state()
                .iter()
                .filter_map(|scenario| scenario.metadata.uid.clone())
                .collect();
            context.memory.keep_only(|uid| there.contains(uid));
        }
        future::ready(())
    });
    worked.await;
    watches.abort_all();
    metrics.leads(false);
}

/// Makes sure that the custom resource is there and may be read, or says what to do.
async fn is_installed(client: &Client, scope: &Scope) -> anyhow::Result<()> {
    let scenarios: Api<ScenarioObject> = scope.api(client);
    match scenarios.list(&ListParams::default().limit(1)).await {
        Ok(_) => Ok(()),
        Err(kube::Error::Api(status)) if status.is_not_found() => bail!(
            "the custom resource `scenarios.peerlab.dev` is not installed: `peerlab-operator crd | kubectl apply --server-side -f -`, or the chart with \
             crds.install=true"
        ),
        Err(kube::Error::Api(status)) if status.is_forbidden() => bail!(
            "this operator may not read scenarios: {}; grant it the chart's role, or give it a namespace in which it may (--namespace)",
            status.message
        ),
        Err(error) => Err(error).context("looking for scenarios"),
    }
}
