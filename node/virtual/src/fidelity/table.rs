//! The table of all scenarios, and the document that it stands in.

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

/// How far the model may be off without an explanation: a share.
const TOLERANCE: f64 = 0.10;

/// Differences below this in seconds are not told apart from jitter: a share of nearly nothing says nothing.
const NOTHING: f64 = 0.002;

/// What a connection of a peer sends to stay alive, B/s, as a fleet shows in which nobody says anything; the model leaves it out.
const ALIVE: f64 = 56.0;

/// Bytes that a message of a lane is longer on real peers, at the most.
const LONGER: f64 = 8.0;

/// Bytes that either end of a connection which a lookup dials sends before it can ask, and while it stays idle: negotiation, Noise, Yamux,
/// identify, pings.
const MADE: f64 = 2_000.0;

/// Bytes at both ends for each time that a member compares what it holds with somebody whom it may have to dial, as counted in
/// `chat-in-a-minute`: with neighbours alone, each 40 s and each 10 s.
const COMPARED: f64 = 1_000.0;

/// By how much these may be missed.
const ROUGHLY: f64 = 1.25;

const STAYING_ALIVE: &str = "little is said, so what connections send to stay alive (56 B/s for each) and the headers of messages that \
     travel alone (8 B) are much of it, and the model leaves both out";

const MAKING: &str = "lookups dial whom they ask, and what it takes to make a connection and to keep it until it was idle for long enough, about \
     2 kB at either end, is beside the requests; the model charges round trips for it and no bytes";

const COMPARING: &str = "members dial one another to compare what they hold, and what it takes to make these connections and to keep them, about 1 kB \
     for each comparison, is beside the few posts of these rooms; the model charges round trips for it and no bytes. With \
     `sync: {with: neighbours}` what is missing is what connections send to stay alive";

const HEALS: &str = "a path comes back in it: real peers dial all the time, and what was said meanwhile comes across one to five \
     seconds earlier than in the model (see below)";

const CHANCE: &str = "the interval of the difference holds nought: one run of each cannot tell them apart. Where values are few, a small \
     share of them moves a quantile far (see KS)";

/// Bytes from which a post is long: many packets, that take their time at an uplink.
const LONG: u64 = 16 << 10;

const SHARED: &str = "its posts are long. Copies for several neighbours share an uplink on real connections and so all come late; in the \
     model one leaves after the other, and the first come soon (congestion control of messages, in [the model](model.md)). Plumtree \
     asks again for what comes late. With posts of 2 kB instead, p50 and duplicates agree within a twentieth";

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
    /// How long bytes were counted, s.
    pub seconds: f64,
    /// The longest post, B.
    pub longest: u64,
    /// Whether a path is cut in it and comes back.
    pub heals: bool,
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

/// Whether the model is off by more than is tolerated.
fn is_off(measure: &Measured) -> bool {
    let Some(difference) = measure.differences[0] else {
        return measure.values[0].is_some() != measure.values[1].is_some();
    };
    let is_time = measure.unit == peerlab_scenarios::report::Unit::Seconds;
    let matters = !is_time || difference.value.abs() > NOTHING;
    // Of what real peers have none, the model should have none.
    matters && difference.relative.map_or(difference.value != 0.0, |share| share.abs() > TOLERANCE)
}

/// Why a metric is off, if that is known.
fn why(held: &Held, name: &str) -> Option<&'static str> {
    if held.longest >= LONG {
        return Some(SHARED);
    }
    if held.heals && name.ends_with(metric::DELIVERY_LATENCY.name) {
        return Some(HEALS);
    }
    let value = |name: &str| held.fidelity.measure(name, Statistic::Mean)?.values[0];
    let sent = held.fidelity.measure(metric::NETWORK_SENT.name, Statistic::Mean)?;
    // Where as many copies travel on both, what else is sent is beside the items.
    let copies = held.fidelity.measure(metric::OVERLAY_REDUNDANCY.name, Statistic::Mean);
    if name != metric::NETWORK_SENT.name || copies.is_some_and(is_off) {
        return None;
    }
    let peers = f64::from(held.fidelity.peers);
    let ends: u64 = held.fidelity.degrees.rows.iter().map(|(degree, counts)| degree * counts[0]).sum();
    let dialled = held.fidelity.measure(metric::KADEMLIA_DIALLED.name, Statistic::Mean);
    let dialled = dialled.and_then(|dialled| dialled.values[1]).unwrap_or_default();
    let made = 2.0 * dialled / peers * MADE;
    let alive = ends as f64 / peers * ALIVE * held.seconds;
    let longer = value(metric::NETWORK_MESSAGES.name)? / peers * LONGER;
    let compared = held.compared * COMPARED;
    let missing = -sent.differences[0]?.value;
    let parts = [(alive + longer, STAYING_ALIVE), (made, MAKING), (compared, COMPARING)];
    let most: f64 = parts.iter().map(|(bytes, _)| bytes).sum();
    let (_, beside) = parts.into_iter().max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    (0.0..=most * ROUGHLY).contains(&missing).then_some(beside)
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
    let off = of_interest.filter(|it| held.fidelity.measure(&it.metric, it.statistic).is_some_and(is_off));
    off.map(|headline| {
        let is_chance = |it: &Headline| {
            let measure = held.fidelity.measure(&it.metric, it.statistic)?;
            (!measure.differences[0]?.is_beyond_chance()?).then_some(CHANCE)
        };
        let why = why(held, &headline.metric).or_else(|| is_chance(&headline));
        (headline, why)
    })
    .collect()
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
            let why = why.unwrap_or("not explained yet");
            remarks.push_str(&format!("- **{scenario}**, {metric} {}: {why}.\n", statistic.name()));
        }
        for run in fidelity.runs.iter().filter(|run| run.state != Trust::Valid) {
            remarks.push_str(&format!("- **{scenario}** on {}: {}.\n", run.engine, run.reasons.join("; ")));
        }
    }
    let remarks = if remarks.is_empty() { "None.\n" } else { &remarks };
    format!(
        "{HEAD}\n{}\n## Exceptions and remarks\n\n{remarks}\n## Left out\n\n| scenario | because |\n|---|---|\n{left_out}\n{FOOT}",
        markdown::table(&heads, &table)
    )
}
