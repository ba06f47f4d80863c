//! A document against the shape of the language: every mistake of form at once, each with its remedy.

use std::ops::Range;

use super::{
    finding::Finding,
    node::{Entry, Node, Value},
    path::{FieldPath, Segment},
    planned::is_planned,
    problem::{MAX_PROBLEMS, quoted, shortened},
    remedy::{for_type, skeleton, suggest},
    scalar,
    shape::{Kind, Map, Shape, listed},
};

/// What a check found.
#[derive(Default)]
pub(super) struct Findings {
    pub(super) list: Vec<Finding>,
    /// How many more there were than are kept.
    pub(super) omitted: usize,
    /// Fields that are unknown.
    pub(super) strays: Vec<FieldPath>,
    /// Fields that have to be replaced to give the document its form, once the strays are taken out.
    pub(super) broken: Vec<FieldPath>,
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
    /// Reports that the value here is wrong.
    fn refuse(&mut self, finding: Finding) {
        self.found.broken.push(self.path.clone());
        self.report(finding);
    }

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
        if let (Kind::Text { .. } | Kind::Words(_) | Kind::Quantity(_), Value::Text { text, plain: true }) =
            (&shape.kind, &node.value)
            && scalar::old_boolean(text).is_some()
        {
            let message =
                format!("`{text}` without quotes is a boolean to readers of YAML 1.1, such as kubectl");
            let finding = Finding::at(node.span.clone(), message).value(quoted(node));
            return self.refuse(finding.help(format!("write `\"{text}\"` if the word is meant")));
        }
        match (&shape.kind, &node.value) {
            (Kind::Any, _) | (Kind::Boolean, Value::Bool(_)) => {}
            (Kind::Map(map), Value::Map(entries)) => self.map(map, entries, node),
            (Kind::List { items, length }, Value::List(nodes)) => {
                if !length.hold(nodes.len() as f64) {
                    let (count, bounds) = (nodes.len(), length.as_count());
                    self.refuse(Finding::at(
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
                    self.refuse(suggest(finding, text, words));
                }
            }
            (Kind::Text { pattern, length }, Value::Text { text, .. }) => {
                let count = text.chars().count();
                let finding = Finding::at(node.span.clone(), String::new()).value(quoted(node));
                if !length.hold(count as f64) {
                    let bounds = length.as_count();
                    let message = format!("expected a string of {bounds} characters, found {count}");
                    self.refuse(Finding { message, ..finding });
                } else if let Some(pattern) = pattern
                    && !pattern.is_match(text)
                {
                    let message = format!("`{}` has characters that do not belong here", shortened(text));
                    let help = vec![format!("it must match `{pattern}`")];
                    self.refuse(Finding { message, help, ..finding });
                }
            }
            (Kind::Quantity(unit), Value::Text { text, .. }) => {
                if let Err(error) = (unit.parse)(text) {
                    let given = shortened(text);
                    let message = format!("`{given}` is not {}: {}", error.wanted, error.why);
                    let finding = Finding::at(node.span.clone(), message).value(quoted(node));
                    self.refuse(match unit.amended(text) {
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
            self.refuse(
                Finding::at(node.span.clone(), format!("expected {wants}, found {given}"))
                    .value(quoted(node)),
            );
        }
    }

    fn map(&mut self, map: &Map, entries: &[Entry], node: &Node) {
        if !map.length.hold(entries.len() as f64) {
            let (count, bounds) = (entries.len(), map.length.as_count());
            self.refuse(Finding::at(
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
        for name in map.required.iter().filter(|name| node.entry(name).is_none()) {
            self.found.broken.push(self.path.key(name));
            if meant.contains(&name.as_str()) {
                continue;
            }
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
        let message = if is_planned(&self.path) {
            format!("`{}` is not in this version of the language", entry.key)
        } else {
            format!("unknown {word} `{}`", shortened(&entry.key))
        };
        let known: Vec<_> = map.fields.keys().cloned().collect();
        let meant = map.meant(&entry.key);
        self.found.strays.push(self.path.clone());
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
        if given.len() != 1 {
            self.found.broken.push(self.path.clone());
        }
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
        self.refuse(for_type(finding, shape, node, &self.path));
    }
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
