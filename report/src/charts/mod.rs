//! Charts of a run, drawn with `plotters` as SVG; [`png`] makes a picture of any of them.
//!
//! Each chart is a struct of plain data with a method `svg`. Values are in base units (seconds, bytes, bits a second);
//! axes choose the prefix. The same data gives the same bytes. Values that are not finite are left out, and a chart
//! without any value says so.

mod axis;
mod bytes;
mod cdf;
mod coverage;
mod degrees;
mod duplicates;
mod font;
mod frame;
mod graph;
mod layout;
mod notes;
mod overlay;
mod palette;
mod picture;
mod ratios;
mod svg;
#[cfg(test)]
mod tests;
mod throughput;

pub use axis::Scale;
pub use bytes::{BytesPerPeer, Direction};
pub use cdf::{Cdf, Shares, Target};
pub use coverage::{Coverage, Spreading};
pub use degrees::Degrees;
pub use duplicates::Duplicates;
pub use graph::GraphDrawing;
pub use overlay::{OverlayMap, Region};
pub use picture::{PictureError, png};
pub use ratios::{Ratio, RatioRow, Ratios};
pub use throughput::{Interval, Rate, RateUnit, Throughput};

/// A named line of a chart: points with x rising.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Curve {
    /// What the legend calls it.
    pub label: String,
    /// Its points, in base units.
    pub points: Vec<(f64, f64)>,
    /// How far it may be off: points (x, low, high); may be empty.
    pub band: Vec<(f64, f64, f64)>,
}

impl Curve {
    /// A curve called `label`.
    pub fn new(label: impl Into<String>, points: Vec<(f64, f64)>) -> Self {
        Self { label: label.into(), points, band: Vec::new() }
    }
}

/// The points of a band that are finite, in rising x.
fn finite_band(band: &[(f64, f64, f64)]) -> Vec<(f64, f64, f64)> {
    let is_finite = |(x, low, high): &(f64, f64, f64)| x.is_finite() && low.is_finite() && high.is_finite();
    let mut kept: Vec<_> = band.iter().copied().filter(is_finite).collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    kept
}

/// The points whose coordinates are both finite, in rising x.
fn finite(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<_> = points.iter().copied().filter(|(x, y)| x.is_finite() && y.is_finite()).collect();
    kept.sort_by(|a, b| a.0.total_cmp(&b.0));
    kept
}

/// The first point at which a rising curve has reached `share`.
fn first_at(points: &[(f64, f64)], share: f64) -> Option<(f64, f64)> {
    points.iter().copied().find(|(_, y)| *y >= share - 1e-9)
}
