//! The queues that connections share: each peer's link, both ways, and that of each site.

use std::sync::{Mutex, PoisonError};

use peerlab_scenarios::{
    network::Pace,
    plan::GroupPlan,
    units::{BitsPerSec, Share},
};

/// Bytes of a peer, with what packets cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Left through its uplink.
    pub sent: u64,
    /// Came through its downlink.
    pub received: u64,
}

/// A first-in-first-out queue before a link.
#[derive(Debug)]
struct Queue {
    pace: Pace,
    /// When it will be free, ns.
    free: u64,
    bytes: u64,
}

impl Queue {
    const fn new(pace: Pace) -> Self {
        Self { pace, free: 0, bytes: 0 }
    }

    /// Lets bytes through that have waited since `ready`: when the last of them has passed.
    fn pass(&mut self, ready: u64, bytes: u64, rate: Share) -> u64 {
        self.free = self.free.max(ready).saturating_add(self.pace.slowed(rate).time(bytes));
        self.bytes += bytes;
        self.free
    }
}

/// A link both ways.
#[derive(Debug)]
struct Link {
    up: Mutex<Queue>,
    down: Mutex<Queue>,
}

impl Link {
    fn new(up: BitsPerSec, down: BitsPerSec) -> Self {
        Self { up: Mutex::new(Queue::new(Pace::of(up))), down: Mutex::new(Queue::new(Pace::of(down))) }
    }
}

/// No queue is ever left half changed, so one that a panic poisoned is as good as before.
fn pass(queue: &Mutex<Queue>, ready: u64, bytes: u64, rate: Share) -> u64 {
    queue.lock().unwrap_or_else(PoisonError::into_inner).pass(ready, bytes, rate)
}

fn bytes(queue: &Mutex<Queue>) -> u64 {
    queue.lock().unwrap_or_else(PoisonError::into_inner).bytes
}

/// A peer's link.
#[derive(Debug)]
pub(super) struct Port(Link);

impl Port {
    pub(super) fn new(group: &GroupPlan) -> Self {
        Self(Link::new(group.up, group.down))
    }

    /// Sends bytes that have waited since `ready`: when the last has left. `rate` is what is left of the link's.
    pub(super) fn leave(&self, ready: u64, bytes: u64, rate: Share) -> u64 {
        pass(&self.0.up, ready, bytes, rate)
    }

    /// Takes bytes in: when the last has come.
    pub(super) fn enter(&self, ready: u64, bytes: u64, rate: Share) -> u64 {
        pass(&self.0.down, ready, bytes, rate)
    }

    /// When the uplink will be free, ns.
    pub(super) fn free(&self) -> u64 {
        self.0.up.lock().unwrap_or_else(PoisonError::into_inner).free
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic { sent: bytes(&self.0.up), received: bytes(&self.0.down) }
    }
}

/// The way in and out that the peers of a site share.
#[derive(Debug)]
pub(super) struct Site(Link);

impl Site {
    pub(super) fn new(up: BitsPerSec, down: BitsPerSec) -> Self {
        Self(Link::new(up, down))
    }

    pub(super) fn leave(&self, ready: u64, bytes: u64) -> u64 {
        pass(&self.0.up, ready, bytes, Share::ALL)
    }

    pub(super) fn enter(&self, ready: u64, bytes: u64) -> u64 {
        pass(&self.0.down, ready, bytes, Share::ALL)
    }
}
