//! The model engine: what drives a simulated fleet through virtual time.

pub mod wheel;
