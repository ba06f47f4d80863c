//! What peers live through, with many seeds: the stories in `node/tests/stories`, which say themselves what must come of them.
//!
//! `PEERLAB_SEEDS` says with how many seeds each is told. What fails can be told again by itself:
//! `peerlab-virtual run node/tests/stories/NAME.yaml --seed SEED`.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use peerlab_report::{assemble, record::Recorder};
use peerlab_scenarios::{
    plan::{Files, Plan},
    report::{Report, Trust, Verdict},
    seed::Seed,
    spec::read,
};

const SEEDS: u64 = 100;

fn seeds() -> u64 {
    std::env::var("PEERLAB_SEEDS").map_or(SEEDS, |seeds| seeds.parse().expect("PEERLAB_SEEDS is a number"))
}

fn told(story: &str, seed: Seed) -> Report {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("../tests/stories/{story}.yaml"));
    let text = fs::read(&file).unwrap();
    let document = read::document(story, &text).unwrap_or_else(|wrong| panic!("{wrong}"));
    let refused = peerlab_scenarios::capabilities::refusals(&document.value.spec);
    assert!(refused.is_empty(), "{refused:?}");
    let plan = Plan::new(&document.value, seed, &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}"));
    let plan = Arc::new(plan.with_real_bodies());
    let recorder = Recorder::new(&plan);
    let lived = peerlab_virtual::run(&plan, recorder, |_| (), || false).unwrap();
    assemble::report(&plan, &lived.run.outcome, &lived.run.observer)
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

fn holds(story: &str) {
    let (next, failed) = (AtomicU64::new(1), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, std::num::NonZero::get) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed > seeds() {
                        break;
                    }
                    if let Some(why) = wrong(&told(story, Seed(seed))) {
                        failed.lock().unwrap().push(format!("seed {seed}: {why}"));
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), seeds(), failed.join("\n"));
}

#[test]
fn everybody_sees_every_post_over_lossy_links() {
    holds("delivery");
}

#[test]
fn gossipsub_brings_every_post_to_everybody() {
    holds("gossip");
}

#[test]
fn who_was_cut_off_sees_what_it_missed() {
    holds("catch-up");
}

#[test]
fn halves_that_were_apart_come_to_know_the_same() {
    holds("partition");
}

#[test]
fn who_comes_and_goes_sees_everything() {
    holds("churn");
}

#[test]
fn an_update_arrives_whole_among_peers_that_falsify_it_and_peers_that_leave() {
    holds("update");
}

#[test]
fn who_looks_for_a_content_finds_who_has_it() {
    holds("lookups");
}
