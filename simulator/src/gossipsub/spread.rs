//! Items, and word of them.

use std::collections::VecDeque;

use peerlab_scenarios::{
    host::{Cx, Host as _, Peer},
    report::PubsubCount,
    spec::overlay::Authenticity,
    units::Nanos,
    wire::Topic,
};

use super::{
    Gossipsub,
    queue::Outgoing,
    roster::Number,
    topics::{Member, TopicState},
};
use crate::engine::{
    prefetch,
    rpc::Rpc,
    store::{ItemRef, NoteRef, Store},
};

/// Items that wait for somebody to subscribe, at most.
const MOST_EARLY: usize = 1000;

impl Gossipsub {
    /// Publishes an item of this peer's own.
    pub(super) fn publish_own(&mut self, cx: &mut Cx<'_, Store>, item: ItemRef) {
        let content = cx.item(&item);
        let (topic, len) = (content.published_under(), content.encoded_len());
        if u64::from(len) > self.fleet.params.max_transmit_size.0 {
            return self.counts.add(PubsubCount::Refused, 1);
        }
        let recipients = self.recipients(cx, topic);
        if recipients.is_empty() {
            self.early.push_back(item);
            if self.early.len() > MOST_EARLY {
                self.early.pop_front();
                self.counts.add(PubsubCount::Dropped, 1);
            }
            return;
        }
        self.known.meet(cx.now, item);
        self.cache.put(item, 0);
        self.promises.kept(item);
        let spares = self.fleet.params.idontwant_on_publish && self.is_worth_sparing(cx, item);
        let until = cx.now.saturating_add(self.fleet.params.publish_queue_duration);
        for peer in recipients {
            if spares {
                self.send(cx, peer, Rpc::IDontWant(item));
            }
            self.write(cx, peer, Outgoing::Item { item, hops: 1, until });
        }
    }

    /// Publishes what waited for somebody to subscribe to a topic.
    pub(super) fn publish_early(&mut self, cx: &mut Cx<'_, Store>, topic: Topic) {
        if self.early.is_empty() {
            return;
        }
        let early = std::mem::take(&mut self.early);
        let (due, later): (VecDeque<_>, _) =
            early.into_iter().partition(|item| cx.item(item).published_under() == topic);
        self.early = later;
        for item in due {
            self.publish_own(cx, item);
        }
    }

    /// To whom an item of this peer's own is sent: all who subscribe, or the mesh, or the fanout.
    fn recipients(&mut self, cx: &mut Cx<'_, Store>, topic: Topic) -> Vec<Peer> {
        let Some(state) = self.topics.get(topic) else { return Vec::new() };
        let candidates = state.members.iter().copied().filter(|member| self.publishes_to(member.peer));
        if self.fleet.params.flood_publish {
            return candidates.map(|member| member.peer).collect();
        }
        let subscribed = state.subscribed;
        let (chosen, others): (Vec<Member>, Vec<Member>) = candidates.partition(|member| member.is_chosen());
        let mut recipients: Vec<Peer> = chosen.iter().map(|member| member.peer).collect();
        let others: Vec<Peer> = others.iter().map(|member| member.peer).collect();
        let lacks = self.fleet.params.mesh_n.size().saturating_sub(recipients.len());
        let extras = cx.rng().sample(&others, lacks);
        if !subscribed && let Some(state) = self.topics.get_mut(topic) {
            if lacks > 0 {
                // As libp2p does it, the new peers replace those of the fanout instead of joining them.
                recipients.iter().for_each(|peer| {
                    state.choose(*peer, false);
                });
                extras.iter().for_each(|peer| {
                    state.choose(*peer, true);
                });
            }
            state.published = Some(cx.now);
        }
        recipients.extend(extras);
        recipients
    }

    /// Whether an item is so long that others are told not to send it.
    #[inline]
    fn is_worth_sparing(&self, cx: &Cx<'_, Store>, item: ItemRef) -> bool {
        let len = cx.host().envelope().message(cx.item(&item));
        u64::from(len) > self.fleet.params.idontwant_message_size_threshold.0
    }

    /// The author that an item names: libp2p never sends it back to that one.
    #[inline]
    fn named_author(&self, cx: &Cx<'_, Store>, item: ItemRef) -> Option<Peer> {
        (self.fleet.params.authenticity == Authenticity::Signed).then(|| cx.host().item(&item).author())
    }

    /// An item came.
    #[inline]
    pub(super) fn on_publish(&mut self, cx: &mut Cx<'_, Store>, from: Peer, hops: u8, item: ItemRef) {
        let content = cx.item(&item);
        let (topic, tainted) = (content.published_under(), content.tainted);
        if tainted {
            self.counts.tainted += 1;
            if let Some(scores) = &mut self.scores {
                scores.sent_invalid(from, topic);
            }
            return;
        }
        if !self.known.meet(cx.now, item) {
            self.counts.duplicate += 1;
            if let Some(scores) = &mut self.scores {
                scores.brought_again(cx.now, from, topic, item);
            }
            return;
        }
        self.prefetch_rest();
        self.counts.first += 1;
        if self.is_worth_sparing(cx, item) {
            self.spare(cx, from, topic, item);
        }
        self.promises.kept(item);
        self.cache.put(item, hops);
        if !self.topics.get(topic).is_some_and(|state| state.subscribed) {
            return;
        }
        if let Some(scores) = &mut self.scores {
            scores.brought_first(cx.now, from, topic, item);
        }
        self.forward(cx, from, topic, hops, item);
        cx.deliver(from, hops, item);
    }

