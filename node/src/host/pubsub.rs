//! gossipsub as an overlay: libp2p's own, with the parameters of the scenario.
//!
//! The machine here passes on what roles want to libp2p, and to roles what libp2p brings. libp2p names a message by the hash of its
//! content when it is anonymous, so that the same item has one name everywhere. How many links an item has travelled it does
//! not tell.

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use libp2p::{
    gossipsub::{
        self, Behaviour, ConfigBuilder, IdentTopic, MessageAuthenticity, MessageId, PeerScoreParams,
        PeerScoreThresholds, PublishError, TopicScoreParams, ValidationMode,
    },
    identity::Keypair,
};
use peerlab_scenarios::{
    host::{Cx, Input, Links, Machine, Msg, Overlay, Payload, Peer},
    report::{Fact, PubsubCount},
    seed::mix,
    spec::{
        self,
        overlay::{Authenticity, Gossipsub as Params, Score, TopicScore},
    },
    wire::{Item, Kind, Topic},
};

use super::{Native, clock::duration, native::PubsubOrder};

/// Items that wait for somebody to subscribe, at most.
const MOST_EARLY: usize = 1000;

/// Bytes of the hash by which anonymous messages are named, as in Ethereum's consensus layer.
const NAME: usize = 20;

/// What can be counted from outside. Of announcements, grafts and the like libp2p tells nothing, and a report has no number for them.
const TOLD: [PubsubCount; 2] = [PubsubCount::Dropped, PubsubCount::Refused];

/// Links that an item has travelled, where that is not known.
const UNKNOWN_HOPS: u8 = 0;

/// libp2p's behaviour with these parameters. `named` counts the messages that it has named: its own, and each copy that came.
///
/// # Errors
/// When libp2p will not have the parameters, with its reason.
pub fn behaviour(params: &Params, keys: &Keypair, named: Arc<AtomicU64>) -> Result<Behaviour, String> {
    let signed = params.authenticity == Authenticity::Signed;
    let mode = if signed { ValidationMode::Strict } else { ValidationMode::Anonymous };
    let mut config = ConfigBuilder::default();
    config
        .mesh_n(params.mesh_n.size())
        .mesh_n_low(params.mesh_n_low.size())
        .mesh_n_high(params.mesh_n_high.size())
        .mesh_outbound_min(params.mesh_outbound_min.size())
        .gossip_lazy(params.gossip_lazy.size())
        .gossip_factor(params.gossip_factor.as_f64())
        .heartbeat_initial_delay(duration(params.heartbeat_initial_delay))
        .heartbeat_interval(duration(params.heartbeat_interval))
        .history_length(params.history_length.size())
        .history_gossip(params.history_gossip.size())
        .fanout_ttl(duration(params.fanout_ttl))
        .duplicate_cache_time(duration(params.duplicate_cache_time))
        .prune_backoff(duration(params.prune_backoff))
        .unsubscribe_backoff(duration(params.unsubscribe_backoff))
        .backoff_slack(params.backoff_slack.get())
        .flood_publish(params.flood_publish)
        .graft_flood_threshold(duration(params.graft_flood_threshold))
        .opportunistic_graft_ticks(u64::from(params.opportunistic_graft_ticks.get()))
        .opportunistic_graft_peers(params.opportunistic_graft_peers.size())
        .retain_scores(params.retain_scores.size())
        .gossip_retransimission(params.gossip_retransmission.get())
        .max_ihave_messages_heartbeat(params.max_ihave_messages_heartbeat.size())
        .max_control_messages_sent(params.max_control_messages_sent.size())
        .max_control_message_size(params.max_control_message_size.0 as usize)
        .iwant_followup_time(duration(params.iwant_followup_time))
        .connection_handler_queue_len(params.connection_handler_queue_len.size())
        .publish_queue_duration(duration(params.publish_queue_duration))
        .forward_queue_duration(duration(params.forward_queue_duration))
        .idontwant_message_size_threshold(params.idontwant_message_size_threshold.0 as usize)
        .idontwant_on_publish(params.idontwant_on_publish)
        .max_transmit_size(params.max_transmit_size.0 as usize)
        .validation_mode(mode)
        // Nothing is passed on before its signature was checked.
        .validate_messages()
        .message_id_fn(move |message| {
            named.fetch_add(1, Ordering::Relaxed);
            match (signed, message.source, message.sequence_number) {
                (true, Some(source), Some(number)) => {
                    let mut name = source.to_base58().into_bytes();
                    name.extend(number.to_string().into_bytes());
                    MessageId::from(name)
                }
                _ => MessageId::new(&blake3::hash(&message.data).as_bytes()[..NAME]),
            }
        });
    let config = config.build().map_err(|error| error.to_string())?;
    let authenticity =
        if signed { MessageAuthenticity::Signed(keys.clone()) } else { MessageAuthenticity::Anonymous };
    let mut behaviour = Behaviour::new(authenticity, config).map_err(str::to_owned)?;
    if let Some(score) = &params.score {
        let (params, thresholds) = scores(score);
        behaviour.with_peer_score(params, thresholds)?;
    }
    Ok(behaviour)
}

