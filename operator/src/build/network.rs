//! Who finds whom, and who may talk to whom.

use k8s_openapi::{
    api::{
        core::v1::{Service, ServicePort, ServiceSpec},
        networking::v1::{
            NetworkPolicy, NetworkPolicyEgressRule, NetworkPolicyIngressRule, NetworkPolicyPeer,
            NetworkPolicyPort, NetworkPolicySpec,
        },
    },
    apimachinery::pkg::{apis::meta::v1::LabelSelector, util::intstr::IntOrString},
};

use super::{Component, Plot, child_name, conductor_name, labels};
use crate::settings::{CONDUCTOR_PORT, HTTP_PORT};

/// The name of the Service without an address that a run's StatefulSets share.
pub(super) fn peers_name(scenario: &str) -> String {
    child_name(scenario, &["peers"])
}

/// Names for peers' pods. Peers do not look for one another there, for the conductor tells them; people do.
pub(super) fn peers(plot: &Plot<'_>) -> Service {
    Service {
        metadata: plot.metadata(peers_name(plot.name), Component::Peers),
        spec: Some(ServiceSpec {
            cluster_ip: Some("None".to_owned()),
            publish_not_ready_addresses: Some(true),
            selector: Some(labels::selector(plot.name, plot.run, Component::Peers)),
            ports: Some(vec![port("http", HTTP_PORT)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// The name at which peers find their conductor before it is there.
pub(super) fn conductor(plot: &Plot<'_>) -> Service {
    Service {
        metadata: plot.metadata(conductor_name(plot.name), Component::Conductor),
        spec: Some(ServiceSpec {
            selector: Some(labels::selector(plot.name, plot.run, Component::Conductor)),
            ports: Some(vec![port("peers", CONDUCTOR_PORT), port("http", HTTP_PORT)]),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

fn port(name: &str, number: u16) -> ServicePort {
    ServicePort {
        name: Some(name.to_owned()),
        port: i32::from(number),
        target_port: Some(IntOrString::Int(i32::from(number))),
        protocol: Some("TCP".to_owned()),
        ..ServicePort::default()
    }
}

/// A run's pods reach one another and the cluster's DNS. Only the operator's namespace reaches them besides, at the port of their state. Kubelets, which ask
/// for their health, are beyond a policy: <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.
pub(super) fn policy(plot: &Plot<'_>) -> NetworkPolicy {
    let run = NetworkPolicyPeer {
        pod_selector: Some(selector(labels::of_run(plot.name, plot.run))),
        ..NetworkPolicyPeer::default()
    };
    let mut ingress = vec![NetworkPolicyIngressRule { from: Some(vec![run.clone()]), ports: None }];
    if let Some(namespace) = &plot.settings.own_namespace {
        let label = [("kubernetes.io/metadata.name".to_owned(), namespace.clone())];
        let operator = NetworkPolicyPeer {
            namespace_selector: Some(selector(label.into())),
            ..NetworkPolicyPeer::default()
        };
        ingress.push(NetworkPolicyIngressRule {
            from: Some(vec![operator]),
            ports: Some(vec![open("TCP", HTTP_PORT)]),
        });
    }
    NetworkPolicy {
        metadata: plot.metadata(child_name(plot.name, &["run"]), Component::Run),
        spec: Some(NetworkPolicySpec {
            pod_selector: Some(selector(labels::of_run(plot.name, plot.run))),
            policy_types: Some(vec!["Ingress".to_owned(), "Egress".to_owned()]),
            ingress: Some(ingress),
            egress: Some(vec![
                NetworkPolicyEgressRule { to: Some(vec![run]), ports: None },
                NetworkPolicyEgressRule { to: None, ports: Some(vec![open("UDP", 53), open("TCP", 53)]) },
            ]),
        }),
    }
}

fn selector(labels: std::collections::BTreeMap<String, String>) -> LabelSelector {
    LabelSelector { match_labels: Some(labels), ..LabelSelector::default() }
}

fn open(protocol: &str, port: u16) -> NetworkPolicyPort {
    NetworkPolicyPort {
        port: Some(IntOrString::Int(i32::from(port))),
        protocol: Some(protocol.to_owned()),
        ..NetworkPolicyPort::default()
    }
}
