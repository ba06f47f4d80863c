//! What libp2p tells, made known to machines.

use bytes::Bytes;
use libp2p::{
    gossipsub::{self, MessageAcceptance},
    identify, kad, ping,
    swarm::{ConnectionError, ConnectionId, DialError, SwarmEvent},
};
use peerlab_report::traffic::Loss;
use peerlab_scenarios::{
    host::{Input, Lane, Machine, Msg, Overlay as _, Payload, Peer, Why},
    report::PubsubCount,
    units::Nanos,
    wire::Kind,
};

use super::{Node, Phase};
use crate::host::{
    Account, Entry, Native, Room,
    kademlia::{self, Finder},
    lane::{self, Parting},
    protocols::ProtocolsEvent,
    pubsub,
    timers::Alarm,
};

impl<R: Machine<Native>> Node<R> {
    pub(super) fn on_swarm(&mut self, event: SwarmEvent<ProtocolsEvent>) {
        match event {
            SwarmEvent::Behaviour(ProtocolsEvent::Lane(event)) => self.on_lane(event),
            SwarmEvent::Behaviour(ProtocolsEvent::Bulk(event)) => self.on_bulk(event),
            SwarmEvent::Behaviour(ProtocolsEvent::Pubsub(event)) => self.on_pubsub(event),
            SwarmEvent::Behaviour(ProtocolsEvent::Kademlia(event)) => self.on_kademlia(event),
            SwarmEvent::Behaviour(ProtocolsEvent::Identify(event)) => self.on_identify(event),
            SwarmEvent::Behaviour(ProtocolsEvent::Ping(event)) => {
                if let Err(ping::Failure::Timeout) = event.result {
                    self.legacy.troubles.silences += u64::from(self.phase == Phase::Running);
                    self.end(event.connection, Why::TimedOut);
                }
            }
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => {
                if self.roster.is_open() {
                    return self.meet(peer_id, connection_id, endpoint.is_dialer());
                }
                let Some(peer) = self.roster.peer(&peer_id) else { return };
                self.established(peer, connection_id, endpoint.is_dialer());
            }
            SwarmEvent::ConnectionClosed { connection_id, cause, .. } => {
                let is_idle = matches!(cause, Some(ConnectionError::KeepAliveTimeout));
                self.closed(connection_id, if is_idle { Why::HungUp } else { Why::Stopped });
            }
            // What this peer dials itself is not told.
            SwarmEvent::Dialing { .. } => {
                if let Some(finder) = &mut self.finder {
                    finder.dialled();
                }
            }
            SwarmEvent::OutgoingConnectionError { connection_id, peer_id, error, .. } => {
                self.contact_failed(connection_id, &error);
                if let Some(peer) = peer_id.and_then(|id| self.roster.peer(&id)) {
                    self.not_connected(peer, &error);
                }
            }
            #[cfg(feature = "net")]
            SwarmEvent::Behaviour(ProtocolsEvent::Mdns(event)) => self.on_mdns(event),
            SwarmEvent::NewListenAddr { address, .. } => {
                if self.roster.is_open() {
                    self.entries.push(Entry::Room(Room::Listens(address.clone())));
                }
                self.addresses.set(self.me, Some(address));
            }
            _ => {}
        }
    }

    pub(super) fn established(&mut self, peer: Peer, connection: ConnectionId, dialled: bool) {
        tracing::debug!(peer = self.me.0, other = peer.0, dialled, "connected");
        let is_wanted = self.wanted.contains(&peer) || self.connections.is_planned(peer);
        self.wanted.retain(|other| *other != peer);
        let link = self.connections.established(peer, connection, dialled);
        if dialled && !is_wanted {
            self.found.push(connection);
            self.swarm.behaviour_mut().lane.keep(connection, false);
        }
        if self.phase == Phase::Over {
            self.swarm.behaviour_mut().lane.part(connection, Parting::Over);
        }
        self.linked(peer, link);
    }

    /// Another connection with a peer may take the place of one that has ended.
    fn promote(&mut self, peer: Peer) {
        let link = self.connections.promote(peer);
        self.linked(peer, link);
    }

    fn linked(&mut self, peer: Peer, link: Option<peerlab_scenarios::host::Link>) {
        let Some(link) = link else { return };
        self.count_linked(peer, true);
        self.timers.cancel(Alarm::Redial(peer));
        if self.phase == Phase::Running {
            self.inputs.push_back(Input::PeerUp { peer, link });
        }
    }

