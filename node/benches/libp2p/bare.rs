//! libp2p alone: swarms with one behaviour, over the same connections.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use futures::{AsyncReadExt as _, AsyncWriteExt as _, StreamExt as _};
use libp2p::{
    Multiaddr, PeerId, StreamProtocol, Swarm, Transport as _,
    core::upgrade::Version,
    gossipsub::{self, IdentTopic, MessageAcceptance},
    identity::{Keypair, PublicKey},
    noise,
    swarm::{Config, NetworkBehaviour, SwarmEvent},
    tcp, yamux,
};
use peerlab_scenarios::{
    host::{Command, Peer},
    plan::{Plan, WorkloadKind},
    spec::{Overlay, overlay::Authenticity},
    units::Nanos,
};
use tokio::{runtime::Runtime, sync::mpsc};

use super::meters;

/// What a post has besides its text, when it travels: signature, names, hashes.
const AROUND_A_POST: usize = 170;

/// Bytes of a signature, which stands before what is said.
const SIGNATURE: usize = 64;

/// The room.
const TOPIC: &str = "0";

/// Pieces in which a file is written and read.
const PIECE: usize = 64 << 10;

fn swarm<B: NetworkBehaviour>(keys: &Keypair, behaviour: B) -> Swarm<B> {
    let transport = tcp::tokio::Transport::new(tcp::Config::default().nodelay(true))
        .upgrade(Version::V1Lazy)
        .authenticate(noise::Config::new(keys).expect("an Ed25519 key will do"))
        .multiplex(yamux::Config::default())
        .boxed();
    let config = Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(600));
    Swarm::new(transport, behaviour, keys.public().to_peer_id(), config)
}

fn any_port() -> Multiaddr {
    "/ip4/127.0.0.1/tcp/0".parse().expect("it is an address")
}

async fn address<B: NetworkBehaviour>(swarm: &mut Swarm<B>) -> Multiaddr {
    loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            return address;
        }
    }
}

/// Bytes a microsecond of one stream, from when it is asked for until the last byte was read, and all are kept.
pub(crate) fn file(bytes: usize) -> f64 {
    const PROTOCOL: StreamProtocol = StreamProtocol::new("/bench/1");
    let runtime = Runtime::new().expect("a runtime starts");
    let _inside = runtime.enter();
    runtime.block_on(async {
        let mut holder = swarm(&Keypair::generate_ed25519(), libp2p_stream::Behaviour::new());
        let mut reader = swarm(&Keypair::generate_ed25519(), libp2p_stream::Behaviour::new());
        let id = *holder.local_peer_id();
        holder.listen_on(any_port()).expect("there are ports");
        let address = address(&mut holder).await;
        let mut asked = holder.behaviour().new_control().accept(PROTOCOL).expect("nobody else accepts it");
        let mut control = reader.behaviour().new_control();
        reader.dial(address).expect("it can be dialled");
        tokio::spawn(async move { while holder.next().await.is_some() {} });
        let (connected, is_connected) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let mut connected = Some(connected);
            while let Some(event) = reader.next().await {
                if let (SwarmEvent::ConnectionEstablished { .. }, Some(tell)) = (event, connected.take()) {
                    tell.send(()).expect("it is waited for");
                }
            }
        });
        tokio::spawn(async move {
            let (_, mut stream) = asked.next().await.expect("it is asked for");
            let piece = vec![7; PIECE];
            for _ in 0..bytes / PIECE {
                stream.write_all(&piece).await.expect("the reader reads");
            }
            stream.close().await.expect("the reader reads to the end");
        });
        is_connected.await.expect("they connect");
        let began = Instant::now();
        let mut stream = control.open_stream(id, PROTOCOL).await.expect("the holder speaks it");
        stream.flush().await.expect("the stream stands");
        let (mut file, mut came) = (vec![0; bytes], 0);
        while came < bytes {
            let room = (came + PIECE).min(bytes);
            let count = stream.read(&mut file[came..room]).await.expect("the stream stands");
            assert!(count > 0, "it ended after {came} bytes");
            came += count;
        }
        let goodput = bytes as f64 / began.elapsed().as_micros() as f64;
        assert!(file.iter().all(|byte| *byte == 7), "it was falsified");
        goodput
    })
}

/// Peers that run gossipsub with the parameters of a plan, connected as its topology says. Posts are their authors': where libp2p signs
/// nothing, they sign what they say and check what they hear, as posts of this crate are.
struct Crowd {
    keys: Arc<Vec<Keypair>>,
    publish: Vec<mpsc::UnboundedSender<Vec<u8>>>,
    came: Arc<AtomicU64>,
}

