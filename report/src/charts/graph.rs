//! A bare graph.

use plotters::style::Color as _;

use super::frame::{Frame, Rect, Sample, Sheet};
use super::layout::{circle, fit, force_directed};
use super::palette::{BLUE, GREY, fill, solid, stroke_alpha};
use crate::quantity::grouped;

/// Peers and the edges between them, with nothing known of where they are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GraphDrawing {
    /// What the drawing shows.
    pub title: String,
    /// How many peers; their indices are `0..peers`.
    pub peers: usize,
    /// Undirected edges; loops and indices out of range are left out.
    pub edges: Vec<(u32, u32)>,
}

/// Height of a drawing of a graph, in pixels.
pub(crate) const MAP_HEIGHT: f64 = 560.0;
/// More edges than these are sampled: beyond them a drawing is a grey patch.
pub(crate) const EDGES: usize = 4_000;
/// More peers than these stand on a circle: forces would take too long, and show a hairball.
const FORCED: usize = 1_000;
/// More peers than these are sampled.
pub(crate) const PEERS: usize = 3_000;

impl GraphDrawing {
    /// The drawing as an SVG document: force-directed for up to 1,000 peers, on a circle in the order of their indices
    /// for more. The subtitle says when edges or peers were sampled.
    #[must_use]
    pub fn svg(&self) -> String {
        let edges = proper(&self.edges, self.peers);
        let mut frame =
            Frame { title: &self.title, subtitle: String::new(), legend: Vec::new(), height: MAP_HEIGHT };
        if self.peers == 0 {
            return frame.draw_empty();
        }
        let mut degree = vec![0_usize; self.peers];
        for (a, b) in &edges {
            degree[*a] += 1;
            degree[*b] += 1;
        }
        frame.subtitle = extent(self.peers, edges.len());
        frame.legend.push((Sample::Dot(BLUE), "peer, larger the more neighbours it has".to_owned()));
        frame.legend.push((Sample::Line(solid(GREY)), "edge".to_owned()));

        let places = if self.peers <= FORCED {
            force_directed(self.peers, &edges)
        } else {
            (0..self.peers).map(|i| circle(i, self.peers)).collect()
        };
        let highest = degree.iter().copied().max().unwrap_or(0).max(1) as f64;
        let base = (140.0 / (self.peers as f64).sqrt()).clamp(1.2, 9.0);
        frame.draw(|sheet, room| {
            let inset = base + 2.0;
            // A square, so that a circle is one; forces may use the whole width.
            let side = if self.peers <= FORCED { room.width() * 0.86 } else { room.height() };
            let spare = (room.width() - side) / 2.0;
            let inner = Rect {
                left: room.left + spare + inset,
                right: room.right - spare - inset,
                top: room.top + inset,
                bottom: room.bottom - inset,
            };
            let at = fit(&places, inner);
            let style = stroke_alpha(GREY.mix(edge_alpha(edges.len().min(EDGES))), 1.0);
            for (a, b) in sampled(&edges, EDGES) {
                sheet.segment(at[*a], at[*b], style);
            }
            let indices: Vec<_> = (0..self.peers).collect();
            for peer in sampled(&indices, PEERS) {
                let radius = base * (0.45 + 0.55 * (degree[*peer] as f64 / highest).sqrt());
                dot(sheet, at[*peer], radius);
            }
        })
    }
}

fn dot(sheet: &Sheet<'_>, (x, y): (f64, f64), radius: f64) {
    if radius > 2.5 {
        sheet.disc(x, y, radius + 0.8, fill(plotters::style::WHITE.to_rgba()));
    }
    sheet.disc(x, y, radius, fill(BLUE.to_rgba()));
}

/// The edges that join two different peers of the graph.
pub(crate) fn proper(edges: &[(u32, u32)], peers: usize) -> Vec<(usize, usize)> {
    edges
        .iter()
        .map(|(a, b)| (*a as usize, *b as usize))
        .filter(|(a, b)| a != b && *a < peers && *b < peers)
        .collect()
}

/// At most `most` of `all`, evenly spread over their order.
pub(crate) fn sampled<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let drawn = all.len().min(most);
    (0..drawn).map(move |i| &all[i * all.len() / drawn])
}

/// How dark one edge of `edges` is: the more there are, the fainter each.
pub(crate) fn edge_alpha(edges: usize) -> f64 {
    (12.0 / (edges.max(1) as f64).sqrt()).clamp(0.12, 0.6)
}

/// How large the graph is, and how much of it is drawn.
pub(crate) fn extent(peers: usize, edges: usize) -> String {
    let part = |all: usize, most: usize, what: &str| {
        let drawn = if all > most { format!(" ({} drawn)", grouped(most as u64)) } else { String::new() };
        format!("{} {what}{drawn}", grouped(all as u64))
    };
    format!("{}, {}", part(peers, PEERS, "peers"), part(edges, EDGES, "edges"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_is_spread_over_the_whole() {
        let all: Vec<_> = (0..10).collect();
        assert_eq!(sampled(&all, 5).copied().collect::<Vec<_>>(), [0, 2, 4, 6, 8]);
        assert_eq!(sampled(&all, 99).count(), 10);
        assert_eq!(sampled::<u8>(&[], 5).count(), 0);
    }

    #[test]
    fn loops_and_strangers_are_no_edges() {
        assert_eq!(proper(&[(0, 1), (1, 1), (1, 9)], 2), [(0, 1)]);
    }

    #[test]
    fn what_is_sampled_is_said() {
        assert_eq!(extent(10, 20), "10 peers, 20 edges");
        assert_eq!(extent(100_000, 400_000), "100,000 peers (3,000 drawn), 400,000 edges (4,000 drawn)");
    }
}