    /// A dial came to nothing.
    fn not_connected(&mut self, peer: Peer, error: &DialError) {
        // What this end would not have itself has not failed.
        let was_tried = matches!(error, DialError::Transport(_) | DialError::WrongPeerId { .. });
        if was_tried && self.phase == Phase::Running && !self.addresses_of(peer).is_empty() {
            self.legacy.troubles.dials_failed += 1;
        }
        tracing::debug!(peer = self.me.0, other = peer.0, %error, "a dial came to nothing");
        self.doorway.failed(peer);
        let wanted = self.wanted.len();
        self.wanted.retain(|other| *other != peer);
        if self.connections.current(peer).is_none() {
            if self.wanted.len() < wanted {
                self.tell_down(peer, Why::Unreachable);
            }
            self.redial_later(peer);
        }
    }

    /// This end gives a connection up.
    pub(super) fn end(&mut self, connection: ConnectionId, why: Why) {
        self.retire(connection, why);
        // One over a cut path may take its time to close: to machines it has ended.
        self.swarm.close_connection(connection);
    }

    /// A connection is of no use any more.
    fn retire(&mut self, connection: ConnectionId, why: Why) {
        let Some(peer) = self.connections.peer(connection) else { return };
        if self.connections.retire(connection) {
            self.unlinked(peer, why);
        }
    }

    fn unlinked(&mut self, peer: Peer, why: Why) {
        tracing::debug!(peer = self.me.0, other = peer.0, ?why, "disconnected");
        self.count_linked(peer, false);
        self.end_fetches(peer, why);
        self.tell_down(peer, why);
        self.promote(peer);
        if self.connections.current(peer).is_none() {
            self.redial_later(peer);
        }
    }

    /// A connection has ended.
    fn closed(&mut self, connection: ConnectionId, why: Why) {
        self.timers.cancel(Alarm::Close(connection));
        self.left_unknown(connection);
        self.close_accounts(connection, false);
        self.forget_answers(connection);
        self.parted.retain(|other| *other != connection);
        self.finished.retain(|other| *other != connection);
        self.found.retain(|other| *other != connection);
        if let Some((peer, true)) = self.connections.closed(connection) {
            self.unlinked(peer, why);
        }
    }

    /// Puts down what a connection has carried.
    pub(super) fn close_accounts(&mut self, connection: ConnectionId, stood: bool) {
        let early = self.before.is_none();
        if let Some((lane, frames)) = self.swarm.behaviour().lane.sent(connection) {
            let complete = self.finished.contains(&connection);
            self.legacy.accounts.push(Account { lane, sends: true, frames, stood, complete, early });
        }
        self.swarm.behaviour_mut().lane.forget(connection);
        if let Some((lane, frames)) = self.incoming.remove(&connection) {
            let complete = self.parted.contains(&connection);
            self.legacy.accounts.push(Account { lane, sends: false, frames, stood, complete, early });
        }
    }

    fn on_lane(&mut self, lane::Event { connection, told }: lane::Event) {
        match told {
            lane::Told::Named(name) => {
                self.incoming.insert(connection, (name, 0));
            }
            lane::Told::Came(frames) => {
                if let Some((_, count)) = self.incoming.get_mut(&connection) {
                    *count += frames.len() as u64;
                }
                for frame in frames {
                    match self.phase {
                        Phase::Gathering => {
                            if !self.early.keep(connection, &frame) {
                                self.traffic.lost(Loss::Offline);
                            }
                        }
                        Phase::Running => self.frame(connection, &frame),
                        Phase::Over => self.traffic.in_flight += 1,
                    }
                }
            }
            lane::Told::Parted(Parting::Over) => self.parted.push(connection),
            lane::Told::Parted(Parting::HungUp) => self.end(connection, Why::HungUp),
            lane::Told::Parted(Parting::Stopped) => {
                if let Some(peer) = self.connections.peer(connection) {
                    self.doorway.has_left(peer);
                }
                self.end(connection, Why::Stopped);
            }
            lane::Told::Finished => self.finished.push(connection),
            lane::Told::Broken(error) => {
                let is_violation = !matches!(error, lane::LaneError::Io(_) | lane::LaneError::Torn);
                if is_violation {
                    tracing::warn!(peer = self.me.0, ?connection, %error, "the other end broke the protocol");
                }
                self.legacy.troubles.violations += u64::from(is_violation);
                self.end(connection, Why::Stopped);
            }
        }
    }

    /// A frame came that is to be heeded.
    pub(super) fn frame(&mut self, connection: ConnectionId, frame: &Bytes) {
        if self.roster.is_open() && self.is_about_members(connection, frame) {
            return;
        }
        let Some(from) = self.connections.peer(connection).filter(|_| self.connections.is_open(connection))
        else {
            // This end has hung up meanwhile.
            return self.traffic.lost(Loss::Closed);
        };
        let decoded = self.contents.message(frame);
        match decoded {
            Ok(msg) if !msg.kind.is_pubsub() && !msg.kind.is_bulk() => {
                self.deliver(from, msg, frame.len() as u32);
            }
            // It is not what peers say to one another on this lane.
            Ok(_) | Err(_) => {
                self.traffic.lost(Loss::Closed);
                self.legacy.troubles.violations += 1;
                self.end(connection, Why::HungUp);
            }
        }
    }

