//! Twenty replicates of chat-room on one core and on two: the whole program, from its start to the last byte of its report.
//!
//! Wall-clock time, in turns, so that what disturbs one disturbs the other. Beside it stands the processor time, which is the same for both as
//! far as nothing is wasted, and how long the machine's processors were kept from it by other machines on the same host. Both folders must hold
//! the same bytes but for the provenance, or the bench panics.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;

const SEEDS: u32 = 20;

/// Turns of which the best counts.
const TURNS: u32 = 3;

/// How often Linux counts in a second, whatever its clock does (`USER_HZ`).
const TICKS: f64 = 100.0;

/// What the runs with so many threads took.
#[derive(Clone, Copy)]
struct Took {
    wall: Duration,
    /// Processor time of the program, s; nothing where the system does not tell.
    busy: Option<f64>,
    /// Processor time that other machines had, s.
    stolen: Option<f64>,
}

/// Makes the runs on so many threads, with the reports in this folder.
fn run(threads: u32, folder: &Path) -> Took {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/chat-room.yaml");
    let (began, busy, stolen) = (Instant::now(), children(), stolen());
    let done = Command::new(env!("CARGO_BIN_EXE_peerlab-sim"))
        .args(["run", "--quiet", "--force", "--seeds", &SEEDS.to_string(), "--threads", &threads.to_string()])
        .arg("--out")
        .args([folder, &scenario])
        .status()
        .expect("the program can be begun");
    let wall = began.elapsed();
    assert!(done.success(), "all targets are met");
    let since = |before: Option<f64>, now: Option<f64>| now.zip(before).map(|(now, before)| now - before);
    Took { wall, busy: since(busy, children()), stolen: since(stolen, self::stolen()) }
}

/// The processor time of children that have ended, s (proc(5): `cutime` and `cstime`).
fn children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // What stands before is the program's name, in brackets.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<f64>().ok();
    Some((ticks(13)? + ticks(14)?) / TICKS)
}

/// The processor time that other machines had while this one wanted it, s (proc(5): `steal`).
fn stolen() -> Option<f64> {
    let stat = fs::read_to_string("/proc/stat").ok()?;
    let ticks: f64 = stat.lines().next()?.split_whitespace().nth(8)?.parse().ok()?;
    Some(ticks / TICKS)
}

/// Files below a folder, by name; reports without their provenance.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(here) = folders.pop() {
        for entry in fs::read_dir(here).expect("the folder is there") {
            let path = entry.expect("it can be listed").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let mut bytes = fs::read(&path).expect("it can be read");
            if path.ends_with("report.json") {
                let mut report: Value = serde_json::from_slice(&bytes).expect("a report is JSON");
                report.as_object_mut().expect("a map").remove("provenance").expect("it has one");
                bytes = report.to_string().into_bytes();
            }
            found.push((path.strip_prefix(folder).expect("it is below").to_owned(), bytes));
        }
    }
    found.sort();
    found
}

fn main() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("replicates");
    let mut best = [f64::INFINITY; 2];
    println!("chat-room, {SEEDS} replicates");
    for turn in 1..=TURNS {
        let mut walls = [0.0; 2];
        let folders = [1, 2].map(|threads| {
            let folder = place.join(threads.to_string());
            let Took { wall, busy, stolen } = run(threads, &folder);
            let seconds =
                |time: Option<f64>| time.map_or_else(|| "?".to_owned(), |time| format!("{time:.2} s"));
            println!(
                "turn {turn}, threads {threads}: {:.2} s, {} of processor time, {} had by other machines",
                wall.as_secs_f64(),
                seconds(busy),
                seconds(stolen)
            );
            let which = threads as usize - 1;
            walls[which] = wall.as_secs_f64();
            best[which] = best[which].min(walls[which]);
            folder
        });
        println!("turn {turn}: {:.2} times as fast on two", walls[0] / walls[1]);
        let [one, two] = folders.map(|folder| files(&folder));
        assert!(one.len() > SEEDS as usize, "there is a report for each seed");
        assert!(one == two, "what comes out does not depend on threads");
    }
    println!(
        "best of each: {:.2} s and {:.2} s, {:.2} times as fast on two",
        best[0],
        best[1],
        best[0] / best[1]
    );
    fs::remove_dir_all(&place).expect("what was made can be removed");
}
