//! How far a fleet has come.

use peerlab_scenarios::units::Nanos;
use serde::{Deserialize, Serialize};

/// How far a fleet has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Peers begin to listen.
    Starting {
        /// So many do.
        up: usize,
        /// Of so many.
        of: usize,
    },
    /// Neighbours connect.
    Connecting {
        /// So many connections stand.
        up: usize,
        /// Of so many.
        of: usize,
    },
    /// The run goes on.
    Running {
        /// Its time.
        now: Nanos,
        /// When it ends.
        end: Nanos,
        /// So many connections of the plan stand; where others run in other processes, so many ends of them.
        up: usize,
    },
    /// Peers say and hear their last.
    Collecting {
        /// So many have.
        done: usize,
        /// Of so many.
        of: usize,
    },
}
