//! What the network does to a message: queues at both ends, delay with jitter, loss, and the receiver's processor.
//!
//! A message waits for the sender's uplink, takes its length over the link's rate to leave, travels the delay of its pair
//! with jitter, waits for the receiver's downlink, takes its length again, and then waits for the receiver's processor.
//! Each is a first-in-first-out queue of one number: when it will be free. A queue that will not be free before the end of
//! time stays at the end of time. All chance is a hash of the seed, the pair and the
//! message's number, so it does not depend on the order in which events are worked off.

use std::mem;

use peerlab_scenarios::{
    host::{Lane, Peer, Uplink},
    plan::Plan,
    seed::{Seed, mix, unit_from},
    units::{BitsPerSec, Nanos, Share},
    wire::Kind,
};

use super::event::Life;

/// A datagram that would wait longer than this for a link is dropped: the depth of an ordinary buffer, ns.
const DATAGRAM_PATIENCE: u64 = 500_000_000;

/// The longest delay of a path, ns: 52 days. What is longer is cut to it, so that sums of delays stay within time.
const MOST_DELAY: u64 = 1 << 52;

/// Later packets whose arrival reveals that one was lost (RFC 9002, section 6.1.1).
const REVEALED_BY: u32 = 3;

/// What a message needs of its receiver's link before the machines see it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Inlet {
    /// When the downlink will be free, ns.
    free: u64,
    /// Bytes received, with overhead: the lower 32 bits; what they carry over is in [`Port::carried`].
    received: u32,
    group: u16,
    /// The life that the peer is in, or when it is down the next: see [`super::Engine::life`].
    pub(super) life: Life,
}

impl Inlet {
    /// That of a peer of a group, before its first life.
    pub(super) const fn new(group: u16) -> Self {
        Self { free: 0, received: 0, group, life: Life::after(0) }
    }

    /// When all that has come is through the downlink, ns.
    pub(super) const fn has_received(&self) -> u64 {
        self.free
    }
}

/// What else the model keeps of a peer's link and processor: what it needs to send.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    /// Machines see it as it is, so that a step costs nothing for it.
    pub(super) up: Uplink,
    cpu_free: u64,
    /// Bytes sent, with overhead.
    sent: u64,
    /// Those of them that [`super::flows`] know of: what they sent themselves, and messages that they were told of.
    sent_known: u64,
    /// The same of what was received.
    received_known: u64,
    /// Bytes received, of 2^32.
    carried: u32,
    /// Messages sent so far: numbers them, for chance and for order.
    pub(super) seq: u16,
    /// Whether the peer keeps to the protocol.
    pub(super) honest: bool,
}

impl Port {
    /// The port of a peer whose uplink has this rate.
    pub(super) fn new(up: BitsPerSec, honest: bool) -> Self {
        Self {
            up: Uplink { free: Nanos::ZERO, pace: Pace::of(up).0 },
            cpu_free: 0,
            sent: 0,
            sent_known: 0,
            received_known: 0,
            carried: 0,
            seq: 0,
            honest,
        }
    }

    /// When all that the peer has sent so far is out of its uplink, ns.
    pub(super) const fn has_sent(&self) -> u64 {
        self.up.free.0
    }

    /// Bytes sent so far, with overhead.
    pub(super) const fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes received so far, with overhead.
    pub(super) fn received(&self, inlet: &Inlet) -> u64 {
        u64::from(self.carried) << 32 | u64::from(inlet.received)
    }

    /// A flow has moved so many bytes out of this peer.
    pub(super) fn flow_out(&mut self, bytes: u64) {
        self.sent += bytes;
        self.sent_known += bytes;
    }

    /// A flow has moved so many bytes into this peer.
    pub(super) fn flow_in(&mut self, inlet: &mut Inlet, bytes: u64) {
        self.count_in(inlet, bytes);
        self.received_known += bytes;
    }

