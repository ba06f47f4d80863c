//! `peerlab-sim`: scenarios of peer-to-peer networks, simulated.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
