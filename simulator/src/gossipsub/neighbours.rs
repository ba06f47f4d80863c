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

use super::{
    counts::Counts,
    known::Known,
    queue::{Outgoing, Queue},
};
use crate::engine::{
    prefetch,
    rpc::Rpc,
    store::{ItemRef, Store},
};

/// Time to see whether the connections take more.
pub(super) const WRITE: TimerKey = TimerKey(1);

/// Items that a neighbour may declare unwanted (`IDONTWANT_CAP`).
const MOST_UNWANTED: u16 = 10_000;

/// A connected peer's number, which it has as long as its connection stands: a low one that no other has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) u32);

/// A connected peer as most messages look for it: sixteen of them are in three or four lines of the cache.
#[derive(Clone, Copy, Debug)]
struct Listed {
    peer: Peer,
    number: Number,
    /// Items that it has declared unwanted and that are remembered.
    unwanted: u16,
}

/// What else is known of a connected peer.
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
#[derive(Debug)]
#[repr(C)]
pub(super) struct Neighbours {
    /// In ascending order.
    listed: Vec<Listed>,
    /// In the same order.
    all: Vec<Neighbour>,
    /// Bytes that may wait for each connection outside of its queue.
    buffer: u64,
    /// Bytes that the network still takes in this step.
    room: i64,
    /// How many have a queue, and whose turn it is next.
    waiting: u32,
    turn: u32,
    /// Who did not take a message in time, since the step began.
    pub(super) slow: Vec<Peer>,
    most_data: usize,
    /// Numbers of peers that are gone.
    free: Vec<Number>,
}

/// Listed peers that are asked for ahead.
const ASKED_FOR: usize = 16;

/// As many as surely fit into a line of the cache.
const LISTED_IN_A_LINE: usize = 64 / size_of::<Listed>();

impl Neighbours {
    pub(super) fn new(buffer: u64, most_data: usize) -> Self {
        Self {
            listed: Vec::new(),
            all: Vec::new(),
            buffer,
            room: 0,
            waiting: 0,
            turn: 0,
            slow: Vec::new(),
            most_data,
            free: Vec::new(),
        }
    }

    /// A step begins: looks how much the network takes.
    #[inline]
    pub(super) fn begin(&mut self, cx: &Cx<'_, Store>) {
        let most = i64::try_from(self.buffer.saturating_mul(self.all.len() as u64)).unwrap_or(i64::MAX);
        let unsent = i64::try_from(cx.uplink.unsent(cx.now)).unwrap_or(i64::MAX);
        self.room = most.saturating_sub(unsent);
    }

    /// Asks for the memory that looking for one touches.
    #[inline]
    pub(super) fn prefetch(&self) {
        // All of most lists; of a long one what its search begins with.
        let begin = (self.listed.len() / 2).saturating_sub(ASKED_FOR / 2);
        for listed in self.listed[begin..].iter().take(ASKED_FOR).step_by(LISTED_IN_A_LINE) {
            prefetch::line(listed);
        }
    }

    /// Where a peer is among them.
    #[inline]
    pub(super) fn place(&self, peer: Peer) -> Option<usize> {
        self.search(peer).ok()
    }

    #[inline]
    fn search(&self, peer: Peer) -> Result<usize, usize> {
        self.listed.binary_search_by_key(&peer, |listed| listed.peer)
    }

    pub(super) fn contains(&self, peer: Peer) -> bool {
        self.place(peer).is_some()
    }

    /// The number of the one at `place`.
    pub(super) fn number(&self, place: usize) -> Number {
        self.listed[place].number
    }

    /// The one at `place`.
    pub(super) fn at_mut(&mut self, place: usize) -> &mut Neighbour {
        &mut self.all[place]
    }

    pub(super) fn is_outbound(&self, peer: Peer) -> bool {
        self.place(peer).is_some_and(|place| self.all[place].outbound)
    }

    /// All of them, in ascending order.
    pub(super) fn peers(&self) -> Vec<Peer> {
        self.listed.iter().map(|listed| listed.peer).collect()
    }

