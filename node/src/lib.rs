//! Scenarios on real libp2p peers.

pub mod capabilities;
pub mod fleet;
pub mod host;
pub mod link;
