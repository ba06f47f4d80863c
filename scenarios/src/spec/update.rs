//! What a scenario says of an update: what is released when, who may have it when, and how peers get it from one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, Who};
use crate::{
    units::{Bytes, Nanos, Share},
    wire::update::{MAX_CHUNKS, MAX_VERSIONS},
};

/// A file that a publisher releases and peers bring to one another. Its manifest is spread by the overlay; chunks are fetched
/// rarest first from those nearby who have them, and checked against the manifest before they are kept or passed on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpdateSpec {
    /// Who has each release from the beginning: the first of them signs it, the others are mirrors. Any one peer when left out.
    pub publisher: Who,
    /// When the first version is released. At the start when left out.
    pub at: Nanos,
    /// Bytes of a release. 50Mi when left out.
    pub size: Bytes,
    /// Bytes of a chunk, 1Ki to 512Ki. 256Ki when left out.
    pub chunk: Bytes,
    /// How many versions are released. 1 when left out.
    pub releases: Count<1, MAX_VERSIONS>,
    /// Time between two releases. 10m when left out.
    pub every: Nanos,
    /// How long after its release a version may still be installed. 1w when left out.
    pub valid_for: Nanos,
    /// Stages in which a release goes out; a peer's turn is drawn for the run. All at once when left out.
    #[schemars(length(max = 20))]
    pub rollout: Vec<RolloutStage>,
    /// Whom a peer connects with for the update, besides its neighbours of the topology.
    pub partners: UpdatePartners,
    /// How chunks are fetched.
    pub fetch: Fetching,
    /// A peer that is not done so long after its turn came goes to the publisher. 5m when left out.
    pub fallback: Nanos,
}

impl Default for UpdateSpec {
    fn default() -> Self {
        Self {
            publisher: Who { count: Some(1), ..Who::default() },
            at: Nanos::ZERO,
            size: Bytes(50 << 20),
            chunk: Bytes(256 << 10),
            releases: Count::new(1),
            every: Nanos::from_secs(600),
            valid_for: Nanos::from_secs(7 * 24 * 60 * 60),
            rollout: Vec::new(),
            partners: UpdatePartners::default(),
            fetch: Fetching::default(),
            fallback: Nanos::from_secs(300),
        }
    }
}

impl UpdateSpec {
    /// Chunks of a release.
    #[must_use]
    pub const fn chunks(&self) -> u64 {
        self.size.0.div_ceil(if self.chunk.0 == 0 { 1 } else { self.chunk.0 })
    }

    /// Most chunks that a release may have.
    pub const MAX_CHUNKS: u64 = MAX_CHUNKS as u64;

    /// Longest chunk.
    pub const MAX_CHUNK: Bytes = Bytes(512 << 10);

    /// Shortest chunk.
    pub const MIN_CHUNK: Bytes = Bytes(1 << 10);
}

/// A stage of a rollout.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RolloutStage {
    /// Which share of the peers has had its turn when this stage begins; more than at the stage before.
    pub share: Share,
    /// When it begins, from the release; later than the stage before.
    pub after: Nanos,
}

/// Whom a peer connects with for an update, as a tracker would tell it that knows sites and regions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct UpdatePartners {
    /// So many of its site, and of its region when it is in none or too few are there. 6 when left out.
    pub near: Count<0, 100>,
    /// So many drawn from all. 2 when left out.
    pub far: Count<0, 100>,
}

impl Default for UpdatePartners {
    fn default() -> Self {
        Self { near: Count::new(6), far: Count::new(2) }
    }
}

/// How chunks are fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Fetching {
    /// Chunks that a peer fetches at a time. 16 when left out.
    pub parallel: Count<1, 256>,
    /// Those of them that it fetches from one other peer. 4 when left out.
    pub per_holder: Count<1, 256>,
    /// How long a peer waits for a chunk before it asks someone else. 30s when left out.
    pub patience: Nanos,
    /// How long a peer saves up word of the chunks that it has got. 200ms when left out.
    pub announce_after: Nanos,
}

impl Default for Fetching {
    fn default() -> Self {
        Self {
            parallel: Count::new(16),
            per_holder: Count::new(4),
            patience: Nanos::from_secs(30),
            announce_after: Nanos::from_millis(200),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_update_has_every_default_and_is_written_as_it_is_read() {
        let update: UpdateSpec = serde_yaml::from_str("{}").expect("everything has a default");
        assert_eq!((update.chunks(), update.releases.get(), update.publisher.count), (200, 1, Some(1)));
        let written = serde_json::to_value(&update).unwrap();
        assert_eq!(serde_json::from_value::<UpdateSpec>(written).unwrap(), UpdateSpec::default());
    }

    #[test]
    fn the_schema_holds_no_format_that_kubernetes_does_not_know() {
        let schema = schemars::schema_for!(UpdateSpec).to_value().to_string();
        assert!(!schema.contains("uint"), "{schema}");
    }
}
