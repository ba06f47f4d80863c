//! The scenario language.

pub mod chat;
