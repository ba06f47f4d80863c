//! How two peers of a [`World`] come to be connected, and how that ends.

use super::{End, Event, Shared, World};
use crate::{
    host::{Input, Lane, Link, Machine, Overlay, Peer, Why},
    units::Nanos,
};

impl<O: Overlay<Shared>, R: Machine<Shared>> World<O, R> {
    /// When a message that could arrive at `arrival` does so, on a lane that may have to keep its order.
    pub(super) fn in_order(&mut self, from: Peer, to: Peer, lane: Lane, arrival: Nanos) -> Nanos {
        match self.stations[from.index()].ends.get_mut(&to) {
            Some(end) if self.network.keeps_order(lane) => end.in_order(lane, arrival),
            _ => arrival,
        }
    }

    pub(super) fn ask_to_connect(&mut self, from: Peer, to: Peer, planned: bool) {
        let life = self.stations[from.index()].life;
        let answer = self.now.saturating_add(self.network.round_trip(from, to));
        self.schedule(answer, to, from, Event::Connect { life, planned });
    }

    /// Both ends learn of a connection at the same instant, one round trip after it was asked for.
    pub(super) fn connect(&mut self, from: Peer, to: Peer, life: u32, planned: bool) {
        if !self.is_up(from) || self.stations[from.index()].life != life {
            return;
        }
        let ends = [(from, to), (to, from)];
        let standing =
            ends.map(|(peer, other)| self.stations[peer.index()].ends.get(&other).map(|end| end.connection));
        if standing[0].is_some() && standing[0] == standing[1] {
            return;
        }
        if !self.is_up(to) || self.network.is_cut(from, to) {
            if !planned {
                self.input(from, Input::PeerDown { peer: to, why: Why::Unreachable });
            }
            return;
        }
        for ((peer, other), connection) in ends.into_iter().zip(standing) {
            // The word that the other end has closed the one before is still on its way.
            if let Some(connection) = connection {
                self.lose_connection(peer, other, connection, Why::HungUp);
            }
        }
        self.connections += 1;
        let links = if planned { [Link::Planned; 2] } else { [Link::Dialled, Link::Accepted] };
        for ((peer, other), link) in ends.into_iter().zip(links) {
            self.stations[peer.index()].add_end(other, End::new(self.connections, link));
        }
        for ((peer, other), link) in ends.into_iter().zip(links) {
            self.input(peer, Input::PeerUp { peer: other, link });
        }
    }

    /// Tells the other end of a connection that this end has closed it, behind all that was sent over it.
    pub(super) fn close(&mut self, from: Peer, to: Peer, end: &End, why: Why) {
        let closed = Event::Closed { connection: end.connection, why };
        if self.network.is_cut(from, to) {
            self.held.entry((from, to)).or_default().push(closed);
        } else {
            let arrival = self.now.saturating_add(self.network.latency(from, to)).max(end.drained());
            self.schedule(arrival, to, from, closed);
        }
    }

    pub(super) fn lose_connection(&mut self, peer: Peer, other: Peer, connection: u64, why: Why) {
        if self.end_is(peer, other, connection) {
            self.stations[peer.index()].remove_end(other);
            self.end_fetches(peer, other, why);
            self.input(peer, Input::PeerDown { peer: other, why });
        }
    }
}
