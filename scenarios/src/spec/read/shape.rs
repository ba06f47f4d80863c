//! A structural schema, read once into what a document is checked against.

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

use super::{nearest::nearest, unit::Unit};

/// What a place of a document may hold.
#[derive(Debug)]
pub(super) struct Shape {
    /// Whether nothing may be given in spite of the key.
    pub(super) nullable: bool,
    /// The first sentence of what the schema says about it.
    pub(super) summary: String,
    pub(super) kind: Kind,
}

#[derive(Debug)]
pub(super) enum Kind {
    /// Whatever is there.
    Any,
    Map(Map),
    List {
        items: Box<Shape>,
        length: Bounds,
    },
    /// One of some words.
    Words(Vec<String>),
    Text {
        pattern: Option<Regex>,
        length: Bounds,
    },
    Quantity(&'static Unit),
    Integer(Bounds),
    Number(Bounds),
    Boolean,
    /// One of several kinds that differ in type.
    Either(Vec<Shape>),
}

/// A map with declared fields.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) fields: BTreeMap<String, Shape>,
    pub(super) required: Vec<String>,
    /// Of each set exactly one field must be given.
    pub(super) exactly_one: Vec<Vec<String>>,
    /// What a field that is not declared may hold; `None` refuses it.
    pub(super) others: Option<Box<Shape>>,
    pub(super) length: Bounds,
}

/// Bounds of a number or a length, both included.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bounds {
    pub(super) least: Option<f64>,
    pub(super) most: Option<f64>,
}

impl Bounds {
    fn of(schema: &Value, least: &str, most: &str) -> Self {
        Self { least: schema[least].as_f64(), most: schema[most].as_f64() }
    }

    /// The bounds of an integer's width, where the schema states nothing narrower.
    fn within_format(mut self, format: Option<&str>) -> Self {
        let (least, most) = match format {
            Some("int8") => (f64::from(i8::MIN), f64::from(i8::MAX)),
            Some("int16") => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
            Some("uint8") => (0.0, f64::from(u8::MAX)),
            Some("uint16") => (0.0, f64::from(u16::MAX)),
            Some("uint32") => (0.0, f64::from(u32::MAX)),
            Some("uint64" | "uint") => (0.0, u64::MAX as f64),
            Some("int64" | "int") => (i64::MIN as f64, i64::MAX as f64),
            _ => return self,
        };
        self.least = Some(self.least.map_or(least, |bound| bound.max(least)));
        self.most = Some(self.most.map_or(most, |bound| bound.min(most)));
        self
    }

    pub(super) fn hold(&self, number: f64) -> bool {
        self.least.is_none_or(|least| number >= least) && self.most.is_none_or(|most| number <= most)
    }

    /// The bounds of a length, as they read before what is counted.
    pub(super) fn as_count(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => format!("exactly {least}"),
            (Some(least), Some(most)) => format!("{least} to {most}"),
            _ => self.in_words().trim_start_matches("of ").to_owned(),
        }
    }

    /// The bounds as they read after a noun.
    pub(super) fn in_words(&self) -> String {
        match (self.least, self.most) {
            (Some(least), Some(most)) if least == most => format!("of exactly {least}"),
            (Some(least), Some(most)) => format!("from {least} to {most}"),
            (Some(least), None) => format!("of at least {least}"),
            (None, Some(most)) => format!("of at most {most}"),
            (None, None) => String::new(),
        }
    }
}

impl Shape {
    /// Reads a structural schema.
    ///
    /// # Panics
    ///
    /// When the schema says something that the checker does not know. Schemas come from the types of the language, so
    /// this is a mistake of its authors, and it shows as soon as any document is read.
    pub(super) fn of(schema: &Value) -> Self {
        let nullable = schema["nullable"] == true;
        let summary = schema["description"].as_str().map(first_sentence).unwrap_or_default();
        Self { nullable, summary, kind: Kind::of(schema) }
    }

    /// What the place wants, as it reads after "expected".
    pub(super) fn wants(&self) -> String {
        match &self.kind {
            Kind::Any => "a value".to_owned(),
            Kind::Map(_) => "a map".to_owned(),
            Kind::List { .. } => "a list".to_owned(),
            Kind::Words(words) => format!("one of {}", listed(words)),
            Kind::Text { .. } => "a string".to_owned(),
            Kind::Quantity(unit) => unit.wanted.to_owned(),
            Kind::Integer(bounds) => format!("an integer {}", bounds.in_words()).trim_end().to_owned(),
            Kind::Number(bounds) => format!("a number {}", bounds.in_words()).trim_end().to_owned(),
            Kind::Boolean => "`true` or `false`".to_owned(),
            Kind::Either(shapes) => shapes.iter().map(Self::wants).collect::<Vec<_>>().join(", or "),
        }
    }

