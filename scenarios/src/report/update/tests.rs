use super::*;
use crate::{
    plan::{Files, Plan, WorkloadKind},
    report::ManifestFault,
    seed::Seed,
    spec::read::read,
};

/// An update of two releases, at 10 s and 20 s, from peer 0 to the four others, with a recorder that counts from 15 s on.
fn recorder() -> UpdateRecorder {
    recorder_of("honest")
}

fn recorder_of(behaviour: &str) -> UpdateRecorder {
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: party}}
spec:
  duration: 1m
  groups: [{{name: all, peers: 5, link: {{down: 8Mbit, up: 8Mbit}}, behaviour: {{{behaviour}: {{}}}}}}]
  topology: {{fullMesh: {{}}}}
  workloads: [{{name: patch, update: {{publisher: {{peers: [0]}}, size: 1MB, at: 10s, releases: 2, every: 10s}}}}]
"
    );
    let scenario = read("party", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
    let plan = Plan::new(&scenario, Seed(1), &Files::new()).expect("it can be planned");
    let WorkloadKind::Update(update) = &plan.workloads[0].kind else { panic!("it is an update") };
    UpdateRecorder::new(update.clone(), at(15)..at(60))
}

const fn at(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

fn release(recorder: &mut UpdateRecorder, time: u64, version: u32) {
    let content = u64::from(version) * 100;
    recorder.record(at(time), Peer(0), &Fact::Released { workload: 0, version, content });
}

fn install(recorder: &mut UpdateRecorder, time: u64, peer: u32, version: u32) {
    let content = u64::from(version) * 100;
    let fact = Fact::Installed { workload: 0, version, released: at(0), content };
    recorder.record(at(time), Peer(peer), &fact);
}

fn comes(recorder: &mut UpdateRecorder, time: u64, from: u32, bytes: u32, fate: ChunkFate) {
    recorder.record(at(time), Peer(1), &Fact::ChunkCame { workload: 0, from: Peer(from), bytes, fate });
}

fn seconds(histogram: &Histogram) -> Vec<u64> {
    histogram.counts().map(|(value, _)| (value as f64 / 1e9).round() as u64).collect()
}

#[test]
fn installs_count_from_the_release_and_only_those_of_releases_in_the_window() {
    let mut recorder = recorder();
    release(&mut recorder, 10, 1);
    (1..5).for_each(|peer| install(&mut recorder, 16, peer, 1));
    release(&mut recorder, 20, 2);
    (1..5).for_each(|peer| install(&mut recorder, 20 + 2 * u64::from(peer), peer, 2));
    assert_eq!(seconds(recorder.install()), [2, 4, 6, 8]);
    let shares: Vec<_> = recorder.time_to_share().iter().map(seconds).collect();
    assert_eq!(shares, [[4], [8], [8]]);
    assert_eq!((recorder.released(), recorder.bad_installs()), (1, (0, 8)));
    assert!((recorder.coverage(at(5)) - 0.5).abs() < 1e-9);
    // 1 MB takes a second at 8 Mbit/s; it took eight.
    assert_eq!(recorder.over_bound(), [8_000_000]);
    assert_eq!(recorder.finish(&|peer| peer != Peer(4)), (3, 3));
}

#[test]
fn what_is_installed_must_be_what_was_released_and_newer() {
    let mut recorder = recorder();
    install(&mut recorder, 9, 1, 1);
    release(&mut recorder, 10, 1);
    release(&mut recorder, 20, 2);
    install(&mut recorder, 21, 2, 2);
    install(&mut recorder, 22, 2, 1);
    let fact = Fact::Installed { workload: 0, version: 2, released: at(20), content: 7 };
    recorder.record(at(23), Peer(3), &fact);
    install(&mut recorder, 24, 4, 9);
    assert_eq!(recorder.bad_installs(), (4, 5), "unreleased, older, falsified and unknown");
    assert_eq!(seconds(recorder.install()), [1]);
}

#[test]
fn bytes_are_told_apart_by_where_they_came_from_and_what_became_of_them() {
    let mut recorder = recorder();
    comes(&mut recorder, 14, 0, 1, ChunkFate::Kept);
    comes(&mut recorder, 15, 0, 10, ChunkFate::Kept);
    (2..5).for_each(|from| comes(&mut recorder, 16, from, 100, ChunkFate::Kept));
    comes(&mut recorder, 17, 2, 1_000, ChunkFate::Again);
    comes(&mut recorder, 17, 2, 10_000, ChunkFate::Refused);
    recorder.discarded(at(18), 100_000);
    recorder.discarded(at(14), 1);
    let kept = recorder.kept();
    assert_eq!((kept.origin, kept.site, kept.sum()), (10, 0, 310));
    assert_eq!(kept.region + kept.far, 300);
    assert_eq!((recorder.wasted(), recorder.chunks_refused()), (111_000, 1));
}

#[test]
fn where_nobody_is_waited_for_nothing_is_said_of_how_long_it_takes() {
    let mut recorder = recorder_of("silent");
    release(&mut recorder, 20, 2);
    assert_eq!((recorder.over_bound().len(), recorder.finish(&|_| true)), (0, (0, 0)));
}

#[test]
fn facts_of_others_are_passed_over() {
    let mut recorder = recorder();
    let why = ManifestFault::Rollback;
    recorder.record(at(20), Peer(1), &Fact::ManifestRefused { workload: 1, why });
    assert_eq!(recorder.manifests_refused(), 0);
    recorder.record(at(20), Peer(1), &Fact::ManifestRefused { workload: 0, why });
    assert_eq!(recorder.manifests_refused(), 1);
}
