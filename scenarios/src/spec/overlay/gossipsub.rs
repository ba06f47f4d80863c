//! Parameters of gossipsub, under the names that they have in libp2p.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::{
    spec::Count,
    units::{Bytes, Nanos, Share},
};

/// Parameters of gossipsub. Names, meanings and defaults are those of `Config` in version 0.50 of libp2p's Rust crate; where
/// these differ from the specification (<https://github.com/libp2p/specs/tree/master/pubsub/gossipsub>), it is said. Peer
/// exchange, explicit peers, parameters by topic and floodsub peers are left out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Gossipsub {
    /// Peers that a mesh should have (D). libp2p: 6.
    pub mesh_n: Count<1, 1000>,
    /// A mesh with fewer peers gets new ones (D_low). libp2p: 5; specification: 4.
    pub mesh_n_low: Count<0, 1000>,
    /// A mesh with as many peers or more loses some (D_high). libp2p: 12.
    pub mesh_n_high: Count<1, 1000>,
    /// Peers of a mesh that are kept because this side dialled them (D_out): strangers cannot fill it alone. libp2p: 2.
    pub mesh_outbound_min: Count<0, 1000>,
    /// Peers outside of the mesh that are told of items at each heartbeat, at least (D_lazy). libp2p: 6.
    pub gossip_lazy: Count<0, 1000>,
    /// The share of the peers outside of the mesh that are told, if that is more. libp2p: 25%.
    pub gossip_factor: Share,
    /// Time from the start to the first heartbeat. libp2p: 5 s.
    pub heartbeat_initial_delay: Nanos,
    /// Time between heartbeats, at which meshes are kept up and items announced. libp2p: 1 s.
    pub heartbeat_interval: Nanos,
    /// Heartbeats for which an item is kept to be sent to who asks for it. libp2p: 5.
    pub history_length: Count<1, 1000>,
    /// Heartbeats for which it is announced. libp2p: 3.
    pub history_gossip: Count<0, 1000>,
    /// How long the peers are remembered to whom items of a topic were published that is not subscribed to. libp2p: 60 s.
    pub fanout_ttl: Nanos,
    /// How long an item is known as met. What comes back later is taken for new. libp2p: 60 s; specification: 120 s.
    pub duplicate_cache_time: Nanos,
    /// How long two peers stay out of each other's mesh after one has pruned the other. libp2p: 60 s.
    pub prune_backoff: Nanos,
    /// The same after one has left the topic, in whole seconds. libp2p: 10 s.
    pub unsubscribe_backoff: Nanos,
    /// Heartbeats by which a peer itself waits longer than that. libp2p: 1.
    pub backoff_slack: Count<0, 1000>,
    /// Whether items of this peer's own go to all who subscribe instead of to the mesh alone. libp2p: true.
    pub flood_publish: bool,
    /// How soon after a prune it is held twice against a peer that it wants back into the mesh. libp2p: 10 s.
    pub graft_flood_threshold: Nanos,
    /// Heartbeats between two looks at whether better peers than those of the mesh are about. libp2p: 60.
    pub opportunistic_graft_ticks: Count<1, 100_000>,
    /// Peers that are then taken in. libp2p: 2.
    pub opportunistic_graft_peers: Count<0, 1000>,
    /// Peers with the best scores that survive when a mesh is too large (D_score). libp2p: 4.
    pub retain_scores: Count<0, 1000>,
    /// How often an item is sent to one peer that asks for it. libp2p, as `gossip_retransimission`: 3.
    pub gossip_retransmission: Count<0, 1000>,
    /// Announcements (IHAVE) that are heeded between two heartbeats, for each peer. libp2p: 10.
    pub max_ihave_messages_heartbeat: Count<0, 100_000>,
    /// Items named in one announcement, and asked for of one peer between two heartbeats, at most. libp2p: 5000.
    pub max_control_messages_sent: Count<1, 1_000_000>,
    /// A longer control message is not accepted. libp2p: 16 KiB, so that longer announcements than that are for nothing.
    pub max_control_message_size: Bytes,
    /// How long an item that was asked for may take. libp2p: 3 s.
    pub iwant_followup_time: Nanos,
    /// Items and gossip that may wait for one peer. libp2p: 5000.
    pub connection_handler_queue_len: Count<1, 1_000_000>,
    /// How long an item of this peer's own may wait to be sent. libp2p: 5 s.
    pub publish_queue_duration: Nanos,
    /// How long an item of another may. libp2p: 1 s.
    pub forward_queue_duration: Nanos,
    /// Other peers of the mesh are told not to send an item (IDONTWANT) that is longer than this. libp2p: 1000 B.
    pub idontwant_message_size_threshold: Bytes,
    /// Whether an author says so too, of what it publishes. libp2p: false.
    pub idontwant_on_publish: bool,
    /// Longer items are not published. libp2p: 64 KiB.
    pub max_transmit_size: Bytes,
    /// Whether libp2p signs what is published. Default: anonymous, for the items of the workloads bear signatures of their
    /// own.
    pub authenticity: Authenticity,
    /// Bytes that a connection takes before what follows waits in gossipsub's queues, where urgent messages overtake, items
    /// go stale and unwanted ones are removed. Connections share their link, so what counts is this many bytes times their
    /// number. Not of libp2p, but of the system below it. A choice of ours: 64 KiB.
    pub send_buffer: Bytes,
    /// Whether peers keep score of one another. They do not when left out, as in libp2p.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<Score>,
}

