//! The network between peers: latency, jitter, loss, and what a message costs beyond its own bytes.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Distribution, Traversal};
use crate::units::{Bytes, Nanos, Share};

/// The network between peers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// One-way delay between two peers, without their last miles. Default: the `ethereum` regions.
    #[serde(default)]
    pub latency: Latency,
    /// Each message's delay differs from that of its pair by up to this share, either way. Default: 5 %.
    #[serde(default = "five_percent")]
    pub jitter: Share,
    /// Packets lost between any two peers, besides those of their last miles. Default: none.
    #[serde(default)]
    pub loss: Share,
    /// Bytes that each packet costs besides its payload, at most 65535. Default: 78, that is IPv4 20, TCP with timestamps 32, Noise 18
    /// and a share of a Yamux header.
    #[serde(default = "packet_overhead")]
    pub overhead: Bytes,
    /// Payload of a packet, 64B to 65535B: longer messages are several, each of which may be lost. Default: 1400.
    #[serde(default = "packet_payload")]
    pub packet: Bytes,
    /// Round trips until a new connection carries a message. Default: 2, that is TCP 1 and Noise 1, along with which libp2p's dialler
    /// sends its negotiation of protocols (multistream-select, V1Lazy); QUIC needs 1, and one that negotiates each layer first 3 or more.
    #[serde(default = "two_round_trips")]
    #[schemars(schema_with = "round_trips")]
    pub handshake: u32,
    /// How long nothing must be heard until a connection counts as broken; more than none. Default: 15s.
    #[serde(default = "fifteen_seconds")]
    pub timeout: Nanos,
    /// Processor time that the receiver spends on a message before it acts. Default: none, as if processors were
    /// infinitely fast.
    #[serde(default)]
    pub processing: Processing,
    /// How peers behind NAT come to be connected.
    #[serde(default)]
    pub traversal: Traversal,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            latency: Latency::default(),
            jitter: five_percent(),
            loss: Share::ZERO,
            overhead: packet_overhead(),
            packet: packet_payload(),
            handshake: two_round_trips(),
            timeout: fifteen_seconds(),
            processing: Processing::default(),
            traversal: Traversal::default(),
        }
    }
}

const fn five_percent() -> Share {
    Share::percent(5)
}

const fn packet_overhead() -> Bytes {
    Bytes(78)
}

const fn packet_payload() -> Bytes {
    Bytes(1400)
}

const fn two_round_trips() -> u32 {
    2
}

const fn fifteen_seconds() -> Nanos {
    Nanos::from_secs(15)
}

fn round_trips(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    schemars::json_schema!({ "type": "integer", "minimum": 1, "maximum": 20 })
}

/// One-way delay between two peers. It belongs to the pair and does not change from message to message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Latency {
    /// The same between any two.
    Fixed(FixedLatency),
    /// Drawn once for each pair.
    Drawn(DrawnLatency),
    /// By the regions that the two are in.
    Regions(RegionLatency),
    /// By regions of a matrix in a file.
    Matrix(MatrixLatency),
}

impl Default for Latency {
    fn default() -> Self {
        Self::Regions(RegionLatency { table: Table::default(), spread: default_spread() })
    }
}

/// The same between any two.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FixedLatency {
    /// The delay.
    pub one_way: Nanos,
}

/// Drawn once for each pair.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DrawnLatency {
    /// The delay.
    pub one_way: Distribution,
}

/// By the regions that the two are in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RegionLatency {
    /// Which measurements. Default: `ethereum`.
    #[serde(default)]
    pub table: Table,
    /// Pairs differ from the table by up to this share, either way, each by its own. Default: 10 %.
    #[serde(default = "default_spread")]
    pub spread: Share,
}

const fn default_spread() -> Share {
    Share::percent(10)
}

/// Published latency tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Table {
    /// Eight world regions with the population of Ethereum nodes (libp2p test-plans, gossipsub-interop).
    #[default]
    #[serde(rename = "ethereum")]
    Ethereum,
    /// Ten AWS regions, medians of cloudping, all weighted alike.
    #[serde(rename = "aws-2024")]
    Aws2024,
    /// Six world regions with the population of Bitcoin nodes in 2019 (SimBlock).
    #[serde(rename = "simblock-2019")]
    Simblock2019,
}

/// By regions of a matrix in a file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MatrixLatency {
    /// A CSV file: a header `from,REGION,REGION,…`, then a line for each region, one-way milliseconds. Where both
    /// directions are given, their mean serves both, which keeps the round trip. The path is relative to the scenario's
    /// file.
    pub file: String,
    /// As for `regions`. Default: 10 %.
    #[serde(default = "default_spread")]
    pub spread: Share,
}

/// Processor time that a message costs its receiver. A peer works on one message at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Processing {
    /// For any message. Default: none.
    #[serde(default)]
    pub per_message: Nanos,
    /// For each kibibyte of it, besides. Default: none.
    #[serde(default)]
    pub per_kibibyte: Nanos,
    /// Instead of `perMessage`, for messages of these kinds, such as `gossip` or `announce`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub by_kind: BTreeMap<String, Nanos>,
}
