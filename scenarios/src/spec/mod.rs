//! The language: what a scenario may say.

mod count;
pub mod overlay;

pub use count::Count;
