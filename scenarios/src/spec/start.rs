//! When a run begins whose peers are not all there at once.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::units::{Nanos, Share};

/// When a run begins whose peers are processes of their own, and may be late or missing. Where one program has all peers, they
/// are there at once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Start {
    /// The share of all peers without which there is no run; more than none. Who is missing from a run that began is named in
    /// its report. Default: 100%.
    #[serde(default = "everybody")]
    pub quorum: Share,
    /// How long the others are waited for; more than none. Default: 60s.
    #[serde(default = "a_minute")]
    pub deadline: Nanos,
}

impl Default for Start {
    fn default() -> Self {
        Self { quorum: everybody(), deadline: a_minute() }
    }
}

impl Start {
    /// How many of so many peers must be there: their share, and at least one.
    #[must_use]
    pub const fn least(&self, peers: u32) -> u32 {
        let share = (peers as u64 * self.quorum.parts_per_billion() as u64).div_ceil(1_000_000_000);
        if share == 0 { 1 } else { share as u32 }
    }
}

const fn everybody() -> Share {
    Share::ALL
}

const fn a_minute() -> Nanos {
    Nanos::from_secs(60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quorum_is_rounded_up_and_never_nobody() {
        let of = |percent, peers| Start { quorum: Share::percent(percent), ..Start::default() }.least(peers);
        assert_eq!((of(100, 7), of(50, 7), of(1, 7), of(90, 1_000_000)), (7, 4, 1, 900_000));
    }
}