    /// Bytes that messages took of its uplink since this was last asked.
    pub(super) fn take_owed_up(&mut self) -> u64 {
        self.sent - mem::replace(&mut self.sent_known, self.sent)
    }

    /// Bytes that messages took of its downlink since this was last asked.
    pub(super) fn take_owed_down(&mut self, inlet: &Inlet) -> u64 {
        let received = self.received(inlet);
        received - mem::replace(&mut self.received_known, received)
    }

    /// Counts what was received. Messages come to the inlet alone, which is why it counts by itself up to 2^32.
    #[inline]
    fn count_in(&mut self, inlet: &mut Inlet, bytes: u64) {
        let received = u64::from(inlet.received) + bytes;
        inlet.received = received as u32;
        if received >> 32 != 0 {
            self.carried += (received >> 32) as u32;
        }
    }

    /// When the peer has received and worked on all that has come to its downlink so far, ns.
    pub(super) fn drained(&self, inlet: &Inlet) -> u64 {
        inlet.free.max(self.cpu_free)
    }

    /// A peer begins a life. What came for the one before is not its own to receive and to work on; what that one sent goes out
    /// all the same, and has the uplink first.
    pub(super) fn start(&mut self, inlet: &mut Inlet) {
        (inlet.free, self.cpu_free) = (0, 0);
    }
}

/// How long a byte takes on a link, ns × 2^20.
#[derive(Clone, Copy, Debug)]
struct Pace(u64);

impl Pace {
    /// As in [`Uplink::pace`].
    const SHIFT: u32 = 20;

    fn of(rate: BitsPerSec) -> Self {
        Self(
            u64::try_from((8_000_000_000u128 << Self::SHIFT).div_ceil(u128::from(rate.0.max(1))))
                .unwrap_or(u64::MAX),
        )
    }

    /// The time for so many bytes, at least 1 ns so that a queue keeps its order.
    #[inline]
    fn time(self, bytes: u64) -> u64 {
        let time = (u128::from(self.0) * u128::from(bytes)) >> Self::SHIFT;
        u64::try_from(time).unwrap_or(u64::MAX).max(1)
    }

    fn slowed(self, rate: Share) -> Self {
        let parts = u128::from(rate.parts_per_billion().max(1));
        let pace = u128::from(self.0) * u128::from(Share::ALL.parts_per_billion()) / parts;
        Self(u64::try_from(pace).unwrap_or(u64::MAX))
    }
}

/// What a fault adds to a path while it lasts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Strain {
    /// Added delay, ns.
    pub(super) latency: u64,
    /// Packets lost besides.
    pub(super) loss: Share,
}

impl Strain {
    pub(super) const NONE: Self = Self { latency: 0, loss: Share::ZERO };
}

/// The modelled network of a run.
#[derive(Debug)]
pub(super) struct Network {
    /// The group of each peer, beside its seat: a sender needs no more of a receiver.
    groups: Vec<u16>,
    down: Vec<Pace>,
    /// Chance that a packet between two groups is lost, of 2^32.
    loss: Vec<u64>,
    /// The same between two peers of one LAN, by their group.
    lan_loss: Vec<u64>,
    /// How long a connection waits, ns.
    timeout: u64,
    /// Queues of the sites: into and out of each.
    sites: Vec<SitePort>,
    /// Amplitude of the jitter as a share of the delay, of 2^32.
    jitter: u64,
    salt: u64,
    overhead: u32,
    packet: u32,
    per_kind: [u64; Kind::ALL.len()],
    per_kibibyte: u64,
}

#[derive(Clone, Copy, Debug)]
struct SitePort {
    up_free: u64,
    down_free: u64,
    up: Pace,
    down: Pace,
    /// Bytes of messages that took of what flows have of each way; see [`super::flows`].
    owed_up: u64,
    owed_down: u64,
}

