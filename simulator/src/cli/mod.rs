//! The command line.
//!
//! Exit codes: 0 all targets met, 1 a target missed, 2 bad input, 3 a run that says nothing, 130 interrupted. A comparison ends
//! with 0 whatever it finds.

mod check;
mod compare;
mod interrupt;
mod memory;
mod provenance;
mod replicates;
mod replication;
mod run;
mod table;
mod topology;
mod verify;

use std::{
    io::{IsTerminal as _, Write as _},
    path::PathBuf,
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, Subcommand};
use serde::Serialize;

/// Bad input, by which also the system is meant that refuses to read or to write.
const BAD_INPUT: u8 = 2;

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
    },
    /// Print a scenario with every default filled in, and where each value comes from.
    Explain {
        /// The scenario file.
        file: PathBuf,
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

/// JSON for people and programs, with a line end.
fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| format!("{text}\n"))
}

/// Why a command ends early.
#[derive(Debug)]
enum Stop {
    /// The input is wrong; this says how, ready to print.
    Input(String),
    /// Something else went wrong.
    Other(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

pub(crate) fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(BAD_INPUT) } else { ExitCode::SUCCESS };
        }
    };
    let done = match arguments.command {
        Command::Run(run) => run.run(),
        Command::Compare(compare) => compare.run(),
        Command::Validate { files, json } => check::validate(&files, json),
        Command::Explain { file } => check::explain(&file),
        Command::Metrics { file, json } => check::metrics(file.as_deref(), json),
        Command::Topology(topology) => topology.run(),
        Command::Verify(verify) => verify.run(),
        Command::Schema => check::schema(),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Arguments::command(), "peerlab-sim", &mut std::io::stdout());
            Ok(0)
        }
    };
    match done {
        Ok(code) => ExitCode::from(code),
        Err(Stop::Input(text)) => {
            eprint!("{text}");
            ExitCode::from(BAD_INPUT)
        }
        Err(Stop::Other(error)) => {
            eprintln!("error: {error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Prints to standard output. A reader that has heard enough, such as `head`, is no error.
fn print(text: &str) -> Result<(), Stop> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Whether what is written to standard error is for a person's terminal that shows colours.
fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