    /// A connection stands. False when one to this peer was known before.
    pub(super) fn add(&mut self, peer: Peer, outbound: bool) -> bool {
        let Err(place) = self.search(peer) else { return false };
        // While none is free, those that are connected have all numbers below their count.
        let number = self.free.pop().unwrap_or(Number(self.all.len() as u32));
        self.listed.insert(place, Listed { peer, number, unwanted: 0 });
        self.all.insert(place, Neighbour { outbound, ..Neighbour::default() });
        self.room = self.room.saturating_add(i64::try_from(self.buffer).unwrap_or(i64::MAX));
        true
    }

    /// A connection ended, and with it what waited for it. False when there was none.
    pub(super) fn remove(&mut self, known: &mut Known, peer: Peer) -> bool {
        let Some(place) = self.place(peer) else { return false };
        let listed = self.listed.remove(place);
        let neighbour = self.all.remove(place);
        self.free.push(listed.number);
        self.waiting -= u32::from(neighbour.queue.is_some());
        if listed.unwanted > 0 {
            known.forget_all_of(listed.number);
        }
        true
    }

    /// The peer at `place` does not want an item: it leaves its queue. How often it was there.
    #[inline]
    pub(super) fn call_off(&mut self, known: &mut Known, now: Nanos, place: usize, item: ItemRef) -> u64 {
        let listed = &mut self.listed[place];
        if known.call_off(now, item, listed.number) {
            if listed.unwanted < MOST_UNWANTED {
                listed.unwanted += 1;
            } else {
                known.forget_first_of(listed.number);
            }
        }
        if self.waiting == 0 {
            return 0;
        }
        self.all[place].queue.as_mut().map_or(0, |queue| queue.remove(item))
    }

    /// A heartbeat: counts begin anew, and what was unwanted for long enough is forgotten.
    pub(super) fn heartbeat(&mut self, known: &mut Known, now: Nanos) {
        let mut forgotten = Vec::new();
        known.heartbeat(now, |Number(by)| {
            if forgotten.len() <= by as usize {
                forgotten.resize(by as usize + 1, 0);
            }
            forgotten[by as usize] += 1;
        });
        for neighbour in &mut self.all {
            (neighbour.announced, neighbour.asked) = (0, 0);
        }
        for listed in &mut self.listed {
            listed.unwanted -= forgotten.get(listed.number.0 as usize).copied().unwrap_or_default();
        }
    }

    /// Sends a message as soon as its connection takes it.
    #[inline]
    pub(super) fn write(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts, peer: Peer, out: Outgoing) {
        if self.room > 0 && self.waiting == 0 {
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
            if self.room <= 0 || self.waiting > 0 {
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
        self.room -= i64::from(cx.host().len_of(&msg));
        cx.send(to, Lane::Reliable, msg);
    }

    #[cold]
    fn queue(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts, peer: Peer, out: Outgoing) {
        let Some(place) = self.place(peer) else { return };
        if self.room > 0 && self.all[place].queue.is_none() {
            return self.hand_over(cx, peer, out);
        }
        if self.all[place].queue.is_none() {
            if self.waiting == 0 {
                self.wait(cx);
            }
            self.waiting += 1;
        }
        if !self.all[place].queue.get_or_insert_default().push(out, self.most_data) {
            self.drop(counts, peer);
        }
    }

    /// A message will not be sent.
    fn drop(&mut self, counts: &mut Counts, peer: Peer) {
        counts.add(PubsubCount::Dropped, 1);
        self.slow.push(peer);
    }

    /// Sets the timer to when half of what the connections hold has left.
    fn wait(&self, cx: &mut Cx<'_, Store>) {
        let half = self.buffer.saturating_mul(self.all.len() as u64) / 2;
        // What was sent in this step has not yet been counted by the host, so it may be too early: then it waits again.
        let at = cx.uplink.drained_to(half).max(cx.now.saturating_add(Nanos::from_millis(1)));
        cx.set_timer(WRITE, at);
    }

    /// Writes what waits, as far as there is room, one message of each connection in turn.
    pub(super) fn write_on(&mut self, cx: &mut Cx<'_, Store>, counts: &mut Counts) {
        while self.room > 0 && self.waiting > 0 {
            self.turn = (self.turn + 1) % self.all.len() as u32;
            let neighbour = &mut self.all[self.turn as usize];
            let Some(queue) = &mut neighbour.queue else { continue };
            let (peer, next) = (self.listed[self.turn as usize].peer, queue.pop());
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
            self.wait(cx);
        }
    }
}
