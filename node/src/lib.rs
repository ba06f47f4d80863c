//! Scenarios on real libp2p peers.

pub mod link;
