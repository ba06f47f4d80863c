//! What stands in for a value that is wrong, so that the rest of its document can be read.
//!
//! Nobody knows what was meant. So the rest is read with several values in its place, and only what is found with each
//! of them alike is a mistake of the rest: see [`super::rest`].

use serde_json::{Value, json};

use super::{
    path::Segment,
    shape::{Bounds, Kind, Map, Shape},
};

/// What is put in the place of a wrong value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StandIn {
    /// Nothing where the field may be left out, or else the first of the values.
    Default,
    /// A value of the right form. There are three, which differ wherever the form leaves a choice.
    Value(usize),
}

impl StandIn {
    pub(super) const ALL: [Self; 4] = [Self::Default, Self::Value(0), Self::Value(1), Self::Value(2)];

    fn number(self) -> usize {
        match self {
            Self::Default => 0,
            Self::Value(number) => number,
        }
    }

    fn of<V>(self, values: &[V]) -> Option<&V> {
        values.get(self.number() % values.len().max(1))
    }
}

/// Puts a stand-in in the place of what is at `path`, in a document of this shape. Entries of lists stay, so that those
/// behind them keep their indices. A path that leads nowhere changes nothing.
pub(super) fn mend(json: &mut Value, shape: &Shape, path: &[Segment], stand_in: StandIn) {
    let [step, rest @ ..] = path else {
        *json = value(shape, stand_in);
        return;
    };
    match (step, &shape.kind, json) {
        (Segment::Key(key), Kind::Map(map), Value::Object(fields)) => {
            let Some(field) = map.fields.get(key).or(map.others.as_deref()) else { return };
            if !rest.is_empty() {
                fields.get_mut(key).into_iter().for_each(|json| mend(json, field, rest, stand_in));
            } else if may_go(map, key, field, stand_in) {
                fields.shift_remove(key);
            } else {
                fields.insert(key.clone(), value(field, stand_in));
            }
        }
        (Segment::Index(index), Kind::List { items, .. }, Value::Array(list)) => {
            list.get_mut(*index).into_iter().for_each(|json| mend(json, items, rest, stand_in));
        }
        (_, Kind::Either(shapes), json) => {
            if let Some(shape) = shapes.iter().find(|shape| leads_on(shape, step)) {
                mend(json, shape, path, stand_in);
            }
        }
        _ => {}
    }
}

/// Whether the field is left out rather than given another value. No name can stand in for another, as it would have to
/// be known elsewhere, and nor can the key of a map that holds what one likes.
fn may_go(map: &Map, key: &str, field: &Shape, stand_in: StandIn) -> bool {
    let is_name = matches!(field.kind, Kind::Text { .. });
    let optional = !map.required.iter().any(|name| name == key);
    optional && (stand_in == StandIn::Default || is_name || !map.fields.contains_key(key))
}

fn leads_on(shape: &Shape, step: &Segment) -> bool {
    matches!((step, &shape.kind), (Segment::Key(_), Kind::Map(_)) | (Segment::Index(_), Kind::List { .. }))
}

/// What has to be mended where the field at `path` is wrong: the field itself, or the whole choice whose kind it is.
pub(super) fn of_choice<'p>(shape: &Shape, path: &'p [Segment]) -> &'p [Segment] {
    match path.split_last() {
        Some((Segment::Key(_), holder)) if is_choice(shape, holder) => holder,
        _ => path,
    }
}

/// The same where no name that is unknown may stay: what cannot be without its name goes with it, if it can go.
pub(super) fn of_name<'p>(shape: &Shape, path: &'p [Segment]) -> &'p [Segment] {
    let Some((Segment::Key(key), holder)) = path.split_last() else { return path };
    let needed = matches!(at(shape, holder).map(|shape| &shape.kind), Some(Kind::Map(map)) if map.required.contains(key));
    let is_name = matches!(at(shape, path).map(|shape| &shape.kind), Some(Kind::Text { .. }));
    if !(needed && is_name) {
        return of_choice(shape, path);
    }
    let Some((_, around)) = holder.split_last() else { return path };
    match at(shape, around).map(|shape| &shape.kind) {
        Some(Kind::Map(map)) if !map.exactly_one.is_empty() => around,
        Some(Kind::List { length, .. }) if length.hold(0.0) => around,
        _ => path,
    }
}

fn is_choice(shape: &Shape, path: &[Segment]) -> bool {
    matches!(at(shape, path).map(|shape| &shape.kind), Some(Kind::Map(map)) if !map.exactly_one.is_empty())
}

/// What may stand at `path`.
fn at<'s>(shape: &'s Shape, path: &[Segment]) -> Option<&'s Shape> {
    let [step, rest @ ..] = path else { return Some(shape) };
    match (step, &shape.kind) {
        (Segment::Key(key), Kind::Map(map)) => at(map.fields.get(key).or(map.others.as_deref())?, rest),
        (Segment::Index(_), Kind::List { items, .. }) => at(items, rest),
        (_, Kind::Either(shapes)) => at(shapes.iter().find(|shape| leads_on(shape, step))?, path),
        _ => None,
    }
}

/// A value of this shape.
fn value(shape: &Shape, stand_in: StandIn) -> Value {
    match &shape.kind {
        Kind::Any => Value::Null,
        Kind::Map(map) => map_value(map, stand_in),
        Kind::List { items, length } => {
            (0..length.least.unwrap_or_default() as usize).map(|_| value(items, stand_in)).collect()
        }
        Kind::Words(words) => stand_in.of(words).cloned().into(),
        Kind::Text { length, .. } => {
            ["a", "b", "c"][stand_in.number()].repeat(length.least.unwrap_or(1.0).max(1.0) as usize).into()
        }
        Kind::Quantity(unit) => unit.stand_ins[stand_in.number()].into(),
        Kind::Integer(bounds) => json!(number(bounds, stand_in) as i64),
        Kind::Number(bounds) => json!(number(bounds, stand_in)),
        Kind::Boolean => (stand_in.number() > 0).into(),
        Kind::Either(shapes) => stand_in.of(shapes).map_or(Value::Null, |shape| value(shape, stand_in)),
    }
}

fn map_value(map: &Map, stand_in: StandIn) -> Value {
    let mut names: Vec<&String> = map.required.iter().collect();
    for choice in &map.exactly_one {
        // A kind that cannot be without a name would have to know one.
        let kinds: Vec<_> =
            choice.iter().filter(|kind| !map.fields.get(*kind).is_some_and(needs_name)).collect();
        names.extend(stand_in.of(&kinds).copied());
    }
    let field = |name: &String| Some((name.clone(), value(map.fields.get(name)?, stand_in)));
    Value::Object(names.into_iter().filter_map(field).collect())
}

fn needs_name(shape: &Shape) -> bool {
    let Kind::Map(map) = &shape.kind else { return false };
    map.required
        .iter()
        .any(|name| matches!(map.fields.get(name), Some(Shape { kind: Kind::Text { .. }, .. })))
}

fn number(bounds: &Bounds, stand_in: StandIn) -> f64 {
    let number: f64 = [1.0, 1_000.0, 1_200.0][stand_in.number()];
    number.min(bounds.most.unwrap_or(f64::MAX)).max(bounds.least.unwrap_or(f64::MIN))
}
