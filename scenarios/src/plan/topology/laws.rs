//! The laws that every graph of a generator keeps.

use proptest::prelude::*;

use super::{Fleet, Graph, TopologyError, disjoint_sets::DisjointSets, expected_links, generate};
use crate::{
    seed::{Seed, mix},
    spec::topology::{
        BarabasiAlbert, DeBruijn, ErdosRenyi, FullMesh, Geographic, Grid, Hypercube, Import, KRegular, Ring,
        Star, Topology, Tree, WattsStrogatz,
    },
    units::{Nanos, Share},
};

/// A fleet in five regions, 10 ms across each and 30 ms from one to the next, with a jitter of its own for
/// each pair.
pub(super) struct Fixture {
    peers: u32,
    file: Option<&'static str>,
}

impl Fixture {
    pub(super) const fn of(peers: u32) -> Self {
        Self { peers, file: None }
    }
}

impl Fleet for Fixture {
    fn peers(&self) -> u32 {
        self.peers
    }

    fn latency(&self, a: u32, b: u32) -> Nanos {
        let (low, high) = (u64::from(a.min(b)), u64::from(a.max(b)));
        let regions = u64::from(self.region(a).abs_diff(self.region(b)));
        Nanos(10_000_000 + 30_000_000 * regions + mix(1, low, high) % 5_000_000)
    }

    fn region(&self, peer: u32) -> u32 {
        peer % 5
    }

    fn first_of_group(&self, group: &str) -> Option<u32> {
        (group == "servers" && self.peers > 3).then_some(3)
    }

    fn file(&self, _: &str) -> Option<&str> {
        self.file
    }
}

fn made(topology: &Topology, peers: u32, seed: u64) -> Result<Graph, TopologyError> {
    generate(topology, Seed(seed), &Fixture::of(peers))
}

fn components(graph: &Graph) -> u32 {
    DisjointSets::joined_by(graph.peers(), graph.links()).count()
}

fn degrees(graph: &Graph) -> impl Iterator<Item = u32> + '_ {
    (0..graph.peers()).map(|peer| graph.degree(peer))
}

/// Rows are in order, without the peer itself or repeats, and each link is in both.
fn is_simple_and_symmetric(graph: &Graph) -> bool {
    (0..graph.peers()).all(|peer| {
        let row = graph.neighbours(peer);
        row.is_sorted_by(|a, b| a < b)
            && row.iter().all(|&other| other != peer && graph.neighbours(other).binary_search(&peer).is_ok())
    })
}

