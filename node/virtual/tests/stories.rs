//! What peers live through, with many seeds: the stories in `node/tests/stories`, which say themselves what must come of them.
//!
//! `PEERLAB_SEEDS` says with how many seeds each is told. What fails can be told again by itself:
//! `peerlab-virtual run node/tests/stories/NAME.yaml --seed SEED`.

use std::{
    env, fs,
    num::NonZero,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use peerlab_scenarios::report::{Report, Trust, Verdict};

/// With how many seeds each story is told.
fn seeds() -> u64 {
    env::var("PEERLAB_SEEDS").map_or(100, |seeds| {
        let seeds: NonZero<u64> = seeds.parse().expect("PEERLAB_SEEDS is a number from 1 on");
        seeds.get()
    })
}

/// Tells a story in a process of its own: some counters of libp2p are those of a process, so that worlds in one would not be quite the same
/// as by themselves.
fn told(story: &str, seed: u64, out: &Path) -> Result<Report, String> {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/stories/{story}.yaml"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_peerlab-virtual"));
    command.arg("run").arg(&file).args(["--quiet", "--seed", &seed.to_string(), "--out"]).arg(out);
    let ended = command.output().expect("the program starts");
    let report = fs::read(out.join("report.json"))
        .map_err(|_| format!("{}: {}", ended.status, String::from_utf8_lossy(&ended.stderr)))?;
    serde_json::from_slice(&report).map_err(|error| error.to_string())
}

/// Why a report is not as it must be, if it is not.
fn wrong(report: &Report) -> Option<String> {
    if report.validity.state == Trust::Valid && report.verdict() == Verdict::Met {
        return None;
    }
    let broken: Vec<_> = report.invariants.iter().filter(|invariant| !invariant.holds).collect();
    let missed: Vec<_> = report.targets.iter().filter(|target| !target.met).collect();
    Some(format!("{:?}\n  {broken:?}\n  {missed:?}", report.validity))
}

/// Tells a story with all seeds. It must hold with each, and be about something with most: then there is more than nothing of this metric.
fn holds(story: &str, is_about: &str) {
    let folder = tempfile::tempdir().expect("there is room for a folder");
    let (next, telling, failed) = (AtomicU64::new(1), AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds() {
                        break;
                    }
                    let out = folder.path().join(seed.to_string());
                    let told = told(story, seed, &out);
                    if let Some(why) = told.as_ref().map_or_else(|error| Some(error.clone()), wrong) {
                        failed.lock().unwrap().push(format!("seed {seed}: {why}"));
                    }
                    let mean = told.ok().and_then(|report| Some(report.metrics.get(is_about)?.mean));
                    telling.fetch_add(u64::from(mean.is_some_and(|mean| mean > 0.0)), Ordering::Relaxed);
                    // It is not there when nothing was told.
                    let _ = fs::remove_dir_all(&out);
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), seeds(), failed.join("\n"));
    let telling = telling.into_inner();
    assert!(5 * telling >= 4 * seeds(), "{telling} of {} have any {is_about}", seeds());
}

#[test]
fn everybody_sees_every_post_over_lossy_links() {
    holds("delivery", "rooms.delivery.latency");
}

#[test]
fn gossipsub_brings_every_post_to_everybody() {
    holds("gossip", "rooms.delivery.latency");
}

#[test]
fn who_was_cut_off_sees_what_it_missed() {
    holds("catch-up", "rooms.catchUp.share");
}

#[test]
fn halves_that_were_apart_come_to_know_the_same() {
    holds("partition", "rooms.catchUp.share");
}

#[test]
fn who_comes_and_goes_sees_everything() {
    holds("churn", "rooms.catchUp.share");
}

#[test]
fn an_update_arrives_whole_among_peers_that_falsify_it_and_peers_that_leave() {
    holds("update", "patch.chunks.refused");
}

#[test]
fn who_looks_for_a_content_finds_who_has_it() {
    holds("lookups", "contents.find.time");
}
