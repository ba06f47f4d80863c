//! `peerlab-sim compare A B …`: designs held against the first, by runs with the same seeds; or single runs of one plan on
//! several engines, see [`super::engines`].

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
    time::Instant,
};

use clap::Args;
use peerlab_report::{
    EngineKind,
    cli::{
        Stop,
        interrupt::{INTERRUPTED, Interrupt},
        pretty, print, tell,
    },
    folder::Folder,
    quantity::Unit,
};
use peerlab_scenarios::{
    plan,
    report::{
        Verdict,
        comparison::{self, Comparison, Incomparable, Prospect},
        metric::metrics_of,
        replicates::{Measure, Replicates},
    },
    seed::Seed,
};
use peerlab_simulator::{
    compare::{self, Design, markdown, page},
    fidelity,
};

use super::{
    check::{self, ToRun},
    engines,
    memory::Memory,
    provenance,
    replicates::make,
    replication::{NamedMeasure, Replication},
    study,
};

/// Runs of each scenario when their number is not given.
const USUAL_RUNS: u64 = 20;

#[derive(Debug, Args)]
pub(super) struct Compare {
    /// Scenario files, which are run now, or folders of runs made with --seeds; the first is the baseline. Or folders of single
    /// runs of one scenario and seed on several engines; the first is held against the others.
    #[arg(required = true, num_args = 2.., value_name = "DESIGN")]
    designs: Vec<PathBuf>,
    /// The first seed, for all scenarios. Default: that of the runs made before, or else of the first scenario.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: Option<u64>,
    #[command(flatten)]
    replication: Replication,
    /// What to compare: METRIC or METRIC:STATISTIC (mean, p50, p95, p99, max). Default: all means, and quantiles of times.
    #[arg(long, value_name = "MEASURE", value_delimiter = ',')]
    measure: Vec<NamedMeasure>,
    #[command(flatten)]
    memory: Memory,
    /// The folder of the comparison. Default: `out/compare/BASELINE`, or the next that is free.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Replace the comparison that is in the folder.
    #[arg(long, requires = "out")]
    force: bool,
    /// Print the comparison as JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Print nothing but errors.
    #[arg(long, short, conflicts_with = "json")]
    quiet: bool,
}

/// A design as it is given.
enum Given {
    /// To be run.
    Scenario(Box<ToRun>),
    /// Run before.
    Runs(Box<Design>),
}

impl Compare {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        let (single, others): (Vec<_>, Vec<_>) =
            self.designs.iter().partition(|path| fidelity::is_single(path));
        if let Some(run) = single.first() {
            return self.engines(run, others.first().copied());
        }
        let began = Instant::now();
        let given: Vec<Given> = self.designs.iter().map(|path| self.read(path)).collect::<Result<_, _>>()?;
        let names = names(&given);
        let (first_seed, runs) = self.common(&given);
        let measures: Vec<Measure> = self.measure.iter().map(|named| named.0.clone()).collect();
        let measures = (!measures.is_empty()).then_some(measures.as_slice());
        // Before the runs, so that what cannot be compared costs no time.
        let prospect = |(given, name): (&Given, &String)| self.prospect(given, name, first_seed, runs);
        let prospects: Vec<_> = given.iter().zip(&names).map(prospect).collect::<Result<_, _>>()?;
        comparison::comparable(&prospects, measures).map_err(|why| incomparable(&why))?;
        let folder = match &self.out {
            Some(place) => Folder::begin(place, self.force)?,
            None => Folder::begin_free(Path::new("out/compare"), &names[0])?,
        };
        let told = (!self.quiet).then_some("there is no comparison of half the runs, and nothing is written");
        let interrupt = Interrupt::listen(folder.draft(), told)?;

        let mut designs = Vec::new();
        for (given, name) in given.into_iter().zip(names) {
            let design = match given {
                Given::Runs(design) => Design { name, ..*design },
                Given::Scenario(to_run) => {
                    let ToRun { ready, cost, limit } = *to_run;
                    let schedule = self.replication.schedule(&ready.plan.spec, first_seed, runs)?;
                    let schedule = schedule.within(cost.memory(), cost.memory_of_thread(), limit);
                    let made = make(&ready, &schedule, &interrupt, self.quiet)?;
                    let Some(made) = made.filter(|_| !interrupt.came()) else { return Ok(INTERRUPTED) };
                    made.write(&folder, &format!("runs/{name}/"), &ready)?;
                    Design { name, report: made.batch.report, curves: made.curves }
                }
            };
            designs.push(design);
        }
        if let Some(invalid) = designs.iter().find(|design| design.report.verdict() == Verdict::Invalid) {
            let reasons = invalid.report.validity.reasons.join("; ");
            tell(&format!("error: the runs of {} are invalid, and say nothing: {reasons}\n", invalid.name));
            return Ok(Verdict::Invalid.exit_code());
        }
        let named: Vec<comparison::Design<'_>> = designs
            .iter()
            .map(|design| comparison::Design { name: &design.name, report: &design.report })
            .collect();
        let mut comparison = Comparison::of(&named, measures).map_err(|why| incomparable(&why))?;
        let hashes: Vec<(&str, &Replicates)> =
            named.iter().map(|design| (design.name, design.report)).collect();
        comparison.provenance = provenance::of_comparison(&hashes, began.elapsed());

