//! The swarm at either end of the conductor's connections: TCP, Noise, Yamux, and streams. No link of the scenario is below it.

use std::{sync::Arc, time::Duration};

use libp2p::{
    PeerId, Swarm, Transport as _,
    connection_limits::{self, ConnectionLimits},
    core::{muxing::StreamMuxerBox, transport::Boxed, upgrade::Version},
    identity::Keypair,
    noise,
    swarm::{Config, NetworkBehaviour, behaviour::toggle::Toggle},
    tcp, yamux,
};

use crate::host::{Gate, Roster};

/// How long a handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// How long a connection may have no stream.
const IDLE: Duration = Duration::from_secs(10);

/// Connections that may be made at a time.
const PENDING: u32 = 128;

/// A process that has lost its connection makes another before the conductor knows; more than that need not be.
const PER_PEER: u32 = 2;

/// What either end speaks.
#[derive(NetworkBehaviour)]
pub(super) struct Protocols {
    /// Who may come in; a process dials nobody but the conductor.
    gate: Toggle<Gate>,
    limits: connection_limits::Behaviour,
    pub(super) streams: libp2p_stream::Behaviour,
}

/// Streams with a process or the conductor, over connections of which nobody else is an end.
pub(super) type Streams = Swarm<Protocols>;

fn transport(keys: &Keypair) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error> {
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keys)?)
        .multiplex(yamux::Config::default())
        .timeout(HANDSHAKE);
    Ok(transport.boxed())
}

fn swarm(keys: &Keypair, gate: Option<Gate>) -> Result<Streams, noise::Error> {
    // A process accepts nothing, and so it needs no gate.
    let most_in = if gate.is_some() { PENDING } else { 0 };
    let limits = ConnectionLimits::default()
        .with_max_pending_incoming(Some(most_in))
        .with_max_established_per_peer(Some(PER_PEER));
    let protocols = Protocols {
        gate: Toggle::from(gate),
        limits: connection_limits::Behaviour::new(limits),
        streams: libp2p_stream::Behaviour::new(),
    };
    let config = Config::with_tokio_executor().with_idle_connection_timeout(IDLE);
    Ok(Swarm::new(transport(keys)?, protocols, keys.public().to_peer_id(), config))
}

/// The conductor's, which lets in the peers of a run and nobody else. To be called on a runtime.
pub(super) fn of_conductor(keys: &Keypair, roster: &Arc<Roster>) -> Result<Streams, noise::Error> {
    swarm(keys, Some(Gate::new(Arc::clone(roster))))
}

/// A process's. To be called on a runtime.
pub(super) fn of_process(keys: &Keypair) -> Result<Streams, noise::Error> {
    swarm(keys, None)
}
