//! The network between the peers of a [`World`](super::World): delays, losses and cut paths.

use std::fmt;

use crate::{
    host::{Lane, Peer},
    seed::Rng,
    units::{Nanos, Share},
    wire::Kind,
};

/// What became of the messages. Whatever happens, sent = delivered + lost + in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    sent: [u64; Kind::ALL.len()],
    /// Messages that reached a machine.
    pub delivered: u64,
    /// Messages that were dropped, or whose connection ended before they arrived, or never stood.
    pub lost: u64,
}

impl Traffic {
    /// Messages put on the network, those included that it duplicated.
    #[must_use]
    pub fn sent(&self) -> u64 {
        self.sent.iter().sum()
    }

    /// Messages of one kind put on the network.
    #[must_use]
    pub fn sent_of(&self, kind: Kind) -> u64 {
        self.sent[usize::from(kind.number())]
    }

    pub(super) fn count(&mut self, kind: Kind, copies: usize) {
        self.sent[usize::from(kind.number())] += copies as u64;
    }
}

/// How messages fare.
pub(super) struct Network {
    pub(super) latency: Box<dyn Fn(Peer, Peer) -> Nanos>,
    pub(super) jitter: Nanos,
    pub(super) loss: Share,
    pub(super) duplication: Share,
    /// Whether even reliable lanes duplicate and reorder.
    pub(super) unruly: bool,
    /// How long a connection over a cut path lives on.
    pub(super) patience: Nanos,
    cuts: Vec<(Vec<Peer>, Vec<Peer>)>,
    rng: Rng,
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("loss", &self.loss).field("cuts", &self.cuts).finish_non_exhaustive()
    }
}

impl Network {
    pub(super) fn new(rng: Rng) -> Self {
        Self {
            latency: Box::new(|_, _| Nanos::from_millis(10)),
            jitter: Nanos::ZERO,
            loss: Share::ZERO,
            duplication: Share::ZERO,
            unruly: false,
            patience: Nanos::from_secs(10),
            cuts: Vec::new(),
            rng,
        }
    }

    /// One way between two peers; never zero, so that an effect is always later than its cause.
    pub(super) fn latency(&self, from: Peer, to: Peer) -> Nanos {
        (self.latency)(from, to).max(Nanos(1))
    }

    pub(super) fn round_trip(&self, a: Peer, b: Peer) -> Nanos {
        self.latency(a, b).saturating_add(self.latency(b, a))
    }

    /// Whether messages of a lane come once and in order.
    pub(super) fn keeps_order(&self, lane: Lane) -> bool {
        lane != Lane::Datagram && !self.unruly
    }

    /// How long each copy of a message travels: no copy arrives of one that is lost for good.
    pub(super) fn travel(&mut self, from: Peer, to: Peer, lane: Lane) -> Vec<Nanos> {
        let copies = if !self.keeps_order(lane) && self.rng.chance(self.duplication) { 2 } else { 1 };
        (0..copies).filter_map(|_| self.travel_once(from, to, lane)).collect()
    }

    fn travel_once(&mut self, from: Peer, to: Peer, lane: Lane) -> Option<Nanos> {
        let mut delay = self.latency(from, to).saturating_add(self.rng.below_nanos(self.jitter));
        while self.rng.chance(self.loss) {
            if lane == Lane::Datagram {
                return None;
            }
            // The sender learns of the loss after a round trip, and tries again.
            delay = delay.saturating_add(self.round_trip(from, to));
        }
        Some(delay)
    }

    pub(super) fn cut(&mut self, these: &[Peer], those: &[Peer]) {
        self.cuts.push((these.to_vec(), those.to_vec()));
    }

    pub(super) fn heal(&mut self) {
        self.cuts.clear();
    }

    pub(super) fn is_cut(&self, a: Peer, b: Peer) -> bool {
        self.cuts.iter().any(|(these, those)| {
            (these.contains(&a) && those.contains(&b)) || (these.contains(&b) && those.contains(&a))
        })
    }
}
