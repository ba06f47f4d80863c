//! Schemas of collections of numbers as the API server wants them: no `uint32` formats (it warns of formats that it does not
//! know), and always with bounds. Of single numbers, [`Count`](super::count::Count) has them.

use schemars::{Schema, SchemaGenerator, json_schema};

use crate::{seed::Seed, wire::ItemId};

/// Indices of peers.
pub(super) fn peers(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 100_000,
        "items": { "type": "integer", "minimum": 0, "maximum": ItemId::MAX_PEERS - 1 },
    })
}

/// Weights by name.
pub(super) fn weights(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "object",
        "maxProperties": 200,
        "additionalProperties": { "type": "integer", "minimum": 1, "maximum": 1_000_000 },
    })
}

/// A seed: an integer that JSON holds exactly.
pub(super) fn seed(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "integer", "minimum": 0, "maximum": Seed::MOST, "default": 1 })
}
