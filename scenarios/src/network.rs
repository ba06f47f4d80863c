//! What the network does to what one peer sends another: the laws that all engines share.
//!
//! The model engine charges them to messages, the node to the bytes of a connection, so both have the same delays, jitter,
//! losses and rates. All chance is a hash of the seed, the pair and a number that the sender gives what it sends: it does not
//! depend on the order in which anything is worked off. [The model](../../../docs/model.md) tells the formulas and their
//! sources.

use crate::{
    host::{Lane, Peer},
    plan::Plan,
    seed::{Seed, mix, unit_from},
    units::{BitsPerSec, Share},
};

/// A datagram that would wait longer than this for a link is dropped: the depth of an ordinary buffer, ns.
pub const DATAGRAM_PATIENCE: u64 = 500_000_000;

/// The longest delay of a path, ns: 52 days. What is longer is cut to it, so that sums of delays stay within time.
const MOST_DELAY: u64 = 1 << 52;

/// Later packets whose arrival reveals that one was lost (RFC 9002, section 6.1.1).
const REVEALED_BY: u32 = 3;

/// All of the 32 random bits that decide a loss.
const CERTAIN: u64 = 1 << 32;

/// How long a byte takes on a link, ns × 2^20, as in [`crate::host::Uplink::pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace(pub u64);

impl Pace {
    const SHIFT: u32 = 20;

    /// That of a rate, rounded up, so that no rate is exceeded.
    #[must_use]
    pub fn of(rate: BitsPerSec) -> Self {
        Self(
            u64::try_from((8_000_000_000u128 << Self::SHIFT).div_ceil(u128::from(rate.0.max(1))))
                .unwrap_or(u64::MAX),
        )
    }

    /// The time for so many bytes, at least 1 ns so that a queue keeps its order.
    #[inline]
    #[must_use]
    pub fn time(self, bytes: u64) -> u64 {
        let time = (u128::from(self.0) * u128::from(bytes)) >> Self::SHIFT;
        u64::try_from(time).unwrap_or(u64::MAX).max(1)
    }

    /// Bytes that go through in so long a time, ns.
    #[must_use]
    pub fn bytes(self, time: u64) -> u64 {
        u64::try_from((u128::from(time) << Self::SHIFT) / u128::from(self.0.max(1))).unwrap_or(u64::MAX)
    }

    /// That of a link of which only a share of the rate is left.
    #[must_use]
    pub fn slowed(self, rate: Share) -> Self {
        if rate == Share::ALL {
            return self;
        }
        let parts = u128::from(rate.parts_per_billion().max(1));
        let pace = u128::from(self.0) * u128::from(Share::ALL.parts_per_billion()) / parts;
        Self(u64::try_from(pace).unwrap_or(u64::MAX))
    }
}

/// What a fault adds to a path while it lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strain {
    /// Added delay, ns.
    pub latency: u64,
    /// Packets lost besides.
    pub loss: Share,
}

impl Strain {
    /// Of a path on which nothing is wrong.
    pub const NONE: Self = Self { latency: 0, loss: Share::ZERO };
}

/// The way of something that is sent between two ends.
#[derive(Clone, Copy, Debug)]
pub struct Hop {
    /// Its sender.
    pub from: Peer,
    /// Its receiver.
    pub to: Peer,
    /// One-way delay of the pair, ns.
    pub delay: u32,
    /// When it sets out, ns.
    pub departs: u64,
    /// Its number at the sender.
    pub seq: u16,
    /// Packets that it comes to.
    pub packets: u32,
    /// Whether it stays within one LAN.
    pub lan: bool,
}

/// What becomes of something on its path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flight {
    /// It takes so long, ns.
    Lasts(u64),
    /// It is lost, as datagrams may be.
    Lost,
    /// It cannot be brought across while its connection waits, which breaks.
    Breaks,
}

