//! The peers of a group: a StatefulSet, each pod of which has some in a row.

use k8s_openapi::{
    api::{
        apps::v1::{StatefulSet, StatefulSetSpec},
        core::v1::{EnvVar, EnvVarSource, ObjectFieldSelector, PodSpec},
    },
    apimachinery::pkg::apis::meta::v1::LabelSelector,
};
use peerlab_scenarios::units::Nanos;

use super::{Component, GROUP, Plot, child_name, conductor_name, labels, network, pods};
use crate::{
    prepare::GroupRange,
    settings::{CONDUCTOR_PORT, HTTP_PORT},
};

/// How long peers look for a conductor beyond the time that it may take until it is there.
const PATIENCE: Nanos = Nanos::from_secs(300);

/// How long a pod of peers may take to end: there is nothing to save in it.
const GRACE_SECONDS: i64 = 10;

/// The name of the StatefulSet of a group.
#[must_use]
pub fn peer_name(scenario: &str, group: &str) -> String {
    child_name(scenario, &[group])
}

pub(super) fn stateful_set(plot: &Plot<'_>, group: &GroupRange) -> StatefulSet {
    let prepared = plot.prepared;
    let per_pod = prepared.peers_per_pod();
    let pods = group.pods(per_pod);
    let mut container = pods::container(plot, "peers", per_pod.min(group.count), args(plot, group));
    container.env = Some(vec![
        field("POD_INDEX", "metadata.labels['apps.kubernetes.io/pod-index']"),
        field("POD_IP", "status.podIP"),
    ]);
    let rest = PodSpec { termination_grace_period_seconds: Some(GRACE_SECONDS), ..PodSpec::default() };
    let mut template = pods::template(plot, Component::Peers, container, rest);
    let labelled = template.metadata.get_or_insert_default().labels.get_or_insert_default();
    labelled.insert(GROUP.to_owned(), group.name.clone());
    let mut selector = labels::selector(plot.name, plot.run, Component::Peers);
    selector.insert(GROUP.to_owned(), group.name.clone());
    StatefulSet {
        metadata: plot.metadata(peer_name(plot.name, &group.name), Component::Peers),
        spec: Some(StatefulSetSpec {
            replicas: Some(i32::try_from(pods).unwrap_or(i32::MAX)),
            service_name: Some(network::peers_name(plot.name)),
            pod_management_policy: Some("Parallel".to_owned()),
            selector: LabelSelector { match_labels: Some(selector), ..LabelSelector::default() },
            template,
            ..StatefulSetSpec::default()
        }),
        ..StatefulSet::default()
    }
}

fn args(plot: &Plot<'_>, group: &GroupRange) -> Vec<String> {
    let prepared = plot.prepared;
    let until = group.first + group.count;
    let patience = prepared.cluster.pods_deadline.saturating_add(PATIENCE);
    let conductor = format!("/dns4/{}/tcp/{CONDUCTOR_PORT}", conductor_name(plot.name));
    let mut args: Vec<_> =
        ["peer", "--part", "$(POD_INDEX)", "--address", "$(POD_IP)", "--stay"].map(str::to_owned).into();
    args.extend(
        [
            ("--conductor", conductor),
            ("--seed", prepared.seed.to_string()),
            ("--index", format!("{}..{until}", group.first)),
            ("--per-part", prepared.peers_per_pod().to_string()),
            ("--patience", patience.to_string()),
            ("--serve", format!("0.0.0.0:{HTTP_PORT}")),
        ]
        .into_iter()
        .flat_map(|(option, value)| [option.to_owned(), value]),
    );
    args
}

fn field(name: &str, path: &str) -> EnvVar {
    EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            field_ref: Some(ObjectFieldSelector {
                field_path: path.to_owned(),
                ..ObjectFieldSelector::default()
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    }
}
