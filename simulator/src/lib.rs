//! The discrete-event engine of peerlab.

pub mod engine;
