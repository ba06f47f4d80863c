//! The discrete-event engine of peerlab, and what is made of many of its runs.

pub mod compare;
pub mod cost;
pub mod engine;
pub mod fidelity;
pub mod gossipsub;
pub mod kademlia;
pub mod model;
pub mod replicates;
pub mod verify;
