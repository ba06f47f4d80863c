//! What a scenario says of a load on discovery: what is provided by whom, and how often somebody looks for it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, Who};
use crate::units::Nanos;

/// Contents that some peers provide and others look for, by what `spec.discovery` names: first who provides a content, then a
/// connection with one of them. The content itself is not fetched.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct LookupsSpec {
    /// How many contents there are. 100 when left out.
    pub contents: Count<1, 1_000_000>,
    /// Who provides them; drawn for each content. Those who take part when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub providers: Option<Who>,
    /// How many peers provide each content, or all providers where there are fewer. 3 when left out.
    pub copies: Count<1, 1_000>,
    /// When the first provider says that it has its content. 30s when left out.
    pub provide_at: Nanos,
    /// How long it takes until all have said so; when each does is drawn by chance. Lookups begin then. 30s when left out.
    pub provide_within: Nanos,
    /// Lookups of the providers of a content, each by a peer and of a content drawn by chance. One a second when left out.
    pub find: Often,
    /// Lookups of a server by its name, each by a peer and of a server drawn by chance. None when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub find_peers: Option<Often>,
    /// Providers after which a lookup ends. 1 when left out.
    pub wanted: Count<1, 100>,
}

impl Default for LookupsSpec {
    fn default() -> Self {
        Self {
            contents: Count::new(100),
            providers: None,
            copies: Count::new(3),
            provide_at: Nanos::from_secs(30),
            provide_within: Nanos::from_secs(30),
            find: Often::default(),
            find_peers: None,
            wanted: Count::new(1),
        }
    }
}

impl LookupsSpec {
    /// When lookups begin.
    #[must_use]
    pub const fn begin(&self) -> Nanos {
        self.provide_at.saturating_add(self.provide_within)
    }
}

/// A Poisson process over the whole fleet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Often {
    /// Mean time between two of them, over all who take part. 1s when left out.
    pub every: Nanos,
}

impl Default for Often {
    fn default() -> Self {
        Self { every: Nanos::from_secs(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lookups_have_every_default_and_are_written_as_they_are_read() {
        let lookups: LookupsSpec = serde_yaml::from_str("{}").expect("everything has a default");
        assert_eq!(
            (lookups.contents.get(), lookups.copies.get(), lookups.begin()),
            (100, 3, Nanos::from_secs(60))
        );
        let written = serde_json::to_value(&lookups).unwrap();
        assert_eq!(serde_json::from_value::<LookupsSpec>(written).unwrap(), LookupsSpec::default());
    }
}
