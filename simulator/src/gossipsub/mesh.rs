//! Subscriptions, and who is in whose mesh.

use peerlab_scenarios::{
    host::{Cx, Peer},
    report::PubsubCount,
    units::Nanos,
    wire::Topic,
};

use super::{Gossipsub, roster::Number};
use crate::engine::{rpc::Rpc, store::Store};

/// Topics that a neighbour may subscribe to, and subscriptions in one message (`MaxCountSubscriptionFilter`).
const MOST_TOPICS: usize = 100;

/// The longest backoff that a peer may ask for, s (`MAX_REMOTE_PRUNE_BACKOFF_SECONDS`).
const LONGEST_BACKOFF: u64 = 3600;

impl Gossipsub {
    /// Whether a peer may be taken into a mesh by this side.
    pub(super) fn is_candidate(&self, topic: Topic, peer: Peer) -> bool {
        self.score(peer) >= 0.0 && !self.backoffs.refrains(topic, peer)
    }

    /// Takes a peer into the mesh, and tells it.
    pub(super) fn graft(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, peer: Peer) {
        self.take_in(cx.now, topic, peer);
        self.send(cx, peer, Rpc::Graft(topic));
    }

    fn take_in(&mut self, now: Nanos, topic: Topic, peer: Peer) {
        if let Some(state) = self.topics.get_mut(topic) {
            state.choose(peer, true);
        }
        self.counts.add(PubsubCount::Grafted, 1);
        if let Some(scores) = &mut self.scores {
            scores.graft(now, peer, topic);
        }
    }

    /// Tells a peer that it is not in the mesh, and keeps it out for a while. Puts it out if it was in.
    pub(super) fn prune(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, peer: Peer, backoff: Nanos) {
        if let Some(state) = self.topics.get_mut(topic) {
            state.choose(peer, false);
        }
        self.counts.add(PubsubCount::Pruned, 1);
        if let Some(scores) = &mut self.scores {
            scores.prune(peer, topic);
        }
        self.backoffs.extend(topic, peer, cx.now.saturating_add(backoff));
        self.send(cx, peer, Rpc::Prune(topic, backoff.0 / Nanos::from_secs(1).0));
    }

    /// Subscribes: tells all neighbours, and takes some of those who subscribe into the mesh, those of the fanout first.
    pub(super) fn join(&mut self, cx: &mut Cx<'_, Store>, topic: Topic) {
        let state = self.topics.entry(topic);
        if std::mem::replace(&mut state.subscribed, true) {
            return;
        }
        state.published = None;
        let fanout: Vec<Peer> = state.chosen().collect();
        fanout.iter().for_each(|peer| {
            state.choose(*peer, false);
        });
        let others: Vec<Peer> = state.others().collect();
        for peer in self.neighbours.peers() {
            self.send(cx, peer, Rpc::Subscriptions(vec![(topic, true)]));
        }
        let wanted = self.fleet.params.mesh_n.size();
        let mut taken: Vec<Peer> =
            fanout.into_iter().filter(|&peer| self.is_candidate(topic, peer)).collect();
        taken.truncate(wanted);
        let fits = |peer: &Peer| !taken.contains(peer) && self.is_candidate(topic, *peer);
        let candidates: Vec<Peer> = others.into_iter().filter(fits).collect();
        taken.extend(cx.rng().sample(&candidates, wanted - taken.len()));
        for peer in taken {
            self.graft(cx, topic, peer);
        }
    }

