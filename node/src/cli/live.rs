//! What runs on real peers have in common: which scenario, over what, and the report that is written.

use std::{path::PathBuf, sync::Arc, time::Instant};

use clap::{Args, ValueEnum};
use peerlab_node::{
    capabilities::{NOTES, refusals, refusals_over_bare_links},
    fleet::{self, Options, Phase, Transport, provenance},
};
use peerlab_report::{
    cli::{
        Stop,
        input::{self, Ready},
        output::{Finished, Output, Place},
        provenance as origin,
    },
    quantity::{Unit, grouped},
    record::Recorder,
};
use peerlab_scenarios::{plan::Plan, seed::Seed, spec::read::Fault};

use super::progress::Progress;

/// What connections run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LinkKind {
    /// The links of the scenario: delay, jitter, rate, loss and faults.
    Scenario,
    /// The links of this machine as they are: to see what the peers themselves cost.
    Bare,
}

/// A run on real peers.
#[derive(Debug, Args)]
pub(super) struct Live {
    /// The scenario file.
    file: PathBuf,
    /// The seed, instead of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: Option<u64>,
    /// What carries connections.
    #[arg(long, value_enum, default_value = "tcp")]
    transport: Transport,
    /// What links connections have.
    #[arg(long, value_enum, default_value = "scenario")]
    links: LinkKind,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

/// A run that is about to be.
pub(super) struct Scene<'a> {
    /// What was read.
    pub(super) ready: &'a Ready,
    /// Its plan, with real chunks.
    pub(super) plan: &'a Arc<Plan>,
    /// How it is to run.
    pub(super) options: Options,
    /// What it is told to.
    pub(super) recorder: Recorder,
    /// Hears how far it has come.
    pub(super) on_phase: &'a mut dyn FnMut(Phase),
    /// Says whether it shall end.
    pub(super) stop: &'a dyn Fn() -> bool,
    /// Whether nothing but errors is to be printed.
    pub(super) is_quiet: bool,
}

impl Scene<'_> {
    /// What to say of a plan that cannot be run so.
    pub(super) fn refuse(&self, fault: Fault) -> Cut {
        Cut::Stop(input::stop(Ok(self.ready.document.problems(vec![fault]))))
    }

    /// The name of the scenario's file, as errors give it.
    pub(super) fn name(&self) -> String {
        format!("{}.yaml", self.plan.name)
    }
}

/// Why there is no report.
pub(super) enum Cut {
    /// As in any command.
    Stop(Stop),
    /// With this word and this exit code.
    Says(String, u8),
}

impl<E: Into<Stop>> From<E> for Cut {
    fn from(stop: E) -> Self {
        Self::Stop(stop.into())
    }
}

impl Live {
    /// Runs it as `how` does, and writes its report.
    pub(super) fn run(
        &self,
        how: impl FnOnce(Scene<'_>) -> Result<fleet::Run<Recorder>, Cut>,
    ) -> Result<u8, Stop> {
        let bare_links = self.links == LinkKind::Bare;
        if self.transport == Transport::Quic && !bare_links {
            let why = "QUIC runs over bare links only, for those of a scenario cannot be laid under it: add --links bare";
            return Err(Stop::Input(format!("error: {}: {why}\n", self.file.display())));
        }
        let refusals = if bare_links { refusals_over_bare_links } else { refusals };
        let ready = input::prepare(&self.file, refusals, self.seed)?;
        self.output.check_facts(&self.file, &ready.plan)?;
        self.output.check_junit()?;
        let folder = self.place.begin(&ready.plan, &format!("live-seed-{}", ready.plan.seed.0))?;
        let interrupt = self.output.listen(&folder)?;
        let recorder = self.output.record("peerlab-node", &ready.plan, &folder)?;

        let mut progress = Progress::new(self.output.quiet);
        let began = Instant::now();
        // Chunks are real here, and so is what proves them.
        let plan = Arc::new(ready.plan.clone().with_real_bodies());
        let options = Options { transport: self.transport, bare_links, ..Options::default() };
        let run = how(Scene {
            ready: &ready,
            plan: &plan,
            options,
            recorder,
            on_phase: &mut |phase| progress.show(phase),
            stop: &|| interrupt.came(),
            is_quiet: self.output.quiet,
        });
        progress.finish();
        let fleet::Run { outcome, observer: recorder, conditions } = match run {
            Ok(run) => run,
            Err(Cut::Stop(stop)) => return Err(stop),
            Err(Cut::Says(why, code)) => {
                peerlab_report::cli::tell(&format!("error: {why}\n"));
                return Ok(code);
            }
        };
        let took = began.elapsed();

        let run = origin::Run {
            imitates: None,
            engine: provenance::of(options, &conditions),
            events: outcome.events,
            digest: outcome.digest,
            took,
            threads: fleet::threads(),
        };
        let busy = conditions.busy.map_or(String::new(), |busy| format!(", {busy:.2} processors busy"));
        let pace = format!(
            " in {} ({} steps{busy})",
            Unit::Seconds.show(took.as_secs_f64()),
            grouped(outcome.events)
        );
        let finished =
            Finished { ready: &ready, outcome: &outcome, recorder, run, engine: &NOTES, pace: &pace };
        self.output.finish(folder, finished)
    }
}
