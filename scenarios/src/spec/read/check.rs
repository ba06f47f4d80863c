//! A document against the shape of the language: every mistake of form at once, each with its remedy.

use std::ops::Range;

use super::{
    finding::Finding,
    nearest::nearest,
    node::{Entry, Node, Value},
    path::{FieldPath, Segment},
    problem::{MAX_PROBLEMS, quoted, shortened},
    scalar,
    shape::{Kind, Map, Shape, listed},
};

/// What a check found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    /// How many more there were than are kept.
    pub(super) omitted: usize,
    /// Fields that are unknown and can be ignored for the time being: without them the rest has its form.
    pub(super) strays: Vec<FieldPath>,
}

impl Findings {
    /// Whether the document has the form of its type once the strays are taken out.
    pub(super) fn only_strays(&self) -> bool {
        self.omitted == 0 && self.list.len() == self.strays.len()
    }
}

/// Checks a whole document.
pub(super) fn check(shape: &Shape, root: &Node) -> Findings {
    let mut checker = Checker { root: shape, path: FieldPath::root(), key: None, found: Findings::default() };
    checker.value(shape, root);
    checker.found
}

struct Checker<'a> {
    root: &'a Shape,
    path: FieldPath,
    /// The key that the value under check stands behind.
    key: Option<Range<usize>>,
    found: Findings,
}

