//! How peers behind NAT were reached, and what it cost.

use std::collections::BTreeMap;

use peerlab_scenarios::{host::Peer, plan::nat::ATTEMPTS};

/// What came of traversing NATs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traversals {
    /// Holes punched, by the attempt at which they were.
    pub punched: [u64; ATTEMPTS as usize],
    /// Holes given up.
    pub given_up: u64,
    /// Attempts to connect that failed because no relay was there, or none had room.
    pub refused: u64,
    /// Bytes that each relay passed on, overhead included.
    pub passed_on: BTreeMap<Peer, u64>,
}

/// How the connections that stood at a run's end were reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// Dialled without help.
    pub direct: u64,
    /// Begun at a relay, and direct since.
    pub punched: u64,
    /// Those that a relay carries: by how much its way is longer than the direct one, one way, ns.
    pub detours: Vec<u64>,
    /// Edges of the topology whose ends both run and want them.
    pub wanted: u64,
    /// Those of them that are not connected for want of a relay.
    pub unreachable: u64,
    /// What came of traversing NATs; what is refused and passed on, since the warm-up.
    pub traversals: Traversals,
}
