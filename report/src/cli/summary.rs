//! A run in a screenful.

use std::path::Path;

use peerlab_scenarios::{
    report::{Report, Trust, Verdict},
    units::Nanos,
};

use super::table;
use crate::{
    Outcome, page,
    quantity::{Unit, grouped},
};

/// What a person wants to see first.
///
/// `pace` says how the engine went about it, after the length of the run: ` in 2.1 s (1,000 events, 0.5 M/s)`.
#[must_use]
pub fn of(report: &Report, outcome: &Outcome, pace: &str, place: &Path) -> String {
    let scenario = &report.scenario;
    let planned = scenario.duration + scenario.cool_down;
    let lasted = outcome.interrupted.map_or(planned, Nanos::as_secs_f64);
    let mut text = format!(
        "{}: {} peers, {} edges, seed {}, {} of {}{pace}\n\n",
        scenario.name,
        grouped(u64::from(scenario.peers)),
        grouped(scenario.edges),
        report.seed,
        Unit::Seconds.show(lasted),
        outcome.engine.time(),
    );
    let mut metrics = table::Table::new(&["metric", "n", "mean", "p50", "p95", "p99", "max"]);
    for (name, summary) in &report.metrics {
        let value =
            |value: f64| if summary.n == 0 { "-".to_owned() } else { page::show(value, summary.unit) };
        let values = [summary.mean, summary.p50, summary.p95, summary.p99, summary.max].map(value);
        metrics.row([name.clone(), grouped(summary.n)].into_iter().chain(values).collect());
    }
    metrics.numbers_from(1);
    text.push_str(&metrics.render(table::width()));
    if !scenario.faults.is_empty() {
        let mut faults = table::Table::new(&["fault", "kind", "at", "hits"]);
        for fault in &scenario.faults {
            faults.row(vec![
                fault.name.clone(),
                fault.kind.clone(),
                Unit::Seconds.show(fault.at),
                grouped(fault.hits),
            ]);
        }
        faults.numbers_from(2);
        text.push('\n');
        text.push_str(&faults.render(table::width()));
    }
    if !report.targets.is_empty() {
        let mut targets = table::Table::new(&["target", "bound", "observed", ""]);
        for target in &report.targets {
            let observed = page::observed(target).unwrap_or_else(|| "nothing".to_owned());
            let met = if target.met { "met" } else { "MISSED" };
            targets.row(vec![target.metric.clone(), page::bound(target), observed, met.to_owned()]);
        }
        text.push('\n');
        text.push_str(&targets.render(table::width()));
    }
    let word = match report.verdict() {
        Verdict::Invalid => "INVALID",
        Verdict::Met | Verdict::Missed if outcome.interrupted.is_some() => "INTERRUPTED",
        Verdict::Met => "PASS",
        Verdict::Missed => "FAIL",
    };
    text.push_str(&format!("\nwarm-up: {}\n", page::warm_up(scenario.warm_up, &scenario.settling)));
    if report.validity.state == Trust::Degraded {
        text.push_str(&format!("DEGRADED: {}\n", report.validity.reasons.join("; ")));
    }
    text.push_str(&format!(
        "{word}: {}\nreport: {}\n",
        page::verdict(report),
        place.join("report.html").display()
    ));
    text
}
