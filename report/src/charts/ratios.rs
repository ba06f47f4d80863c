//! How many times a baseline others come to, with intervals.

use super::axis::Axis;
use super::frame::{BELOW, Frame, SMALL_SIZE, Sample, shortened};
use super::palette::{GREY, INK, Marker, fill, pen, stroke};
use super::{font, palette};
use crate::quantity::Unit;
use plotters::style::Color as _;
use plotters::style::text_anchor::{HPos, VPos};

/// Ratios of several designs to one baseline, a row a measure.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Ratios {
    /// What the chart shows.
    pub title: String,
    /// What the ratios are to.
    pub baseline: String,
    /// The designs, as the legend calls them.
    pub designs: Vec<String>,
    /// The measures, from top to bottom.
    pub rows: Vec<RatioRow>,
}

/// The ratios of one measure.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct RatioRow {
    /// The measure.
    pub label: String,
    /// One for each design; nothing where there is none, for the baseline is nought.
    pub ratios: Vec<Option<Ratio>>,
}

/// A ratio with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Ratio {
    /// The ratio, at least 0.
    pub at: f64,
    /// The lower end of its interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether it differs from 1 beyond chance; drawn hollow if not.
    pub significant: bool,
}

/// What is drawn of a ratio: beyond these it stands at the edge.
const BOUNDS: (f64, f64) = (1e-2, 1e3);
/// Height of a design's line within a row, in pixels.
const LINE: f64 = 13.0;
/// The widest label of a row, in pixels.
const WIDEST_LABEL: f64 = 230.0;

impl Ratios {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let drawn = |ratio: &Option<Ratio>| ratio.filter(|ratio| ratio.at.is_finite());
        let rows: Vec<(&str, Vec<Option<Ratio>>)> = self
            .rows
            .iter()
            .map(|row| (row.label.as_str(), row.ratios.iter().map(drawn).collect()))
            .filter(|(_, ratios): &(_, Vec<_>)| ratios.iter().any(Option::is_some))
            .collect();
        let row_height = LINE * self.designs.len().max(1) as f64 + 9.0;
        let mut frame = Frame {
            title: &self.title,
            subtitle: format!("Times as much as {}; bars are 95 % intervals", self.baseline),
            legend: Vec::new(),
            height: 110.0 + BELOW + row_height * rows.len().max(4) as f64,
        };
        let bounded = |value: f64| value.clamp(BOUNDS.0, BOUNDS.1);
        let ends = || {
            let ratios = rows.iter().flat_map(|(_, ratios)| ratios.iter().flatten());
            ratios
                .flat_map(|ratio| [ratio.at, ratio.low, ratio.high])
                .filter(|end| end.is_finite())
                .map(bounded)
        };
        // Intervals that reach nought would stretch the axis without end: the points themselves say how far it goes.
        let points =
            || rows.iter().flat_map(|(_, ratios)| ratios.iter().flatten()).map(|ratio| bounded(ratio.at));
        let Some(low) = points().min_by(f64::total_cmp) else { return frame.draw_empty() };
        let low = ends().filter(|end| *end > low / 4.0).fold(low.min(1.0), f64::min) / 1.05;
        let high = ends().fold(1.0, f64::max) * 1.05;

        let pens: Vec<_> = (0..self.designs.len()).map(|design| pen(design, self.designs.len())).collect();
        for (design, pen) in self.designs.iter().zip(&pens) {
            frame
                .legend
                .push((Sample::Mark(pen.marker.unwrap_or(Marker::Circle), pen.colour), design.clone()));
        }
        frame.legend.push((Sample::Ring(GREY), "hollow: within chance".to_owned()));

        let style = font::text(SMALL_SIZE, INK, HPos::Left, VPos::Top);
        let labels = rows.iter().map(|(label, _)| shortened(label, WIDEST_LABEL, &style)).collect();
        let (x, y) = (Axis::log("Ratio", &Unit::Count, low, high, 7), Axis::rows(labels));
        frame.draw(|sheet, room| {
            let panel = sheet.panel(room, x, y);
            panel.upright(1.0, INK);
            for (place, (_, ratios)) in rows.iter().enumerate() {
                let middle = panel.y(rows.len() as f64 - place as f64 - 0.5);
                let (left, right, edge) = (panel.inner.left, panel.inner.right, panel.y(place as f64));
                sheet.segment((left, edge), (right, edge), stroke(palette::AXIS, 1.0));
                for (design, (ratio, pen)) in ratios.iter().zip(&pens).enumerate() {
                    let Some(ratio) = ratio else { continue };
                    let y = middle + LINE * (design as f64 - (pens.len() as f64 - 1.0) / 2.0);
                    if ratio.low.is_finite() && ratio.high.is_finite() {
                        let (from, until) = (panel.x(ratio.low), panel.x(ratio.high));
                        sheet.segment((from, y), (until, y), stroke(pen.colour, palette::BROAD));
                    }
                    let at = panel.x(ratio.at);
                    sheet.mark(pen.marker.unwrap_or(Marker::Circle), pen.colour, at, y);
                    if !ratio.significant {
                        sheet.disc(at, y, 2.0, fill(plotters::style::WHITE.to_rgba()));
                    }
                }
            }
        })
    }
}
