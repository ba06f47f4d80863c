//! Which peers are linked to which at the start: a generator with its parameters, links written out, or a
//! file.
//!
//! What the generators do with these, and where they come from, is in [`crate::plan::topology`].

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::count::Count;
use crate::units::Share;

/// Which peers are linked to which at the start. Links are two-way. Exactly one of these; a random 8-regular
/// graph when left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Topology {
    /// Every peer is linked to every other. Connected.
    FullMesh(FullMesh),
    /// Each peer is linked to the one before and the one after it. Connected.
    Ring(Ring),
    /// Every peer is linked to one hub only: the client and server baseline. Connected.
    Star(Star),
    /// A random graph in which every peer has the same number of links (Bollobás 1980). Always connected.
    KRegular(KRegular),
    /// A random graph in which each pair is linked with the same probability (Gilbert 1959). May fall apart:
    /// below a mean degree of about the natural logarithm of the number of peers, some peers have no link at
    /// all.
    ErdosRenyi(ErdosRenyi),
    /// A small world: a ring of near neighbours with some links moved elsewhere (Watts and Strogatz 1998).
    /// Always connected.
    WattsStrogatz(WattsStrogatz),
    /// A graph with hubs, grown by linking new peers to those that have many links already (Barabási and
    /// Albert 1999). Connected.
    BarabasiAlbert(BarabasiAlbert),
    /// A balanced tree with peer 0 at its root. Connected, by one path only.
    Tree(Tree),
    /// Rows and columns, each peer linked to the peers beside, above and below it. Connected.
    Grid(Grid),
    /// Links to the peers nearest by latency and some random long ones (Merugu, Srinivasan and Zegura 2005).
    /// Always connected.
    Geographic(Geographic),
    /// Peers are linked when their numbers differ in one binary digit; any number of peers (Katseff 1988).
    /// Connected.
    Hypercube(Hypercube),
    /// Short paths from few links: peer i is linked to base·i, base·i + 1 and so on (Imase and Itoh 1981).
    /// Connected.
    DeBruijn(DeBruijn),
    /// Links written out, by the peers' numbers from 0. Taken as they are, connected or not.
    Edges(Edges),
    /// Links read from a file. Taken as they are, connected or not.
    Import(Import),
}

impl Default for Topology {
    fn default() -> Self {
        Self::KRegular(KRegular::default())
    }
}

/// Every peer is linked to every other.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FullMesh {}

/// Each peer is linked to the one before and the one after it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ring {}

/// Every peer is linked to one hub only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Star {
    /// The group whose first peer is the hub; peer 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub hub: Option<String>,
}

/// A random graph in which every peer has the same number of links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct KRegular {
    /// Links of each peer, at least 2 and fewer than there are peers; peers × degree must be even. 8 when
    /// left out, a usual number of neighbours in unstructured overlays.
    #[schemars(with = "Count<1, { u32::MAX }>")]
    pub degree: u32,
}

impl Default for KRegular {
    fn default() -> Self {
        Self { degree: 8 }
    }
}

/// A random graph in which each pair is linked with the same probability. Exactly one of the two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum ErdosRenyi {
    /// Links that a peer has in the mean, such as `8` or `6.5`; at most one fewer than there are peers.
    MeanDegree(#[schemars(schema_with = "degree_on_average")] f64),
    /// The probability of a link between two peers, such as `0.5%`.
    Probability(Share),
}

/// A ring of near neighbours with some links moved elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct WattsStrogatz {
    /// Links of each peer before any is moved, half to either side: an even number below the number of peers.
    /// 8 when left out.
    #[schemars(with = "Count<2, { u32::MAX }>")]
    pub degree: u32,
    /// The share of links whose far end is moved to a random peer. `10%` when left out, within the range in
    /// which the paper finds paths as short as a random graph's and clustering as high as a lattice's (figure
    /// 2).
    pub rewire: Share,
}

impl Default for WattsStrogatz {
    fn default() -> Self {
        Self { degree: 8, rewire: Share::percent(10) }
    }
}

