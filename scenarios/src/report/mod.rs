//! Facts, and the report that they add up to.

pub mod chat;
mod fact;

pub use fact::{Fact, Route};