impl Crowd {
    async fn gather(plan: &Plan) -> Self {
        let Overlay::Gossipsub(params) = &plan.spec.overlay else { panic!("{:?}", plan.spec.overlay) };
        let (came, linked) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let keys: Arc<Vec<_>> =
            Arc::new((0..plan.peers.len()).map(|_| Keypair::generate_ed25519()).collect());
        let authors: Vec<_> = match params.authenticity {
            Authenticity::Anonymous => keys.iter().map(Keypair::public).collect(),
            Authenticity::Signed => Vec::new(),
        };
        let authors = Arc::new(authors);
        let (mut publish, mut dial, mut addresses) = (Vec::new(), Vec::new(), Vec::new());
        for keys in keys.iter() {
            let mut behaviour = peerlab_node::host::gossipsub(params, keys, Arc::default())
                .expect("libp2p takes these parameters");
            behaviour.subscribe(&IdentTopic::new(TOPIC)).expect("there is no filter");
            let mut swarm = swarm(keys, behaviour);
            swarm.listen_on(any_port()).expect("there are ports");
            addresses.push(address(&mut swarm).await);
            let (say, said) = mpsc::unbounded_channel();
            let (call, called) = mpsc::unbounded_channel();
            let counts = (Arc::clone(&came), Arc::clone(&linked));
            tokio::spawn(live(swarm, said, called, Arc::clone(&authors), counts));
            publish.push(say);
            dial.push(call);
        }
        let mut wanted = 0;
        for (number, [a, b]) in plan.graph.links().enumerate() {
            wanted += 2;
            dial[a as usize].send(addresses[b as usize].clone()).expect("everybody is there");
            if number % 20 == 0 {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        }
        while linked.load(Ordering::Relaxed) < wanted {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { keys, publish, came }
    }
}

async fn live(
    mut swarm: Swarm<gossipsub::Behaviour>,
    mut said: mpsc::UnboundedReceiver<Vec<u8>>,
    mut called: mpsc::UnboundedReceiver<Multiaddr>,
    authors: Arc<Vec<PublicKey>>,
    (came, linked): (Arc<AtomicU64>, Arc<AtomicU64>),
) {
    loop {
        tokio::select! {
            event = swarm.select_next_some() => match event {
                SwarmEvent::ConnectionEstablished { .. } => {
                    linked.fetch_add(1, Ordering::Relaxed);
                }
                SwarmEvent::Behaviour(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                    check(&authors, &message.data);
                    came.fetch_add(1, Ordering::Relaxed);
                    accept(&mut swarm, &message_id, &propagation_source);
                }
                _ => {}
            },
            Some(text) = said.recv() => {
                swarm.behaviour_mut().publish(IdentTopic::new(TOPIC), text).expect("its mesh has room");
            }
            Some(address) = called.recv() => swarm.dial(address).expect("it can be dialled"),
        }
    }
}

/// Whoever made this said so himself, unless libp2p has seen to that.
fn check(authors: &[PublicKey], post: &[u8]) {
    let (signature, said) = post.split_at(SIGNATURE);
    let author = u32::from_le_bytes(*said.first_chunk().expect("it begins with its author"));
    assert!(authors.is_empty() || authors[author as usize].verify(said, signature), "it was falsified");
}

fn accept(swarm: &mut Swarm<gossipsub::Behaviour>, message: &gossipsub::MessageId, from: &PeerId) {
    swarm.behaviour_mut().report_message_validation_result(message, from, MessageAcceptance::Accept);
}

/// What is said in a plan's room after the warm-up: when, by whom, how long.
fn said(plan: &Plan) -> Vec<(Nanos, Peer, usize)> {
    let WorkloadKind::Chat(chat) = &plan.workloads[0].kind else { panic!("it is a chat") };
    let posts = chat.timeline().filter(|(at, ..)| *at >= plan.spec.warm_up);
    let posts = posts.filter_map(|(at, peer, command)| match command {
        Command::Post { bytes, .. } => Some((at, peer, bytes as usize)),
        _ => None,
    });
    posts.collect()
}

/// Processor time for each message that came to somebody, µs.
pub(crate) fn gossip(plan: &Arc<Plan>) -> f64 {
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let crowd = Crowd::gather(plan).await;
        let start = tokio::time::Instant::now();
        let instant = |at: Nanos| start + Duration::from_nanos(at.0);
        tokio::time::sleep_until(instant(plan.spec.warm_up)).await;
        let before = meters::cpu();
        for (number, (at, peer, bytes)) in said(plan).into_iter().enumerate() {
            tokio::time::sleep_until(instant(at)).await;
            let mut text = vec![0; bytes + AROUND_A_POST];
            let (signature, said) = text.split_at_mut(SIGNATURE);
            said[..4].copy_from_slice(&peer.0.to_le_bytes());
            // No two are the same, or the second would count as a copy.
            said[4..8].copy_from_slice(&(number as u32).to_le_bytes());
            signature.copy_from_slice(
                &crowd.keys[peer.index()].sign(said).expect("an Ed25519 key signs anything"),
            );
            crowd.publish[peer.index()].send(text).expect("everybody is there");
        }
        tokio::time::sleep_until(instant(plan.spec.end())).await;
        (meters::cpu() - before) / crowd.came.load(Ordering::Relaxed) as f64
    })
}

/// Memory a peer, KiB, when all are connected and have been for a while.
pub(crate) fn memory(plan: &Arc<Plan>) -> f64 {
    let before = meters::memory();
    let runtime = Runtime::new().expect("a runtime starts");
    runtime.block_on(async {
        let _crowd = Crowd::gather(plan).await;
        tokio::time::sleep(Duration::from_nanos(plan.spec.end().0)).await;
        (meters::memory() - before) / f64::from(plan.peers.len())
    })
}
