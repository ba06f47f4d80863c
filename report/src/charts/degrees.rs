//! How many neighbours peers have, in several runs beside one another.

use plotters::style::Color as _;

use super::axis::{Axis, Bins, End};
use super::frame::{Frame, HEIGHT, Sample};
use super::palette::{fill, pen};
use crate::quantity::Unit;

/// Degrees of several runs, as bars side by side.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Degrees {
    /// What the chart shows.
    pub title: String,
    /// What has the degrees, such as `"Peers"`: the name of the y axis.
    pub of: String,
    /// The runs, as the legend calls them, each with how many have which degree: (degree, count), in any order.
    pub runs: Vec<(String, Vec<(u64, u64)>)>,
}

/// More bars a run than these are put together.
const BARS: u64 = 32;
/// Width of all bars of a bin together, of its width.
const FILLED: f64 = 0.84;

impl Degrees {
    /// The chart as an SVG document: for each degree the share of those that have it.
    #[must_use]
    pub fn svg(&self) -> String {
        let mut frame = Frame {
            title: &self.title,
            subtitle: "Share that has so many, in each run".to_owned(),
            legend: Vec::new(),
            height: HEIGHT,
        };
        let held = || self.runs.iter().flat_map(|(_, counts)| counts.iter().filter(|(_, count)| *count > 0));
        let (Some(&(least, _)), Some(&(most, _))) =
            (held().min_by_key(|(degree, _)| *degree), held().max_by_key(|(degree, _)| *degree))
        else {
            return frame.draw_empty();
        };
        let bins = Bins::over(least, most, BARS);
        let pens: Vec<_> = (0..self.runs.len()).map(|run| pen(run, self.runs.len())).collect();
        let shares: Vec<Vec<f64>> = self.runs.iter().map(|(_, counts)| shares(&bins, counts)).collect();
        for ((label, counts), pen) in self.runs.iter().zip(&pens) {
            let total: u64 = counts.iter().map(|(_, count)| count).sum();
            let sum: f64 = counts.iter().map(|(degree, count)| *degree as f64 * *count as f64).sum();
            let mean = if total == 0 { "none".to_owned() } else { Unit::Count.show(sum / total as f64) };
            frame.legend.push((Sample::Area(pen.colour.to_rgba()), format!("{label}: mean {mean}")));
        }
        let tallest = shares.iter().flatten().copied().fold(0.0, f64::max);
        let x = Axis::bins("Degree", &bins);
        let y = Axis::linear(&self.of, &Unit::Share, tallest, End::Tick, 6);
        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            let width = FILLED / shares.len() as f64;
            for (run, (shares, pen)) in shares.iter().zip(&pens).enumerate() {
                for (bin, share) in shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
                    let left = bin as f64 + (1.0 - FILLED) / 2.0 + run as f64 * width;
                    panel.bar(left, left + width, *share, fill(pen.colour.to_rgba()));
                }
            }
        })
    }
}

/// The share that each bin has of all.
fn shares(bins: &Bins, counts: &[(u64, u64)]) -> Vec<f64> {
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    let mut shares = vec![0.0; bins.count as usize];
    for (degree, count) in counts.iter().filter(|(_, count)| *count > 0) {
        shares[bins.of(*degree) as usize] += *count as f64 / total as f64;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_its_shares_of_the_same_bins() {
        let bins = Bins::over(8, 8, BARS);
        assert_eq!((bins.from, bins.count), (5, 7));
        assert_eq!(shares(&bins, &[(8, 3), (6, 1)]), [0.0, 0.25, 0.0, 0.75, 0.0, 0.0, 0.0]);
        let wide = Bins::over(1, 100, BARS);
        assert!((shares(&wide, &[(1, 1), (100, 1)]).iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
}
