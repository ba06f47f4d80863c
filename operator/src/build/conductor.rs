//! The conductor: a Job of one pod that is not tried again, for a run that broke is to be told, not hidden.

use std::time::Duration;

use k8s_openapi::api::{
    batch::v1::{Job, JobSpec},
    core::v1::{EmptyDirVolumeSource, PodSpec, Volume, VolumeMount},
};
use peerlab_scenarios::units::Nanos;

use super::{Component, Plot, conductor_name, config, pods, seconds};
use crate::{
    prepare::SCENARIO_FILE,
    settings::{CONDUCTOR_PORT, HTTP_PORT},
};

/// How long a conductor keeps its report for an operator that is not there.
const LINGER: Nanos = Nanos::from_secs(3_600);

/// What a run may take beyond its plan: to gather, to write the report, to be slow at it.
pub(crate) const SLACK: Nanos = Nanos::from_secs(600);

/// How long a conductor that is told to end may take to hand out what it has.
const GRACE_SECONDS: i64 = 60;

/// Where the report is written.
const RESULTS: &str = "/results";

/// What a conductor takes beside its pod, as if it had so many peers: it keeps the facts of all of them.
const AS_PEERS: u32 = 10;

pub(super) fn job(plot: &Plot<'_>) -> Job {
    let prepared = plot.prepared;
    let mut container = pods::container(plot, "conductor", AS_PEERS + prepared.peers() / 10, args());
    container.ports.get_or_insert_default().push(pods::port("peers", CONDUCTOR_PORT));
    container
        .volume_mounts
        .get_or_insert_default()
        .extend([mount("scenario", config::FOLDER, true), mount("results", RESULTS, false)]);
    let results = Volume {
        name: "results".to_owned(),
        empty_dir: Some(EmptyDirVolumeSource::default()),
        ..Volume::default()
    };
    let rest = PodSpec {
        restart_policy: Some("Never".to_owned()),
        termination_grace_period_seconds: Some(GRACE_SECONDS),
        volumes: Some(vec![config::volume(plot), results]),
        ..PodSpec::default()
    };
    // Nothing hangs for ever, not even without an operator.
    let allowed = [prepared.cluster.pods_deadline, prepared.start_deadline, prepared.end, SLACK, LINGER];
    let allowed = allowed.into_iter().fold(Nanos(0), Nanos::saturating_add);
    Job {
        metadata: plot.metadata(conductor_name(plot.name), Component::Conductor),
        spec: Some(JobSpec {
            backoff_limit: Some(0),
            active_deadline_seconds: Some(seconds(Duration::from_nanos(allowed.0))),
            template: pods::template(plot, Component::Conductor, container, rest),
            ..JobSpec::default()
        }),
        ..Job::default()
    }
}

fn args() -> Vec<String> {
    [
        "conduct".to_owned(),
        format!("{}/{SCENARIO_FILE}", config::FOLDER),
        "--listen".to_owned(),
        format!("/ip4/0.0.0.0/tcp/{CONDUCTOR_PORT}"),
        "--out".to_owned(),
        format!("{RESULTS}/run"),
        "--serve".to_owned(),
        format!("0.0.0.0:{HTTP_PORT}"),
        "--linger".to_owned(),
        LINGER.to_string(),
    ]
    .into()
}

fn mount(name: &str, path: &str, read_only: bool) -> VolumeMount {
    VolumeMount {
        name: name.to_owned(),
        mount_path: path.to_owned(),
        read_only: read_only.then_some(true),
        ..VolumeMount::default()
    }
}
