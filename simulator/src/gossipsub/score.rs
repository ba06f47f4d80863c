//! How peers keep score of one another: libp2p's `PeerScore`.
//!
//! The score of a peer is the sum over topics of time in the mesh (P1), items brought first (P2), items that it should have
//! brought (P3, P3b) and falsified ones (P4), up to a cap, and of peers that share its address (P6), its behaviour (P7) and
//! its slowness. What an application would add (P5) is always 0 here.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
};

use peerlab_scenarios::{
    host::Peer,
    spec::overlay::{Score as Params, TopicScore},
    units::Nanos,
    wire::Topic,
};

use crate::engine::store::ItemRef;

/// How long it is remembered who brought an item (`TIME_CACHE_DURATION`).
const REMEMBERED: Nanos = Nanos::from_secs(120);

/// What counts for or against a peer in one topic.
#[derive(Clone, Debug, Default)]
struct InTopic {
    /// Since when it is in the mesh.
    grafted: Option<Nanos>,
    in_mesh: Nanos,
    first_deliveries: f64,
    /// Whether it is in the mesh for long enough that deliveries are expected.
    expected: bool,
    mesh_deliveries: f64,
    mesh_failures: f64,
    invalid: f64,
}

/// What counts for or against a peer.
#[derive(Clone, Debug, Default)]
struct Stats {
    /// Until when it is remembered, of a peer whose connection ended.
    gone: Option<Nanos>,
    topics: BTreeMap<Topic, InTopic>,
    behaviour: f64,
    slow: f64,
    /// The site whose address it has.
    address: Option<u32>,
}

/// Who brought an item besides the first.
#[derive(Debug, Default)]
struct Delivery {
    /// When the first copy came from another; none for this peer's own.
    first: Option<Nanos>,
    by: Vec<Peer>,
}

/// The scores of all peers that are or were connected.
#[derive(Debug)]
pub(super) struct Scores {
    params: Arc<Params>,
    peers: BTreeMap<Peer, Stats>,
    /// Connected peers of each site.
    addresses: BTreeMap<u32, u32>,
    deliveries: BTreeMap<ItemRef, Delivery>,
    /// When each is forgotten, in order.
    forgotten: VecDeque<(Nanos, ItemRef)>,
}

impl Scores {
    pub(super) fn new(params: Arc<Params>) -> Self {
        Self {
            params,
            peers: BTreeMap::new(),
            addresses: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            forgotten: VecDeque::new(),
        }
    }

    pub(super) fn params(&self) -> &Params {
        &self.params
    }

    /// The score of a peer; 0 for one that is not known.
    pub(super) fn of(&self, peer: Peer) -> f64 {
        let Some(stats) = self.peers.get(&peer) else { return 0.0 };
        let params = &*self.params;
        let in_topics: f64 = stats.topics.values().map(|it| it.score(&params.topic)).sum();
        let capped =
            if params.topic_score_cap > 0.0 { in_topics.min(params.topic_score_cap) } else { in_topics };
        let same = stats.address.and_then(|site| self.addresses.get(&site)).copied().unwrap_or_default();
        let crowd = (f64::from(same) - params.ip_colocation_factor_threshold).max(0.0);
        let behaviour = (stats.behaviour - params.behaviour_penalty_threshold).max(0.0);
        let slow = (stats.slow - params.slow_peer_threshold).max(0.0);
        capped
            + crowd * crowd * params.ip_colocation_factor_weight
            + behaviour * behaviour * params.behaviour_penalty_weight
            + slow * params.slow_peer_weight
    }

    /// A connection stands; `address` is the site whose address the peer has, if it shares one.
    pub(super) fn connected(&mut self, peer: Peer, address: Option<u32>) {
        let stats = self.peers.entry(peer).or_default();
        (stats.gone, stats.address) = (None, address);
        if let Some(site) = address {
            *self.addresses.entry(site).or_default() += 1;
        }
    }

    /// A connection ended. Good scores are forgotten, and others remembered for a while.
    pub(super) fn disconnected(&mut self, now: Nanos, peer: Peer) {
        let good = self.of(peer) > 0.0;
        let Some(stats) = self.peers.get_mut(&peer) else { return };
        if let Some(there) = stats.address.take().and_then(|site| self.addresses.get_mut(&site)) {
            *there -= 1;
        }
        if good {
            self.peers.remove(&peer);
            return;
        }
        for it in stats.topics.values_mut() {
            it.first_deliveries = 0.0;
            if it.grafted.is_some() {
                it.leaves_mesh(&self.params.topic);
            }
        }
        stats.gone = Some(now.saturating_add(self.params.retain_score));
    }

    fn in_topic(&mut self, peer: Peer, topic: Topic) -> Option<&mut InTopic> {
        self.peers.get_mut(&peer).map(|stats| stats.topics.entry(topic).or_default())
    }

    pub(super) fn graft(&mut self, now: Nanos, peer: Peer, topic: Topic) {
        if let Some(it) = self.in_topic(peer, topic) {
            (it.grafted, it.in_mesh, it.expected) = (Some(now), Nanos::ZERO, false);
        }
    }

