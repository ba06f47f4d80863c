//! What peers cost beside bare libp2p that does the same, in one run: the goodput of a file, processor time a gossip delivery, memory
//! a peer; and whether this machine carries two hundred of them in real time.
//!
//! `cargo bench -p peerlab-node --bench libp2p` measures all; a name behind `--` measures that alone: `file`, `gossip`, `memory` or `live`. It ends
//! with 1 when an aim is missed.
//! Each figure is of a process of its own, so that no one finds memory warm, or heaps grown, that another has left. Turns
//! alternate. Of processor time the best of each side counts: what else the machine does makes both slower, and never faster. Of a file
//! the median does: how fast one goes hangs most on which of its tasks share a core, and a lucky turn is half again as fast as most.

mod bare;
mod live;
mod meters;
mod own;

use std::{
    env,
    process::{Command, Stdio},
    sync::Arc,
};

use peerlab_scenarios::{
    plan::{Files, Plan},
    seed::Seed,
    spec::read,
};

/// That of `peerlab-node`, for both sides.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Least part of the goodput of one bare stream that a file has to have.
const LEAST_GOODPUT: f64 = 0.8;

/// The most that a delivery may cost, against bare gossipsub.
const MOST_CPU: f64 = 1.1;

/// Bytes of the file.
const FILE: u32 = 256 << 20;

/// Peers that keep connections, to see what one takes.
const CROWD: u32 = 100;

/// Turns of a file, which takes a second or two.
const FILES: usize = 11;

/// Turns of gossip.
const TURNS: usize = 3;

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| word != "--bench").collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["measure", what, side, authenticity] => {
            let plan = plan(what, authenticity);
            let figures = match (what, side) {
                ("file", "own") => own::file(&plan),
                ("file", _) => bare::file(FILE as usize),
                ("gossip", "own") => own::gossip(&plan),
                ("gossip", _) => bare::gossip(&plan),
                (_, "own") => own::memory(&plan),
                _ => bare::memory(&plan),
            };
            println!("{figures}");
        }
        ref wanted => {
            let is_wanted = |name| wanted.is_empty() || wanted.contains(&name);
            let mut missed = false;
            if is_wanted("file") {
                missed |= !file();
            }
            if is_wanted("gossip") {
                missed |= !gossip();
            }
            if is_wanted("memory") {
                memory();
            }
            if is_wanted("live") {
                missed |= !live::run();
            }
            if missed {
                std::process::exit(1);
            }
        }
    }
}

/// A figure, measured in a process of its own.
fn measure(what: &str, side: &str, authenticity: &str) -> f64 {
    let done = Command::new(env::current_exe().expect("a process knows its program"))
        .args(["measure", what, side, authenticity])
        .stderr(Stdio::inherit())
        .output()
        .expect("the program starts again");
    assert!(done.status.success(), "{what} of {side} could not be measured");
    let figure = String::from_utf8(done.stdout).expect("a figure is text");
    figure.trim().parse().expect("a figure is a number")
}

/// Both sides, in turns: own, and bare.
fn both(what: &str, authenticity: &str, turns: usize) -> (Vec<f64>, Vec<f64>) {
    (0..turns).map(|_| (measure(what, "own", authenticity), measure(what, "bare", authenticity))).unzip()
}

fn judge(met: bool) -> &'static str {
    if met { "met" } else { "MISSED" }
}

/// Whether the aim is met, as for the others.
fn file() -> bool {
    let (mut own, mut bare) = both("file", "anonymous", FILES);
    own.sort_by(f64::total_cmp);
    bare.sort_by(f64::total_cmp);
    let median = |of: &[f64]| of[of.len() / 2];
    let ratio = median(&own) / median(&bare);
    println!(
        "file of {} MiB, {FILES} turns: {:.0} MB/s ({:.0} to {:.0}), one stream of bare libp2p {:.0} MB/s ({:.0} to {:.0}): {ratio:.2} times as fast; \
         at least {LEAST_GOODPUT} is the aim: {}",
        FILE >> 20,
        median(&own),
        own[0],
        own[FILES - 1],
        median(&bare),
        bare[0],
        bare[FILES - 1],
        judge(ratio >= LEAST_GOODPUT)
    );
    ratio >= LEAST_GOODPUT
}

fn gossip() -> bool {
    let mut met = true;
    for authenticity in ["anonymous", "signed"] {
        let (own, bare) = both("gossip", authenticity, TURNS);
        let best = |of: &[f64]| of.iter().copied().fold(f64::INFINITY, f64::min);
        let (own, bare) = (best(&own), best(&bare));
        println!(
            "gossip, {authenticity} to libp2p: {own:.0} µs of processor a delivery, bare gossipsub {bare:.0} µs: {:.2} times as much; at most {MOST_CPU} is the aim: {}",
            own / bare,
            judge(own / bare <= MOST_CPU)
        );
        met &= own / bare <= MOST_CPU;
    }
    met
}

fn memory() {
    let (own, bare) = both("memory", "anonymous", 1);
    println!(
        "memory: {:.0} KiB a peer of {CROWD}, with 8 connections each; bare gossipsub {:.0} KiB",
        own[0], bare[0]
    );
}

/// What is run for a figure.
fn plan(what: &str, authenticity: &str) -> Arc<Plan> {
    let crowd = |peers| {
        format!(
            "groups: [{{name: people, peers: {peers}}}]\n  topology: {{kRegular: {{degree: 8}}}}\n  \
             overlay: {{gossipsub: {{authenticity: {authenticity}}}}}\n"
        )
    };
    let spec = match what {
        "file" => format!(
            "duration: 2m\n  coolDown: 1s\n  groups: [{{name: people, peers: 2}}]\n  topology: {{fullMesh: {{}}}}\n  \
             overlay: {{flood: {{}}}}\n  workloads: [{{name: file, update: {{at: 1s, size: {FILE}B}}}}]\n"
        ),
        // Members compare their logs once in a long while: what is measured is what gossip brings.
        "gossip" => format!(
            "duration: 25s\n  warmUp: 5s\n  coolDown: 2s\n  {}  workloads: [{{name: room, chat: {{body: 1KiB, \
             posts: {{poisson: {{every: 50ms}}}}, sync: {{every: 1h}}}}}}]\n",
            crowd(30)
        ),
        _ => format!(
            "duration: 20s\n  coolDown: 1s\n  {}  workloads: [{{name: room, chat: {{}}}}]\n",
            crowd(CROWD)
        ),
    };
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: {what}}}\nspec:\n  {spec}"
    );
    let document = read::document("bench.yaml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let plan = Plan::new(&document.value, Seed(1), &Files::new()).expect("it can be planned");
    Arc::new(plan.with_real_bodies())
}
