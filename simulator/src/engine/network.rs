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

use super::event::Life;

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
    /// Bytes of messages that took of what flows have of each way; see [`super::flows`].
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
    #[inline(always)]
    pub(super) fn fly(&self, hop: Hop, lane: Lane, strain: Strain) -> Flight {
        self.paths.fly(hop, lane, strain)
    }
}
