//! The overlay on its regions.

use plotters::style::text_anchor::{HPos, VPos};
use plotters::style::{Color as _, RGBColor, WHITE};

use super::font;
use super::frame::{Frame, Rect, SMALL_SIZE, Sample, Sheet, shortened};
use super::graph::{EDGES, MAP_HEIGHT, PEERS, edge_alpha, extent, proper, sampled};
use super::layout::{centre, circle, fit, spread, sunflower};
use super::palette::{BLUE, GREY, INK, SKY, VERMILION, fill, solid, stroke, stroke_alpha};
use crate::quantity::grouped;

/// An overlay whose peers live in regions.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OverlayMap {
    /// What the drawing shows.
    pub title: String,
    /// The regions.
    pub regions: Vec<Region>,
    /// The region of each peer, as an index into `regions`; a peer whose index is out of range is not drawn.
    pub region_of: Vec<usize>,
    /// Undirected edges between peers; loops and indices out of range are left out.
    pub edges: Vec<(u32, u32)>,
    /// Whether each peer is away; who is not told of is there.
    pub away: Vec<bool>,
    /// What the edges are, for the subtitle; nothing is said when it is empty.
    pub note: String,
}

/// A region of an [`OverlayMap`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Region {
    /// What is written under it.
    pub name: String,
    /// Longitude and latitude in degrees. When any region lacks them, all stand on a circle.
    pub place: Option<(f64, f64)>,
}

/// Height of the name under a region, in pixels.
const NAME: f64 = 17.0;

/// A peer with so many times the mean number of edges is a hub.
const HUB: f64 = 3.0;

/// The number of edges from which a peer is a hub.
fn hub_from(degree: &[usize]) -> usize {
    let mean = degree.iter().sum::<usize>() as f64 / degree.len().max(1) as f64;
    // A graph with hardly any edges has no hubs.
    (HUB * mean.max(1.0)).ceil() as usize
}

/// A region as it is drawn.
struct Disc {
    centre: (f64, f64),
    radius: f64,
    peers: usize,
}

impl OverlayMap {
    /// The drawing as an SVG document. The subtitle says when edges or peers were sampled.
    #[must_use]
    pub fn svg(&self) -> String {
        let edges: Vec<_> = proper(&self.edges, self.region_of.len())
            .into_iter()
            .filter(|(a, b)| self.region_of[*a].max(self.region_of[*b]) < self.regions.len())
            .collect();
        let mut frame =
            Frame { title: &self.title, subtitle: String::new(), legend: Vec::new(), height: MAP_HEIGHT };

        let mut degree = vec![0_usize; self.region_of.len()];
        for (a, b) in &edges {
            degree[*a] += 1;
            degree[*b] += 1;
        }
        // Peers stand in their region's disc in the order of their indices, but for hubs, which have its middle.
        let mut sizes = vec![0_usize; self.regions.len()];
        let mut order: Vec<_> = (0..self.region_of.len()).collect();
        let hub = hub_from(&degree);
        order.sort_by_key(|peer| std::cmp::Reverse(if degree[*peer] >= hub { degree[*peer] } else { 0 }));
        let mut rank = vec![0; order.len()];
        for peer in order {
            if let Some(size) = sizes.get_mut(self.region_of[peer]) {
                rank[peer] = *size;
                *size += 1;
            }
        }
        let peers: usize = sizes.iter().sum();
        if peers == 0 {
            return frame.draw_empty();
        }

        let is_inner = |(a, b): &&(usize, usize)| self.region_of[*a] == self.region_of[*b];
        let inner = edges.iter().filter(is_inner).count();
        frame.subtitle = extent(peers, edges.len());
        if !self.note.is_empty() {
            frame.subtitle.push_str(&format!(": {}", self.note));
        }
        let is_away = |peer: usize| self.away.get(peer).copied().unwrap_or(false);
        let away = (0..self.region_of.len()).filter(|peer| is_away(*peer)).count();
        let hubs = degree.iter().any(|degree| *degree >= hub);
        let peer = if hubs { "peer, larger as a hub of many edges" } else { "peer" };
        frame.legend.push((Sample::Dot(INK), peer.to_owned()));
        if away > 0 {
            frame.legend.push((Sample::Ring(INK), format!("peer that is away ({})", grouped(away as u64))));
        }
        for (colour, what, n) in [(BLUE, "within", inner), (VERMILION, "between", edges.len() - inner)] {
            frame
                .legend
                .push((Sample::Line(solid(colour)), format!("edge {what} regions ({})", grouped(n as u64))));
        }

        frame.draw(|sheet, room| {
            let discs = self.discs(&sizes, room);
            for disc in discs.iter().filter(|disc| disc.peers > 0) {
                sheet.disc(disc.centre.0, disc.centre.1, disc.radius, fill(SKY.mix(0.14)));
            }
            let place = |peer: usize| {
                let disc = &discs[self.region_of[peer]];
                let (x, y) = sunflower(rank[peer], disc.peers);
                let reach = disc.radius * 0.92;
                (disc.centre.0 + x * reach, disc.centre.1 + y * reach)
            };
            let drawn: Vec<_> = sampled(&edges, EDGES).collect();
            let alpha = edge_alpha(drawn.len());
            let edges_of = |inner: bool, colour: RGBColor, alpha: f64| {
                let style = stroke_alpha(colour.mix(alpha), 0.9);
                for (a, b) in drawn.iter().filter(|edge| is_inner(edge) == inner) {
                    sheet.segment(place(*a), place(*b), style);
                }
            };
            edges_of(false, VERMILION, alpha * 0.8);
            edges_of(true, BLUE, alpha);
            let inside: Vec<_> =
                (0..self.region_of.len()).filter(|peer| self.region_of[*peer] < discs.len()).collect();
            let mut dots: Vec<usize> = sampled(&inside, PEERS).copied().collect();
            // Hubs are drawn, whatever the sample, and above all others.
            dots.extend(inside.iter().filter(|peer| degree[**peer] >= hub));
            for peer in dots {
                let (disc, (x, y)) = (&discs[self.region_of[peer]], place(peer));
                let dot = (0.4 * disc.radius / (disc.peers as f64).sqrt()).clamp(0.6, 3.0);
                if degree[peer] >= hub {
                    let dot = dot.max(1.5) * (degree[peer] as f64 / (hub as f64 / HUB)).sqrt().min(3.0);
                    sheet.disc(x, y, dot + 1.0, fill(WHITE.to_rgba()));
                    sheet.disc(x, y, dot, fill(INK.to_rgba()));
                } else if is_away(peer) {
                    sheet.ring(x, y, dot, INK);
                } else {
                    sheet.disc(x, y, dot, fill(INK.to_rgba()));
                }
            }
            for (region, disc) in self.regions.iter().zip(&discs).filter(|(_, disc)| disc.peers > 0) {
                sheet.disc(disc.centre.0, disc.centre.1, disc.radius, stroke(SKY, 1.2));
                name(sheet, region, disc, room);
            }
        })
    }

