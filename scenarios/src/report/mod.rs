//! Facts, and the report that they add up to.

mod fact;

pub use fact::{Fact, Route};