/// libp2p's parameters of scores. Peers of one machine have one address, which says nothing of them: P6 does not count.
fn scores(score: &Score) -> (PeerScoreParams, PeerScoreThresholds) {
    let params = PeerScoreParams {
        topics: HashMap::new(),
        topic_score_cap: score.topic_score_cap,
        app_specific_weight: 0.0,
        ip_colocation_factor_weight: 0.0,
        ip_colocation_factor_threshold: score.ip_colocation_factor_threshold,
        behaviour_penalty_weight: score.behaviour_penalty_weight,
        behaviour_penalty_threshold: score.behaviour_penalty_threshold,
        behaviour_penalty_decay: score.behaviour_penalty_decay,
        decay_interval: duration(score.decay_interval),
        decay_to_zero: score.decay_to_zero,
        retain_score: duration(score.retain_score),
        slow_peer_weight: score.slow_peer_weight,
        slow_peer_threshold: score.slow_peer_threshold,
        slow_peer_decay: score.slow_peer_decay,
        ..PeerScoreParams::default()
    };
    let thresholds = PeerScoreThresholds {
        gossip_threshold: score.gossip_threshold,
        publish_threshold: score.publish_threshold,
        graylist_threshold: score.graylist_threshold,
        opportunistic_graft_threshold: score.opportunistic_graft_threshold,
        ..PeerScoreThresholds::default()
    };
    (params, thresholds)
}

/// What counts in each topic.
fn topic_scores(topic: &TopicScore) -> TopicScoreParams {
    TopicScoreParams {
        topic_weight: topic.topic_weight,
        time_in_mesh_weight: topic.time_in_mesh_weight,
        time_in_mesh_quantum: duration(topic.time_in_mesh_quantum),
        time_in_mesh_cap: topic.time_in_mesh_cap,
        first_message_deliveries_weight: topic.first_message_deliveries_weight,
        first_message_deliveries_decay: topic.first_message_deliveries_decay,
        first_message_deliveries_cap: topic.first_message_deliveries_cap,
        mesh_message_deliveries_weight: topic.mesh_message_deliveries_weight,
        mesh_message_deliveries_decay: topic.mesh_message_deliveries_decay,
        mesh_message_deliveries_cap: topic.mesh_message_deliveries_cap,
        mesh_message_deliveries_threshold: topic.mesh_message_deliveries_threshold,
        mesh_message_deliveries_window: duration(topic.mesh_message_deliveries_window),
        mesh_message_deliveries_activation: duration(topic.mesh_message_deliveries_activation),
        mesh_failure_penalty_weight: topic.mesh_failure_penalty_weight,
        mesh_failure_penalty_decay: topic.mesh_failure_penalty_decay,
        invalid_message_deliveries_weight: topic.invalid_message_deliveries_weight,
        invalid_message_deliveries_decay: topic.invalid_message_deliveries_decay,
    }
}

/// What machines have asked of libp2p's gossipsub and what it could not do at once.
#[derive(Debug, Default)]
pub(super) struct Publisher {
    early: VecDeque<Arc<Item>>,
    subscribed: Vec<Topic>,
    named: Arc<AtomicU64>,
    topic_scores: Option<TopicScoreParams>,
    counts: [u64; PubsubCount::ALL.len()],
}

impl Publisher {
    /// `named` is what the behaviour counts.
    pub(super) fn new(named: Arc<AtomicU64>, overlay: &spec::Overlay) -> Self {
        let topic_scores = match overlay {
            spec::Overlay::Gossipsub(params) => params.score.as_ref().map(|score| topic_scores(&score.topic)),
            _ => None,
        };
        Self { named, topic_scores, ..Self::default() }
    }

