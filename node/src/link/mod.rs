//! The links of a scenario, laid under real connections: delay, jitter, rate, loss, cuts, without any privilege.
//!
//! A [`Shaper`] holds the network of one run in one process. It wraps a transport below encryption and multiplexing, so
//! that handshakes take the time that they would take:
//!
//! ```text
//! let shaper = Shaper::new(&plan, &here, spawn)?;              // once a process
//! let tcp = shaper.wrap(tcp::tokio::Transport::default(), Some(me));
//! let transport = secure(tcp, &keypair, yamux::Config::default())?;     // noise and yamux, and who is who is checked
//! shaper.begin(start);                                         // from now on faults come as planned
//! shaper.hits(); shaper.traffic(me);                           // for the report
//! ```
//!
//! What passes is what [the model](../../../../docs/model.md) lets pass, by the same formulas
//! ([`peerlab_scenarios::network`]): uplink of the sender and of its site, path, way into the receiver's site, its downlink.
//! Here bytes take the place of messages. They are sent in segments of about a millisecond, so that connections share a
//! link in fair parts, and a large message is not received at one stroke.
//!
//! * **Who is at the other end.** Each end of a connection tells its peer's index before all else ([`preamble`]), because
//!   only then can the end that accepts shape what it sends. [`secure`] holds that index against the authenticated
//!   [`libp2p::PeerId`] and refuses liars. An end that is no peer of the plan, such as a conductor, says so, and what is
//!   exchanged with it is not shaped.
//! * **Who does what.** The sender's end queues for uplinks, and holds what is on the path until it arrives; the receiver's
//!   end queues for downlinks. So it does not matter whether the two are in one process, and no clocks are compared.
//!   Peers of a site that share an uplink must be in one process.
//! * **Back-pressure.** An end takes as many bytes as its send buffer holds. Beyond that, no more is on its way than a window
//!   of twice the path's bandwidth-delay product, which the receiver opens again as its bytes are read.
//! * **Faults** come from the plan's timeline. A cut holds bytes back until it ends, and then lets them come in their order;
//!   one that lasts as long as `network.timeout` breaks the connection that long after it began. Degraded links are slower,
//!   later and lose more.
//! * **QUIC** cannot be shaped: libp2p gives no access to its socket, and shaping its streams would leave recovery and
//!   congestion control untouched by what is lost. Wrap a transport of byte streams.
//!
//! Congestion control is not imitated: a fresh connection may send at the full rate of its links.
//!
//! The module knows no runtime. Time is `web-time`, timers are `futures-timer`, tasks are given to a [`Spawn`], chance is a
//! hash as in the model. Under a virtual clock a run is therefore the same each time.

mod datagrams;
mod frame;
mod port;
pub mod preamble;
mod receiver;
mod route;
mod secure;
mod sender;
mod stream;
#[cfg(test)]
mod tests;
mod timeline;
mod transport;

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures::future::BoxFuture;
use libp2p::PeerId;
use peerlab_scenarios::{
    capabilities::check_division,
    host::Peer,
    network::Paths,
    plan::{PeerSet, Plan, PlanError, identity},
    spec::Overlay,
    units::BitsPerSec,
};
use web_time::Instant;

pub use self::{
    datagrams::Datagrams,
    port::Traffic,
    secure::{Impostor, secure},
    stream::Shaped,
    transport::{LinkError, LinkTransport},
};
use port::{Port, Site};
use timeline::Timeline;

/// Runs a task until it ends by itself: each connection has one.
pub type Spawn = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// What each packet costs below encryption is what the scenario says it costs in all, less what real connections bring along:
/// 18 B of Noise and 8 B as the share of a Yamux header.
const ABOVE: u32 = 18 + 8;

/// What an end takes before it makes its writer wait, unless gossipsub's parameters say otherwise.
const SEND_BUFFER: usize = 64 << 10;

/// The network of a run, as far as it is in this process. Clones are the same network.
#[derive(Clone)]
pub struct Shaper(Arc<Network>);

