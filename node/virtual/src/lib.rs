//! Scenarios on real libp2p peers in virtual time.
//!
//! The peers are those of `peerlab-node`, with libp2p as it is released. What they stand on is this crate's:
//!
//! | what | real | here |
//! |---|---|---|
//! | time | `web-time` | a package of that name over a clock that jumps to the next timer (`web-time/`, `clock/`) |
//! | timers | `futures-timer` | the same (`futures-timer/`) |
//! | entropy | the system's | a stream of the seed ([`entropy`]) |
//! | tasks | threads | one thread, one task at a time ([`world`]) |
//! | connections | sockets | libp2p's memory transport, with the scenario's links laid under it |
//!
//! The two packages replace the originals for all of this workspace, libp2p included, by `[patch.crates-io]`. That is why it is
//! a workspace of its own.

pub mod entropy;
pub mod fidelity;
mod run;
mod trace;
pub mod world;

pub use run::{Lived, run};
