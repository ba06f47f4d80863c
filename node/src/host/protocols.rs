//! What a peer speaks.

use std::{io, sync::Arc, time::Duration};

#[cfg(feature = "net")]
use libp2p::mdns;

use either::Either;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    connection_limits::{self, ConnectionLimits},
    core::{muxing::StreamMuxerBox, transport::Boxed},
    gossipsub, identify,
    identity::Keypair,
    ping,
    swarm::{Config, Executor, NetworkBehaviour, THandlerInEvent, behaviour::toggle::Toggle},
};
use peerlab_scenarios::units::Nanos;

use super::{Roster, bulk, clock::duration, gate::Gate, kademlia, lane, quiet::Quiet};

/// Reads how many bytes a peer has sent and received.
pub type Meter = Box<dyn Fn() -> (u64, u64) + Send>;

/// How connections are made: for one peer, in one of its lives.
pub struct Wire {
    /// The transport, with whatever authenticates and multiplexes.
    pub transport: Boxed<(PeerId, StreamMuxerBox)>,
    /// Where to listen.
    pub listen: Multiaddr,
    /// Bytes that this peer has sent and received so far, in earlier lives too.
    pub meter: Meter,
}

/// Connections stay though nothing is said: who talks to whom is the overlay's business. Those that Kademlia dials stay as long as the
/// scenario says.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Connections that may be made at a time, in each direction.
const PENDING: u32 = 256;

/// Two peers may dial each other at the same time; more than twice need not be.
const PER_PEER: u32 = 3;

/// Streams of one connection that may be negotiated at a time.
const NEGOTIATING: usize = 64;

/// The behaviours of a peer.
///
/// Each is asked through all that stand below it, and what its handlers tell is wrapped once by each: what says most stands last. Lanes come
/// before bulk, so that what few bytes say is not behind many: with the two the other way round an update took a seventh longer.
#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    gate: Gate,
    limits: connection_limits::Behaviour,
    #[cfg(feature = "net")]
    mdns: Toggle<mdns::tokio::Behaviour>,
    ping: Quiet<ping::Behaviour>,
    identify: Quiet<identify::Behaviour>,
    pub(super) kademlia: Toggle<kademlia::Behaviour>,
    pub(super) lane: Quiet<lane::Behaviour>,
    pub(super) bulk: Quiet<bulk::Behaviour>,
    pub(super) pubsub: Toggle<Quiet<gossipsub::Behaviour>>,
}

/// What of a peer its swarm depends on.
pub(super) struct Identity<'a> {
    pub(super) keys: &'a Keypair,
    pub(super) roster: &'a Arc<Roster>,
    /// What its lanes are named from.
    pub(super) first_name: u64,
    /// After how much silence a connection counts as broken.
    pub(super) timeout: Nanos,
}

/// What of a peer's protocols its setting decides.
#[derive(Default)]
pub(super) struct Chosen {
    pub(super) pubsub: Option<gossipsub::Behaviour>,
    /// With how long a connection that it dialled stays without use.
    pub(super) kademlia: Option<(kademlia::Behaviour, Nanos)>,
    /// Whether it finds others by mDNS.
    pub(super) mdns: bool,
}

/// A swarm that neither listens nor dials yet, and finds others by mDNS if it is to.
///
/// # Errors
/// When the network of this machine would not have mDNS.
pub(super) fn swarm(
    identity: &Identity<'_>,
    chosen: Chosen,
    transport: Boxed<(PeerId, StreamMuxerBox)>,
    executor: impl Executor + Send + 'static,
) -> io::Result<Swarm<Quiet<Protocols>>> {
    let (kademlia, idle) = match chosen.kademlia {
        Some((behaviour, idle)) => (Some(behaviour), duration(idle)),
        None => (None, IDLE),
    };
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(PENDING))
        .with_max_pending_outgoing(Some(PENDING))
        .with_max_established_per_peer(Some(PER_PEER));
    // A ping a third of the time, and the answer within the other two: then silence is noticed when it has lasted that long.
    let third = Duration::from_nanos((identity.timeout.0 / 3).max(1_000_000));
    let ping = ping::Config::new().with_interval(third).with_timeout(2 * third);
    let public = identity.keys.public();
    let id = public.to_peer_id();
    let identify = identify::Config::new("/peerlab/1".to_owned(), public)
        .with_agent_version(concat!("peerlab-node/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_interval(IDLE)
        .with_cache_size(0);
    #[cfg(feature = "net")]
    let mdns = chosen.mdns.then(|| mdns::tokio::Behaviour::new(mdns::Config::default(), id));
    #[cfg(not(feature = "net"))]
    if chosen.mdns {
        return Err(io::ErrorKind::Unsupported.into());
    }
    let protocols = Protocols {
        gate: Gate::new(Arc::clone(identity.roster)),
        limits: connection_limits::Behaviour::new(limits),
        #[cfg(feature = "net")]
        mdns: Toggle::from(mdns.transpose()?),
        ping: Quiet::new(ping::Behaviour::new(ping)),
        identify: Quiet::new(identify::Behaviour::new(identify)),
        kademlia: kademlia.into(),
        lane: Quiet::new(lane::Behaviour::new(identity.first_name)),
        bulk: Quiet::new(bulk::Behaviour::default()),
        pubsub: chosen.pubsub.map(Quiet::new).into(),
    };
    let config = Config::with_executor(executor)
        .with_idle_connection_timeout(idle)
        .with_max_negotiating_inbound_streams(NEGOTIATING);
    Ok(Swarm::new(transport, Quiet::renamed(protocols, may_rename), id, config))
}

/// Whether a connection may speak under other names once it was told this. Kademlia does when it begins to serve; the last three, which
/// say most, never do.
fn may_rename(told: &THandlerInEvent<Protocols>) -> bool {
    matches!(told, Either::Left(Either::Left(Either::Left(_))))
}

#[cfg(test)]
mod tests;
