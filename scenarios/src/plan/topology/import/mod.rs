//! Graphs from files: what public data sets are published as, and what other tools write.
//!
//! Directed graphs are taken as undirected, weights and other attributes are not read, and loops and repeats
//! are dropped and counted. Ids may be anything. When all of them are whole numbers, peers are numbered in
//! the order of these; otherwise in the order in which the file first names them. Whether the graph is
//! connected is the file's affair.

mod edge_list;
mod graphml;

use indexmap::IndexSet;

use super::{Fleet, Graph, MOST_LINKS, TopologyError};
use crate::spec::topology::{GraphFormat, Import};

/// A graph from a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The graph itself.
    pub graph: Graph,
    /// The file's id for each peer.
    pub labels: Vec<String>,
    /// Links from a node to itself, which were left out.
    pub dropped_loops: u64,
    /// Links that were there before, in this direction or the other, which were left out.
    pub dropped_duplicates: u64,
}

/// Why a text is not a graph of its format. Lines are counted from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportError {
    /// No node at all.
    #[error(
        "there is no node in it; an edge list has a line of two ids for each link, GraphML a `node` for each node"
    )]
    Empty,

    /// A byte that no text holds: the file is compressed or binary.
    #[error("line {line}: this is not text; unpack the file, or export it as an edge list or GraphML")]
    NotText {
        /// The line.
        line: usize,
    },

    /// An edge list that is XML.
    #[error(
        "line {line}: this is XML, not an edge list; let its name end in `.graphml`, or set `format: graphml` in a scenario"
    )]
    XmlAsEdgeList {
        /// The line.
        line: usize,
    },

    /// Something that is not well-formed XML.
    #[error("line {line}: this is not well-formed XML: {why}")]
    Xml {
        /// The line.
        line: usize,
        /// What the parser says.
        why: String,
    },

    /// XML of another kind.
    #[error(
        "line {line}: the root element is `{root}`, not `graphml`; let its name end in `.txt`, or set `format: edgeList` in a scenario, if it is an edge list"
    )]
    NotGraphMl {
        /// The line.
        line: usize,
        /// The root element.
        root: String,
    },

    /// A document that declares entities, which a graph does not need and an attack does.
    #[error(
        "line {line}: the document type declares entities or elements of its own; remove the part in brackets"
    )]
    Entities {
        /// The line.
        line: usize,
    },

    /// Elements nested deeper than any graph needs.
    #[error(
        "line {line}: elements are nested deeper than {most} levels; export the graph as one flat `graph`"
    )]
    TooDeep {
        /// The line.
        line: usize,
        /// The most levels.
        most: usize,
    },

    /// An element that GraphML has and a simple graph has not.
    #[error(
        "line {line}: {what} is not supported; export the graph as one flat `graph` of `node` and `edge`"
    )]
    NotSimple {
        /// The line.
        line: usize,
        /// What it is.
        what: &'static str,
    },

    /// An element without an attribute that it must have.
    #[error("line {line}: this `{element}` has no `{attribute}`")]
    NoAttribute {
        /// The line.
        line: usize,
        /// The element.
        element: &'static str,
        /// The attribute.
        attribute: &'static str,
    },

    /// Two nodes of the same id.
    #[error("line {line}: there is a node `{id}` before; ids must differ")]
    RepeatedNode {
        /// The line.
        line: usize,
        /// The id.
        id: String,
    },

    /// A link to a node that is not in the file.
    #[error(
        "line {line}: this edge names `{id}`, and there is no such `node`; declare it or remove the edge"
    )]
    NoSuchNode {
        /// The line.
        line: usize,
        /// The id.
        id: String,
    },

    /// More links than a graph may have.
    #[error("line {line}: there are more than {MOST_LINKS} links; use a smaller graph")]
    TooManyLinks {
        /// The line.
        line: usize,
    },
}

/// Reads a graph from a text.
///
/// # Errors
///
/// When the text is not a graph of this format, with the line where that shows.
pub fn parse(text: &str, format: GraphFormat) -> Result<Imported, ImportError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match format {
        GraphFormat::EdgeList => edge_list::parse(text),
        GraphFormat::GraphMl => graphml::parse(text),
    }
}

