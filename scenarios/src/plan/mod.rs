//! What is decided before a run starts, a function of the scenario and the seed alone.

pub mod topology;
