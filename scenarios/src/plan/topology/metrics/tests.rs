use petgraph::{
    algo,
    graph::{NodeIndex, UnGraph},
};
use proptest::prelude::*;

use super::*;
use crate::{
    plan::topology::{generate, laws::Fixture},
    spec::topology::{Grid, KRegular, Topology, Tree},
};

fn of(peers: u32, topology: &serde_json::Value) -> GraphMetrics {
    let topology: Topology = serde_json::from_value(topology.clone()).expect("a topology");
    GraphMetrics::of(&generate(&topology, Seed(1), &Fixture::of(peers)).expect("a possible topology"))
}

macro_rules! close {
    ($a:expr, $b:expr, $within:expr) => {{
        let (a, b): (f64, f64) = ($a, $b);
        assert!((a - b).abs() <= $within, "{a} is not within {} of {b}", $within);
    }};
}

#[test]
fn the_keys_are_the_published_ones() {
    let keys = |metrics: &GraphMetrics| match serde_json::to_value(metrics).expect("metrics are JSON") {
        serde_json::Value::Object(map) => map.keys().cloned().collect::<Vec<_>>().join(" "),
        _ => panic!("metrics are an object"),
    };
    let published = "peers edges components largestComponent minDegree meanDegree maxDegree diameter \
                     effectiveDiameter90 meanPath clustering triangles spectralGap";
    assert_eq!(keys(&of(10, &serde_json::json!({"ring": {}}))), published);
    let above = of(MOST_EXACT + 1, &serde_json::json!({"kRegular": {"degree": 4}}));
    assert_eq!(keys(&above), format!("{published} sampled"));
    assert_eq!(above.sampled, Some(Sampled { sources: SOURCES }));
}

#[test]
fn graphs_of_hardly_any_peers_have_no_figures_that_are_not_numbers() {
    for peers in 0..3 {
        let metrics = GraphMetrics::of(&Graph::from_links(peers, &[]));
        assert_eq!(
            (metrics.peers, metrics.components, metrics.largest_component),
            (peers, peers, peers.min(1))
        );
        assert_eq!((metrics.diameter, metrics.mean_degree, metrics.clustering), (0, 0.0, 0.0));
        assert_eq!(
            (metrics.effective_diameter_90, metrics.mean_path, metrics.spectral_gap),
            (None, None, None)
        );
    }
    let pair = GraphMetrics::of(&Graph::from_links(2, &[[0, 1]]));
    assert_eq!((pair.diameter, pair.mean_path, pair.effective_diameter_90), (1, Some(1.0), Some(0.9)));
    close!(pair.spectral_gap.expect("two peers"), 2.0, 1e-6);
}

#[test]
fn a_ring_is_as_the_formulas_say() {
    for n in [5u32, 10, 101] {
        let ring = of(n, &serde_json::json!({"ring": {}}));
        assert_eq!((ring.diameter, ring.min_degree, ring.max_degree, ring.triangles), (n / 2, 2, 2, 0));
        let sum: u32 = (1..n).map(|step| step.min(n - step)).sum();
        close!(ring.mean_path.expect("pairs"), f64::from(sum) / f64::from(n - 1), 1e-12);
        let gap = 1.0 - (2.0 * std::f64::consts::PI / f64::from(n)).cos();
        close!(ring.spectral_gap.expect("pairs"), gap, 1e-6);
    }
    // Ten peers: two at each distance from 1 to 4 and one at 5, so 0.9 · 9 = 8.1 is a tenth of the way past
    // 8.
    close!(of(10, &serde_json::json!({"ring": {}})).effective_diameter_90.expect("pairs"), 4.1, 1e-12);
}

#[test]
fn a_full_mesh_is_as_the_formulas_say() {
    let mesh = of(40, &serde_json::json!({"fullMesh": {}}));
    assert_eq!((mesh.diameter, mesh.mean_path, mesh.clustering), (1, Some(1.0), 1.0));
    assert_eq!((mesh.edges, mesh.triangles), (40 * 39 / 2, 40 * 39 * 38 / 6));
    close!(mesh.spectral_gap.expect("pairs"), 40.0 / 39.0, 1e-6);
}

#[test]
fn a_star_is_as_the_formulas_say() {
    let star = of(50, &serde_json::json!({"star": {}}));
    assert_eq!((star.diameter, star.min_degree, star.max_degree, star.triangles), (2, 1, 49, 0));
    close!(star.mean_path.expect("pairs"), 2.0 - 2.0 / 50.0, 1e-12);
    close!(star.spectral_gap.expect("pairs"), 1.0, 1e-6);
}

#[test]
fn a_hypercube_is_as_the_formulas_say() {
    let cube = of(256, &serde_json::json!({"hypercube": {}}));
    assert_eq!((cube.diameter, cube.min_degree, cube.max_degree, cube.triangles), (8, 8, 8, 0));
    close!(cube.mean_path.expect("pairs"), 8.0 * 128.0 / 255.0, 1e-12);
    close!(cube.spectral_gap.expect("pairs"), 2.0 / 8.0, 1e-6);
}

