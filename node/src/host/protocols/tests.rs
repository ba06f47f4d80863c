//! Limits of a peer's swarm, each exceeded by somebody who does not keep to it.

use std::{
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};

use futures::{AsyncRead as _, AsyncWriteExt as _, FutureExt as _, StreamExt as _, future::join_all};
use libp2p::{
    Transport as _,
    core::{
        muxing::{StreamMuxerExt as _, SubstreamBox},
        transport::{DialOpts as Dial, MemoryTransport, PortUse},
    },
    swarm::{
        DialError, ListenError, SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use peerlab_scenarios::{host::Peer, plan::identity::keypair, seed::Seed};
use tokio::{runtime::Runtime, time::timeout};

use super::*;
use crate::host::bench::{listening, transport};

const SEED: Seed = Seed(1);

/// No test waits longer for what must happen.
const SOON: Duration = Duration::from_secs(20);

/// How an end is dialled that somebody listens at for sure.
const DIALLED: Dial = Dial { role: libp2p::core::Endpoint::Dialer, port_use: PortUse::New };

/// A peer of a fleet of two, as any run would have it.
fn peer(runtime: &Runtime, index: u32) -> Swarm<Quiet<Protocols>> {
    let keys = keypair(SEED, Peer(index));
    let roster = Roster::new(SEED, 2);
    let identity = Identity { keys: &keys, roster: &roster, first_name: 0, timeout: Nanos::from_secs(60) };
    let handle = runtime.handle().clone();
    let executor = move |task: Pin<Box<dyn Future<Output = ()> + Send>>| drop(handle.spawn(task));
    swarm(&identity, Chosen::default(), transport(&keys), executor).expect("it needs no network")
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_time()
        .build()
        .expect("threads start")
}

fn within<T>(runtime: &Runtime, what: impl Future<Output = T>) -> T {
    runtime.block_on(async { timeout(SOON, what).await.expect("it happens soon") })
}

#[test]
fn who_comes_and_says_nothing_takes_no_more_than_so_many_places() {
    const MORE: u32 = 5;
    let runtime = runtime();
    let (let_in, refused) = within(&runtime, async {
        let mut swarm = peer(&runtime, 0);
        let address = listening(&mut swarm).await;
        let dials = (0..PENDING + MORE).map(|_| {
            MemoryTransport::default().dial(address.clone(), DIALLED).expect("somebody listens there")
        });
        // They are kept to the end, and nothing goes over any of them.
        let mut silent = pin!(async {
            let _held = join_all(dials).await;
            futures::future::pending::<()>().await;
        });
        let (mut let_in, mut refused) = (0, 0);
        while let_in + refused < PENDING + MORE {
            let event = poll_fn(|cx| {
                assert!(silent.poll_unpin(cx).is_pending());
                swarm.poll_next_unpin(cx)
            });
            match event.await.expect("a swarm never ends") {
                SwarmEvent::IncomingConnection { .. } => let_in += 1,
                SwarmEvent::IncomingConnectionError { error: ListenError::Denied { .. }, .. } => refused += 1,
                other => panic!("{other:?}"),
            }
        }
        (let_in, refused)
    });
    assert_eq!((let_in, refused), (PENDING, MORE));
}

#[test]
fn no_more_than_so_many_are_dialled_at_a_time() {
    let runtime = runtime();
    within(&runtime, async {
        let mut swarm = peer(&runtime, 0);
        let address = listening(&mut peer(&runtime, 1)).await;
        let mut dial = || swarm.dial(DialOpts::unknown_peer_id().address(address.clone()).build());
        for _ in 0..PENDING {
            dial().expect("there is room for it");
        }
        let refused = dial();
        assert!(matches!(refused, Err(DialError::Denied { .. })), "{refused:?}");
    });
}

#[test]
fn two_peers_have_no_more_than_so_many_connections() {
    const DIALS: u32 = PER_PEER + 2;
    let runtime = runtime();
    // Each end keeps to the limit by itself, and may admit another of them first: then one ends, and makes room.
    let (stand, refused) = within(&runtime, async {
        let (mut one, mut other) = (peer(&runtime, 0), peer(&runtime, 1));
        let address = listening(&mut one).await;
        let id = *one.local_peer_id();
        let to = || DialOpts::peer_id(id).condition(PeerCondition::Always).addresses(vec![address.clone()]);
        let (mut stand, mut refused) = (0, 0);
        for _ in 0..DIALS {
            other.dial(to().build()).expect("few are under way");
        }
        while stand + refused < DIALS {
            let event = poll_fn(|cx| {
                while one.poll_next_unpin(cx).is_ready() {}
                other.poll_next_unpin(cx)
            });
            match event.await.expect("a swarm never ends") {
                SwarmEvent::ConnectionEstablished { num_established, .. } => {
                    stand += 1;
                    assert!(num_established.get() <= PER_PEER);
                }
                SwarmEvent::OutgoingConnectionError { error: DialError::Denied { .. }, .. } => refused += 1,
                _ => {}
            }
        }
        (stand, refused)
    });
    assert!(stand >= PER_PEER && refused > 0, "{stand} stand or stood, {refused} were refused");
}

/// What either end says first on a stream, behind its length.
const FIRST_LINE: &[u8] = b"\x13/multistream/1.0.0\n";

#[test]
fn streams_on_which_nothing_is_agreed_wait_beyond_so_many() {
    const MORE: usize = 6;
    let runtime = runtime();
    let (at_first, later) = within(&runtime, async {
        let mut swarm = peer(&runtime, 0);
        let address = listening(&mut swarm).await;
        let mut dialler = transport(&keypair(SEED, Peer(1)));
        let flood = async {
            let dialled = dialler.dial(address, DIALLED).expect("somebody listens there");
            let (_, mut muxer) = dialled.await.expect("it is a peer");
            let mut streams = Vec::new();
            while streams.len() < NEGOTIATING + MORE {
                let mut opened = poll_fn(|cx| {
                    // What the other end opens is never answered.
                    let _ = muxer.poll_inbound_unpin(cx);
                    let _ = muxer.poll_unpin(cx);
                    muxer.poll_outbound_unpin(cx)
                })
                .await
                .expect("the connection lasts");
                opened.write_all(FIRST_LINE).await.expect("it can be written to");
                opened.flush().await.expect("it can be written to");
                streams.push((opened, false));
            }
            // One second is a long time over memory, and a short one for who negotiates: ten seconds are allowed.
            let at_first = heard(&mut muxer, &mut streams).await;
            streams.drain(..2);
            (at_first, heard(&mut muxer, &mut streams).await)
        };
        let mut flood = pin!(flood);
        poll_fn(|cx| {
            while swarm.poll_next_unpin(cx).is_ready() {}
            flood.poll_unpin(cx)
        })
        .await
    });
    assert_eq!((at_first, later), (NEGOTIATING, NEGOTIATING), "who makes room lets as many in");
}

/// On how many of these streams the other end has said something, now and within a second.
async fn heard(muxer: &mut StreamMuxerBox, streams: &mut [(SubstreamBox, bool)]) -> usize {
    let listen = poll_fn(|cx| {
        let _ = muxer.poll_inbound_unpin(cx);
        let _ = muxer.poll_unpin(cx);
        for (stream, heard) in &mut *streams {
            let mut line = [0; 64];
            while let (false, Poll::Ready(read)) = (*heard, Pin::new(&mut *stream).poll_read(cx, &mut line)) {
                assert!(read.expect("the stream is not reset") > 0, "nor ended");
                *heard = true;
            }
        }
        Poll::<()>::Pending
    });
    let _ = timeout(Duration::from_secs(1), listen).await;
    streams.iter().filter(|(_, heard)| *heard).count()
}
