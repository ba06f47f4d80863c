//! Who is there: members give signs of life through the overlay, and whoever is silent for too long counts as gone.

use crate::{
    host::{Cx, Host, Peer},
    report::Fact,
    units::Nanos,
};

/// What is known of another member.
#[derive(Clone, Copy, Debug)]
struct Contact {
    online: bool,
    /// When it gave its latest sign of life, by its own clock: an older one that comes later says nothing new.
    said: Nanos,
    /// When that came.
    heard: Nanos,
}

const UNKNOWN: Contact = Contact { online: false, said: Nanos::ZERO, heard: Nanos::ZERO };

/// The members that this peer shares a room with, and which of them are there.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// In ascending order. They stand by themselves because most signs that come through an overlay are of others: to find that
    /// out touches few lines of the cache.
    peers: Vec<Peer>,
    /// In the same order.
    contacts: Vec<Contact>,
    /// Whether whoever gives a sign of life is a member.
    is_open: bool,
    /// When the timer is due.
    due: Option<Nanos>,
}

/// A sign of life that came through the overlay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sign {
    pub(super) from: Peer,
    /// When it was given, by the clock of who gave it.
    pub(super) said: Nanos,
    /// Whether it says that the member is leaving.
    pub(super) leaving: bool,
}

impl Contacts {
    /// Watches these peers, none of which is known to be there; and in an open room all of whom there will be a sign.
    pub(super) fn new(mut peers: Vec<Peer>, is_open: bool) -> Self {
        peers.sort_unstable();
        peers.dedup();
        Self { contacts: vec![UNKNOWN; peers.len()], peers, is_open, due: None }
    }

    fn place(&mut self, peer: Peer, me: Peer) -> Option<usize> {
        match self.peers.binary_search(&peer) {
            Ok(place) => Some(place),
            Err(place) if self.is_open && peer != me => {
                self.peers.insert(place, peer);
                self.contacts.insert(place, UNKNOWN);
                Some(place)
            }
            Err(_) => None,
        }
    }

    /// Takes in a sign of life. Answers when to look again, if that is not settled yet.
    pub(super) fn hear<H: Host>(
        &mut self,
        cx: &mut Cx<'_, H>,
        workload: u8,
        timeout: Nanos,
        sign: Sign,
    ) -> Option<Nanos> {
        let place = self.place(sign.from, cx.me)?;
        let contact = &mut self.contacts[place];
        // What took longer to come than a member may be silent says nothing of now.
        if sign.said < contact.said || sign.said.saturating_add(timeout) <= cx.now {
            return None;
        }
        (contact.said, contact.heard) = (sign.said, cx.now);
        if contact.online == sign.leaving {
            contact.online = !sign.leaving;
            let (about, online) = (sign.from, contact.online);
            cx.record(Fact::PresenceSeen { workload, about, online, heard: contact.heard });
        }
        if self.due.is_some() || sign.leaving {
            return None;
        }
        self.due = Some(cx.now.saturating_add(timeout));
        self.due
    }

    /// Counts those as gone that were silent for too long. Answers when to look again: when the first of the others
    /// could be.
    pub(super) fn look<H: Host>(
        &mut self,
        cx: &mut Cx<'_, H>,
        workload: u8,
        timeout: Nanos,
    ) -> Option<Nanos> {
        self.due = None;
        let contacts = self.peers.iter().zip(&mut self.contacts);
        for (&about, contact) in contacts.filter(|(_, contact)| contact.online) {
            let deadline = contact.heard.saturating_add(timeout);
            if deadline <= cx.now {
                contact.online = false;
                let heard = contact.heard;
                cx.record(Fact::PresenceSeen { workload, about, online: false, heard });
            } else {
                self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
            }
        }
        self.due
    }

    /// When a member last gave a sign of life, by this peer's clock, and whether it counts as there.
    pub(super) fn last_seen(&self, peer: Peer) -> Option<(Nanos, bool)> {
        let place = self.peers.binary_search(&peer).ok()?;
        let contact = &self.contacts[place];
        (contact.heard > Nanos::ZERO).then_some((contact.heard, contact.online))
    }
}
