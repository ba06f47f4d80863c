//! What can be said of chance: intervals, tests and the length of a warm-up, from numbers that were observed.
//!
//! All of it is about *replicates*: independent runs of one scenario with different seeds, a number each. Values within
//! one run are not independent (what delays one post delays the next), so an interval made of them is too narrow,
//! whatever its level says (Law, *Simulation Modeling and Analysis*, 5th edition, section 4.4). There is no such
//! interval here: the number of a run is one observation. Where two engines ran one
//! plan, [`super::fidelity`] says what it counts as one.
//!
//! Sums are taken in the order given and transcendental functions come from `libm`, so the same numbers give the same
//! bits on every platform. That is why Student's distribution is written out here instead of taken from a crate.

mod difference;
mod estimate;
mod family;
mod kolmogorov;
mod paired;
mod signed_rank;
mod student;
mod warm_up;

pub use difference::{Bracket, quantile_shares};
pub use estimate::{Estimate, LEVEL};
pub use family::holm;
pub use kolmogorov::kolmogorov_smirnov;
pub use paired::{POWER, Paired, replicates_needed};
pub use signed_rank::signed_rank;
pub use student::{critical, normal_critical, two_sided};
pub use warm_up::mser5;
