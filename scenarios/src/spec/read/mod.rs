//! Reading a document of the language, with every mistake told at its place.
//!
//! A document goes through five gates. Each assumes what those before it have shown, and tells all that it finds:
//!
//! 1. `source`: bytes → a tree that knows its places. Size, encoding, syntax, duplicate keys, anchor bombs.
//! 2. `check`: the tree against the JSON Schema derived from the types. Fields, types, units, bounds, choices.
//! 3. `rules`: the CEL rules of the same schema, which the API server enforces as well.
//! 4. the types themselves, by `serde`: what the schema cannot say.
//! 5. what the caller knows beyond the form of the document, through [`Document::problems`].
//!
//! The positions come from the one pass of gate 1; whatever is found later has a field path, and the tree knows where
//! that is. Nothing here panics, hangs or grows beyond a bound, whatever the bytes are: see [`MAX_BYTES`],
//! [`MAX_DEPTH`] and [`MAX_PROBLEMS`].

mod check;
mod explain;
mod finding;
mod nearest;
mod node;
mod path;
mod problem;
mod render;
mod rules;
mod scalar;
mod shape;
mod source;
mod structural;

use std::sync::Arc;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;

use self::{finding::Finding, node::Node, problem::Text, shape::Shape};
pub use self::{
    path::{FieldPath, Segment},
    problem::{MAX_PROBLEMS, Place, Problem, Problems},
    source::{MAX_BYTES, MAX_DEPTH},
};

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
    /// What is wrong with it.
    pub message: String,
    /// What would be right, the most useful hint first.
    pub help: Vec<String>,
}

impl Fault {
    /// A fault of the field at `path`, without a hint.
    #[must_use]
    pub fn new(path: FieldPath, message: impl Into<String>) -> Self {
        Self { path, message: message.into(), help: Vec::new() }
    }

    /// Adds a hint on what would be right.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

impl<T> Document<T> {
    /// Shows faults, of which there must be at least one, at the places of their fields.
    #[must_use]
    pub fn problems(&self, faults: Vec<Fault>) -> Problems {
        debug_assert!(!faults.is_empty(), "no problem is no error");
        let findings = faults.into_iter().map(|fault| locate(fault, &self.root, &self.text)).collect();
        Text::new(&self.name, &self.text).problems(findings, 0)
    }
}

/// Reads a document of type `T`.
///
/// `name` is what errors call the document: the path of its file, as a rule.
///
/// # Errors
///
/// All that is wrong with it, as far as the first of the gates above that finds something.
pub fn read_as<T: JsonSchema + DeserializeOwned>(name: &str, bytes: &[u8]) -> Result<Document<T>, Problems> {
    let text = source::decode(bytes)
        .map_err(|(shown, finding)| Text::new(name, &shown).problems(vec![finding], 0))?;
    let lines = Text::new(name, text);
    let root = source::parse(text).map_err(|findings| lines.problems(findings, 0))?;

    let schema = structural::schema_of::<T>();
    let found = check::check(&Shape::of(&schema), &root);
    if !found.list.is_empty() {
        return Err(lines.problems(found.list, found.omitted));
    }

    let json = root.to_json();
    let faults =
        rules::broken(&schema, &json).into_iter().map(|broken| Fault::new(broken.path, broken.message));
    let findings: Vec<_> = faults.map(|fault| locate(fault, &root, text)).collect();
    if !findings.is_empty() {
        return Err(lines.problems(findings, 0));
    }

    match serde_path_to_error::deserialize(json) {
        Ok(value) => Ok(Document { value, name: name.to_owned(), text: text.to_owned(), root }),
        Err(error) => {
            let fault = Fault::new(FieldPath::parse(&error.path().to_string()), error.inner().to_string());
            Err(lines.problems(vec![locate(fault, &root, text)], 0))
        }
    }
}

fn locate(fault: Fault, root: &Node, text: &str) -> Finding {
    let mut finding = Finding::at(root.place(&fault.path, text), fault.message).path(&fault.path);
    finding.help = fault.help;
    finding
}

#[cfg(test)]
mod tests;
