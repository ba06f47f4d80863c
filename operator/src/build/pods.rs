//! What pods of conductors and of peers have in common: they are allowed nothing that they do not need, under the Pod Security Standard `restricted`
//! (<https://kubernetes.io/docs/concepts/security/pod-security-standards/>).

use k8s_openapi::{
    api::core::v1::{
        Capabilities, Container, ContainerPort, EmptyDirVolumeSource, HTTPGetAction, PodSecurityContext,
        PodSpec, PodTemplateSpec, Probe, ResourceRequirements, SeccompProfile, SecurityContext,
        TopologySpreadConstraint, Volume, VolumeMount,
    },
    apimachinery::pkg::{
        apis::meta::v1::{LabelSelector, ObjectMeta},
        util::intstr::IntOrString,
    },
};

use super::{Component, Plot, labels};
use crate::settings::HTTP_PORT;

/// The user and group of containers: `nonroot` of images without a distribution.
const USER: i64 = 65_532;

/// A pod with one container and a folder for what it writes.
pub(super) fn template(
    plot: &Plot<'_>,
    component: Component,
    container: Container,
    rest: PodSpec,
) -> PodTemplateSpec {
    let pods = &plot.settings.pods;
    let mut volumes = rest.volumes.unwrap_or_default();
    // What a run leaves is some megabytes; a limit would have a pod evicted in the middle of a run.
    volumes.push(Volume {
        name: "tmp".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    });
    let spread = TopologySpreadConstraint {
        max_skew: 1,
        topology_key: "kubernetes.io/hostname".to_owned(),
        when_unsatisfiable: "ScheduleAnyway".to_owned(),
        label_selector: Some(LabelSelector {
            match_labels: Some(labels::of_run(plot.name, plot.run)),
            ..LabelSelector::default()
        }),
        ..TopologySpreadConstraint::default()
    };
    let spec = PodSpec {
        containers: vec![container],
        volumes: Some(volumes),
        automount_service_account_token: Some(false),
        enable_service_links: Some(false),
        security_context: Some(PodSecurityContext {
            run_as_non_root: Some(true),
            run_as_user: Some(USER),
            run_as_group: Some(USER),
            fs_group: Some(USER),
            seccomp_profile: Some(SeccompProfile {
                type_: "RuntimeDefault".to_owned(),
                ..SeccompProfile::default()
            }),
            ..PodSecurityContext::default()
        }),
        topology_spread_constraints: Some(vec![spread]),
        node_selector: (!pods.node_selector.is_empty()).then(|| pods.node_selector.clone()),
        tolerations: (!pods.tolerations.is_empty()).then(|| pods.tolerations.clone()),
        image_pull_secrets: (!pods.image_pull_secrets.is_empty()).then(|| pods.image_pull_secrets.clone()),
        priority_class_name: pods.priority_class_name.clone(),
        ..rest
    };
    let metadata =
        ObjectMeta { labels: Some(labels::of(plot.name, plot.run, component)), ..ObjectMeta::default() };
    PodTemplateSpec { metadata: Some(metadata), spec: Some(spec) }
}

/// The container of `peerlab-node` for so many peers.
pub(super) fn container(plot: &Plot<'_>, name: &str, peers: u32, args: Vec<String>) -> Container {
    let settings = plot.settings;
    Container {
        name: name.to_owned(),
        image: Some(settings.image.clone()),
        image_pull_policy: Some(settings.pull_policy.clone()),
        args: Some(args),
        ports: Some(vec![port("http", HTTP_PORT)]),
        // Processors are asked for and not limited: throttling would make its peers late, and the run degraded.
        resources: Some(ResourceRequirements {
            requests: Some(settings.pod.with_peers(settings.peer, peers)),
            ..ResourceRequirements::default()
        }),
        security_context: Some(SecurityContext {
            allow_privilege_escalation: Some(false),
            read_only_root_filesystem: Some(true),
            capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), add: None }),
            ..SecurityContext::default()
        }),
        // Many peers take a while to start, and a loaded machine is a reason to call a run degraded, not to end it: only what has stood still for a minute is dead.
        startup_probe: Some(probe("/livez", 1, 60)),
        liveness_probe: Some(probe("/livez", 10, 6)),
        readiness_probe: Some(probe("/readyz", 2, 3)),
        // The last lines of a container that failed say why: they are in its status, and outlive it.
        termination_message_policy: Some("FallbackToLogsOnError".to_owned()),
        volume_mounts: Some(vec![VolumeMount {
            name: "tmp".to_owned(),
            mount_path: "/tmp".to_owned(),
            ..VolumeMount::default()
        }]),
        ..Container::default()
    }
}

pub(super) fn port(name: &str, number: u16) -> ContainerPort {
    ContainerPort {
        name: Some(name.to_owned()),
        container_port: i32::from(number),
        protocol: Some("TCP".to_owned()),
        ..ContainerPort::default()
    }
}

fn probe(path: &str, every_seconds: i32, failures: i32) -> Probe {
    Probe {
        http_get: Some(HTTPGetAction {
            path: Some(path.to_owned()),
            port: IntOrString::Int(i32::from(HTTP_PORT)),
            ..HTTPGetAction::default()
        }),
        period_seconds: Some(every_seconds),
        timeout_seconds: Some(5),
        failure_threshold: Some(failures),
        ..Probe::default()
    }
}
