//! How what is published reaches everyone.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How what is published reaches everyone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Overlay {
    /// Every peer passes on what is new to all its neighbours.
    Flood(Flood),
}

impl Default for Overlay {
    fn default() -> Self {
        Self::Flood(Flood {})
    }
}

/// Every peer passes on what is new to all its neighbours.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Flood {}
