//! Bulk transfer: items on their way as flows that share links, rather than as messages that queue.
//!
//! All that one peer serves another goes over their connection, one item after the other: a *stream*. A stream that has something
//! to send is a flow over the uplink of the one, the downlink of the other, and the ways out of and into their sites where these
//! differ. What it gets is its max–min fair share ([`solver`]), as far as its transport has ramped up ([`ramp`]).
//!
//! Messages do not wait behind flows: they are short, and a link that schedules fairly lets them pass (RFC 8290). What they take of a
//! link that flows fill is made up for by these: each link notes the bytes of messages that crossed it, and the next item that
//! would be through on a full link has so much more to send. So a link never carries more than it can.

pub mod ramp;
pub mod solver;
mod transfer;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use peerlab_scenarios::host::{Ask, Peer, ReqId};

use self::{
    ramp::{Path, Ramp},
    solver::{FlowId, LinkId, Solver},
};
use super::store::ItemRef;

/// Bit times nanoseconds a second: what rate and time come to without rounding.
const PER_BYTE: u128 = 8 * 1_000_000_000;

/// An item on its way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transfer {
    pub(super) req: ReqId,
    pub(super) item: ItemRef,
    /// Length of its frame, bytes.
    pub(super) len: u32,
    /// With what its packets cost besides.
    pub(super) bytes: u64,
    /// The life of the peer that asked for it.
    pub(super) life: u32,
}

/// What one peer sends another in bulk.
#[derive(Debug)]
struct Stream {
    from: Peer,
    to: Peer,
    queue: VecDeque<Transfer>,
    /// While there is something to send.
    flow: Option<FlowId>,
    ramp: Ramp,
    rate: u64,
    /// What is left of the first item, in units of [`PER_BYTE`], as of `since`.
    left: u128,
    since: u64,
    /// When the first item would be through, ns, at the rate that it had when this was last worked out; it may be later.
    due: u64,
    /// When the window may grow, ns.
    grows: u64,
    /// Since when a cut keeps it from sending, and when it will begin again, ns.
    cut: Option<(u64, u64)>,
    /// Since when there was nothing to send, ns.
    idle: u64,
}

const NEVER: u64 = u64::MAX;

impl Stream {
    /// Takes note of what was sent up to now.
    fn progress(&mut self, now: u64) {
        let sent = u128::from(self.rate) * u128::from(now - self.since);
        self.left = self.left.saturating_sub(sent);
        self.since = now;
    }

    /// When the first item will be through if nothing changes, ns.
    fn through(&self) -> u64 {
        match (self.left, self.rate) {
            (0, _) => self.since,
            (_, 0) => NEVER,
            (left, rate) => {
                let wait = left.div_ceil(u128::from(rate));
                self.since.saturating_add(u64::try_from(wait).unwrap_or(NEVER))
            }
        }
    }

    /// Bytes of the first item that were sent up to now.
    fn moved(&self) -> u64 {
        let first = self.queue.front().map_or(0, |transfer| transfer.bytes);
        first.saturating_sub((self.left / PER_BYTE) as u64)
    }

    fn begin(&mut self, now: u64) {
        self.left = self.queue.front().map_or(0, |transfer| u128::from(transfer.bytes) * PER_BYTE);
        self.since = now;
    }
}

/// An item that has left its sender.
#[derive(Clone, Copy, Debug)]
pub(super) struct Landing {
    pub(super) from: Peer,
    pub(super) to: Peer,
    pub(super) transfer: Transfer,
}

/// What became of a stream that was looked at.
pub(super) enum Wake {
    /// The first item is through.
    Through(Transfer),
    /// A cut has ended, and it would send again.
    Resumes,
    /// Nothing that concerns others.
    Nothing,
}

/// All streams of a run.
#[derive(Debug, Default)]
pub(super) struct Flows {
    solver: Solver,
    streams: Vec<Option<Stream>>,
    free: Vec<u32>,
    by_pair: BTreeMap<(Peer, Peer), u32>,
    /// The stream of each flow.
    of_flow: Vec<u32>,
    /// When to look at which stream again, ns.
    pub(super) wakes: Vec<(u64, u32)>,
    /// Items between two peers, by number.
    landing: Vec<Option<Landing>>,
    free_landing: Vec<u32>,
    /// Fetches under way, by who fetches, and from whom.
    pub(super) fetches: BTreeMap<(Peer, ReqId), Peer>,
    /// Fetches that were asked for and not answered, by whom they were asked of.
    pub(super) asked: BTreeSet<(Peer, Ask)>,
}

impl Flows {
    /// The ends of a stream.
    pub(super) fn ends(&self, stream: u32) -> (Peer, Peer) {
        let stream = self.streams[stream as usize].as_ref().expect("it is in the table of pairs");
        (stream.from, stream.to)
    }

    /// The stream from one peer to another, if there is one.
    pub(super) fn between(&self, from: Peer, to: Peer) -> Option<u32> {
        self.by_pair.get(&(from, to)).copied()
    }

