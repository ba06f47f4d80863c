//! `peerlab-node fleet`: a scenario on real peers of this machine, and its report written.

use std::{path::PathBuf, sync::Arc, time::Instant};

use clap::{Args, ValueEnum};
use peerlab_node::{
    capabilities::{NOTES, refusals, refusals_over_bare_links},
    fleet::{self, Options, Run, Transport, provenance},
};
use peerlab_report::{
    cli::{
        Stop, input,
        output::{Finished, Output, Place},
        provenance as origin,
    },
    quantity::{Unit, grouped},
};
use peerlab_scenarios::seed::Seed;

use super::progress::Progress;

/// What connections run over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum LinkKind {
    /// The links of the scenario: delay, jitter, rate, loss and faults.
    Scenario,
    /// The links of this machine as they are: to see what the peers themselves cost.
    Bare,
}

#[derive(Debug, Args)]
pub(super) struct Fleet {
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

impl Fleet {
    pub(super) fn run(&self) -> Result<u8, Stop> {
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
        let options = Options { transport: self.transport, bare_links };
        let run =
            fleet::run(&plan, recorder, options, &mut |phase| progress.show(phase), &|| interrupt.came());
        progress.finish();
        let Run { outcome, observer: recorder, conditions } = run?;
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