    /// The places that have a field `name`, each as a path without indices, down from `path`.
    pub(super) fn owners(&self, name: &str, path: &str, found: &mut Vec<String>) {
        match &self.kind {
            Kind::Map(map) => {
                if map.fields.contains_key(name) {
                    found.push(path.to_owned());
                }
                for (field, shape) in &map.fields {
                    let below = if path.is_empty() { field.clone() } else { format!("{path}.{field}") };
                    shape.owners(name, &below, found);
                }
            }
            Kind::List { items, .. } => items.owners(name, &format!("{path}[]"), found),
            Kind::Either(shapes) => shapes.iter().for_each(|shape| shape.owners(name, path, found)),
            _ => {}
        }
    }
}

impl Kind {
    fn of(schema: &Value) -> Self {
        let alternatives = ["oneOf", "anyOf"].iter().find_map(|key| schema[*key].as_array());
        if let Some(branches) = alternatives
            && branches.iter().any(|branch| branch.get("required").is_none() || branch.get("type").is_some())
        {
            return Self::Either(branches.iter().map(Shape::of).collect());
        }
        if let Some(words) = schema["enum"].as_array() {
            return Self::Words(words.iter().filter_map(Value::as_str).map(str::to_owned).collect());
        }
        if let Some(word) = schema["const"].as_str() {
            return Self::Words(vec![word.to_owned()]);
        }
        match schema["type"].as_str() {
            Some("object") => Self::Map(Map::of(schema)),
            Some("array") => Self::List {
                items: Box::new(Shape::of(&schema["items"])),
                length: Bounds::of(schema, "minItems", "maxItems"),
            },
            Some("string") => Self::text(schema),
            Some("integer") => Self::Integer(
                Bounds::of(schema, "minimum", "maximum").within_format(schema["format"].as_str()),
            ),
            Some("number") => Self::Number(Bounds::of(schema, "minimum", "maximum")),
            Some("boolean") => Self::Boolean,
            None if schema == true || schema.is_null() || schema.is_object() => Self::Any,
            _ => panic!("the checker does not know this schema: {schema}"),
        }
    }

    fn text(schema: &Value) -> Self {
        if let Some(unit) = schema["title"].as_str().and_then(Unit::titled) {
            return Self::Quantity(unit);
        }
        let compile = |text| Regex::new(text).expect("patterns of the language are regular expressions");
        Self::Text {
            pattern: schema["pattern"].as_str().map(compile),
            length: Bounds::of(schema, "minLength", "maxLength"),
        }
    }
}

impl Map {
    fn of(schema: &Value) -> Self {
        let names = |value: &Value| -> Vec<String> {
            value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let fields: BTreeMap<_, _> = schema["properties"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, field)| (name.clone(), Shape::of(field)))
            .collect();
        let exactly_one = schema["oneOf"]
            .as_array()
            .map(|branches| branches.iter().flat_map(|branch| names(&branch["required"])).collect());
        let others = match &schema["additionalProperties"] {
            Value::Null if !fields.is_empty() => None,
            Value::Bool(false) => None,
            others => Some(Box::new(Shape::of(others))),
        };
        Self {
            fields,
            required: names(&schema["required"]),
            exactly_one: exactly_one.into_iter().collect(),
            others,
            length: Bounds::of(schema, "minProperties", "maxProperties"),
        }
    }

    /// The field that an unknown one was most likely meant for.
    pub(super) fn meant(&self, unknown: &str) -> Option<&str> {
        nearest(unknown, self.fields.keys().map(String::as_str))
    }
}

/// Names in backticks, with commas.
pub(super) fn listed<S: AsRef<str>>(names: impl IntoIterator<Item = S>) -> String {
    names.into_iter().map(|name| format!("`{}`", name.as_ref())).collect::<Vec<_>>().join(", ")
}

fn first_sentence(text: &str) -> String {
    let end = text.find(". ").into_iter().chain(text.find(".\n")).chain(text.find("\n\n")).min();
    text[..end.unwrap_or(text.len())].trim_end_matches('.').replace('\n', " ")
}
