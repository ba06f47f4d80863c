//! From bytes to a tree with positions, and to nothing worse, whatever the bytes are.
//!
//! What YAML allows and a scenario does not: more than one document, directives, tags, keys that are not words, a key
//! twice in one map, and characters that do not print. Anchors and aliases are allowed, since `kubectl` expands them
//! too, but what they expand to is bounded before it is built, so a bomb costs no more than its own length.

use std::{borrow::Cow, collections::BTreeMap, ops::Range, sync::Arc};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span, options};

use super::{
    finding::Finding,
    node::{Entry, Node, Value},
    path::FieldPath,
    scalar,
};

/// The largest document read, in bytes: an object of this size is the most that a cluster stores (the default limit of
/// etcd is 1.5 MiB a request). Larger data belongs into a file that the scenario names.
pub const MAX_BYTES: usize = 1 << 20;

/// How deep maps and lists may nest. The language itself needs about ten levels.
pub const MAX_DEPTH: usize = 64;

/// The most that aliases may blow a document up to, in nodes and bytes of text together. Without an alias no document
/// of [`MAX_BYTES`] comes near it: a node takes at least one byte, and no escape doubles its length.
const MAX_WEIGHT: usize = 4 * MAX_BYTES;

/// Reads the bytes as text.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Finding> {
    if bytes.len() > MAX_BYTES {
        // The reader of a file stops soon after the limit, so the length of the bytes is not that of the file.
        return Err(Finding::at(0..0, "the file is too large: more than 1 MiB (1,048,576 bytes)")
            .help("name large data as a file of its own"));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let valid = error.valid_up_to();
        let message = format!("the file is not UTF-8: byte 0x{:02x} at offset {valid}", bytes[valid]);
        Finding::at(valid..valid + char::REPLACEMENT_CHARACTER.len_utf8(), message).help("save it as UTF-8")
    })?;
    let printable = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{85}');
    match text.char_indices().find(|(_, c)| !printable(*c)) {
        None => Ok(text),
        Some((offset, c)) => Err(Finding::at(
            offset..offset + c.len_utf8(),
            format!("the control character U+{:04X} at offset {offset} does not belong into YAML", c as u32),
        )
        .help("remove it, or write it as an escape in double quotes")),
    }
}

/// What can be shown of bytes that are no text. Offsets hold up to the first byte that is wrong.
pub(super) fn shown(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_BYTES)])
}

/// Reads the text into a tree. What is found is complete but for errors of syntax, which end the reading.
pub(super) fn parse(text: &str) -> Result<Arc<Node>, Vec<Finding>> {
    let mut builder = Builder { text, ..Builder::default() };
    let options = options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    for event in Parser::new_from_str_with_options(text, options) {
        let step = match event {
            Ok((event, span)) => builder.take(event, &bytes_of(&span)),
            Err(error) => Err(syntax(&error, text)),
        };
        if let Err(fatal) = step {
            builder.findings.push(fatal);
            return Err(builder.findings);
        }
    }
    match builder.root {
        Some(root) if builder.findings.is_empty() && !matches!(root.value, Value::Null) => Ok(root),
        _ => {
            if builder.findings.is_empty() {
                builder.findings.push(Finding::at(0..0, "the file is empty"));
            }
            Err(builder.findings)
        }
    }
}

fn bytes_of(span: &Span) -> Range<usize> {
    span.byte_range().expect("a parser over a string knows its byte offsets")
}

/// A finished node with what it costs to repeat it.
#[derive(Clone)]
struct Built {
    node: Arc<Node>,
    weight: usize,
    height: usize,
}

/// A list or map whose end has not come yet.
struct Frame {
    open: Open,
    start: usize,
    anchor: usize,
    weight: usize,
    height: usize,
}

enum Open {
    List(Vec<Arc<Node>>),
    Map { entries: Vec<Entry>, seen: BTreeMap<String, Range<usize>>, key: Option<(String, Range<usize>)> },
}

impl Frame {
    /// Whether the key whose value comes next was there before.
    fn repeats_a_key(&self) -> bool {
        matches!(&self.open, Open::Map { seen, key: Some((key, _)), .. } if seen.contains_key(key))
    }
}

