//! Errors as a person is shown them: file, line and column, field, value, what would be right.

use std::{error::Error, fmt};

use serde::Serialize;

use super::{
    finding::Finding,
    node::{Node, Value},
    path::FieldPath,
};

/// The most problems that are listed. A file with more of them is of another kind altogether, and a list of a million
/// helps nobody.
pub const MAX_PROBLEMS: usize = 100;

/// How many characters of a source line are shown.
const LINE_WIDTH: usize = 100;

/// How many characters of a value are quoted.
const VALUE_WIDTH: usize = 60;

/// How many characters of a path are shown.
pub(super) const PATH_WIDTH: usize = 200;

/// How many characters a message or a hint has; lists of known names are what is long.
const MESSAGE_WIDTH: usize = 2_000;

/// One thing that is wrong in a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The field, or the root where the document as a whole is wrong.
    pub path: FieldPath,
    /// Where it stands.
    #[serde(flatten)]
    pub place: Place,
    /// The value that is wrong as it is written, if it is a scalar; cut off when it is long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What is wrong.
    pub message: String,
    /// What would be right, the most useful hint first.
    pub help: Vec<String>,
    /// A second place that has to do with it, and what it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub also: Option<(Place, String)>,
}

/// A stretch of one line of a document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// How many characters of the line are meant; 0 when the place is between two.
    pub length: usize,
    /// The part of the line around the place that is fit to be printed: no control characters, no endless lines.
    #[serde(skip)]
    pub(super) excerpt: String,
    /// Where in the excerpt the place begins, in characters.
    #[serde(skip)]
    pub(super) caret: usize,
}

/// All that is wrong in a document, in the order of its lines; never empty.
///
/// It prints as plain text; [`Problems::coloured`] is for a terminal, and the serialised form for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problems {
    /// The name of the document as given to the reader: a path as a rule.
    pub file: String,
    /// What is wrong; at most [`MAX_PROBLEMS`].
    pub problems: Vec<Problem>,
    /// How many more there are than are listed.
    pub omitted: usize,
}

impl Problems {
    /// The same text as printed by `Display`, with the colours of ANSI terminals.
    #[must_use]
    pub fn coloured(&self) -> String {
        super::render::render(self, super::render::Style::Coloured)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&super::render::render(self, super::render::Style::Plain))
    }
}

impl Error for Problems {}

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Text<'t> {
    name: &'t str,
    text: &'t str,
    lines: Vec<usize>,
}

impl<'t> Text<'t> {
    pub(super) fn new(name: &'t str, text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(end, _)| end + 1)).collect();
        Self { name, text, lines }
    }

    /// Puts findings in order and into lines.
    pub(super) fn problems(&self, mut findings: Vec<Finding>, omitted: usize) -> Problems {
        findings
            .sort_by(|a, b| (a.span.start, &a.path, &a.message).cmp(&(b.span.start, &b.path, &b.message)));
        findings.dedup();
        let omitted = omitted + findings.len().saturating_sub(MAX_PROBLEMS);
        findings.truncate(MAX_PROBLEMS);
        let problems = findings.into_iter().map(|finding| self.problem(finding)).collect();
        Problems { file: self.name.to_owned(), problems, omitted }
    }

    fn problem(&self, finding: Finding) -> Problem {
        Problem {
            place: self.place(&finding.span),
            path: finding.path,
            value: finding.value,
            message: printable(&finding.message, MESSAGE_WIDTH),
            help: finding.help.iter().map(|help| printable(help, MESSAGE_WIDTH)).collect(),
            also: finding.also.map(|also| (self.place(&also.0), also.1)),
        }
    }

    fn place(&self, span: &std::ops::Range<usize>) -> Place {
        let start = span.start.min(self.text.len());
        let index = self.lines.partition_point(|line| *line <= start) - 1;
        let line = self.text[self.lines[index]..].split(['\n', '\r']).next().unwrap_or_default();
        // The parser may place the end of a text beyond its last line.
        let within = (start - self.lines[index]).min(line.len());
        let column = line[..within].chars().count();
        let length = line[within..(within + span.len()).min(line.len())].chars().count();
        let from = if column + length.min(LINE_WIDTH / 2) > LINE_WIDTH { column - LINE_WIDTH / 2 } else { 0 };
        let mut excerpt: String = line
            .chars()
            .skip(from)
            .take(LINE_WIDTH)
            .map(|c| match c {
                '\t' => ' ',
                c if c.is_control() => char::REPLACEMENT_CHARACTER,
                c => c,
            })
            .collect();
        let mut caret = column - from;
        if from > 0 {
            excerpt.insert_str(0, "… ");
            caret += 2;
        }
        if line.chars().nth(from + LINE_WIDTH).is_some() {
            excerpt.push_str(" …");
        }
        Place { line: index + 1, column: column + 1, length, excerpt, caret }
    }
}

/// The value as written, if it is a scalar, short enough to be quoted.
pub(super) fn quoted(node: &Node) -> Option<String> {
    let text = match &node.value {
        Value::Null | Value::List(_) | Value::Map(_) => return None,
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::Text { text, .. } => text.clone(),
    };
    Some(shortened(&text))
}

/// The first characters of a value.
pub(super) fn shortened(text: &str) -> String {
    printable(text, VALUE_WIDTH)
}

/// The first characters of a text, on one line and harmless to a terminal: what a document holds is repeated to people.
pub(super) fn printable(text: &str, width: usize) -> String {
    let safe = |c: char| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c };
    let mut short: String = text.chars().take(width).map(safe).collect();
    if text.chars().nth(width).is_some() {
        short.push('…');
    }
    short
}
