//! The comparison in rows of text, for the terminal, for pages and for Markdown alike.

use peerlab_report::{
    page::show,
    quantity::{Unit, fixed},
};
use peerlab_scenarios::report::fidelity::{Difference, Distance, Fidelity, Measured};

use super::{signed, signed_share};
use crate::compare::Rows;

/// The numbers of all runs: a row a measure, with the first run's value, and each other's with how far the first is above it. `*`
/// marks what is beyond chance.
#[must_use]
pub fn measures(fidelity: &Fidelity) -> Rows {
    let mut heads = vec!["measure".to_owned(), fidelity.runs[0].name.clone()];
    for run in &fidelity.runs[1..] {
        heads.extend([run.name.clone(), "off by".to_owned(), "95 % interval".to_owned()]);
    }
    let row = |measure: &Measured| {
        let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |it| show(it, measure.unit));
        let mut cells =
            vec![format!("{} {}", measure.metric, measure.statistic.name()), value(measure.values[0])];
        for (theirs, difference) in measure.values[1..].iter().zip(&measure.differences) {
            let off = difference.map_or_else(|| "–".to_owned(), |it| off(it, measure));
            let interval = difference.and_then(|it| it.interval);
            let interval = interval.map_or_else(
                || "–".to_owned(),
                |[low, high]| format!("{} to {}", signed(low, measure.unit), signed(high, measure.unit)),
            );
            cells.extend([value(*theirs), off, interval]);
        }
        cells
    };
    (heads, fidelity.measures.iter().map(row).collect())
}

/// By how much the first is above another: relative to it, unless that is nought.
fn off(difference: Difference, measure: &Measured) -> String {
    let text = difference.relative.map_or_else(|| signed(difference.value, measure.unit), signed_share);
    if difference.is_beyond_chance() == Some(true) { format!("{text} *") } else { text }
}

/// The distances of all distributions, with the chance of one as large.
#[must_use]
pub fn distances(fidelity: &Fidelity) -> Rows {
    let mut heads = vec!["distribution".to_owned()];
    for run in &fidelity.runs[1..] {
        heads.extend([format!("KS to {}", run.name), "p".to_owned()]);
    }
    let cells = |distance: &Option<Distance>| {
        let Some(Distance { ks, p }) = distance else { return ["–".to_owned(), "–".to_owned()] };
        [Unit::Share.show(*ks), p.map_or_else(|| "–".to_owned(), chance)]
    };
    let rows = fidelity.distances.iter().map(|apart| {
        std::iter::once(apart.metric.clone()).chain(apart.distances.iter().flat_map(cells)).collect()
    });
    (heads, rows.collect())
}

/// A p-value: `0.021`, or `< 0.001`.
fn chance(p: f64) -> String {
    if p < 0.001 { "< 0.001".to_owned() } else { fixed(p, 3) }
}
