//! What an engine hands over at the end of a run.

use peerlab_scenarios::{host::Peer, report::Invariant, units::Nanos};

use crate::{reach::Reached, traffic::Traffic};

/// What made a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// The discrete-event model.
    Model,
    /// Real libp2p peers in virtual time.
    Virtual,
    /// Real libp2p peers on the wall clock.
    Live,
}

impl EngineKind {
    /// As it stands in a report.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Virtual => "virtual",
            Self::Live => "live",
        }
    }

    /// What its runs take place in.
    #[must_use]
    pub const fn time(self) -> &'static str {
        match self {
            Self::Model | Self::Virtual => "virtual time",
            Self::Live => "time",
        }
    }
}

/// What came of a run, besides what its observer saw.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What made the run.
    pub engine: EngineKind,
    /// Events worked off.
    pub events: u64,
    /// When the run was stopped, if that was before its end.
    pub interrupted: Option<Nanos>,
    /// The account of all messages, warm-up included.
    pub traffic: Traffic,
    /// The part of it that was sent before the warm-up ended.
    pub warm_up: Traffic,
    /// Bytes sent and received by each peer since the warm-up, with overhead.
    pub bytes: Vec<(u64, u64)>,
    /// What each fault of the plan hit.
    pub fault_hits: Vec<u64>,
    /// Commands whose peer was not there.
    pub skipped_commands: u64,
    /// Whether each peer ran at the end.
    pub online: Vec<bool>,
    /// A hash of all events in their order: equal for runs that are the same.
    pub digest: u64,
    /// How connections were reached, in a fleet with NAT.
    pub reached: Option<Reached>,
    /// The connections that stood at the end, each once, as its end with the lower number saw it.
    pub connections: Vec<(Peer, Peer)>,
    /// What must hold of the engine itself, besides what must hold of every run.
    pub invariants: Vec<Invariant>,
    /// What disturbed the run, in words: it may be read with care.
    pub disturbances: Vec<String>,
}