impl Network {
    pub(super) fn new(plan: &Plan, seed: Seed) -> Self {
        let groups = plan.peers.groups();
        let net = &plan.spec.network;
        let pair_loss = |a: Share, b: Share| {
            let arrives = (1.0 - a.as_f64()) * (1.0 - net.loss.as_f64()) * (1.0 - b.as_f64());
            threshold(1.0 - arrives)
        };
        let group_of: Vec<u16> = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| std::iter::repeat_n(number as u16, group.count as usize))
            .collect();
        let per_kind = Kind::ALL.map(|kind| {
            let own = net.processing.by_kind.get(kind.name());
            own.unwrap_or(&net.processing.per_message).0
        });
        let site = |instance| {
            let uplink = plan.sites.spec(instance).uplink.as_ref();
            let pace = |rate: Option<BitsPerSec>| Pace::of(rate.unwrap_or(BitsPerSec(u64::MAX)));
            let (up, down) = (pace(uplink.map(|uplink| uplink.up)), pace(uplink.map(|uplink| uplink.down)));
            SitePort { up_free: 0, down_free: 0, up, down, owed_up: 0, owed_down: 0 }
        };
        Self {
            groups: group_of,
            down: groups.iter().map(|group| Pace::of(group.down)).collect(),
            loss: groups.iter().flat_map(|a| groups.iter().map(move |b| pair_loss(a.loss, b.loss))).collect(),
            lan_loss: groups.iter().map(|group| threshold(group.loss.as_f64())).collect(),
            sites: (0..plan.sites.instances()).map(site).collect(),
            jitter: (u64::from(net.jitter.parts_per_billion()) << 32)
                / u64::from(Share::ALL.parts_per_billion()),
            salt: seed.salt("network"),
            timeout: net.timeout.0,
            overhead: net.overhead.0 as u32,
            packet: (net.packet.0 as u32).max(1),
            per_kind,
            per_kibibyte: net.processing.per_kibibyte.0,
        }
    }

    /// The group of a peer, by its number in the plan.
    pub(super) fn group(&self, peer: Peer) -> u16 {
        self.groups[peer.index()]
    }

    /// Whether any peers share a way in and out.
    #[inline]
    pub(super) fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Packets and bytes that a message of `len` bytes comes to.
    #[inline]
    pub(super) fn size(&self, len: u32) -> (u32, u64) {
        let packets = if len <= self.packet { 1 } else { len.div_ceil(self.packet) };
        (packets, u64::from(len) + u64::from(packets) * u64::from(self.overhead))
    }

    /// Puts a message into its sender's uplink: when its last bit has left, or nothing when a datagram finds the queue full.
    #[inline]
    pub(super) fn leave(
        &self,
        port: &mut Port,
        now: u64,
        bytes: u64,
        lane: Lane,
        rate: Share,
    ) -> Option<u64> {
        let pace = Pace(port.up.pace);
        let start = port.up.free.0.max(now);
        if lane == Lane::Datagram && start - now > DATAGRAM_PATIENCE {
            return None;
        }
        let pace = if rate == Share::ALL { pace } else { pace.slowed(rate) };
        port.up.free = Nanos(start.saturating_add(pace.time(bytes)));
        port.sent += bytes;
        Some(port.up.free.0)
    }

    /// Takes a message in at a peer that has no work with it: when it has been received.
    #[inline]
    pub(super) fn take_in(
        &self,
        inlet: &mut Inlet,
        port: &mut Port,
        now: u64,
        bytes: u64,
        rate: Share,
    ) -> u64 {
        let pace = self.down[usize::from(inlet.group)];
        let pace = if rate == Share::ALL { pace } else { pace.slowed(rate) };
        inlet.free = inlet.free.max(now).saturating_add(pace.time(bytes));
        port.count_in(inlet, bytes);
        inlet.free
    }

    /// Takes a message in at its receiver: when it has been received and worked on.
    #[inline]
    pub(super) fn receive(
        &self,
        (inlet, port): (&mut Inlet, &mut Port),
        now: u64,
        len: u32,
        bytes: u64,
        kind: Kind,
        rate: Share,
    ) -> u64 {
        let received = self.take_in(inlet, port, now, bytes, rate);
        self.work(port, received, len, kind)
    }

    /// Works on a message that was received: when that is done.
    #[inline]
    pub(super) fn work(&self, port: &mut Port, received: u64, len: u32, kind: Kind) -> u64 {
        let work = self.per_kind[usize::from(kind.number())]
            .saturating_add(u64::from(len).saturating_mul(self.per_kibibyte) >> 10);
        if work == 0 {
            return received;
        }
        port.cpu_free = port.cpu_free.max(received).saturating_add(work);
        port.cpu_free
    }

    /// Bytes that messages took of a site's way out since this was last asked.
    pub(super) fn take_owed_out(&mut self, site: u32) -> u64 {
        mem::take(&mut self.sites[site as usize].owed_up)
    }

    /// Bytes that messages took of a site's way in since this was last asked.
    pub(super) fn take_owed_in(&mut self, site: u32) -> u64 {
        mem::take(&mut self.sites[site as usize].owed_down)
    }

    /// Bytes of a full packet, overhead included.
    pub(super) fn full_packet(&self) -> u64 {
        u64::from(self.packet) + u64::from(self.overhead)
    }

    /// Chance that a packet between two peers is lost, of 2^32; `lan` is whether it stays within one LAN.
    #[inline]
    fn chance_of_loss(&self, from: Peer, to: Peer, lan: bool) -> u64 {
        if let [loss] = self.loss[..]
            && !lan
        {
            return loss;
        }
        let (a, b) = (usize::from(self.groups[from.index()]), usize::from(self.groups[to.index()]));
        if lan { self.lan_loss[a] } else { self.loss[a * self.down.len() + b] }
    }

    /// Share of the packets between two peers that are lost, 0 to 1.
    pub(super) fn packet_loss(&self, from: Peer, to: Peer, lan: bool, strain: Strain) -> f64 {
        strained(self.chance_of_loss(from, to, lan), strain)
    }

    /// Puts a message into its site's way out: when it has left.
    pub(super) fn leave_site(&mut self, now: u64, site: u32, bytes: u64) -> u64 {
        let port = &mut self.sites[site as usize];
        port.up_free = port.up_free.max(now).saturating_add(port.up.time(bytes));
        port.owed_up = port.owed_up.saturating_add(bytes);
        port.up_free
    }

    /// Puts a message into its receiver's site's way in: when it is inside.
    pub(super) fn enter_site(&mut self, now: u64, site: u32, bytes: u64) -> u64 {
        let port = &mut self.sites[site as usize];
        port.down_free = port.down_free.max(now).saturating_add(port.down.time(bytes));
        port.owed_down = port.owed_down.saturating_add(bytes);
        port.down_free
    }

    /// What becomes of a message on the path between two peers: delay with jitter, and on the reliable lanes what sending lost
    /// packets again adds.
    ///
    /// Only what was lost is sent again. A loss is noticed after a round trip when three later packets of the message came
    /// through (RFC 9002, section 6.1.1); otherwise after a timeout of two round trips, which doubles each time (section 6.2.1, RFC 6298
    /// section 5.5). What takes longer than a connection waits for breaks it.
    #[inline(always)]
    pub(super) fn fly(&self, hop: Hop, lane: Lane, strain: Strain) -> Flight {
        let Hop { from, to, delay, departs, seq, packets, lan } = hop;
        let draw =
            mix(self.salt.wrapping_add(departs), u64::from(from.0) << 32 | u64::from(to.0), u64::from(seq));
        let delay = u64::from(delay).saturating_add(strain.latency).min(MOST_DELAY);
        let jittered = self.jittered(delay, draw as u32);
        let loss = self.chance_of_loss(from, to, lan);
        if packets == 1 && strain.loss == Share::ZERO && draw >> 32 >= loss {
            return Flight::Lasts(jittered);
        }
        let packet = strained(loss, strain);
        let simple = packets == 1 && strain.loss == Share::ZERO;
        let lost = if simple { (1, 1) } else { thinned(packets, packet, mix(draw, 0, 1)) };
        self.recover(packets, lost, packet, draw, delay, jittered, lane)
    }

    /// A delay, ns, with jitter by a draw: delay − amplitude + 2 · amplitude · u, with u from 0 to 1.
    #[inline]
    fn jittered(&self, delay: u64, draw: u32) -> u64 {
        let draw = u64::from(draw);
        if delay >> 32 == 0 {
            // The same in half the width.
            let amplitude = (delay * self.jitter) >> 32;
            return delay - amplitude + ((amplitude * draw) >> 31);
        }
        let amplitude = ((u128::from(delay) * u128::from(self.jitter)) >> 32) as u64;
        delay - amplitude + ((u128::from(2 * amplitude) * u128::from(draw)) >> 32) as u64
    }

    /// Sends again what was lost, round by round: `lost` of `packets` in the first, and the number of the last of them.
    #[cold]
    #[expect(clippy::too_many_arguments, reason = "the cold half of one function")]
    fn recover(
        &self,
        packets: u32,
        lost: (u32, u32),
        loss: f64,
        draw: u64,
        delay: u64,
        jittered: u64,
        lane: Lane,
    ) -> Flight {
        let (mut left, (mut lost, mut last)) = (packets, lost);
        let (mut waited, mut timeout) = (0u64, 4 * delay.max(500_000));
        for round in 1.. {
            if lost == 0 {
                break;
            }
            if lane == Lane::Datagram {
                return Flight::Lost;
            }
            if left - last >= REVEALED_BY {
                waited = waited.saturating_add(2 * delay);
            } else {
                waited = waited.saturating_add(timeout);
                timeout = timeout.saturating_mul(2);
            }
            if waited > self.timeout {
                return Flight::Breaks;
            }
            left = lost;
            (lost, last) = thinned(left, loss, mix(draw, round, 1));
        }
        Flight::Lasts(jittered.saturating_add(waited))
    }
}

