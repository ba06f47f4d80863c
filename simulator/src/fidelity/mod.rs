//! Runs of one scenario and seed on several engines, held against one another: read again, drawn and told.
//!
//! The arithmetic is [`peerlab_scenarios::report::fidelity`]'s.

mod figures;
mod load;
mod page;
mod tables;

use peerlab_report::{
    EngineKind, Outcome, assemble, distributions, page::show, quantity::Unit as Shown, record::Recorder,
};
use peerlab_scenarios::{
    plan::Plan,
    report::{
        Metric, Statistic, Unit,
        fidelity::{Fidelity, Run, Unlike},
        metric,
    },
};

pub use figures::figures;
pub use load::{is_single, load};
pub use page::{introduction, markdown, page};
pub use tables::{distances, measures};

/// The times that scenarios are about, by the metric of a workload.
pub const TIMES: [Metric; 3] = [metric::DELIVERY_LATENCY, metric::INSTALL_TIME, metric::FIND_TIME];

/// A run that has just been made, without its provenance.
#[must_use]
pub fn made(plan: &Plan, outcome: &Outcome, recorder: &Recorder) -> Run {
    let report = assemble::report(plan, outcome, recorder);
    Run {
        name: report.engine.clone(),
        report,
        distributions: distributions::of_run(plan, outcome, recorder),
        degrees: distributions::degrees(&outcome.online, &outcome.connections),
    }
}

/// Holds the first run against each of the others, and says the most important in words.
///
/// # Errors
/// When they are not runs of one plan.
pub fn hold(runs: &[Run]) -> Result<Fidelity, Unlike> {
    let mut fidelity = Fidelity::of(runs)?;
    fidelity.findings = findings(&fidelity);
    Ok(fidelity)
}

/// What a run is called in a sentence.
fn who(fidelity: &Fidelity, number: usize) -> String {
    let run = &fidelity.runs[number];
    let engine = match run.engine.as_str() {
        engine if engine == EngineKind::Model.name() => "the model",
        engine if engine == EngineKind::Virtual.name() => "real libp2p in virtual time",
        engine if engine == EngineKind::Live.name() => "real libp2p",
        other => other,
    };
    let alike = fidelity.runs.iter().filter(|other| other.engine == run.engine).count();
    if alike == 1 { engine.to_owned() } else { format!("{engine} ({})", run.name) }
}

/// The 95th percentile of every delivery, rollout and search, in sentences: `rooms: the model says p95 = 212 ms, real libp2p 205 ms (+3.4 %)`.
fn findings(fidelity: &Fidelity) -> Vec<String> {
    let of_interest = fidelity.measures.iter().filter(|measure| measure.statistic == Statistic::P95);
    let named = of_interest.filter_map(|measure| {
        let workload =
            TIMES.iter().find_map(|time| measure.metric.strip_suffix(time.name))?.strip_suffix('.')?;
        Some((workload, measure))
    });
    let mut told = Vec::new();
    for (workload, measure) in named {
        let Some(mine) = measure.values[0] else { continue };
        for (number, difference) in measure.differences.iter().enumerate() {
            let (Some(theirs), Some(difference)) = (measure.values[number + 1], difference) else { continue };
            let off =
                difference.relative.map_or_else(String::new, |share| format!(" ({})", signed_share(share)));
            let show = |value| show(value, measure.unit);
            told.push(format!(
                "{workload}: {} says p95 = {}, {} {}{off}",
                who(fidelity, 0),
                show(mine),
                who(fidelity, number + 1),
                show(theirs),
            ));
        }
    }
    told
}

/// A share with its sign: `+3.4 %`.
#[must_use]
pub fn signed_share(share: f64) -> String {
    // What is shown as nought has no sign.
    if share.abs() < 5e-5 {
        return "±0 %".to_owned();
    }
    format!("{}{}", sign(share), Shown::Share.show(share.abs()))
}

/// A difference with its sign: `+12.5 ms`.
fn signed(value: f64, unit: Unit) -> String {
    format!("{}{}", if value == 0.0 { "" } else { sign(value) }, show(value.abs(), unit))
}

const fn sign(value: f64) -> &'static str {
    if value < 0.0 { "−" } else { "+" }
}
