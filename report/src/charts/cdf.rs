//! Delivery latency as a cumulative distribution.

use plotters::style::Color as _;

use super::axis::{Axis, End, Scale};
use super::frame::{Frame, HEIGHT, Sample};
use super::notes::Notes;
use super::palette::{GREY, INK, Marker, pen};
use super::{Curve, finite, finite_band, first_at};
use crate::quantity::Unit;

/// Cumulative distributions of one quantity, one curve a series.
#[derive(Debug, Clone, PartialEq)]
pub struct Cdf {
    /// What the chart shows.
    pub title: String,
    /// What is distributed: the name of the x axis.
    pub quantity: String,
    /// Its unit; the x of all curves is in its base unit.
    pub unit: Unit,
    /// What the curves give shares of.
    pub shares: Shares,
    /// Points (value, share at or below it, 0 to 1), both rising.
    pub curves: Vec<Curve>,
    /// How the x axis is divided.
    pub scale: Scale,
    /// Whether p50, p95 and p99 are marked on the curves and named in the legend.
    pub quantiles: bool,
    /// A bound to compare with.
    pub target: Option<Target>,
}

/// What a cumulative curve gives shares of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Shares {
    /// Of the samples: the curve ends at 1.
    #[default]
    Samples,
    /// Of all pairs of a post and another member: the curve ends where no more are reached.
    Members,
    /// Of the peers that are to install a release: the curve ends where no more have it.
    Peers,
}

impl Shares {
    fn subtitle(self) -> &'static str {
        match self {
            Self::Samples => "Share of samples at or below each value",
            Self::Members => "Share of all (post, other member) pairs in which the post was shown",
            Self::Peers => "Share of the peers that have installed a release",
        }
    }

    fn axis(self) -> &'static str {
        match self {
            Self::Samples => "Cumulative share",
            Self::Members => "Members reached",
            Self::Peers => "Peers reached",
        }
    }
}

/// A bound on the quantity of an x axis.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// Where it lies, in the base unit.
    pub at: f64,
    /// What stands beside it, such as `"target: p95 ≤ 500 ms"`.
    pub label: String,
}

const QUANTILES: [(f64, &str, Marker); 3] =
    [(0.5, "p50", Marker::Circle), (0.95, "p95", Marker::Square), (0.99, "p99", Marker::Diamond)];

/// Opacity of bands: two that overlap can still be told apart.
const SHADE: f64 = 0.2;

impl Cdf {
    /// The chart as an SVG document.
    #[must_use]
    pub fn svg(&self) -> String {
        let curves: Vec<_> = self
            .curves
            .iter()
            .map(|curve| (curve.label.as_str(), finite(&curve.points), finite_band(&curve.band)))
            .filter(|(_, points, _)| !points.is_empty())
            .collect();
        let mut frame = Frame {
            title: &self.title,
            subtitle: self.shares.subtitle().to_owned(),
            legend: Vec::new(),
            height: HEIGHT,
        };
        let target = self.target.as_ref().filter(|target| target.at.is_finite());
        let values = || curves.iter().flat_map(|(_, points, _)| points.iter().map(|(x, _)| *x));
        let Some(largest) = values().chain(target.map(|t| t.at)).max_by(f64::total_cmp) else {
            return frame.draw_empty();
        };
        if curves.is_empty() {
            return frame.draw_empty();
        }

        // With marks for quantiles on it, a line needs no second kind of mark.
        let pens: Vec<_> = (0..curves.len())
            .map(|i| {
                let mut pen = pen(i, curves.len());
                if self.quantiles {
                    pen.marker = None;
                }
                pen
            })
            .collect();
        for ((label, points, _), pen) in curves.iter().zip(&pens) {
            frame.legend.push((Sample::Line(*pen), self.legend(label, points)));
        }
        if self.quantiles {
            frame
                .legend
                .extend(QUANTILES.map(|(_, name, marker)| (Sample::Mark(marker, GREY), name.to_owned())));
        }

        if curves.iter().any(|(_, _, band)| !band.is_empty()) {
            frame.legend.push((Sample::Area(GREY.mix(SHADE)), "95 % interval over runs".to_owned()));
        }

        let typical = curves
            .iter()
            .filter_map(|(_, points, _)| first_at(points, 0.5).map(|(x, _)| x))
            .min_by(f64::total_cmp)
            .unwrap_or(largest);
        let smallest_positive = values().filter(|x| *x > 0.0).min_by(f64::total_cmp);
        let x = match smallest_positive.filter(|_| self.scale.is_log(typical, largest)) {
            // The few fastest of a million would stretch the axis by decades; the curve enters at its left end.
            Some(smallest) => {
                let low = smallest.max(typical.min(largest) / 1e3);
                // A target that every value beats or misses by far is on the axis too, within nine decades.
                let target = target.map(|target| target.at).filter(|at| *at > 0.0);
                let low = target.map_or(low, |at| low.min(at.max(largest / 1e9)));
                Axis::log(&self.quantity, &self.unit, low, largest, 7)
            }
            None => Axis::linear(&self.quantity, &self.unit, largest, End::Exact, 8),
        };
        let y = Axis::linear(self.shares.axis(), &Unit::Share, 1.0, End::Tick, 5);

        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            if let Some(target) = target {
                panel.upright(target.at, INK);
            }
            // Below all lines, so that none is dimmed.
            for ((_, _, band), pen) in curves.iter().zip(&pens).filter(|((_, _, band), _)| !band.is_empty()) {
                panel.band(band, pen.colour.mix(SHADE));
            }
            let mut notes = Notes::new(sheet, panel.inner);
            for (index, ((_, points, _), pen)) in curves.iter().zip(&pens).enumerate() {
                let points = steps_from_zero(points);
                panel.line(&points, *pen, index);
                notes.avoid(points.iter().map(|(x, y)| (panel.x(*x), panel.y(*y))));
            }
            if let Some(target) = target {
                notes.beside(&target.label, panel.x(target.at), panel.inner.top);
            }
            if self.quantiles {
                for ((_, points, _), pen) in curves.iter().zip(&pens) {
                    for (share, _, marker) in QUANTILES {
                        if let Some((x, y)) = first_at(points, share) {
                            sheet.mark(marker, pen.colour, panel.x(x), panel.y(y));
                        }
                    }
                }
            }
        })
    }

    fn legend(&self, label: &str, points: &[(f64, f64)]) -> String {
        if !self.quantiles {
            return label.to_owned();
        }
        let quantiles: Vec<_> = QUANTILES
            .iter()
            .filter_map(|(share, name, _)| {
                first_at(points, *share).map(|(at, _)| format!("{name} {}", self.unit.show(at)))
            })
            .collect();
        format!("{label}: {}", quantiles.join(", "))
    }
}

/// The curve with an upright below its first point, for a share does not start in mid-air.
fn steps_from_zero(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    points.first().map(|(x, _)| (*x, 0.0)).into_iter().chain(points.iter().copied()).collect()
}
