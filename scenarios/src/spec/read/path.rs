//! Field paths: `spec.groups[1].link.down`.

use std::fmt;

use serde::{Serialize, Serializer};

/// One step into a document.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Into a map, by its key.
    Key(String),
    /// Into a list, by its index from 0.
    Index(usize),
}

/// Where a field is in a document, from its root; empty for the whole document.
///
/// It reads as the API server writes it, so that a path in an error can be given to `kubectl explain`.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    /// The whole document.
    #[must_use]
    pub const fn root() -> Self {
        Self(Vec::new())
    }

    /// Reads a path such as `spec.groups[1].link.down`.
    ///
    /// Every text is a path: what is not an index in brackets is a key. A key that itself holds a dot reads as two.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut path = Self::root();
        for part in text.split('.').filter(|part| !part.is_empty()) {
            let (key, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            if !key.is_empty() {
                path.push(Segment::Key(key.to_owned()));
            }
            for index in indices.split(['[', ']']).filter(|index| !index.is_empty()) {
                path.push(index.parse().map_or_else(|_| Segment::Key(index.to_owned()), Segment::Index));
            }
        }
        path
    }

    /// The path of the field `key` of the map here.
    #[must_use]
    pub fn key(&self, key: &str) -> Self {
        self.then(Segment::Key(key.to_owned()))
    }

    /// The path of the entry `index`, from 0, of the list here.
    #[must_use]
    pub fn index(&self, index: usize) -> Self {
        self.then(Segment::Index(index))
    }

    /// The steps from the root.
    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    /// The steps to the map or list that holds the field.
    pub(super) fn parent(&self) -> &[Segment] {
        self.0.split_last().map_or(&[], |(_, parent)| parent)
    }

    fn then(&self, segment: Segment) -> Self {
        let mut longer = self.clone();
        longer.push(segment);
        longer
    }

    pub(super) fn push(&mut self, segment: Segment) {
        self.0.push(segment);
    }

    pub(super) fn pop(&mut self) {
        self.0.pop();
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (depth, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Key(key) if depth == 0 => f.write_str(key)?,
                Segment::Key(key) => write!(f, ".{key}")?,
                Segment::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

impl Serialize for FieldPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_reads_as_it_is_written() {
        for text in ["", "spec", "spec.groups[1].link.down", "spec.edges[3][0]", "spec.regions.us-east-1"] {
            assert_eq!(FieldPath::parse(text).to_string(), text);
        }
        assert_eq!(FieldPath::parse("spec.groups[1]"), FieldPath::root().key("spec").key("groups").index(1));
    }
}
