//! The language: what a scenario may say.

pub mod chat;
mod count;
pub mod overlay;

pub use count::Count;