impl Checker<'_> {
    fn report(&mut self, finding: Finding) {
        if self.found.list.len() < MAX_PROBLEMS {
            self.found.list.push(finding.path(&self.path));
        } else {
            self.found.omitted += 1;
        }
    }

    fn within(&mut self, segment: Segment, key: Option<&Range<usize>>, check: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.key, key.cloned());
        self.path.push(segment);
        check(self);
        self.path.pop();
        self.key = outer;
    }

    /// The place of a list or map as a whole: its key, since the value itself may fill the screen.
    fn whole(&self, node: &Node) -> Range<usize> {
        let start = node.span.start;
        self.key.clone().unwrap_or(start..start)
    }

    fn value(&mut self, shape: &Shape, node: &Node) {
        if matches!(node.value, Value::Null) && shape.nullable {
            return;
        }
        match (&shape.kind, &node.value) {
            (Kind::Any, _) | (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Map(map), Value::Map(entries)) => self.map(map, entries, node),
            (Kind::List { items, length }, Value::List(nodes)) => {
                if !length.hold(nodes.len() as f64) {
                    let (count, bounds) = (nodes.len(), length.as_count());
                    self.report(Finding::at(
                        self.whole(node),
                        format!("expected a list of {bounds} entries, found {count}"),
                    ));
                    return;
                }
                for (index, item) in nodes.iter().enumerate() {
                    self.within(Segment::Index(index), None, |this| this.value(items, item));
                }
            }
            (Kind::Words(words), Value::Text { text, .. }) => {
                if !words.contains(text) {
                    let finding = Finding::at(node.span.clone(), format!("`{}` is unknown", shortened(text)))
                        .value(quoted(node));
                    self.report(suggest(finding, text, words));
                }
            }
            (Kind::Text { pattern, length }, Value::Text { text, .. }) => {
                let count = text.chars().count();
                let finding = Finding::at(node.span.clone(), String::new()).value(quoted(node));
                if !length.hold(count as f64) {
                    let bounds = length.as_count();
                    let message = format!("expected a string of {bounds} characters, found {count}");
                    self.report(Finding { message, ..finding });
                } else if let Some(pattern) = pattern
                    && !pattern.is_match(text)
                {
                    let message = format!("`{}` has characters that do not belong here", shortened(text));
                    let help = vec![format!("it must match `{pattern}`")];
                    self.report(Finding { message, help, ..finding });
                }
            }
            (Kind::Quantity(unit), Value::Text { text, .. }) => {
                if let Err(error) = (unit.parse)(text) {
                    let given = shortened(text);
                    let message = format!("`{given}` is not {}: {}", error.wanted, error.why);
                    let finding = Finding::at(node.span.clone(), message).value(quoted(node));
                    self.report(match unit.amended(text) {
                        Some(right) => finding.help(format!("write `{right}`, not `{given}`")),
                        None => finding,
                    });
                }
            }
            (Kind::Integer(bounds), Value::Number(number)) if !number.is_f64() => {
                self.bounds(bounds.hold(number.as_f64().unwrap_or(f64::NAN)), shape, node);
            }
            (Kind::Number(bounds), Value::Number(number)) => {
                self.bounds(bounds.hold(number.as_f64().unwrap_or(f64::NAN)), shape, node);
            }
            (Kind::Either(shapes), _) => match shapes.iter().find(|shape| fits(shape, node)) {
                Some(shape) => self.value(shape, node),
                None => self.mismatch(shape, node),
            },
            _ => self.mismatch(shape, node),
        }
    }

    fn bounds(&mut self, hold: bool, shape: &Shape, node: &Node) {
        if !hold {
            let (given, wants) = (quoted(node).unwrap_or_default(), shape.wants());
            self.report(
                Finding::at(node.span.clone(), format!("expected {wants}, found {given}"))
                    .value(quoted(node)),
            );
        }
    }

    fn map(&mut self, map: &Map, entries: &[Entry], node: &Node) {
        if !map.length.hold(entries.len() as f64) {
            let (count, bounds) = (entries.len(), map.length.as_count());
            self.report(Finding::at(
                self.whole(node),
                format!("expected a map of {bounds} entries, found {count}"),
            ));
            return;
        }
        for entry in entries {
            let shape = map.fields.get(&entry.key).or(map.others.as_deref());
            self.within(Segment::Key(entry.key.clone()), Some(&entry.key_span), |this| match shape {
                Some(shape) => this.value(shape, &entry.value),
                None => this.unknown(map, entry),
            });
        }
        let unknown = entries.iter().filter(|entry| !map.fields.contains_key(&entry.key));
        let meant: Vec<_> = unknown.take(MAX_PROBLEMS).filter_map(|entry| map.meant(&entry.key)).collect();
        let missing = |name: &&String| node.entry(name).is_none() && !meant.contains(&name.as_str());
        for name in map.required.iter().filter(missing) {
            let mut finding = Finding::at(self.whole(node), format!("`{name}` is missing"));
            if let Some(summary) = map.fields.get(name).map(|field| &field.summary).filter(|s| !s.is_empty())
            {
                finding = finding.help(format!("`{name}`: {summary}"));
            }
            self.report(finding);
        }
        for choice in &map.exactly_one {
            self.choice(map, choice, entries, node);
        }
    }

    fn unknown(&mut self, map: &Map, entry: &Entry) {
        if self.found.list.len() >= MAX_PROBLEMS {
            self.found.omitted += 1;
            return;
        }
        let word = if map.exactly_one.is_empty() { "field" } else { "kind" };
        let message = format!("unknown {word} `{}`", shortened(&entry.key));
        let known: Vec<_> = map.fields.keys().cloned().collect();
        let meant = map.meant(&entry.key);
        // What was meant for a required field or for the kind of a choice cannot be ignored.
        if map.exactly_one.is_empty()
            && !meant.is_some_and(|name| map.required.iter().any(|field| field == name))
        {
            self.found.strays.push(self.path.clone());
        }
        let mut finding = suggest(Finding::at(entry.key_span.clone(), message), &entry.key, &known);
        if meant.is_none() {
            let mut owners = Vec::new();
            self.root.owners(&entry.key, "", &mut owners);
            owners.retain(|owner| !owner.is_empty());
            if !owners.is_empty() {
                owners.truncate(3);
                finding.help.insert(
                    0,
                    format!("`{}` belongs into {}: is it indented as meant?", entry.key, listed(owners)),
                );
            }
        }
        self.report(finding);
    }

    /// Exactly one field of a choice must be given. A field that is unknown was meant to be it, and is reported already.
    fn choice(&mut self, map: &Map, choice: &[String], entries: &[Entry], node: &Node) {
        let given: Vec<_> = entries.iter().filter(|entry| choice.contains(&entry.key)).collect();
        match given[..] {
            [_] => {}
            [] if entries.iter().any(|entry| !map.fields.contains_key(&entry.key)) => {}
            [] => self.report(
                Finding::at(
                    self.whole(node),
                    format!("exactly one of {} is wanted, none is given", listed(choice)),
                )
                .help(format!("write for example `{}`", skeleton(map, &choice[0]))),
            ),
            [first, second, ..] => {
                let names = listed(given.iter().map(|entry| &entry.key));
                self.report(
                    Finding::at(second.key_span.clone(), format!("only one of {names} can be given"))
                        .also(first.key_span.clone(), "the first"),
                );
            }
        }
    }

    /// Something of another type than the place wants.
    fn mismatch(&mut self, shape: &Shape, node: &Node) {
        let found = match (&node.value, quoted(node)) {
            (Value::Text { plain: false, .. }, Some(text)) => format!("the string \"{text}\""),
            (_, Some(text)) => format!("`{text}`"),
            (_, None) => node.kind().to_owned(),
        };
        let finding = Finding::at(node.span.clone(), format!("expected {}, found {found}", shape.wants()))
            .value(quoted(node));
        self.report(remedy(finding, shape, node));
    }
}

