//! Whom a peer is connected with.
//!
//! libp2p may hold several connections between two peers, for both may dial at the same time. To machines there is one at a time:
//! the one that this end sends over, which is the first that stood. What comes over any of them is heeded. When the one that
//! is sent over ends, machines are told so, and of another that stands as of a new one.

use std::collections::{BTreeMap, HashMap};

use libp2p::swarm::ConnectionId;
use peerlab_scenarios::host::{Circle, Link, Peer};

/// One connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Open {
    id: ConnectionId,
    dialled: bool,
}

/// Connections with one peer.
#[derive(Debug, Default)]
struct Ends {
    /// What machines know of.
    current: Option<(ConnectionId, Link)>,
    /// All that stand and are not being ended, in the order in which they came to stand.
    open: Vec<Open>,
}

/// Whom an overlay wants a connection to at all times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lasting {
    /// Nobody but whom it chooses.
    Chosen,
    /// The neighbours of the plan.
    Planned,
    /// Everybody in an open room.
    All,
}

/// The connections of a peer.
#[derive(Debug)]
pub(super) struct Connections {
    /// The neighbours of the plan.
    circle: Circle,
    lasting: Lasting,
    ends: BTreeMap<Peer, Ends>,
    /// Every connection that libp2p has, those that are being ended among them.
    peers: HashMap<ConnectionId, Peer>,
}

impl Connections {
    /// None yet, of a peer with these neighbours in the plan, in ascending order.
    pub(super) fn new(known: Vec<Peer>, lasting: Lasting) -> Self {
        let circle = Circle { live: Vec::new(), known };
        Self { circle, lasting, ends: BTreeMap::new(), peers: HashMap::new() }
    }

    /// The neighbours of the plan.
    pub(super) fn circle(&self) -> &Circle {
        &self.circle
    }

    /// Whether a peer is one that the overlay wants a connection to at all times.
    pub(super) fn is_planned(&self, peer: Peer) -> bool {
        match self.lasting {
            Lasting::Chosen => false,
            Lasting::Planned => self.circle.known.binary_search(&peer).is_ok(),
            Lasting::All => true,
        }
    }

    /// The connection that is sent over to a peer.
    pub(super) fn current(&self, peer: Peer) -> Option<ConnectionId> {
        self.ends.get(&peer)?.current.map(|(id, _)| id)
    }

    /// Whose idea the connection with a peer was.
    pub(super) fn link(&self, peer: Peer) -> Option<Link> {
        self.ends.get(&peer)?.current.map(|(_, link)| link)
    }

    /// The other end of a connection.
    pub(super) fn peer(&self, id: ConnectionId) -> Option<Peer> {
        self.peers.get(&id).copied()
    }

