//! What the command lines of all engines have in common: how a scenario is read, what may be asked of a run's output, and what
//! a person is told.
//!
//! Exit codes: 0 all targets met, 1 a target missed, 2 bad input, 3 a run that says nothing, 130 interrupted.

pub mod input;
pub mod interrupt;
pub mod output;
pub mod provenance;
pub mod summary;
pub mod table;

use std::{
    io::{IsTerminal as _, Write as _},
    process::ExitCode,
};

use serde::Serialize;

/// The exit code of bad input, by which also the system is meant that refuses to read or to write.
pub const BAD_INPUT: u8 = 2;

/// Why a command ends early.
#[derive(Debug)]
pub enum Stop {
    /// The input is wrong; this says how, ready to print.
    Input(String),
    /// Something else went wrong.
    Other(anyhow::Error),
}

impl Stop {
    /// What a person is told of it.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Input(text) => text.clone(),
            Self::Other(error) => format!("error: {error:#}\n"),
        }
    }
}

impl<E: Into<anyhow::Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Other(error.into())
    }
}

/// A whole program: it reads its arguments, does what they ask for, and ends with what came of it.
#[must_use]
pub fn start<A: clap::Parser>(work: impl FnOnce(A) -> Result<u8, Stop>) -> ExitCode {
    match A::try_parse() {
        Ok(arguments) => exit(work(arguments)),
        Err(error) => misread(&error),
    }
}

/// How a program ends with what came of its command; what stopped it is told.
fn exit(done: Result<u8, Stop>) -> ExitCode {
    match done {
        Ok(code) => ExitCode::from(code),
        Err(stop) => {
            tell(&stop.text());
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// How a program ends whose arguments are wrong, or that was asked for help.
fn misread(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() { ExitCode::from(BAD_INPUT) } else { ExitCode::SUCCESS }
}

/// JSON for people and programs, with a line end.
///
/// # Errors
/// When a value does not serialise.
pub fn pretty(value: &impl Serialize) -> serde_json::Result<String> {
    serde_json::to_string_pretty(value).map(|text| format!("{text}\n"))
}

/// Prints to standard output. A reader that has heard enough, such as `head`, is no error.
///
/// # Errors
/// When the system refuses.
pub fn print(text: &str) -> Result<(), Stop> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        done => Ok(done?),
    }
}

/// Tells a person on standard error. That nobody listens is no reason to stop.
pub fn tell(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// Whether what is written to standard error is for a person's terminal that shows colours.
#[must_use]
pub fn colours() -> bool {
    std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}
