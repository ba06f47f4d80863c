//! Bulk transfer.

pub mod solver;