pub(crate) struct Network {
    plan: Arc<Plan>,
    paths: Paths,
    directory: HashMap<PeerId, Peer>,
    ports: Vec<Port>,
    sites: Vec<Site>,
    timeline: Timeline,
    overhead: u32,
    send_buffer: usize,
    spawn: Spawn,
    epoch: Instant,
}

impl Shaper {
    /// The network of a plan, for the peers that are `here`, in this process.
    ///
    /// # Errors
    /// When peers of a site share an uplink and are not all in one process.
    pub fn new(plan: &Arc<Plan>, here: &PeerSet, spawn: Spawn) -> Result<Self, PlanError> {
        check_division(plan, |peer| here.contains(peer))?;
        let send_buffer = match &plan.spec.overlay {
            Overlay::Gossipsub(gossipsub) => gossipsub.send_buffer.0 as usize,
            _ => SEND_BUFFER,
        };
        let any = |rate: Option<BitsPerSec>| rate.unwrap_or(BitsPerSec(u64::MAX));
        let site = |instance| {
            let uplink = plan.sites.spec(instance).uplink.as_ref();
            Site::new(any(uplink.map(|uplink| uplink.up)), any(uplink.map(|uplink| uplink.down)))
        };
        Ok(Self(Arc::new(Network {
            paths: Paths::new(plan, plan.seed),
            directory: plan.peers.iter().map(|peer| (identity::peer_id(plan.seed, peer), peer)).collect(),
            ports: plan.peers.iter().map(|peer| Port::new(plan.peers.group(peer))).collect(),
            sites: (0..plan.sites.instances()).map(site).collect(),
            timeline: Timeline::new(&plan.faults, plan.spec.network.timeout),
            overhead: (plan.spec.network.overhead.0 as u32).saturating_sub(ABOVE),
            send_buffer: send_buffer.max(1),
            spawn,
            epoch: Instant::now(),
            plan: Arc::clone(plan),
        })))
    }

    /// Lays the links under a transport that `me` will use. Without a peer of the plan nothing is shaped, but peers of the
    /// plan can be talked to.
    #[must_use]
    pub fn wrap<T>(&self, transport: T, me: Option<Peer>) -> LinkTransport<T> {
        LinkTransport::new(transport, Arc::clone(&self.0), me)
    }

    /// The way of datagrams from one peer to another, for what carries them beside streams.
    #[must_use]
    pub fn datagrams(&self, from: Peer, to: Peer) -> Datagrams {
        Datagrams::new(Arc::clone(&self.0), from, to)
    }

    /// Says when the run starts, which may be soon or a while ago: faults are planned from then on. Only the first call counts.
    pub fn begin(&self, start: Instant) {
        let since_epoch = start.saturating_duration_since(self.0.epoch);
        self.0.timeline.begin(nanos(since_epoch));
    }

    /// What each fault of the plan has cut or strained so far, in the plan's order: segments, dials and connections that broke.
    #[must_use]
    pub fn hits(&self) -> Vec<u64> {
        self.0.timeline.hits()
    }

    /// Bytes of a peer that have crossed its links so far, with what packets cost.
    #[must_use]
    pub fn traffic(&self, peer: Peer) -> Traffic {
        self.0.ports[peer.index()].traffic()
    }
}

impl std::fmt::Debug for Shaper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shaper").field("peers", &self.0.ports.len()).finish_non_exhaustive()
    }
}

impl Network {
    /// Nanoseconds since the network was made.
    fn now(&self) -> u64 {
        nanos(self.epoch.elapsed())
    }

    /// How long until an instant of its clock.
    fn until(&self, at: u64) -> Duration {
        Duration::from_nanos(at.saturating_sub(self.now()))
    }

    /// Bytes that so many come to on the wire, and in how many packets.
    fn size(&self, len: u32) -> (u32, u64) {
        let packets = self.paths.packets(len);
        (packets, u64::from(len) + u64::from(packets) * u64::from(self.overhead))
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
