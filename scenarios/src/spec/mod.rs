//! The language: what a scenario says.

pub mod read;
