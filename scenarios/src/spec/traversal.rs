//! How peers behind address translation come to be connected with each other: relays, and holes that are punched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Count;
use crate::units::{Bytes, Nanos, Share};

/// How two peers are connected of which the one cannot dial the other, for its `nat`. Both sides meet at a relay; then they
/// try to punch a hole, and when that fails the relay carries what they say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Traversal {
    /// The group whose peers relay, which must be `open` and in no site. Default: all peers of such groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "String")]
    pub relays: Option<String>,
    /// Pairs that succeed in punching a hole, of those whose kinds of NAT allow it at all. Default: 70 %, as measured between
    /// 85,000 networks of all kinds (arXiv 2510.27500).
    #[serde(default = "seventy_percent")]
    pub punching: Share,
    /// Successes that come at the first of at most three attempts. Default: 97.6 %, from the same.
    #[serde(default = "nearly_all")]
    pub first_attempt: Share,
    /// Peers that may be reached by way of a relay; each peer behind NAT holds a reservation at two. Default: 128, as in
    /// libp2p.
    #[serde(default = "hundred_and_twenty_eight")]
    pub reservations: Count<1, 1_000_000>,
    /// Connections that a relay carries at a time. Default: no limit; that of libp2p is 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Count<1, 1_000_000>")]
    pub circuits: Option<Count<1, 1_000_000>>,
    /// How long a relay carries a connection. Default: no limit; that of libp2p is 2m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lifetime: Option<Nanos>,
    /// What a relay carries over a connection, both ways together, packet overhead included. Default: no limit; that of libp2p
    /// is 128KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Bytes>,
}

impl Default for Traversal {
    fn default() -> Self {
        Self {
            relays: None,
            punching: seventy_percent(),
            first_attempt: nearly_all(),
            reservations: hundred_and_twenty_eight(),
            circuits: None,
            lifetime: None,
            data: None,
        }
    }
}

const fn seventy_percent() -> Share {
    Share::percent(70)
}

const fn nearly_all() -> Share {
    Share::from_parts_per_million(976_000)
}

const fn hundred_and_twenty_eight() -> Count<1, 1_000_000> {
    Count::new(128)
}
