//! How items travel between peers.

mod gossipsub;

pub use gossipsub::{Authenticity, Gossipsub, Score, TopicScore};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Count;
use crate::units::Nanos;

/// How what a peer publishes is brought to all others. Flooding when left out: it measures the topology that was given,
/// where an overlay with a membership of its own measures the one that it makes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Overlay {
    /// Every peer passes each new item on to all its neighbours in the topology: as fast and as robust as the topology
    /// allows, at the price of about one copy of every item for each link. The yardstick for all others.
    Flood {},
    /// Epidemic broadcast trees (Leitão, Pereira and Rodrigues, SRDS 2007): items travel along a tree that forms by
    /// itself, and the links outside of the tree carry announcements that repair it.
    Plumtree(Plumtree),
    /// gossipsub as libp2p has it (version 0.50 of its Rust crate, protocols v1.1 and v1.2): items travel along a mesh of
    /// bounded degree for each topic, and word of them beyond it, so that those whom the mesh missed can ask. It runs over
    /// the links of the topology and knows no other peers: those who share a topic must be linked with one another, or be
    /// reached over others who share it.
    Gossipsub(Box<Gossipsub>),
    /// A server: everybody sends to one peer, which passes on to everybody else. The topology must be a star, and its
    /// centre is the server. What the peer-to-peer overlays are compared with.
    Star {},
}

impl Default for Overlay {
    fn default() -> Self {
        Self::Flood {}
    }
}

/// Parameters of Plumtree. The paper leaves the times to the deployment; the defaults here are chosen for paths of up to
/// some 300 ms round trip, as they occur between continents.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Plumtree {
    /// Which peers are one another's neighbours.
    pub membership: Membership,
    /// How long announcements to neighbours outside of the tree are gathered before they are sent as one message. Longer
    /// costs fewer messages and delays repair. A choice of ours; iroh-gossip sends after 5 ms.
    pub announce_after: Nanos,
    /// How long an announced item may be missing before it is asked for and the tree is repaired (the paper's first
    /// timeout, section 3.7). Too short grafts links that are not needed; too long delays repair. A choice of ours;
    /// iroh-gossip waits 80 ms, which is too short between continents.
    pub missing_after: Nanos,
    /// How long the answer to such a question may take before the next neighbour that announced the item is asked (the
    /// second timeout of the paper, there about one round trip). A choice of ours; iroh-gossip waits 40 ms.
    pub retry_after: Nanos,
    /// A neighbour outside of the tree replaces the one that brought an item when it announced it as at least so many
    /// hops nearer to its author (section 3.8 of the paper). 255 turns this off. As iroh-gossip: 7.
    pub optimise_from: Count<1, 255>,
    /// How long items are kept to answer neighbours that miss them. As iroh-gossip: 30 s.
    pub keep: Nanos,
}

impl Default for Plumtree {
    fn default() -> Self {
        Self {
            membership: Membership::default(),
            announce_after: Nanos::from_millis(50),
            missing_after: Nanos::from_millis(500),
            retry_after: Nanos::from_millis(300),
            optimise_from: Count::new(7),
            keep: Nanos::from_secs(30),
        }
    }
}

/// Which peers are one another's neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Membership {
    /// A view of the network that each peer keeps by itself (Leitão, Pereira and Rodrigues, HyParView, DSN 2007). The
    /// topology only says whom a peer knows when it joins.
    HyParView(HyParView),
    /// The neighbours that the topology gives it, and no others.
    Plan {},
}

impl Default for Membership {
    fn default() -> Self {
        Self::HyParView(HyParView::default())
    }
}

/// Parameters of HyParView. Sizes and walk lengths are those of the paper's evaluation with 10,000 peers (section 5.1).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct HyParView {
    /// Neighbours that a peer is connected with. Paper: 5.
    pub active: Count<1, 64>,
    /// Peers known besides, to replace neighbours that fail. Paper: 30.
    pub passive: Count<1, 1024>,
    /// Hops that a join walks before the peer at the walk's end becomes a neighbour of the new one. Paper: 6.
    pub active_walk: Count<1, 32>,
    /// Hops left on that walk at which a peer takes the new one into its passive view. Paper: 3.
    pub passive_walk: Count<0, 32>,
    /// Time between two exchanges of views with a random peer; also how often a peer with too few neighbours looks for
    /// more. The paper counts in rounds; as iroh-gossip, which calls it a guess: 60 s.
    pub shuffle_every: Nanos,
    /// Neighbours named in an exchange. Paper: 3.
    pub shuffle_active: Count<0, 64>,
    /// Other peers named in an exchange. Paper: 4.
    pub shuffle_passive: Count<0, 64>,
    /// How long a peer that was asked to become a neighbour may take to answer, connecting included; also how often a
    /// peer without neighbours tries to join again. As iroh-gossip: 3 s.
    pub answer_within: Nanos,
}

impl Default for HyParView {
    fn default() -> Self {
        Self {
            active: Count::new(5),
            passive: Count::new(30),
            active_walk: Count::new(6),
            passive_walk: Count::new(3),
            shuffle_every: Nanos::from_secs(60),
            shuffle_active: Count::new(3),
            shuffle_passive: Count::new(4),
            answer_within: Nanos::from_secs(3),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(yaml: &str) -> Result<Overlay, String> {
        let value: Value = serde_yaml::from_str(yaml).expect("the test writes YAML");
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_its_default() {
        assert_eq!(read("flood: {}"), Ok(Overlay::Flood {}));
        assert_eq!(Overlay::default(), Overlay::Flood {});
        assert_eq!(read("plumtree: {}"), Ok(Overlay::Plumtree(Plumtree::default())));
        let lean = HyParView { active: Count::new(3), ..HyParView::default() };
        let expected = Plumtree {
            membership: Membership::HyParView(lean),
            missing_after: Nanos::from_secs(1),
            ..Plumtree::default()
        };
        let written = "plumtree: {missingAfter: 1s, membership: {hyParView: {active: 3}}}";
        assert_eq!(read(written), Ok(Overlay::Plumtree(expected)));
    }

    #[test]
    fn what_is_out_of_bounds_or_unknown_is_refused() {
        let error = |yaml| read(yaml).unwrap_err();
        assert!(error("plumtree: {optimiseFrom: 0}").contains("0 is not within 1 to 255"));
        assert!(error("plumtree: {keep: '30'}").contains("the unit is missing"));
        assert!(error("flood: {degree: 3}").contains("unknown field `degree`"));
        assert!(error("gossip: {}").contains("unknown variant `gossip`"));
        assert!(error("gossipsub: {meshN: 0}").contains("0 is not within 1 to 1000"));
    }

    /// API servers warn of integer formats, and an editor shows descriptions and defaults.
    #[test]
    fn the_schema_has_bounds_descriptions_and_defaults_but_no_integer_formats() {
        let schema = serde_json::to_value(schemars::schema_for!(Overlay)).expect("a schema is JSON");
        assert!(!schema.to_string().contains("\"format\""));
        let view = &schema["$defs"]["HyParView"]["properties"];
        let bounded = json!({"type": "integer", "minimum": 1, "maximum": 64, "default": 5});
        for (key, value) in bounded.as_object().expect("it is a map") {
            assert_eq!(&view["active"][key], value);
        }
        for (name, property) in view.as_object().expect("properties are a map") {
            assert!(
                property["description"].as_str().is_some_and(|text| text.len() > 10),
                "{name} is not described"
            );
            assert_ne!(property["default"], Value::Null, "{name} has no default");
        }
    }
}
