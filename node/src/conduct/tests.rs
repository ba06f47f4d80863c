//! Processes that do not keep to the protocol, at a real conductor.

use std::{net::Ipv4Addr, ops::Range, sync::Arc, time::Duration};

use futures::{AsyncWriteExt as _, StreamExt as _, channel::mpsc, future::join_all};
use libp2p::{Multiaddr, PeerId, Stream, identity::Keypair, multiaddr::Protocol, swarm::SwarmEvent};
use peerlab_report::Observer;
use peerlab_scenarios::{
    host::Peer,
    plan::{Files, Plan, identity::keypair},
    report::Fact,
    seed::Seed,
    spec::read,
    units::Nanos,
};

use super::{
    challenge,
    codec::{self, CodecError, MOST},
    conductor::{Conductor, Inputs, Watchers},
    log::Packer,
    message::{Move, PROTOCOL, RELEASE, ToConductor, ToProcess},
    network,
    process::Process,
    session::LEFT,
};
use crate::{fleet::Options, host::Entry};

const SEED: Seed = Seed(1);

const SOON: Duration = Duration::from_secs(10);

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: Nanos, _: Peer, _: &Fact) {}
}

/// A run of so many peers, and what it is made from.
pub(super) fn small(peers: u32) -> (Arc<Plan>, Inputs) {
    let scenario = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: small}}\nspec:\n  duration: 1s\n  \
         groups: [{{name: people, peers: {peers}}}]\n  workloads: [{{name: room, chat: {{}}}}]\n"
    );
    let document = read::document("small.yaml", scenario.as_bytes()).expect("it is a scenario");
    let plan = Plan::new(&document.value, SEED, &Files::new()).expect("it can be planned");
    let inputs =
        Inputs { name: "small.yaml".to_owned(), scenario: scenario.into_bytes(), files: Files::new() };
    (plan.into(), inputs)
}

/// Does something to a conductor of nine peers, whose run never begins.
fn at_a_conductor<T>(attack: impl AsyncFnOnce(Multiaddr) -> T) -> T {
    at_a_conductor_of(9, attack)
}

/// The same with so many peers.
fn at_a_conductor_of<T>(peers: u32, attack: impl AsyncFnOnce(Multiaddr) -> T) -> T {
    let runtime = crate::fleet::Runtime::start().expect("a runtime starts");
    runtime.block_on(async {
        let (plan, inputs) = small(peers);
        let any = "/ip4/127.0.0.1/tcp/0".parse().expect("it is an address");
        let conductor = Conductor::listen(&plan, inputs, Options::default(), &any).await.expect("it listens");
        let address = conductor.address().clone();
        let (_, gone) = mpsc::unbounded();
        let watchers = Watchers { on_look: &mut |_| (), stop: &|| false, gone };
        tokio::select! {
            came = attack(address) => came,
            _ = conductor.conduct(Nobody, watchers) => panic!("there was no run to end"),
        }
    })
}

/// Somebody with some keys who is connected with the conductor.
async fn connect(address: &Multiaddr, keys: &Keypair) -> (libp2p_stream::Control, PeerId) {
    let mut swarm = network::of_process(keys).expect("the key will do");
    swarm.dial(address.clone()).expect("it can be dialled");
    while !matches!(swarm.select_next_some().await, SwarmEvent::ConnectionEstablished { .. }) {}
    let control = swarm.behaviour().streams.new_control();
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    let Some(Protocol::P2p(conductor)) = address.iter().last() else { panic!("{address} has no name") };
    (control, conductor)
}

async fn open(address: &Multiaddr, keys: &Keypair) -> Stream {
    let (mut control, conductor) = connect(address, keys).await;
    control.open_stream(conductor, PROTOCOL).await.expect("it speaks the protocol")
}

async fn heard(stream: &mut Stream) -> Result<ToProcess, CodecError> {
    codec::read(stream, SOON).await
}

/// Joins with peers for which it has the keys of others, perhaps. What it is answered.
async fn join(
    stream: &mut Stream,
    release: &str,
    peers: Range<u32>,
    key: impl Fn(Peer) -> Keypair,
) -> ToProcess {
    let ToProcess::Challenge(nonce) = heard(stream).await.unwrap() else {
        panic!("it was not asked who it is")
    };
    let count = peers.end - peers.start;
    let proofs = challenge::prove(&nonce, peers.clone(), key);
    let release = release.to_owned();
    let join = ToConductor::Join { release, first: peers.start, count, process: 7, proofs };
    codec::write(stream, &join, SOON).await.unwrap();
    heard(stream).await.unwrap()
}

fn own(peer: Peer) -> Keypair {
    keypair(SEED, peer)
}

