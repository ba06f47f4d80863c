//! The scenario language.

pub mod topology;
