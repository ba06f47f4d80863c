//! `peerlab-sim run`: a scenario simulated, and its report written.

mod replicated;

use std::{
    fmt::Write,
    path::PathBuf,
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use peerlab_report::{
    Outcome,
    cli::{
        Stop,
        output::{Finished, Output, Place},
        provenance, tell,
    },
    quantity::{Unit, grouped},
};
use peerlab_scenarios::{plan, seed::Seed, units::Nanos};
use peerlab_simulator::{engine::threads::division::Division, model};

use super::{
    check::{self, ToRun},
    memory::Memory,
    replication::Replication,
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
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    memory: Memory,
    #[command(flatten)]
    output: Output,
}

impl Run {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        if self.replication.is_asked_for() {
            return self.run_replicates();
        }
        let ToRun { ready, cost, limit } = check::prepare_run(&self.file, self.seed, self.memory)?;
        let plan = &ready.plan;
        self.output.check_facts(&self.file, plan)?;
        if let Some(note) = cost.note().filter(|_| !self.output.quiet) {
            tell(&format!("note: {note}\n"));
        }
        // Before the run, so that a place that is taken costs no time.
        self.output.check_junit()?;
        let folder = self.place.begin(plan, &format!("seed-{}", plan.seed.0))?;
        let interrupt = self.output.listen(&folder)?;

        let division = self.replication.divide(plan, &cost, limit, |note| {
            if !self.output.quiet {
                tell(&format!("note: {note}\n"));
            }
        });
        let bar = self.progress(plan);
        let began = Instant::now();
        let recorder = self.output.record("peerlab-sim", plan, &folder)?;
        let watch = |now: Nanos| {
            bar.set_position(now.0 / 1_000_000);
            interrupt.came()
        };
        let (outcome, recorder) = match &division {
            Some(division) => model::run_divided(plan, division, recorder, &watch),
            None => model::run(plan, recorder, &watch),
        };
        let took = began.elapsed();
        bar.finish_and_clear();

        let run = provenance::Run {
            imitates: model::imitated(&plan.spec),
            engine: serde_json::Value::Null,
            events: outcome.events,
            digest: outcome.digest,
            took,
            threads: division.as_ref().map_or(1, Division::threads),
        };
        let pace = pace(&outcome, took.as_secs_f64());
        let finished =
            Finished { ready: &ready, outcome: &outcome, recorder, run, engine: &model::NOTES, pace: &pace };
        self.output.finish(folder, finished)
    }

    /// A bar over virtual time; hidden by itself when standard error is no terminal.
    fn progress(&self, plan: &plan::Plan) -> ProgressBar {
        let bar = ProgressBar::new(plan.spec.end().0 / 1_000_000);
        if self.output.quiet {
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

/// How fast a run was: ` in 2.1 s (1,000 events, 0.5 M/s)`.
fn pace(outcome: &Outcome, took: f64) -> String {
    let (events, rate) = (grouped(outcome.events), outcome.events as f64 / took / 1e6);
    format!(" in {} ({events} events, {rate:.1} M/s)", Unit::Seconds.show(took))
}