/// Any topology that is made by a generator.
fn topologies() -> impl Strategy<Value = Topology> {
    let share = (0u32..=100).prop_map(Share::percent);
    prop_oneof![
        Just(Topology::FullMesh(FullMesh {})),
        Just(Topology::Ring(Ring {})),
        Just(Topology::Star(Star { hub: None })),
        Just(Topology::Hypercube(Hypercube {})),
        (0u32..14).prop_map(|degree| Topology::KRegular(KRegular { degree })),
        (0.0..12.0).prop_map(|mean| Topology::ErdosRenyi(ErdosRenyi::MeanDegree(mean))),
        share.clone().prop_map(|share| Topology::ErdosRenyi(ErdosRenyi::Probability(share))),
        (0u32..14, share)
            .prop_map(|(degree, rewire)| Topology::WattsStrogatz(WattsStrogatz { degree, rewire })),
        (0u32..14).prop_map(|links| Topology::BarabasiAlbert(BarabasiAlbert { links })),
        (0u32..6).prop_map(|branching| Topology::Tree(Tree { branching })),
        (prop::option::of(0u32..10), any::<bool>())
            .prop_map(|(columns, torus)| Topology::Grid(Grid { columns, torus })),
        (0u32..6, 0u32..4).prop_map(|(near, far)| Topology::Geographic(Geographic { near, far })),
        (0u32..6).prop_map(|base| Topology::DeBruijn(DeBruijn { base })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn a_graph_is_simple_and_the_same_for_the_same_seed(
        topology in topologies(), peers in 0u32..120, seed: u64,
    ) {
        if let Ok(graph) = made(&topology, peers, seed) {
            prop_assert_eq!(graph.peers(), peers);
            prop_assert!(is_simple_and_symmetric(&graph));
            prop_assert_eq!(made(&topology, peers, seed), Ok(graph));
        }
    }

    #[test]
    fn all_but_erdos_renyi_are_connected(topology in topologies(), peers in 1u32..120, seed: u64) {
        if let Ok(graph) = made(&topology, peers, seed)
            && !matches!(topology, Topology::ErdosRenyi(_))
        {
            prop_assert_eq!(components(&graph), 1);
        }
    }

    #[test]
    fn an_impossible_topology_says_where_and_why(topology in topologies(), peers in 0u32..30) {
        if let Err(error) = made(&topology, peers, 1) {
            prop_assert!(!error.field().is_empty());
            prop_assert!(error.to_string().contains("use "), "{}", error);
        }
    }

    #[test]
    fn no_parameter_panics(
        number in prop_oneof![0u32..60, u32::MAX - 3..=u32::MAX],
        other in prop_oneof![0u32..60, u32::MAX - 3..=u32::MAX],
        peers in 0u32..60,
        mean in any::<f64>(),
        torus: bool,
    ) {
        let all = [
            Topology::KRegular(KRegular { degree: number }),
            Topology::ErdosRenyi(ErdosRenyi::MeanDegree(mean)),
            Topology::WattsStrogatz(WattsStrogatz { degree: number, rewire: Share::ALL }),
            Topology::BarabasiAlbert(BarabasiAlbert { links: number }),
            Topology::Tree(Tree { branching: number }),
            Topology::Grid(Grid { columns: Some(number), torus }),
            Topology::Geographic(Geographic { near: number, far: other }),
            Topology::DeBruijn(DeBruijn { base: number }),
        ];
        for topology in all {
            if let Err(error) = made(&topology, peers, 1) {
                prop_assert!(!error.to_string().is_empty());
            }
        }
    }

    #[test]
    fn a_regular_graph_exists_exactly_when_stubs_pair_and_connects_from_degree_two(
        peers in 1u32..60, degree in 0u32..60, seed: u64,
    ) {
        let graph = made(&Topology::KRegular(KRegular { degree }), peers, seed);
        let exists = degree < peers && (peers * degree).is_multiple_of(2) && (degree >= 2 || degree == peers - 1);
        prop_assert_eq!(graph.is_ok(), exists, "{:?}", graph);
        if let Ok(graph) = graph {
            prop_assert!(degrees(&graph).all(|own| own == degree));
            prop_assert_eq!(components(&graph), 1);
        }
    }

    #[test]
    fn a_small_world_keeps_its_links_and_each_peer_its_own(
        peers in 3u32..200, side in 1u32..5, rewire in 0u32..=100, seed: u64,
    ) {
        prop_assume!(2 * side < peers);
        let world = WattsStrogatz { degree: 2 * side, rewire: Share::percent(rewire) };
        let graph = made(&Topology::WattsStrogatz(world), peers, seed).expect("a possible small world");
        prop_assert_eq!(graph.edges(), u64::from(peers) * u64::from(side));
        if rewire == 0 {
            prop_assert!(degrees(&graph).all(|own| own == 2 * side));
        }
    }

    #[test]
    fn growth_makes_as_many_links_as_it_says(peers in 2u32..300, links in 1u32..10, seed: u64) {
        prop_assume!(links < peers);
        let growth = Topology::BarabasiAlbert(BarabasiAlbert { links });
        let graph = made(&growth, peers, seed).expect("possible growth");
        prop_assert_eq!(graph.edges(), u64::from(peers - links) * u64::from(links));
        prop_assert!(degrees(&graph).skip(links as usize + 1).all(|own| own >= links));
    }

    #[test]
    fn a_tree_has_a_link_fewer_than_peers_and_no_more_children_than_it_says(
        peers in 1u32..300, branching in 1u32..8,
    ) {
        let graph = made(&Topology::Tree(Tree { branching }), peers, 1).expect("a tree");
        prop_assert_eq!(graph.edges(), u64::from(peers) - 1);
        prop_assert!(degrees(&graph).all(|own| own <= branching + 1));
    }

    #[test]
    fn a_torus_of_three_rows_and_columns_has_four_links_a_peer(rows in 3u32..12, columns in 3u32..12) {
        let torus = Topology::Grid(Grid { columns: Some(columns), torus: true });
        let graph = made(&torus, rows * columns, 1).expect("a torus");
        prop_assert!(degrees(&graph).all(|own| own == 4));
    }

    #[test]
    fn links_are_expected_before_they_are_made(topology in topologies(), peers in 0u32..120, seed: u64) {
        if let Ok(graph) = made(&topology, peers, seed) {
            let expected = expected_links(&topology, u64::from(peers));
            match topology {
                // Six standard deviations of a binomial.
                Topology::ErdosRenyi(_) => {
                    let near = 6.0 * (expected as f64).sqrt() + 6.0;
                    prop_assert!(graph.edges().abs_diff(expected) as f64 <= near, "{}: {}", graph.edges(), expected);
                }
                Topology::FullMesh(_) | Topology::KRegular(_) | Topology::WattsStrogatz(_) | Topology::BarabasiAlbert(_)
                | Topology::Star(_) | Topology::Tree(_) | Topology::Hypercube(_) => prop_assert_eq!(graph.edges(), expected),
                _ => prop_assert!(
                    expected <= graph.edges() && graph.edges() <= 3 * expected + u64::from(peers),
                    "{}: {}", graph.edges(), expected
                ),
            }
        }
    }

    #[test]
    fn neighbours_in_a_hypercube_differ_in_one_bit(peers in 0u32..300) {
        let graph = made(&Topology::Hypercube(Hypercube {}), peers, 1).expect("a hypercube");
        prop_assert!(graph.links().all(|[a, b]| (a ^ b).is_power_of_two()));
        let expected: u64 = (0..peers).map(|peer| u64::from(peer.count_ones())).sum();
        prop_assert_eq!(graph.edges(), expected);
    }

    #[test]
    fn a_de_bruijn_graph_has_short_paths_from_few_links(peers in 4u32..300, base in 2u32..4) {
        let graph = made(&Topology::DeBruijn(DeBruijn { base }), peers, 1).expect("a de Bruijn graph");
        prop_assert!(degrees(&graph).all(|own| own <= 2 * base));
        let metrics = super::metrics::GraphMetrics::of(&graph);
        let digits = (1u32..).find(|&digits| base.pow(digits) >= peers).expect("powers grow");
        prop_assert!(metrics.diameter <= digits, "{} > {}", metrics.diameter, digits);
    }

    #[test]
    fn a_geographic_peer_is_linked_to_its_nearest(peers in 12u32..150, near in 1u32..6, seed: u64) {
        let graph = made(&Topology::Geographic(Geographic { near, far: 2 }), peers, seed).expect("possible");
        let fleet = Fixture::of(peers);
        for peer in 0..peers {
            let mut others: Vec<u32> = (0..peers).filter(|&other| other != peer).collect();
            others.sort_by_key(|&other| (fleet.latency(peer, other), other));
            prop_assert!(others[..near as usize].iter().all(|other| graph.neighbours(peer).contains(other)));
            prop_assert!(graph.degree(peer) >= near + 2);
        }
    }
}

#[test]
fn erdos_renyi_has_the_mean_degree_that_was_asked_for() {
    let peers = 20_000;
    let by_mean = made(&Topology::ErdosRenyi(ErdosRenyi::MeanDegree(10.0)), peers, 1).expect("possible");
    // The number of links is binomial, with a deviation of about √100,000 = 316.
    assert!(by_mean.edges().abs_diff(100_000) < 1_600, "{}", by_mean.edges());
    let half =
        made(&Topology::ErdosRenyi(ErdosRenyi::Probability(Share::percent(50))), 400, 1).expect("possible");
    assert!(half.edges().abs_diff(39_900) < 700, "{}", half.edges());
    // Every pair is as likely as any other, so that low and high peers have as many links: 5,000 · 10 ± 5
    // deviations.
    let low: u32 = degrees(&by_mean).take(5_000).sum();
    assert!(low.abs_diff(50_000) < 1_200, "{low}");
}

#[test]
fn erdos_renyi_does_not_connect_what_chance_left_apart() {
    let sparse = made(&Topology::ErdosRenyi(ErdosRenyi::MeanDegree(1.0)), 1_000, 1).expect("possible");
    assert!(components(&sparse) > 100);
    let error = made(&Topology::ErdosRenyi(ErdosRenyi::MeanDegree(10.5)), 11, 1).unwrap_err();
    assert_eq!(error, TopologyError::MeanDegree { given: 10.5, peers: 11 });
}

#[test]
fn rewiring_shortens_paths_before_it_breaks_up_neighbourhoods() {
    let metrics = |percent| {
        let world = WattsStrogatz { degree: 10, rewire: Share::percent(percent) };
        super::metrics::GraphMetrics::of(&made(&Topology::WattsStrogatz(world), 1_000, 1).expect("possible"))
    };
    // Watts and Strogatz 1998, figure 2: n = 1000, k = 10.
    let (lattice, small_world, random) = (metrics(0), metrics(1), metrics(100));
    assert!((lattice.clustering - 2.0 / 3.0).abs() < 1e-12);
    let path = |metrics: &super::metrics::GraphMetrics| metrics.mean_path.expect("pairs");
    assert!(path(&small_world) < 0.35 * path(&lattice));
    assert!(small_world.clustering > 0.9 * lattice.clustering);
    assert!(random.clustering < 0.05);
}

#[test]
fn growth_makes_hubs() {
    let grown = made(&Topology::BarabasiAlbert(BarabasiAlbert { links: 4 }), 20_000, 1).expect("possible");
    // The share of peers with more than k links falls with 1 / k²: a hub has some 4 · √20,000 = 566 links.
    let most = degrees(&grown).max().expect("peers");
    assert!((200..3_000).contains(&most), "{most}");
    let above_40 = degrees(&grown).filter(|&own| own >= 40).count();
    // P(k ≥ 40) = m (m + 1) / (40 · 41) = 1.22 % for the stationary distribution (Dorogovtsev and others,
    // 2000).
    assert!((180..310).contains(&above_40), "{above_40}");
}

#[test]
fn regular_graphs_are_drawn_evenly() {
    // Of the 2-regular graphs on 5 peers, all 12 are 5-rings; each must come as often as any other.
    let mut times = std::collections::BTreeMap::new();
    for seed in 0..6_000 {
        let graph = made(&Topology::KRegular(KRegular { degree: 2 }), 5, seed).expect("a ring");
        *times.entry(graph.links().collect::<Vec<_>>()).or_insert(0u32) += 1;
    }
    assert_eq!(times.len(), 12);
    assert!(times.values().all(|&times| (400..600).contains(&times)), "{:?}", times.values());
}

#[test]
fn a_large_region_is_sampled_and_still_gives_near_peers() {
    let fleet = Fixture::of(6_000);
    let topology = Topology::Geographic(Geographic { near: 4, far: 0 });
    let graph = generate(&topology, Seed(1), &fleet).expect("possible");
    assert_eq!(components(&graph), 1);
    let across = graph.links().filter(|&[a, b]| fleet.region(a) != fleet.region(b)).count();
    assert!(across < 20, "{across} links leave their region, though enough peers are near");
}

#[test]
fn the_hub_is_the_first_of_its_group() {
    let star = |hub: &str| Topology::Star(Star { hub: Some(hub.to_owned()) });
    assert_eq!(made(&star("servers"), 9, 1).expect("a star").degree(3), 8);
    assert_eq!(made(&star("server"), 9, 1), Err(TopologyError::NoHub { group: "server".to_owned() }));
}

#[test]
fn an_import_must_have_a_node_for_each_peer() {
    let import = Topology::Import(Import { file: "net.txt".to_owned(), format: None });
    let with = |peers, file| generate(&import, Seed(1), &Fixture { peers, file });
    assert_eq!(with(3, Some("0 1\n1 2\n")).map(|graph| graph.edges()), Ok(2));
    assert_eq!(
        with(4, Some("0 1\n1 2\n")).unwrap_err().to_string(),
        "`net.txt` holds 3 nodes and the scenario 4 peers; make the groups 3 peers in all"
    );
    assert_eq!(with(3, None).unwrap_err().to_string(), "the file `net.txt` is not there");
    assert!(with(3, Some("<x/>")).unwrap_err().to_string().starts_with("`net.txt`: line 1: this is XML"));
}

#[test]
fn what_would_not_fit_in_memory_is_refused_before_it_is_made() {
    assert_eq!(
        made(&Topology::FullMesh(FullMesh {}), 100_000, 1),
        Err(TopologyError::TooManyLinks { links: 4_999_950_000 })
    );
    let dense = Topology::ErdosRenyi(ErdosRenyi::Probability(Share::percent(50)));
    assert!(matches!(made(&dense, 1_000_000, 1), Err(TopologyError::TooManyLinks { .. })));
}

/// A release that changes this changes what every published seed means, and must say so.
#[test]
fn seeds_mean_what_they_meant() {
    let digest = |topology: &Topology| {
        let mut hasher = blake3::Hasher::new();
        for end in made(topology, 1_000, 42).expect("possible").links().flatten() {
            hasher.update(&end.to_le_bytes());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    };
    let digests = [
        Topology::KRegular(KRegular::default()),
        Topology::ErdosRenyi(ErdosRenyi::MeanDegree(8.0)),
        Topology::WattsStrogatz(WattsStrogatz::default()),
        Topology::BarabasiAlbert(BarabasiAlbert::default()),
        Topology::Geographic(Geographic::default()),
    ]
    .map(|topology| digest(&topology));
    assert_eq!(
        digests,
        ["945c18cf645367ae", "29bd005e067bbba0", "6a62451fcaa08482", "dd8db83a44a643df", "6bee0c99893a4530"]
    );
}