#[derive(Default)]
struct Builder<'t> {
    text: &'t str,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Built>,
    weight: usize,
    documents: usize,
    root: Option<Arc<Node>>,
    findings: Vec<Finding>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: &Range<usize>) -> Result<(), Finding> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(Finding::at(span.clone(), "the file holds more than one document")
                        .help("put each scenario into a file of its own"));
                }
            }
            Event::Scalar(text, style, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                if self.awaits_key() {
                    return self.key(&text, style, span);
                }
                let weight = 1 + text.len();
                let value = match style {
                    ScalarStyle::Plain => scalar::resolve(&text),
                    _ => Value::Text { text: text.into_owned(), plain: false },
                };
                self.charge(weight, span)?;
                let node = Arc::new(Node { value, span: span.clone() });
                self.finish(Built { node, weight, height: 0 }, anchor);
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                self.open(Open::List(Vec::new()), anchor, span)?;
            }
            Event::MappingStart(_, anchor, tag) => {
                self.refuse_tag(tag.is_some(), span);
                let open = Open::Map { entries: Vec::new(), seen: BTreeMap::new(), key: None };
                self.open(open, anchor, span)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let frame = self.frames.pop().expect("the parser closes what it opened");
                let value = match frame.open {
                    Open::List(items) => Value::List(items),
                    Open::Map { entries, .. } => Value::Map(entries),
                };
                let end = frame.start + self.text[frame.start..span.end.max(frame.start)].trim_end().len();
                let node = Arc::new(Node { value, span: frame.start..end });
                let built = Built { node, weight: frame.weight + 1, height: frame.height + 1 };
                self.finish(built, frame.anchor);
            }
            Event::Alias(anchor) => self.alias(anchor, span)?,
            _ => {}
        }
        Ok(())
    }

    fn report(&mut self, finding: Finding) {
        let path = self.path();
        self.findings.push(finding.path(&path));
    }

    /// Where the next value belongs.
    fn path(&self) -> FieldPath {
        self.frames.iter().fold(FieldPath::root(), |path, frame| match &frame.open {
            Open::List(items) => path.index(items.len()),
            Open::Map { key: Some((key, _)), .. } => path.key(key),
            Open::Map { key: None, .. } => path,
        })
    }

    fn refuse_tag(&mut self, tagged: bool, span: &Range<usize>) {
        if tagged {
            self.report(
                Finding::at(span.clone(), "YAML tags (`!…`) are not part of the language")
                    .help("leave the tag out; quotes make a string of any value"),
            );
        }
    }

    fn awaits_key(&self) -> bool {
        matches!(self.frames.last(), Some(Frame { open: Open::Map { key: None, .. }, .. }))
    }

    fn key(&mut self, text: &str, style: ScalarStyle, span: &Range<usize>) -> Result<(), Finding> {
        if text.is_empty() {
            return Err(Finding::at(span.clone(), "the name of a field is missing before `:`"));
        }
        if text == "<<" && style == ScalarStyle::Plain {
            self.report(
                Finding::at(span.clone(), "merge keys (`<<`) are not part of YAML 1.2")
                    .help("write the fields out, or let an alias stand for the whole value"),
            );
        }
        self.charge(text.len(), span)?;
        if let Some(Frame { open: Open::Map { key, .. }, weight, .. }) = self.frames.last_mut() {
            *key = Some((text.to_owned(), span.clone()));
            *weight += text.len();
        }
        Ok(())
    }

    fn open(&mut self, open: Open, anchor: usize, span: &Range<usize>) -> Result<(), Finding> {
        if self.awaits_key() {
            return Err(Finding::at(span.clone(), "a list or a map cannot be the name of a field")
                .help("a value such as `{name}` needs quotes to be a string"));
        }
        if self.frames.len() >= MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.charge(1, span)?;
        self.frames.push(Frame { open, start: span.start, anchor, weight: 0, height: 0 });
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: &Range<usize>) -> Result<(), Finding> {
        if self.awaits_key() {
            return Err(Finding::at(span.clone(), "an alias cannot be the name of a field"));
        }
        let Some(built) = self.anchors.get(&anchor).cloned() else {
            return Err(Finding::at(span.clone(), "an alias cannot stand within the value that it repeats"));
        };
        if self.frames.len() + built.height > MAX_DEPTH {
            return Err(too_deep(span));
        }
        self.charge(built.weight, span)?;
        self.attach(built);
        Ok(())
    }

    /// Remembers a finished node by its anchor, if it has one (0 is none), and puts it where it belongs.
    fn finish(&mut self, built: Built, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, built.clone());
        }
        self.attach(built);
    }

    fn attach(&mut self, built: Built) {
        let path = self.frames.last().is_some_and(Frame::repeats_a_key).then(|| self.path());
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(built.node);
            return;
        };
        frame.weight += built.weight;
        frame.height = frame.height.max(built.height);
        match &mut frame.open {
            Open::List(items) => items.push(built.node),
            Open::Map { entries, seen, key } => {
                let (key, key_span) = key.take().expect("a value follows its key");
                match (seen.get(&key), path) {
                    (Some(first), Some(path)) => self.findings.push(
                        Finding::at(key_span, format!("`{key}` is given twice in one map"))
                            .also(first.clone(), "first given here")
                            .help("keep one of the two")
                            .path(&path),
                    ),
                    _ => {
                        seen.insert(key.clone(), key_span.clone());
                        entries.push(Entry { key, key_span, value: built.node });
                    }
                }
            }
        }
    }

    /// Counts what a node costs, once for itself and once for every alias that repeats it.
    fn charge(&mut self, weight: usize, span: &Range<usize>) -> Result<(), Finding> {
        self.weight += weight;
        if self.weight > MAX_WEIGHT {
            return Err(Finding::at(span.clone(), "aliases repeat more than a scenario may hold")
                .help(format!("what aliases expand to is limited to {MAX_WEIGHT} bytes")));
        }
        Ok(())
    }
}

