//! `peerlab-sim` as its users meet it: the built program, files, exit codes, and what it leaves behind.
//!
//! One test program, so that it is linked once. `UPDATE_GOLDEN=1 cargo test -p peerlab-simulator --test end_to_end`
//! writes the golden files anew; read them before you commit.

mod commands;
mod compare;
mod determinism;
mod engines;
#[cfg(unix)]
mod interrupted;
mod language;
mod mistakes;
mod random;
mod replicates;
mod simulated;
mod tables;
mod updates;
mod workshop;
