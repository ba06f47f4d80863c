//! The shipped scenarios on several threads: the same to the byte as on one. Whether it pays is not asked here; what the program itself
//! makes of `--threads`, also where it has no use for them, `end_to_end/determinism.rs` shows.

use std::{
    fs, io,
    path::Path,
    sync::{Arc, Mutex},
    thread,
};

use peerlab_report::{
    Outcome, assemble,
    facts::{FactWriter, Format},
    figures, html, page,
    record::Recorder,
};
use peerlab_scenarios::{
    plan::{self, Files, Plan},
    seed::Seed,
    spec::read::read,
};
use peerlab_simulator::{
    engine::threads::division::{Division, Undivided},
    model,
};

/// A group of more peers than this takes too long with the optimisation of tests.
const MOST_PEERS: u32 = 100_000;

/// How many it has instead, which tells the same of threads.
const FEWER_PEERS: u32 = 5_000;

/// All that a reader sees of a run.
#[derive(PartialEq)]
struct Seen {
    outcome: String,
    report: String,
    page: String,
    facts: blake3::Hash,
}

/// Takes facts in and keeps what tells them from any others: written out, those of all scenarios would fill a disk.
#[derive(Clone, Default)]
struct Digest(Arc<Mutex<blake3::Hasher>>);

impl io::Write for Digest {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("nobody panics with it").write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn seen(plan: &Plan, threads: Option<&Division>) -> Seen {
    let facts = Digest::default();
    let mut recorder = Recorder::new(plan);
    recorder.facts = Some(FactWriter::new(Format::Csv, facts.clone(), plan, "test").expect("it takes all"));
    let (outcome, mut recorder): (Outcome, _) = match threads {
        None => model::run(plan, recorder, &|_| false),
        Some(division) => model::run_divided(plan, division, recorder, &|_| false),
    };
    recorder.facts.take().expect("they were asked for").finish().expect("they can be written");
    let report = assemble::report(plan, &outcome, &recorder);
    let figures = figures::figures(plan, &outcome, &recorder, &report);
    Seen {
        outcome: format!("{outcome:#?}"),
        report: serde_json::to_string_pretty(&report).expect("a report can be written"),
        page: html::page(&page::page(&report, figures, &model::NOTES)),
        facts: facts.0.lock().expect("nobody panics with it").finalize(),
    }
}

/// The first line in which two texts differ.
fn difference(one: &str, other: &str) -> String {
    let lines = one.lines().zip(other.lines()).enumerate();
    let first = lines.filter(|(_, (one, other))| one != other).take(3);
    first.map(|(number, (one, other))| format!("line {number}:\n  {one}\n  {other}\n")).collect()
}

#[test]
fn threads_1_2_4_7_give_the_same_digest_and_the_same_report_for_every_shipped_scenario() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let entries = fs::read_dir(&folder).expect("scenarios are shipped");
    let mut paths: Vec<_> = entries.map(|entry| entry.expect("it can be listed").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|end| end == "yaml"));
    paths.sort();
    let (mut divided, mut whole) = (0, Vec::new());
    for path in &paths {
        let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
        let bytes = fs::read(path).expect("it can be read");
        let mut scenario = read(&name, &bytes).unwrap_or_else(|problems| panic!("{problems:?}"));
        for peers in scenario.spec.groups.iter_mut().filter_map(|group| group.peers.as_mut()) {
            if *peers > MOST_PEERS {
                *peers = FEWER_PEERS;
            }
        }
        let text = |name: &str| fs::read_to_string(folder.join(name)).expect("it is shipped as well");
        let files: Files =
            plan::files(&scenario.spec).into_iter().map(|(_, name)| (name.to_owned(), text(name))).collect();
        let plan = Plan::new(&scenario, Seed(scenario.spec.seed), &files);
        let plan = plan.unwrap_or_else(|errors| panic!("{name}: {errors:?}"));
        let divisions: Result<Vec<_>, _> =
            [2, 4, 7].into_iter().map(|threads| Division::of(&plan, threads, 1e6)).collect();
        let divisions = match divisions {
            Ok(divisions) => divisions,
            Err(why) => {
                assert!(matches!(why, Undivided::Relays | Undivided::Bulk), "{name}: {why}");
                assert_eq!(model::divide(&plan, 7).err(), Some(why), "{name} as the program divides it");
                whole.push(name);
                continue;
            }
        };
        let one = thread::scope(|scope| {
            let one = scope.spawn(|| seen(&plan, None));
            let many: Vec<_> =
                divisions.iter().map(|division| (division, seen(&plan, Some(division)))).collect();
            let one = one.join().expect("the run on one thread is seen");
            for (division, many) in many {
                let on = format!("{name} on {} threads, {} ahead", division.threads(), division.lookahead());
                for (what, one, many) in [
                    ("outcome", &one.outcome, &many.outcome),
                    ("report", &one.report, &many.report),
                    ("page", &one.page, &many.page),
                ] {
                    assert!(one == many, "{on}: the {what} differs\n{}", difference(one, many));
                }
                assert!(one.facts == many.facts, "{on}: the facts differ");
            }
            one
        });
        assert!(one.outcome.contains("digest"));
        divided += 1;
    }
    assert_eq!(
        whole,
        ["ipfs-retrieval", "nat-world", "update-in-a-minute", "update-rollout", "update-with-adversaries"],
        "these stay on one thread"
    );
    assert!(divided >= 26, "{divided} of {} are divided", paths.len());
}