/// The paths between all peers of a plan.
#[derive(Clone, Debug)]
pub struct Paths {
    /// The group of each peer.
    group: Vec<u16>,
    groups: usize,
    /// Chance that a packet between two groups is lost, of 2^32.
    loss: Vec<u64>,
    /// The same between two peers of one LAN, by their group.
    lan_loss: Vec<u64>,
    /// How long a connection waits, ns.
    timeout: u64,
    /// Amplitude of the jitter as a share of the delay, of 2^32.
    jitter: u64,
    salt: u64,
    packet: u32,
}

impl Paths {
    /// Those of a plan, with the chance of a seed.
    #[must_use]
    pub fn new(plan: &Plan, seed: Seed) -> Self {
        let groups = plan.peers.groups();
        let net = &plan.spec.network;
        let pair_loss = |a: Share, b: Share| {
            let arrives = (1.0 - a.as_f64()) * (1.0 - net.loss.as_f64()) * (1.0 - b.as_f64());
            threshold(1.0 - arrives)
        };
        let group = groups
            .iter()
            .enumerate()
            .flat_map(|(number, group)| std::iter::repeat_n(number as u16, group.count as usize))
            .collect();
        Self {
            group,
            groups: groups.len(),
            loss: groups.iter().flat_map(|a| groups.iter().map(move |b| pair_loss(a.loss, b.loss))).collect(),
            lan_loss: groups.iter().map(|group| threshold(group.loss.as_f64())).collect(),
            timeout: net.timeout.0,
            jitter: (u64::from(net.jitter.parts_per_billion()) << 32)
                / u64::from(Share::ALL.parts_per_billion()),
            salt: seed.salt("network"),
            packet: (net.packet.0 as u32).max(1),
        }
    }

    /// The group of a peer, by its number in the plan.
    #[inline]
    #[must_use]
    pub fn group(&self, peer: Peer) -> u16 {
        self.group[peer.index()]
    }

    /// Packets that so many bytes come to, at least one.
    #[inline]
    #[must_use]
    pub fn packets(&self, len: u32) -> u32 {
        if len <= self.packet { 1 } else { len.div_ceil(self.packet) }
    }

    /// The payload of a full packet.
    #[must_use]
    pub const fn packet(&self) -> u32 {
        self.packet
    }

    /// Chance that a packet between two peers is lost, of 2^32; `lan` is whether it stays within one LAN.
    #[inline]
    fn chance_of_loss(&self, from: Peer, to: Peer, lan: bool) -> u64 {
        if let [loss] = self.loss[..]
            && !lan
        {
            return loss;
        }
        let (a, b) = (usize::from(self.group[from.index()]), usize::from(self.group[to.index()]));
        if lan { self.lan_loss[a] } else { self.loss[a * self.groups + b] }
    }

    /// Share of the packets between two peers that are lost, 0 to 1.
    #[must_use]
    pub fn packet_loss(&self, from: Peer, to: Peer, lan: bool, strain: Strain) -> f64 {
        strained(self.chance_of_loss(from, to, lan), strain)
    }

    /// What becomes of something on the path between two peers: delay with jitter, and on the reliable lanes what sending lost
    /// packets again adds.
    ///
    /// Only what was lost is sent again. A loss is noticed after a round trip when three later packets came
    /// through (RFC 9002, section 6.1.1); otherwise after a timeout of two round trips, which doubles each time (section 6.2.1, RFC 6298
    /// section 5.5). What takes longer than a connection waits for breaks it.
    #[inline(always)]
    #[must_use]
    pub fn fly(&self, hop: Hop, lane: Lane, strain: Strain) -> Flight {
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

/// Share of packets that are lost, 0 to 1, where their chance of it is so many of 2^32 and a fault takes some besides.
fn strained(loss: u64, strain: Strain) -> f64 {
    1.0 - (1.0 - loss as f64 / CERTAIN as f64) * (1.0 - strain.loss.as_f64())
}

/// A probability as a bound on 32 random bits: none is below 0, and all are below [`CERTAIN`].
fn threshold(probability: f64) -> u64 {
    (probability.clamp(0.0, 1.0) * CERTAIN as f64) as u64
}
