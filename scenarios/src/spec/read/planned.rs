//! Names that the language is to have, and has not yet: whoever writes one made no slip.

use super::path::{FieldPath, Segment};

/// Their paths, without the indices of lists.
const PLANNED: [&[&str]; 9] = [
    &["spec", "discovery"],
    &["spec", "network", "mobility"],
    &["spec", "groups", "cpu"],
    &["spec", "groups", "behaviour", "spammer"],
    &["spec", "groups", "behaviour", "eclipse"],
    &["spec", "workloads", "update"],
    &["spec", "workloads", "stream"],
    &["spec", "workloads", "board"],
    &["spec", "workloads", "job"],
];

/// Whether a later version of the language is to have the field at `path`.
pub(super) fn is_planned(path: &FieldPath) -> bool {
    let keys = || {
        path.segments().iter().filter_map(|segment| match segment {
            Segment::Key(key) => Some(key.as_str()),
            Segment::Index(_) => None,
        })
    };
    PLANNED.iter().any(|planned| keys().eq(planned.iter().copied()))
}
