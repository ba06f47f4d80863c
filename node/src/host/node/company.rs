//! How a peer of an open room finds the others, and gets to know them.
//!
//! Nobody is heeded before it has introduced itself: whoever does not within [`PATIENCE`], or says anything else first, is shown out.

#[cfg(feature = "net")]
use std::collections::BTreeMap;

use bytes::Bytes;
use libp2p::{
    Multiaddr, PeerId,
    swarm::{ConnectionId, DialError, dial_opts::DialOpts},
};
use peerlab_report::traffic::Loss;
use peerlab_scenarios::{
    host::{Machine, Peer, Why},
    units::Nanos,
};

use super::{Node, Phase};
use crate::host::{
    Entry, Native, Room,
    card::{self, Introduction},
    timers::Alarm,
};

/// How long a stranger may take to introduce itself.
const PATIENCE: Nanos = Nanos::from_secs(10);

/// How often those are dialled whose addresses were given, as long as nobody is connected.
const CONTACTS_EVERY: Nanos = Nanos::from_secs(5);

/// How long who was introduced has to call, before this end does that should be called.
const CALL_AFTER: Nanos = Nanos::from_secs(2);

/// How long after a call to somebody found on the local network it is looked whether another is needed.
const CALL_AGAIN: Nanos = Nanos::from_secs(5);

/// Connections from which on no more are made: the overlay needs a few, and reaches all over them.
const ENOUGH: usize = 32;

/// How a peer of an open room finds others.
#[derive(Clone, Debug, Default)]
pub struct Company {
    /// Addresses of members, to be dialled until somebody is connected.
    pub contacts: Vec<Multiaddr>,
    /// Whether it looks for others on the local network, and lets itself be found there. It takes the feature `net`.
    pub mdns: bool,
}

impl<R: Machine<Native>> Node<R> {
    /// Where a peer listens, as far as is known.
    pub(super) fn addresses_of(&self, peer: Peer) -> Vec<Multiaddr> {
        if self.roster.is_open() {
            return self.doorway.addresses_of(peer).to_vec();
        }
        self.addresses.of(peer).into_iter().collect()
    }

    /// Whether a peer whose connection is missing may be found again.
    pub(super) fn may_come_back(&self, peer: Peer) -> bool {
        !self.roster.is_open() || !self.doorway.addresses_of(peer).is_empty()
    }

    /// Dials those whose addresses were given, if nobody is connected, now and again.
    pub(super) fn dial_contacts(&mut self) {
        if self.doorway.contacts.is_empty() || self.phase != Phase::Running {
            return;
        }
        self.timers.set(Alarm::Contacts, self.clock.now().saturating_add(CONTACTS_EVERY));
        if self.connections.connected().next().is_some() {
            return;
        }
        for address in self.doorway.contacts.clone() {
            if self.doorway.dialling.values().any(|dialled| *dialled == address) {
                continue;
            }
            let options = DialOpts::from(address.clone());
            let connection = options.connection_id();
            self.doorway.dialling.insert(connection, address);
            if let Err(error) = self.swarm.dial(options) {
                self.contact_failed(connection, &error);
            }
        }
    }

    /// A dial came to nothing; perhaps one of those.
    pub(super) fn contact_failed(&mut self, connection: ConnectionId, error: &DialError) {
        if let Some(address) = self.doorway.dialling.remove(&connection) {
            self.entries
                .push(Entry::Room(Room::Unreachable(address, error.to_string().trim_end().to_owned())));
        }
    }

    /// Somebody has connected who is yet to introduce itself.
    pub(super) fn meet(&mut self, id: PeerId, connection: ConnectionId, dialled: bool) {
        self.doorway.dialling.remove(&connection);
        self.doorway.strangers.insert(connection, (id, dialled));
        self.timers.set(Alarm::Introduce(connection), self.clock.now().saturating_add(PATIENCE));
        let known = self.roster.cards().into_iter().map(|(peer, _)| peer).collect::<Vec<_>>();
        self.introduce(connection, &known);
    }

    /// Introduces these members to the other end of a connection.
    fn introduce(&mut self, connection: ConnectionId, members: &[Peer]) {
        let introduction = |peer: &Peer| {
            let addresses = if *peer == self.me {
                self.swarm.listeners().cloned().collect()
            } else {
                self.addresses_of(*peer)
            };
            Some(Introduction { card: self.roster.card(*peer)?, addresses })
        };
        let introductions: Vec<_> = members.iter().filter_map(introduction).collect();
        let frame = Bytes::from(card::encode(&introductions));
        // A connection that has too much waiting for it ends when a machine sends over it.
        let _ = self.swarm.behaviour_mut().lane.send(connection, &frame);
    }