/// How libp2p authenticates messages, and thereby what it names them by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Authenticity {
    /// Not at all: messages have neither author nor signature, and are named by 20 bytes of the hash of their content, as in
    /// Ethereum's consensus layer.
    #[default]
    Anonymous,
    /// With author, sequence number and signature, 116 B in all. Messages are named by author and number, 71 B.
    Signed,
}

impl Default for Gossipsub {
    fn default() -> Self {
        Self {
            mesh_n: Count::new(6),
            mesh_n_low: Count::new(5),
            mesh_n_high: Count::new(12),
            mesh_outbound_min: Count::new(2),
            gossip_lazy: Count::new(6),
            gossip_factor: Share::percent(25),
            heartbeat_initial_delay: Nanos::from_secs(5),
            heartbeat_interval: Nanos::from_secs(1),
            history_length: Count::new(5),
            history_gossip: Count::new(3),
            fanout_ttl: Nanos::from_secs(60),
            duplicate_cache_time: Nanos::from_secs(60),
            prune_backoff: Nanos::from_secs(60),
            unsubscribe_backoff: Nanos::from_secs(10),
            backoff_slack: Count::new(1),
            flood_publish: true,
            graft_flood_threshold: Nanos::from_secs(10),
            opportunistic_graft_ticks: Count::new(60),
            opportunistic_graft_peers: Count::new(2),
            retain_scores: Count::new(4),
            gossip_retransmission: Count::new(3),
            max_ihave_messages_heartbeat: Count::new(10),
            max_control_messages_sent: Count::new(5000),
            max_control_message_size: Bytes(16 << 10),
            iwant_followup_time: Nanos::from_secs(3),
            connection_handler_queue_len: Count::new(5000),
            publish_queue_duration: Nanos::from_secs(5),
            forward_queue_duration: Nanos::from_secs(1),
            idontwant_message_size_threshold: Bytes(1000),
            idontwant_on_publish: false,
            max_transmit_size: Bytes(64 << 10),
            authenticity: Authenticity::default(),
            send_buffer: Bytes(64 << 10),
            score: None,
        }
    }
}

/// How peers keep score of one another (specification v1.1, "Peer Scoring"): names and defaults of libp2p's `PeerScoreParams`
/// and `PeerScoreThresholds`, with one set of parameters for all topics. What an application would add (P5) is left out, and
/// peers of one site have one address (P6).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Score {
    /// Below this, a peer is neither told of items nor listened to about them; 0 or less. libp2p: −10.
    #[schemars(schema_with = "number")]
    pub gossip_threshold: f64,
    /// Below this, nothing is published to it; at most the threshold before. libp2p: −50.
    #[schemars(schema_with = "number")]
    pub publish_threshold: f64,
    /// Below this, nothing of it is heeded; at most the threshold before. libp2p: −80.
    #[schemars(schema_with = "number")]
    pub graylist_threshold: f64,
    /// A mesh whose median is below this takes in better peers; 0 or more. libp2p: 20.
    #[schemars(schema_with = "number")]
    pub opportunistic_graft_threshold: f64,
    /// The most that topics add, or 0 for no bound. libp2p: 3600.
    #[schemars(schema_with = "number")]
    pub topic_score_cap: f64,
    /// Weight of the square of the peers of one address beyond the threshold (P6); 0 or less. libp2p: −5.
    #[schemars(schema_with = "number")]
    pub ip_colocation_factor_weight: f64,
    /// Peers of one address that are nothing out of the ordinary; at least 1. libp2p: 10.
    #[schemars(schema_with = "number")]
    pub ip_colocation_factor_threshold: f64,
    /// Weight of the square of what is held against a peer's behaviour beyond the threshold (P7): promises broken, meshes
    /// entered too soon; 0 or less. libp2p: −10.
    #[schemars(schema_with = "number")]
    pub behaviour_penalty_weight: f64,
    /// How much of it is overlooked; 0 or more. libp2p: 0.
    #[schemars(schema_with = "number")]
    pub behaviour_penalty_threshold: f64,
    /// What is left of it after each interval; between 0 and 1. libp2p: 0.2.
    #[schemars(schema_with = "number")]
    pub behaviour_penalty_decay: f64,
    /// Time after which counters decay; at least 1 s. libp2p: 1 s.
    pub decay_interval: Nanos,
    /// A counter below this is 0; between 0 and 1. libp2p: 0.1.
    #[schemars(schema_with = "number")]
    pub decay_to_zero: f64,
    /// How long the counters of a peer are remembered whose connection ended. libp2p: 1 h.
    pub retain_score: Nanos,
    /// Weight of messages that a peer did not take in time, beyond the threshold. libp2p: −0.2.
    #[schemars(schema_with = "number")]
    pub slow_peer_weight: f64,
    /// How many are overlooked. libp2p: 0.
    #[schemars(schema_with = "number")]
    pub slow_peer_threshold: f64,
    /// What is left of them after each interval. libp2p: 0.2.
    #[schemars(schema_with = "number")]
    pub slow_peer_decay: f64,
    /// What counts in each topic.
    pub topic: TopicScore,
}

