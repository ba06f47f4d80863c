//! What a scenario says of how peers and content are found.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Count, Who};
use crate::units::Nanos;

/// How peers and content are found. By the plan when left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Discovery {
    /// Every peer knows the addresses of all whom it needs, as if a tracker that never fails had told it.
    Plan {},
    /// A distributed hash table, Kademlia, as libp2p has it (version 0.49 of its Rust crate). It finds what the workloads of
    /// role `lookups` look for; who is whose neighbour stays with the topology.
    Kademlia(Box<Kademlia>),
}

impl Default for Discovery {
    fn default() -> Self {
        Self::Plan {}
    }
}

impl Discovery {
    /// The parameters of Kademlia, where that is what finds.
    #[must_use]
    pub fn kademlia(&self) -> Option<&Kademlia> {
        match self {
            Self::Plan {} => None,
            Self::Kademlia(kademlia) => Some(kademlia),
        }
    }
}

/// Parameters of Kademlia. Defaults are those of libp2p-kad 0.49.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Kademlia {
    /// Peers in a bucket of a routing table at the most, and peers that keep the record of a provider (the paper's k). libp2p: 20.
    pub k: Count<1, 100>,
    /// Peers that a lookup asks at a time (the paper's α). libp2p: 3.
    pub alpha: Count<1, 100>,
    /// Who answers, is in routing tables and keeps records; all others only ask. Those that can be dialled when left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub servers: Option<Who>,
    /// Whom a peer knows when it starts, besides those that it meets: each neighbour of the topology that is a server is one.
    pub start: Contacts,
    /// Time between two refreshes of a peer's routing table: a lookup of itself, and one in each bucket that is not near. libp2p:
    /// 5m.
    pub refresh: Nanos,
    /// How long a lookup may take. libp2p: 1m.
    pub query_timeout: Nanos,
    /// How long a connection that was dialled for a lookup stays without use. libp2p: 10s.
    pub idle_timeout: Nanos,
    /// How long a server keeps the record of a provider that does not renew it. libp2p: 48h.
    pub provider_ttl: Nanos,
    /// Time between two times that a provider renews its records. libp2p: 12h.
    pub republish: Nanos,
    /// Contents of which a server keeps the providers. libp2p: 1024.
    pub max_contents: Count<1, 10_000_000>,
}

impl Default for Kademlia {
    fn default() -> Self {
        Self {
            k: Count::new(20),
            alpha: Count::new(3),
            servers: None,
            start: Contacts::default(),
            refresh: Nanos::from_secs(300),
            query_timeout: Nanos::from_secs(60),
            idle_timeout: Nanos::from_secs(10),
            provider_ttl: Nanos::from_secs(48 * 3600),
            republish: Nanos::from_secs(12 * 3600),
            max_contents: Count::new(1024),
        }
    }
}

/// Whom a peer knows when it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Contacts {
    /// Some servers, drawn by chance for each peer: all begin at once with next to nothing, and find the others.
    Few(Few),
    /// As many as its buckets hold, drawn by chance from the servers that belong into each: a network that has long been running.
    Filled {},
}

impl Default for Contacts {
    fn default() -> Self {
        Self::Few(Few::default())
    }
}

/// Some servers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Few {
    /// How many. 4 when left out.
    pub count: Count<1, 100>,
}

impl Default for Few {
    fn default() -> Self {
        Self { count: Count::new(4) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> Result<Discovery, String> {
        serde_yaml::from_str(yaml).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_default_of_libp2p() {
        let value: serde_json::Value =
            serde_yaml::from_str("kademlia: {k: 8}").expect("the test writes YAML");
        let Ok(Discovery::Kademlia(kademlia)) = serde_json::from_value(value) else { panic!("it reads") };
        assert_eq!((kademlia.k.get(), kademlia.alpha.get(), kademlia.refresh), (8, 3, Nanos::from_secs(300)));
        assert_eq!(kademlia.start, Contacts::Few(Few { count: Count::new(4) }));
        assert_eq!(Discovery::default(), Discovery::Plan {});
    }

    #[test]
    fn what_is_unknown_is_refused() {
        assert!(read("{rendezvous: {}}").is_err());
        let schema = schemars::schema_for!(Discovery).to_value().to_string();
        assert!(!schema.contains("uint"), "{schema}");
    }
}
