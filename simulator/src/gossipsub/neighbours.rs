//! The connected peers, and what is written to them.
//!
//! A message is handed to the network at once as long as what this peer has sent and not yet got out fits the buffers of its
//! connections; what comes later waits in their queues, and each connection writes one message in its turn when there is
//! room again. libp2p's handler writes whenever its stream takes more, which is the same for streams that share one link.

use peerlab_scenarios::{
    host::{Cx, Lane, Msg, Payload, Peer, TimerKey},
    report::PubsubCount,
    units::Nanos,
};
use thin_vec::ThinVec;

use super::{
    counts::Counts,
    queue::{Outgoing, Queue},
    roster::{Number, Register, Roster},
};
use crate::engine::{
    prefetch,
    rpc::Rpc,
    store::{ItemRef, Store},
};

/// Time to see whether the connections take more.
pub(super) const WRITE: TimerKey = TimerKey(1);

/// What is known of a connected peer, besides its number.
#[derive(Debug, Default)]
pub(super) struct Neighbour {
    /// Whether this side dialled.
    outbound: bool,
    /// Announcements that came since the last heartbeat.
    pub(super) announced: u32,
    /// Items asked for since then.
    pub(super) asked: u32,
    /// What waits for its connection, when something does.
    queue: Option<Box<Queue>>,
}

/// All connected peers, and the way to them.
///
/// Fields are laid out as they stand here; most messages touch all but `rest`.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Neighbours {
    roster: Roster,
    rest: Box<Rest>,
    /// Who did not take a message in time, until that is held against them.
    pub(super) slow: ThinVec<Peer>,
    /// How many have a queue.
    waiting: u32,
}

/// What only a message touches that makes this peer say something.
#[derive(Debug)]
struct Rest {
    register: Register,
    /// By their numbers.
    all: Vec<Neighbour>,
    /// Bytes that may wait for each connection outside of its queue.
    buffer: u64,
    /// Bytes that the network still takes, at an instant and while the uplink is free from another on: the host counts what is sent
    /// when a step is over.
    room: i64,
    room_at: (Nanos, Nanos),
    /// Whose turn it is next, as a place in the register.
    turn: u32,
    most_data: usize,
}

impl Neighbours {
    pub(super) fn new(buffer: u64, most_data: usize) -> Self {
        let rest = Rest {
            register: Register::default(),
            all: Vec::new(),
            buffer,
            room: 0,
            room_at: (Nanos::NEVER, Nanos::NEVER),
            turn: 0,
            most_data,
        };
        Self { roster: Roster::default(), rest: Box::new(rest), slow: ThinVec::new(), waiting: 0 }
    }

    /// Asks for the memory that looking for one touches.
    #[inline]
    pub(super) fn prefetch(&self) {
        self.roster.prefetch();
    }

    /// Asks for the memory that sending something touches.
    #[inline]
    pub(super) fn prefetch_rest(&self) {
        prefetch::line(&*self.rest);
    }

    /// The number of a peer, if it is one of them.
    #[inline]
    pub(super) fn number(&self, peer: Peer) -> Option<Number> {
        self.roster.find(&self.rest.register, peer)
    }

    pub(super) fn contains(&self, peer: Peer) -> bool {
        self.number(peer).is_some()
    }

    /// The one that has this number.
    pub(super) fn at_mut(&mut self, number: Number) -> &mut Neighbour {
        &mut self.rest.all[number.index()]
    }

    pub(super) fn is_outbound(&self, peer: Peer) -> bool {
        self.number(peer).is_some_and(|number| self.rest.all[number.index()].outbound)
    }

