//! What is done at each heartbeat: meshes are kept up, and items announced.

use peerlab_scenarios::{
    host::{Cx, Peer},
    report::PubsubCount,
    units::Nanos,
    wire::Topic,
};

use super::{Gossipsub, HEARTBEAT, topics::TopicState};
use crate::engine::{
    rpc::Rpc,
    store::{ItemRef, Store},
};

/// Changes of meshes that are made in one go and told at the end.
#[derive(Debug, Default)]
struct Changes {
    grafts: Vec<(Topic, Peer)>,
    prunes: Vec<(Topic, Peer)>,
}

impl Gossipsub {
    pub(super) fn heartbeat(&mut self, cx: &mut Cx<'_, Store>) {
        let interval = self.fleet.params.heartbeat_interval;
        self.ticks = self.ticks.wrapping_add(1);
        let slack = interval.0.saturating_mul(u64::from(self.fleet.params.backoff_slack.get()));
        self.backoffs.heartbeat(cx.now, Nanos(slack));
        self.hold_promises_against(cx);
        let changes = self.keep_up(cx);
        self.keep_fanout(cx);
        self.announce(cx);
        for (topic, peer) in changes.grafts {
            self.graft(cx, topic, peer);
        }
        for (topic, peer) in changes.prunes {
            self.prune(cx, topic, peer, self.fleet.params.prune_backoff);
        }
        self.cache.shift();
        self.known.heartbeat(cx.now);
        self.neighbours.heartbeat();
        cx.set_timer(HEARTBEAT, cx.now.saturating_add(interval));
    }

    fn hold_promises_against(&mut self, cx: &Cx<'_, Store>) {
        let broken = self.promises.broken(cx.now, self.scores.is_some());
        self.counts.add(PubsubCount::Broken, broken.len() as u64);
        if let Some(scores) = &mut self.scores {
            broken.into_iter().for_each(|peer| scores.misbehaved(peer));
        }
    }

    /// Brings every mesh within its bounds.
    fn keep_up(&mut self, cx: &mut Cx<'_, Store>) -> Changes {
        let mut changes = Changes::default();
        let topics: Vec<Topic> = self.topics.subscribed().map(|state| state.topic).collect();
        for topic in topics {
            self.drop_bad(topic, &mut changes);
            let params = &self.fleet.params;
            let [n, low, high] = [params.mesh_n.size(), params.mesh_n_low.size(), params.mesh_n_high.size()];
            let degree = self.topics.get(topic).map_or(0, TopicState::degree);
            if degree < low {
                self.take_random(cx, topic, n - degree, |_, _| true, &mut changes);
            }
            let degree = self.topics.get(topic).map_or(0, TopicState::degree);
            if degree >= high {
                self.drop_excess(cx, topic, degree - n, &mut changes);
            }
            self.keep_outbound(cx, topic, &mut changes);
            self.take_better(cx, topic, &mut changes);
        }
        changes
    }

    /// Puts out those with a negative score.
    fn drop_bad(&mut self, topic: Topic, changes: &mut Changes) {
        let Some(scores) = &self.scores else { return };
        let Some(state) = self.topics.get_mut(topic) else { return };
        let bad: Vec<Peer> = state.chosen().filter(|&peer| scores.of(peer) < 0.0).collect();
        for peer in bad {
            state.choose(peer, false);
            changes.prunes.push((topic, peer));
        }
    }

    /// Takes in so many random peers of those that fit.
    fn take_random(
        &mut self,
        cx: &mut Cx<'_, Store>,
        topic: Topic,
        count: usize,
        fits: impl Fn(&Self, Peer) -> bool,
        changes: &mut Changes,
    ) {
        let Some(state) = self.topics.get(topic) else { return };
        let candidates: Vec<Peer> =
            state.others().filter(|&peer| self.is_candidate(topic, peer) && fits(self, peer)).collect();
        for peer in cx.rng().sample(&candidates, count) {
            if let Some(state) = self.topics.get_mut(topic) {
                state.choose(peer, true);
            }
            changes.grafts.push((topic, peer));
        }
    }

    /// Puts out random peers of a mesh that is too large, but for the best ones and the last of those that this side
    /// dialled.
    fn drop_excess(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, excess: usize, changes: &mut Changes) {
        let Some(state) = self.topics.get(topic) else { return };
        let mut mesh: Vec<Peer> = state.chosen().collect();
        cx.rng().shuffle(&mut mesh);
        mesh.sort_by(|&a, &b| self.score(a).total_cmp(&self.score(b)));
        let retained = self.fleet.params.retain_scores.size().min(mesh.len());
        let others = mesh.len() - retained;
        cx.rng().shuffle(&mut mesh[..others]);
        let mut outbound = mesh.iter().filter(|&&peer| self.neighbours.is_outbound(peer)).count();
        let mut left = excess;
        for peer in mesh {
            if left == 0 {
                break;
            }
            if self.neighbours.is_outbound(peer) {
                if outbound <= self.fleet.params.mesh_outbound_min.size() {
                    continue;
                }
                outbound -= 1;
            }
            if let Some(state) = self.topics.get_mut(topic) {
                state.choose(peer, false);
            }
            changes.prunes.push((topic, peer));
            left -= 1;
        }
    }

