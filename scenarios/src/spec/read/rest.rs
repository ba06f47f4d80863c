//! What is wrong with the rest of a document, whatever its wrong values were meant to be.
//!
//! Each gate assumes that those before it found nothing. So that one mistake does not hide the others, what is wrong is
//! replaced and the rest is read on. A stand-in may break what follows from it: a fault begins too late for a run whose
//! length nobody knows. So the rest is read once with each [`StandIn`], and told is only what all readings find alike, in
//! the same words, and not of a value that was replaced.

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    Fault, FieldPath,
    mend::{StandIn, mend, of_choice, of_name},
    path::Segment,
    rules,
    shape::Shape,
};

/// How often the rest is read on. Each time finds at least one more mistake, and mostly all of a gate.
const MOST_ROUNDS: usize = 8;

/// A document of more values is not read on once something is wrong with it. A round is eight readings, each of which takes as
/// long as the document is large: with half a million values, seconds.
const MOST_VALUES: usize = 30_000;

/// A document whose unknown fields are taken out, and what is to be found about it.
pub(super) struct Rest<'a, T> {
    pub(super) schema: &'a Value,
    pub(super) shape: &'a Shape,
    pub(super) json: Value,
    /// What was taken out.
    pub(super) strays: Vec<FieldPath>,
    /// What its fields mean to each other.
    pub(super) meaning: &'a dyn Fn(&T) -> Vec<Fault>,
    /// What stands in the way of carrying it out; asked only of what is right in all else.
    pub(super) execution: &'a dyn Fn(&T) -> Vec<Fault>,
}

impl<T: DeserializeOwned> Rest<'_, T> {
    /// What the document says, if it is right in all, and what is wrong besides what is at the paths of `broken`.
    pub(super) fn read(&self, mut broken: Vec<FieldPath>) -> (Option<T>, Vec<Fault>) {
        let mut told = Vec::new();
        let is_large = values(&self.json) > MOST_VALUES;
        for _ in 0..MOST_ROUNDS {
            if broken.is_empty() && self.strays.is_empty() {
                let (value, mut faults) = self.form_and_meaning(self.json.clone());
                if let (Some(value), true) = (value, faults.is_empty()) {
                    faults = (self.execution)(&value);
                    if faults.is_empty() {
                        return (Some(value), told);
                    }
                }
                broken.extend(faults.iter().map(|fault| fault.path.clone()));
                told.extend(faults);
                continue;
            }
            if is_large {
                break;
            }
            let mut faults = self.common(&broken, |stand_in| {
                Some(self.form_and_meaning(self.mended(&broken, of_choice, stand_in)).1)
            });
            if faults.is_empty() {
                faults = self.common(&broken, |stand_in| self.executed(&broken, stand_in));
            }
            if faults.is_empty() {
                break;
            }
            broken.extend(faults.iter().map(|fault| fault.path.clone()));
            told.extend(faults);
        }
        (None, told)
    }

    fn mended(
        &self,
        broken: &[FieldPath],
        extent: for<'p> fn(&Shape, &'p [Segment]) -> &'p [Segment],
        stand_in: StandIn,
    ) -> Value {
        let mut json = self.json.clone();
        for path in broken {
            mend(&mut json, self.shape, extent(self.shape, path.segments()), stand_in);
        }
        json
    }

    /// What the rules, the types and the meaning of fields find.
    fn form_and_meaning(&self, json: Value) -> (Option<T>, Vec<Fault>) {
        let mut faults = rules::broken(self.schema, &json);
        let value = match serde_path_to_error::deserialize(json) {
            Ok(value) => {
                let meant = (self.meaning)(&value);
                // Where both speak of a field, the rule says that it is wrong, and the other why.
                faults.retain(|rule| !meant.iter().any(|fault| fault.path == rule.path));
                faults.extend(meant);
                Some(value)
            }
            Err(error) => {
                let path = FieldPath::parse(&error.path().to_string());
                faults.push(Fault::new(path, error.inner().to_string()));
                None
            }
        };
        (value, faults)
    }

    /// What stands in the way of carrying out a mended document, if nothing else is wrong with that.
    fn executed(&self, broken: &[FieldPath], stand_in: StandIn) -> Option<Vec<Fault>> {
        let (value, faults) = self.form_and_meaning(self.mended(broken, of_name, stand_in));
        value.filter(|_| faults.is_empty()).map(|value| (self.execution)(&value))
    }

    /// What the readings that come about find alike; nothing where there is but one, which proves nothing.
    fn common(&self, broken: &[FieldPath], read: impl Fn(StandIn) -> Option<Vec<Fault>>) -> Vec<Fault> {
        let readings: Vec<_> = StandIn::ALL.into_iter().filter_map(read).collect();
        let [first, others @ ..] = readings.as_slice() else { return Vec::new() };
        let follows = |fault: &Fault| {
            let path = fault.path.segments();
            // A map with a stray may break a rule only because what was meant is not there.
            self.strays.iter().any(|stray| stray.parent() == path)
                || broken.iter().any(|broken| {
                    let replaced = of_choice(self.shape, broken.segments());
                    path.starts_with(replaced) || holds(path, replaced)
                })
        };
        let alike = |fault: &&Fault| others.iter().all(|other| other.contains(fault)) && !follows(fault);
        if others.is_empty() { Vec::new() } else { first.iter().filter(alike).cloned().collect() }
    }
}

/// How many values a document has, those that hold others included.
fn values(json: &Value) -> usize {
    1 + match json {
        Value::Array(items) => items.iter().map(values).sum::<usize>(),
        Value::Object(fields) => fields.values().map(values).sum::<usize>(),
        _ => 0,
    }
}

/// Whether `path` is that of what a field is part of: a selector whose name is gone, say, or the fault with that selector.
/// The document and its sections hold far more than that, so what is wrong with them need not follow from one field.
fn holds(path: &[Segment], field: &[Segment]) -> bool {
    path.len() > 1 && field.starts_with(path) && field.len() - path.len() <= 2
}
