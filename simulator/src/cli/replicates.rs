//! Several runs of one scenario: made with a bar that tells how many are done, and written.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use peerlab_report::{
    cli::{
        Stop,
        input::{Ready, show},
        interrupt::Interrupt,
        output::write_source,
        pretty,
    },
    folder::{Folder, csv},
    quantity::grouped,
};
use peerlab_simulator::replicates::{self, Batch, Curves, Schedule};

use super::provenance;

/// Several runs of a scenario, and what is drawn of them.
pub(super) struct Replicated {
    pub(super) batch: Batch,
    pub(super) curves: Curves,
    pub(super) took: Duration,
}

/// Makes the runs; nothing when not even one was done before the interrupt.
pub(super) fn make(
    ready: &Ready,
    schedule: &Schedule,
    interrupt: &Interrupt,
    quiet: bool,
) -> Result<Option<Replicated>, Stop> {
    let bar = progress(ready, schedule, quiet);
    let began = Instant::now();
    let plan = |seed| ready.plan_with(seed);
    let made = replicates::run(schedule, plan, || interrupt.came(), |done| bar.set_position(done));
    bar.finish_and_clear();
    let Some(mut batch) = made.map_err(|problems| Stop::Input(show(&problems)))? else { return Ok(None) };
    let took = began.elapsed();
    batch.report.provenance = provenance::of_replicates(ready, &batch.runs, took, schedule.threads.get());
    for run in &mut batch.runs {
        run.report.provenance = provenance::of_replicate(ready, run);
    }
    let curves = replicates::chart_curves(&batch);
    Ok(Some(Replicated { batch, curves, took }))
}

/// A bar over runs; hidden by itself when standard error is no terminal.
fn progress(ready: &Ready, schedule: &Schedule, quiet: bool) -> ProgressBar {
    let bar = ProgressBar::new(schedule.runs);
    if quiet {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let most = if schedule.rule.is_some() { "at most " } else { "" };
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {pos} of {prefix}{len} runs, {eta} left");
    bar.set_style(style.expect("the template is right").progress_chars("=> "));
    bar.set_prefix(most);
    let plan = &ready.plan;
    bar.set_message(format!("{} ({} peers)", plan.name, grouped(u64::from(plan.peers.len()))));
    bar
}

impl Replicated {
    /// Writes the reports, the series and what they were made of, in the folder or `below` it: all that a comparison reads
    /// again, too.
    pub(super) fn write(&self, folder: &Folder, below: &str, ready: &Ready) -> Result<(), Stop> {
        let write = |name: &str, content: &[u8]| folder.write(&format!("{below}{name}"), content);
        write("report.json", pretty(&self.batch.report)?.as_bytes())?;
        for run in &self.batch.runs {
            let name = format!("replicates/seed-{}/report.json", run.report.seed);
            write(&name, pretty(&run.report)?.as_bytes())?;
        }
        for series in replicates::series(&self.batch, &self.curves) {
            write(&format!("series/{}.csv", series.name), csv(&series).as_bytes())?;
        }
        write_source(folder, below, ready)
    }
}