    /// Carries out what a machine asked for.
    pub(super) fn carry_out(&mut self, behaviour: &mut Behaviour, order: PubsubOrder) {
        match order {
            PubsubOrder::Subscribe(topic, wanted) => {
                let name = IdentTopic::new(topic.to_string());
                if wanted {
                    if let Some(params) = self.topic_scores.clone() {
                        behaviour.set_topic_params(name.clone(), params).expect(
                            "a scenario with parameters that libp2p refuses is refused when it is read",
                        );
                    }
                    if behaviour.subscribe(&name).is_ok_and(|new| new) {
                        self.subscribed.push(topic);
                    }
                } else if behaviour.unsubscribe(&name) {
                    self.subscribed.retain(|other| *other != topic);
                }
            }
            PubsubOrder::Publish(item) => self.publish(behaviour, item),
        }
    }

    fn publish(&mut self, behaviour: &mut Behaviour, item: Arc<Item>) {
        let topic = IdentTopic::new(item.published_under().to_string());
        let msg = Msg::<Native>::new(Kind::PubsubPublish, 0, Payload::Item(Arc::clone(&item)));
        let done = behaviour.publish(topic, encode(&msg));
        // It is to count what came.
        self.named.fetch_sub(1, Ordering::Relaxed);
        match done {
            Ok(_) | Err(PublishError::Duplicate) => {}
            Err(PublishError::NoPeersSubscribedToTopic) => {
                self.early.push_back(item);
                if self.early.len() > MOST_EARLY {
                    self.early.pop_front();
                    self.count(PubsubCount::Dropped, 1);
                }
            }
            Err(PublishError::AllQueuesFull(_)) => self.count(PubsubCount::Dropped, 1),
            Err(
                PublishError::MessageTooLarge
                | PublishError::SigningError(_)
                | PublishError::TransformFailed(_),
            ) => {
                self.count(PubsubCount::Refused, 1);
            }
        }
    }

    /// Somebody subscribed: publishes what waited for that.
    pub(super) fn publish_early(&mut self, behaviour: &mut Behaviour) {
        for item in std::mem::take(&mut self.early) {
            self.publish(behaviour, item);
        }
    }

    pub(super) fn count(&mut self, what: PubsubCount, count: u64) {
        self.counts[what as usize] += count;
    }

    /// Hands out what was counted, and the degree of each mesh.
    pub(super) fn drain(&mut self, behaviour: &Behaviour, record: &mut dyn FnMut(Fact)) {
        for what in TOLD {
            record(Fact::Pubsub { what, count: std::mem::take(&mut self.counts[what as usize]) });
        }
        for topic in &self.subscribed {
            let peers = behaviour.mesh_peers(&IdentTopic::new(topic.to_string()).hash()).count();
            record(Fact::MeshDegree { peers: peers as u32 });
        }
    }
}

fn encode(msg: &Msg<Native>) -> Vec<u8> {
    let Payload::Item(item) = &msg.payload else { unreachable!("only items are published") };
    peerlab_scenarios::wire::Frame {
        kind: msg.kind,
        hops: msg.hops,
        workload: msg.workload,
        body: peerlab_scenarios::wire::Body::Item((**item).clone()),
    }
    .encode()
}

/// The machine that stands for gossipsub among a peer's machines.
#[derive(Debug)]
pub(super) struct Pubsub {
    named: Arc<AtomicU64>,
    first: u64,
    tainted: u64,
}

impl Pubsub {
    pub(super) const fn new(named: Arc<AtomicU64>) -> Self {
        Self { named, first: 0, tainted: 0 }
    }
}

impl Machine<Native> for Pubsub {
    fn step(&mut self, cx: &mut Cx<'_, Native>, input: Input<Native>) {
        let Input::Message {
            from,
            msg: Msg { kind: Kind::PubsubPublish, payload: Payload::Item(item), .. },
            ..
        } = input
        else {
            return;
        };
        if item.tainted {
            self.tainted += 1;
        } else {
            self.first += 1;
            cx.deliver(from, UNKNOWN_HOPS, item);
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        let came = self.named.swap(0, Ordering::Relaxed);
        let (first, tainted) = (std::mem::take(&mut self.first), std::mem::take(&mut self.tainted));
        record(Fact::Copies { first, duplicate: came.saturating_sub(first + tainted), tainted });
    }

    fn digest(&self) -> u64 {
        mix(self.first, self.tainted, 0)
    }
}

impl Overlay<Native> for Pubsub {
    fn links(&self) -> Links {
        Links::Planned
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Native>, topic: Topic, wanted: bool) {
        cx.host_mut().pubsub.push(PubsubOrder::Subscribe(topic, wanted));
    }

    fn publish(&mut self, cx: &mut Cx<'_, Native>, item: Arc<Item>) {
        cx.host_mut().pubsub.push(PubsubOrder::Publish(item));
    }

