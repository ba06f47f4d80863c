//! The reference of the scenario language, from the schema of its types.
//!
//! A section is a type: a table of its fields, of its alternatives or of its words, and the rules that hold between them.

use std::{collections::BTreeMap, fmt::Write as _};

use peerlab_scenarios::spec::Scenario;
use serde_json::{Map, Value};

/// All types of the language, in the order in which a scenario comes upon them.
pub(crate) fn reference() -> String {
    let schema = schemars::schema_for!(Scenario).to_value();
    let types = schema["$defs"].as_object().expect("a schema has definitions");
    let mut places = BTreeMap::new();
    collect_places(&schema, types, "", &mut places);
    let mut text = section("Scenario", &schema, types, &[]);
    for (name, definition) in types {
        if !is_empty(definition) {
            let places = places.get(name.as_str()).map(Vec::as_slice).unwrap_or_default();
            text.push_str(&section(name, definition, types, places));
        }
    }
    text
}

/// Where in a scenario each type stands, as paths such as `spec.groups[].link`.
fn collect_places<'a>(
    schema: &'a Value,
    types: &'a Map<String, Value>,
    path: &str,
    places: &mut BTreeMap<&'a str, Vec<String>>,
) {
    if let Some(name) = referred(schema) {
        let known = places.entry(name).or_default();
        if !known.iter().any(|place| place == path) {
            known.push(path.to_owned());
        }
        collect_places(&types[name], types, path, places);
    }
    for alternative in ["oneOf", "anyOf"].iter().filter_map(|word| schema[word].as_array()).flatten() {
        collect_places(alternative, types, path, places);
    }
    for (field, property) in schema["properties"].as_object().into_iter().flatten() {
        let dot = if path.is_empty() { "" } else { "." };
        collect_places(property, types, &format!("{path}{dot}{field}"), places);
    }
    if schema["items"].is_object() {
        collect_places(&schema["items"], types, &format!("{path}[]"), places);
    }
}

fn section(name: &str, schema: &Value, types: &Map<String, Value>, places: &[String]) -> String {
    let mut text = format!("### {name}\n\n{}\n", description(schema));
    if !places.is_empty() {
        let places: Vec<_> = places.iter().map(|place| format!("`{place}`")).collect();
        let _ = writeln!(text, "\nAt {}.", places.join(", "));
    }
    text.push('\n');
    if let Some(alternatives) = schema["oneOf"].as_array() {
        if alternatives.iter().all(|alternative| alternative["const"].is_string()) {
            text.push_str("| one of | meaning |\n|---|---|\n");
            for word in alternatives {
                let _ = writeln!(text, "| {} | {} |", code(&word["const"]), cell(word));
            }
        } else {
            text.push_str("| exactly one of | value | meaning |\n|---|---|---|\n");
            for alternative in alternatives {
                for (key, value) in alternative["properties"].as_object().into_iter().flatten() {
                    let _ = writeln!(text, "| `{key}` | {} | {} |", kind(value, types), cell(alternative));
                }
            }
        }
    } else if let Some(fields) = schema["properties"].as_object() {
        text.push_str("| field | value | default | meaning |\n|---|---|---|---|\n");
        for (field, value) in fields {
            let required = schema["required"].as_array().into_iter().flatten().any(|name| name == field);
            let default = match &value["default"] {
                _ if required => "**required**".to_owned(),
                Value::Null => "—".to_owned(),
                default => code(default),
            };
            let _ = writeln!(text, "| `{field}` | {} | {default} | {} |", kind(value, types), cell(value));
        }
    }
    let rules = schema["x-kubernetes-validations"].as_array().into_iter().flatten();
    let rules: Vec<_> = rules.filter_map(|rule| rule["message"].as_str()).collect();
    if !rules.is_empty() {
        text.push_str("\nRules:\n\n");
        rules.iter().for_each(|rule| text.push_str(&format!("- {rule}\n")));
    }
    text.push('\n');
    text
}

/// What a value is, in words.
fn kind(schema: &Value, types: &Map<String, Value>) -> String {
    if let Some(name) = referred(schema) {
        return if is_empty(&types[name]) {
            "`{}`".to_owned()
        } else {
            format!("[{name}](#{})", name.to_lowercase())
        };
    }
    if let Some(title) = schema["title"].as_str() {
        return format!("[{}](#quantities)", title.to_lowercase());
    }
    if let Some(alternatives) = schema["anyOf"].as_array() {
        let others = alternatives.iter().filter(|alternative| alternative["type"] != "null");
        return others.map(|alternative| kind(alternative, types)).collect::<Vec<_>>().join(" or ");
    }
    match type_of(schema) {
        "integer" => match (schema["minimum"].as_u64(), schema["maximum"].as_u64()) {
            (Some(least), Some(most)) if most < u64::from(u32::MAX) => {
                format!("whole number, {least} to {most}")
            }
            (Some(least), _) => format!("whole number, at least {least}"),
            _ => "whole number".to_owned(),
        },
        "number" => "number".to_owned(),
        "boolean" => "`true` or `false`".to_owned(),
        "string" => "text".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"], types)),
        "object" if schema["additionalProperties"].is_object() => {
            format!("map of names to {}", kind(&schema["additionalProperties"], types))
        }
        "object" if is_empty(schema) => "`{}`".to_owned(),
        other => panic!("no words for a value of type {other:?}: {schema}"),
    }
}

/// The type of a value that may be left out is one of two.
fn type_of(schema: &Value) -> &str {
    let one = schema["type"].as_str();
    let several = || schema["type"].as_array()?.iter().filter_map(Value::as_str).find(|name| *name != "null");
    one.or_else(several).unwrap_or_default()
}

fn referred(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix("#/$defs/")
}

/// Whether a type is a map of nothing.
fn is_empty(schema: &Value) -> bool {
    type_of(schema) == "object"
        && schema["additionalProperties"] == false
        && schema["properties"].as_object().is_none_or(Map::is_empty)
}

fn description(schema: &Value) -> String {
    schema["description"].as_str().unwrap_or_default().replace('\n', " ")
}

/// A description within a table.
fn cell(schema: &Value) -> String {
    description(schema).replace('|', "\\|")
}

/// A value as one writes it in a scenario.
fn code(value: &Value) -> String {
    format!("`{}`", flow(value))
}

fn flow(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", ")),
        Value::Object(fields) => {
            let fields: Vec<_> =
                fields.iter().map(|(name, value)| format!("{name}: {}", flow(value))).collect();
            format!("{{{}}}", fields.join(", "))
        }
        other => other.to_string(),
    }
}
