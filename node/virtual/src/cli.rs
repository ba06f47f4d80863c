//! The command line.
//!
//! Exit codes: 0 all targets met, 1 a target missed, 2 bad input, 3 a run that says nothing, 130 interrupted.

mod fidelity;

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::Instant,
};

use clap::{Args, Parser, Subcommand};
use peerlab_node::fleet::{Phase, Run, provenance};
use peerlab_report::{
    cli::{
        Stop, input,
        output::{Finished, Output, Place},
        provenance as origin, start,
    },
    quantity::{Unit, grouped},
};
use peerlab_scenarios::{capabilities::refusals, seed::Seed};
use peerlab_virtual::Lived;
use serde_json::json;

/// What this engine does and leaves out, for people.
const NOTES: [&str; 4] = [
    "Real: every peer is a libp2p swarm of its own, and its protocols run as they are released. Posts and manifests are signed by \
     their authors and checked by whoever gets them first, chunks are real bytes that are checked against the Merkle tree of their \
     release. Connections have Noise and Yamux.",
    "Virtual: time, which moves on to the next timer when nothing is left to do, and entropy, which follows from the seed. So \
     a run is the same each time, and processors are infinitely fast: nothing that a peer does takes time.",
    "Laid under the connections: the scenario's one-way delays with jitter, rates and queues of links and of sites, losses with \
     their delay of retransmission, cuts and degraded links.",
    "Not imitated: address translation, congestion control, clocks that differ between peers. Over gossipsub it is not known how \
     many links an item has travelled, and libp2p does not tell its messages by kind.",
];

#[derive(Debug, Parser)]
#[command(
    name = "peerlab-virtual",
    version,
    about = "Runs scenarios of peer-to-peer networks on real libp2p peers, in virtual time",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario's peers in virtual time, and write a report.
    Run(Scenario),
    /// Hold the model against real peers, for each of these scenarios, and write the table.
    Fidelity(fidelity::Fidelity),
}

#[derive(Debug, Args)]
struct Scenario {
    /// The scenario file.
    file: PathBuf,
    /// The seed, instead of the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=Seed::MOST))]
    seed: Option<u64>,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    output: Output,
}

pub(crate) fn main() -> ExitCode {
    start(|arguments: Arguments| match arguments.command {
        Command::Run(scenario) => scenario.run(),
        Command::Fidelity(fidelity) => fidelity.run(),
    })
}

impl Scenario {
    fn run(&self) -> Result<u8, Stop> {
        let ready = input::prepare(&self.file, refusals, self.seed)?;
        self.output.check_facts(&self.file, &ready.plan)?;
        self.output.check_junit()?;
        let folder = self.place.begin(&ready.plan, &format!("virtual-seed-{}", ready.plan.seed.0))?;
        let interrupt = self.output.listen(&folder)?;
        let recorder = self.output.record("peerlab-virtual", &ready.plan, &folder)?;

        let began = Instant::now();
        // Chunks are real here, and so is what proves them.
        let plan = Arc::new(ready.plan.clone().with_real_bodies());
        let shows = !self.output.quiet && std::io::stderr().is_terminal();
        let progress = move |phase| {
            if shows {
                show(phase);
            }
        };
        let lived = peerlab_virtual::run(&plan, recorder, progress, move || interrupt.came());
        if shows {
            eprint!("\r\x1b[K");
        }
        let Lived { run: Run { outcome, observer: recorder, .. }, timers } =
            lived.map_err(|error| Stop::Input(format!("error: {}: {error}\n", self.file.display())))?;
        let took = began.elapsed();

        let run = origin::Run {
            imitates: None,
            engine: json!({"libraries": provenance::libraries(), "transport": "memory", "links": "scenario", "timers": timers}),
            events: outcome.events,
            digest: outcome.digest,
            took,
            threads: 1,
        };
        let (steps, seconds) = (grouped(outcome.events), Unit::Seconds.show(took.as_secs_f64()));
        let pace = format!(" in {seconds} ({steps} steps, {} timers)", grouped(timers));
        let finished =
            Finished { ready: &ready, outcome: &outcome, recorder, run, engine: &NOTES, pace: &pace };
        self.output.finish(folder, finished)
    }
}

fn show(phase: Phase) {
    let text = match phase {
        Phase::Starting { up, of } => format!("starting {up}/{of} peers"),
        Phase::Connecting { up, of } => format!("waiting for the mesh: {up}/{of} connections"),
        Phase::Running { now, end, .. } => {
            format!("running {:.1} of {:.1} s", now.as_secs_f64(), end.as_secs_f64())
        }
        Phase::Collecting { done, of } => format!("collecting from {done}/{of} peers"),
    };
    eprint!("\r\x1b[K{text}");
    // A line that is not shown yet is shown with the next.
    let _ = std::io::stderr().flush();
}
