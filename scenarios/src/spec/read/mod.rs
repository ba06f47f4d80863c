//! Reading a document of the language, with every mistake told at its place.
//!
//! A document goes through six gates. Each assumes what those before it have shown, and tells all that it finds:
//!
//! 1. `source`: bytes → a tree that knows its places. Size, encoding, syntax, duplicate keys, anchor bombs.
//! 2. `check`: the tree against the JSON Schema derived from the types. Fields, types, units, bounds, choices.
//! 3. `rules`: the CEL rules of the same schema, which the API server enforces as well.
//! 4. the types themselves, by `serde`: what the schema cannot say.
//! 5. what fields mean to each other: for a scenario, [`semantics`].
//! 6. whatever stands in the way of carrying it out: for a scenario, an engine, its files and its plan.
//!
//! What one of them finds hides nothing of the later ones, but for the first, and in very large documents: see `rest`. Whoever knows more still adds
//! it through [`Document::problems`].
//!
//! The positions come from the one pass of gate 1; whatever is found later has a field path, and the tree knows where
//! that is. Nothing here panics, hangs or grows beyond a bound, whatever the bytes are: see [`MAX_BYTES`],
//! [`MAX_DEPTH`] and [`MAX_PROBLEMS`].

mod check;
mod explain;
mod finding;
mod mend;
mod nearest;
mod node;
mod path;
mod planned;
mod problem;
mod remedy;
mod render;
mod rest;
mod rules;
mod scalar;
mod shape;
mod source;
mod structural;
mod unit;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

pub(super) use self::nearest::nearest;
use self::{finding::Finding, node::Node, problem::Text, rest::Rest, shape::Shape};
pub use self::{
    path::{FieldPath, Segment},
    problem::{MAX_PROBLEMS, Place, Problem, Problems},
    source::{MAX_BYTES, MAX_DEPTH},
};
use super::{Scenario, semantics};

/// A document that was read, with the text it came from.
#[derive(Debug)]
pub struct Document<T> {
    /// What the document says.
    pub value: T,
    name: String,
    text: String,
    root: Arc<Node>,
}

/// What is wrong with a field of a document whose form is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The field.
    pub path: FieldPath,
    /// Whether its name is wrong rather than its value, as in a map from names that must be known.
    pub of_name: bool,
    /// What is wrong with it.
    pub message: String,
    /// What would be right, the most useful hint first.
    pub help: Vec<String>,
}

impl Fault {
    /// A fault of the field at `path`, without a hint.
    #[must_use]
    pub fn new(path: FieldPath, message: impl Into<String>) -> Self {
        Self { path, of_name: false, message: message.into(), help: Vec::new() }
    }

    /// A fault of the name of the field at `path`, without a hint.
    #[must_use]
    pub fn of_name(path: FieldPath, message: impl Into<String>) -> Self {
        Self { of_name: true, ..Self::new(path, message) }
    }

    /// Adds a hint on what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl<T> Document<T> {
    /// What errors call it: the path of its file, as a rule.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Shows faults, of which there must be at least one, at the places of their fields.
    #[must_use]
    pub fn problems(&self, faults: Vec<Fault>) -> Problems {
        debug_assert!(!faults.is_empty(), "no problem is no error");
        let findings = faults.into_iter().map(|fault| locate(fault, &self.root, &self.text)).collect();
        Text::new(&self.name, &self.text).problems(findings, 0)
    }
}

/// Reads a scenario.
///
/// # Errors
///
/// As [`document`].
pub fn read(name: &str, bytes: &[u8]) -> Result<Scenario, Problems> {
    document(name, bytes).map(|document| document.value)
}

/// Reads a scenario, and keeps its text to show later errors in, and to [`explain`](Document::explain) it.
///
/// # Errors
///
/// As [`read_as`], with what [`semantics`] says.
pub fn document(name: &str, bytes: &[u8]) -> Result<Document<Scenario>, Problems> {
    document_for(name, bytes, |_| Vec::new())
}

