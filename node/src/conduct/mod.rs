//! The conductor: one run whose peers are in many processes, on this machine or on others.
//!
//! The conductor is a libp2p peer of its own, whose name follows from the seed ([`identity::CONDUCTOR`]). A *process* runs some
//! of the plan's peers, which have indices in a row. It dials the conductor and says which; each knows the other by its key.
//! Then it is given what the plan is made from, makes it, and lets its peers listen. When enough are there, the conductor tells
//! all who is where, and at which instant of each one's own clock the run starts. What happens is sent to it meanwhile, and
//! what the processes leave behind in the end, so that it writes the report that one process would have written.
//!
//! ```text
//!  process                          conductor
//!     | ------------- /peerlab/conduct/1 ------> |   a stream, over a connection of its own
//!     | <----------------------------- Challenge |
//!     | Join (first, count, proofs) -----------> |
//!     | <----------------------- Refused, or Inputs, Bytes, Bytes, …
//!     | Addresses, Ready ----------------------> |   its first peers listen
//!     | <---------------------- Addresses, Connect   a quorum is ready
//!     | Phase ---------------------------------> |   so many connections stand
//!     | <--------------------------------- Begin |   at this instant by your clock
//!     | Log, Log, … ---------------------------> |
//!     | Phase (collecting) --------------------> |
//!     | <--------------------------------- Leave |   all have said their last
//!     | Piece, Piece, …, Done -----------------> |
//!     | <-------------------------------- Thanks |
//! ```
//!
//! `Ping` and `Pong` go on meanwhile: by them clocks are compared and losses noticed.
//!
//! | module | what it holds |
//! |---|---|
//! | `message` | what is said, and how long it may be |
//! | `codec` | messages as frames of a stream |
//! | `challenge` | the proof that a process has the keys of its peers |
//! | `clock` | how far two clocks are apart, and how sure that is; pure |
//! | `muster` | who is there, and what is to be done next; pure |
//! | `log` | what happened, packed; and unpacked, put on disk and merged in the order of its time |
//! | `pieces` | what a process leaves behind, in messages |
//! | `network` | the swarm at either end |
//! | `session`, `conductor` | the conductor |
//! | `process` | a process |
//!
//! [`identity::CONDUCTOR`]: peerlab_scenarios::plan::identity::CONDUCTOR

mod challenge;
mod clock;
mod codec;
mod conductor;
mod log;
mod message;
mod muster;
mod network;
mod pieces;
mod process;
mod session;
#[cfg(test)]
mod tests;

pub use self::{
    conductor::{ConductError, Conductor, Gone, Inputs, Watchers},
    muster::Missing,
    process::{Process, ProcessError},
};