    /// The streams that have something to send, in order of their ends.
    pub(super) fn busy(&self) -> Vec<u32> {
        let busy = self.by_pair.values().copied();
        busy.filter(|&stream| self.streams[stream as usize].as_ref().is_some_and(|it| !it.queue.is_empty()))
            .collect()
    }

    /// How many flows cross a link.
    pub(super) fn flows_over(&self, link: LinkId) -> usize {
        self.solver.flows_over(link)
    }

    fn stream(&mut self, stream: u32) -> &mut Stream {
        self.streams[stream as usize].as_mut().expect("it is in the table of pairs")
    }

    /// Puts an item behind those that are on their way from one peer to the other. `links` are those that lie between them,
    /// with what they carry now, bit/s.
    pub(super) fn push(
        &mut self,
        now: u64,
        (from, to): (Peer, Peer),
        path: Path,
        links: &[(LinkId, u64)],
        transfer: Transfer,
    ) -> u32 {
        let slot = self.between(from, to).unwrap_or_else(|| {
            let slot = self.free.pop().unwrap_or(self.streams.len() as u32);
            if slot as usize == self.streams.len() {
                self.streams.push(None);
            }
            self.streams[slot as usize] = Some(Stream {
                from,
                to,
                queue: VecDeque::new(),
                flow: None,
                ramp: Ramp::new(path),
                rate: 0,
                left: 0,
                since: now,
                due: NEVER,
                grows: NEVER,
                cut: None,
                idle: now,
            });
            self.by_pair.insert((from, to), slot);
            slot
        });
        let stream = self.stream(slot);
        stream.queue.push_back(transfer);
        if stream.flow.is_none() {
            stream.begin(now);
            stream.ramp.moves_to(path);
            stream.ramp.resume(now - stream.idle);
            let limit = if stream.cut.is_some() { 0 } else { stream.ramp.limit() };
            for &(link, capacity) in links {
                self.solver.set_capacity(link, capacity);
            }
            let ids: Vec<LinkId> = links.iter().map(|&(link, _)| link).collect();
            let flow = self.solver.add(&ids, limit);
            if flow.0 as usize >= self.of_flow.len() {
                self.of_flow.resize(flow.0 as usize + 1, 0);
            }
            self.of_flow[flow.0 as usize] = slot;
            self.stream(slot).flow = Some(flow);
        }
        slot
    }

    /// Brings the rates of all streams up to date, and says in `wakes` when to look at which again.
    pub(super) fn settle(&mut self, now: u64) {
        let Self { solver, streams, of_flow, wakes, .. } = self;
        let mut held_back = Vec::new();
        solver.settle(|flow, rate| {
            let slot = of_flow[flow.0 as usize];
            let stream = streams[slot as usize].as_mut().expect("a flow belongs to a stream");
            stream.progress(now);
            stream.rate = rate;
            held_back.push((flow, slot));
            let through = stream.through();
            // One that will be through later than thought is looked at in vain, which costs less than to look for the event.
            if through < stream.due {
                stream.due = through;
                wakes.push((through, slot));
            }
        });
        for (flow, slot) in held_back {
            self.watch_ramp(now, flow, slot);
        }
    }

    /// Sees to it that a window grows that holds its flow back.
    fn watch_ramp(&mut self, now: u64, flow: FlowId, slot: u32) {
        let is_limited = self.solver.is_limited(flow);
        let stream = self.streams[slot as usize].as_mut().expect("a flow belongs to a stream");
        if is_limited && stream.cut.is_none() && stream.grows == NEVER && stream.ramp.can_grow() {
            stream.grows = now.saturating_add(stream.ramp.round_trip());
            self.wakes.push((stream.grows, slot));
        }
    }

    /// Looks at a stream at an instant at which something may be due. `owed` says what messages took of a link, bytes.
    pub(super) fn wake(&mut self, now: u64, slot: u32, mut owed: impl FnMut(LinkId) -> u64) -> Wake {
        let Some(Some(stream)) = self.streams.get_mut(slot as usize) else { return Wake::Nothing };
        let Some(flow) = stream.flow else { return Wake::Nothing };
        if stream.cut.is_some_and(|(_, resumes)| resumes == now) {
            return Wake::Resumes;
        }
        if stream.grows == now {
            stream.grows = NEVER;
            if self.solver.is_limited(flow) {
                stream.ramp.grow();
                let limit = stream.ramp.limit();
                self.solver.set_limit(flow, limit);
            }
        }
        let stream = self.stream(slot);
        if stream.due != now {
            return Wake::Nothing;
        }
        stream.due = NEVER;
        stream.progress(now);
        let mut result = Wake::Nothing;
        if stream.left == 0 {
            let debt = self.solver.full_links(flow).map(&mut owed).max().unwrap_or(0);
            // What messages took of links that flows fill is still to be sent.
            let stream = self.stream(slot);
            stream.left = u128::from(debt) * PER_BYTE;
            if debt == 0 {
                let through = stream.queue.pop_front().expect("it was being sent");
                result = Wake::Through(through);
                self.next(now, slot);
            }
        }
        self.look_again(slot);
        result
    }