/// Reads a scenario for somebody who is to carry it out. `execution` is what stands in the way of that: it is asked of
/// scenarios that are right in all else, which may be this one with its wrong values replaced.
///
/// # Errors
///
/// As [`document`], with what `execution` says that does not follow from another mistake.
pub fn document_for(
    name: &str,
    bytes: &[u8],
    execution: impl Fn(&Scenario) -> Vec<Fault>,
) -> Result<Document<Scenario>, Problems> {
    read_through(name, bytes, &|scenario: &Scenario| semantics::faults(&scenario.spec), &execution)
}

/// Reads a document of type `T`. `faults` is what is wrong with it in spite of its form.
///
/// `name` is what errors call the document: the path of its file, as a rule.
///
/// # Errors
///
/// All that is wrong with it. Only what the first gate finds hides what the others would: a wrong value, or an unknown
/// field, does not, but where a document has so many values that reading it on would take seconds.
pub fn read_as<T: JsonSchema + DeserializeOwned>(
    name: &str,
    bytes: &[u8],
    faults: impl Fn(&T) -> Vec<Fault>,
) -> Result<Document<T>, Problems> {
    read_through(name, bytes, &faults, &|_| Vec::new())
}

fn read_through<T: JsonSchema + DeserializeOwned>(
    name: &str,
    bytes: &[u8],
    meaning: &dyn Fn(&T) -> Vec<Fault>,
    execution: &dyn Fn(&T) -> Vec<Fault>,
) -> Result<Document<T>, Problems> {
    let text = source::decode(bytes)
        .map_err(|finding| Text::new(name, &source::shown(bytes)).problems(vec![finding], 0))?;
    let lines = Text::new(name, text);
    let root = source::parse(text).map_err(|findings| lines.problems(findings, 0))?;

    let schema = structural::schema_of::<T>();
    let shape = Shape::of(&schema);
    let mut found = check::check(&shape, &root);
    // With the root, all is lost; and of more than are listed, not all are known that would have to be replaced.
    if found.omitted > 0 || found.broken.contains(&FieldPath::root()) {
        return Err(lines.problems(found.list, found.omitted));
    }
    let mut json = root.to_json();
    found.strays.iter().for_each(|stray| remove(&mut json, stray.segments()));
    let rest = Rest { schema: &schema, shape: &shape, json, strays: found.strays, meaning, execution };
    let (value, faults) = rest.read(found.broken);
    found.list.extend(faults.into_iter().map(|fault| locate(fault, &root, text)));
    match value {
        Some(value) if found.list.is_empty() => {
            Ok(Document { value, name: name.to_owned(), text: text.to_owned(), root })
        }
        _ => Err(lines.problems(found.list, found.omitted)),
    }
}

/// Takes out what is at a path.
fn remove(json: &mut serde_json::Value, path: &[Segment]) {
    match (path, json) {
        ([Segment::Key(last)], serde_json::Value::Object(fields)) => {
            fields.shift_remove(last);
        }
        ([Segment::Key(key), rest @ ..], serde_json::Value::Object(fields)) => {
            fields.get_mut(key).into_iter().for_each(|field| remove(field, rest));
        }
        ([Segment::Index(index), rest @ ..], serde_json::Value::Array(items)) => {
            items.get_mut(*index).into_iter().for_each(|item| remove(item, rest));
        }
        _ => {}
    }
}

fn locate(fault: Fault, root: &Node, text: &str) -> Finding {
    let place = if fault.of_name { root.place_of_key(&fault.path) } else { None };
    let place = place.unwrap_or_else(|| root.place(&fault.path, text));
    let mut finding = Finding::at(place, fault.message).path(&fault.path);
    finding.help = fault.help;
    if root.holds(&fault.path) {
        finding
    } else {
        finding.help(format!("`{}` is not given: this is its default", fault.path))
    }
}

#[cfg(test)]
mod tests;
