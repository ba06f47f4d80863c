//! `peerlab-node`: scenarios of peer-to-peer networks, on real libp2p peers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
