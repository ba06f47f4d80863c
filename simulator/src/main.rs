//! `peerlab-sim`: scenarios of peer-to-peer networks, simulated.

#![forbid(unsafe_code)]

use std::process::ExitCode;

mod cli;

/// What a run keeps is in many small pieces, which this one keeps closer together: measured in `docs/performance.md`.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