/// What becomes of a message on its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flight {
    /// It takes so long, ns.
    Lasts(u64),
    /// It is lost, as datagrams may be.
    Lost,
    /// It cannot be brought across while its connection waits, which breaks.
    Breaks,
}

/// How many of so many packets are lost, and the number of the last that is, from 1. Lost ones are found by skipping those that come
/// through, a geometric number at a time.
fn thinned(packets: u32, loss: f64, draw: u64) -> (u32, u32) {
    let (mut lost, mut at) = (0, 0u32);
    loop {
        let skipped = if loss >= 1.0 {
            0.0
        } else {
            libm::log(unit_from(mix(draw, u64::from(at), 2))) / libm::log1p(-loss)
        };
        if skipped.is_nan() || skipped >= f64::from(packets - at) {
            return (lost, at);
        }
        at += skipped as u32 + 1;
        lost += 1;
        if at == packets {
            return (lost, at);
        }
    }
}

/// A message's way between two ends.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hop {
    pub(super) from: Peer,
    pub(super) to: Peer,
    /// One-way delay of the pair, ns.
    pub(super) delay: u32,
    /// When it sets out, ns.
    pub(super) departs: u64,
    /// Its number at the sender.
    pub(super) seq: u16,
    pub(super) packets: u32,
    /// Whether it stays within one LAN.
    pub(super) lan: bool,
}

/// All of the 32 random bits that decide a loss.
const CERTAIN: u64 = 1 << 32;

/// Share of packets that are lost, 0 to 1, where their chance of it is so many of 2^32 and a fault takes some besides.
fn strained(loss: u64, strain: Strain) -> f64 {
    1.0 - (1.0 - loss as f64 / CERTAIN as f64) * (1.0 - strain.loss.as_f64())
}

/// A probability as a bound on 32 random bits: none is below 0, and all are below [`CERTAIN`].
fn threshold(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * CERTAIN as f64) as u64
}
