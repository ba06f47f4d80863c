//! A report as the page that people read.

use peerlab_scenarios::report::{
    self, Bound, Report, ScenarioSummary, Settling, TargetResult, Trust, Unit as MetricUnit, Verdict,
};

use crate::{
    html::{self, FaultRow, Figure, InvariantRow, MetricRow, Page, TargetRow, Validity},
    quantity::{Unit, grouped},
};

/// The unit of a metric as numbers are shown, and how many of the base units one of it is.
fn unit(unit: MetricUnit) -> (Unit, f64) {
    match unit {
        MetricUnit::Seconds => (Unit::Seconds, 1.0),
        MetricUnit::Bytes => (Unit::Bytes, 1.0),
        MetricUnit::Percent => (Unit::Share, 0.01),
        MetricUnit::Count => (Unit::Count, 1.0),
    }
}

/// A value of a metric with its unit, for people.
#[must_use]
pub fn show(value: f64, of: MetricUnit) -> String {
    let (unit, factor) = unit(of);
    unit.show(value * factor)
}

/// The limit of a target for people, with every digit that was asked for.
#[must_use]
pub fn limit(value: f64, of: MetricUnit) -> String {
    let (unit, factor) = unit(of);
    unit.show_in_full(value * factor)
}

/// A value of a metric for people who compare it with a limit: with digits enough to see on which side of it it is.
#[must_use]
pub fn show_beside(value: f64, limit: f64, of: MetricUnit) -> String {
    let (unit, factor) = unit(of);
    unit.show_beside(value * factor, limit * factor)
}

/// What was observed of a target, if anything was.
#[must_use]
pub fn observed(target: &TargetResult) -> Option<String> {
    target.observed.map(|value| show_beside(value, target.limit, target.unit))
}

/// A bound for people: `p99 ≤ 500 ms`.
#[must_use]
pub fn bound(target: &TargetResult) -> String {
    let limit = limit(target.limit, target.unit);
    match target.bound {
        Bound::AtLeast => format!("mean ≥ {limit}"),
        Bound::AtMost => format!("mean ≤ {limit}"),
        quantile => format!("{} ≤ {limit}", quantile.name()),
    }
}

/// The verdict in a sentence.
#[must_use]
pub fn verdict(report: &Report) -> String {
    let (met, all) = (report.targets.iter().filter(|target| target.met).count(), report.targets.len());
    match report.verdict() {
        Verdict::Invalid => format!("invalid run: {}", report.validity.reasons.join("; ")),
        Verdict::Met if all == 0 => "no targets were set".to_owned(),
        Verdict::Met => format!("{met} of {all} targets met"),
        Verdict::Missed => format!("{} of {all} targets missed", all - met),
    }
}

/// What was declared of the beginning, and what was seen: `30 s declared, 12 s detected`.
#[must_use]
pub fn warm_up(declared: f64, settling: &Settling) -> String {
    let declared = Unit::Seconds.show(declared);
    let Some(at) = settling.at else {
        return format!(
            "{declared} declared, none detected: too few posts were delivered to tell, or their latency did not settle by half-time"
        );
    };
    let detected = format!("{declared} declared, {} detected", Unit::Seconds.show(at));
    match settling.bias {
        None => detected,
        Some(bias) => {
            let change = Unit::Share.show(bias.abs());
            let way = if bias < 0.0 { "too low" } else { "too high" };
            let word = if settling.is_late() { "TOO SHORT" } else { "which matters little" };
            format!("{detected}: {word}, mean latency is {change} {way} for it")
        }
    }
}

/// Whether runs can be believed, as a page tells it.
#[must_use]
pub fn validity(validity: &report::Validity) -> Validity {
    let reasons = validity.reasons.clone();
    match validity.state {
        Trust::Valid => Validity::Valid,
        Trust::Degraded => Validity::Degraded(reasons),
        Trust::Invalid => Validity::Invalid(reasons),
    }
}

