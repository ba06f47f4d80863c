//! Targets: on metrics that the report will hold, in their own unit.

use crate::{
    report::{bounds, metric::metrics_of},
    spec::{
        ScenarioSpec,
        read::{Fault, nearest},
    },
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let known = metrics_of(spec);
    for (index, target) in spec.targets.iter().enumerate() {
        let path = super::root().key("targets").index(index);
        if let Some((_, metric)) = known.iter().find(|(name, _)| *name == target.metric) {
            if let Err((bound, error)) = bounds(target, metric.unit) {
                faults.push(
                    Fault::new(path.key(bound.name()), error.to_string())
                        .help(format!("`{}`: {}", target.metric, metric.meaning)),
                );
            }
            continue;
        }
        let names = known.iter().map(|(name, _)| name.as_str());
        let fault = Fault::new(path.key("metric"), format!("there is no metric `{}`", target.metric));
        let fault = match nearest(&target.metric, names.clone()) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault,
        };
        let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
        faults.push(fault.help(format!("known: {}", names.join(", "))));
    }
}
