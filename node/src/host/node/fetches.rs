//! What is fetched and served.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use libp2p::swarm::ConnectionId;
use peerlab_report::traffic::Loss;
use peerlab_scenarios::{
    host::{Ask, Input, Machine, Msg, Payload, Peer, ReqId, Why},
    wire::{Item, ItemId, Kind, Note},
};

use super::{Node, Phase};
use crate::host::{Entry, Native, bulk, pieces};

/// A fetch under way.
#[derive(Clone, Copy, Debug)]
struct Fetch {
    req: ReqId,
    from: Peer,
    what: ItemId,
}

/// The fetches of a peer, in both directions.
#[derive(Debug, Default)]
pub(super) struct Fetches {
    /// Under way, by the number that the bulk lane gave each.
    out: HashMap<u64, Fetch>,
    by_req: BTreeMap<ReqId, u64>,
    /// Who asked and has no answer.
    asked: BTreeMap<Ask, bulk::Asked>,
    /// Answers on their way, and to whom.
    answers: BTreeMap<bulk::Asked, Peer>,
}

impl Fetches {
    fn take(&mut self, number: u64) -> Option<Fetch> {
        let fetch = self.out.remove(&number)?;
        self.by_req.remove(&fetch.req);
        Some(fetch)
    }

    /// Those that are still under way, requests and answers together.
    pub(super) fn under_way(&self) -> usize {
        self.out.len() + self.answers.len()
    }
}

impl<R: Machine<Native>> Node<R> {
    pub(super) fn fetch(&mut self, req: ReqId, from: Peer, what: ItemId) {
        let Some(connection) = self.connections.current(from) else {
            self.inputs.push_back(Input::Fetched { req, result: Err(Why::Unreachable) });
            return;
        };
        let msg = Msg::new(Kind::Fetch, 0, Payload::Note(Arc::new(Note::Fetch(req, what))));
        let request = self.encode(&msg);
        self.traffic.sent(Kind::Fetch, request.len() as u32);
        let number = self.swarm.behaviour_mut().bulk.ask(self.roster.id(from), connection, request);
        self.fetches.out.insert(number, Fetch { req, from, what });
        self.fetches.by_req.insert(req, number);
    }

    pub(super) fn abort(&mut self, req: ReqId) {
        let Some(number) = self.fetches.by_req.get(&req).copied() else { return };
        let Some(fetch) = self.fetches.take(number) else { return };
        self.traffic.lost(Loss::Aborted);
        let came = self.swarm.behaviour_mut().bulk.abort(number);
        if came > 0 {
            self.entries.push(Entry::Discarded(self.clock.now(), fetch.what.workload(), came));
        }
    }

    pub(super) fn serve(&mut self, ask: Ask, item: Arc<Item>) {
        self.answer(ask, &Msg::new(Kind::Serve, 0, Payload::Item(item)));
    }

    pub(super) fn refuse(&mut self, ask: Ask) {
        self.answer(ask, &Msg::new(Kind::Refuse, 0, Payload::Note(Arc::new(Note::Request(ask.req)))));
    }

    fn answer(&mut self, ask: Ask, msg: &Msg<Native>) {
        let Some(asked) = self.fetches.asked.remove(&ask) else { return };
        let frame = pieces::of(msg, &self.native);
        self.traffic.sent(msg.kind, frame.iter().map(bytes::Bytes::len).sum::<usize>() as u32);
        self.fetches.answers.insert(asked, ask.by);
        self.swarm.behaviour_mut().bulk.answer(self.roster.id(ask.by), asked, frame);
    }

    pub(super) fn on_bulk(&mut self, event: bulk::Event) {
        match event {
            bulk::Event::Asked { asked, request } => self.asked(asked, &request),
            bulk::Event::Answered { asked, result } => {
                if self.fetches.answers.remove(&asked).is_some() {
                    match result {
                        Ok(()) => self.traffic.delivered += 1,
                        Err(_) => self.traffic.lost(Loss::Aborted),
                    }
                }
            }
            bulk::Event::Came { fetch, result } => {
                let Some(fetch) = self.fetches.take(fetch) else { return };
                match result {
                    Ok(frame) => {
                        self.traffic.delivered += 1;
                        self.fetched(fetch, &frame);
                    }
                    Err(_) => {
                        self.traffic.lost(Loss::Broken);
                        self.brought(fetch.req, Err(Why::HungUp));
                    }
                }
            }
        }
    }

    fn asked(&mut self, asked: bulk::Asked, request: &bytes::Bytes) {
        let by =
            self.connections.peer(asked.connection).filter(|_| self.connections.is_open(asked.connection));
        let msg = self.contents.message(request).ok();
        let (Some(by), Some(msg), Phase::Running) = (by, msg, self.phase) else { return };
        let Msg { kind: Kind::Fetch, payload: Payload::Note(note), .. } = &msg else { return };
        let Note::Fetch(req, what) = **note else { return };
        self.came(&msg, request.len() as u32);
        let ask = Ask { by, req };
        self.fetches.asked.insert(ask, asked);
        self.inputs.push_back(Input::Asked { ask, what });
    }

    /// The answer to a fetch has come.
    fn fetched(&mut self, fetch: Fetch, frame: &bytes::Bytes) {
        let result = match self.contents.message(frame) {
            Ok(msg) => match &msg.payload {
                Payload::Item(item) if msg.kind == Kind::Serve && item.id == fetch.what => {
                    self.came(&msg, frame.len() as u32);
                    Ok(Arc::clone(item))
                }
                _ if msg.kind == Kind::Refuse => {
                    self.came(&msg, frame.len() as u32);
                    Err(Why::Refused)
                }
                _ => Err(Why::HungUp),
            },
            Err(_) => Err(Why::HungUp),
        };
        self.brought(fetch.req, result);
    }

    fn brought(&mut self, req: ReqId, result: Result<Arc<Item>, Why>) {
        if self.phase == Phase::Running {
            self.inputs.push_back(Input::Fetched { req, result });
        }
    }

    /// The connection with a peer has ended, and with it what was fetched over it in either direction.
    pub(super) fn end_fetches(&mut self, peer: Peer, why: Why) {
        let ended: Vec<u64> = self
            .fetches
            .out
            .iter()
            .filter(|(_, fetch)| fetch.from == peer)
            .map(|(number, _)| *number)
            .collect();
        for number in ended {
            self.swarm.behaviour_mut().bulk.abort(number);
            self.traffic.lost(Loss::Broken);
            if let Some(fetch) = self.fetches.take(number) {
                self.brought(fetch.req, Err(why));
            }
        }
        self.fetches.asked.retain(|ask, _| ask.by != peer);
        let answers = self.fetches.answers.len();
        self.fetches.answers.retain(|_, to| *to != peer);
        self.traffic.lost[Loss::Broken as usize] += (answers - self.fetches.answers.len()) as u64;
    }

    /// The end of answers on connections that machines did not know of.
    pub(super) fn forget_answers(&mut self, connection: ConnectionId) {
        let answers = self.fetches.answers.len();
        self.fetches.answers.retain(|asked, _| asked.connection != connection);
        self.fetches.asked.retain(|_, asked| asked.connection != connection);
        self.traffic.lost[Loss::Broken as usize] += (answers - self.fetches.answers.len()) as u64;
    }
}
