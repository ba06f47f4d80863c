//! What runs on real peers have in common: which scenario, over what, and the report that is written.

use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::{Args, ValueEnum};
use peerlab_node::fleet::{self, Options, Phase, Runtime, Transport, provenance};
use peerlab_report::{
    cli::{
        BAD_INPUT, Stop,
        input::{self, Ready},
        output::{Finished, Output, Place, Written},
        provenance as origin,
    },
    quantity::{Unit, grouped},
    record::Recorder,
};
use peerlab_scenarios::{
    capabilities::{refusals, refusals_over_bare_links},
    plan::Plan,
    seed::Seed,
    spec::read::Fault,
    units::Nanos,
};

use super::{
    log::{Log, tell_error},
    progress::Progress,
    serve::{Serve, Told},
};

/// What this engine does and leaves out, for people.
const NOTES: [&str; 4] = [
    "Real: every peer is a libp2p swarm of its own, and its protocols run as they are. Posts and manifests are signed by their \
     authors and checked by whoever gets them first, chunks are real bytes that are checked against the Merkle tree of their \
     release. Connections are TCP with Noise and Yamux, or QUIC over bare links.",
    "Laid under the connections, unless links are bare: the scenario's one-way delays with jitter, rates and queues of links and of \
     sites, losses with their delay of retransmission, cuts and degraded links. Processors are those of this machine, and all \
     peers share them: when they did not keep up, the run is degraded and says so.",
    "Not imitated: address translation, the dynamics of congestion control, clocks that differ between peers. Over gossipsub it \
     is not known how many links an item has travelled, and libp2p does not tell its messages by kind.",
    "Times are real, so two runs differ. The plan does not: the same people say the same things at the same times as on any other \
     engine.",
];

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
    #[command(flatten)]
    serve: Serve,
    #[command(flatten)]
    log: Log,
    /// How long to go on telling when the run is over, unless its report was collected before. Default: not at all.
    #[arg(long, value_name = "TIME", requires = "serve")]
    linger: Option<Nanos>,
}

/// A run that is about to be.
pub(super) struct Scene<'a> {
    /// What it is to run on.
    pub(super) runtime: &'a Runtime,
    /// What is told of it to others.
    pub(super) told: &'a Told,
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
    /// Runs it as `how` does, writes its report, and tells of it as long as it shall.
    pub(super) fn run(
        mut self,
        how: impl FnOnce(Scene<'_>) -> Result<fleet::Run<Recorder>, Cut>,
    ) -> Result<u8, Stop> {
        self.output.quiet |= self.log.begin()?;
        let runtime = Runtime::start()?;
        let told = self.serve.begin(&runtime, false, self.output.quiet)?;
        let exit_code = match self.report(&runtime, &told, how) {
            Ok(written) => {
                told.reported(&written);
                let validity = &written.report.validity;
                tracing::info!(
                    report = %written.place.display(),
                    verdict = written.report.verdict().name(),
                    validity = ?validity.state,
                    reasons = ?validity.reasons,
                    exit_code = written.exit_code,
                    "the report is written"
                );
                written.exit_code
            }
            Err(cut) => {
                let (text, exit_code) = match cut {
                    Cut::Stop(stop) => (stop.text(), BAD_INPUT),
                    Cut::Says(why, exit_code) => (format!("error: {why}\n"), exit_code),
                };
                tell_error(&text);
                told.update(|status| status.failed(text.trim_end().to_owned(), exit_code));
                exit_code
            }
        };
        self.linger.map_or(Ok(()), |most| told.linger(&runtime, Duration::from_nanos(most.0)))?;
        runtime.shutdown_background();
        Ok(exit_code)
    }

    /// Runs it as `how` does, and writes its report.
    fn report(
        &self,
        runtime: &Runtime,
        told: &Told,
        how: impl FnOnce(Scene<'_>) -> Result<fleet::Run<Recorder>, Cut>,
    ) -> Result<Written, Cut> {
        let bare_links = self.links == LinkKind::Bare;
        if self.transport == Transport::Quic && !bare_links {
            let why = "QUIC runs over bare links only, for those of a scenario cannot be laid under it: add --links bare";
            return Err(Stop::Input(format!("error: {}: {why}\n", self.file.display())).into());
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
        told.update(|status| {
            status.peers_wanted = plan.peers.len();
            status.duration = plan.spec.end();
        });
        let run = how(Scene {
            runtime,
            told,
            ready: &ready,
            plan: &plan,
            options,
            recorder,
            on_phase: &mut |phase| {
                progress.show(phase);
                told.update(|status| status.see(phase));
            },
            stop: &|| interrupt.came() || told.is_stopped(),
            is_quiet: self.output.quiet,
        });
        progress.finish();
        let fleet::Run { outcome, observer: recorder, conditions } = run?;
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
        Ok(self.output.write(folder, finished)?)
    }
}
