//! One direction between two peers: when what leaves the one now comes to the other.

use peerlab_scenarios::{
    host::{Lane, Peer},
    network::{DATAGRAM_PATIENCE, Flight, Hop},
    units::BitsPerSec,
};

use super::{Network, frame};

/// A window is never smaller, nor larger, bytes: it bounds what is held in memory for one who does not read.
const WINDOW: std::ops::RangeInclusive<usize> = 256 << 10..=32 << 20;

/// Time that a segment takes on the narrower of both links, ns: short enough that several connections share a link evenly.
const SEGMENT_TIME: u64 = 1_000_000;

/// Never: what a cut takes along, with its connection.
const NEVER: u64 = u64::MAX;

/// The way from one peer to another.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) from: Peer,
    pub(super) to: Peer,
    /// One-way delay of the pair, ns.
    pub(super) delay: u32,
    /// Whether it stays within one LAN.
    lan: bool,
    /// Bytes that may be on their way, the receiver's buffers included.
    pub(super) window: usize,
    /// Bytes that are sent at a time.
    pub(super) segment: usize,
    /// When the last arrives, so that nothing overtakes it, ns.
    last: u64,
    seq: u16,
}

/// What became of something that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sent {
    /// When its last byte left the uplink, ns.
    pub(super) departs: u64,
    /// When it arrives, ns: never, if it does not.
    pub(super) arrives: u64,
    /// When the connection breaks over it, if it does, ns.
    pub(super) breaks: Option<u64>,
}

impl Route {
    pub(super) fn new(net: &Network, from: Peer, to: Peer) -> Self {
        let plan = &net.plan;
        let delay = u32::try_from(plan.delay(from, to).0).unwrap_or(u32::MAX);
        let rate = plan.peers.group(from).up.min(plan.peers.group(to).down);
        let in_time = |rate: BitsPerSec, time: u64| {
            usize::try_from(u128::from(rate.0) * u128::from(time) / 8_000_000_000).unwrap_or(usize::MAX)
        };
        Self {
            from,
            to,
            delay,
            lan: plan.sites.shared_lan(&plan.peers, from, to).is_some(),
            // Twice the round trip's worth.
            window: in_time(rate, 4 * u64::from(delay)).clamp(*WINDOW.start(), *WINDOW.end()),
            segment: in_time(rate, SEGMENT_TIME).clamp(net.paths.packet() as usize, frame::LARGEST),
            last: 0,
            seq: 0,
        }
    }

    /// Sends so many bytes, which have waited since `ready`, behind all that was sent before. None at all takes no time on
    /// links.
    pub(super) fn send(&mut self, net: &Network, ready: u64, len: u32) -> Sent {
        let (packets, bytes) = net.size(len);
        let departs = if len == 0 { ready } else { self.leave(net, ready, bytes) };
        self.launch(net, departs, packets, Lane::Reliable)
    }

    /// Sends a datagram: when it arrives, if it does.
    pub(super) fn datagram(&mut self, net: &Network, now: u64, len: u32) -> Option<u64> {
        if net.ports[self.from.index()].free().saturating_sub(now) > DATAGRAM_PATIENCE {
            return None;
        }
        let (packets, bytes) = net.size(len);
        let departs = self.leave(net, now, bytes);
        let arrives = self.launch(net, departs, packets, Lane::Datagram).arrives;
        (arrives != NEVER).then_some(arrives)
    }

    fn leave(&self, net: &Network, ready: u64, bytes: u64) -> u64 {
        let rate = net.timeline.rate(self.from, ready);
        let departs = net.ports[self.from.index()].leave(ready, bytes, rate);
        match net.plan.peers.site(self.from) {
            Some(site) if !self.lan => net.sites[site as usize].leave(departs, bytes),
            _ => departs,
        }
    }

    fn launch(&mut self, net: &Network, departs: u64, packets: u32, lane: Lane) -> Sent {
        let Self { from, to, delay, lan, .. } = *self;
        let lost = |breaks| Sent { departs, arrives: NEVER, breaks };
        let Some(sets_out) = self.past_cut(net, departs, lane) else { return lost(None) };
        self.seq = self.seq.wrapping_add(1);
        let hop = Hop { from, to, delay, departs, seq: self.seq, packets, lan };
        let flight = match net.paths.fly(hop, lane, net.timeline.strain(from, to, departs)) {
            Flight::Lasts(time) => time,
            Flight::Lost => return lost(None),
            Flight::Breaks => return lost(Some(departs.saturating_add(net.timeline.timeout()))),
        };
        let arrives = sets_out.saturating_add(flight);
        if lane == Lane::Datagram {
            return Sent { departs, arrives, breaks: None };
        }
        let Some(arrives) = self.past_late_cut(net, arrives) else { return lost(None) };
        self.last = arrives.max(self.last.saturating_add(1));
        Sent { departs, arrives: self.last, breaks: None }
    }

    /// When what would leave now does so, for the cuts of the path: never, if its connection does not live to see it.
    fn past_cut(&self, net: &Network, departs: u64, lane: Lane) -> Option<u64> {
        let Some(cut) = net.timeline.cut(self.from, self.to, departs, true) else { return Some(departs) };
        if lane == Lane::Datagram || cut.lasts() >= net.timeline.timeout() {
            return None;
        }
        let back_off = net.plan.back_off(self.from, self.to, cut.lasts() / 2);
        Some(cut.resumes(departs, back_off))
    }

    /// When what is to arrive now does so. What was on the path when a cut began gets through, so a cut catches only what was
    /// late for a loss, or for an earlier cut.
    fn past_late_cut(&self, net: &Network, arrives: u64) -> Option<u64> {
        let Some(cut) = net.timeline.cut(self.from, self.to, arrives, false) else { return Some(arrives) };
        if arrives - cut.since <= 2 * u64::from(self.delay) {
            return Some(arrives);
        }
        if cut.lasts() >= net.timeline.timeout() {
            return None;
        }
        Some(cut.until + 1 + ((arrives - cut.since) >> 16))
    }

    /// Takes in bytes that came to the receiver's end at `now`: when it has received them.
    pub(super) fn receive(&self, net: &Network, now: u64, bytes: u64) -> u64 {
        let inside = match net.plan.peers.site(self.to) {
            Some(site) if !self.lan => net.sites[site as usize].enter(now, bytes),
            _ => now,
        };
        net.ports[self.to.index()].enter(inside, bytes, net.timeline.rate(self.to, now))
    }
}
