//! A derived JSON Schema in the structural form that an API server works on.
//!
//! `schemars` writes an enum with data as alternatives that each bring a property of their own. A structural schema
//! declares every property once, at the node itself, and leaves to the alternatives only which of them is required.
//! Defaults are filled in and rules are evaluated along declared properties, so both need this form to mean offline
//! what they mean in a cluster.
//!
//! <https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema>

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value, json};

/// The structural schema of `T`, with every subschema in its place and none by reference.
pub(super) fn schema_of<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<T>().to_value();
    structural(&mut schema);
    schema
}

fn structural(schema: &mut Value) {
    let Value::Object(node) = schema else { return };
    for children in ["properties", "patternProperties"] {
        if let Some(Value::Object(properties)) = node.get_mut(children) {
            properties.values_mut().for_each(structural);
        }
    }
    for child in ["items", "additionalProperties"] {
        node.get_mut(child).map(structural);
    }
    if node.remove("unevaluatedProperties") == Some(Value::Bool(false)) {
        node.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    if let Some(Value::Array(types)) = node.get_mut("type") {
        let nullable = types.len();
        types.retain(|kind| kind != "null");
        let (nullable, one) = (types.len() < nullable, (types.len() == 1).then(|| types[0].clone()));
        if let Some(one) = one {
            node.insert("type".to_owned(), one);
        }
        if nullable {
            node.insert("nullable".to_owned(), Value::Bool(true));
        }
    }
    for alternatives in ["oneOf", "anyOf", "allOf"] {
        let Some(Value::Array(branches)) = node.get_mut(alternatives) else { continue };
        branches.iter_mut().for_each(structural);
        let count = branches.len();
        branches.retain(|branch| branch["type"] != "null");
        let nullable = branches.len() < count;
        let branches = std::mem::take(branches);
        node.remove(alternatives);
        if nullable {
            node.insert("nullable".to_owned(), Value::Bool(true));
        }
        hoist(node, alternatives, branches);
    }
}

/// Moves what alternatives declare up to the node that has them.
fn hoist(node: &mut Map<String, Value>, alternatives: &str, mut branches: Vec<Value>) {
    let requires_only = |branch: &Value| {
        branch.as_object().is_some_and(|branch| branch.len() == 1 && branch.contains_key("required"))
    };
    if branches.len() == 1 && !requires_only(&branches[0]) || alternatives == "allOf" {
        branches.into_iter().for_each(|branch| merge(node, branch));
        return;
    }
    if branches.iter().all(|branch| !words(branch).is_empty()) {
        let all: Vec<_> = branches.iter().flat_map(words).collect();
        node.insert("type".to_owned(), json!("string"));
        node.insert("enum".to_owned(), all.into());
        return;
    }
    if branches.iter().all(|branch| branch["type"] == "object" && branch["properties"].is_object()) {
        let mut required = Vec::new();
        for mut branch in branches {
            let Value::Object(branch) = &mut branch else { continue };
            required.push(json!({ "required": branch.remove("required").unwrap_or_else(|| json!([])) }));
            branch.retain(|key, _| matches!(key.as_str(), "properties" | "additionalProperties"));
            merge(node, Value::Object(std::mem::take(branch)));
        }
        node.insert("type".to_owned(), json!("object"));
        branches = required;
    }
    node.insert(alternatives.to_owned(), branches.into());
}

/// The words that a branch for strings allows; none if it is of another kind.
fn words(branch: &Value) -> Vec<Value> {
    match (&branch["enum"], &branch["const"]) {
        (Value::Array(words), _) if words.iter().all(Value::is_string) => words.clone(),
        (_, word @ Value::String(_)) => vec![word.clone()],
        _ => Vec::new(),
    }
}

/// Adds what `branch` says to `node`. Where both speak, the node does, but for properties, of which both are kept.
fn merge(node: &mut Map<String, Value>, branch: Value) {
    let Value::Object(branch) = branch else { return };
    for (key, value) in branch {
        match (node.get_mut(&key), value) {
            (Some(Value::Object(ours)), Value::Object(theirs)) if key == "properties" => {
                for (name, property) in theirs {
                    ours.entry(name).or_insert(property);
                }
            }
            (Some(Value::Array(ours)), Value::Array(theirs))
                if key == "required" || key == "x-kubernetes-validations" =>
            {
                ours.extend(theirs);
            }
            (Some(_), _) => {}
            (None, value) => {
                node.insert(key, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde::{Deserialize, Serialize};

    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    enum Topology {
        Ring {},
        KRegular { degree: i32 },
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(rename_all = "camelCase")]
    enum Nat {
        /// Reachable from everywhere.
        Open,
        /// Reachable by those who were called.
        PortRestricted,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[serde(deny_unknown_fields)]
    struct Spec {
        topology: Option<Topology>,
        nat: Option<Nat>,
    }

    #[test]
    fn every_property_is_declared_once_at_its_node() {
        let schema = schema_of::<Spec>();
        assert_eq!(
            schema["properties"]["topology"],
            json!({
                "nullable": true,
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "ring": { "type": "object" },
                    "kRegular": {
                        "type": "object",
                        "properties": { "degree": { "type": "integer", "format": "int32" } },
                        "required": ["degree"],
                    },
                },
                "oneOf": [{ "required": ["ring"] }, { "required": ["kRegular"] }],
            })
        );
        assert_eq!(
            schema["properties"]["nat"],
            json!({ "nullable": true, "type": "string", "enum": ["open", "portRestricted"] })
        );
    }
}
