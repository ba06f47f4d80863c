//! From [`Page`] to HTML.

use std::collections::BTreeSet;

use super::markup::{Cell, Tone, escape, paragraphs, table};
use super::{FaultRow, Figure, InvariantRow, MetricRow, Page, TargetRow, Validity, Verdict};
use crate::quantity::{Unit, grouped};

const STYLE: &str = include_str!("style.css");

/// The page as one HTML document.
#[must_use]
pub fn page(page: &Page) -> String {
    let sections = [
        verdict(page.verdict, &page.verdict_detail, &page.validity),
        paragraphs(&page.description),
        facts(&page.facts),
        section("Targets", &targets(&page.targets)),
        section("Charts", &figures(&page.figures)),
        section("Metrics", &metrics(&page.metrics)),
        section("Faults", &faults(&page.faults)),
        section("Invariants", &invariants(&page.invariants)),
        section("Validity", &validity(&page.validity)),
        section("What is modelled", &page.model.iter().map(|text| paragraphs(text)).collect::<String>()),
        section("Provenance", &provenance(&page.provenance)),
    ]
    .concat();
    document("peerlab report", &page.title, &sections)
}

/// A whole document: what it is, its title, and its sections.
pub(super) fn document(kind: &str, title: &str, sections: &str) -> String {
    let (kind, title) = (escape(kind), escape(title));
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title} – {kind}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
         <p class=\"engine\">{kind}</p>\n<h1>{title}</h1>\n{sections}</main>\n</body>\n</html>\n"
    )
}

/// A heading and what is under it; nothing when there is nothing.
pub(super) fn section(heading: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section>\n<h2>{}</h2>\n{body}</section>\n", escape(heading))
}

pub(super) fn verdict(verdict: Verdict, detail: &str, validity: &Validity) -> String {
    let (words, tone) = match verdict {
        Verdict::Met => ("✓ Targets met", Tone::Good),
        Verdict::Missed => ("✗ Targets missed", Tone::Bad),
        Verdict::NoTargets => ("No targets set", Tone::Void),
        Verdict::Invalid => ("⚠ Invalid run: its numbers prove nothing", Tone::Bad),
    };
    let detail = if detail.is_empty() { String::new() } else { format!("<p>{}</p>", escape(detail)) };
    // Whether the numbers can be believed comes before what they say of the targets, and in its colour.
    let (ground, first) = match validity {
        Validity::Degraded(reasons) if verdict != Verdict::Invalid => (Tone::Caution, degraded(reasons)),
        _ => (tone, String::new()),
    };
    let result = if first.is_empty() {
        format!("<strong>{words}</strong>")
    } else {
        format!("<strong class=\"state {}\">{words}</strong>", tone.class())
    };
    format!(
        "<section class=\"verdict {}\" aria-label=\"Verdict\">{first}{result}{detail}</section>\n",
        ground.class()
    )
}

/// The first reason beside the word itself, and the others in a list.
fn degraded(reasons: &[String]) -> String {
    let (first, others) =
        reasons.split_first().map_or(("", &[] as &[String]), |(first, others)| (first, others));
    format!("<strong>⚠ Degraded: {}</strong>{}", escape(first), list(others))
}

/// Reasons in a list; nothing when there are none.
fn list(reasons: &[String]) -> String {
    let items: String = reasons.iter().map(|reason| format!("<li>{}</li>\n", escape(reason))).collect();
    if items.is_empty() { String::new() } else { format!("<ul>\n{items}</ul>\n") }
}

pub(super) fn facts(facts: &[(String, String)]) -> String {
    if facts.is_empty() {
        return String::new();
    }
    let pairs: String = facts
        .iter()
        .map(|(name, value)| format!("<div><dt>{}</dt><dd>{}</dd></div>\n", escape(name), escape(value)))
        .collect();
    format!("<dl class=\"facts\">\n{pairs}</dl>\n")
}

fn targets(targets: &[TargetRow]) -> String {
    let rows: Vec<_> = targets
        .iter()
        .map(|target| {
            let observed = target.observed.clone().unwrap_or_else(|| "not observed".to_owned());
            let state = if target.met { ("✓ met", Tone::Good) } else { ("✗ missed", Tone::Bad) };
            vec![
                Cell::Head(target.metric.clone()),
                Cell::Number(target.bound.clone()),
                Cell::Number(observed),
                Cell::State(state.0, state.1),
            ]
        })
        .collect();
    let heads = ["Metric", "#Bound", "#Observed", "Result"];
    table("What the scenario asks for, and what the run gave", &heads, &rows, "The scenario sets no targets.")
}

