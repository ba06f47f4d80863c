//! `peerlab-node`: scenarios of peer-to-peer networks, on real libp2p peers.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
