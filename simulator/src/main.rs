//! `peerlab-sim`: scenarios of peer-to-peer networks, simulated.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
