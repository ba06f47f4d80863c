//! What a program says of itself to whoever watches many of them: a line for each thing that happens, to standard error.
//!
//! Without `--log` a person is told, by words and a progress bar; with it, these are left out, and all that stands on standard error is
//! lines of the log.

use std::{env, sync::atomic::AtomicBool, sync::atomic::Ordering};

use clap::{Args, ValueEnum};
use peerlab_report::cli::Stop;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

/// What is logged is also read from here.
const VARIABLE: &str = "PEERLAB_LOG";

/// What is logged unless something else is asked for: of libraries only what is amiss.
const DEFAULT: &str = "warn,peerlab_node=info";

/// How lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Form {
    /// One JSON object a line.
    Json,
    /// Text.
    Text,
}

/// Whether a log is written, and what is in it.
#[derive(Debug, Args)]
pub(super) struct Log {
    /// Log what happens to standard error, a line each, instead of telling a person.
    #[arg(long, value_enum, value_name = "FORM")]
    log: Option<Form>,
    /// What is logged: `error`, `warn`, `info`, `debug` or `trace`, or more of some modules, as in `warn,peerlab_node=debug`. Default: that of the environment's PEERLAB_LOG, or `warn,peerlab_node=info`.
    #[arg(long, value_name = "FILTER", requires = "log")]
    log_level: Option<String>,
}

/// Whether a log is written.
static IS_ON: AtomicBool = AtomicBool::new(false);

impl Log {
    /// Begins to log, if that is asked for. Tells whether it is: a person is then told nothing.
    pub(super) fn begin(&self) -> Result<bool, Stop> {
        let Some(form) = self.log else { return Ok(false) };
        let (whence, wanted) = match (&self.log_level, env::var(VARIABLE)) {
            (Some(wanted), _) => ("--log-level", wanted.clone()),
            (None, Ok(wanted)) => (VARIABLE, wanted),
            (None, Err(env::VarError::NotPresent)) => ("", DEFAULT.to_owned()),
            (None, Err(why)) => return Err(Stop::Input(format!("error: {VARIABLE}: {why}\n"))),
        };
        let filter = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
        let filter = filter.parse(&wanted).map_err(|why| {
            Stop::Input(format!(
                "error: {whence}: `{wanted}`: {why}: a level such as `debug`, or levels of modules such as `warn,peerlab_node=debug`\n"
            ))
        })?;
        let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
        match form {
            Form::Json => log.json().flatten_event(true).with_current_span(false).init(),
            Form::Text => log.with_ansi(peerlab_report::cli::colours()).init(),
        }
        IS_ON.store(true, Ordering::Relaxed);
        Ok(true)
    }
}

/// Tells of an error: a person, or the log if there is one.
pub(super) fn tell_error(text: &str) {
    if IS_ON.load(Ordering::Relaxed) {
        tracing::error!("{}", text.trim_end().trim_start_matches("error: "));
    } else {
        peerlab_report::cli::tell(text);
    }
}

/// What came of a command, with what stopped it told.
pub(super) fn told(done: Result<u8, Stop>) -> Result<u8, Stop> {
    match done {
        Err(stop) if IS_ON.load(Ordering::Relaxed) => {
            tell_error(&stop.text());
            Ok(peerlab_report::cli::BAD_INPUT)
        }
        done => done,
    }
}