/// What to write instead of a value of the wrong type, where it can be told.
fn remedy(finding: Finding, shape: &Shape, node: &Node) -> Finding {
    match (&shape.kind, &node.value) {
        (Kind::Boolean, Value::Text { text, plain }) => match scalar::old_boolean(text) {
            Some(meant) => finding.help(format!("write `{meant}`: `{text}` is a string in YAML 1.2")),
            None if !plain && matches!(scalar::resolve(text), Value::Bool(_)) => {
                finding.help("leave the quotes out")
            }
            None => finding,
        },
        (Kind::Integer(_) | Kind::Number(_), Value::Text { text, plain }) => {
            let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
            let digits = !unsigned.is_empty() && unsigned.bytes().all(|b| b.is_ascii_digit());
            match scalar::resolve(text) {
                Value::Number(_) if !plain => finding.help("leave the quotes out"),
                _ if digits && unsigned.starts_with('0') => {
                    finding.help("leave the leading zeros out: some readers take them for octal")
                }
                _ if digits => finding.help("it does not fit into 64 bits"),
                _ if unsigned.starts_with(|c: char| c.is_ascii_digit()) => {
                    finding.help("write a bare number: this is a count, it has no unit")
                }
                _ => finding,
            }
        }
        (Kind::Text { .. } | Kind::Words(_), Value::Number(_) | Value::Bool(_)) => {
            let text = quoted(node).unwrap_or_default();
            finding.help(format!("put it into quotes: `\"{text}\"`"))
        }
        (Kind::Quantity(unit), Value::Number(number)) => {
            let given = number.to_string();
            match unit.amended(&given) {
                Some(right) => finding.help(format!("write `{right}`, not `{given}`")),
                None => finding,
            }
        }
        (Kind::Map(map), value) if !map.exactly_one.is_empty() => {
            let choice = &map.exactly_one[0];
            // The kind as a word, or as the only word of a list.
            let word = match value {
                Value::Text { text, .. } => Some(text),
                Value::List(items) => match items.first().map(|item| &item.value) {
                    Some(Value::Text { text, .. }) if items.len() == 1 => Some(text),
                    _ => None,
                },
                _ => None,
            };
            match word.and_then(|word| nearest(word, choice.iter().map(String::as_str))) {
                Some(name) if word.is_some_and(|word| word == name) => {
                    finding.help(format!("write `{}`", skeleton(map, name)))
                }
                Some(name) => finding.help(format!("did you mean `{}`?", skeleton(map, name))),
                None => finding
                    .help(format!("write for example `{}`", skeleton(map, &choice[0])))
                    .help(format!("known here: {}", listed(choice))),
            }
        }
        (Kind::Map(_), Value::List(_)) => finding.help("write its fields without `- ` before them"),
        (Kind::Map(map), Value::Text { .. } | Value::Number(_) | Value::Bool(_))
            if !map.fields.is_empty() =>
        {
            let fields = if map.required.is_empty() {
                map.fields.keys().collect()
            } else {
                map.required.iter().collect::<Vec<_>>()
            };
            finding
                .help(format!("write its fields, `{{{}: …}}`", fields[0]))
                .help(format!("known here: {}", listed(map.fields.keys())))
        }
        (Kind::List { .. }, Value::Map(_) | Value::Text { .. } | Value::Number(_)) => {
            finding.help("begin each entry of the list with `- `, or write it as `[…]`")
        }
        (Kind::Integer(_), Value::Number(_)) => finding.help("write a whole number, without a fraction"),
        (_, Value::Null) => finding.help("give it a value, or leave it out"),
        _ => finding,
    }
}

/// Adds the nearest of the known names, and all of them.
fn suggest(finding: Finding, given: &str, known: &[String]) -> Finding {
    let finding = match nearest(given, known.iter().map(String::as_str)) {
        Some(name) if known.len() == 1 => return finding.help(format!("write `{name}`")),
        Some(name) => finding.help(format!("did you mean `{name}`?")),
        None => finding,
    };
    if known.is_empty() {
        finding.help("nothing can be given here")
    } else {
        finding.help(format!("known here: {}", listed(known)))
    }
}

/// How the kind `name` of a choice is written, with what it requires.
fn skeleton(map: &Map, name: &str) -> String {
    let inner = match map.fields.get(name).map(|shape| &shape.kind) {
        Some(Kind::Map(inner)) => {
            let fields = inner.required.iter().map(|field| format!("{field}: …"));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Some(Kind::List { .. }) => "[…]".to_owned(),
        _ => "…".to_owned(),
    };
    format!("{{{name}: {inner}}}")
}

/// Whether the type of `node` is one that `shape` is for.
fn fits(shape: &Shape, node: &Node) -> bool {
    match (&shape.kind, &node.value) {
        (Kind::Any, _)
        | (Kind::Map(_), Value::Map(_))
        | (Kind::List { .. }, Value::List(_))
        | (Kind::Text { .. } | Kind::Quantity(_), Value::Text { .. })
        | (Kind::Number(_), Value::Number(_))
        | (Kind::Boolean, Value::Bool(_)) => true,
        (Kind::Integer(_), Value::Number(number)) => !number.is_f64(),
        (Kind::Words(words), Value::Text { text, .. }) => words.contains(text),
        (Kind::Either(shapes), _) => shapes.iter().any(|shape| fits(shape, node)),
        _ => false,
    }
}