#[test]
fn a_grid_and_a_torus_are_as_the_formulas_say() {
    let grid = of(12, &serde_json::json!({"grid": {"columns": 4}}));
    assert_eq!((grid.edges, grid.diameter, grid.min_degree, grid.max_degree), (17, 5, 2, 4));
    // The mean distance on a path of k is (k + 1) / 3 over distinct pairs, and the two axes add up.
    close!(grid.mean_path.expect("pairs"), 7.0 / 3.0, 1e-12);
    let torus = of(36, &serde_json::json!({"grid": {"columns": 6, "torus": true}}));
    assert_eq!((torus.edges, torus.diameter, torus.min_degree, torus.max_degree), (72, 6, 4, 4));
    close!(torus.spectral_gap.expect("pairs"), (1.0 - (std::f64::consts::PI / 3.0).cos()) / 2.0, 1e-6);
}

#[test]
fn the_petersen_graph_is_as_the_books_say() {
    let outer = (0..5).map(|i| [i, (i + 1) % 5]);
    let inner = (0..5).map(|i| [5 + i, 5 + (i + 2) % 5]);
    let spokes = (0..5).map(|i| [i, 5 + i]);
    let links: Vec<_> = outer.chain(inner).chain(spokes).collect();
    let petersen = GraphMetrics::of(&Graph::from_links(10, &links));
    assert_eq!((petersen.edges, petersen.diameter, petersen.triangles), (15, 2, 0));
    close!(petersen.mean_path.expect("pairs"), 5.0 / 3.0, 1e-12);
    close!(petersen.spectral_gap.expect("pairs"), 2.0 / 3.0, 1e-6);
}

#[test]
fn a_bottleneck_closes_the_gap() {
    // Two full meshes of 20 with one link between.
    let clique = |first: u32| (first..first + 20).flat_map(move |a| (a + 1..first + 20).map(move |b| [a, b]));
    let links: Vec<_> = clique(0).chain(clique(20)).chain([[0, 20]]).collect();
    let gap = GraphMetrics::of(&Graph::from_links(40, &links)).spectral_gap.expect("pairs");
    assert!(gap > 0.001 && gap < 0.01, "{gap}");
}

#[test]
fn only_the_largest_component_counts_for_distances() {
    let links = [[0, 1], [2, 3], [3, 4], [4, 2], [5, 6], [6, 7]];
    let metrics = GraphMetrics::of(&Graph::from_links(9, &links));
    assert_eq!((metrics.components, metrics.largest_component, metrics.diameter), (4, 3, 1));
    close!(metrics.spectral_gap.expect("a triangle"), 1.5, 1e-6);
    close!(metrics.clustering, 3.0 / 9.0, 1e-12);
}

/// Published: the mean distance of random 8-regular graphs of 10,000 peers.
#[test]
fn a_random_regular_graph_has_the_mean_distance_of_its_kind() {
    let metrics = of(10_000, &serde_json::json!({"kRegular": {"degree": 8}}));
    close!(metrics.mean_path.expect("pairs"), 4.78, 0.02);
    // Friedman 2003: the second eigenvalue comes close to 2 · √(d − 1), the least possible.
    close!(metrics.spectral_gap.expect("pairs"), 1.0 - 2.0 * 7f64.sqrt() / 8.0, 0.01);
    assert_eq!((metrics.components, metrics.min_degree, metrics.max_degree), (1, 8, 8));
}

#[test]
fn a_sample_comes_close_to_the_whole() {
    // Grid distances are known exactly: (rows + columns) / 3 over all pairs of distinct peers.
    let grid = Topology::Grid(Grid { columns: Some(160), torus: false });
    let graph = generate(&grid, Seed(1), &Fixture::of(160 * 160)).expect("a grid");
    let metrics = GraphMetrics::of(&graph);
    assert!(metrics.sampled.is_some());
    close!(metrics.mean_path.expect("pairs"), 320.0 / 3.0, 3.0);
    assert!(metrics.diameter <= 318 && metrics.diameter > 280, "{}", metrics.diameter);
}

#[test]
fn a_long_chain_takes_no_longer_than_plain_searches() {
    let tree = Topology::Tree(Tree { branching: 1 });
    let metrics = GraphMetrics::of(&generate(&tree, Seed(1), &Fixture::of(3_000)).expect("a chain"));
    assert_eq!(metrics.diameter, 2_999);
    close!(metrics.mean_path.expect("pairs"), 3_001.0 / 3.0, 1e-9);
    let gap = 1.0 - (std::f64::consts::PI / 2_999.0).cos();
    close!(metrics.spectral_gap.expect("pairs"), gap, 1e-6);
}

#[test]
fn the_gap_is_told_to_the_precision_that_it_has() {
    // By the iteration alone, these come out as 1.0000000000002 and 0.00007895….
    for (topology, told) in
        [(serde_json::json!({"star": {}}), "1.0"), (serde_json::json!({"ring": {}}), "0.000079")]
    {
        let gap = of(500, &topology).spectral_gap.expect("pairs");
        assert_eq!(serde_json::to_string(&gap).expect("a number"), told);
    }
}

