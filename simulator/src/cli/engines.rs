//! `peerlab-sim compare out/model out/virtual out/live`: single runs of one plan on several engines, the first held against the
//! others.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
    time::Instant,
};

use peerlab_report::{
    cli::{Stop, pretty, print, tell},
    folder::Folder,
};
use peerlab_scenarios::report::{
    Trust, Verdict,
    fidelity::{Fidelity, Run, comparable},
};
use peerlab_simulator::fidelity;

use super::{provenance, study};

/// Where the folder of the comparison goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    pub(super) out: Option<&'a Path>,
    pub(super) force: bool,
}

/// What is printed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub(super) json: bool,
    pub(super) quiet: bool,
}

pub(super) fn compare(paths: &[PathBuf], place: Place<'_>, told: Told) -> Result<u8, Stop> {
    let began = Instant::now();
    let load =
        |path: &PathBuf| fidelity::load(path).map_err(|error| Stop::Input(format!("error: {error}\n")));
    let mut runs: Vec<Run> = paths.iter().map(load).collect::<Result<_, _>>()?;
    let unlike = |why| Stop::Input(format!("error: these cannot be compared: {why}\n"));
    // What is refused is named by its path, and what is told by its engine.
    comparable(&runs).map_err(unlike)?;
    if let Some(invalid) = runs.iter().find(|run| run.report.validity.state == Trust::Invalid) {
        let reasons = invalid.report.validity.reasons.join("; ");
        tell(&format!("error: the run {} is invalid, and says nothing: {reasons}\n", invalid.name));
        return Ok(Verdict::Invalid.exit_code());
    }
    name_by_engine(&mut runs);
    let mut held = fidelity::hold(&runs).map_err(unlike)?;
    held.provenance = provenance::of_engines(&runs, began.elapsed());

    let folder = match place.out {
        Some(out) => Folder::begin(out, place.force)?,
        None => Folder::begin_free(Path::new("out/compare"), &format!("{}-engines", held.scenario))?,
    };
    let place = study::write(
        folder,
        fidelity::figures(&held, &runs),
        &held,
        |charts| fidelity::markdown(&held, charts),
        |figures| fidelity::page(&held, figures),
    )?;
    if told.json {
        print(&pretty(&held)?)?;
    } else if !told.quiet {
        print(&summary(&held, &place))?;
    }
    Ok(0)
}

/// Calls runs as their engines are called, if no two have the same: else they keep their paths.
fn name_by_engine(runs: &mut [Run]) {
    let engine = |run: &Run| run.report.engine.clone();
    if runs.iter().map(engine).collect::<BTreeSet<_>>().len() == runs.len() {
        runs.iter_mut().for_each(|run| run.name = engine(run));
    }
}

/// What a person wants to see first.
fn summary(held: &Fidelity, place: &Path) -> String {
    let mut text = format!("{}\n\n", fidelity::introduction(held));
    for run in held.runs.iter().filter(|run| run.state == Trust::Degraded) {
        text.push_str(&format!("{} is degraded: {}\n\n", run.name, run.reasons.join("; ")));
    }
    text.push_str(&study::rows(fidelity::measures(held)));
    text.push_str("* beyond chance\n\n");
    if !held.distances.is_empty() {
        text.push_str(&format!("{}\n", study::rows(fidelity::distances(held))));
    }
    for finding in &held.findings {
        text.push_str(&format!("{finding}\n"));
    }
    text.push_str(&format!("comparison: {}\n", place.join("report.html").display()));
    text
}
