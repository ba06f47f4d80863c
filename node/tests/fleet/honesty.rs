//! That a run says how far it can be believed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};

use peerlab_scenarios::report::Trust;

use crate::crew::{plan, run_until};

const QUIET: &str = "
duration: 4s
coolDown: 1s
groups: [{name: people, peers: 6}]
network: {latency: {fixed: {oneWay: 2ms}}}
topology: {ring: {}}
workloads: [{name: room, chat: {posts: {poisson: {every: 1s}}, presence: {every: 1s}}}]
";

#[test]
fn a_run_whose_processors_are_starved_is_degraded_and_says_why() {
    let is_over = Arc::new(AtomicBool::new(false));
    let cores = thread::available_parallelism().map_or(2, std::num::NonZero::get);
    let hogs: Vec<_> = (0..16 * cores)
        .map(|_| {
            let is_over = Arc::clone(&is_over);
            thread::spawn(move || {
                while !is_over.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let came = run_until(&plan(QUIET), &|| false);
    is_over.store(true, Ordering::Relaxed);
    hogs.into_iter().for_each(|hog| hog.join().unwrap());
    assert_eq!(came.report.validity.state, Trust::Degraded, "{:?}", came.report.validity);
    let told = came.report.validity.reasons.join("; ");
    assert!(told.contains("came late") || told.contains("waited for a processor"), "{told}");
}

#[test]
fn an_interrupted_run_leaves_a_report_of_the_time_until_then() {
    let asked = AtomicUsize::new(0);
    let plan = plan(&QUIET.replace("duration: 4s", "duration: 10m"));
    let came = run_until(&plan, &|| asked.fetch_add(1, Ordering::Relaxed) > 15);
    let at = came.outcome.interrupted.expect("it was interrupted").as_secs_f64();
    assert!(at < 60.0, "it went on until {at} s");
    came.holds();
    assert_eq!(came.report.validity.state, Trust::Degraded);
}

#[test]
fn two_fleets_beside_each_other_do_not_meet() {
    let other = thread::spawn(|| run_until(&plan(QUIET), &|| false).outcome);
    let came = run_until(&plan(QUIET), &|| false);
    came.holds();
    let (one, two) = (came.outcome, other.join().unwrap());
    assert_eq!(one.connections, two.connections);
    assert_eq!(one.connections.len(), 6);
}
