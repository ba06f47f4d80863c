//! Connections, and the streams on them: one for each request, which is proposed, accepted and then carries the request
//! (`handler.rs`; multistream-select's version V1, which libp2p uses, waits for the other end before it says what it wants).

use std::collections::VecDeque;

use peerlab_scenarios::{
    host::{Cx, Lane, Msg, Payload, Peer},
    units::Nanos,
    wire::Kind,
};

use super::{IDLE, Kademlia};
use crate::engine::{
    kad::{Rpc, Target},
    store::Store,
};

/// All goes over one connection with its order.
pub(super) const LANE: Lane = Lane::Reliable;

/// How long a stream waits for an answer before it is given up (`DEFAULT_SUBSTREAMS_TIMEOUT_S`).
const STREAM_TIMEOUT: Nanos = Nanos::from_secs(10);

/// What a stream that was proposed is for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Proposal {
    /// The request of a lookup.
    Request(u32),
    /// The record of this peer as a provider.
    Record(Target),
}

/// A connection that stands.
#[derive(Debug)]
pub(super) struct Connection {
    /// Whether Kademlia dialled it, and so ends it when it is idle.
    mine: bool,
    /// When something last came or went.
    pub(super) used: Nanos,
    /// Streams that were proposed and not accepted yet, in their order.
    proposed: VecDeque<Proposal>,
    /// Requests without an answer.
    unanswered: u32,
}

impl Connection {
    pub(super) const fn new(mine: bool, now: Nanos) -> Self {
        Self { mine, used: now, proposed: VecDeque::new(), unanswered: 0 }
    }

    pub(super) fn is_busy(&self) -> bool {
        self.unanswered > 0 || !self.proposed.is_empty()
    }

    /// When it has been idle for `most`, if nothing more comes or goes.
    fn idle_at(&self, most: Nanos) -> Nanos {
        let stream = if self.is_busy() { STREAM_TIMEOUT } else { Nanos::ZERO };
        self.used.saturating_add(stream).saturating_add(most)
    }
}

impl Kademlia {
    /// Proposes a stream for the request of a lookup, on a connection that stands.
    pub(super) fn open_stream(&mut self, cx: &mut Cx<'_, Store>, peer: Peer, query: u32) {
        self.propose(cx, peer, Proposal::Request(query));
    }

    pub(super) fn propose(&mut self, cx: &mut Cx<'_, Store>, peer: Peer, proposal: Proposal) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        connection.used = cx.now;
        connection.proposed.push_back(proposal);
        cx.send(peer, LANE, Msg::new(Kind::KadStream, 0, Payload::Nothing));
    }

    /// The other end accepts the first of the streams that were proposed: it serves.
    pub(super) fn stream_accepted(&mut self, cx: &mut Cx<'_, Store>, peer: Peer) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        let Some(proposal) = connection.proposed.pop_front() else { return };
        let rpc = match proposal {
            Proposal::Record(target) => Some(Rpc::AddProvider { target }),
            Proposal::Request(query) => self.queries.get(&query).map(|it| it.request(query)),
        };
        // A lookup that has ended meanwhile has nothing more to ask.
        if let Some(rpc) = rpc {
            connection.unanswered += u32::from(!matches!(rpc, Rpc::AddProvider { .. }));
            let note = cx.host_mut().make_kad(rpc, self.me);
            cx.send(peer, LANE, Msg::new(Kind::KadRpc, 0, Payload::Note(note)));
        }
        self.take_in(cx, peer);
    }

    /// The other end does not serve.
    pub(super) fn stream_refused(&mut self, cx: &mut Cx<'_, Store>, peer: Peer) {
        let Some(connection) = self.connections.get_mut(&peer) else { return };
        if let Some(Proposal::Request(query)) = connection.proposed.pop_front()
            && let Some(query) = self.queries.get_mut(&query)
        {
            query.failed(&self.plan, &mut self.counts, peer);
        }
        let key = self.key(peer);
        self.table.update(cx.now, peer, key, false);
        self.go_on(cx);
    }

    /// A request was answered.
    pub(super) fn note_answer(&mut self, peer: Peer) {
        if let Some(connection) = self.connections.get_mut(&peer) {
            connection.unanswered = connection.unanswered.saturating_sub(1);
        }
    }

    /// Sets the timer by which the next connection may have been idle for too long.
    pub(super) fn watch_idle(&mut self, cx: &mut Cx<'_, Store>) {
        if self.idles_at != Nanos::NEVER {
            return;
        }
        let most = self.plan.spec().idle_timeout;
        let mine = self.connections.values().filter(|connection| connection.mine);
        let next = mine.map(|connection| connection.idle_at(most)).min();
        if let Some(next) = next {
            self.idles_at = next.max(cx.now.saturating_add(Nanos(1)));
            cx.set_timer(IDLE, self.idles_at);
        }
    }

    /// Notes the connections that have been idle for too long, of those that Kademlia dialled.
    pub(super) fn find_idle(&mut self) {
        let (now, most) = (self.now, self.plan.spec().idle_timeout);
        for (&peer, connection) in &mut self.connections {
            if connection.mine && connection.idle_at(most) <= now {
                // Whether it ends is for the overlay to say as well, which is not asked again at once.
                connection.used = now;
                self.idle.push(peer);
            }
        }
    }

    /// Hands out the connections that were found idle.
    pub(super) fn take_idle(&mut self) -> Vec<Peer> {
        std::mem::take(&mut self.idle)
    }
}
