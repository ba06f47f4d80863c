//! `peerlab-operator`: runs scenarios that are applied to a cluster.

#![forbid(unsafe_code)]

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
