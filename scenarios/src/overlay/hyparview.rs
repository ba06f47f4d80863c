//! Who is whose neighbour, when the plan does not say: HyParView.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    host::{Cx, Host, Input, Lane, Msg, Payload, Peer, TimerKey, Why},
    seed::mix,
    spec::overlay::HyParView as Params,
    wire::{Kind, Note},
};

/// A peer joined or left the active view.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// It is a neighbour now.
    Up(Peer),
    /// It is a neighbour no more.
    Down(Peer),
}

/// What is to be done when a connection that was dialled stands.
#[derive(Debug)]
enum Errand {
    Join,
    Ask,
    Answer(Vec<Peer>),
}

#[derive(Clone, Copy, Debug)]
struct Asked {
    peer: Peer,
    /// Whether it may not refuse, and neither will this peer if it has found others meanwhile.
    urgent: bool,
}

/// A partial view of the network, kept by gossip (Leitão, Pereira and Rodrigues, "HyParView: a membership protocol for
/// reliable gossip-based broadcast", DSN 2007, <https://asc.di.fct.unl.pt/~jleitao/pdf/dsn07-leitao.pdf>).
///
/// The *active view* are a few peers that this one is connected with; it is symmetric once nothing is in flight. The
/// *passive view* are more peers that are only known. A new peer asks any peer that it knows to [`Kind::Join`], and random
/// walks ([`Kind::ForwardJoin`]) introduce it elsewhere. A neighbour that fails, which its connection tells, is replaced
/// from the passive view ([`Kind::Neighbour`]), and random exchanges ([`Kind::Shuffle`]) keep that view fresh.
///
/// Beyond the paper: whom a peer knew from the start is in its passive view, so that peers that all start at once do not
/// end up in islands; a peer that lacks neighbours looks for them each time it shuffles, not only when one fails; a peer
/// without any joins again; an answer that takes too long counts as a refusal; a walk's end asks with low priority, so
/// that a new peer is not made to drop the neighbours it just got. And neighbours of whom nothing was heard any more are
/// dialled again, one each shuffle, and taken back with high priority: nothing else would join the halves of a network
/// that was cut for longer than connections last, for all their active views are full. For a like reason a peer that
/// lacks two neighbours or more when it shuffles joins anew: the full views around a small island would refuse it for
/// ever. (One that lacks a single neighbour would only pass the lack on.)
///
/// That the network is connected is a matter of probability, as in the paper: a small network whose known peers fall into
/// two dense groups may end with full views on both sides and no neighbours across.
///
/// It carries no items, so it is no overlay by itself: [`Plumtree`](super::Plumtree) runs over it.
#[derive(Debug)]
pub struct HyParView {
    params: Params,
    active: Vec<Peer>,
    passive: Vec<Peer>,
    connected: Vec<Peer>,
    /// Who is being dialled, and what for.
    errands: BTreeMap<Peer, Errand>,
    /// Who was asked to become a neighbour and has not answered.
    asked: Option<Asked>,
    /// Neighbours that a cut may hide, the latest last.
    vanished: VecDeque<Peer>,
    /// Who cannot become a neighbour for now: asked since the last shuffle, in vain.
    refused: Vec<Peer>,
    /// What the last shuffle gave away, to be replaced first by what comes in return.
    given: Vec<Peer>,
    changes: Vec<Change>,
}

// The keys below 16 are for the overlay that runs over the view.
const SHUFFLE: TimerKey = TimerKey(16);
const ANSWER: TimerKey = TimerKey(17);

/// Dials that may be under way only to answer a shuffle.
const MAX_ERRANDS: usize = 16;
/// Vanished neighbours that are remembered.
const MAX_VANISHED: usize = 16;
/// Peers taken from one shuffle, whatever its sender put in.
const MAX_SAMPLE: usize = 128;

impl HyParView {
    /// A view with nobody in it.
    #[must_use]
    pub const fn new(params: Params) -> Self {
        Self {
            params,
            active: Vec::new(),
            passive: Vec::new(),
            connected: Vec::new(),
            errands: BTreeMap::new(),
            asked: None,
            vanished: VecDeque::new(),
            refused: Vec::new(),
            given: Vec::new(),
            changes: Vec::new(),
        }
    }

    /// The neighbours.
    #[must_use]
    pub fn active(&self) -> &[Peer] {
        &self.active
    }

    /// Those known besides.
    #[must_use]
    pub fn passive(&self) -> &[Peer] {
        &self.passive
    }

