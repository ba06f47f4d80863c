//! `peerlab-sim run`: a scenario simulated, and its report written.

mod replicated;

use std::{
    fmt::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use peerlab_scenarios::{
    plan::{self, WorkloadKind},
    report::{Report, Trust, Verdict},
    seed::Seed,
    units::{Bytes, Nanos},
};
use peerlab_simulator::{
    assemble,
    cost::Cost,
    engine::Outcome,
    facts::{FactWriter, Format},
    figures,
    folder::{Folder, FolderError},
    html, junit, model, page,
    quantity::{Unit, grouped},
    record::Recorder,
};

use super::{
    Stop, check,
    interrupt::{INTERRUPTED, Interrupt, REPORT_FOLLOWS},
    memory, pretty, print,
    replicates::write_source,
    replication::Replication,
    table,
};

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The scenario file.
    file: PathBuf,
    /// The seed, instead of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: Option<u64>,
    #[command(flatten)]
    replication: Replication,
    /// The run folder. Default: `out/NAME/seed-SEED`, or the next that is free.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Replace the run that is in the folder.
    #[arg(long, requires = "out")]
    force: bool,
    /// How much memory the run may need by estimate, such as `8Gi`. Default: what the system has left.
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Print the report as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
    /// Write targets and invariants as JUnit XML to this file, for continuous integration.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write every showing of a post into the run folder, as `facts.csv` or `facts.parquet`.
    #[arg(long, value_enum, value_name = "FORMAT")]
    facts: Option<Format>,
}

impl Run {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        if self.replication.is_asked_for() {
            return self.run_replicates();
        }
        self.replication.check_single()?;
        let ready = self.prepare()?;
        let plan = &ready.plan;
        self.check_facts(plan)?;
        let cost = Cost::of(plan);
        self.check_memory(&cost)?;
        if let Some(note) = cost.note().filter(|_| !self.quiet) {
            eprintln!("note: {note}");
        }
        // Before the run, so that a place that is taken costs no time.
        self.check_junit()?;
        let folder = self.begin(plan, &format!("seed-{}", plan.seed.0))?;
        let interrupt = self.listen(&folder)?;

        let bar = self.progress(plan);
        let began = Instant::now();
        let mut recorder = Recorder::new(plan, |now: Nanos, _| bar.set_position(now.0 / 1_000_000));
        if let Some(format) = self.facts {
            recorder.facts = Some(FactWriter::new(format, folder.create(format.file())?, plan)?);
        }
        let (outcome, mut recorder) = model::run(plan, recorder, &|| interrupt.came());
        let took = began.elapsed();
        bar.finish_and_clear();
        recorder.facts.take().map_or(Ok(()), FactWriter::finish)?;

        let mut report = assemble::report(plan, &outcome, &recorder);
        let run = crate::cli::provenance::Run { events: outcome.events, digest: outcome.digest, took };
        report.provenance = crate::cli::provenance::of(&ready, &run);

        let figures = figures::figures(plan, &outcome, &recorder, &report);
        folder.write_charts(&figures)?;
        folder.write_series(&figures::series(plan, &outcome, &recorder))?;
        folder.write_plan(plan)?;
        write_source(&folder, "", &ready)?;
        let json = pretty(&report)?;
        folder.write("report.json", json.as_bytes())?;
        folder.write("report.html", html::page(&page::page(&report, figures)).as_bytes())?;
        self.write_junit(|| junit::xml(&report, took.as_secs_f64()))?;
        let place = folder.finish()?;