    fn deliver(&mut self, from: Peer, msg: Msg<Native>, len: u32) {
        self.traffic.delivered += 1;
        self.came(&msg, len);
        self.inputs.push_back(Input::Message { from, lane: Lane::Reliable, msg });
    }

    /// Tells of a message that came.
    pub(super) fn came(&mut self, msg: &Msg<Native>, len: u32) {
        let now = self.clock.now();
        self.entries.push(match &msg.payload {
            Payload::Item(item) if item.tainted => Entry::Falsified(now, len),
            Payload::Item(item) => Entry::Delivered(now, msg.kind, Some(item.id), len),
            Payload::Nothing | Payload::Note(_) => Entry::Delivered(now, msg.kind, None, len),
        });
    }

    fn on_pubsub(&mut self, event: gossipsub::Event) {
        let Self { swarm, publisher, contents, roster, .. } = self;
        let Some(behaviour) = swarm.behaviour_mut().pubsub.as_mut() else { return };
        match event {
            gossipsub::Event::Message { propagation_source, message_id, message } => {
                let frame = Bytes::from(message.data);
                let msg = contents.message(&frame).ok();
                let msg = msg.filter(|msg| match &msg.payload {
                    Payload::Item(item) => {
                        msg.kind == Kind::PubsubPublish && pubsub::is_of(&message.topic, item)
                    }
                    _ => false,
                });
                let is_genuine =
                    matches!(&msg, Some(Msg { payload: Payload::Item(item), .. }) if !item.tainted);
                let verdict = if is_genuine { MessageAcceptance::Accept } else { MessageAcceptance::Reject };
                behaviour.report_message_validation_result(&message_id, &propagation_source, verdict);
                let from = roster.peer(&propagation_source);
                if let (Some(from), Some(msg), Phase::Running) = (from, msg, self.phase) {
                    self.came(&msg, frame.len() as u32);
                    self.inputs.push_back(Input::Message { from, lane: Lane::Reliable, msg });
                }
            }
            gossipsub::Event::Subscribed { .. } => publisher.publish_early(behaviour),
            gossipsub::Event::SlowPeer { failed_messages, .. } => {
                let failed = failed_messages.non_priority + failed_messages.priority;
                publisher.count(PubsubCount::Dropped, failed as u64);
            }
            gossipsub::Event::Unsubscribed { .. } | gossipsub::Event::GossipsubNotSupported { .. } => {}
        }
    }

    /// Kademlia, and what has been asked of it, where there is one.
    pub(super) fn kademlia(&mut self) -> Option<(&mut Finder, &mut kademlia::Behaviour)> {
        self.finder.as_mut().zip(self.swarm.behaviour_mut().kademlia.as_mut())
    }

    /// Begins to take part in Kademlia, where there is one.
    pub(super) fn start_finding(&mut self) {
        if self.finder.is_none() {
            return;
        }
        if let Some(address) = self.addresses.of(self.me) {
            // Records of providers go out with the addresses at which these know that they can be reached, and without any they are
            // told only to those whose table has the provider.
            self.swarm.add_external_address(address);
        }
        if let Some((finder, behaviour)) = self.kademlia() {
            finder.start(behaviour);
        }
    }

    fn on_kademlia(&mut self, event: kad::Event) {
        let Some((finder, behaviour)) = self.kademlia() else { return };
        if let Some((query, found)) = finder.on_event(behaviour, event)
            && self.phase == Phase::Running
        {
            self.inputs.push_back(Input::Found { query, found: Box::new(found) });
        }
    }

    /// Who says that it serves Kademlia goes into the table, as programs around libp2p do it.
    fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, info, .. } = event else { return };
        let Some(peer) = self.roster.peer(&peer_id) else { return };
        let Some((finder, behaviour)) = self.kademlia() else { return };
        if info.protocols.iter().any(|protocol| behaviour.protocol_names().contains(protocol)) {
            finder.met(behaviour, peer);
        }
    }

    /// A connection that Kademlia has dialled is not left to end while the overlay lives on it.
    pub(super) fn keep_what_the_overlay_lives_on(&mut self) {
        if self.found.is_empty() {
            return;
        }
        let (connections, overlay) = (&self.connections, self.machines.overlay());
        let lives_on = |id: &ConnectionId| connections.peer(*id).is_some_and(|peer| overlay.lives_on(peer));
        let kept: Vec<_> = self.found.iter().copied().filter(lives_on).collect();
        for connection in kept {
            self.swarm.behaviour_mut().lane.keep(connection, true);
            self.found.retain(|other| *other != connection);
        }
    }

    /// The longest that is waited for the last word of the others.
    pub(super) const LAST_WORDS: Nanos = Nanos::from_secs(5);
}