    /// Asks for the memory that only an item touches that is new.
    #[inline]
    fn prefetch_rest(&self) {
        prefetch::line(&self.topics);
        prefetch::line(&self.cache);
        self.neighbours.prefetch_rest();
    }

    /// Tells the others of the mesh, and those who were asked for it, not to send an item that has come.
    fn spare(&mut self, cx: &mut Cx<'_, Store>, from: Peer, topic: Topic, item: ItemRef) {
        let author = self.named_author(cx, item);
        let Self { topics, neighbours, promises, counts, .. } = self;
        let mesh = topics.get(topic).filter(|state| state.subscribed);
        let mesh = mesh.into_iter().flat_map(TopicState::chosen);
        let is_told = |peer: &Peer| *peer != from && Some(*peer) != author;
        let rpc = Rpc::IDontWant(item);
        if !promises.contains(item) {
            return neighbours.write_to_all(cx, counts, mesh.filter(is_told), &rpc);
        }
        let mut told: Vec<Peer> = mesh.collect();
        told.extend(promises.of(item).filter(|peer| neighbours.contains(*peer)));
        told.retain(is_told);
        told.sort_unstable();
        told.dedup();
        neighbours.write_to_all(cx, counts, told, &rpc);
    }

    /// Passes an item on to the mesh.
    #[inline]
    fn forward(&mut self, cx: &mut Cx<'_, Store>, from: Peer, topic: Topic, hops: u8, item: ItemRef) {
        let author = self.named_author(cx, item);
        let until = cx.now.saturating_add(self.fleet.params.forward_queue_duration);
        let Self { topics, neighbours, known, counts, .. } = self;
        let Some(state) = topics.get(topic) else { return };
        let unwanted = known.unwanted(item);
        for member in state.chosen_members() {
            if member.peer == from || Some(member.peer) == author {
                continue;
            }
            if unwanted.by(member.number()) {
                counts.add(PubsubCount::Spared, 1);
                continue;
            }
            let out = Outgoing::Item { item, hops: hops.saturating_add(1), until };
            neighbours.write(cx, counts, member.peer, out);
        }
    }

    /// The neighbour of this number does not want an item.
    #[inline]
    pub(super) fn on_dont_want(&mut self, now: Nanos, host: &Store, by: Number, item: ItemRef) {
        // By content: numbers of items differ with the number of threads.
        let rank = |item| {
            let item = host.numbered(item);
            (item.at, item.id)
        };
        self.known.call_off(now, item, by, rank);
        let removed = self.neighbours.call_off(by, item);
        if removed > 0 {
            self.counts.add(PubsubCount::Spared, removed);
        }
    }

    /// A peer, the neighbour of this number, says which items it has: those that this one lacks are asked for.
    pub(super) fn on_have(
        &mut self,
        cx: &mut Cx<'_, Store>,
        from: Peer,
        number: Number,
        topic: Topic,
        note: NoteRef,
    ) {
        if !self.gossips_with(from) {
            return;
        }
        let params = &self.fleet.params;
        let neighbour = self.neighbours.at_mut(number);
        neighbour.announced += 1;
        let most = params.max_control_messages_sent.get();
        if neighbour.announced > params.max_ihave_messages_heartbeat.get() || neighbour.asked >= most {
            return;
        }
        if !self.topics.get(topic).is_some_and(|state| state.subscribed) {
            return;
        }
        let Some(Rpc::IHave(_, had)) = cx.host().rpc(note) else { return };
        let lacks = |item: &ItemRef| !self.known.has_met(cx.now, *item) && !self.promises.contains(*item);
        let mut items: Vec<ItemRef> = had.iter().copied().filter(lacks).collect();
        if items.is_empty() {
            return;
        }
        cx.rng().shuffle(&mut items);
        items.truncate((most - neighbour.asked) as usize);
        neighbour.asked += items.len() as u32;
        let due = cx.now.saturating_add(params.iwant_followup_time);
        items.iter().for_each(|&item| self.promises.add(from, item, due));
        self.counts.add(PubsubCount::Asked, items.len() as u64);
        self.send(cx, from, Rpc::IWant(items));
    }

    /// A peer, the neighbour of this number, asks for items: it gets those that are still here, unless it asks too often.
    pub(super) fn on_want(&mut self, cx: &mut Cx<'_, Store>, from: Peer, number: Number, items: &[ItemRef]) {
        if !self.gossips_with(from) {
            return;
        }
        let until: Nanos = cx.now.saturating_add(self.fleet.params.forward_queue_duration);
        for &item in items {
            let Some((cached, asked)) = self.cache.ask(item, from) else { continue };
            if asked > self.fleet.params.gossip_retransmission.get() {
                continue;
            }
            if self.known.unwanted(item).by(number) {
                self.counts.add(PubsubCount::Spared, 1);
                continue;
            }
            let hops = cached.hops.saturating_add(1);
            self.write(cx, from, Outgoing::Item { item, hops, until });
        }
    }
}
