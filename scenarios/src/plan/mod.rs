//! What follows from a scenario and its seed alone.

pub mod chat;