    /// Heeds a frame if it introduces members, or comes from a stranger who should have introduced itself. Tells whether it did.
    pub(super) fn is_about_members(&mut self, connection: ConnectionId, frame: &Bytes) -> bool {
        let stranger = self.doorway.strangers.get(&connection).copied();
        if !card::is_introduction(frame) {
            if stranger.is_some() {
                self.offend(connection);
            }
            return stranger.is_some();
        }
        let Ok(introductions) = card::decode(frame) else {
            self.offend(connection);
            return true;
        };
        let mut news = Vec::new();
        for Introduction { card, addresses } in introductions {
            // That one of them is not accepted says nothing of the others.
            let Ok((peer, is_new)) = self.roster.learn(card) else { continue };
            if is_new {
                news.push(peer);
                if let Some(card) = self.roster.card(peer) {
                    self.entries.push(Entry::Room(Room::Introduced(peer, card)));
                }
            }
            self.note_addresses(peer, addresses);
        }
        if let Some((id, dialled)) = stranger {
            let Some(peer) = self.roster.peer(&id) else {
                // It has introduced others, or is of another room.
                self.offend(connection);
                return true;
            };
            self.doorway.strangers.remove(&connection);
            self.timers.cancel(Alarm::Introduce(connection));
            self.lose(id);
            self.established(peer, connection, dialled);
        }
        if !news.is_empty() {
            self.pass_on(&news, connection);
        }
        true
    }

    /// Tells the others of whom they may not know.
    fn pass_on(&mut self, news: &[Peer], but: ConnectionId) {
        let connected: Vec<_> = self.connections.connected().collect();
        let ways: Vec<_> = connected.iter().filter_map(|peer| self.connections.current(*peer)).collect();
        for way in ways.into_iter().filter(|way| *way != but) {
            self.introduce(way, news);
        }
    }

    /// Notes where a member listens, and connects with it unless there are connections enough.
    fn note_addresses(&mut self, peer: Peer, addresses: Vec<Multiaddr>) {
        if peer == self.me || addresses.is_empty() {
            return;
        }
        self.doorway.listens(peer, addresses);
        if self.connections.current(peer).is_none() && self.connections.connected().count() < ENOUGH {
            let wait = if self.is_caller(peer) { Nanos::ZERO } else { CALL_AFTER };
            self.timers.set(Alarm::Redial(peer), self.clock.now().saturating_add(wait));
        }
    }

    /// The other end of a connection is at fault.
    fn offend(&mut self, connection: ConnectionId) {
        if let Some((id, _)) = self.doorway.strangers.get(&connection).copied() {
            self.lose(id);
        }
        self.traffic.lost(Loss::Closed);
        self.legacy.troubles.violations += 1;
        self.end(connection, Why::HungUp);
    }

    /// A stranger has had its time.
    pub(super) fn show_out(&mut self, connection: ConnectionId) {
        if self.doorway.strangers.contains_key(&connection) {
            self.swarm.close_connection(connection);
        }
    }

    /// A connection has ended, perhaps of a stranger.
    pub(super) fn left_unknown(&mut self, connection: ConnectionId) {
        self.doorway.strangers.remove(&connection);
        self.timers.cancel(Alarm::Introduce(connection));
    }

    /// Somebody was found on the local network, perhaps of quite another application.
    ///
    /// mDNS tells of an address once, and both ends learn of one another at about the same time: so they are agreed on who calls first, and
    /// a call that comes to nothing is not the last.
    #[cfg(feature = "net")]
    pub(super) fn on_mdns(&mut self, event: libp2p::mdns::Event) {
        match event {
            libp2p::mdns::Event::Discovered(found) => {
                let mut by_id = BTreeMap::<PeerId, Vec<Multiaddr>>::new();
                for (id, address) in found {
                    by_id.entry(id).or_default().push(address);
                }
                for (id, addresses) in by_id {
                    self.doorway.found(id, addresses);
                    let wait = if *self.swarm.local_peer_id() < id { Nanos::ZERO } else { CALL_AFTER };
                    self.timers.set(Alarm::Call(id), self.clock.now().saturating_add(wait));
                }
            }
            libp2p::mdns::Event::Expired(lost) => {
                for (id, address) in lost {
                    self.doorway.expired(id, &address);
                }
            }
        }
    }

    /// Dials somebody who was found on the local network, unless it is connected, and looks again in a while.
    pub(super) fn call_found(&mut self, id: PeerId) {
        if self.phase == Phase::Over {
            return;
        }
        let is_to_dial = !self.swarm.is_connected(&id) && self.connections.connected().count() < ENOUGH;
        if is_to_dial {
            let Some(addresses) = self.doorway.next_call(id) else { return };
            // That it is being dialled already is as good.
            let _ = self.swarm.dial(DialOpts::peer_id(id).addresses(addresses).build());
        }
        self.timers.set(Alarm::Call(id), self.clock.now().saturating_add(CALL_AGAIN));
    }

    /// Somebody who was found on the local network needs no more calls.
    fn lose(&mut self, id: PeerId) {
        self.doorway.met(id);
        self.timers.cancel(Alarm::Call(id));
    }
}