/// A graph with hubs, grown by linking new peers to those that have many links already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct BarabasiAlbert {
    /// Links that each new peer makes; the mean degree comes to about twice as many. 4 when left out, for a
    /// mean degree of 8 as with the other generators.
    #[schemars(with = "Count<1, { u32::MAX }>")]
    pub links: u32,
}

impl Default for BarabasiAlbert {
    fn default() -> Self {
        Self { links: 4 }
    }
}

/// A balanced tree with peer 0 at its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Tree {
    /// Children of each peer that is not a leaf. 2 when left out.
    #[schemars(with = "Count<1, { u32::MAX }>")]
    pub branching: u32,
}

impl Default for Tree {
    fn default() -> Self {
        Self { branching: 2 }
    }
}

/// Rows and columns, each peer linked to the peers beside, above and below it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Grid {
    /// Peers in a row. As near to a square as the number of peers allows when left out. The last row of a
    /// grid may be short; a torus needs full rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Count<1, { u32::MAX }>")]
    pub columns: Option<u32>,
    /// Whether the last peer of a row or column is linked to its first, so that there is no border. No when
    /// left out.
    pub torus: bool,
}

/// Links to the peers nearest by latency and some random long ones.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Geographic {
    /// Near peers that each peer links to; others may link to it besides. 6 when left out, which with 2 far
    /// ones makes 8 links of its own.
    #[schemars(with = "Count<0, { u32::MAX }>")]
    pub near: u32,
    /// Random peers that each peer links to, wherever they are. 2 when left out.
    #[schemars(with = "Count<0, { u32::MAX }>")]
    pub far: u32,
}

impl Default for Geographic {
    fn default() -> Self {
        Self { near: 6, far: 2 }
    }
}

/// Peers are linked when their numbers differ in one binary digit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Hypercube {}

/// Short paths from few links.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DeBruijn {
    /// Links that each peer makes: the base of the numbers whose digits are shifted along. 2 when left out.
    #[schemars(with = "Count<2, { u32::MAX }>")]
    pub base: u32,
}

impl Default for DeBruijn {
    fn default() -> Self {
        Self { base: 2 }
    }
}

/// Links written out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Edges {
    /// Pairs of peers' numbers, from 0, such as `[[0, 1], [1, 2]]`; none twice and none to itself.
    #[schemars(schema_with = "pairs_of_peers")]
    pub list: Vec<[u32; 2]>,
}

/// Links read from a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Import {
    /// The file, by a path relative to the scenario's. It must name as many nodes as the scenario has peers.
    #[schemars(length(min = 1))]
    pub file: String,
    /// How the file is written. When left out, GraphML for names that end in `.graphml` or `.xml`, an edge
    /// list for all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "GraphFormat")]
    pub format: Option<GraphFormat>,
}

impl Import {
    /// The format written in the scenario, or else the one that the file's name suggests.
    #[must_use]
    pub fn format(&self) -> GraphFormat {
        self.format.unwrap_or_else(|| GraphFormat::of_name(&self.file))
    }
}

/// How a file holds a graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
#[schemars(inline)]
pub enum GraphFormat {
    /// A line for each link, with the ids of its two ends, as SNAP, KONECT and Network Repository publish
    /// graphs.
    EdgeList,
    /// GraphML, an XML format (Brandes and others, Graph Drawing 2001).
    #[serde(rename = "graphml")]
    GraphMl,
}

impl GraphFormat {
    /// The format that a file's name suggests.
    #[must_use]
    pub fn of_name(name: &str) -> Self {
        let extension = name.rsplit_once('.').map_or("", |(_, extension)| extension);
        if extension.eq_ignore_ascii_case("graphml") || extension.eq_ignore_ascii_case("xml") {
            Self::GraphMl
        } else {
            Self::EdgeList
        }
    }
}

/// A whole number no smaller than `LEAST`. Kubernetes knows no unsigned formats, so the bounds stand in for
/// them.
fn degree_on_average(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "minimum": 0, "maximum": u32::MAX })
}

