//! What peers do for their users, as machines: one for each kind of workload.

pub mod chat;