/// How long a run went on; of one that was interrupted, how much of its whole length: `10 min 59 s run of 3 h 1 min`.
fn duration(scenario: &ScenarioSummary) -> String {
    let show = |seconds| Unit::Seconds.show(seconds);
    scenario.interrupted.map_or_else(
        || show(scenario.duration),
        |at| format!("{} run of {}", show(at), show(scenario.duration + scenario.cool_down)),
    )
}

/// The page of a report with its charts; `engine` says, a paragraph each, what the engine that made the run does and leaves
/// out.
#[must_use]
pub fn page(report: &Report, figures: Vec<Figure>, engine: &[&str]) -> Page {
    let scenario = &report.scenario;
    let seconds = |value: f64| Unit::Seconds.show(value);
    let metric = |(name, summary): (&String, &report::Summary)| {
        let (unit, factor) = unit(summary.unit);
        let value = |value: f64| (summary.n > 0).then_some(value * factor);
        MetricRow {
            name: name.clone(),
            unit,
            n: summary.n,
            mean: value(summary.mean),
            p50: value(summary.p50),
            p95: value(summary.p95),
            p99: value(summary.p99),
            max: value(summary.max),
        }
    };
    Page {
        title: scenario.name.clone(),
        description: scenario.description.clone().unwrap_or_default(),
        verdict: match report.verdict() {
            Verdict::Invalid => html::Verdict::Invalid,
            Verdict::Missed => html::Verdict::Missed,
            Verdict::Met if report.targets.is_empty() => html::Verdict::NoTargets,
            Verdict::Met => html::Verdict::Met,
        },
        verdict_detail: verdict(report),
        facts: vec![
            ("Engine".to_owned(), report.engine.clone()),
            ("Seed".to_owned(), report.seed.to_string()),
            ("Peers".to_owned(), grouped(u64::from(scenario.peers))),
            ("Edges".to_owned(), grouped(scenario.edges)),
            ("Duration".to_owned(), duration(scenario)),
            ("Warm-up".to_owned(), warm_up(scenario.warm_up, &scenario.settling)),
        ],
        targets: report
            .targets
            .iter()
            .map(|target| TargetRow {
                metric: target.metric.clone(),
                bound: bound(target),
                observed: observed(target),
                met: target.met,
            })
            .collect(),
        metrics: report.metrics.iter().map(metric).collect(),
        invariants: report
            .invariants
            .iter()
            .map(|invariant| InvariantRow {
                name: invariant.name.clone(),
                holds: invariant.holds,
                detail: invariant.detail.clone(),
            })
            .collect(),
        validity: validity(&report.validity),
        figures,
        faults: scenario
            .faults
            .iter()
            .map(|fault| FaultRow {
                name: fault.name.clone(),
                kind: fault.kind.clone(),
                at: seconds(fault.at),
                lasted: fault
                    .until
                    .map_or_else(|| "to the end".to_owned(), |until| seconds(until - fault.at)),
                effects: fault.hits,
            })
            .collect(),
        provenance: provenance_rows(&report.provenance),
        model: engine.iter().map(|&text| text.to_owned()).collect(),
    }
}

/// Fields of the provenance that tell of one occasion. The page leaves them out, so that the same run gives the same page.
const OCCASION: [&str; 2] = ["wallSeconds", "finishedAtUnixSeconds"];

/// The provenance, a row a field; what is long, and the machine, stand in `report.json`.
#[must_use]
pub fn provenance_rows(provenance: &serde_json::Value) -> Vec<(String, String)> {
    let fields = provenance.as_object().into_iter().flatten();
    let scalar = fields.filter_map(|(name, value)| match value {
        _ if OCCASION.contains(&name.as_str()) => None,
        serde_json::Value::String(text) => Some((name.clone(), text.clone())),
        serde_json::Value::Object(_) | serde_json::Value::Array(_) | serde_json::Value::Null => None,
        other => Some((name.clone(), other.to_string())),
    });
    scalar.collect()
}