    /// All connections.
    pub(super) fn all(&self) -> impl Iterator<Item = (ConnectionId, Peer)> + '_ {
        self.peers.iter().map(|(id, peer)| (*id, *peer))
    }

    /// Those whom machines are connected with, in ascending order.
    pub(super) fn connected(&self) -> impl Iterator<Item = Peer> + '_ {
        self.ends.iter().filter(|(_, ends)| ends.current.is_some()).map(|(peer, _)| *peer)
    }

    /// Whether what comes over a connection is heeded: it is not one that is being ended.
    pub(super) fn is_open(&self, id: ConnectionId) -> bool {
        let ends = self.peer(id).and_then(|peer| self.ends.get(&peer));
        ends.is_some_and(|ends| ends.open.iter().any(|open| open.id == id))
    }

    /// A connection stands. Tells what machines are to be told: of a link, when there was none.
    pub(super) fn established(&mut self, peer: Peer, id: ConnectionId, dialled: bool) -> Option<Link> {
        self.peers.insert(id, peer);
        self.ends.entry(peer).or_default().open.push(Open { id, dialled });
        self.promote(peer)
    }

    /// A connection is no longer to be used, though it may last a moment. True when machines knew of it.
    pub(super) fn retire(&mut self, id: ConnectionId) -> bool {
        let Some(ends) = self.peer(id).and_then(|peer| self.ends.get_mut(&peer)) else { return false };
        ends.open.retain(|open| open.id != id);
        let was_current = ends.current.is_some_and(|(current, _)| current == id);
        if was_current {
            ends.current = None;
            let peer = self.peers[&id];
            self.circle.live.retain(|link| *link != peer);
        }
        was_current
    }

    /// A connection has ended. Gives its other end, and whether machines knew of it.
    pub(super) fn closed(&mut self, id: ConnectionId) -> Option<(Peer, bool)> {
        let was_current = self.retire(id);
        let peer = self.peers.remove(&id)?;
        if self.ends.get(&peer).is_some_and(|ends| ends.open.is_empty() && ends.current.is_none()) {
            self.ends.remove(&peer);
        }
        Some((peer, was_current))
    }

    /// Lets the oldest connection with a peer that stands be the one that is sent over, if there is none. Gives the new link.
    pub(super) fn promote(&mut self, peer: Peer) -> Option<Link> {
        let planned = self.is_planned(peer);
        let ends = self.ends.get_mut(&peer)?;
        if ends.current.is_some() {
            return None;
        }
        let open = ends.open.first()?;
        let link = match (planned, open.dialled) {
            (true, _) => Link::Planned,
            (false, true) => Link::Dialled,
            (false, false) => Link::Accepted,
        };
        ends.current = Some((open.id, link));
        if link == Link::Planned
            && let Err(place) = self.circle.live.binary_search(&peer)
        {
            self.circle.live.insert(place, peer);
        }
        Some(link)
    }

    /// All connections with a peer that are not being ended.
    pub(super) fn open_with(&self, peer: Peer) -> Vec<ConnectionId> {
        self.ends.get(&peer).map(|ends| ends.open.iter().map(|open| open.id).collect()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OTHER: Peer = Peer(5);

    fn id(number: usize) -> ConnectionId {
        ConnectionId::new_unchecked(number)
    }

    #[test]
    fn of_two_connections_the_first_counts_and_the_other_takes_over() {
        let mut connections = Connections::new(vec![Peer(1)], Lasting::Planned);
        assert_eq!(connections.established(OTHER, id(1), true), Some(Link::Dialled));
        assert_eq!(connections.established(OTHER, id(2), false), None);
        assert_eq!(connections.current(OTHER), Some(id(1)));
        assert_eq!(connections.closed(id(1)), Some((OTHER, true)));
        assert_eq!(connections.promote(OTHER), Some(Link::Accepted));
        assert_eq!(connections.closed(id(2)), Some((OTHER, true)));
        assert_eq!((connections.promote(OTHER), connections.connected().count()), (None, 0));
    }

    #[test]
    fn the_end_of_one_that_is_not_sent_over_is_nobodys_business() {
        let mut connections = Connections::new(vec![], Lasting::Planned);
        connections.established(OTHER, id(1), true);
        connections.established(OTHER, id(2), false);
        assert_eq!(connections.closed(id(2)), Some((OTHER, false)));
        assert_eq!(connections.current(OTHER), Some(id(1)));
    }

    #[test]
    fn neighbours_of_the_plan_are_links_only_for_an_overlay_that_lives_on_them() {
        let mut planned = Connections::new(vec![Peer(1), OTHER], Lasting::Planned);
        assert_eq!(planned.established(OTHER, id(1), false), Some(Link::Planned));
        assert_eq!(planned.established(Peer(1), id(2), false), Some(Link::Planned));
        assert_eq!(planned.circle().live, [Peer(1), OTHER]);
        assert!(planned.retire(id(1)) && !planned.is_open(id(1)));
        assert_eq!((planned.circle().live.clone(), planned.peer(id(1))), (vec![Peer(1)], Some(OTHER)));
        let mut chosen = Connections::new(vec![OTHER], Lasting::Chosen);
        assert_eq!(chosen.established(OTHER, id(1), false), Some(Link::Accepted));
        assert!(chosen.circle().live.is_empty());
        let mut open = Connections::new(vec![], Lasting::All);
        assert_eq!(
            (open.established(OTHER, id(1), false), open.circle().live.len()),
            (Some(Link::Planned), 1)
        );
    }
}
