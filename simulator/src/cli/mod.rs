//! The command line.
//!
//! Exit codes: 0 all targets met, 1 a target missed, 2 bad input, 3 a run that says nothing, 130 interrupted. A comparison ends
//! with 0 whatever it finds.

mod check;
mod compare;
mod engines;
mod memory;
mod provenance;
mod replicates;
mod replication;
mod run;
mod study;
mod topology;
mod verify;

use std::{path::PathBuf, process::ExitCode};

use clap::{CommandFactory as _, Parser, Subcommand};
use peerlab_report::cli::{print, start};

#[derive(Debug, Parser)]
#[command(
    name = "peerlab-sim",
    version,
    about = "Simulates peer-to-peer networks from scenario files",
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a scenario, simulate it, and write a report.
    Run(run::Run),
    /// Run scenarios with the same seeds, and say which differences between them are more than chance.
    Compare(compare::Compare),
    /// Check scenarios, and say all that is wrong with them.
    Validate {
        /// Scenario files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
        /// Print what is wrong as JSON.
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        memory: memory::Memory,
    },
    /// Print a scenario with every default filled in, and where each value comes from.
    Explain {
        /// The scenario file.
        file: PathBuf,
        #[command(flatten)]
        memory: memory::Memory,
    },
    /// List the metrics that reports hold, and targets may name.
    Metrics {
        /// Only those of this scenario, by their full names.
        file: Option<PathBuf>,
        /// Print them as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Draw a graph, and print its metrics.
    Topology(topology::Topology),
    /// Measure again what others published, and say how near this build comes.
    Verify(verify::Verify),
    /// Print the JSON Schema of scenario files, for editors.
    Schema,
    /// Print a script that completes commands in a shell.
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

pub(crate) fn main() -> ExitCode {
    start(|arguments: Arguments| match arguments.command {
        Command::Run(run) => run.run(),
        Command::Compare(compare) => compare.run(),
        Command::Validate { files, json, memory } => check::validate(&files, json, memory),
        Command::Explain { file, memory } => check::explain(&file, memory),
        Command::Metrics { file, json } => check::metrics(file.as_deref(), json),
        Command::Topology(topology) => topology.run(),
        Command::Verify(verify) => verify.run(),
        Command::Schema => check::schema(),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "peerlab-sim", &mut script);
            print(&String::from_utf8_lossy(&script)).map(|()| 0)
        }
    })
}
