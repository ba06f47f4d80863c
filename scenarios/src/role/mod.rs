//! What peers do for their users, as machines: one for each kind of workload.

mod any;
pub mod chat;
pub mod distribution;
pub mod lookups;

pub use any::Any;
