//! Stories of one peer, and laws of many.

mod fleet;
mod person;
mod repair;
mod solo;