impl Default for Score {
    fn default() -> Self {
        Self {
            gossip_threshold: -10.0,
            publish_threshold: -50.0,
            graylist_threshold: -80.0,
            opportunistic_graft_threshold: 20.0,
            topic_score_cap: 3600.0,
            ip_colocation_factor_weight: -5.0,
            ip_colocation_factor_threshold: 10.0,
            behaviour_penalty_weight: -10.0,
            behaviour_penalty_threshold: 0.0,
            behaviour_penalty_decay: 0.2,
            decay_interval: Nanos::from_secs(1),
            decay_to_zero: 0.1,
            retain_score: Nanos::from_secs(3600),
            slow_peer_weight: -0.2,
            slow_peer_threshold: 0.0,
            slow_peer_decay: 0.2,
            topic: TopicScore::default(),
        }
    }
}

/// What counts in each topic: libp2p's `TopicScoreParams`, whose defaults it calls very specific to a network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct TopicScore {
    /// Weight of all that follows; 0 or more. libp2p: 0.5.
    #[schemars(schema_with = "number")]
    pub topic_weight: f64,
    /// Weight of the time in the mesh (P1); 0 or more. libp2p: 1.
    #[schemars(schema_with = "number")]
    pub time_in_mesh_weight: f64,
    /// The unit of that time. libp2p: 1 ms.
    pub time_in_mesh_quantum: Nanos,
    /// The most of these units that count. libp2p: 3600.
    #[schemars(schema_with = "number")]
    pub time_in_mesh_cap: f64,
    /// Weight of items that a peer brought first (P2); 0 or more. libp2p: 1.
    #[schemars(schema_with = "number")]
    pub first_message_deliveries_weight: f64,
    /// What is left of them after each interval; between 0 and 1. libp2p: 0.5.
    #[schemars(schema_with = "number")]
    pub first_message_deliveries_decay: f64,
    /// The most that count. libp2p: 2000.
    #[schemars(schema_with = "number")]
    pub first_message_deliveries_cap: f64,
    /// Weight of the square of the items that a peer of the mesh failed to bring (P3); 0 or less. libp2p: −1.
    #[schemars(schema_with = "number")]
    pub mesh_message_deliveries_weight: f64,
    /// What is left of those that it brought after each interval; between 0 and 1. libp2p: 0.5.
    #[schemars(schema_with = "number")]
    pub mesh_message_deliveries_decay: f64,
    /// The most that count. libp2p: 100.
    #[schemars(schema_with = "number")]
    pub mesh_message_deliveries_cap: f64,
    /// How many it should bring. libp2p: 20.
    #[schemars(schema_with = "number")]
    pub mesh_message_deliveries_threshold: f64,
    /// How long after the first copy another still counts. libp2p: 10 ms.
    pub mesh_message_deliveries_window: Nanos,
    /// Time in the mesh before they are counted; at least 1 s. libp2p: 5 s.
    pub mesh_message_deliveries_activation: Nanos,
    /// Weight of the square of what it had failed to bring when it left the mesh (P3b); 0 or less. libp2p: −1.
    #[schemars(schema_with = "number")]
    pub mesh_failure_penalty_weight: f64,
    /// What is left of that after each interval; between 0 and 1. libp2p: 0.5.
    #[schemars(schema_with = "number")]
    pub mesh_failure_penalty_decay: f64,
    /// Weight of the square of the falsified items that it sent (P4); 0 or less. libp2p: −1.
    #[schemars(schema_with = "number")]
    pub invalid_message_deliveries_weight: f64,
    /// What is left of them after each interval; between 0 and 1. libp2p: 0.3.
    #[schemars(schema_with = "number")]
    pub invalid_message_deliveries_decay: f64,
}

impl Default for TopicScore {
    fn default() -> Self {
        Self {
            topic_weight: 0.5,
            time_in_mesh_weight: 1.0,
            time_in_mesh_quantum: Nanos::from_millis(1),
            time_in_mesh_cap: 3600.0,
            first_message_deliveries_weight: 1.0,
            first_message_deliveries_decay: 0.5,
            first_message_deliveries_cap: 2000.0,
            mesh_message_deliveries_weight: -1.0,
            mesh_message_deliveries_decay: 0.5,
            mesh_message_deliveries_cap: 100.0,
            mesh_message_deliveries_threshold: 20.0,
            mesh_message_deliveries_window: Nanos::from_millis(10),
            mesh_message_deliveries_activation: Nanos::from_secs(5),
            mesh_failure_penalty_weight: -1.0,
            mesh_failure_penalty_decay: 0.5,
            invalid_message_deliveries_weight: -1.0,
            invalid_message_deliveries_decay: 0.3,
        }
    }
}

/// A number without a `format`.
fn number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number" })
}