#[test]
fn more_neighbours_mean_a_larger_gap_and_shorter_paths() {
    let regular = |degree| {
        let topology = Topology::KRegular(KRegular { degree });
        GraphMetrics::of(&generate(&topology, Seed(3), &Fixture::of(500)).expect("a regular graph"))
    };
    let (four, sixteen) = (regular(4), regular(16));
    assert!(four.spectral_gap < sixteen.spectral_gap);
    assert!(four.mean_path > sixteen.mean_path);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn figures_agree_with_an_independent_library(
        peers in 1u32..150,
        links in prop::collection::vec((any::<u32>(), any::<u32>()), 0..400),
    ) {
        let links: Vec<_> = links.iter().map(|(a, b)| [a % peers, b % peers]).collect();
        let graph = Graph::from_links(peers, &links);
        let mut oracle = UnGraph::<(), ()>::new_undirected();
        let nodes: Vec<_> = (0..peers).map(|_| oracle.add_node(())).collect();
        for [a, b] in graph.links() {
            oracle.add_edge(nodes[a as usize], nodes[b as usize], ());
        }
        let metrics = GraphMetrics::of(&graph);
        prop_assert_eq!(metrics.components as usize, algo::connected_components(&oracle));

        let reach: Vec<Vec<u32>> = nodes
            .iter()
            .map(|&from| algo::dijkstra(&oracle, from, None, |_| 1u32).into_values().collect())
            .collect();
        let largest = reach.iter().map(Vec::len).max().unwrap_or(0);
        prop_assert_eq!(metrics.largest_component as usize, largest);
        let source = (0..peers as usize).find(|&peer| reach[peer].len() == largest).expect("a peer");
        let inside: Vec<usize> = algo::dijkstra(&oracle, nodes[source], None, |_| 1u32)
            .into_keys()
            .map(NodeIndex::index)
            .collect();
        let mut hops: Vec<u32> = inside.iter().flat_map(|&peer| reach[peer].iter().copied()).collect();
        hops.retain(|&hops| hops > 0);
        prop_assert_eq!(metrics.diameter, hops.iter().copied().max().unwrap_or(0));
        if let Some(mean) = metrics.mean_path {
            let expected = hops.iter().map(|&hops| f64::from(hops)).sum::<f64>() / hops.len() as f64;
            prop_assert!((mean - expected).abs() < 1e-9, "{} {}", mean, expected);
        }

        let mut triangles = 0;
        for a in &nodes {
            for b in &nodes[a.index() + 1..] {
                for c in &nodes[b.index() + 1..] {
                    let linked = |x, y| oracle.find_edge(x, y).is_some();
                    triangles += u64::from(linked(*a, *b) && linked(*b, *c) && linked(*a, *c));
                }
            }
        }
        prop_assert_eq!(metrics.triangles, triangles);
    }

    #[test]
    fn the_gap_agrees_with_power_iteration(
        peers in 3u32..40,
        links in prop::collection::vec((any::<u32>(), any::<u32>()), 20..120),
    ) {
        let chain = (1..peers).map(|peer| [peer - 1, peer]);
        let links: Vec<_> = links.iter().map(|(a, b)| [a % peers, b % peers]).chain(chain).collect();
        let graph = Graph::from_links(peers, &links);
        // (I + N) / 2 has no negative eigenvalue, so that the largest in size is the largest.
        let degree = |peer: u32| f64::from(graph.degree(peer));
        let mut vector: Vec<f64> = (0..peers).map(|peer| seeded(peer) - 0.5).collect();
        let mut value = 0.0;
        for _ in 0..20_000 {
            let weight: f64 = (0..peers).map(|p| vector[p as usize] * degree(p).sqrt()).sum::<f64>()
                / (2.0 * graph.edges() as f64);
            for peer in 0..peers {
                vector[peer as usize] -= weight * degree(peer).sqrt();
            }
            let next: Vec<f64> = (0..peers)
                .map(|p| {
                    let gathered = graph.neighbours(p).iter();
                    let sum: f64 = gathered.map(|&q| vector[q as usize] / (degree(p) * degree(q)).sqrt()).sum();
                    f64::midpoint(vector[p as usize], sum)
                })
                .collect();
            let length = next.iter().map(|x| x * x).sum::<f64>().sqrt();
            value = length / vector.iter().map(|x| x * x).sum::<f64>().sqrt();
            vector = next.iter().map(|x| x / length).collect();
        }
        let expected = 2.0 - 2.0 * value;
        let gap = GraphMetrics::of(&graph).spectral_gap.expect("a connected graph");
        prop_assert!((gap - expected).abs() < 1e-5, "{} {}", gap, expected);
    }
}

fn seeded(peer: u32) -> f64 {
    crate::seed::unit_from(crate::seed::mix(7, u64::from(peer), 0))
}
