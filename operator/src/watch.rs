//! What is seen of the cluster: one watch a kind, kept in memory, each change of which has its scenario dealt with.
//!
//! Of pods and Jobs, only what decisions need is kept; of all other objects, only their metadata is asked for.

use std::{fmt::Debug, hash::Hash, pin::pin};

use futures::{
    SinkExt, StreamExt,
    channel::mpsc::{self, Receiver, Sender},
};
use k8s_openapi::{
    NamespaceResourceScope,
    api::{
        apps::v1::StatefulSet,
        batch::v1::Job,
        core::v1::{ConfigMap, Pod, Service},
        networking::v1::NetworkPolicy,
    },
};
use kube::{
    Api, Client, Resource, ResourceExt,
    core::PartialObjectMeta,
    runtime::{
        WatchStreamExt,
        reflector::store::WriterDropped,
        reflector::{ObjectRef, Store, store::Writer},
        watcher,
    },
};
use serde::de::DeserializeOwned;
use tokio::task::JoinSet;

use crate::{
    build::{INSTANCE, Kind, MANAGED_BY},
    reconcile::observe::{JobView, Owned, PodView},
    resource::ScenarioObject,
    settings::MANAGER,
};

/// How many changes may wait for being worked off.
const QUEUE: usize = 1_024;

/// What is seen of the cluster.
#[derive(Clone)]
pub struct Stores {
    /// The scenarios.
    pub scenarios: Store<ScenarioObject>,
    pods: Store<Pod>,
    jobs: Store<Job>,
    config_maps: Store<PartialObjectMeta<ConfigMap>>,
    services: Store<PartialObjectMeta<Service>>,
    policies: Store<PartialObjectMeta<NetworkPolicy>>,
    stateful_sets: Store<PartialObjectMeta<StatefulSet>>,
}

/// What fills the [`Stores`].
pub struct Writers {
    /// The scenarios.
    pub scenarios: Writer<ScenarioObject>,
    /// Their pods.
    pub pods: Writer<Pod>,
    /// Their conductors' Jobs.
    pub jobs: Writer<Job>,
    /// Their ConfigMaps.
    pub config_maps: Writer<PartialObjectMeta<ConfigMap>>,
    /// Their Services.
    pub services: Writer<PartialObjectMeta<Service>>,
    /// Their NetworkPolicies.
    pub policies: Writer<PartialObjectMeta<NetworkPolicy>>,
    /// Their StatefulSets.
    pub stateful_sets: Writer<PartialObjectMeta<StatefulSet>>,
}

/// What is seen of one scenario's objects.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// All but pods.
    pub owned: Vec<Owned>,
    /// Its pods.
    pub pods: Vec<PodView>,
    /// Its conductor's Job.
    pub job: Option<JobView>,
}

impl Stores {
    /// Stores without anything, and what fills them.
    #[must_use]
    pub fn empty() -> (Self, Writers) {
        let writers = Writers {
            scenarios: Writer::default(),
            pods: Writer::default(),
            jobs: Writer::default(),
            config_maps: Writer::default(),
            services: Writer::default(),
            policies: Writer::default(),
            stateful_sets: Writer::default(),
        };
        let stores = Self {
            scenarios: writers.scenarios.as_reader(),
            pods: writers.pods.as_reader(),
            jobs: writers.jobs.as_reader(),
            config_maps: writers.config_maps.as_reader(),
            services: writers.services.as_reader(),
            policies: writers.policies.as_reader(),
            stateful_sets: writers.stateful_sets.as_reader(),
        };
        (stores, writers)
    }

    /// Waits until all has been seen once. What is decided before that would take what was not seen yet for what is not there.
    ///
    /// # Errors
    /// When a watch has ended.
    pub async fn ready(&self) -> Result<(), WriterDropped> {
        self.scenarios.wait_until_ready().await?;
        self.pods.wait_until_ready().await?;
        self.jobs.wait_until_ready().await?;
        self.config_maps.wait_until_ready().await?;
        self.services.wait_until_ready().await?;
        self.policies.wait_until_ready().await?;
        self.stateful_sets.wait_until_ready().await
    }

    /// What is seen of a scenario's objects.
    #[must_use]
    pub fn of(&self, namespace: &str, name: &str) -> Seen {
        let jobs = of(&self.jobs, namespace, name);
        let job = jobs.first().map(|job| JobView::of(job));
        let mut owned: Vec<_> = jobs.iter().map(|job| Owned::of(Kind::Job, &job.metadata)).collect();
        owned.extend(metadata(Kind::ConfigMap, &self.config_maps, namespace, name));
        owned.extend(metadata(Kind::Service, &self.services, namespace, name));
        owned.extend(metadata(Kind::NetworkPolicy, &self.policies, namespace, name));
        owned.extend(metadata(Kind::StatefulSet, &self.stateful_sets, namespace, name));
        // A store has no order of its own.
        owned.sort_by(|a, b| (a.kind, &a.name).cmp(&(b.kind, &b.name)));
        let mut pods: Vec<_> = of(&self.pods, namespace, name).iter().map(|pod| PodView::of(pod)).collect();
        pods.sort_by(|a, b| a.name.cmp(&b.name));
        Seen { owned, pods, job }
    }
}

