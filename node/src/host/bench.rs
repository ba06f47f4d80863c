//! Swarms for tests of protocols: two of them over memory, driven together, and ends that do not keep to the protocol.

use std::{future::poll_fn, pin::pin, time::Duration};

use futures::{
    StreamExt as _,
    executor::block_on,
    future::{Either, select},
};
use futures_timer::Delay;
use libp2p::{
    Multiaddr, PeerId, Swarm, Transport as _,
    core::{
        muxing::StreamMuxerBox,
        transport::{Boxed, MemoryTransport},
        upgrade::Version,
    },
    identity::Keypair,
    noise,
    swarm::{Config, NetworkBehaviour, SwarmEvent},
    yamux,
};

/// A swarm that speaks one protocol, over memory.
pub(super) fn swarm<B: NetworkBehaviour<ToSwarm: std::fmt::Debug>>(keys: &Keypair, behaviour: B) -> Swarm<B> {
    let config = Config::without_executor().with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport(keys), behaviour, keys.public().to_peer_id(), config)
}

/// Connections over memory, as swarms have them.
pub(super) fn transport(keys: &Keypair) -> Boxed<(PeerId, StreamMuxerBox)> {
    MemoryTransport::default()
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keys).expect("an Ed25519 key will do"))
        .multiplex(yamux::Config::default())
        .boxed()
}

/// Where a swarm listens from now on.
pub(super) async fn listening<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Multiaddr {
    swarm.listen_on("/memory/0".parse().expect("it is an address")).expect("memory can be listened on");
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

/// Lets one listen and the other dial it.
pub(super) fn connect<A: NetworkBehaviour, B: NetworkBehaviour>(
    listener: &mut Swarm<A>,
    dialler: &mut Swarm<B>,
) {
    let address = block_on(listening(listener));
    dialler.dial(address).expect("it can be dialled");
}

/// What happened at one of two swarms.
pub(super) enum At<A, B> {
    One(A),
    Other(B),
}

/// Drives both until `done` has what it wants of their events.
///
/// # Panics
/// When that takes more than 20 s.
pub(super) fn drive<A: NetworkBehaviour, B: NetworkBehaviour, T>(
    one: &mut Swarm<A>,
    other: &mut Swarm<B>,
    mut done: impl FnMut(
        &mut Swarm<A>,
        &mut Swarm<B>,
        At<SwarmEvent<A::ToSwarm>, SwarmEvent<B::ToSwarm>>,
    ) -> Option<T>,
) -> T {
    let driven = pin!(async {
        loop {
            let next = poll_fn(|cx| {
                if let std::task::Poll::Ready(Some(event)) = one.poll_next_unpin(cx) {
                    return std::task::Poll::Ready(At::One(event));
                }
                other.poll_next_unpin(cx).map(|event| At::Other(event.expect("a swarm never ends")))
            });
            let next = next.await;
            if let Some(value) = done(one, other, next) {
                return value;
            }
        }
    });
    match block_on(select(driven, Delay::new(Duration::from_secs(20)))) {
        Either::Left((value, _)) => value,
        Either::Right(_) => panic!("it did not happen within 20 s"),
    }
}
