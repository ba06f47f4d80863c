//! What the network does to a message: queues at both ends, delay with jitter, loss, and the receiver's processor.
//!
//! A message waits for the sender's uplink, takes its length over the link's rate to leave, travels the delay of its pair
//! with jitter, waits for the receiver's downlink, takes its length again, and then waits for the receiver's processor.
//! Each is a first-in-first-out queue of one number: when it will be free. A queue that will not be free before the end of
//! time stays at the end of time. What a path does is the same on every engine, see [`peerlab_scenarios::network`].

use std::mem;

pub(super) use peerlab_scenarios::network::{Flight, Hop, Strain};
use peerlab_scenarios::{
    host::{Lane, Peer, Uplink},
    network::{DATAGRAM_PATIENCE, Pace, Paths},
    plan::Plan,
    seed::Seed,
    units::{BitsPerSec, Nanos, Share},
    wire::Kind,
};

/// What the model keeps of a peer's link and processor: one cache line.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
pub(super) struct Port {
    /// Machines see it as it is, so that a step costs nothing for it.
    pub(super) up: Uplink,
    down_free: u64,
    cpu_free: u64,
    /// Bytes sent and received, with overhead.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// Bytes of messages that took of what flows have of each link; see [`super::flows`].
    owed_up: u32,
    owed_down: u32,
    /// Messages sent so far: numbers them, for chance and for order.
    pub(super) seq: u32,
    group: u16,
    /// Whether the peer runs.
    pub(super) online: bool,
    /// Whether it keeps to the protocol.
    pub(super) honest: bool,
}

impl Port {
    /// The port of a peer of a group, whose uplink has this rate.
    pub(super) fn new(up: BitsPerSec, group: u16, honest: bool) -> Self {
        Self {
            up: Uplink { free: Nanos::ZERO, pace: Pace::of(up).0 },
            down_free: 0,
            cpu_free: 0,
            sent: 0,
            received: 0,
            owed_up: 0,
            owed_down: 0,
            seq: 0,
            group,
            online: false,
            honest,
        }
    }

    /// Bytes that messages took of its uplink since this was last asked.
    pub(super) fn take_owed_up(&mut self) -> u64 {
        u64::from(mem::take(&mut self.owed_up))
    }

    /// Bytes that messages took of its downlink since this was last asked.
    pub(super) fn take_owed_down(&mut self) -> u64 {
        u64::from(mem::take(&mut self.owed_down))
    }

    /// When the peer has received and worked on all that has come to its downlink so far, ns.
    pub(super) fn drained(&self) -> u64 {
        self.down_free.max(self.cpu_free)
    }

    /// When all that the peer has sent so far is out of its uplink, and all that has come is through its downlink, ns.
    pub(super) fn has_sent(&self) -> u64 {
        self.up.free.0
    }

    pub(super) fn has_received(&self) -> u64 {
        self.down_free
    }

    /// A peer begins a life. What came for the one before is not its own to receive and to work on; what that one sent goes out
    /// all the same, and has the uplink first.
    pub(super) fn start(&mut self) {
        self.online = true;
        (self.down_free, self.cpu_free) = (0, 0);
    }
}

/// The modelled network of a run.
#[derive(Debug)]
pub(super) struct Network {
    paths: Paths,
    down: Vec<Pace>,
    /// Queues of the sites: into and out of each.
    sites: Vec<SitePort>,
    overhead: u32,
    per_kind: [u64; Kind::ALL.len()],
    per_kibibyte: u64,
}

#[derive(Clone, Copy, Debug)]
struct SitePort {
    up_free: u64,
    down_free: u64,
    up: Pace,
    down: Pace,
    /// As in [`Port`].
    owed_up: u64,
    owed_down: u64,
}

impl Network {
    pub(super) fn new(plan: &Plan, seed: Seed) -> Self {
        let groups = plan.peers.groups();
        let net = &plan.spec.network;
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
            paths: Paths::new(plan, seed),
            down: groups.iter().map(|group| Pace::of(group.down)).collect(),
            sites: (0..plan.sites.instances()).map(site).collect(),
            overhead: net.overhead.0 as u32,
            per_kind,
            per_kibibyte: net.processing.per_kibibyte.0,
        }
    }

    /// The group of a peer, by its number in the plan.
    pub(super) fn group(&self, peer: Peer) -> u16 {
        self.paths.group(peer)
    }

    /// Whether any peers share a way in and out.
    #[inline]
    pub(super) fn has_sites(&self) -> bool {
        !self.sites.is_empty()
    }

    /// Packets and bytes that a message of `len` bytes comes to.
    #[inline]
    pub(super) fn size(&self, len: u32) -> (u32, u64) {
        let packets = self.paths.packets(len);
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
        port.owed_up = port.owed_up.saturating_add(bytes as u32);
        Some(port.up.free.0)
    }

    /// Takes a message in at a peer that has no work with it: when it has been received.
    #[inline]
    pub(super) fn take_in(&self, port: &mut Port, now: u64, bytes: u64, rate: Share) -> u64 {
        let pace = self.down[usize::from(port.group)];
        let pace = if rate == Share::ALL { pace } else { pace.slowed(rate) };
        port.down_free = port.down_free.max(now).saturating_add(pace.time(bytes));
        port.received += bytes;
        port.owed_down = port.owed_down.saturating_add(bytes as u32);
        port.down_free
    }

    /// Takes a message in at its receiver: when it has been received and worked on.
    #[inline]
    pub(super) fn receive(
        &self,
        port: &mut Port,
        now: u64,
        len: u32,
        bytes: u64,
        kind: Kind,
        rate: Share,
    ) -> u64 {
        self.take_in(port, now, bytes, rate);
        self.work(port, port.down_free, len, kind)
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
        u64::from(self.paths.packet()) + u64::from(self.overhead)
    }

    /// Share of the packets between two peers that are lost, 0 to 1.
    pub(super) fn packet_loss(&self, from: Peer, to: Peer, lan: bool, strain: Strain) -> f64 {
        self.paths.packet_loss(from, to, lan, strain)
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

    /// What becomes of a message on the path between two peers.
    #[inline]
    pub(super) fn fly(&self, hop: Hop, lane: Lane, strain: Strain) -> Flight {
        self.paths.fly(hop, lane, strain)
    }
}