    /// All of them, in ascending order.
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.rest.register.order().iter().map(|(peer, _)| *peer).collect()
    }

    /// A connection stands. False when one to this peer was known before.
    pub(super) fn add(&mut self, peer: Peer, outbound: bool) -> bool {
        let rest = &mut *self.rest;
        let Some(number) = self.roster.add(&mut rest.register, peer) else { return false };
        if number.index() == rest.all.len() {
            rest.all.push(Neighbour::default());
        }
        rest.all[number.index()].outbound = outbound;
        rest.room = rest.room.saturating_add(i64::try_from(rest.buffer).unwrap_or(i64::MAX));
        true
    }

    /// A connection ended, and with it what waited for it. The number that the peer had, if there was one.
    pub(super) fn remove(&mut self, peer: Peer) -> Option<Number> {
        let rest = &mut *self.rest;
        let number = self.roster.remove(&mut rest.register, peer)?;
        let neighbour = std::mem::take(&mut rest.all[number.index()]);
        self.waiting -= u32::from(neighbour.queue.is_some());
        Some(number)
    }

    /// The peer of this number does not want an item: it leaves its queue. How often it was there.
    #[inline]
    pub(super) fn call_off(&mut self, by: Number, item: ItemRef) -> u64 {
        if self.waiting == 0 {
            return 0;
        }
        self.rest.all[by.index()].queue.as_mut().map_or(0, |queue| queue.remove(item))
    }

    /// A heartbeat: counts begin anew.
    pub(super) fn heartbeat(&mut self) {
        for neighbour in &mut self.rest.all {
            (neighbour.announced, neighbour.asked) = (0, 0);
        }
    }

    /// Whether the network takes more at once, now that nothing waits.
    #[inline]
    fn is_clear(&mut self, cx: &Cx<'_, Store>) -> bool {
        self.waiting == 0 && self.rest.room(cx) > 0
    }

    /// Sends a message as soon as its connection takes it.
    #[inline]
    pub(super) fn write(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts, peer: Peer, out: Outgoing) {
        if self.is_clear(cx) {
            self.hand_over(cx, peer, out);
        } else {
            self.queue(cx, counts, peer, out);
        }
    }

    /// The same to several, who share its content if nothing waits.
    pub(super) fn write_to_all(
        &mut self,
        cx: &mut Cx<'_, Store>,
        counts: &mut Counts,
        peers: impl IntoIterator<Item = Peer>,
        rpc: &Rpc,
    ) {
        let mut shared = None;
        for peer in peers {
            if !self.is_clear(cx) {
                self.queue(cx, counts, peer, Outgoing::Rpc(rpc.clone()));
                continue;
            }
            let note = *shared.get_or_insert_with(|| cx.host_mut().make_rpc(rpc.clone()));
            self.put(cx, peer, Msg::new(Outgoing::kind_of(rpc), 0, Payload::Note(note)));
        }
    }

    #[inline]
    fn hand_over(&mut self, cx: &mut Cx<'_, Store>, to: Peer, out: Outgoing) {
        let kind = out.kind();
        let (hops, payload) = match out {
            Outgoing::Extensions => (0, Payload::Nothing),
            Outgoing::Rpc(rpc) => (0, Payload::Note(cx.host_mut().make_rpc(rpc))),
            Outgoing::Item { item, hops, .. } => (hops, Payload::Item(item)),
        };
        self.put(cx, to, Msg::new(kind, hops, payload));
    }

    #[inline]
    fn put(&mut self, cx: &mut Cx<'_, Store>, to: Peer, msg: Msg<Store>) {
        self.rest.room -= i64::from(cx.host().len_of(&msg));
        cx.send(to, Lane::Reliable, msg);
    }

    #[cold]
    fn queue(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts, peer: Peer, out: Outgoing) {
        let Some(number) = self.number(peer) else { return };
        let has_room = self.rest.room(cx) > 0;
        let is_waiting = self.rest.all[number.index()].queue.is_some();
        if has_room && !is_waiting {
            return self.hand_over(cx, peer, out);
        }
        if !is_waiting {
            if self.waiting == 0 {
                self.rest.wait(cx);
            }
            self.waiting += 1;
        }
        let Rest { all, most_data, .. } = &mut *self.rest;
        if !all[number.index()].queue.get_or_insert_default().push(out, *most_data) {
            self.drop(counts, peer);
        }
    }

    /// A message will not be sent.
    fn drop(&mut self, counts: &mut Counts, peer: Peer) {
        counts.add(PubsubCount::Dropped, 1);
        self.slow.push(peer);
    }

    /// Writes what waits, as far as there is room, one message of each connection in turn.
    pub(super) fn write_on(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts) {
        while self.waiting > 0 && self.rest.room(cx) > 0 {
            let rest = &mut *self.rest;
            rest.turn = (rest.turn + 1) % rest.register.len() as u32;
            let (peer, number) = rest.register.order()[rest.turn as usize];
            let neighbour = &mut rest.all[number.index()];
            let Some(queue) = &mut neighbour.queue else { continue };
            let next = queue.pop();
            if queue.is_empty() {
                neighbour.queue = None;
                self.waiting -= 1;
            }
            match next {
                Some(Outgoing::Item { until, .. }) if until <= cx.now => self.drop(counts, peer),
                Some(out) => self.hand_over(cx, peer, out),
                None => {}
            }
        }
        if self.waiting > 0 {
            self.rest.wait(cx);
        }
    }
}

impl Rest {
    /// Bytes that may be at the connections and the uplink, outside of queues.
    fn most(&self) -> u64 {
        self.buffer.saturating_mul(self.register.len() as u64)
    }

    /// Bytes that the network still takes.
    #[inline]
    fn room(&mut self, cx: &Cx<'_, Store>) -> i64 {
        let at = (cx.now, cx.uplink.free);
        if self.room_at != at {
            let most = i64::try_from(self.most()).unwrap_or(i64::MAX);
            let unsent = i64::try_from(cx.uplink.unsent(cx.now)).unwrap_or(i64::MAX);
            (self.room, self.room_at) = (most.saturating_sub(unsent), at);
        }
        self.room
    }

    /// Sets the timer to when half of what the connections hold has left.
    fn wait(&self, cx: &mut Cx<'_, Store>) {
        // What was sent in this step has not yet been counted by the host, so it may be too early: then it waits again.
        let at = cx.uplink.drained_to(self.most() / 2).max(cx.now.saturating_add(Nanos::from_millis(1)));
        cx.set_timer(WRITE, at);
    }
}
