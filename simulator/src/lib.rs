//! The discrete-event engine of peerlab.

pub mod charts;
pub mod engine;
pub mod html;
pub mod quantity;
