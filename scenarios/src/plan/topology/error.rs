//! Why a topology is impossible, and what would be possible.

use super::{graph::MOST_LINKS, import::ImportError};

/// What so few peers can have. One or two leave no number of links to choose.
fn fewer_links(peers: u32) -> String {
    if peers <= 2 { "a fullMesh".to_owned() } else { format!("at most {} or a fullMesh", peers - 1) }
}

/// The same where the number must be even.
fn fewer_even_links(peers: u32) -> String {
    if peers <= 2 { fewer_links(peers) } else { format!("at most {} or a fullMesh", (peers - 1) & !1) }
}

/// Why a topology cannot be made for the peers at hand.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum TopologyError {
    /// A peer would need more neighbours than there are other peers.
    #[error(
        "{wanted} links a peer need at least {} peers, and there are {peers}; use {}",
        u64::from(*wanted) + 1, fewer_links(*peers)
    )]
    TooFewPeers {
        /// The parameter, as a path from `topology`.
        field: &'static str,
        /// Links that each peer would make.
        wanted: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A parameter is below what makes a graph at all.
    #[error("{given} is too few; use at least {least}")]
    TooSmall {
        /// The parameter, as a path from `topology`.
        field: &'static str,
        /// The value as written.
        given: u32,
        /// The smallest value that works.
        least: u32,
    },

    /// A regular graph would have half a link.
    #[error(
        "no graph gives each of {peers} peers {degree} links, as {peers} × {degree} is odd; \
         use the degree {} or {}, or one peer more",
        degree - 1, degree + 1
    )]
    HalfLink {
        /// Links of each peer.
        degree: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// The lattice under a small world has as many links to either side.
    #[error(
        "the degree {degree} is odd, and half of the links go to either side; use {} or {}",
        degree - 1, degree + 1
    )]
    OddLattice {
        /// Links of each peer.
        degree: u32,
    },

    /// The lattice under a small world would need more peers.
    #[error(
        "{degree} links a peer need at least {} peers, and there are {peers}; use {}",
        u64::from(*degree) + 1, fewer_even_links(*peers)
    )]
    ShortLattice {
        /// Links of each peer.
        degree: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A mean degree that no graph of so many peers has.
    #[error(
        "a mean degree of {given} is impossible for {peers} peers; use one between 0 and {}",
        peers.saturating_sub(1)
    )]
    MeanDegree {
        /// The value as written.
        given: f64,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A grid with rows longer than there are peers.
    #[error("a row of {columns} needs as many peers, and there are {peers}; use at most {peers} columns")]
    RowTooLong {
        /// Peers in a row.
        columns: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A torus whose last row would be short.
    #[error(
        "a torus needs full rows, and {peers} peers do not fill rows of {columns}; \
         use columns that divide {peers}, or {} peers",
        u64::from(*peers).next_multiple_of(u64::from(*columns))
    )]
    ShortRow {
        /// Peers in a row.
        columns: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A torus of a prime number of peers.
    #[error(
        "{peers} peers fill no torus of more than one row, as {peers} is prime; use {} peers, or a ring",
        u64::from(*peers) + 1
    )]
    PrimeTorus {
        /// Peers in the scenario.
        peers: u32,
    },

    /// More links than fit in memory with any comfort.
    #[error(
        "this makes {links} links, and at most {MOST_LINKS} are possible; use fewer peers or a lower degree"
    )]
    TooManyLinks {
        /// Links that the graph would have.
        links: u64,
    },

    /// The hub's group does not exist or has no peer.
    #[error("there is no group `{group}` with a peer to be the hub")]
    NoHub {
        /// The group as written.
        group: String,
    },

    /// A written link names a peer that does not exist.
    #[error(
        "link {position}, [{a}, {b}], names a peer that does not exist; the {peers} peers are numbered from 0"
    )]
    NoSuchPeer {
        /// The link's place in the list, from 0.
        position: usize,
        /// One end.
        a: u32,
        /// The other end.
        b: u32,
        /// Peers in the scenario.
        peers: u32,
    },

    /// A written link joins a peer to itself.
    #[error("link {position}, [{peer}, {peer}], joins a peer to itself; remove it")]
    SelfLink {
        /// The link's place in the list, from 0.
        position: usize,
        /// The peer.
        peer: u32,
    },

    /// A link is written twice; links are two-way, so `[0, 1]` and `[1, 0]` are the same.
    #[error(
        "link {position}, [{a}, {b}], is in the list before, at {before}; links are two-way, so once is enough"
    )]
    RepeatedLink {
        /// The link's place in the list, from 0.
        position: usize,
        /// Where it was first.
        before: usize,
        /// One end.
        a: u32,
        /// The other end.
        b: u32,
    },

    /// The file to import was not handed in.
    #[error("the file `{file}` is not there")]
    NoSuchFile {
        /// The file as written.
        file: String,
    },

    /// The file to import is not a graph.
    #[error("`{file}`: {why}")]
    Import {
        /// The file as written.
        file: String,
        /// What is wrong with it.
        why: ImportError,
    },

    /// The imported graph is larger or smaller than the fleet.
    #[error(
        "`{file}` holds {nodes} nodes and the scenario {peers} peers; make the groups {nodes} peers in all"
    )]
    PeersDiffer {
        /// The file as written.
        file: String,
        /// Nodes in the file.
        nodes: u32,
        /// Peers in the scenario.
        peers: u32,
    },
}

impl TopologyError {
    /// The field at fault, as a path from `topology`; empty when it is the topology as a whole.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::TooFewPeers { field, .. } | Self::TooSmall { field, .. } => field,
            Self::HalfLink { .. } => "kRegular.degree",
            Self::OddLattice { .. } | Self::ShortLattice { .. } => "wattsStrogatz.degree",
            Self::MeanDegree { .. } => "erdosRenyi.meanDegree",
            Self::RowTooLong { .. } | Self::ShortRow { .. } => "grid.columns",
            Self::PrimeTorus { .. } => "grid.torus",
            Self::TooManyLinks { .. } => "",
            Self::NoHub { .. } => "star.hub",
            Self::NoSuchPeer { .. } | Self::SelfLink { .. } | Self::RepeatedLink { .. } => "edges.list",
            Self::NoSuchFile { .. } | Self::Import { .. } | Self::PeersDiffer { .. } => "import.file",
        }
    }
}
