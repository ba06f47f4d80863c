//! `peerlab-virtual`: scenarios of peer-to-peer networks, on real libp2p peers, in virtual time.

mod cli;

use std::process::ExitCode;

/// As `peerlab-node` has it: peers take many small pieces.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
