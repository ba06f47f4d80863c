//! The table of all scenarios, and the document that it stands in.

use indexmap::IndexMap;
use peerlab_report::{
    markdown,
    page::show,
    quantity::{Unit, fixed, grouped},
};
use peerlab_scenarios::report::{
    Statistic, Trust,
    fidelity::{Fidelity, Measured},
    metric,
};
use peerlab_simulator::fidelity::{TIMES, signed_share};

use super::why::{is_off, why};

/// What stands above the table.
const HEAD: &str = include_str!("head.md");

/// What stands below it.
const FOOT: &str = include_str!("foot.md");

/// A scenario, and what came of it.
#[derive(Clone, Debug)]
pub struct Row {
    /// Its name.
    pub scenario: String,
    /// What came of it; or why it was left out.
    pub came: Result<Held, String>,
}

/// A scenario that both engines ran.
#[derive(Clone, Debug)]
pub struct Held {
    /// Whether it was cut short.
    pub cut: bool,
    /// The longest post, B.
    pub longest: u64,
    /// Whether a path is cut in it and comes back.
    pub heals: bool,
    /// How many connections a peer has, in the mean.
    pub neighbours: f64,
    /// How long a peer is connected with a neighbour, in the mean, s.
    pub connected: f64,
    /// How often a peer compared what it holds with somebody whom it might have to dial, in the mean.
    pub compared: f64,
    /// How the model compares.
    pub fidelity: Fidelity,
}

/// A number of the table: the metric and which of its numbers, and how it is named.
struct Headline {
    metric: String,
    statistic: Statistic,
}

/// What of a scenario stands in the table: p50, p95, duplicates, bytes; the first is also what the distance is of.
fn headlines(fidelity: &Fidelity) -> Option<[Headline; 4]> {
    let is_time =
        |measure: &&Measured| TIMES.iter().any(|time| measure.metric.ends_with(&format!(".{}", time.name)));
    let time = fidelity.measures.iter().find(is_time)?.metric.clone();
    let of = |metric: &str, statistic| Headline { metric: metric.to_owned(), statistic };
    Some([
        of(&time, Statistic::P50),
        of(&time, Statistic::P95),
        of(metric::OVERLAY_REDUNDANCY.name, Statistic::Mean),
        of(metric::NETWORK_SENT.name, Statistic::Mean),
    ])
}

/// What is off by more than is tolerated and has no explanation, a line each.
#[must_use]
pub fn exceptions(rows: &[Row]) -> Vec<String> {
    let of_row = |row: &Row| {
        let off = row.came.as_ref().map(departures).unwrap_or_default().into_iter();
        let unexplained = off.filter(|(_, why)| why.is_none());
        let told =
            |(Headline { metric, statistic }, _)| format!("{}: {metric} {}", row.scenario, statistic.name());
        unexplained.map(told).collect::<Vec<_>>()
    };
    rows.iter().flat_map(of_row).collect()
}

/// What is off by more than is tolerated, with the reason where it is known.
fn departures(held: &Held) -> Vec<(Headline, Option<&'static str>)> {
    let of_interest = headlines(&held.fidelity).into_iter().flatten();
    let off = of_interest.filter_map(|headline| {
        let measure = held.fidelity.measure(&headline.metric, headline.statistic)?;
        is_off(measure).then(|| (headline, why(held, measure)))
    });
    off.collect()
}

/// A number: the model's, that of real peers, and how far it is off.
fn cell(fidelity: &Fidelity, Headline { metric, statistic }: &Headline) -> String {
    let Some(measure) = fidelity.measure(metric, *statistic) else { return "–".to_owned() };
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| show(value, measure.unit));
    let off = measure.differences[0].and_then(|difference| difference.relative);
    let off = off.map_or_else(String::new, |share| format!(" ({})", signed_share(share)));
    let mark = if is_off(measure) { " !" } else { "" };
    format!("{} / {}{off}{mark}", value(measure.values[0]), value(measure.values[1]))
}

fn distance(fidelity: &Fidelity, metric: &str) -> String {
    let Some(distance) = fidelity.distance(metric, 0) else { return "–".to_owned() };
    let p = distance.p.map_or_else(String::new, |p| {
        if p < 0.001 { " (p < 0.001)".to_owned() } else { format!(" (p = {})", fixed(p, 3)) }
    });
    format!("{}{p}", Unit::Share.show(distance.ks))
}

/// The document: the table, with what it says and what it leaves out.
#[must_use]
pub fn document(rows: &[Row]) -> String {
    let heads =
        ["scenario", "peers", "p50", "p95", "duplicates", "bytes sent, a peer", "KS"].map(ToOwned::to_owned);
    let mut table = Vec::new();
    let (mut left_out, mut remarks) = (String::new(), String::new());
    // Scenarios of which one number is off for one reason are told of together.
    let mut reasons: IndexMap<(&str, String), Vec<String>> = IndexMap::new();
    for Row { scenario, came } in rows {
        let held = match came {
            Ok(held) => held,
            Err(reason) => {
                left_out.push_str(&format!("| {scenario} | {reason} |\n"));
                continue;
            }
        };
        let fidelity = &held.fidelity;
        let name = if held.cut { format!("{scenario} ¹") } else { scenario.clone() };
        let Some(headlines) = headlines(fidelity) else {
            left_out.push_str(&format!(
                "| {scenario} | there are no times of delivery, installing or finding |\n"
            ));
            continue;
        };
        let numbers = headlines.iter().map(|headline| cell(fidelity, headline));
        let row = [name, grouped(u64::from(fidelity.peers))].into_iter().chain(numbers);
        table.push(row.chain([distance(fidelity, &headlines[0].metric)]).collect());
        for (Headline { metric, statistic }, why) in departures(held) {
            let number = format!("{metric} {}", statistic.name());
            let scenarios = reasons.entry((why.unwrap_or("not explained yet"), number)).or_default();
            scenarios.push(format!("**{scenario}**"));
        }
        for run in fidelity.runs.iter().filter(|run| run.state != Trust::Valid) {
            remarks.push_str(&format!("- **{scenario}** on {}: {}.\n", run.engine, run.reasons.join("; ")));
        }
    }
    let told = reasons
        .into_iter()
        .map(|((why, number), scenarios)| format!("- {number} of {}: {why}.\n", scenarios.join(", ")));
    let remarks = told.collect::<String>() + &remarks;
    let remarks = if remarks.is_empty() { "None.\n" } else { &remarks };
    format!(
        "{HEAD}\n{}\n## Exceptions and remarks\n\n{remarks}\n## Left out\n\n| scenario | because |\n|---|---|\n{left_out}\n{FOOT}",
        markdown::table(&heads, &table)
    )
}