fn too_deep(span: &Range<usize>) -> Finding {
    Finding::at(span.clone(), format!("lists and maps are nested more than {MAX_DEPTH} levels deep"))
}

/// An error of syntax in words that name the remedy, where the mistake is a common one.
fn syntax(error: &ScanError, text: &str) -> Finding {
    let start = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let length = text[start..].chars().next().map_or(0, char::len_utf8);
    let (message, help) = match error.kind() {
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => ("a tab cannot indent", "indent with spaces"),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a second `:` in one line, or a field under a value that is already complete",
            "quote a value that holds `: `, leave a space after `:`, and check the indentation",
        ),
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::UnexpectedEofFlowSequence => ("a bracket is not closed", "close it with `}` or `]`"),
        ErrorKind::ExpectedFlowMappingSeparator => {
            ("expected `,` or `}` here", "separate the fields with commas and close the map")
        }
        ErrorKind::ExpectedFlowSequenceSeparator => {
            ("expected `,` or `]` here", "separate the entries with commas and close the list")
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::InvalidIndentation | ErrorKind::SimpleKeyExpected => {
            (
                "expected a field, `name: value`, here",
                "check the indentation, and that a space follows the `:`",
            )
        }
        ErrorKind::BlockEntryInFlowCollection => {
            ("an entry of a list within brackets that are still open", "close the `{` or `[` above")
        }
        ErrorKind::ExpectedBlockSequenceEntry => {
            ("expected an entry of the list, `- …`, here", "check the indentation")
        }
        ErrorKind::MisplacedFlowCollectionEnd => ("a bracket is closed that was not opened", "remove it"),
        ErrorKind::UnexpectedCharacter { character } => {
            return Finding::at(start..start + length, format!("a value cannot begin with `{character}`"))
                .help("put it into quotes");
        }
        ErrorKind::UnclosedQuotedScalar => ("a quote is not closed", "close it with the same quote"),
        ErrorKind::UnknownAnchor => (
            "no anchor of this name comes before",
            "a value that begins with `*` needs quotes to be a string",
        ),
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => {
            let message = format!("this `{open}` is closed by `{close}`");
            return Finding::at(start..start + length, message).help("close each bracket with its own kind");
        }
        ErrorKind::RecursionLimitExceeded => return too_deep(&(start..start + length)),
        ErrorKind::DirectiveDisallowed => {
            ("YAML directives (`%…`) are not part of the language", "remove it")
        }
        _ => return Finding::at(start..start + length, format!("this is not YAML: {}", error.info())),
    };
    Finding::at(start..start + length, message).help(help)
}