        let place = study::write(
            folder,
            compare::figures(&comparison, &designs),
            &comparison,
            |charts| markdown::markdown(&comparison, charts),
            |figures| page::page(&comparison, figures),
        )?;
        if self.json {
            print(&pretty(&comparison)?)?;
        } else if !self.quiet {
            print(&summary(&comparison, &designs, began.elapsed().as_secs_f64(), &place))?;
        }
        Ok(0)
    }

    /// Holds single runs against one another.
    fn engines(&self, single: &Path, other: Option<&PathBuf>) -> Result<u8, Stop> {
        if let Some(other) = other {
            let single = single.display();
            return Err(Stop::Input(format!(
                "error: {single} is a single run, and {} is not\n  = help: compare folders of single runs with one another, or scenarios and folders \
                 of runs made with `--seeds`\n",
                other.display()
            )));
        }
        if let Some(option) = self.of_designs() {
            return Err(Stop::Input(format!(
                "error: {option} is for scenarios that are run now, and these runs have been made: leave it out\n"
            )));
        }
        let place = engines::Place { out: self.out.as_deref(), force: self.force };
        engines::compare(&self.designs, place, engines::Told { json: self.json, quiet: self.quiet })
    }

    /// An option that says how designs are run or tested, if one was given.
    const fn of_designs(&self) -> Option<&'static str> {
        if self.seed.is_some() {
            Some("--seed")
        } else if !self.measure.is_empty() {
            Some("--measure")
        } else if self.replication.is_asked_for() {
            Some("--seeds or --until-ci")
        } else {
            None
        }
    }

    /// Reads a scenario, or the report on runs that were made before.
    fn read(&self, path: &Path) -> Result<Given, Stop> {
        if !path.is_dir() && !is_report(path) {
            return Ok(Given::Scenario(Box::new(check::prepare_run(path, self.seed, self.memory)?)));
        }
        let design = compare::load(path).map_err(|error| Stop::Input(format!("error: {error}\n")))?;
        Ok(Given::Runs(Box::new(design)))
    }

    /// What is known of a design before anything runs.
    fn prospect(&self, given: &Given, name: &str, first_seed: u64, runs: u64) -> Result<Prospect, Stop> {
        let ready = match given {
            Given::Runs(design) => {
                return Ok(Prospect::of(&comparison::Design { name, report: &design.report }));
            }
            Given::Scenario(to_run) => &to_run.ready,
        };
        let schedule = self.replication.schedule(&ready.plan.spec, first_seed, runs)?;
        Ok(Prospect {
            name: name.to_owned(),
            engine: EngineKind::Model.name().to_owned(),
            spec: plan::resolved(&ready.document.value, &ready.plan).document["spec"].take(),
            seeds: (0..schedule.runs).map(|number| schedule.seed(number)).collect(),
            metrics: metrics_of(&ready.plan.spec).into_iter().map(|(name, _)| name).collect(),
        })
    }

    /// The seed to begin with and the number of runs, for all scenarios: as is asked for, or as the runs have that were made
    /// before.
    fn common(&self, given: &[Given]) -> (u64, u64) {
        let made = given.iter().find_map(|given| match given {
            Given::Runs(design) => Some(&design.report.seeds),
            Given::Scenario(_) => None,
        });
        let scenario = given.iter().find_map(|given| match given {
            Given::Scenario(to_run) => Some(to_run.ready.plan.seed.0),
            Given::Runs(_) => None,
        });
        let first = self.seed.or_else(|| made.and_then(|seeds| seeds.first().copied())).or(scenario);
        (first.unwrap_or_default(), made.map_or(USUAL_RUNS, |seeds| seeds.len() as u64))
    }
}

fn incomparable(why: &Incomparable) -> Stop {
    Stop::Input(format!("error: these cannot be compared: {why}\n"))
}

/// Whether a file is a report and not a scenario, by how it begins: a scenario in JSON has no `schema`.
fn is_report(path: &Path) -> bool {
    const ENOUGH: u64 = 200;
    let mut beginning = Vec::new();
    let read = File::open(path).and_then(|file| file.take(ENOUGH).read_to_end(&mut beginning));
    read.is_ok()
        && String::from_utf8_lossy(&beginning)
            .trim_start_matches(['{', ' ', '\n', '\r', '\t'])
            .starts_with("\"schema\"")
}

/// What the designs are called: as their scenarios, with a number where a name is taken.
fn names(given: &[Given]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for given in given {
        let name = match given {
            Given::Scenario(to_run) => &to_run.ready.plan.name,
            Given::Runs(design) => &design.name,
        };
        let numbered = |number: u32| if number == 1 { name.clone() } else { format!("{name}-{number}") };
        let free = (1..).map(numbered).find(|candidate| !names.contains(candidate));
        names.push(free.expect("numbers do not run out"));
    }
    names
}

/// What a person wants to see first.
fn summary(comparison: &Comparison, designs: &[Design], took: f64, place: &Path) -> String {
    let mut text = format!("{} It took {}.\n\n", page::introduction(comparison), Unit::Seconds.show(took));
    text.push_str(&study::rows(match comparison.contenders.as_slice() {
        [_] => compare::full(comparison, 0),
        _ => compare::compact(comparison),
    }));
    if comparison.contenders.len() > 1 {
        text.push_str("* beyond chance; (n) within chance, and n seeds would tell\n");
    }
    let fields: Vec<String> = comparison.differences.keys().map(|field| format!("spec.{field}")).collect();
    let fields = if fields.is_empty() { "nothing".to_owned() } else { fields.join(", ") };
    text.push_str(&format!("\nthe scenarios differ in: {fields}\n"));
    for design in designs.iter().filter(|design| design.report.scenario.settling.is_late()) {
        let scenario = &design.report.scenario;
        let told = peerlab_report::page::warm_up(scenario.warm_up, &scenario.settling);
        text.push_str(&format!("warm-up of {}: {told}\n", design.name));
    }
    text.push_str(&format!("comparison: {}\n", place.join("report.html").display()));
    text
}
