//! The pure heart of peerlab: the scenario language, the plan, the protocols and the report model.
//!
//! Nothing here owns a clock, a socket, a task, a thread, a file or a source of entropy. Engines (the simulator, the
//! node) bring those and drive what is here.

#![forbid(unsafe_code)]

pub mod capabilities;
pub mod host;
pub mod network;
pub mod overlay;
pub mod plan;
pub mod report;
pub mod role;
pub mod seed;
pub mod spec;
pub mod units;
pub mod wire;
pub mod world;