    fn lives_on(&self, _: Peer) -> bool {
        // Only libp2p knows whom it has in a mesh: who carries out that a role hangs up asks it.
        false
    }
}

/// The topic of a message of libp2p, to be held against that of its item.
pub(super) fn is_of(topic: &gossipsub::TopicHash, item: &Item) -> bool {
    topic.as_str() == IdentTopic::new(item.published_under().to_string()).hash().as_str()
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{
        host::Host as _,
        plan::identity::keypair,
        seed::Seed,
        spec::read::read,
        units::Nanos,
        wire::{Blob, Content, ItemId},
    };

    use super::*;

    /// The parameters of a scenario that was read without a fault.
    fn admitted(params: &str) -> Params {
        let yaml = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: a}}\nspec:\n  duration: 1m\n  \
             groups: [{{name: all, peers: 9}}]\n  topology: {{ring: {{}}}}\n  overlay: {{gossipsub: {params}}}\n  \
             workloads: [{{name: room, chat: {{}}}}]\n"
        );
        let scenario = read("a.yaml", yaml.as_bytes()).unwrap_or_else(|wrong| panic!("{params}: {wrong}"));
        match scenario.spec.overlay {
            spec::Overlay::Gossipsub(params) => *params,
            other => panic!("{params}: {other:?}"),
        }
    }

    #[test]
    fn what_waits_for_somebody_to_subscribe_is_bounded() {
        let keys = keypair(Seed(1), Peer(0));
        let named = Arc::default();
        let mut behaviour = behaviour(&admitted("{}"), &keys, Arc::clone(&named)).unwrap();
        let mut publisher = Publisher { named, ..Publisher::default() };
        let mut native = Native::new(Peer(0), keys);
        for number in 0..MOST_EARLY as u32 + 3 {
            let item =
                Item::new(ItemId::new(0, Peer(0), number), 0, Nanos::ZERO, Content::Raw(Blob::Sized(8)));
            publisher.carry_out(&mut behaviour, PubsubOrder::Publish(native.make_item(item)));
        }
        assert_eq!(publisher.early.len(), MOST_EARLY);
        assert_eq!(publisher.early[0].id.number(), 3, "the oldest give way");
        assert_eq!(publisher.counts[PubsubCount::Dropped as usize], 3);
    }

    #[test]
    fn what_the_language_admits_at_its_edges_libp2p_has() {
        for params in [
            "{}",
            "{authenticity: signed}",
            "{meshN: 1, meshNLow: 0, meshNHigh: 1, meshOutboundMin: 0}",
            "{meshN: 4, meshNLow: 2, meshNHigh: 4, meshOutboundMin: 2}",
            "{historyLength: 1, historyGossip: 1, gossipFactor: 0%, gossipLazy: 0}",
            "{unsubscribeBackoff: 1ms, maxTransmitSize: 0B, maxControlMessageSize: 0B}",
            "{score: {}}",
            "{score: {gossipThreshold: 0, publishThreshold: 0, graylistThreshold: 0, opportunisticGraftThreshold: 0}}",
            "{score: {topicScoreCap: 0, ipColocationFactorThreshold: 1, behaviourPenaltyThreshold: 0, decayInterval: 1s}}",
            "{score: {decayToZero: 0.999, behaviourPenaltyDecay: 0.001, slowPeerDecay: 0.999, slowPeerThreshold: 0}}",
            "{score: {topic: {topicWeight: 0, timeInMeshQuantum: 1ns, timeInMeshCap: 0.001}}}",
            "{score: {topic: {timeInMeshWeight: 0, timeInMeshCap: 0}}}",
            "{score: {topic: {firstMessageDeliveriesWeight: 0, firstMessageDeliveriesCap: 0}}}",
            "{score: {topic: {meshMessageDeliveriesWeight: 0, meshMessageDeliveriesCap: 0, meshMessageDeliveriesThreshold: 0}}}",
            "{score: {topic: {meshMessageDeliveriesThreshold: 0.001, meshMessageDeliveriesActivation: 1s}}}",
            "{score: {topic: {meshFailurePenaltyWeight: 0, invalidMessageDeliveriesWeight: 0}}}",
        ] {
            let read = admitted(params);
            let mut behaviour = behaviour(&read, &Keypair::generate_ed25519(), Arc::default())
                .unwrap_or_else(|why| panic!("{params}: {why}"));
            if let Some(score) = &read.score {
                behaviour
                    .set_topic_params(IdentTopic::new("any"), topic_scores(&score.topic))
                    .unwrap_or_else(|why| panic!("{params}: {why}"));
            }
        }
    }
}