    /// Discs whose areas are as their peers, near their places on the map, clear of one another.
    fn discs(&self, sizes: &[usize], room: Rect) -> Vec<Disc> {
        let n = self.regions.len();
        let known = |region: &Region| region.place.filter(|(x, y)| x.is_finite() && y.is_finite());
        let places: Option<Vec<_>> =
            self.regions.iter().map(|region| known(region).map(|(lon, lat)| (lon, -lat))).collect();
        let places = places.unwrap_or_else(|| (0..n).map(|i| circle(i, n)).collect());

        // Together the discs take about a quarter of the room, and none more than its height.
        let total: usize = sizes.iter().sum();
        let area = 0.26 * room.width() * room.height();
        let radii: Vec<_> = sizes
            .iter()
            .map(|size| {
                (area * *size as f64 / total.max(1) as f64 / std::f64::consts::PI)
                    .sqrt()
                    .clamp(7.0, room.height() / 2.0 - NAME)
            })
            .collect();
        let typical = room.height() / 8.0;
        let inner = Rect {
            left: room.left + typical,
            right: room.right - typical,
            top: room.top + typical,
            bottom: room.bottom - typical,
        };
        let mut centres = fit(&places, inner);
        let clear: Vec<_> = radii.iter().map(|radius| radius + NAME / 2.0 + 4.0).collect();
        // The name under a disc belongs to what must stay clear: the middle of both lies half a name below the disc's.
        centres.iter_mut().for_each(|centre| centre.1 += NAME / 2.0);
        spread(&mut centres, &clear, room);
        centre(&mut centres, &clear, room);
        centres
            .into_iter()
            .zip(radii)
            .zip(sizes)
            .map(|(((x, y), radius), peers)| Disc { centre: (x, y - NAME / 2.0), radius, peers: *peers })
            .collect()
    }
}

/// The name and the number of peers, under the disc, on a plate that edges do not cross.
fn name(sheet: &Sheet<'_>, region: &Region, disc: &Disc, room: Rect) {
    let bold = font::bold(SMALL_SIZE, INK, HPos::Left, VPos::Center);
    let plain = font::text(SMALL_SIZE, GREY, HPos::Left, VPos::Center);
    let name = shortened(&region.name, 150.0, &bold);
    let count = grouped(disc.peers as u64);
    let (first, second) = (font::width(&name, &bold), font::width(&count, &plain));
    let width = first + 5.0 + second;
    let left = (disc.centre.0 - width / 2.0).min(room.right - width - 3.0).max(room.left + 3.0);
    let y = disc.centre.1 + disc.radius + NAME / 2.0 + 1.0;
    let plate = Rect { left: left - 3.0, top: y - 7.0, right: left + width + 3.0, bottom: y + 7.0 };
    sheet.rectangle(plate, fill(WHITE.mix(0.8)));
    sheet.write(&name, &bold, left, y);
    sheet.write(&count, &plain, left + first + 5.0, y);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(edges: Vec<(u32, u32)>, away: Vec<bool>) -> String {
        OverlayMap {
            title: "Overlay".into(),
            regions: vec![Region { name: "here".into(), place: None }],
            region_of: vec![0; 20],
            edges,
            away,
            note: String::new(),
        }
        .svg()
    }

    #[test]
    fn a_hub_is_told_of_and_a_ring_has_none() {
        assert!(map((1..20).map(|peer| (0, peer)).collect(), Vec::new()).contains("larger as a hub"));
        assert!(!map((0..20).map(|peer| (peer, (peer + 1) % 20)).collect(), Vec::new()).contains("hub"));
        assert!(!map(vec![(0, 1)], Vec::new()).contains("hub"), "two peers that are connected");
    }

    #[test]
    fn who_is_away_is_told_apart() {
        assert!(map(Vec::new(), vec![true; 3]).contains("peer that is away (3)"));
        assert!(!map(Vec::new(), vec![false; 20]).contains("away"));
    }
}
