//! The model and real peers, of one small fleet: what `docs/fidelity.md` tells of the shipped scenarios.

use std::{fmt::Write as _, fs, path::PathBuf, process::Command};

use peerlab_scenarios::{
    plan::Files,
    report::{Statistic, Trust, fidelity::Fidelity},
};

const LATENCY: &str = "rooms.delivery.latency";
const REDUNDANCY: &str = "overlay.redundancy";

/// Both engines' runs of a fleet with this overlay and chat, in a process of their own.
fn held(overlay: &str, chat: &str, files: &Files, seed: u64) -> Fidelity {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    for (name, text) in files {
        fs::write(folder.path().join(name), text).expect("there is room for a file");
    }
    let scenario = folder.path().join("small.yaml");
    fs::write(&scenario, small(overlay, chat, seed)).expect("there is room for a file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerlab-virtual"));
    let ended = command.args(["fidelity", "--alone"]).arg(&scenario).output().expect("the program starts");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let fidelity: Fidelity = serde_json::from_slice(&ended.stdout).expect("it is what was written");
    assert!(fidelity.runs.iter().all(|run| run.state == Trust::Valid), "{:?}", fidelity.runs);
    fidelity
}

fn small(overlay: &str, chat: &str, seed: u64) -> String {
    format!(
        "
apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: small}}
spec:
  seed: {seed}
  duration: 40s
  warmUp: 10s
  coolDown: 5s
  groups:
    - {{name: offices, peers: 12, link: {{profile: fibre}}}}
    - {{name: homes, peers: 24, link: {{profile: cable}}}}
  topology: {{kRegular: {{degree: 8}}}}
  overlay: {{{overlay}: {{}}}}
  workloads:
    - {{name: rooms, chat: {{rooms: 4, members: 18, {chat}}}}}
"
    )
}

/// How far the model is off, as a share.
fn off(fidelity: &Fidelity, metric: &str, statistic: Statistic) -> f64 {
    let measure = fidelity.measure(metric, statistic).unwrap_or_else(|| panic!("no {metric}"));
    measure.differences[0].and_then(|difference| difference.relative).unwrap_or_else(|| panic!("{measure:?}"))
}

/// A post every 1.25 s, by one member after another, from the tenth second on: all are connected by then, and hardly ever are
/// two posts on their way at a time.
fn unhurried() -> Files {
    let mut posts = String::new();
    for post in 0..24 {
        let millis = 10_000 + 1_250 * post;
        writeln!(posts, "{millis}ms,{},{},120", post % 4, 7 * post % 18).expect("a String takes all");
    }
    Files::from([("posts.csv".to_owned(), posts)])
}

/// How far the model is off in the mean over so many seeds, each another fleet with other meshes and trees, in three numbers. It
/// is the geometric mean of ratios, for which twice as quick and half as quick make up for one another.
fn off_in_the_mean(overlay: &str, chat: &str, seeds: u64) -> [f64; 3] {
    let files = unhurried();
    let mut sums = [0.0; 3];
    for seed in 1..=seeds {
        let fidelity = held(overlay, chat, &files, seed);
        let numbers = [(LATENCY, Statistic::P50), (LATENCY, Statistic::P95), (REDUNDANCY, Statistic::Mean)];
        for (sum, (metric, statistic)) in sums.iter_mut().zip(numbers) {
            *sum += off(&fidelity, metric, statistic).ln_1p();
        }
    }
    sums.map(|sum| (sum / seeds as f64).exp_m1())
}

#[test]
fn flooding_is_as_fast_and_as_redundant_as_on_real_peers() {
    let fidelity = held("flood", "posts: {poisson: {every: 4s}}", &Files::new(), 5);
    for (metric, statistic) in
        [(LATENCY, Statistic::P50), (LATENCY, Statistic::P95), (REDUNDANCY, Statistic::Mean)]
    {
        let off = off(&fidelity, metric, statistic);
        assert!(off.abs() <= 0.10, "{metric} {} is off by {off}", statistic.name());
    }
    let distance = fidelity.distance(LATENCY, 0).expect("there are posts");
    assert!(distance.p.is_some_and(|p| p > 0.01), "{distance:?}");
    assert!(fidelity.findings[0].starts_with("rooms: the model says p95 = "), "{:?}", fidelity.findings);
}

/// A tree is what the first posts leave behind, and how quick it is varies by a fifth from fleet to fleet, on either engine: the mean over
/// 48 fleets has a standard error of 3 %.
#[test]
fn trees_of_plumtree_are_as_quick_and_as_spare_as_on_real_peers_in_the_mean() {
    let off = off_in_the_mean("plumtree", "posts: {trace: {file: posts.csv}}", 48);
    assert!(off.iter().all(|off| off.abs() <= 0.10), "{off:?}");
}

#[test]
fn meshes_of_gossipsub_are_as_quick_and_as_spare_as_on_real_peers_in_the_mean() {
    let off = off_in_the_mean(
        "gossipsub",
        "posts: {trace: {file: posts.csv}}, sync: {every: 20s, with: neighbours}",
        12,
    );
    assert!(off.iter().all(|off| off.abs() <= 0.10), "{off:?}");
}

/// Members that lack something dial whoever may have it. In the model they do so while nobody is connected yet, and gossipsub makes use of
/// these connections: a few more links, a few more copies. This holds what the page says of it.
#[test]
fn connections_that_members_make_leave_a_few_more_copies_in_the_model() {
    let [p50, p95, redundancy] =
        off_in_the_mean("gossipsub", "posts: {trace: {file: posts.csv}}, sync: {every: 1h}", 12);
    assert!(p50.abs() <= 0.10 && p95.abs() <= 0.10, "{p50} {p95}");
    assert!((0.0..=0.15).contains(&redundancy), "{redundancy}");
}

#[test]
fn a_row_is_the_same_whatever_else_is_held() {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let files: Vec<_> = ["gossipsub", "flood"]
        .iter()
        .map(|overlay| {
            let file = folder.path().join(format!("{overlay}.yaml"));
            fs::write(&file, small(overlay, "posts: {poisson: {every: 4s}}", 5))
                .expect("there is room for a file");
            file
        })
        .collect();
    let rows = |files: &[PathBuf]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerlab-virtual"));
        let ended = command.args(["fidelity", "--quiet"]).args(files).output().expect("the program starts");
        let table = String::from_utf8(ended.stdout).expect("a table is text");
        table.lines().filter(|line| line.starts_with("| small ")).map(str::to_owned).collect::<Vec<_>>()
    };
    let together = rows(&files);
    assert_eq!(together.len(), 2, "{together:?}");
    assert_ne!(together[0], together[1]);
    for (row, file) in together.iter().zip(&files) {
        assert_eq!(rows(std::slice::from_ref(file)), [row.as_str()]);
    }
}
