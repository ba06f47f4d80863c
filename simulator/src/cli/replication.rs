//! How many runs are made of a scenario, and how many at a time: what `run` and `compare` have in common.

use std::{num::NonZero, str::FromStr};

use clap::Args;
use peerlab_report::cli::Stop;
use peerlab_scenarios::{
    plan::Plan,
    report::{
        Statistic,
        metric::metrics_of,
        replicates::{Measure, StoppingRule},
    },
    seed::Seed,
    spec::ScenarioSpec,
    units::{Bytes, Share},
};
use peerlab_simulator::{cost::Cost, engine::threads::division::Division, model, replicates::Schedule};

/// Runs at the most, where a rule decides and no number is given.
const MOST_RUNS: u64 = 100;

#[derive(Debug, Args)]
pub(super) struct Replication {
    /// Make so many runs, with the seed and those that follow it; with --until-ci, at the most so many.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(2..=100_000))]
    pub(super) seeds: Option<u64>,
    /// Run on until what is measured is so precise: the relative error at 95 % confidence, such as `5%`.
    #[arg(long, value_name = "PERCENT")]
    until_ci: Option<Share>,
    /// What is to be so precise: METRIC or METRIC:STATISTIC (mean, p50, p95, p99, max). Default: what the targets bound.
    #[arg(long, value_name = "MEASURE", requires = "until_ci", value_delimiter = ',')]
    ci_metric: Vec<NamedMeasure>,
    /// Threads at the most: for several runs side by side, then for a run by itself where it pays. Default: one for each
    /// processor. What comes out does not depend on it.
    #[arg(long, value_name = "N")]
    threads: Option<NonZero<usize>>,
}

/// A measure as it is written on the command line.
#[derive(Clone, Debug)]
pub(super) struct NamedMeasure(pub(super) Measure);

impl FromStr for NamedMeasure {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (metric, statistic) = text.split_once(':').unwrap_or((text, "mean"));
        let known = Statistic::ALL.into_iter().find(|known| known.name() == statistic);
        let statistic = known
            .ok_or_else(|| format!("`{statistic}` is no statistic; known are mean, p50, p95, p99 and max"))?;
        Ok(Self(Measure { metric: metric.to_owned(), statistic }))
    }
}

impl Replication {
    /// Whether more than one run is asked for.
    pub(super) const fn is_asked_for(&self) -> bool {
        self.seeds.is_some() || self.until_ci.is_some()
    }

    /// How many threads there may be.
    fn threads(&self) -> NonZero<usize> {
        let threads = self.threads.or_else(|| std::thread::available_parallelism().ok());
        threads.unwrap_or(NonZero::<usize>::MIN)
    }

    /// The peers of a single run, dealt out to threads if that pays and fits into memory, as far as one knows how much there is.
    /// When it does not, or not with all threads that were asked for, `tell` hears why.
    pub(super) fn divide(
        &self,
        plan: &Plan,
        cost: &Cost,
        limit: Option<Bytes>,
        tell: impl Fn(String),
    ) -> Option<Division> {
        let fit = limit.map_or(usize::MAX, |limit| cost.threads_within(limit));
        let threads = self.threads().get().min(fit);
        if self.threads.is_some_and(|asked| asked.get() > fit) {
            tell(format!(
                "the run has {fit} of the threads asked for at the most: more would not fit into memory"
            ));
        }
        if threads == 1 {
            return None;
        }
        let divided = model::divide(plan, threads);
        let asked = self.threads.is_some();
        match &divided {
            Err(why) if asked => tell(format!("the run has one thread: {why}")),
            Ok(division) if asked && division.threads() < threads => {
                tell(format!("the run has {} threads: more would not make it faster", division.threads()));
            }
            _ => {}
        }
        divided.ok()
    }

    /// The runs to make of a scenario from this seed on; `default` of them when nothing is said.
    pub(super) fn schedule(
        &self,
        spec: &ScenarioSpec,
        first_seed: u64,
        default: u64,
    ) -> Result<Schedule, Stop> {
        let runs = self.seeds.unwrap_or(if self.until_ci.is_some() { MOST_RUNS } else { default });
        if first_seed.checked_add(runs - 1).is_none_or(|last| last > Seed::MOST) {
            let most = Seed::MOST;
            return Err(Stop::Input(format!(
                "error: {runs} runs with the seeds from {first_seed} on pass the last seed, {most}: begin with a lower one\n"
            )));
        }
        let rule = self.until_ci.map(|share| self.rule(spec, share, runs)).transpose()?;
        Ok(Schedule::new(first_seed, runs, rule, self.threads()))
    }

    fn rule(&self, spec: &ScenarioSpec, share: Share, most: u64) -> Result<StoppingRule, Stop> {
        let refused = |why: String| Err(Stop::Input(format!("error: {why}\n")));
        let relative_error = f64::from(share.parts_per_billion()) / 1e9;
        if relative_error == 0.0 {
            return refused(
                "--until-ci 0% would never stop: ask for a relative error above nought".to_owned(),
            );
        }
        if most < StoppingRule::FEWEST {
            let fewest = StoppingRule::FEWEST;
            return refused(format!(
                "--until-ci takes {fewest} runs at the least, and --seeds allows {most}"
            ));
        }
        let known = metrics_of(spec);
        for NamedMeasure(measure) in &self.ci_metric {
            if !known.iter().any(|(name, _)| *name == measure.metric) {
                let metric = &measure.metric;
                return refused(format!(
                    "--ci-metric: `{metric}` is no metric of this scenario; `peerlab-sim metrics FILE` lists them"
                ));
            }
        }
        let mut measures: Vec<Measure> = self.ci_metric.iter().map(|named| named.0.clone()).collect();
        if measures.is_empty() {
            measures = headline(spec);
        }
        Ok(StoppingRule { relative_error, measures, most })
    }
}

/// What a scenario is about: what its targets bound, and without targets the mean delivery latencies. Of a bound on the
/// largest value, which grows with the number of runs, the mean is asked.
fn headline(spec: &ScenarioSpec) -> Vec<Measure> {
    let measure = |metric: &str, statistic| Measure { metric: metric.to_owned(), statistic };
    let mut measures = Vec::new();
    for target in &spec.targets {
        let bounds = [
            (Statistic::P50, target.p50.is_some()),
            (Statistic::P95, target.p95.is_some()),
            (Statistic::P99, target.p99.is_some()),
            (Statistic::Mean, target.max.is_some() || target.at_most.is_some() || target.at_least.is_some()),
        ];
        let asked = bounds.into_iter().filter(|(_, asked)| *asked);
        measures.extend(asked.map(|(statistic, _)| measure(&target.metric, statistic)));
    }
    if measures.is_empty() {
        let latencies = metrics_of(spec).into_iter().filter(|(name, _)| name.ends_with(".delivery.latency"));
        measures.extend(latencies.map(|(name, _)| measure(&name, Statistic::Mean)));
    }
    measures.sort();
    measures.dedup();
    measures
}
