//! Whether the warm-up that a scenario declares is long enough.

use serde::{Deserialize, Serialize};

/// From this relative change of the mean on, a warm-up that is too short is worth a warning.
///
/// MSER-5 finds the truncation with the least error even where there is only noise, so that one later than declared says
/// little by itself; what it would change says whether it matters.
pub const NOTABLE_BIAS: f64 = 0.01;

/// When a run had forgotten how it began, by what was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Settling {
    /// From when on delivery latency is steady, in seconds; nothing when it is not by the half of the run, or when too little
    /// was delivered to tell.
    pub at: Option<f64>,
    /// By how much the mean latency since the declared warm-up exceeds that since [`Settling::at`], relative to the latter;
    /// nothing when that is not later.
    pub bias: Option<f64>,
}

impl Settling {
    /// Whether a longer warm-up would have changed the numbers notably.
    #[must_use]
    pub fn is_late(&self) -> bool {
        self.bias.is_some_and(|bias| bias.abs() >= NOTABLE_BIAS)
    }
}
