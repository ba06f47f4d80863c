//! What a fleet leaves behind.

use std::collections::BTreeMap;

use peerlab_scenarios::{host::Peer, plan::Plan, report::Histogram, units::Nanos};

use super::{conditions::Conditions, ledger::Ledger};
use crate::host::Troubles;

/// What a fleet, or the part of it that is in one process, leaves behind.
#[derive(Debug, Default)]
pub struct Harvest {
    /// The account of messages.
    pub(crate) ledger: Ledger,
    /// Bytes sent and received, by peer.
    pub(crate) bytes: Vec<(u64, u64)>,
    /// Whom each peer was connected with that ran at the end.
    pub(crate) connected: BTreeMap<Peer, Vec<Peer>>,
    /// Whether it ran at the end, by peer.
    pub(crate) online: Vec<bool>,
    /// Steps of machines.
    pub(crate) events: u64,
    /// A hash of the states of all machines, whatever the order in which their lives ended.
    pub(crate) digest: u64,
    /// What each fault hit.
    pub(crate) fault_hits: Vec<u64>,
    /// Commands whose peer was not there.
    pub(crate) skipped_commands: u64,
    /// When the run was stopped, if that was before its end.
    pub(crate) interrupted: Option<Nanos>,
    /// Peers that never reported, and why.
    pub(crate) dead: BTreeMap<Peer, String>,
    /// Connections that did not stand when the run began, of so many that should.
    pub(crate) missing_links: u64,
    /// Those that should.
    pub(crate) wanted_links: u64,
    /// What went wrong with connections.
    pub(crate) troubles: Troubles,
    /// How late peers came when they wanted to be woken, ns.
    pub(crate) lateness: Histogram,
    /// How the run went for the machine.
    pub(crate) conditions: Conditions,
    /// What else disturbed the run, in words.
    pub(crate) disturbances: Vec<String>,
}

impl Harvest {
    /// Of a fleet of which nobody has reported yet.
    pub(crate) fn of_nobody(plan: &Plan) -> Self {
        let n = plan.peers.len() as usize;
        Self {
            bytes: vec![(0, 0); n],
            online: vec![false; n],
            fault_hits: vec![0; plan.faults.len()],
            ..Self::default()
        }
    }
}
