//! What would be right: the hints of the errors of form.

use super::{
    finding::Finding,
    nearest::nearest,
    node::{Node, Value},
    path::{FieldPath, Segment},
    problem::quoted,
    scalar,
    shape::{Kind, Map, Shape, listed},
};

/// What to write instead of a value of the wrong type, where it can be told.
pub(super) fn for_type(finding: Finding, shape: &Shape, node: &Node, path: &FieldPath) -> Finding {
    match (&shape.kind, &node.value) {
        (Kind::Text { .. }, Value::Number(_)) if is_bound(path) => {
            finding.help("write it in the unit of its metric, such as `\"1s\"`, `\"5%\"` or `\"3\"`")
        }
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

/// Whether the field at `path` bounds a metric: it is text, since its unit is that of the metric.
fn is_bound(path: &FieldPath) -> bool {
    matches!(path.segments(), [Segment::Key(spec), Segment::Key(targets), Segment::Index(_), Segment::Key(_)]
        if spec == "spec" && targets == "targets")
}

/// Adds the nearest of the known names, and all of them.
pub(super) fn suggest(finding: Finding, given: &str, known: &[String]) -> Finding {
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
pub(super) fn skeleton(map: &Map, name: &str) -> String {
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