    /// Takes out what changed in the active view since the last call, in order.
    pub fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// A hash of both views.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let peers = self.active.iter().chain(&self.passive);
        peers.fold(self.active.len() as u64, |hash, peer| mix(hash, u64::from(peer.0), 1))
    }

    /// Takes in what happened: starts, connections, its timers, and messages of its kinds.
    pub fn step<H: Host>(&mut self, cx: &mut Cx<'_, H>, input: &Input<H>) {
        match input {
            Input::Start { .. } => {
                // Spread over a period: peers that start together do not shuffle together.
                let first = cx.rng().below_nanos(self.params.shuffle_every);
                cx.set_timer(SHUFFLE, cx.now.saturating_add(first));
                let known = cx.known();
                self.passive = cx.rng().sample(known, self.params.passive.size());
                self.join(cx);
            }
            Input::PeerUp { peer, .. } => {
                if let Err(place) = self.connected.binary_search(peer) {
                    self.connected.insert(place, *peer);
                }
                self.vanished.retain(|vanished| vanished != peer);
                if let Some(errand) = self.errands.remove(peer) {
                    self.run(cx, *peer, errand);
                }
            }
            Input::PeerDown { peer, why } => self.on_peer_down(cx, *peer, *why),
            Input::Timer(SHUFFLE) => {
                self.shuffle(cx);
                self.refused.clear();
                self.look_for_vanished(cx);
                if self.active.len() + 2 <= self.params.active.size() {
                    self.join(cx);
                }
                self.look_for_neighbours(cx);
                cx.set_timer(SHUFFLE, cx.now.saturating_add(self.params.shuffle_every));
            }
            Input::Timer(ANSWER) => {
                if let Some(Asked { peer, .. }) = self.asked.take() {
                    self.errands.remove(&peer);
                    self.refused.push(peer);
                    if !self.is_active(peer) {
                        self.hang_up(cx, peer);
                    }
                }
                if self.active.is_empty() {
                    self.refused.clear();
                    self.join(cx);
                }
                self.look_for_neighbours(cx);
            }
            Input::Message { from, msg, .. } => self.on_message(cx, *from, msg),
            _ => {}
        }
    }

    fn on_message<H: Host>(&mut self, cx: &mut Cx<'_, H>, from: Peer, msg: &Msg<H>) {
        let peers: Vec<Peer> = match &msg.payload {
            Payload::Note(note) => match cx.note(note) {
                Note::Peers(peers) => peers.iter().copied().take(MAX_SAMPLE).collect(),
                _ => return,
            },
            _ => Vec::new(),
        };
        match msg.kind {
            Kind::Join => self.on_join(cx, from),
            Kind::ForwardJoin => {
                if let Some(&new) = peers.first() {
                    self.on_forward_join(cx, from, new, msg.hops);
                }
            }
            Kind::Neighbour => {
                let urgent = msg.hops > 0;
                let accepted = self.is_active(from) || urgent || !self.is_full();
                if accepted {
                    self.add_active(cx, from);
                }
                cx.send(
                    from,
                    Lane::Reliable,
                    Msg::new(Kind::NeighbourReply, accepted.into(), Payload::Nothing),
                );
            }
            Kind::NeighbourReply => self.on_reply(cx, from, msg.hops > 0),
            Kind::Disconnect => self.on_disconnect(cx, from),
            Kind::Shuffle => self.on_shuffle(cx, from, peers, msg.hops),
            Kind::ShuffleReply => self.take_in(cx, &peers),
            _ => {}
        }
    }

    fn on_join<H: Host>(&mut self, cx: &mut Cx<'_, H>, new: Peer) {
        self.add_active(cx, new);
        let walk = cx.make_note(Note::Peers(vec![new]));
        let hops = self.params.active_walk.get() as u8;
        for &peer in self.active.iter().filter(|&&peer| peer != new) {
            cx.send(peer, Lane::Reliable, Msg::new(Kind::ForwardJoin, hops, Payload::Note(walk.clone())));
        }
    }

    fn on_forward_join<H: Host>(&mut self, cx: &mut Cx<'_, H>, from: Peer, new: Peer, hops: u8) {
        if new == cx.me || self.is_active(new) || self.errands.contains_key(&new) {
            return;
        }
        let next = self.random_active(cx, &[from, new]);
        if let (Some(next), 1..) = (next, hops) {
            if u32::from(hops) == self.params.passive_walk.get() {
                self.add_passive(cx, new);
            }
            let walk = cx.make_note(Note::Peers(vec![new]));
            cx.send(next, Lane::Reliable, Msg::new(Kind::ForwardJoin, hops - 1, Payload::Note(walk)));
        } else if self.is_full() || self.asked.is_some() {
            self.add_passive(cx, new);
        } else {
            self.ask(cx, new, self.active.is_empty());
        }
    }

    fn on_reply<H: Host>(&mut self, cx: &mut Cx<'_, H>, from: Peer, accepted: bool) {
        let Some(Asked { urgent, .. }) = self.asked.take_if(|asked| asked.peer == from) else { return };
        cx.cancel(ANSWER);
        if self.is_active(from) {
            // Both asked, and the other question settled it.
        } else if !accepted {
            self.refused.push(from);
            self.add_passive(cx, from);
            self.hang_up(cx, from);
        } else if self.is_full() && !urgent {
            // Others came first.
            self.part_with(cx, from);
        } else {
            self.add_active(cx, from);
        }
        self.look_for_neighbours(cx);
    }

    fn on_disconnect<H: Host>(&mut self, cx: &mut Cx<'_, H>, from: Peer) {
        if self.remove_active(from) {
            self.add_passive(cx, from);
            self.hang_up(cx, from);
            self.look_for_neighbours(cx);
        }
    }

    fn on_peer_down<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer, why: Why) {
        if !self.forget_connection(peer) && why == Why::HungUp {
            // This side hung up, and may have dialled again since.
            return;
        }
        self.errands.remove(&peer);
        let lost = self.remove_active(peer);
        let unanswered = self.asked.take_if(|asked| asked.peer == peer).is_some();
        if unanswered {
            cx.cancel(ANSWER);
            self.refused.push(peer);
        }
        if why == Why::HungUp {
            if lost {
                self.add_passive(cx, peer);
            }
        } else {
            self.passive.retain(|&known| known != peer);
        }
        if lost && why == Why::TimedOut {
            if self.vanished.len() >= MAX_VANISHED {
                self.vanished.pop_front();
            }
            self.vanished.push_back(peer);
        }
        if lost || unanswered {
            self.look_for_neighbours(cx);
        }
    }

    /// Asks one peer of the passive view to become a neighbour, if one is lacking and nobody is being asked. A peer with
    /// nobody left to ask and no neighbour will join anew, but not at once: its contacts may be what is wrong.
    fn look_for_neighbours<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        if self.is_full() || self.asked.is_some() {
            return;
        }
        let is_free = |peer: &Peer| !self.refused.contains(peer) && !self.errands.contains_key(peer);
        let candidates: Vec<Peer> = self.passive.iter().copied().filter(is_free).collect();
        if let Some(&peer) = cx.rng().choose(&candidates) {
            self.ask(cx, peer, self.active.is_empty());
        } else if self.active.is_empty() {
            cx.set_timer(ANSWER, cx.now.saturating_add(self.params.answer_within));
        }
    }

    /// Asks a neighbour that vanished to come back.
    fn look_for_vanished<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        if self.asked.is_none()
            && let Some(&peer) = cx.rng().choose(self.vanished.make_contiguous())
        {
            self.ask(cx, peer, true);
        }
    }

    /// Joins the network through any peer known from the start, and again after a while if that leads nowhere.
    fn join<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        let contacts: Vec<Peer> = cx.known().iter().copied().filter(|&peer| !self.is_active(peer)).collect();
        if let Some(&contact) = cx.rng().choose(&contacts) {
            if self.asked.is_none() {
                cx.set_timer(ANSWER, cx.now.saturating_add(self.params.answer_within));
            }
            self.do_or_dial(cx, contact, Errand::Join);
        }
    }

    fn ask<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer, urgent: bool) {
        self.asked = Some(Asked { peer, urgent });
        cx.set_timer(ANSWER, cx.now.saturating_add(self.params.answer_within));
        self.do_or_dial(cx, peer, Errand::Ask);
    }

    fn do_or_dial<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer, errand: Errand) {
        if self.connected.binary_search(&peer).is_ok() {
            self.run(cx, peer, errand);
        } else if self.errands.insert(peer, errand).is_none() {
            cx.dial(peer);
        }
    }

    fn run<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer, errand: Errand) {
        match errand {
            Errand::Join => {
                cx.send(peer, Lane::Reliable, Msg::new(Kind::Join, 0, Payload::Nothing));
                self.add_active(cx, peer);
            }
            Errand::Ask => {
                let urgent = self.asked.is_some_and(|asked| asked.peer == peer && asked.urgent);
                cx.send(peer, Lane::Reliable, Msg::new(Kind::Neighbour, urgent.into(), Payload::Nothing));
            }
            Errand::Answer(sample) => {
                let note = cx.make_note(Note::Peers(sample));
                cx.send(peer, Lane::Reliable, Msg::new(Kind::ShuffleReply, 0, Payload::Note(note)));
                if !self.is_active(peer) && self.asked.is_none_or(|asked| asked.peer != peer) {
                    self.hang_up(cx, peer);
                }
            }
        }
    }

    fn shuffle<H: Host>(&mut self, cx: &mut Cx<'_, H>) {
        let Some(to) = self.random_active(cx, &[]) else { return };
        let others: Vec<Peer> = self.active.iter().copied().filter(|&peer| peer != to).collect();
        let mut sample = cx.rng().sample(&others, self.params.shuffle_active.size());
        sample.extend(cx.rng().sample(&self.passive, self.params.shuffle_passive.size()));
        self.given.clone_from(&sample);
        sample.insert(0, cx.me);
        let note = cx.make_note(Note::Peers(sample));
        let hops = self.params.active_walk.get() as u8;
        cx.send(to, Lane::Reliable, Msg::new(Kind::Shuffle, hops, Payload::Note(note)));
    }

    fn on_shuffle<H: Host>(&mut self, cx: &mut Cx<'_, H>, from: Peer, sample: Vec<Peer>, hops: u8) {
        let Some(&origin) = sample.first() else { return };
        if origin == cx.me {
            return;
        }
        let next = self.random_active(cx, &[from, origin]);
        if let (Some(next), 2..) = (next, hops) {
            let note = cx.make_note(Note::Peers(sample));
            cx.send(next, Lane::Reliable, Msg::new(Kind::Shuffle, hops - 1, Payload::Note(note)));
            return;
        }
        self.given = cx.rng().sample(&self.passive, sample.len());
        if self.errands.len() < MAX_ERRANDS && !self.errands.contains_key(&origin) {
            self.do_or_dial(cx, origin, Errand::Answer(self.given.clone()));
        }
        self.take_in(cx, &sample);
    }

    /// Puts peers of an exchange into the passive view, in the place of those that were given for them.
    fn take_in<H: Host>(&mut self, cx: &mut Cx<'_, H>, sample: &[Peer]) {
        let mut given = std::mem::take(&mut self.given);
        for &peer in sample {
            if peer == cx.me || self.is_active(peer) || self.passive.contains(&peer) {
                continue;
            }
            while self.passive.len() >= self.params.passive.size()
                && let Some(old) = given.pop()
            {
                self.passive.retain(|&known| known != old);
            }
            self.add_passive(cx, peer);
        }
        self.look_for_neighbours(cx);
    }

    fn is_active(&self, peer: Peer) -> bool {
        self.active.contains(&peer)
    }

    fn is_full(&self) -> bool {
        self.active.len() >= self.params.active.size()
    }

    fn random_active<H: Host>(&self, cx: &mut Cx<'_, H>, but: &[Peer]) -> Option<Peer> {
        let others: Vec<Peer> = self.active.iter().copied().filter(|peer| !but.contains(peer)).collect();
        cx.rng().choose(&others).copied()
    }

    fn part_with<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        cx.send(peer, Lane::Reliable, Msg::new(Kind::Disconnect, 0, Payload::Nothing));
        self.hang_up(cx, peer);
        self.add_passive(cx, peer);
    }

    fn hang_up<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        self.forget_connection(peer);
        cx.hang_up(peer);
    }

    fn forget_connection(&mut self, peer: Peer) -> bool {
        let place = self.connected.binary_search(&peer);
        place.map(|place| self.connected.remove(place)).is_ok()
    }

    /// Adds a peer to the active view, in the place of a random one when it is full.
    fn add_active<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        if self.is_active(peer) || self.connected.binary_search(&peer).is_err() {
            return;
        }
        if self.is_full() {
            let unlucky = self.active[cx.rng().index(self.active.len())];
            self.remove_active(unlucky);
            self.part_with(cx, unlucky);
        }
        self.passive.retain(|&known| known != peer);
        self.active.push(peer);
        self.changes.push(Change::Up(peer));
    }

    fn remove_active(&mut self, peer: Peer) -> bool {
        let place = self.active.iter().position(|&active| active == peer);
        if let Some(place) = place {
            self.active.remove(place);
            self.changes.push(Change::Down(peer));
        }
        place.is_some()
    }

    /// Remembers a peer, in the place of a random one when the passive view is full.
    fn add_passive<H: Host>(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        if peer == cx.me || self.is_active(peer) || self.passive.contains(&peer) {
            return;
        }
        if self.passive.len() >= self.params.passive.size() {
            let forgotten = cx.rng().index(self.passive.len());
            self.passive.swap_remove(forgotten);
        }
        self.passive.push(peer);
    }
}
