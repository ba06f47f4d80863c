//! What the fields of a scenario mean to each other: names that must exist, times that must be in order, shares that
//! must fit into a whole. Neither a schema nor a rule of the API server can say these.
//!
//! Everything here follows from the scenario alone. What depends on a seed or on a file's content, such as a selector
//! that fits nobody, is found when the plan is made.

mod discovery;
mod gossipsub;
mod limits;
mod names;
mod peers;
mod periods;
mod targets;
mod times;
pub(crate) mod traversal;
mod updates;

use super::{ScenarioSpec, read::Fault, read::FieldPath};

/// All that is wrong with a scenario whose form is right.
#[must_use]
pub fn faults(spec: &ScenarioSpec) -> Vec<Fault> {
    let mut faults = Vec::new();
    names::check(spec, &mut faults);
    peers::check(spec, &mut faults);
    times::check(spec, &mut faults);
    periods::check(spec, &mut faults);
    targets::check(spec, &mut faults);
    limits::check(spec, &mut faults);
    traversal::check(spec, &mut faults);
    gossipsub::check(spec, &mut faults);
    updates::check(spec, &mut faults);
    discovery::check(spec, &mut faults);
    faults
}

/// The path of the specification in its document.
fn root() -> FieldPath {
    FieldPath::root().key("spec")
}