fn metrics(metrics: &[MetricRow]) -> String {
    let rows: Vec<_> = metrics
        .iter()
        .map(|metric| {
            let shown = |value: Option<f64>| {
                Cell::Number(value.map_or_else(|| "–".to_owned(), |value| metric.unit.show(value)))
            };
            vec![
                Cell::Head(metric.name.clone()),
                // A pure number has the unit 1, as in `report.json` and in the list of metrics.
                Cell::Text(if metric.unit == Unit::Count { "1" } else { metric.unit.symbol() }.to_owned()),
                Cell::Number(grouped(metric.n)),
                shown(metric.mean),
                shown(metric.p50),
                shown(metric.p95),
                shown(metric.p99),
                shown(metric.max),
            ]
        })
        .collect();
    let heads = ["Name", "Unit", "#n", "#mean", "#p50", "#p95", "#p99", "#max"];
    table("Three significant digits; report.json holds all of them", &heads, &rows, "Nothing was measured.")
}

fn invariants(invariants: &[InvariantRow]) -> String {
    let rows: Vec<_> = invariants
        .iter()
        .map(|invariant| {
            let state = if invariant.holds { ("✓ holds", Tone::Good) } else { ("✗ broken", Tone::Bad) };
            vec![
                Cell::Head(invariant.name.clone()),
                Cell::State(state.0, state.1),
                Cell::Text(invariant.detail.clone()),
            ]
        })
        .collect();
    let heads = ["Invariant", "Result", "Detail"];
    table("What must hold in every run, whatever the scenario", &heads, &rows, "No invariant was checked.")
}

fn validity(validity: &Validity) -> String {
    let (words, tone, reasons): (_, _, &[String]) = match validity {
        Validity::Valid => ("Valid", Tone::Good, &[]),
        Validity::Degraded(reasons) => ("Degraded: read the numbers with care", Tone::Caution, reasons),
        Validity::Invalid(reasons) => ("Invalid", Tone::Bad, reasons),
    };
    format!("<p class=\"state {}\">{words}</p>\n{}", tone.class(), list(reasons))
}

pub(super) fn figures(figures: &[Figure]) -> String {
    let mut taken = BTreeSet::new();
    figures
        .iter()
        .map(|figure| {
            let id = unique(&figure.id, &mut taken);
            // The XML declaration that some writers put first has no place inside a page.
            let svg = figure.svg.find("<svg").map_or("", |start| &figure.svg[start..]);
            format!(
                "<figure id=\"{id}\" aria-label=\"{}\">\n{svg}<figcaption>{}</figcaption>\n</figure>\n",
                escape(&figure.title),
                escape(&figure.caption)
            )
        })
        .collect()
}

/// `id` in the characters that are safe in a link, with a number when it is taken.
fn unique(id: &str, taken: &mut BTreeSet<String>) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '-' };
    let plain = format!("figure-{}", id.chars().map(safe).collect::<String>());
    let mut candidate = plain.clone();
    let mut number = 2;
    while !taken.insert(candidate.clone()) {
        candidate = format!("{plain}-{number}");
        number += 1;
    }
    candidate
}

fn faults(faults: &[FaultRow]) -> String {
    let rows: Vec<_> = faults
        .iter()
        .map(|fault| {
            vec![
                Cell::Head(fault.name.clone()),
                Cell::Text(fault.kind.clone()),
                Cell::Number(fault.at.clone()),
                Cell::Number(fault.lasted.clone()),
                Cell::Number(grouped(fault.effects)),
            ]
        })
        .collect();
    let heads = ["Fault", "Kind", "#At", "#For", "#Effects"];
    table(
        "What was broken on purpose; a fault without effects hit nothing",
        &heads,
        &rows,
        "The scenario injects no faults.",
    )
}

pub(super) fn provenance(pairs: &[(String, String)]) -> String {
    let rows: Vec<_> =
        pairs.iter().map(|(name, value)| vec![Cell::Head(name.clone()), Cell::Code(value.clone())]).collect();
    table(
        "What it takes to repeat this run",
        &["What", "Value"],
        &rows,
        "Nothing is known of where this run came from.",
    )
}
