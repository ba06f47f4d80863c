//! `peerlab-virtual fidelity scenarios/*.yaml`: the table of how far the model is off.

use std::{
    env,
    num::NonZero,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Instant,
};

use clap::Args;
use peerlab_report::{
    cli::{Stop, input, print, tell},
    quantity::Unit,
};
use peerlab_scenarios::{
    plan::{Plan, PlanError, WorkloadKind, WorkloadPlan},
    report::fidelity::Fidelity as Comparison,
    spec::chat::Partners,
};
use peerlab_virtual::fidelity::{self, Held, Presence, Row, Trial};

#[derive(Debug, Args)]
pub(super) struct Fidelity {
    /// The scenario files.
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the table goes, as Markdown. Default: standard output.
    #[arg(long, short)]
    out: Option<PathBuf>,
    /// Do not tell of scenarios as they are done.
    #[arg(long, short)]
    quiet: bool,
    /// Hold one scenario in this process, and print what comes as JSON.
    #[arg(long, hide = true, conflicts_with_all = ["out", "quiet"])]
    alone: bool,
}

impl Fidelity {
    /// Ends with 1 when the model is off by more than is tolerated, and nobody has said why.
    pub(super) fn run(&self) -> Result<u8, Stop> {
        let trials: Vec<_> = self.files.iter().map(|file| trial(file)).collect::<Result<_, _>>()?;
        if self.alone {
            return alone(&self.files[0], &trials[0].1);
        }
        let rows = self.hold(&trials)?;
        let document = fidelity::document(&rows);
        match &self.out {
            Some(out) => std::fs::write(out, document)
                .map_err(|error| Stop::Input(format!("error: {}: {error}\n", out.display())))?,
            None => print(&document)?,
        }
        let unexplained = fidelity::exceptions(&rows);
        for exception in &unexplained {
            tell(&format!("off by more than 10 %, and not explained: {exception}\n"));
        }
        Ok(u8::from(!unexplained.is_empty()))
    }

    /// Tries all, as many at a time as there are processors. Rows have the order of the files.
    fn hold(&self, trials: &[(String, Trial)]) -> Result<Vec<Row>, Stop> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
        thread::scope(|scope| {
            for _ in 0..thread::available_parallelism().map_or(1, NonZero::get) {
                scope.spawn(|| {
                    while let Some((place, (scenario, trial))) =
                        Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, trials.get(at)?)))
                    {
                        let began = Instant::now();
                        let row = held(&self.files[place], scenario, trial);
                        if !self.quiet {
                            let took = Unit::Seconds.show(began.elapsed().as_secs_f64());
                            tell(&format!("{scenario}: {took}\n"));
                        }
                        done.lock().unwrap_or_else(PoisonError::into_inner).push((place, row));
                    }
                });
            }
        });
        let mut rows = done.into_inner().unwrap_or_else(PoisonError::into_inner);
        rows.sort_by_key(|(place, _)| *place);
        rows.into_iter().map(|(_, row)| row).collect()
    }
}

fn trial(file: &Path) -> Result<(String, Trial), Stop> {
    let loaded = input::load(file, |_| Vec::new()).map_err(input::stop)?;
    let wrong = |errors: Vec<PlanError>| {
        let told: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Stop::Input(format!("error: {}: {}\n", file.display(), told.join("; ")))
    };
    let name = loaded.document.value.metadata.name.clone();
    Ok((name, fidelity::trial(&loaded).map_err(wrong)?))
}

/// The longest post of a plan's chats, B.
fn longest_post(plan: &Plan) -> u64 {
    plan.spec.workloads.iter().filter_map(|workload| Some(workload.chat.as_ref()?.body.0)).max().unwrap_or(0)
}

/// How often a peer compares what it holds with somebody whom it may have to dial, in the mean.
fn compared(plan: &Plan, presence: &Presence) -> f64 {
    let of = |workload: &WorkloadPlan| {
        let WorkloadKind::Chat(chat) = &workload.kind else { return 0.0 };
        let sync = &chat.spec().sync;
        if sync.with != Partners::Anyone {
            return 0.0;
        }
        let members = (0..chat.rooms()).flat_map(|room| chat.members(room));
        members.map(|member| presence.seconds(*member)).sum::<f64>() / sync.every.as_secs_f64()
    };
    plan.workloads.iter().map(of).sum::<f64>() / f64::from(plan.peers.len())
}

/// Holds one scenario in this process, and prints what came of it.
fn alone(file: &Path, trial: &Trial) -> Result<u8, Stop> {
    let wrong = |why: String| Stop::Input(format!("error: {}: {why}\n", file.display()));
    let Trial::Run { plan, .. } = trial else { return Err(wrong("it is left out".to_owned())) };
    let held = fidelity::held(plan).map_err(|error| wrong(error.to_string()))?;
    print(&serde_json::to_string(&held).expect("its keys are text"))?;
    Ok(0)
}

/// Holds one scenario in a process of its own: some counters of libp2p are those of a process, so that worlds in one would not be quite the
/// same as by themselves.
fn by_itself(file: &Path) -> Result<Comparison, Stop> {
    let wrong = |why: String| Stop::Input(format!("error: {}: {why}\n", file.display()));
    let program = env::current_exe().map_err(|error| wrong(format!("this program is not found: {error}")))?;
    let mut command = Command::new(program);
    let ended = command.args(["fidelity", "--alone"]).arg(file).stderr(Stdio::inherit()).output();
    let ended = ended.map_err(|error| wrong(format!("it cannot be run in a process of its own: {error}")))?;
    if !ended.status.success() {
        return Err(wrong(format!("its process ended with {}", ended.status)));
    }
    serde_json::from_slice(&ended.stdout)
        .map_err(|error| wrong(format!("its process said something else: {error}")))
}

fn held(file: &Path, scenario: &str, trial: &Trial) -> Result<Row, Stop> {
    let came = match trial {
        Trial::Run { plan, cut } => {
            let presence = Presence::of(plan);
            let fidelity = by_itself(file)?;
            Ok(Held {
                cut: *cut,
                longest: longest_post(plan),
                heals: plan.faults.iter().any(|fault| fault.effect.is_cut() && fault.until < plan.spec.end()),
                compared: compared(plan, &presence),
                neighbours: fidelity::neighbours(plan, &fidelity),
                connected: presence.together(plan),
                fidelity,
            })
        }
        Trial::LeftOut(reason) => Err(reason.clone()),
    };
    Ok(Row { scenario: scenario.to_owned(), came })
}
