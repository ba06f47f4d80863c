//! What is known of the members of an open room, and of who may be one, beyond those who are connected.

use std::collections::{BTreeMap, HashMap};

use libp2p::{Multiaddr, PeerId, swarm::ConnectionId};
use peerlab_scenarios::host::Peer;

/// Dials in a row that may fail, before a member counts as gone for good.
const MOST_FAILURES: u32 = 20;

/// Calls to somebody found on the local network, before it counts as somebody who does not talk to this room.
const MOST_CALLS: u32 = 20;

/// Where somebody listens, and how often it was called for nothing.
#[derive(Debug)]
struct Place {
    addresses: Vec<Multiaddr>,
    calls: u32,
}

/// What is known of others beyond those who are connected.
#[derive(Debug, Default)]
pub(super) struct Doorway {
    /// Addresses that were given, whoever is there.
    pub(super) contacts: Vec<Multiaddr>,
    /// Contacts that are being dialled.
    pub(super) dialling: HashMap<ConnectionId, Multiaddr>,
    /// Who has connected and not introduced itself, and whether this end has dialled it.
    pub(super) strangers: HashMap<ConnectionId, (PeerId, bool)>,
    /// Members who are known to listen.
    members: BTreeMap<Peer, Place>,
    /// Who was found on the local network and has not introduced itself.
    found: BTreeMap<PeerId, Place>,
}

impl Doorway {
    pub(super) fn new(contacts: Vec<Multiaddr>) -> Self {
        Self { contacts, ..Self::default() }
    }

    /// Where a member listens, as far as is known.
    pub(super) fn addresses_of(&self, peer: Peer) -> &[Multiaddr] {
        self.members.get(&peer).map_or(&[], |place| &place.addresses)
    }

    /// A member has told where it listens.
    pub(super) fn listens(&mut self, peer: Peer, addresses: Vec<Multiaddr>) {
        self.members.insert(peer, Place { addresses, calls: 0 });
    }

    /// A dial came to nothing.
    pub(super) fn failed(&mut self, peer: Peer) {
        if let Some(place) = self.members.get_mut(&peer) {
            place.calls += 1;
            if place.calls >= MOST_FAILURES {
                self.members.remove(&peer);
            }
        }
    }

    /// A member has left in good order: it is not to be found where it was.
    pub(super) fn has_left(&mut self, peer: Peer) {
        self.members.remove(&peer);
    }

    /// Somebody was found on the local network, or listens there at more addresses than were known.
    #[cfg(feature = "net")]
    pub(super) fn found(&mut self, id: PeerId, addresses: Vec<Multiaddr>) {
        let place = self.found.entry(id).or_insert(Place { addresses: Vec::new(), calls: 0 });
        place.calls = 0;
        for address in addresses {
            if !place.addresses.contains(&address) {
                place.addresses.push(address);
            }
        }
    }

    /// Somebody is not to be found at an address any more.
    #[cfg(feature = "net")]
    pub(super) fn expired(&mut self, id: PeerId, address: &Multiaddr) {
        if let Some(place) = self.found.get_mut(&id) {
            place.addresses.retain(|known| known != address);
            if place.addresses.is_empty() {
                self.found.remove(&id);
            }
        }
    }

    /// Where to call somebody who was found, if it is to be called once more.
    pub(super) fn next_call(&mut self, id: PeerId) -> Option<Vec<Multiaddr>> {
        let place = self.found.get_mut(&id)?;
        if place.calls >= MOST_CALLS {
            self.found.remove(&id);
            return None;
        }
        place.calls += 1;
        Some(place.addresses.clone())
    }

    /// Somebody who was found has introduced itself, or turned out to be no member.
    pub(super) fn met(&mut self, id: PeerId) {
        self.found.remove(&id);
    }
}

#[cfg(all(test, feature = "net"))]
mod tests {
    use super::*;

    fn address(port: u16) -> Multiaddr {
        format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("it is one")
    }

    #[test]
    fn who_is_found_is_called_again_and_again_but_not_for_ever() {
        let (mut doorway, id) = (Doorway::default(), PeerId::random());
        doorway.found(id, vec![address(1)]);
        for _ in 0..MOST_CALLS {
            assert_eq!(doorway.next_call(id), Some(vec![address(1)]));
        }
        assert_eq!(doorway.next_call(id), None);
        // Who is found anew has another chance, at all addresses that it was found at.
        doorway.found(id, vec![address(1)]);
        doorway.found(id, vec![address(1), address(2)]);
        assert_eq!(doorway.next_call(id), Some(vec![address(1), address(2)]));
    }

    #[test]
    fn who_was_met_or_is_gone_is_not_called() {
        let (mut doorway, met, gone) = (Doorway::default(), PeerId::random(), PeerId::random());
        doorway.found(met, vec![address(1)]);
        doorway.found(gone, vec![address(2), address(3)]);
        doorway.met(met);
        doorway.expired(gone, &address(2));
        assert_eq!((doorway.next_call(met), doorway.next_call(gone)), (None, Some(vec![address(3)])));
        doorway.expired(gone, &address(3));
        assert_eq!(doorway.next_call(gone), None);
    }

    #[test]
    fn a_member_that_does_not_answer_counts_as_gone_in_the_end() {
        let mut doorway = Doorway::default();
        doorway.listens(Peer(1), vec![address(1)]);
        for _ in 1..MOST_FAILURES {
            doorway.failed(Peer(1));
        }
        assert_eq!(doorway.addresses_of(Peer(1)), [address(1)]);
        doorway.failed(Peer(1));
        assert!(doorway.addresses_of(Peer(1)).is_empty());
    }
}