/// The graph of the file that the topology names, which must have a node for each peer.
pub(super) fn into_fleet(import: &Import, fleet: &dyn Fleet) -> Result<Graph, TopologyError> {
    let file = || import.file.clone();
    let text = fleet.file(&import.file).ok_or_else(|| TopologyError::NoSuchFile { file: file() })?;
    let Imported { graph, .. } =
        parse(text, import.format()).map_err(|why| TopologyError::Import { file: file(), why })?;
    let (nodes, peers) = (graph.peers(), fleet.peers());
    if nodes != peers {
        return Err(TopologyError::PeersDiffer { file: file(), nodes, peers });
    }
    Ok(graph)
}

/// Makes a graph of nodes by their place in `ids` and of links between these places.
fn assemble(ids: IndexSet<String>, mut links: Vec<[u32; 2]>) -> Result<Imported, ImportError> {
    if ids.is_empty() {
        return Err(ImportError::Empty);
    }
    let given = links.len();
    links.retain(|[a, b]| a != b);
    let dropped_loops = (given - links.len()) as u64;
    let labels = in_order(ids, &mut links);
    let graph = Graph::from_links(labels.len() as u32, &links);
    let dropped_duplicates = links.len() as u64 - graph.edges();
    Ok(Imported { graph, labels, dropped_loops, dropped_duplicates })
}

/// The ids as labels, ordered by value when they are whole numbers, with the links renumbered to match.
fn in_order(ids: IndexSet<String>, links: &mut [[u32; 2]]) -> Vec<String> {
    let mut labels: Vec<String> = ids.into_iter().collect();
    let values: Option<Vec<u64>> = labels.iter().map(|label| label.parse().ok()).collect();
    let Some(values) = values else { return labels };
    let mut order: Vec<u32> = (0..labels.len() as u32).collect();
    order.sort_by_key(|&place| values[place as usize]);
    let mut peer_at = vec![0u32; order.len()];
    for (peer, &place) in order.iter().enumerate() {
        peer_at[place as usize] = peer as u32;
    }
    for end in links.iter_mut().flatten() {
        *end = peer_at[*end as usize];
    }
    order.iter().map(|&place| std::mem::take(&mut labels[place as usize])).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn whole_numbers_are_ordered_by_value_and_names_by_appearance() {
        let labels = |text: &str| parse(text, GraphFormat::EdgeList).map(|imported| imported.labels);
        assert_eq!(labels("10 9\n9 100\n"), Ok(vec!["9".to_owned(), "10".to_owned(), "100".to_owned()]));
        assert_eq!(labels("b a\n1 a\n"), Ok(vec!["b".to_owned(), "a".to_owned(), "1".to_owned()]));
    }

    #[test]
    fn loops_and_repeats_are_dropped_and_counted() {
        let imported = parse("1 1\n1 2\n2 1\n1 2\n3 3\n", GraphFormat::EdgeList).expect("an edge list");
        assert_eq!((imported.dropped_loops, imported.dropped_duplicates), (2, 2));
        assert_eq!((imported.graph.peers(), imported.graph.edges()), (3, 1));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC*", xml in "(<[a-z/!?&;\" =]{0,12}>?|graphml|\\n){0,40}") {
            for text in [text, xml] {
                let _ = parse(&text, GraphFormat::EdgeList);
                let _ = parse(&text, GraphFormat::GraphMl);
            }
        }

        #[test]
        fn what_is_written_is_read_back(
            links in prop::collection::vec((0u32..40, 0u32..40), 1..200),
            separator in prop::sample::select(vec![" ", "\t", ",", ", "]),
            end in prop::sample::select(vec!["\n", "\r\n"]),
        ) {
            // Every id appears, so that peers are the ids themselves.
            let mut text: String = (0..40).map(|id| format!("{id}{end}")).collect();
            let mut xml = String::from("<graphml><graph edgedefault='directed'>");
            xml.extend((0..40).map(|id| format!("<node id='{id}'/>{end}")));
            for (a, b) in &links {
                text += &format!("{a}{separator}{b}{end}");
                xml += &format!("<edge source='{a}' target='{b}'><data key='w'>1</data></edge>{end}");
            }
            xml += "</graph></graphml>";
            let expected = Graph::from_links(40, &links.iter().map(|&(a, b)| [a, b]).collect::<Vec<_>>());
            let list = parse(&text, GraphFormat::EdgeList).expect("an edge list");
            let graphml = parse(&xml, GraphFormat::GraphMl).expect("GraphML");
            prop_assert_eq!(&list.graph, &expected);
            prop_assert_eq!(&graphml, &list);
        }
    }
}
