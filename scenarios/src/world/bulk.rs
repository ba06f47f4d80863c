//! Bulk transfer between the peers of a [`World`]: an item that is fetched comes as a message on the bulk lane does. How long its
//! bytes take is not shown here, for links have no bandwidth.

use std::sync::Arc;

use super::{Event, Shared, World};
use crate::{
    host::{Ask, Input, Lane, Machine, Msg, Overlay, Payload, Peer, ReqId, Why},
    wire::{Item, ItemId, Kind, Note},
};

impl<O: Overlay<Shared>, R: Machine<Shared>> World<O, R> {
    pub(super) fn fetch(&mut self, peer: Peer, req: ReqId, from: Peer, what: ItemId) {
        self.stations[peer.index()].fetches.insert(req, from);
        if self.stations[peer.index()].ends.contains_key(&from) {
            self.tell(peer, from, Kind::Fetch, Note::Fetch(req, what));
        } else {
            self.schedule(self.now, peer, from, Event::NotFetched(req));
        }
    }

    pub(super) fn abort(&mut self, peer: Peer, req: ReqId) {
        if let Some(from) = self.stations[peer.index()].fetches.remove(&req) {
            self.tell(peer, from, Kind::Abort, Note::Request(req));
        }
    }

    pub(super) fn serve(&mut self, peer: Peer, ask: Ask, item: &Arc<Item>) {
        if self.stations[peer.index()].asked.remove(&ask) {
            let shared = Shared;
            let event = |connection| Event::Served {
                connection,
                req: ask.req,
                item: shared.item_over_the_wire(item),
            };
            self.put_on_the_way(peer, ask.by, Lane::Bulk, Kind::Serve, event);
        }
    }

    pub(super) fn refuse(&mut self, peer: Peer, ask: Ask) {
        if self.stations[peer.index()].asked.remove(&ask) {
            self.tell(peer, ask.by, Kind::Refuse, Note::Request(ask.req));
        }
    }

    fn tell(&mut self, from: Peer, to: Peer, kind: Kind, note: Note) {
        self.send(from, to, Lane::Reliable, &Msg::new(kind, 0, Payload::Note(Arc::new(note))));
    }

    /// What hosts say to one another about fetches.
    pub(super) fn hear_of_fetch(&mut self, peer: Peer, from: Peer, msg: &Msg<Shared>) {
        let Payload::Note(note) = &msg.payload else { return };
        match (msg.kind, &**note) {
            (Kind::Fetch, &Note::Fetch(req, what)) => {
                let ask = Ask { by: from, req };
                if self.stations[peer.index()].asked.insert(ask) {
                    self.input(peer, Input::Asked { ask, what });
                }
            }
            (Kind::Abort, &Note::Request(req)) => {
                self.stations[peer.index()].asked.remove(&Ask { by: from, req });
            }
            (Kind::Refuse, &Note::Request(req)) => self.fetched(peer, from, req, Err(Why::Refused)),
            (kind, note) => panic!("{note:?} is not what a host says by {kind:?}"),
        }
    }

    /// Ends a fetch, if it is still wanted from that peer.
    pub(super) fn fetched(&mut self, peer: Peer, from: Peer, req: ReqId, result: Result<Arc<Item>, Why>) {
        let fetches = &mut self.stations[peer.index()].fetches;
        if fetches.get(&req) == Some(&from) {
            fetches.remove(&req);
            self.input(peer, Input::Fetched { req, result });
        }
    }

    /// A connection ended, and with it what was fetched over it in either direction.
    pub(super) fn end_fetches(&mut self, peer: Peer, other: Peer, why: Why) {
        let station = &mut self.stations[peer.index()];
        station.asked.retain(|ask| ask.by != other);
        let ended: Vec<ReqId> =
            station.fetches.iter().filter(|(_, from)| **from == other).map(|(&req, _)| req).collect();
        for req in ended {
            self.fetched(peer, other, req, Err(why));
        }
    }
}