    /// Unsubscribes: tells all neighbours, and prunes those of the mesh.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_, Store>, topic: Topic) {
        let Some(state) = self.topics.get_mut(topic).filter(|state| state.subscribed) else { return };
        state.subscribed = false;
        let mesh: Vec<Peer> = state.chosen().collect();
        for peer in self.neighbours.peers() {
            self.send(cx, peer, Rpc::Subscriptions(vec![(topic, false)]));
        }
        let backoff = self.fleet.params.unsubscribe_backoff;
        for peer in mesh {
            self.prune(cx, topic, peer, backoff);
        }
    }

    pub(super) fn on_subscriptions(
        &mut self,
        cx: &mut Cx<'_, Store>,
        from: Peer,
        number: Number,
        subscriptions: &[(Topic, bool)],
    ) {
        if self.is_too_much(from, subscriptions) {
            return;
        }
        for &(topic, wanted) in subscriptions {
            if !wanted {
                if self.topics.remove(topic, from) {
                    self.put_out(cx.now, topic, from, self.fleet.params.prune_backoff);
                }
                continue;
            }
            self.topics.add(topic, from, number);
            let low = self.fleet.params.mesh_n_low.size();
            let wants_more = |state: &super::topics::TopicState| state.subscribed && state.degree() < low;
            if self.topics.get(topic).is_some_and(wants_more) && self.is_candidate(topic, from) {
                self.graft(cx, topic, from);
            }
            self.publish_early(cx, topic);
        }
    }

    /// Whether a neighbour subscribes to more than libp2p's filter lets pass.
    fn is_too_much(&self, from: Peer, subscriptions: &[(Topic, bool)]) -> bool {
        let known = |topic| self.topics.is_subscriber(topic, from);
        let new = subscriptions.iter().filter(|(topic, wanted)| *wanted && !known(*topic)).count();
        let over = subscriptions.iter().filter(|(topic, wanted)| !*wanted && known(*topic)).count();
        subscriptions.len() > MOST_TOPICS || (new > 0 && self.topics.of(from) + new > MOST_TOPICS + over)
    }

    /// A peer has left the mesh by its own wish, and is not taken back for a while.
    fn put_out(&mut self, now: Nanos, topic: Topic, peer: Peer, backoff: Nanos) {
        if let Some(scores) = &mut self.scores {
            scores.prune(peer, topic);
        }
        self.backoffs.extend(topic, peer, now.saturating_add(backoff));
    }

    /// A peer has taken this one into its mesh, which is to be mutual.
    pub(super) fn on_graft(&mut self, cx: &mut Cx<'_, Store>, from: Peer, topic: Topic) {
        let Some(state) = self.topics.get(topic).filter(|state| state.subscribed) else { return };
        if state.is_chosen(from) {
            return;
        }
        let (degree, is_member) = (state.degree(), state.is_member(from));
        let backoff = self.fleet.params.prune_backoff;
        if let Some(until) = self.backoffs.until(topic, from).filter(|until| *until > cx.now) {
            self.came_too_soon(from, until.saturating_sub(cx.now));
            return self.prune(cx, topic, from, backoff);
        }
        if self.score(from) < 0.0 {
            return self.prune(cx, topic, from, backoff);
        }
        if !is_member {
            return;
        }
        if degree >= self.fleet.params.mesh_n_high.size() && !self.neighbours.is_outbound(from) {
            return self.prune(cx, topic, from, backoff);
        }
        self.take_in(cx.now, topic, from);
    }

    /// A peer wants back into the mesh though its backoff is not over: held against it, and twice when it is far from over.
    fn came_too_soon(&mut self, peer: Peer, remains: Nanos) {
        let params = &self.fleet.params;
        let Some(scores) = &mut self.scores else { return };
        scores.misbehaved(peer);
        let flood = params.prune_backoff.0.checked_sub(params.graft_flood_threshold.0);
        if flood.is_none_or(|flood| remains.0 > flood) {
            scores.misbehaved(peer);
        }
    }

    pub(super) fn on_prune(&mut self, cx: &Cx<'_, Store>, from: Peer, topic: Topic, backoff: u64) {
        let Some(state) = self.topics.get_mut(topic).filter(|state| state.subscribed) else { return };
        let was_in = state.choose(from, false);
        if was_in && let Some(scores) = &mut self.scores {
            scores.prune(from, topic);
        }
        let until = cx.now.saturating_add(Nanos::from_secs(backoff.min(LONGEST_BACKOFF)));
        self.backoffs.extend(topic, from, until);
    }
}
