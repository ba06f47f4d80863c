//! Scenarios on real libp2p peers.

pub mod capabilities;
#[cfg(feature = "net")]
pub mod conduct;
pub mod fleet;
pub mod host;
pub mod link;
