//! What a graph is like: the figures by which the literature compares overlays.
//!
//! Everything is exact up to [`MOST_EXACT`] peers. Above, distances are taken from a random sample of the
//! peers, and the metrics say so; everything else stays exact. No figure depends on a seed of the user's: the
//! sample and the start of the iteration are fixed.

mod components;
mod distances;
mod spectrum;
mod triangles;

use serde::Serialize;

use self::{components::Components, distances::Distances};
use super::Graph;
use crate::seed::Seed;

/// The most peers for which distances are taken between all pairs.
pub const MOST_EXACT: u32 = 20_000;

/// Peers from which distances are taken when there are more than [`MOST_EXACT`].
pub const SOURCES: u32 = 512;

/// The figures of one graph.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GraphMetrics {
    /// Peers.
    pub peers: u32,
    /// Links, each counted once.
    pub edges: u64,
    /// Connected components; a peer without links is one.
    pub components: u32,
    /// Peers in the largest component (in the one with the lowest peer, if several are as large).
    pub largest_component: u32,
    /// The fewest links of a peer; 0 without peers.
    pub min_degree: u32,
    /// Links of a peer in the mean, 2 · edges / peers; 0 without peers.
    pub mean_degree: f64,
    /// The most links of a peer; 0 without peers.
    pub max_degree: u32,
    /// The longest of all shortest paths of the largest component, in hops; 0 when it has fewer than two
    /// peers. When sampled, the longest that was seen, so at most the true one.
    pub diameter: u32,
    /// Within how many hops nine in ten pairs of the largest component reach each other, interpolated between
    /// whole hops (Leskovec, Kleinberg and Faloutsos, Graphs over time, KDD 2005); none when it has fewer
    /// than two peers.
    #[serde(rename = "effectiveDiameter90")]
    pub effective_diameter_90: Option<f64>,
    /// The mean of the shortest paths between distinct peers of the largest component, in hops (the
    /// characteristic path length of Watts and Strogatz 1998, with the mean for the median); none when it has
    /// fewer than two peers.
    pub mean_path: Option<f64>,
    /// The mean over all peers of the share of pairs of neighbours that are linked (Watts and Strogatz,
    /// Nature 393, 1998); a peer with fewer than two neighbours counts as 0.
    pub clustering: f64,
    /// Sets of three peers that are all linked.
    pub triangles: u64,
    /// The second smallest eigenvalue of the normalised Laplacian of the largest component (λ₁ in Chung,
    /// Spectral Graph Theory, 1997, section 1.2, where counting begins at 0), to 10⁻⁶: near 0 when the graph
    /// has a bottleneck, large when what is known anywhere spreads fast. None when the component has fewer
    /// than two peers, or when it was not found to this accuracy with bounded effort, as in very long chains.
    pub spectral_gap: Option<f64>,
    /// Set when distances are from a sample.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sampled: Option<Sampled>,
}

/// What `diameter`, `effectiveDiameter90` and `meanPath` rest on when there are too many peers for all pairs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Sampled {
    /// Random peers of the largest component from which the distances to all others were taken.
    pub sources: u32,
}

impl GraphMetrics {
    /// Measures a graph, in time of about peers · edges / 64 up to [`MOST_EXACT`] peers.
    #[must_use]
    pub fn of(graph: &Graph) -> Self {
        let peers = graph.peers();
        let Components { count: components, largest } = Components::of(graph);
        let (sources, sampled) = sources(largest.peers());
        let distances = Distances::from(&largest, &sources);
        let triangles = triangles::per_peer(graph);
        let degrees = || (0..peers).map(|peer| graph.degree(peer));
        Self {
            peers,
            edges: graph.edges(),
            components,
            largest_component: largest.peers(),
            min_degree: degrees().min().unwrap_or(0),
            mean_degree: if peers == 0 { 0.0 } else { 2.0 * graph.edges() as f64 / f64::from(peers) },
            max_degree: degrees().max().unwrap_or(0),
            diameter: distances.longest(),
            effective_diameter_90: distances.effective_diameter(0.9),
            mean_path: distances.mean(),
            clustering: triangles::mean_clustering(graph, &triangles),
            triangles: triangles.iter().sum::<u64>() / 3,
            spectral_gap: spectrum::gap(&largest),
            sampled,
        }
    }
}

/// All peers of a component, or a sample of them.
fn sources(peers: u32) -> (Vec<u32>, Option<Sampled>) {
    let all: Vec<u32> = (0..peers).collect();
    if peers <= MOST_EXACT {
        return (all, None);
    }
    let mut rng = Seed(0).stream("topology metrics", &[]);
    (rng.sample(&all, SOURCES as usize), Some(Sampled { sources: SOURCES }))
}

#[cfg(test)]
mod tests;
