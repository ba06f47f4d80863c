//! A document as a tree of nodes that know their place in the text.

use std::{ops::Range, sync::Arc};

use super::path::{FieldPath, Segment};

/// A value with the bytes of the text that it was read from.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) span: Range<usize>,
}

/// What a node holds. Children are shared, since an alias stands for the very node that its anchor marked.
#[derive(Debug)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Number(serde_json::Number),
    /// `plain` is set for text written without quotes, which other readers of YAML may take for something else.
    Text {
        text: String,
        plain: bool,
    },
    List(Vec<Arc<Node>>),
    Map(Vec<Entry>),
}

/// A key with its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Range<usize>,
    pub(super) value: Arc<Node>,
}

impl Node {
    /// The entry of the map `self` under `key`.
    pub(super) fn entry(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            _ => None,
        }
    }

    /// What the node is, as it reads after "found".
    pub(super) fn kind(&self) -> &'static str {
        match self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Number(_) => "a number",
            Value::Text { .. } => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The same value without places.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Number(number) => number.clone().into(),
            Value::Text { text, .. } => text.clone().into(),
            Value::List(items) => items.iter().map(|item| item.to_json()).collect(),
            Value::Map(entries) => {
                entries.iter().map(|entry| (entry.key.clone(), entry.value.to_json())).collect()
            }
        }
    }

    /// Whether something is written at `path`.
    pub(super) fn holds(&self, path: &FieldPath) -> bool {
        self.follow(path).0 == path.segments().len()
    }

    /// The place of the field at `path`, or of the deepest field on the way to it that is written: its value, or its
    /// key where the value spreads over lines.
    pub(super) fn place(&self, path: &FieldPath, text: &str) -> Range<usize> {
        let (_, node, key) = self.follow(path);
        match key {
            Some(key) if node.span.is_empty() || text[node.span.clone()].contains('\n') => key,
            _ => node.span.clone(),
        }
    }

    /// The place of the name of the field at `path`, if it is written and has one.
    pub(super) fn place_of_key(&self, path: &FieldPath) -> Option<Range<usize>> {
        let (steps, _, key) = self.follow(path);
        key.filter(|_| steps == path.segments().len())
    }

    /// How many steps of `path` are written, the node these end at, and its key if it has one.
    fn follow(&self, path: &FieldPath) -> (usize, &Self, Option<Range<usize>>) {
        let (mut node, mut key) = (self, None);
        for (steps, segment) in path.segments().iter().enumerate() {
            let next = match (segment, &node.value) {
                (Segment::Key(name), _) => {
                    node.entry(name).map(|entry| (&entry.value, Some(entry.key_span.clone())))
                }
                (Segment::Index(index), Value::List(items)) => items.get(*index).map(|item| (item, None)),
                _ => None,
            };
            let Some((child, child_key)) = next else { return (steps, node, key) };
            (node, key) = (child, child_key);
        }
        (path.segments().len(), node, key)
    }
}
