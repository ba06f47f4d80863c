//! `peerlab-virtual`: scenarios of peer-to-peer networks, on real libp2p peers, in virtual time.

mod cli;

use std::process::ExitCode;

/// Each message of a real peer is in many pieces that come and go, and virtual time does nothing but work on messages.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