    pub(super) fn prune(&mut self, peer: Peer, topic: Topic) {
        let params = Arc::clone(&self.params);
        if let Some(it) = self.in_topic(peer, topic) {
            it.leaves_mesh(&params.topic);
        }
    }

    /// Holds something against a peer's behaviour.
    pub(super) fn misbehaved(&mut self, peer: Peer) {
        if let Some(stats) = self.peers.get_mut(&peer) {
            stats.behaviour += 1.0;
        }
    }

    /// A peer did not take a message in time.
    pub(super) fn was_slow(&mut self, peer: Peer) {
        if let Some(stats) = self.peers.get_mut(&peer) {
            stats.slow += 1.0;
        }
    }

    /// A peer sent a falsified item.
    pub(super) fn sent_invalid(&mut self, peer: Peer, topic: Topic) {
        if let Some(it) = self.in_topic(peer, topic) {
            it.invalid += 1.0;
        }
    }

    fn delivery(&mut self, now: Nanos, item: ItemRef) -> &mut Delivery {
        while let Some(&(at, old)) = self.forgotten.front()
            && at <= now
        {
            self.forgotten.pop_front();
            self.deliveries.remove(&old);
        }
        let forgotten = &mut self.forgotten;
        self.deliveries.entry(item).or_insert_with(|| {
            forgotten.push_back((now.saturating_add(REMEMBERED), item));
            Delivery::default()
        })
    }

    /// A peer brought an item that was not known.
    pub(super) fn brought_first(&mut self, now: Nanos, peer: Peer, topic: Topic, item: ItemRef) {
        self.delivery(now, item).first = Some(now);
        let params = Arc::clone(&self.params);
        if let Some(it) = self.in_topic(peer, topic) {
            it.first_deliveries = (it.first_deliveries + 1.0).min(params.topic.first_message_deliveries_cap);
            it.brought_in_time(&params.topic);
        }
    }

    /// A peer brought an item that was known. It counts if it was hardly later than the first.
    pub(super) fn brought_again(&mut self, now: Nanos, peer: Peer, topic: Topic, item: ItemRef) {
        let delivery = self.delivery(now, item);
        if delivery.by.contains(&peer) {
            return;
        }
        delivery.by.push(peer);
        let Some(first) = delivery.first else { return };
        let params = Arc::clone(&self.params);
        if now.saturating_sub(first) <= params.topic.mesh_message_deliveries_window
            && let Some(it) = self.in_topic(peer, topic)
        {
            it.brought_in_time(&params.topic);
        }
    }

    /// Counters decay, and peers that are gone for long enough are forgotten.
    pub(super) fn refresh(&mut self, now: Nanos) {
        let params = &*self.params;
        let decayed = |value: &mut f64, factor: f64| {
            *value *= factor;
            if *value < params.decay_to_zero {
                *value = 0.0;
            }
        };
        self.peers.retain(|_, stats| {
            if let Some(until) = stats.gone {
                // What is remembered of a peer that is gone does not decay: it cannot be shed by coming back.
                return now <= until;
            }
            for it in stats.topics.values_mut() {
                decayed(&mut it.first_deliveries, params.topic.first_message_deliveries_decay);
                decayed(&mut it.mesh_deliveries, params.topic.mesh_message_deliveries_decay);
                decayed(&mut it.mesh_failures, params.topic.mesh_failure_penalty_decay);
                decayed(&mut it.invalid, params.topic.invalid_message_deliveries_decay);
                if let Some(since) = it.grafted {
                    it.in_mesh = now.saturating_sub(since);
                    it.expected |= it.in_mesh > params.topic.mesh_message_deliveries_activation;
                }
            }
            decayed(&mut stats.behaviour, params.behaviour_penalty_decay);
            decayed(&mut stats.slow, params.slow_peer_decay);
            true
        });
    }
}

impl InTopic {
    fn score(&self, params: &TopicScore) -> f64 {
        let mut score = 0.0;
        if self.grafted.is_some() {
            let quanta = self.in_mesh.as_secs_f64() / params.time_in_mesh_quantum.as_secs_f64();
            score += quanta.min(params.time_in_mesh_cap) * params.time_in_mesh_weight;
        }
        score += self.first_deliveries.min(params.first_message_deliveries_cap)
            * params.first_message_deliveries_weight;
        let deficit = self.deficit(params);
        score += deficit * deficit * params.mesh_message_deliveries_weight;
        score += self.mesh_failures * params.mesh_failure_penalty_weight;
        score += self.invalid * self.invalid * params.invalid_message_deliveries_weight;
        score * params.topic_weight
    }

    /// How many items it failed to bring, of those that were expected.
    fn deficit(&self, params: &TopicScore) -> f64 {
        if self.expected {
            (params.mesh_message_deliveries_threshold - self.mesh_deliveries).max(0.0)
        } else {
            0.0
        }
    }

    fn leaves_mesh(&mut self, params: &TopicScore) {
        let deficit = self.deficit(params);
        self.mesh_failures += deficit * deficit;
        (self.grafted, self.expected) = (None, false);
    }

