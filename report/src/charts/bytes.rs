//! How the load is spread over the peers.

use super::axis::{Axis, End, Scale};
use super::frame::{Frame, HEIGHT, Sample};
use super::palette::pen;
use crate::quantity::{Unit, grouped};

/// Bytes by direction, peer by peer.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BytesPerPeer {
    /// What the chart shows.
    pub title: String,
    /// One curve each.
    pub directions: Vec<Direction>,
    /// How the axis of bytes is divided.
    pub scale: Scale,
}

/// What each peer moved in one direction.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Direction {
    /// What the legend calls it, such as `"sent"`.
    pub label: String,
    /// Bytes of each peer, in any order.
    pub bytes: Vec<f64>,
}

/// Up to this many peers each is a step of its own; more are drawn as this many quantiles.
const STEPS: usize = 400;

impl BytesPerPeer {
    /// The chart as an SVG document: for each direction the peers from the least to the most loaded, from left to
    /// right, so that the height at 50 % is the median peer's bytes.
    #[must_use]
    pub fn svg(&self) -> String {
        let directions: Vec<_> = self
            .directions
            .iter()
            .map(|direction| {
                let mut bytes: Vec<_> =
                    direction.bytes.iter().copied().filter(|b| b.is_finite() && *b >= 0.0).collect();
                bytes.sort_by(f64::total_cmp);
                (direction.label.as_str(), bytes)
            })
            .filter(|(_, bytes)| !bytes.is_empty())
            .collect();
        let peers = directions.iter().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
        let mut frame = Frame {
            title: &self.title,
            subtitle: format!(
                "{} peers, each direction sorted from the least to the most loaded",
                grouped(peers as u64)
            ),
            legend: Vec::new(),
            height: HEIGHT,
        };
        if peers == 0 {
            frame.subtitle.clear();
            return frame.draw_empty();
        }
        let pens: Vec<_> = (0..directions.len()).map(|i| pen(i, directions.len())).collect();
        for ((label, bytes), pen) in directions.iter().zip(&pens) {
            let mean = bytes.iter().sum::<f64>() / bytes.len() as f64;
            let largest = bytes.last().copied().unwrap_or(0.0);
            let text = format!("{label}: mean {}, max {}", Unit::Bytes.show(mean), Unit::Bytes.show(largest));
            frame.legend.push((Sample::Line(*pen), text));
        }

        let all = || directions.iter().flat_map(|(_, bytes)| bytes.iter().copied());
        let largest = all().fold(0.0, f64::max);
        let typical =
            directions.iter().map(|(_, bytes)| bytes[bytes.len() / 2]).fold(f64::INFINITY, f64::min);
        let smallest = all().filter(|b| *b > 0.0).min_by(f64::total_cmp);
        let y = match smallest.filter(|_| self.scale.is_log(typical, largest)) {
            Some(smallest) => {
                Axis::log("Bytes a peer", &Unit::Bytes, smallest.max(largest / 1e9), largest, 6)
            }
            None => Axis::linear("Bytes a peer", &Unit::Bytes, largest, End::Tick, 6),
        };
        let x = Axis::linear("Peers, least loaded first", &Unit::Share, 1.0, End::Tick, 5);
        frame.draw(|sheet, room| {
            let mut panel = sheet.panel(room, x, y);
            for (index, ((_, bytes), pen)) in directions.iter().zip(&pens).enumerate() {
                panel.line(&sorted_curve(bytes), *pen, index);
            }
        })
    }
}

/// Sorted values over the share of peers, as steps.
fn sorted_curve(sorted: &[f64]) -> Vec<(f64, f64)> {
    let n = sorted.len();
    if n <= STEPS {
        return (0..n)
            .flat_map(|i| [(i as f64 / n as f64, sorted[i]), ((i + 1) as f64 / n as f64, sorted[i])])
            .collect();
    }
    (0..=STEPS)
        .map(|step| {
            let share = step as f64 / STEPS as f64;
            (share, sorted[((n - 1) as f64 * share).round() as usize])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_peers_are_steps_and_many_are_quantiles() {
        assert_eq!(sorted_curve(&[1.0, 4.0]), [(0.0, 1.0), (0.5, 1.0), (0.5, 4.0), (1.0, 4.0)]);
        let many: Vec<_> = (0..1_000_000).map(f64::from).collect();
        let curve = sorted_curve(&many);
        assert_eq!((curve.len(), curve[0], curve[STEPS]), (STEPS + 1, (0.0, 0.0), (1.0, 999_999.0)));
    }
}
