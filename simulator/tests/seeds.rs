//! No seed breaks an invariant: every shipped scenario, made small, with a hundred of them. `just seeds` does the same at full
//! size, and `just nightly` with a thousand.

use std::{
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use peerlab_report::{assemble, record::Recorder};
use peerlab_scenarios::{
    plan::{self, Files, Plan},
    seed::Seed,
    spec::{Count, Scenario, Topology, read::read},
};
use peerlab_simulator::model;

const SEEDS: u64 = 100;

/// How much smaller a fleet is made: by the first of these for which its topology has enough peers.
const SMALLER: [u32; 4] = [8, 4, 2, 1];

/// Groups have no more peers than these.
const MOST_PEERS: u32 = 64;

/// Rooms are this much smaller.
const SMALLER_ROOMS: u32 = 4;

fn shipped() -> Vec<(String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let paths =
        fs::read_dir(folder).expect("scenarios are shipped").map(|file| file.expect("it is there").path());
    let mut paths: Vec<_> = paths.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    paths.sort();
    let read = |path: &Path| {
        let text = fs::read(path).expect("a scenario can be read");
        read(&path.display().to_string(), &text).unwrap_or_else(|problems| panic!("{problems:?}"))
    };
    paths.iter().map(|path| (path.file_stem().expect("a name").display().to_string(), read(path))).collect()
}

/// The same scenario with fewer peers and smaller rooms, unless its graph is given.
fn small(scenario: Scenario) -> Scenario {
    if matches!(scenario.spec.topology, Topology::Import(_) | Topology::Edges(_)) {
        return scenario;
    }
    let mut wrong = String::new();
    for by in SMALLER {
        match smaller(scenario.clone(), by) {
            Ok(small) => return small,
            Err(why) => wrong = why,
        }
    }
    panic!("{wrong}");
}

/// The same with so many times fewer peers, or why it cannot be planned.
fn smaller(mut scenario: Scenario, by: u32) -> Result<Scenario, String> {
    let spec = &mut scenario.spec;
    let fewer = |peers: u32| (peers / by).clamp(1, MOST_PEERS);
    let all = spec.peers.map(fewer);
    spec.groups.iter_mut().for_each(|group| group.peers = group.peers.map(fewer));
    if let Topology::Grid(grid) = &mut spec.topology {
        grid.columns = Some(4);
    }
    for chat in spec.workloads.iter_mut().filter_map(|workload| workload.chat.as_mut()) {
        chat.members =
            chat.members.map(|members| Count::new((members.get() / SMALLER_ROOMS).clamp(2, MOST_PEERS / 2)));
    }
    if let Some(all) = all {
        // Groups by count and by share must come to the whole, which not every number allows.
        for peers in all / 2..3 * all {
            scenario.spec.peers = Some(peers);
            if planned(&scenario, 1).is_ok() {
                break;
            }
        }
    }
    planned(&scenario, 1).map(|_| scenario)
}

fn planned(scenario: &Scenario, seed: u64) -> Result<Plan, String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("the file is shipped as well");
    let files: Files =
        plan::files(&scenario.spec).into_iter().map(|(_, name)| (name.to_owned(), text(name))).collect();
    Plan::new(scenario, Seed(seed), &files)
        .map_err(|errors| format!("{}: {errors:?}", scenario.metadata.name))
}

/// Whether an invariant says no more than that something happened at all: in a fleet made small, by chance nothing may.
fn is_vacuous(name: &str) -> bool {
    name == "every fault hit something" || name.ends_with(": something was said")
}

/// What a run with this seed has broken.
fn broken(scenario: &Scenario, seed: u64) -> Vec<String> {
    let plan = planned(scenario, seed).unwrap_or_else(|error| panic!("{error}"));
    let (outcome, recorder) = model::run(&plan, Recorder::new(&plan), &|_| false);
    let report = assemble::report(&plan, &outcome, &recorder);
    let broken =
        report.invariants.iter().filter(|invariant| !invariant.holds && !is_vacuous(&invariant.name));
    broken.map(|invariant| format!("{} with seed {seed}: {invariant:?}", scenario.metadata.name)).collect()
}

#[test]
fn a_hundred_seeds_of_every_shipped_scenario_break_no_invariant() {
    let small: Vec<Scenario> = shipped().into_iter().map(|(_, scenario)| small(scenario)).collect();
    assert!(small.len() >= 24);
    let (next, runs) = (AtomicUsize::new(0), small.len() * SEEDS as usize);
    let work = || {
        let mut found = Vec::new();
        loop {
            let run = next.fetch_add(1, Ordering::Relaxed);
            if run >= runs {
                return found;
            }
            found.extend(broken(&small[run % small.len()], (run / small.len()) as u64 + 1));
        }
    };
    let found: Vec<String> = thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("no run panics")).collect()
    });
    assert!(found.is_empty(), "{found:#?}");
}
