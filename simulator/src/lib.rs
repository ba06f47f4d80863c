//! The discrete-event engine of peerlab.

pub mod charts;
pub mod html;
pub mod quantity;