    /// Takes in peers that this side dialled, if there are too few in a mesh that is otherwise large enough.
    fn keep_outbound(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, changes: &mut Changes) {
        let Some(state) = self.topics.get(topic) else { return };
        if state.degree() < self.fleet.params.mesh_n_low.size() {
            return;
        }
        let outbound = state.chosen().filter(|&peer| self.neighbours.is_outbound(peer)).count();
        let lacks = self.fleet.params.mesh_outbound_min.size().saturating_sub(outbound);
        if lacks > 0 {
            self.take_random(cx, topic, lacks, |it, peer| it.neighbours.is_outbound(peer), changes);
        }
    }

    /// Now and then, takes better peers into a mesh whose median score is low.
    fn take_better(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, changes: &mut Changes) {
        let params = &self.fleet.params;
        if !self.ticks.is_multiple_of(params.opportunistic_graft_ticks.get()) {
            return;
        }
        let (Some(scores), Some(state)) = (&self.scores, self.topics.get(topic)) else { return };
        let mut mesh: Vec<f64> = state.chosen().map(|peer| scores.of(peer)).collect();
        if mesh.len() < 2 {
            return;
        }
        mesh.sort_by(f64::total_cmp);
        let middle = mesh.len() / 2;
        let median =
            if mesh.len().is_multiple_of(2) { (mesh[middle - 1] + mesh[middle]) * 0.5 } else { mesh[middle] };
        if median < scores.params().opportunistic_graft_threshold {
            let count = params.opportunistic_graft_peers.size();
            self.take_random(cx, topic, count, |it, peer| it.score(peer) > median, changes);
        }
    }

    /// Forgets fanouts that were not used for a while, and fills up the others.
    fn keep_fanout(&mut self, cx: &mut Cx<'_, Store>) {
        let ttl = self.fleet.params.fanout_ttl;
        let mut used = Vec::new();
        for state in self.topics.iter_mut() {
            let Some(published) = state.published else { continue };
            if cx.now.saturating_sub(published) > ttl {
                state.published = None;
                state.choose_none();
            } else {
                used.push(state.topic);
            }
        }
        for topic in used {
            let Some(state) = self.topics.get(topic) else { continue };
            let (good, bad): (Vec<Peer>, Vec<Peer>) =
                state.chosen().partition(|&peer| self.publishes_to(peer));
            let candidates: Vec<Peer> = state.others().filter(|&peer| self.publishes_to(peer)).collect();
            let lacks = self.fleet.params.mesh_n.size().saturating_sub(good.len());
            let new = cx.rng().sample(&candidates, lacks);
            if let Some(state) = self.topics.get_mut(topic) {
                bad.into_iter().for_each(|peer| {
                    state.choose(peer, false);
                });
                new.into_iter().for_each(|peer| {
                    state.choose(peer, true);
                });
            }
        }
    }

    /// Tells peers outside of the mesh, or of the fanout, which items came of late.
    fn announce(&mut self, cx: &mut Cx<'_, Store>) {
        let params = &self.fleet.params;
        let recent: Vec<(Topic, ItemRef)> = self
            .cache
            .recent(params.history_gossip.size())
            .map(|item| (cx.item(&item).published_under(), item))
            .collect();
        if recent.is_empty() {
            return;
        }
        let (most, lazy) = (params.max_control_messages_sent.size(), params.gossip_lazy.size());
        let mut said = Vec::new();
        for state in self.topics.iter().filter(|state| state.subscribed || state.published.is_some()) {
            let of_topic = recent.iter().filter(|(topic, _)| *topic == state.topic);
            let mut items: Vec<ItemRef> = of_topic.map(|&(_, item)| item).collect();
            if items.is_empty() {
                continue;
            }
            cx.rng().shuffle(&mut items);
            let others: Vec<Peer> = state.others().filter(|&peer| self.gossips_with(peer)).collect();
            let count = lazy.max((params.gossip_factor.as_f64() * others.len() as f64) as usize);
            let chosen = cx.rng().sample(&others, count);
            if items.len() <= most {
                said.push((chosen, Rpc::IHave(state.topic, items)));
                continue;
            }
            for peer in chosen {
                // To each its own choice, so that more become known.
                cx.rng().shuffle(&mut items);
                said.push((vec![peer], Rpc::IHave(state.topic, items[..most].to_vec())));
            }
        }
        for (peers, rpc) in said {
            let Rpc::IHave(_, items) = &rpc else { continue };
            self.counts.add(PubsubCount::Announced, (items.len() * peers.len()) as u64);
            self.neighbours.write_to_all(cx, &mut self.counts, peers, &rpc);
        }
    }
}
