//! Scenarios on real libp2p peers.

#![forbid(unsafe_code)]

mod causes;
#[cfg(feature = "net")]
pub mod chat;
#[cfg(feature = "net")]
pub mod conduct;
pub mod fleet;
pub mod host;
pub mod link;
#[cfg(feature = "net")]
pub mod serve;
#[cfg(feature = "net")]
pub mod signals;
mod timer;
