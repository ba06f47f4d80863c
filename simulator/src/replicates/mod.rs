//! Several runs of one scenario, side by side: each with a seed, and so with a network and people, of its own.
//!
//! What comes out depends on the seeds and the stopping rule alone, not on the number of threads: runs share nothing, are
//! taken in the order of their seeds, and the rule is asked after each in that order. Runs that threads began beyond the
//! one at which it stops are thrown away.

mod band;
mod figures;
pub mod junit;
pub mod page;
mod run;

use std::{
    collections::BTreeMap,
    num::NonZero,
    sync::{
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use peerlab_scenarios::{
    plan::Plan,
    report::{
        Histogram, Report, Summary, Unit,
        replicates::{Replicates, StoppingRule},
    },
    units::Bytes,
};

pub use band::{Band, BandPoint};
pub(crate) use figures::curve;
pub use figures::{ChatCurves, Curves, RolloutCurve, chart_curves, figures, series};
pub use run::ReplicateRun;

use peerlab_report::warm_up;

/// Which runs to make.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// The first seed; the others follow it one by one.
    pub first_seed: u64,
    /// How many runs, at the most when there is a rule.
    pub runs: u64,
    /// When to stop earlier.
    pub rule: Option<StoppingRule>,
    /// Threads at the most. Runs are made side by side on them, and those that are left over help each run.
    pub threads: NonZero<usize>,
    /// Runs side by side at the most.
    at_once: NonZero<usize>,
}

impl Schedule {
    /// Runs with these seeds, as many side by side as there are threads.
    #[must_use]
    pub const fn new(
        first_seed: u64,
        runs: u64,
        rule: Option<StoppingRule>,
        threads: NonZero<usize>,
    ) -> Self {
        Self { first_seed, runs, rule, threads, at_once: threads }
    }

    /// The same with no more runs side by side than fit into so much memory, but one at the least, and with no more threads
    /// to help them. `run` is what a run takes with one thread, and `thread` what each further one takes.
    #[must_use]
    pub fn within(self, run: Bytes, thread: Bytes, limit: Option<Bytes>) -> Self {
        let Some(limit) = limit else { return self };
        let count = |number: u64| NonZero::new(usize::try_from(number).unwrap_or(usize::MAX));
        let fit = (limit.0 / run.0.max(1)).min(self.runs);
        let at_once = self.at_once.min(count(fit).unwrap_or(NonZero::<usize>::MIN));
        let left = limit.0.saturating_sub(run.0.saturating_mul(at_once.get() as u64)) / thread.0.max(1);
        let threads = at_once.saturating_add(count(left).map_or(0, NonZero::get));
        Self { at_once, threads: self.threads.min(threads), ..self }
    }

    /// How many threads each of the runs has that are made side by side.
    fn shares(&self) -> impl Iterator<Item = usize> {
        let runs = usize::try_from(self.runs).unwrap_or(usize::MAX);
        let (threads, at_once) = (self.threads.get(), self.threads.min(self.at_once).get().min(runs));
        (0..at_once).map(move |run| threads / at_once + usize::from(run < threads % at_once))
    }

    /// The seed of a run by its number; after the largest comes 0.
    #[must_use]
    pub const fn seed(&self, number: u64) -> u64 {
        self.first_seed.wrapping_add(number)
    }
}

/// What came of all runs.
#[derive(Debug)]
pub struct Batch {
    /// The report on them, but for its provenance.
    pub report: Replicates,
    /// The runs, in the order of their seeds.
    pub runs: Vec<ReplicateRun>,
    /// All values of all runs, by metric.
    pub pooled: BTreeMap<String, Histogram>,
}

/// Runs a scenario as scheduled. `plan` makes the plan for a seed, on any thread; `progress` hears after each run how many
/// are done, on this one. When `interrupted` says so, no more runs are begun and those that were are left; the batch then
/// holds the runs up to the first that was not done, and there is none without a run.
///
/// # Errors
/// What `plan` says of the first seed that it cannot plan.
pub fn run<E: Send>(
    schedule: &Schedule,
    plan: impl Fn(u64) -> Result<Plan, E> + Sync,
    interrupted: impl Fn() -> bool + Sync,
    mut progress: impl FnMut(u64),
) -> Result<Option<Batch>, E> {
    let (next, stop) = (AtomicU64::new(0), AtomicBool::new(false));
    let (results, received) = mpsc::channel();
    let mut gathered = Gathered::default();
    thread::scope(|scope| {
        for threads in schedule.shares() {
            let (results, next, plan) = (results.clone(), &next, &plan);
            let (stop, interrupted) = (&stop, &interrupted);
            let ended = move || stop.load(Ordering::Relaxed) || interrupted();
            scope.spawn(move || {
                while !ended() {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= schedule.runs {
                        break;
                    }
                    let run = plan(schedule.seed(number));
                    let run = run.map(|plan| ReplicateRun::of(&plan, threads, &ended)).transpose();
                    // Nobody listens any more once the rule is satisfied.
                    if run.is_none_or(|run| results.send((number, run)).is_err()) {
                        break;
                    }
                }
            });
        }
        drop(results);
        // Runs that are done, before their turn.
        let mut early = BTreeMap::new();
        for (number, run) in received {
            early.insert(number, run);
            while let Some(run) = early.remove(&(gathered.runs.len() as u64)) {
                let enough = run.map(|run| {
                    gathered.take(run);
                    progress(gathered.runs.len() as u64);
                    schedule.rule.as_ref().is_some_and(|rule| rule.is_satisfied(&gathered.reports))
                });
                if !matches!(enough, Ok(false)) {
                    stop.store(true, Ordering::Relaxed);
                    return enough.map(|_| ());
                }
            }
        }
        Ok(())
    })?;
    Ok(gathered.batch(schedule))
}

/// Runs whose turn has come.
#[derive(Debug, Default)]
struct Gathered {
    runs: Vec<ReplicateRun>,
    reports: Vec<Report>,
    pooled: BTreeMap<String, (Unit, Histogram)>,
}

impl Gathered {
    /// Takes in a run. Its histograms go into the common ones: they are what is large about it.
    fn take(&mut self, mut run: ReplicateRun) {
        for (name, unit, histogram) in std::mem::take(&mut run.histograms) {
            match self.pooled.get_mut(&name) {
                Some((_, pooled)) => pooled.merge(&histogram),
                None => {
                    self.pooled.insert(name, (unit, histogram));
                }
            }
        }
        self.reports.push(run.report.clone());
        self.runs.push(run);
    }

    fn batch(self, schedule: &Schedule) -> Option<Batch> {
        let summary = |(name, (unit, histogram)): (&String, &(Unit, Histogram))| {
            (name.clone(), Summary::of_histogram(*unit, histogram, unit.recorded_steps()))
        };
        let pooled = self.pooled.iter().map(summary).collect();
        let mut report = Replicates::of(&self.reports, &pooled)?;
        report.stopping = schedule.rule.as_ref().map(|rule| rule.outcome(&self.reports));
        let is_whole = report.stopping.as_ref().is_some_and(|stopping| stopping.reached);
        if !is_whole && (self.runs.len() as u64) < schedule.runs {
            let told = format!("interrupted after {} of {} runs", self.runs.len(), schedule.runs);
            report.validity.disturbed(told);
        }
        let first = &self.runs[0];
        let series: Vec<_> = self.runs.iter().map(|run| run.series.as_slice()).collect();
        report.scenario.settling = warm_up::settling(&series, first.interval, &first.window);
        let pooled = self.pooled.into_iter().map(|(name, (_, histogram))| (name, histogram)).collect();
        Some(Batch { report, runs: self.runs, pooled })
    }
}

#[cfg(test)]
mod tests;
