//! Rates and sums over virtual time, with the faults that befell them.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color as _, RGBAColor, TextStyle};

use super::axis::{Axis, End};
use super::frame::{BELOW, Frame, HEIGHT, Rect, SMALL_SIZE, Sample, Sheet, shortened};
use super::palette::{FAULT, INK, fill, pen_among_faults, stroke_alpha};
use super::{finite, font};
use crate::quantity::Unit;

/// Rates or sums over virtual time.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Throughput {
    /// What the chart shows.
    pub title: String,
    /// One line each; those of one unit share a panel.
    pub rates: Vec<Rate>,
    /// Shaded and labelled through all panels.
    pub faults: Vec<Interval>,
}

/// One rate over time.
#[derive(Debug, Clone, PartialEq)]
pub struct Rate {
    /// What the legend calls it.
    pub label: String,
    /// What is counted.
    pub unit: RateUnit,
    /// Points (virtual seconds, rate in the unit), x rising.
    pub points: Vec<(f64, f64)>,
}

/// What is counted, and how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateUnit {
    /// Bits a second.
    Bits,
    /// Deliveries a second.
    Deliveries,
    /// Bytes since the start.
    BytesSoFar,
}

/// A fault, from its start to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct Interval {
    /// What stands over it.
    pub label: String,
    /// Start, in virtual seconds.
    pub from: f64,
    /// End, in virtual seconds; a fault that was never mended ends at infinity.
    pub until: f64,
}

/// Height of a row of fault labels, in pixels.
const ROW: f64 = 15.0;
/// Labels that do not fit beside one another take another row, but no more than these.
const ROWS: usize = 3;
/// Between two panels, in pixels.
const GAP: f64 = 12.0;

impl Throughput {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let rates: Vec<_> = self
            .rates
            .iter()
            .enumerate()
            .map(|(index, rate)| {
                (pen_among_faults(index, self.rates.len()), index, rate, finite(&rate.points))
            })
            .filter(|(_, _, _, points)| !points.is_empty())
            .collect();
        let mut frame = Frame {
            title: &self.title,
            subtitle: "Totals over all peers, by virtual time".to_owned(),
            legend: rates.iter().map(|(pen, _, rate, _)| (Sample::Line(*pen), rate.label.clone())).collect(),
            height: HEIGHT,
        };
        let ends = rates.iter().filter_map(|(_, _, _, points)| points.last().map(|(x, _)| *x));
        let Some(end) = ends.max_by(f64::total_cmp) else { return frame.draw_empty() };
        let shade = FAULT.mix(0.16);
        let mut faults: Vec<_> = self
            .faults
            .iter()
            .filter(|fault| fault.from.is_finite() && fault.until >= fault.from && fault.from <= end)
            .collect();
        faults.sort_by(|a, b| a.from.total_cmp(&b.from));
        if !faults.is_empty() {
            frame.legend.push((Sample::Area(shade), "fault".to_owned()));
        }
        let kinds: Vec<_> = [
            (RateUnit::Bits, "Data", Unit::BitsPerSecond),
            (RateUnit::Deliveries, "Deliveries", Unit::PerSecond),
            (RateUnit::BytesSoFar, "Data so far", Unit::Bytes),
        ]
        .into_iter()
        .filter(|(kind, _, _)| rates.iter().any(|(_, _, rate, _)| rate.unit == *kind))
        .collect();

        let highest = |kind: RateUnit| {
            rates
                .iter()
                .filter(|(_, _, rate, _)| rate.unit == kind)
                .flat_map(|(_, _, _, points)| points.iter().map(|(_, y)| *y))
                .fold(0.0, f64::max)
        };
        let ticks = if kinds.len() > 1 { 3 } else { 6 };
        let y_axis = |(kind, name, unit): &(RateUnit, &str, Unit)| {
            Axis::linear(name, unit, highest(*kind), End::Tick, ticks)
        };
        let x_axis = || Axis::linear("Virtual time", &Unit::Seconds, end, End::Exact, 8);
        // Panels one above the other share their time axis, so what stands to their left must be of one width.
        let left = kinds.iter().map(|kind| Sheet::label_width(&y_axis(kind))).fold(0.0, f64::max);

        frame.draw(|sheet, room| {
            let x = x_axis();
            let inner = Sheet::inside(room, left, &x, true);
            let labels =
                FaultLabel::placed(&faults, |time| inner.left + x.fraction(time) * inner.width(), inner);
            let rows = labels.iter().map(|label| label.row + 1).max().unwrap_or(0);
            let top = room.top + ROW * rows as f64;
            let panels = kinds.len() as f64;
            let each = (room.bottom - top - BELOW - GAP * (panels - 1.0)) / panels;

            for (row, kind) in kinds.iter().enumerate() {
                let is_last = row + 1 == kinds.len();
                let from = top + (each + GAP) * row as f64;
                let until = from + each + if is_last { BELOW } else { 0.0 };
                let room = Rect { top: from, bottom: until, ..room };
                let mut panel = sheet.panel_beside(room, left, x_axis(), y_axis(kind), is_last);
                for fault in &faults {
                    let (from, until) = (panel.x(fault.from), panel.x(fault.until.min(end)));
                    shade_fault(sheet, Rect { left: from, right: until, ..panel.inner }, shade);
                }
                for (pen, index, _, points) in rates.iter().filter(|(_, _, rate, _)| rate.unit == kind.0) {
                    panel.line(points, *pen, *index);
                }
            }
            let style = FaultLabel::style();
            for label in &labels {
                sheet.write(&label.text, &style, label.x, top - ROW * (label.row as f64 + 0.5) + 2.0);
            }
        })
    }
}

/// A fault of an instant still shows as a line.
fn shade_fault(sheet: &Sheet<'_>, rect: Rect, shade: RGBAColor) {
    sheet.rectangle(Rect { right: rect.right.max(rect.left + 1.0), ..rect }, fill(shade));
    let edge = stroke_alpha(FAULT.mix(0.7), 1.0);
    for x in [rect.left, rect.right] {
        sheet.segment((x, rect.top), (x, rect.bottom), edge);
    }
}

/// What stands over a fault.
struct FaultLabel {
    text: String,
    x: f64,
    row: usize,
}

impl FaultLabel {
    fn style() -> TextStyle<'static> {
        font::text(SMALL_SIZE, INK, HPos::Left, VPos::Center)
    }

    /// Each label begins at the start of its fault, in the lowest row that is free there. Those that find no room in
    /// the rows are left out: the table of faults names them all.
    fn placed(faults: &[&Interval], x: impl Fn(f64) -> f64, inner: Rect) -> Vec<Self> {
        let style = Self::style();
        let mut free_from = [f64::NEG_INFINITY; ROWS];
        let mut labels = Vec::new();
        for fault in faults {
            let text = shortened(&fault.label, inner.width() / 2.0, &style);
            let width = font::width(&text, &style);
            let x = x(fault.from).min(inner.right - width);
            if let Some(row) = free_from.iter().position(|free| *free <= x) {
                free_from[row] = x + width + 8.0;
                labels.push(Self { text, x, row });
            }
        }
        labels
    }
}
