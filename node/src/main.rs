//! `peerlab-node`: scenarios of peer-to-peer networks, on real libp2p peers.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod cli;

/// Each message of a real peer is in many pieces that come and go: measured in `docs/performance.md`. And the image is static, with a
/// C library whose own allocator is made to be small.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