        if self.json {
            print(&json)?;
        } else if !self.quiet {
            print(&summary(&report, &outcome, took.as_secs_f64(), &place))?;
        }
        Ok(if outcome.interrupted.is_some() { INTERRUPTED } else { report.verdict().exit_code() })
    }

    /// Reads and plans the scenario, unless it is known beforehand that it cannot fit into memory.
    fn prepare(&self) -> Result<check::Ready, Stop> {
        let loaded = check::load(&self.file).map_err(check::input)?;
        self.check_memory(&Cost::at_least(&loaded.document.value.spec))?;
        loaded.plan(self.seed).map_err(|problems| check::input(Ok(problems)))
    }

    /// Begins the run folder where it was asked for, or under a `name` that is free.
    fn begin(&self, plan: &plan::Plan, name: &str) -> Result<Folder, FolderError> {
        match &self.out {
            Some(place) => Folder::begin(place, self.force),
            None => Folder::begin_free(&Path::new("out").join(&plan.name), name),
        }
    }

    /// Whether a run fits into memory; returns how much there is, if that is known.
    fn check_memory(&self, cost: &Cost) -> Result<Option<Bytes>, Stop> {
        let limit = self.memory.or_else(memory::available);
        let refused = |error| Stop::Input(format!("error: {}: {error}\n", self.file.display()));
        limit.map(|limit| cost.fits(limit).map(|()| limit).map_err(refused)).transpose()
    }

    /// Whether there can be any facts to write.
    fn check_facts(&self, plan: &plan::Plan) -> Result<(), Stop> {
        let chats = plan.workloads.iter().any(|workload| matches!(workload.kind, WorkloadKind::Chat(_)));
        if self.facts.is_none() || chats {
            return Ok(());
        }
        let why = "--facts writes the showings of posts, and no workload is a chat: leave it out";
        Err(Stop::Input(format!("error: {}: {why}\n", self.file.display())))
    }

    fn listen(&self, folder: &Folder) -> Result<Interrupt, Stop> {
        Ok(Interrupt::listen(folder.draft(), (!self.quiet).then_some(REPORT_FOLLOWS))?)
    }

    /// Whether the JUnit file can be written, as far as that can be told before there is anything to write.
    fn check_junit(&self) -> Result<(), Stop> {
        let Some(path) = &self.junit else { return Ok(()) };
        let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let why = if path.is_dir() {
            "it is a folder"
        } else if folder.is_some_and(|folder| !folder.is_dir()) {
            "there is no such folder"
        } else {
            return Ok(());
        };
        Err(Stop::Input(format!("error: {}: {why}\n", path.display())))
    }

    /// Writes the JUnit file, if one is asked for.
    fn write_junit(&self, xml: impl FnOnce() -> String) -> Result<(), Stop> {
        let Some(path) = &self.junit else { return Ok(()) };
        std::fs::write(path, xml())
            .map_err(|error| Stop::Input(format!("error: {}: {error}\n", path.display())))
    }

    /// A bar over virtual time; hidden by itself when standard error is no terminal.
    fn progress(&self, plan: &plan::Plan) -> ProgressBar {
        let bar = ProgressBar::new(plan.spec.end().0 / 1_000_000);
        if self.quiet {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style = ProgressStyle::with_template(
            "{msg} [{bar:40}] {percent}% of virtual time, {speed} times as fast as real time, {eta} left",
        );
        let speed = |state: &ProgressState, to: &mut dyn Write| {
            let _ = write!(to, "{}", speed(state.pos(), state.elapsed()));
        };
        bar.set_style(style.expect("the template is right").progress_chars("=> ").with_key("speed", speed));
        bar.set_message(format!("{} ({} peers)", plan.name, grouped(u64::from(plan.peers.len()))));
        bar
    }
}

/// Virtual time, ms, by the time that it took.
fn speed(virtual_time: u64, took: Duration) -> String {
    let ratio = virtual_time as f64 / 1e3 / took.as_secs_f64();
    if ratio.is_finite() { Unit::Count.show(ratio) } else { "-".to_owned() }
}

/// What a person wants to see first.
fn summary(report: &Report, outcome: &Outcome, took: f64, place: &Path) -> String {
    let scenario = &report.scenario;
    let planned = scenario.duration + scenario.cool_down;
    let virtual_time = outcome.interrupted.map_or(planned, Nanos::as_secs_f64);
    let mut text = format!(
        "{}: {} peers, {} edges, seed {}, {} of virtual time in {} ({} events, {:.1} M/s)\n\n",
        scenario.name,
        grouped(u64::from(scenario.peers)),
        grouped(scenario.edges),
        report.seed,
        Unit::Seconds.show(virtual_time),
        Unit::Seconds.show(took),
        grouped(outcome.events),
        outcome.events as f64 / took / 1e6,
    );
    let mut metrics = table::Table::new(&["metric", "n", "mean", "p50", "p95", "p99", "max"]);
    for (name, summary) in &report.metrics {
        let value =
            |value: f64| if summary.n == 0 { "-".to_owned() } else { page::show(value, summary.unit) };
        let values = [summary.mean, summary.p50, summary.p95, summary.p99, summary.max].map(value);
        metrics.row([name.clone(), grouped(summary.n)].into_iter().chain(values).collect());
    }
    metrics.numbers_from(1);
    text.push_str(&metrics.render(table::width()));
    if !scenario.faults.is_empty() {
        let mut faults = table::Table::new(&["fault", "kind", "at", "hits"]);
        for fault in &scenario.faults {
            faults.row(vec![
                fault.name.clone(),
                fault.kind.clone(),
                Unit::Seconds.show(fault.at),
                grouped(fault.hits),
            ]);
        }
        faults.numbers_from(2);
        text.push('\n');
        text.push_str(&faults.render(table::width()));
    }
    if !report.targets.is_empty() {
        let mut targets = table::Table::new(&["target", "bound", "observed", ""]);
        for target in &report.targets {
            let observed = page::observed(target).unwrap_or_else(|| "nothing".to_owned());
            let met = if target.met { "met" } else { "MISSED" };
            targets.row(vec![target.metric.clone(), page::bound(target), observed, met.to_owned()]);
        }
        text.push('\n');
        text.push_str(&targets.render(table::width()));
    }
    let word = match report.verdict() {
        Verdict::Invalid => "INVALID",
        Verdict::Met | Verdict::Missed if outcome.interrupted.is_some() => "INTERRUPTED",
        Verdict::Met => "PASS",
        Verdict::Missed => "FAIL",
    };
    text.push_str(&format!("\nwarm-up: {}\n", page::warm_up(scenario.warm_up, &scenario.settling)));
    if report.validity.state == Trust::Degraded {
        text.push_str(&format!("DEGRADED: {}\n", report.validity.reasons.join("; ")));
    }
    text.push_str(&format!(
        "{word}: {}\nreport: {}\n",
        page::verdict(report),
        place.join("report.html").display()
    ));
    text
}