    fn look_again(&mut self, slot: u32) {
        let stream = self.stream(slot);
        let through = if stream.flow.is_some() { stream.through() } else { NEVER };
        if through < stream.due {
            stream.due = through;
            self.wakes.push((through, slot));
        }
    }

    /// Goes on with the next item of a stream, if there is one.
    fn next(&mut self, now: u64, slot: u32) {
        let stream = self.stream(slot);
        if !stream.queue.is_empty() {
            return stream.begin(now);
        }
        (stream.rate, stream.due, stream.grows, stream.idle) = (0, NEVER, NEVER, now);
        if let Some(flow) = stream.flow.take() {
            self.solver.remove(flow);
        }
    }

    /// Takes an item out of a stream, and says how many bytes of it were sent.
    pub(super) fn withdraw(&mut self, now: u64, from: Peer, to: Peer, req: ReqId) -> Option<(Transfer, u64)> {
        let slot = self.between(from, to)?;
        let stream = self.stream(slot);
        let place = stream.queue.iter().position(|transfer| transfer.req == req)?;
        let mut moved = 0;
        if place == 0 {
            stream.progress(now);
            moved = stream.moved();
        }
        let transfer = stream.queue.remove(place)?;
        if place == 0 {
            self.next(now, slot);
            self.look_again(slot);
        }
        Some((transfer, moved))
    }

    /// Ends a stream, and says what was on its way, with how many bytes of it were sent.
    pub(super) fn end(&mut self, now: u64, from: Peer, to: Peer) -> Vec<(Transfer, u64)> {
        let Some(slot) = self.by_pair.remove(&(from, to)) else { return Vec::new() };
        let mut stream = self.streams[slot as usize].take().expect("it was in the table of pairs");
        self.free.push(slot);
        if let Some(flow) = stream.flow {
            self.solver.remove(flow);
        }
        stream.progress(now);
        let moved = stream.moved();
        stream
            .queue
            .into_iter()
            .enumerate()
            .map(|(place, it)| (it, if place == 0 { moved } else { 0 }))
            .collect()
    }

    /// The path of a stream, or its links, are others now.
    pub(super) fn moves_to(&mut self, slot: u32, path: Path, links: &[(LinkId, u64)]) {
        for &(link, capacity) in links {
            self.solver.set_capacity(link, capacity);
        }
        let stream = self.stream(slot);
        stream.ramp.moves_to(path);
        if let (Some(flow), None) = (stream.flow, stream.cut) {
            let limit = stream.ramp.limit();
            self.solver.set_limit(flow, limit);
        }
    }

    /// A cut keeps a stream from sending.
    pub(super) fn cut(&mut self, now: u64, slot: u32) {
        let stream = self.stream(slot);
        let since = stream.cut.map_or(now, |(since, _)| since);
        stream.cut = Some((since, NEVER));
        stream.grows = NEVER;
        if let Some(flow) = stream.flow {
            self.solver.set_limit(flow, 0);
        }
    }

    /// Since when a cut keeps a stream from sending, ns, unless it knows already when it will send again.
    pub(super) fn cut_since(&self, slot: u32) -> Option<u64> {
        let (since, resumes) = self.streams[slot as usize].as_ref()?.cut?;
        (resumes == NEVER).then_some(since)
    }

    /// A stream will send again at this instant, ns.
    pub(super) fn resume_at(&mut self, slot: u32, at: u64) {
        if let Some((_, resumes)) = &mut self.stream(slot).cut {
            *resumes = at;
            self.wakes.push((at, slot));
        }
    }

    /// A stream sends again, with a window as at first.
    pub(super) fn resume(&mut self, slot: u32, path: Path) {
        let stream = self.stream(slot);
        stream.cut = None;
        stream.ramp = Ramp::new(path);
        if let Some(flow) = stream.flow {
            let limit = stream.ramp.limit();
            self.solver.set_limit(flow, limit);
        }
    }

    /// Keeps an item between two peers.
    pub(super) fn launch(&mut self, landing: Landing) -> u32 {
        let slot = self.free_landing.pop().unwrap_or(self.landing.len() as u32);
        match self.landing.get_mut(slot as usize) {
            Some(free) => *free = Some(landing),
            None => self.landing.push(Some(landing)),
        }
        slot
    }

    /// An item between two peers.
    pub(super) fn landing(&self, slot: u32) -> Landing {
        self.landing[slot as usize].expect("it is between two peers until it is taken")
    }

    /// Takes an item that has arrived.
    pub(super) fn land(&mut self, slot: u32) -> Landing {
        self.free_landing.push(slot);
        self.landing[slot as usize].take().expect("it is between two peers until it is taken")
    }

    /// Items between two peers.
    pub(super) fn in_the_air(&self) -> u64 {
        (self.landing.len() - self.free_landing.len()) as u64
    }
}
