//! What may be asked of a run's output, by the same names of every engine, and how it is given.

use std::{
    collections::BTreeSet,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::Args;
use peerlab_scenarios::{
    plan::{Plan, WorkloadKind},
    report::Report,
};

use super::{
    Stop,
    input::Ready,
    interrupt::{INTERRUPTED, Interrupt, REPORT_FOLLOWS},
    pretty, print, provenance, summary,
};
use crate::{
    Outcome, assemble, distributions,
    facts::{FactWriter, Format},
    figures,
    folder::{Folder, FolderError},
    html, junit, page,
    record::Recorder,
};

/// Where the run folder goes.
#[derive(Debug, Args)]
pub struct Place {
    /// The run folder. Default: `out/NAME/seed-SEED`, or the next that is free.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Replace the run that is in the folder.
    #[arg(long, requires = "out")]
    force: bool,
}

impl Place {
    /// Begins the run folder where it was asked for, or under a `name` that is free.
    ///
    /// # Errors
    /// When something else is there, or the system refuses.
    pub fn begin(&self, plan: &Plan, name: &str) -> Result<Folder, FolderError> {
        match &self.out {
            Some(place) => Folder::begin(place, self.force),
            None => Folder::begin_free(&Path::new("out").join(&plan.name), name),
        }
    }
}

/// What is told of a run, and what is written besides its folder.
#[derive(Debug, Args)]
pub struct Output {
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "json")]
    pub quiet: bool,
    /// Write targets and invariants as JUnit XML to this file, for continuous integration.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write every showing of a post into the run folder, as `facts.csv` or `facts.parquet`.
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub facts: Option<Format>,
}

/// A run that is over.
#[derive(Debug)]
pub struct Finished<'a> {
    /// What was run.
    pub ready: &'a Ready,
    /// What came of it.
    pub outcome: &'a Outcome,
    /// What was recorded meanwhile.
    pub recorder: Recorder,
    /// Where it comes from.
    pub run: provenance::Run,
    /// What the engine does and leaves out, a paragraph each.
    pub engine: &'a [&'a str],
    /// How the engine went about it: see [`summary::of`].
    pub pace: &'a str,
}

/// Whether a file is there that no JUnit file may take the place of, as it is none.
fn holds_something_else(path: &Path) -> bool {
    let mut start = [0; 5];
    // A device has nothing to lose, and may never end.
    path.is_file()
        && File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok()
        && start != *b"<?xml"
}

/// A report that was written.
#[derive(Debug)]
pub struct Written {
    /// The report.
    pub report: Report,
    /// How the program is to end.
    pub exit_code: u8,
    /// The run folder.
    pub place: PathBuf,
    /// The files in it, by their paths there.
    pub files: BTreeSet<PathBuf>,
}

impl Output {
    /// Whether there can be any facts to write of the plan of this file.
    ///
    /// # Errors
    /// When there cannot.
    pub fn check_facts(&self, file: &Path, plan: &Plan) -> Result<(), Stop> {
        let chats = plan.workloads.iter().any(|workload| matches!(workload.kind, WorkloadKind::Chat(_)));
        if self.facts.is_none() || chats {
            return Ok(());
        }
        let why = "--facts writes the showings of posts, and no workload is a chat: leave it out";
        Err(Stop::Input(format!("error: {}: {why}\n", file.display())))
    }

    /// Listens for signals while a run lasts whose folder this is.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn listen(&self, folder: &Folder) -> Result<Interrupt, Stop> {
        Ok(Interrupt::listen(folder.draft(), (!self.quiet).then_some(REPORT_FOLLOWS))?)
    }

    /// Whether the JUnit file can be written, as far as that can be told before there is anything to write.
    ///
    /// # Errors
    /// When it cannot.
    pub fn check_junit(&self) -> Result<(), Stop> {
        let Some(path) = &self.junit else { return Ok(()) };
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let why = if path.is_dir() {
            "it is a folder"
        } else if folder.is_some_and(|folder| !folder.is_dir()) {
            "there is no such folder"
        } else if holds_something_else(path) {
            "it exists and is no JUnit file, and would be lost: name another"
        } else {
            return Ok(());
        };
        Err(Stop::Input(format!("error: {}: {why}\n", path.display())))
    }

    /// Writes the JUnit file, if one is asked for.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_junit(&self, xml: impl FnOnce() -> String) -> Result<(), Stop> {
        let Some(path) = &self.junit else { return Ok(()) };
        std::fs::write(path, xml())
            .map_err(|error| Stop::Input(format!("error: {}: {error}\n", path.display())))
    }

    /// Begins to record a run; its facts go into `folder` when they are asked for, as `program` wrote them.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn record(&self, program: &str, plan: &Plan, folder: &Folder) -> Result<Recorder, Stop> {
        let mut recorder = Recorder::new(plan);
        if let Some(format) = self.facts {
            recorder.facts = Some(FactWriter::new(format, folder.create(format.file())?, plan, program)?);
        }
        Ok(recorder)
    }

    /// Writes the report of a run with all that belongs to it, tells of it, and says how the program is to end.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn finish(&self, folder: Folder, finished: Finished<'_>) -> Result<u8, Stop> {
        self.write(folder, finished).map(|written| written.exit_code)
    }

    /// The same, and what was written.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, folder: Folder, finished: Finished<'_>) -> Result<Written, Stop> {
        let Finished { ready, outcome, mut recorder, run, engine, pace } = finished;
        let plan = &ready.plan;
        recorder.facts.take().map_or(Ok(()), FactWriter::finish)?;
        let mut report = assemble::report(plan, outcome, &recorder);
        report.provenance = provenance::of(ready, &run);

        let figures = figures::figures(plan, outcome, &recorder, &report);
        folder.write_charts(&figures)?;
        folder.write_series(&figures::series(plan, outcome, &recorder))?;
        folder.write_distributions(&distributions::of_run(plan, outcome, &recorder))?;
        folder.write_plan(plan)?;
        write_source(&folder, "", ready)?;
        let json = pretty(&report)?;
        folder.write("report.json", json.as_bytes())?;
        folder.write("report.html", html::page(&page::page(&report, figures, engine)).as_bytes())?;
        self.write_junit(|| junit::xml(&report, run.took.as_secs_f64()))?;
        let files = folder.files();
        let place = folder.finish()?;

        if self.json {
            print(&json)?;
        } else if !self.quiet {
            print(&summary::of(&report, outcome, pace, &place))?;
        }
        let exit_code =
            if outcome.interrupted.is_some() { INTERRUPTED } else { report.verdict().exit_code() };
        Ok(Written { report, exit_code, place, files })
    }
}

/// Writes the scenario and the files that it names, in the folder or `below` it.
///
/// # Errors
/// When the system refuses.
pub fn write_source(folder: &Folder, below: &str, ready: &Ready) -> Result<(), Stop> {
    folder.write(&format!("{below}scenario.yaml"), &ready.bytes)?;
    for (name, text) in &ready.files {
        folder.write_named_below(below, name, text.as_bytes())?;
    }
    Ok(())
}