    fn brought_in_time(&mut self, params: &TopicScore) {
        if self.grafted.is_some() {
            self.mesh_deliveries = (self.mesh_deliveries + 1.0).min(params.mesh_message_deliveries_cap);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer(1);
    const TOPIC: Topic = Topic { workload: 0, number: 0 };

    fn secs(seconds: u64) -> Nanos {
        Nanos::from_secs(seconds)
    }

    /// Scores of a peer that is connected, by libp2p's defaults but for what the test changes.
    fn scores(change: impl FnOnce(&mut Params)) -> Scores {
        let mut params = Params::default();
        change(&mut params);
        let mut scores = Scores::new(Arc::new(params));
        scores.connected(PEER, None);
        scores
    }

    /// The parts by themselves, with weights as libp2p's own tests of them choose them.
    #[test]
    fn time_in_the_mesh_counts_up_to_its_cap() {
        let mut scores = scores(|params| {
            params.topic.time_in_mesh_quantum = secs(1);
            params.topic.time_in_mesh_cap = 10.0;
            params.topic.mesh_message_deliveries_weight = 0.0;
        });
        scores.graft(secs(0), PEER, TOPIC);
        scores.refresh(secs(4));
        assert_eq!(scores.of(PEER), 2.0);
        scores.refresh(secs(40));
        assert_eq!(scores.of(PEER), 5.0);
    }

    #[test]
    fn first_deliveries_count_and_decay() {
        let mut scores = scores(|_| ());
        for number in 0..100 {
            scores.brought_first(secs(1), PEER, TOPIC, ItemRef::test(number));
        }
        assert_eq!(scores.of(PEER), 50.0);
        scores.refresh(secs(2));
        assert_eq!(scores.of(PEER), 25.0);
        for second in 3..20 {
            scores.refresh(secs(second));
        }
        assert_eq!(scores.of(PEER), 0.0, "below `decayToZero` it is nothing");
    }

    #[test]
    fn a_peer_of_the_mesh_that_brings_too_little_is_punished_and_keeps_the_stain_when_it_leaves() {
        let mut scores = scores(|params| {
            params.topic.time_in_mesh_weight = 0.0;
            params.topic.first_message_deliveries_weight = 0.0;
            params.topic.mesh_message_deliveries_threshold = 3.0;
            params.topic.mesh_message_deliveries_decay = 0.99;
        });
        scores.graft(secs(0), PEER, TOPIC);
        scores.refresh(secs(5));
        assert_eq!(scores.of(PEER), 0.0, "it is in the mesh for too short a time");
        scores.refresh(secs(6));
        assert_eq!(scores.of(PEER), -4.5);
        scores.brought_first(secs(6), PEER, TOPIC, ItemRef::test(1));
        let late = secs(6).saturating_add(Nanos::from_millis(11));
        scores.brought_first(secs(6), Peer(9), TOPIC, ItemRef::test(2));
        scores.brought_again(secs(6), PEER, TOPIC, ItemRef::test(2));
        scores.brought_again(secs(6), PEER, TOPIC, ItemRef::test(2));
        scores.brought_first(secs(6), Peer(9), TOPIC, ItemRef::test(3));
        scores.brought_again(late, PEER, TOPIC, ItemRef::test(3));
        assert_eq!(scores.of(PEER), -0.5, "two were in time, one was told twice, and one was late");
        scores.prune(PEER, TOPIC);
        assert_eq!(scores.of(PEER), -0.5, "what it failed to bring sticks to it");
        scores.refresh(secs(7));
        assert_eq!(scores.of(PEER), -0.25);
    }

    #[test]
    fn falsified_items_weigh_by_their_square() {
        let mut scores = scores(|_| ());
        (0..4).for_each(|_| scores.sent_invalid(PEER, TOPIC));
        assert_eq!(scores.of(PEER), -8.0);
    }

    #[test]
    fn peers_of_one_address_weigh_beyond_their_threshold() {
        let mut scores = scores(|params| params.ip_colocation_factor_threshold = 2.0);
        for peer in 10..14 {
            scores.connected(Peer(peer), Some(7));
        }
        assert_eq!((scores.of(Peer(10)), scores.of(PEER)), (-20.0, 0.0));
        scores.disconnected(secs(1), Peer(13));
        assert_eq!(scores.of(Peer(10)), -5.0);
    }

    #[test]
    fn misbehaviour_and_slowness_decay_but_not_while_a_peer_is_gone() {
        let mut scores = scores(|_| ());
        (0..2).for_each(|_| scores.misbehaved(PEER));
        scores.was_slow(PEER);
        assert_eq!(scores.of(PEER), -40.2);
        scores.disconnected(secs(1), PEER);
        scores.refresh(secs(2));
        scores.connected(PEER, None);
        assert_eq!(scores.of(PEER), -40.2);
        scores.refresh(secs(3));
        assert!((scores.of(PEER) - (-1.6 - 0.04)).abs() < 1e-9);
        scores.disconnected(secs(3), PEER);
        scores.refresh(secs(3604));
        assert_eq!(scores.of(PEER), 0.0, "after an hour it is forgotten");
    }
}