fn metadata<K>(kind: Kind, store: &Store<PartialObjectMeta<K>>, namespace: &str, name: &str) -> Vec<Owned>
where
    K: Resource<DynamicType = ()> + Clone + Debug + 'static,
{
    of(store, namespace, name).iter().map(|object| Owned::of(kind, &object.metadata)).collect()
}

/// The objects of a scenario in a store.
fn of<K>(store: &Store<K>, namespace: &str, name: &str) -> Vec<std::sync::Arc<K>>
where
    K: Resource<DynamicType: Eq + Hash + Clone> + Clone + 'static,
{
    store.state_filter(|object| {
        let meta = object.meta();
        let instance = meta.labels.as_ref().and_then(|labels| labels.get(INSTANCE));
        meta.namespace.as_deref() == Some(namespace) && instance.is_some_and(|instance| instance == name)
    })
}

/// Where scenarios are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// In all namespaces.
    Cluster,
    /// In one.
    Namespace(String),
}

impl Scope {
    /// The objects of a kind.
    #[must_use]
    pub fn api<K>(&self, client: &Client) -> Api<K>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope>,
    {
        match self {
            Self::Cluster => Api::all(client.clone()),
            Self::Namespace(namespace) => Api::namespaced(client.clone(), namespace),
        }
    }
}

/// Scenarios that are to be dealt with, for they have changed, or something of theirs.
pub type Changes = Receiver<Result<ObjectRef<ScenarioObject>, std::convert::Infallible>>;

/// Fills the stores for as long as the tasks that it returns are kept.
#[must_use]
pub fn watch(client: &Client, scope: &Scope, writers: Writers) -> (Changes, JoinSet<()>) {
    let (sender, changes) = mpsc::channel(QUEUE);
    let mut tasks = JoinSet::new();
    let scenarios =
        watcher(scope.api::<ScenarioObject>(client), watcher::Config::default()).default_backoff();
    let scenarios = scenarios.modify(|scenario| scenario.metadata.managed_fields = None);
    tasks.spawn(forward(
        scenarios.reflect(writers.scenarios).touched_objects(),
        sender.clone(),
        |scenario| Some(ObjectRef::from_obj(scenario)),
    ));

    let own = watcher::Config::default().labels(&format!("{MANAGED_BY}={MANAGER}"));
    let pods = watcher(scope.api::<Pod>(client), own.clone()).default_backoff().modify(|pod| {
        pod.metadata.managed_fields = None;
        pod.spec = None;
    });
    tasks.spawn(forward(pods.reflect(writers.pods).touched_objects(), sender.clone(), owner));
    let jobs = watcher(scope.api::<Job>(client), own.clone()).default_backoff().modify(|job| {
        job.metadata.managed_fields = None;
        job.spec = None;
    });
    tasks.spawn(forward(jobs.reflect(writers.jobs).touched_objects(), sender.clone(), owner));
    watch_metadata(client, scope, &own, writers.config_maps, &sender, &mut tasks);
    watch_metadata(client, scope, &own, writers.services, &sender, &mut tasks);
    watch_metadata(client, scope, &own, writers.policies, &sender, &mut tasks);
    watch_metadata(client, scope, &own, writers.stateful_sets, &sender, &mut tasks);
    (changes, tasks)
}

type Change = Result<ObjectRef<ScenarioObject>, std::convert::Infallible>;

fn watch_metadata<K>(
    client: &Client,
    scope: &Scope,
    own: &watcher::Config,
    writer: Writer<PartialObjectMeta<K>>,
    sender: &Sender<Change>,
    tasks: &mut JoinSet<()>,
) where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Clone
        + Debug
        + DeserializeOwned
        + Send
        + Sync
        + 'static,
{
    let objects = watcher(scope.api::<PartialObjectMeta<K>>(client), own.clone()).default_backoff();
    let objects = objects.modify(|object| object.metadata.managed_fields = None);
    tasks.spawn(forward(objects.reflect(writer).touched_objects(), sender.clone(), owner));
}

/// The scenario of an object.
fn owner<K: Resource>(object: &K) -> Option<ObjectRef<ScenarioObject>> {
    let scenario = object.labels().get(INSTANCE)?;
    Some(ObjectRef::new(scenario).within(object.meta().namespace.as_deref()?))
}

/// Hands on which scenario a change is of. A watch that fails is begun again, after a pause that grows.
async fn forward<K>(
    objects: impl futures::Stream<Item = Result<K, watcher::Error>>,
    mut changes: Sender<Change>,
    scenario: impl Fn(&K) -> Option<ObjectRef<ScenarioObject>>,
) {
    let mut objects = pin!(objects);
    while let Some(object) = objects.next().await {
        match object {
            Ok(object) => {
                let Some(scenario) = scenario(&object) else { continue };
                if changes.send(Ok(scenario)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, kind = std::any::type_name::<K>(), "a watch was interrupted");
            }
        }
    }
}
