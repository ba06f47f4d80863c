//! From a topology as written in a scenario to a graph of peers.
//!
//! One generator a file; each says where it comes from and whether its graph is connected. All of them draw
//! from the seed's stream `topology` and from nothing else, take time in proportion to the links they make
//! (unless they say otherwise), and answer impossible parameters with a [`TopologyError`] that says what
//! would be possible.

mod barabasi_albert;
mod de_bruijn;
mod disjoint_sets;
mod edges;
mod erdos_renyi;
mod error;
mod expected;
mod full_mesh;
mod geographic;
mod graph;
mod grid;
mod hypercube;
pub mod import;
mod k_regular;
pub mod metrics;
mod ring;
mod star;
mod tree;
mod watts_strogatz;

#[cfg(test)]
mod laws;

pub use error::TopologyError;
pub use expected::expected_links;
pub use graph::{Graph, MOST_LINKS};

use crate::{seed::Seed, spec::topology::Topology, units::Nanos};

/// What a generator may ask about the peers that it links. Peers are numbered from 0.
pub trait Fleet {
    /// How many peers there are.
    fn peers(&self) -> u32;

    /// The one-way latency between two peers. Only [`Topology::Geographic`] asks.
    fn latency(&self, a: u32, b: u32) -> Nanos;

    /// The region of a peer, by a number of the fleet's choice. Only [`Topology::Geographic`] asks.
    fn region(&self, peer: u32) -> u32;

    /// The first peer of a group, or none when there is no such group or it is empty. Only [`Topology::Star`]
    /// asks.
    fn first_of_group(&self, group: &str) -> Option<u32>;

    /// The text of a file that the scenario names, or none when it was not handed in. Only
    /// [`Topology::Import`] asks.
    fn file(&self, name: &str) -> Option<&str>;
}

/// Links the peers of `fleet`, the same for the same three arguments.
///
/// # Errors
///
/// When the parameters are impossible for so many peers, the graph would hold more than [`MOST_LINKS`] links,
/// or something that the topology names (a group, a file, a peer) is missing or wrong.
pub fn generate(topology: &Topology, seed: Seed, fleet: &dyn Fleet) -> Result<Graph, TopologyError> {
    let peers = fleet.peers();
    let mut rng = seed.stream("topology", &[]);
    let links = match topology {
        Topology::FullMesh(_) => full_mesh::links(peers)?,
        Topology::Ring(_) => ring::links(peers)?,
        Topology::Star(star) => star::links(star, fleet)?,
        Topology::KRegular(regular) => k_regular::links(regular, peers, &mut rng)?,
        Topology::ErdosRenyi(density) => erdos_renyi::links(density, peers, &mut rng)?,
        Topology::WattsStrogatz(world) => watts_strogatz::links(world, peers, &mut rng)?,
        Topology::BarabasiAlbert(growth) => barabasi_albert::links(growth, peers, &mut rng)?,
        Topology::Tree(tree) => tree::links(tree, peers)?,
        Topology::Grid(grid) => grid::links(grid, peers)?,
        Topology::Geographic(geographic) => geographic::links(geographic, fleet, &mut rng)?,
        Topology::Hypercube(_) => hypercube::links(peers)?,
        Topology::DeBruijn(de_bruijn) => de_bruijn::links(de_bruijn, peers)?,
        Topology::Edges(edges) => edges::links(edges, peers)?,
        Topology::Import(from) => return import::into_fleet(from, fleet),
    };
    Ok(Graph::from_links(peers, &links))
}
