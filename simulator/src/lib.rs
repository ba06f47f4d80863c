//! The discrete-event engine of peerlab.

pub mod charts;
pub mod quantity;
