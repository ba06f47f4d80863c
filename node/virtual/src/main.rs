//! `peerlab-virtual`: scenarios of peer-to-peer networks, on real libp2p peers, in virtual time.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
