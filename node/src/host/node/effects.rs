//! What machines ask for, carried out.

use std::sync::Arc;

use bytes::Bytes;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use peerlab_report::traffic::Loss;
use peerlab_scenarios::{
    host::{Effect, Input, Link, Machine, Msg, Peer, Why},
    seed::mix,
    units::Nanos,
    wire::Kind,
};

use super::{Node, Phase, REDIAL, REDIAL_AT_ONCE};
use crate::host::{Entry, Native, Room, lane::Parting, timers::Alarm};

/// How long an end that hung up waits for the other to close the connection.
const LINGER: Nanos = Nanos::from_secs(5);

impl<R: Machine<Native>> Node<R> {
    pub(super) fn carry_out(&mut self, effects: Vec<Effect<Native>>) {
        for effect in effects {
            match effect {
                // There is one ordered lane for messages: it keeps what the others promise.
                Effect::Send { to, msg, .. } => {
                    let frame = self.encode(&msg);
                    self.send(to, msg.kind, &frame);
                }
                Effect::SendToLinks { except, msg, .. } => {
                    let frame = self.encode(&msg);
                    for to in self.connections.circle().live.clone() {
                        if Some(to) != except {
                            self.send(to, msg.kind, &frame);
                        }
                    }
                }
                Effect::Dial(peer) => self.dial_for_machine(peer),
                Effect::HangUp(peer) => self.hang_up(peer),
                Effect::SetTimer { key, at } => self.timers.set(Alarm::Machine(key), at),
                Effect::CancelTimer(key) => self.timers.cancel(Alarm::Machine(key)),
                Effect::Store { key, item } => {
                    if self.tells_kept {
                        self.entries.push(Entry::Room(Room::Kept(key, Arc::clone(&item))));
                    }
                    if self.may_restart {
                        self.kept.insert(key, item);
                    }
                }
                Effect::Record(_) => unreachable!("what is recorded was told before"),
                Effect::Fetch { req, from, what } => self.fetch(req, from, what),
                Effect::Abort(req) => self.abort(req),
                Effect::Serve { ask, item } => self.serve(ask, item),
                Effect::Refuse(ask) => self.refuse(ask),
            }
        }
        for order in std::mem::take(&mut self.native.lookups) {
            if let Some((finder, behaviour)) = self.kademlia()
                && let Some(found) = finder.look_up(behaviour, order)
            {
                self.inputs.push_back(Input::Found { query: order.query, found: Box::new(found) });
            }
        }
        for order in std::mem::take(&mut self.native.pubsub) {
            if let Some(behaviour) = self.swarm.behaviour_mut().pubsub.as_mut() {
                self.publisher.carry_out(behaviour, order);
            }
        }
    }

    pub(super) fn encode(&self, msg: &Msg<Native>) -> Bytes {
        msg.frame(&self.native).encode().into()
    }

    pub(super) fn send(&mut self, to: Peer, kind: Kind, frame: &Bytes) {
        self.traffic.sent(kind, frame.len() as u32);
        let Some(connection) = self.connections.current(to) else { return self.traffic.lost(Loss::Closed) };
        match self.swarm.behaviour_mut().lane.send(connection, frame) {
            Ok(true) => {}
            Ok(false) => self.traffic.lost(Loss::Closed),
            Err(_backlog) => {
                self.traffic.lost(Loss::Closed);
                self.legacy.troubles.backlogs += 1;
                self.end(connection, Why::TimedOut);
            }
        }
    }

    /// Dials a neighbour of the plan, if no connection stands.
    pub(super) fn connect_planned(&mut self, peer: Peer) {
        if self.phase == Phase::Over
            || !self.connections.is_planned(peer)
            || self.connections.current(peer).is_some()
        {
            return;
        }
        if !self.dial(peer) {
            self.redial_later(peer);
        }
    }

    /// Dials a neighbour of the plan again after a while, if that is for this end to do.
    pub(super) fn redial_later(&mut self, peer: Peer) {
        let is_to_call =
            self.connections.is_planned(peer) && self.is_caller(peer) && self.may_come_back(peer);
        if self.phase != Phase::Over && is_to_call {
            let draw = mix(self.setting.seed.0, u64::from(self.me.0), u64::from(peer.0));
            let wait = REDIAL_AT_ONCE + draw % (REDIAL - REDIAL_AT_ONCE);
            self.timers.set(Alarm::Redial(peer), self.clock.now().saturating_add(Nanos(wait)));
        }
    }

    /// Begins to dial a peer. False when it is not to be found.
    fn dial(&mut self, peer: Peer) -> bool {
        let addresses = self.addresses_of(peer);
        if addresses.is_empty() {
            return false;
        }
        let options = DialOpts::peer_id(self.roster.id(peer))
            .addresses(addresses)
            .condition(PeerCondition::NotDialing)
            .build();
        // That it is being dialled already is as good.
        let _ = self.swarm.dial(options);
        true
    }

    fn dial_for_machine(&mut self, peer: Peer) {
        if peer == self.me || self.connections.current(peer).is_some() {
            return;
        }
        if !self.dial(peer) {
            return self.tell_down(peer, Why::Unreachable);
        }
        if !self.wanted.contains(&peer) {
            self.wanted.push(peer);
        }
    }

    /// Whether libp2p's gossipsub has a peer in a mesh. It lives on connections that roles have dialled as on those of the plan, and a
    /// role ends none that the overlay lives on; but only libp2p knows which these are, so [`Overlay::lives_on`] cannot tell.
    ///
    /// [`Overlay::lives_on`]: peerlab_scenarios::host::Overlay::lives_on
    fn is_in_mesh(&self, peer: Peer) -> bool {
        let id = self.roster.id(peer);
        let pubsub = self.swarm.behaviour().pubsub.as_ref();
        pubsub.is_some_and(|pubsub| pubsub.all_mesh_peers().any(|other| *other == id))
    }

    /// Lets the connections with a peer end when nobody uses them.
    fn release(&mut self, peer: Peer) {
        for connection in self.connections.open_with(peer) {
            self.swarm.behaviour_mut().lane.keep(connection, false);
            if !self.found.contains(&connection) {
                self.found.push(connection);
            }
        }
    }

    fn hang_up(&mut self, peer: Peer) {
        if !matches!(self.connections.link(peer), Some(Link::Dialled | Link::Accepted))
            || self.is_in_mesh(peer)
        {
            return;
        }
        if self.finder.is_some() {
            // Kademlia may be asking over it, which libp2p does not tell. So it ends when it has been of no use for long enough.
            return self.release(peer);
        }
        for connection in self.connections.open_with(peer) {
            self.connections.retire(connection);
            self.swarm.behaviour_mut().lane.part(connection, Parting::HungUp);
            self.timers.set(Alarm::Close(connection), self.clock.now().saturating_add(LINGER));
        }
        self.end_fetches(peer, Why::HungUp);
        self.tell_down(peer, Why::HungUp);
    }
}