#[test]
fn whoever_is_not_what_it_says_is_refused_and_told_why() {
    let refused = |release: &'static str, me: Peer, peers: Range<u32>, seed: Seed| {
        at_a_conductor(async move |address| {
            let mut stream = open(&address, &own(me)).await;
            let answer = join(&mut stream, release, peers, |peer| keypair(seed, peer)).await;
            let ToProcess::Refused(why) = answer else { panic!("{answer:?}") };
            why
        })
    };
    assert!(refused("0.0.0", Peer(2), 2..4, SEED).contains("of release"));
    assert!(refused(RELEASE, Peer(2), 3..4, SEED).ends_with("is not peer 3 of this run"));
    assert!(refused(RELEASE, Peer(2), 2..5, Seed(2)).contains("the key of peer 3 is not proved"));
    assert!(refused(RELEASE, Peer(2), 2..10, SEED).contains("the plan has 9 peers"));
}

/// Joins as peers 2 and 3, and says something that it may not say. How the conductor ends that.
fn after_joining(say: impl AsyncFnOnce(&mut Stream)) -> CodecError {
    at_a_conductor(async move |address| {
        let mut stream = open(&address, &own(Peer(2))).await;
        assert!(matches!(join(&mut stream, RELEASE, 2..4, own).await, ToProcess::Inputs(_)));
        say(&mut stream).await;
        loop {
            if let Err(ended) = heard(&mut stream).await {
                break ended;
            }
        }
    })
}

#[test]
fn whoever_breaks_the_protocol_loses_its_connection() {
    let says = |message: ToConductor| {
        after_joining(async move |stream: &mut Stream| codec::write(stream, &message, SOON).await.unwrap())
    };
    let join =
        ToConductor::Join { release: RELEASE.to_owned(), first: 2, count: 2, process: 7, proofs: Vec::new() };
    assert!(matches!(says(join), CodecError::Gone(_)));
    let foreign = Move::from(&(Peer(4), None));
    assert!(matches!(says(ToConductor::Addresses(vec![foreign])), CodecError::Gone(_)));
    assert!(matches!(says(ToConductor::Log(vec![0xff; 20])), CodecError::Gone(_)));
    let mut packer = Packer::default();
    packer.add(Peer(8), &Entry::Up(Nanos::ZERO));
    let of_another = packer.take().unwrap();
    assert!(matches!(says(ToConductor::Log(of_another)), CodecError::Gone(_)));
}

#[test]
fn whoever_sends_a_frame_that_is_too_long_loses_its_connection() {
    let too_long = after_joining(async |stream: &mut Stream| {
        stream.write_all(&(MOST as u32 + 1).to_be_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    });
    assert!(matches!(too_long, CodecError::Gone(_)));
}

#[test]
fn a_flood_of_streams_is_not_served_and_others_are() {
    at_a_conductor(async |address| {
        let (control, conductor) = connect(&address, &own(Peer(5))).await;
        let streams = (0..20).map(|_| {
            let mut control = control.clone();
            async move {
                let mut opened = Vec::new();
                for _ in 0..20 {
                    opened.extend(control.open_stream(conductor, PROTOCOL).await);
                }
                opened
            }
        });
        let mut opened: Vec<_> = join_all(streams).await.into_iter().flatten().collect();
        let asked = opened.iter_mut().map(|stream| async { heard(stream).await.is_ok() });
        let served = join_all(asked).await.into_iter().filter(|served| *served).count();
        assert!(served <= super::conductor::STRANGERS, "{served} were served at a time");
        drop(opened);
        // As soon as the conductor has seen that they are gone, others are served.
        loop {
            let mut stream = open(&address, &own(Peer(0))).await;
            if let Ok(ToProcess::Challenge(_)) = heard(&mut stream).await {
                break;
            }
        }
    });
}

#[test]
fn whoever_leaves_too_much_behind_loses_its_connection() {
    let too_much = after_joining(async |stream: &mut Stream| {
        let piece = ToConductor::Piece(vec![0; MOST / 2]);
        // The last ones may find the connection closed.
        for _ in 0..=LEFT / (MOST / 2) {
            let _ = codec::write(stream, &piece, SOON).await;
        }
    });
    assert!(matches!(too_much, CodecError::Gone(_)));
}

#[test]
fn processes_that_come_all_at_once_are_all_served() {
    const MANY: u32 = 200;
    at_a_conductor_of(MANY, async |address| {
        let comers = (0..MANY).map(|peer| {
            let process = Process {
                conductor: address.clone(),
                seed: SEED,
                peers: peer..peer + 1,
                address: Ipv4Addr::LOCALHOST.into(),
                patience: Duration::from_secs(60),
            };
            async move {
                let mut swarm = network::of_process(&own(Peer(peer))).expect("the key will do");
                let found = process.find(&mut swarm).await;
                // It stays connected, so that none has the place of another.
                found.map(|asked| (swarm, asked))
            }
        });
        for served in join_all(comers).await {
            assert!(served.is_ok(), "{:?}", served.err());
        }
    });
}
