//! Targets: on metrics that exist, in their own unit.

use crate::{
    spec::{
        ScenarioSpec, Target, Workload,
        read::{Fault, FieldPath, nearest},
    },
    units::{BitsPerSec, Bytes, Nanos, QuantityError, Share},
};

/// What a metric measures, and so how a bound on it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measure {
    /// Time, such as `500ms`.
    Duration,
    /// A part of a whole, such as `99.9%`.
    Share,
    /// Data, such as `64Ki`.
    Size,
    /// Data over time, such as `20Mbit`.
    Rate,
    /// A bare number, such as `3` or `1.5`.
    Number,
}

impl Measure {
    /// Checks that `text` is a bound on such a metric.
    ///
    /// # Errors
    ///
    /// Why it is not.
    pub fn check(self, text: &str) -> Result<(), QuantityError> {
        match self {
            Self::Duration => text.parse::<Nanos>().map(|_| ()),
            Self::Share => text.parse::<Share>().map(|_| ()),
            Self::Size => text.parse::<Bytes>().map(|_| ()),
            Self::Rate => text.parse::<BitsPerSec>().map(|_| ()),
            Self::Number => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && number >= 0.0 => Ok(()),
                _ => Err(QuantityError {
                    given: text.to_owned(),
                    wanted: "a number such as `3` or `1.5`",
                    why: "this metric has no unit".to_owned(),
                }),
            },
        }
    }
}

/// A metric of a kind of workload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, behind the name of the workload and a dot.
    pub name: &'static str,
    /// What it measures.
    pub measure: Measure,
    /// What it means.
    pub meaning: &'static str,
}

/// The metrics of a chat.
pub const CHAT_METRICS: &[Metric] = &[
    Metric {
        name: "delivery.latency",
        measure: Measure::Duration,
        meaning: "from a post until a member who is there sees it",
    },
    Metric {
        name: "delivery.completeness",
        measure: Measure::Share,
        meaning: "posts seen, of those that members should have seen by the end",
    },
    Metric { name: "delivery.hops", measure: Measure::Number, meaning: "links that a post went over" },
    Metric {
        name: "delivery.hold",
        measure: Measure::Duration,
        meaning: "how long a post waits for what comes before it",
    },
    Metric {
        name: "duplicates",
        measure: Measure::Number,
        meaning: "copies of a post that reach a peer beyond the first",
    },
    Metric {
        name: "catchUp.time",
        measure: Measure::Duration,
        meaning: "from a member's return until it holds what it missed",
    },
    Metric {
        name: "receipt.latency",
        measure: Measure::Duration,
        meaning: "from a post until its author learns that it was read",
    },
];

fn metrics(workload: &Workload) -> &'static [Metric] {
    if workload.chat.is_some() { CHAT_METRICS } else { &[] }
}

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let known: Vec<(String, &Metric)> = spec
        .workloads
        .iter()
        .flat_map(|workload| {
            metrics(workload).iter().map(|metric| (format!("{}.{}", workload.name, metric.name), metric))
        })
        .collect();
    for (index, target) in spec.targets.iter().enumerate() {
        let path = super::root().key("targets").index(index);
        match known.iter().find(|(name, _)| *name == target.metric) {
            Some((_, metric)) => bounds(target, metric, &path, faults),
            None => {
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
    }
}

fn bounds(target: &Target, metric: &Metric, path: &FieldPath, faults: &mut Vec<Fault>) {
    let given = [
        ("p50", &target.p50),
        ("p95", &target.p95),
        ("p99", &target.p99),
        ("max", &target.max),
        ("atMost", &target.at_most),
        ("atLeast", &target.at_least),
    ];
    for (name, bound) in given {
        if let Some(Err(error)) = bound.as_ref().map(|bound| metric.measure.check(bound)) {
            faults.push(
                Fault::new(path.key(name), error.to_string())
                    .help(format!("`{}`: {}", target.metric, metric.meaning)),
            );
        }
    }
}
