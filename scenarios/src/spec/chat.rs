//! Messages among members of rooms.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::schema;

/// Messages among members of rooms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ChatSpec {
    /// How many rooms. Default: 1.
    #[serde(default = "one")]
    #[schemars(schema_with = "schema::count")]
    pub rooms: u32,
}

const fn one() -> u32 {
    1
}
