//! What is wrong at a place in the bytes of the text, before the text is cut into lines.

use std::ops::Range;

use super::path::FieldPath;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) span: Range<usize>,
    pub(super) path: FieldPath,
    pub(super) value: Option<String>,
    pub(super) message: String,
    pub(super) help: Vec<String>,
    pub(super) also: Option<Box<(Range<usize>, String)>>,
}

impl Finding {
    pub(super) fn at(span: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            span,
            path: FieldPath::root(),
            value: None,
            message: message.into(),
            help: Vec::new(),
            also: None,
        }
    }

    pub(super) fn value(mut self, value: Option<String>) -> Self {
        self.value = value;
        self
    }

    pub(super) fn path(mut self, path: &FieldPath) -> Self {
        self.path = path.clone();
        self
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    pub(super) fn also(mut self, span: Range<usize>, message: impl Into<String>) -> Self {
        self.also = Some(Box::new((span, message.into())));
        self
    }
}
