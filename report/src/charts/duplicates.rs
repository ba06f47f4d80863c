//! How often an item that was already there arrives again.

use std::collections::BTreeMap;

use plotters::style::Color as _;

use super::axis::{Axis, Bins, End, FEWEST_BINS};
use super::frame::{Frame, HEIGHT};
use super::palette::{INK, SKY, fill};
use crate::quantity::{Unit, grouped};

/// Duplicate copies of each item at each peer that it came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// What the chart shows.
    pub title: String,
    /// (duplicate copies received, items at a peer that came in that many); equal first members add up.
    pub items: Vec<(u64, u64)>,
}

/// More bars than these are put together.
const BARS: u64 = 40;
/// Share of the items at an end that are put into its last bar, where else the others would be squeezed.
const TAIL: f64 = 0.005;

/// The bins of these counts.
fn bins(counts: &BTreeMap<u64, f64>, total: f64) -> Bins {
    let ends = counts.first_key_value().zip(counts.last_key_value());
    let (least, most) = ends.map_or((0, 0), |((least, _), (most, _))| (*least, *most));
    let (mut from, mut to) = (least, most);
    if most - least >= BARS {
        from = end_of_tail(counts.iter(), total).unwrap_or(least);
        to = end_of_tail(counts.iter().rev(), total).unwrap_or(most);
    }
    let (and_below, and_above) = (least < from, most > to);
    let bins = Bins::over(from, to, BARS);
    let end = to.max(bins.from.saturating_add(FEWEST_BINS - 1));
    Bins { and_below: and_below && least < bins.from, and_above: and_above && most > end, ..bins }
}

/// The first number at which more than a [`TAIL`] has come, from an end on.
fn end_of_tail<'a>(counts: impl Iterator<Item = (&'a u64, &'a f64)>, total: f64) -> Option<u64> {
    let mut come = 0.0;
    counts
        .map(|(copies, n)| {
            come += n / total;
            (*copies, come)
        })
        .find(|(_, come)| *come > TAIL)
        .map(|(copies, _)| copies)
}

impl Duplicates {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut counts = BTreeMap::<u64, f64>::new();
        for (copies, items) in self.items.iter().filter(|(_, items)| *items > 0) {
            *counts.entry(*copies).or_default() += *items as f64;
        }
        let total: f64 = counts.values().sum();
        let mut frame =
            Frame { title: &self.title, subtitle: String::new(), legend: Vec::new(), height: HEIGHT };
        if counts.is_empty() {
            return frame.draw_empty();
        }
        let mean = counts.iter().map(|(copies, n)| *copies as f64 * n).sum::<f64>() / total;
        frame.subtitle = format!(
            "{} items at their peers, counted one by one: {} duplicates each in the mean",
            grouped(total as u64),
            Unit::Count.show(mean)
        );

        let bins = bins(&counts, total);
        let mut bars = BTreeMap::<u64, f64>::new();
        for (copies, n) in &counts {
            *bars.entry(bins.of(*copies)).or_default() += n / total;
        }
        let tallest = bars.values().copied().fold(0.0, f64::max);
        let x = Axis::bins("Duplicate copies of an item at a peer", &bins);
        let y = Axis::linear("Share of items", &Unit::Share, tallest.max(0.01), End::Tick, 6);
        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            for (bin, share) in &bars {
                let left = *bin as f64;
                panel.bar(left + 0.08, left + 0.92, *share, fill(SKY.to_rgba()));
            }
            // A bar stands for its whole bin, whose middle is what the mean is measured against.
            let at = ((mean - bins.from as f64 + 0.5) / bins.width as f64).clamp(0.0, bins.count as f64);
            panel.upright(at, INK);
            let label = format!("mean {}", Unit::Count.show(mean));
            sheet.note(&label, INK, panel.x(at) + 6.0, panel.inner.top + 12.0, panel.inner);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(counts: &[(u64, f64)]) -> Bins {
        bins(&counts.iter().copied().collect(), counts.iter().map(|(_, n)| n).sum())
    }

    #[test]
    fn a_single_number_is_one_bar_among_room_for_several() {
        assert_eq!(of(&[(0, 9.0)]), Bins { from: 0, width: 1, count: 7, and_below: false, and_above: false });
        assert_eq!(of(&[(125, 9.0)]).from, 122);
    }

    #[test]
    fn a_few_that_are_far_off_are_put_together() {
        let mesh = of(&[(17, 2.0), (60, 1.0), (124, 300.0), (125, 700.0), (126, 90.0)]);
        assert_eq!((mesh.from, mesh.width, mesh.and_below, mesh.and_above), (121, 1, true, false));
        let wide = of(&(0..100).map(|copies| (copies, 1.0)).collect::<Vec<_>>());
        assert_eq!((wide.from, wide.width, wide.and_below), (0, 3, false));
    }
}
