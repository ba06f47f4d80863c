//! How often a message that was already there arrives again.

use std::collections::BTreeMap;

use plotters::style::Color as _;

use super::axis::{Axis, End};
use super::frame::{Frame, HEIGHT};
use super::palette::{INK, SKY, fill};
use crate::quantity::{Unit, grouped};

/// Duplicate copies of each delivered message at each peer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Duplicates {
    /// What the chart shows.
    pub title: String,
    /// (duplicate copies received, deliveries that saw that many); equal first members add up.
    pub deliveries: Vec<(u64, u64)>,
}

/// More bars than these are put together.
const BARS: u64 = 40;

impl Duplicates {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut counts = BTreeMap::<u64, f64>::new();
        for (copies, deliveries) in self.deliveries.iter().filter(|(_, deliveries)| *deliveries > 0) {
            *counts.entry(*copies).or_default() += *deliveries as f64;
        }
        let total: f64 = counts.values().sum();
        let mut frame =
            Frame { title: &self.title, subtitle: String::new(), legend: Vec::new(), height: HEIGHT };
        let Some((most, _)) = counts.last_key_value() else { return frame.draw_empty() };
        let mean = counts.iter().map(|(copies, n)| *copies as f64 * n).sum::<f64>() / total;
        frame.subtitle = format!(
            "{} deliveries, {} duplicates each in the mean",
            grouped(total as u64),
            Unit::Count.show(mean)
        );

        let width = most / BARS + 1;
        let mut bars = BTreeMap::<u64, f64>::new();
        for (copies, n) in &counts {
            *bars.entry(copies / width).or_default() += n / total;
        }
        let tallest = bars.values().copied().fold(0.0, f64::max);
        let until = (most / width + 1) as f64;
        let x = Axis::bins("Duplicate copies of a delivered message", most / width + 1, width);
        let y = Axis::linear("Share of deliveries", &Unit::Share, tallest.max(0.01), End::Tick, 6);
        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            for (bin, share) in &bars {
                let left = *bin as f64;
                panel.bar(left + 0.08, left + 0.92, *share, fill(SKY.to_rgba()));
            }
            // A bar stands for its whole bin, whose middle is what the mean is measured against.
            let at = ((mean + 0.5) / width as f64).min(until);
            panel.upright(at, INK);
            let label = format!("mean {}", Unit::Count.show(mean));
            sheet.note(&label, INK, panel.x(at) + 6.0, panel.inner.top + 12.0, panel.inner);
        })
    }
}
