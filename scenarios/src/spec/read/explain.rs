//! A document with all that it leaves out, and where each value comes from.

use std::fmt::Write;

use serde::{Serialize, ser::Error};

use super::{
    Document, Segment,
    node::{Node, Value},
    path::FieldPath,
    source,
};

/// The column that comments start at, unless a line is longer.
const COMMENT_COLUMN: usize = 48;

impl<T: Serialize> Document<T> {
    /// Writes `resolved`, which the document became once every default was filled in, as YAML, and notes behind each
    /// value that the document does not give where it comes from: what `origin` says of its path, or `default`.
    ///
    /// # Errors
    ///
    /// When the value cannot be written as YAML.
    pub fn explain<R: Serialize>(
        &self,
        resolved: &R,
        origin: impl Fn(&FieldPath) -> Option<String>,
    ) -> Result<String, serde_yaml::Error> {
        let mut value = serde_json::to_value(resolved).map_err(serde_yaml::Error::custom)?;
        leave_out_nothing(&mut value);
        let yaml = serde_yaml::to_string(&value)?;
        let root = source::parse(&yaml).map_err(|_| serde_yaml::Error::custom("the document is empty"))?;
        let mut notes = Vec::new();
        leaves(&root, &mut FieldPath::root(), &mut |path, start| {
            if !self.root.holds(path) {
                let line = yaml[..start].matches('\n').count();
                notes.push((line, origin(path).unwrap_or_else(|| "default".to_owned())));
            }
        });
        Ok(annotate(&yaml, notes))
    }
}

/// Removes fields that hold nothing: an option that is not taken has no default to tell.
fn leave_out_nothing(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(leave_out_nothing);
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(leave_out_nothing),
        _ => {}
    }
}

/// Calls `visit` with the path and the first byte of every value that holds no others.
fn leaves(node: &Node, path: &mut FieldPath, visit: &mut impl FnMut(&FieldPath, usize)) {
    match &node.value {
        Value::Map(entries) if !entries.is_empty() => {
            for entry in entries {
                path.push(Segment::Key(entry.key.clone()));
                leaves(&entry.value, path, visit);
                path.pop();
            }
        }
        Value::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                path.push(Segment::Index(index));
                leaves(item, path, visit);
                path.pop();
            }
        }
        _ => visit(path, node.span.start),
    }
}

/// Appends notes to lines; both are in order.
fn annotate(yaml: &str, notes: Vec<(usize, String)>) -> String {
    let mut notes = notes.into_iter().peekable();
    let mut out = String::with_capacity(yaml.len() * 2);
    for (number, line) in yaml.lines().enumerate() {
        match notes.next_if(|(noted, _)| *noted == number) {
            Some((_, note)) => {
                let width = COMMENT_COLUMN.max(line.chars().count() + 2);
                let _ = writeln!(out, "{line:width$}# {note}");
            }
            None => {
                out.push_str(line);
                out.push('\n');
            }
        }
    }
    out
}