fn pairs_of_peers(generator: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "items": {
            "type": "array",
            "items": Count::<0, { u32::MAX }>::json_schema(generator),
            "minItems": 2,
            "maxItems": 2,
        },
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(value: Value) -> Result<Topology, String> {
        serde_json::from_value(value).map_err(|e| e.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_documented_default() {
        assert_eq!(read(json!({"kRegular": {}})), Ok(Topology::default()));
        assert_eq!(read(json!({"star": {}})), Ok(Topology::Star(Star { hub: None })));
        assert_eq!(
            read(json!({"wattsStrogatz": {"degree": 6}})),
            Ok(Topology::WattsStrogatz(WattsStrogatz { degree: 6, rewire: Share::percent(10) }))
        );
        assert_eq!(
            read(json!({"grid": {"torus": true}})),
            Ok(Topology::Grid(Grid { columns: None, torus: true }))
        );
    }

    #[test]
    fn erdos_renyi_takes_exactly_one_density() {
        assert_eq!(
            read(json!({"erdosRenyi": {"meanDegree": 6.5}})),
            Ok(Topology::ErdosRenyi(ErdosRenyi::MeanDegree(6.5)))
        );
        assert!(read(json!({"erdosRenyi": {"probability": "1%"}})).is_ok());
        assert!(read(json!({"erdosRenyi": {}})).is_err());
        assert!(read(json!({"erdosRenyi": {"meanDegree": 8, "probability": "1%"}})).is_err());
    }

    #[test]
    fn unknown_fields_and_generators_are_refused_by_name() {
        assert!(read(json!({"ring": {"degree": 2}})).unwrap_err().contains("unknown field `degree`"));
        assert!(read(json!({"rings": {}})).unwrap_err().contains("unknown variant `rings`"));
    }

    #[test]
    fn the_format_of_a_file_follows_its_name_unless_it_is_written() {
        let import = |file: &str, format| Import { file: file.to_owned(), format };
        assert_eq!(import("a/Abilene.GraphML", None).format(), GraphFormat::GraphMl);
        assert_eq!(import("ca-GrQc.txt", None).format(), GraphFormat::EdgeList);
        assert_eq!(import("plain", None).format(), GraphFormat::EdgeList);
        assert_eq!(import("plain", Some(GraphFormat::GraphMl)).format(), GraphFormat::GraphMl);
        assert_eq!(
            read(json!({"import": {"file": "x", "format": "graphml"}})),
            Ok(Topology::Import(import("x", Some(GraphFormat::GraphMl))))
        );
    }

    /// Every schema below `value`, with its place.
    fn visit(value: &Value, place: &str, see: &mut dyn FnMut(&str, &serde_json::Map<String, Value>)) {
        match value {
            Value::Object(map) => {
                see(place, map);
                for (key, inner) in map {
                    visit(inner, &format!("{place}/{key}"), see);
                }
            }
            Value::Array(items) => {
                for (i, inner) in items.iter().enumerate() {
                    visit(inner, &format!("{place}/{i}"), see);
                }
            }
            _ => {}
        }
    }

    #[test]
    fn the_schema_holds_nothing_that_kubernetes_refuses() {
        let schema = serde_json::to_value(schemars::schema_for!(Topology)).expect("a schema is JSON");
        let mut fields = 0;
        visit(&schema, "", &mut |place, map| {
            if let Some(format) = map.get("format").and_then(Value::as_str) {
                assert!(!format.starts_with("uint"), "{place} has the format {format}");
            }
            if let Some(Value::Array(kinds)) = map.get("type") {
                panic!("{place} may be of several types: {kinds:?}");
            }
            if let Some(Value::Object(properties)) = map.get("properties") {
                for (name, property) in properties {
                    fields += 1;
                    // A variant's description stands on the variant, whose only property is its tag.
                    let is_described = |schema: &Value| schema.get("description").is_some();
                    let described =
                        is_described(property) || (properties.len() == 1 && map.contains_key("description"));
                    assert!(described, "{place}/{name} is not described");
                }
            }
        });
        assert!(fields > 20, "{fields} fields seen");
    }
}
