//! Links under real TCP connections of this machine, measured.
//!
//! The machine may be busy: delays are the least of several tries, and rates the best.

use std::{
    pin::Pin,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt, future::poll_fn};
use libp2p::{
    Multiaddr, PeerId,
    core::{
        Endpoint,
        transport::{DialOpts, ListenerId, PortUse, Transport, TransportEvent},
    },
    multiaddr::Protocol,
    ping,
    swarm::{self, Swarm, SwarmEvent},
    tcp, yamux,
};
use peerlab_node::link::{LinkTransport, Shaped, Shaper, secure};
use peerlab_scenarios::{
    host::Peer,
    plan::{Files, Plan, identity},
    seed::Seed,
    spec::read,
};

type Tcp = tcp::tokio::Transport;
type Stream = Shaped<<Tcp as Transport>::Output>;

fn plan(link: &str, network: &str, rest: &str) -> Arc<Plan> {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: test}}\nspec:\n  duration: 10m\n  \
         topology: {{fullMesh: {{}}}}\n  groups: [{{name: all, peers: 4, link: {{access: {{constant: {{value: 0s}}}}, loss: 0%, {link}}}}}]\n  \
         network: {{{network}}}\n  workloads: [{{name: talk, chat: {{}}}}]\n{rest}"
    );
    let scenario = read::read("test", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    Arc::new(Plan::new(&scenario, Seed(7), &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}")))
}

fn shaper(plan: &Arc<Plan>) -> Shaper {
    let spawn = |task| {
        tokio::spawn(task);
    };
    Shaper::new(plan, &plan.peers.iter().collect(), Arc::new(spawn)).unwrap()
}

fn transport(shaper: &Shaper, me: Option<Peer>) -> LinkTransport<Tcp> {
    shaper.wrap(Tcp::new(tcp::Config::default()), me)
}

const DIAL: DialOpts = DialOpts { role: Endpoint::Dialer, port_use: PortUse::New };

/// Listens, and does with each connection what is given; the address.
async fn serve<F, T>(mut transport: LinkTransport<Tcp>, serve: F) -> Multiaddr
where
    F: Fn(Stream) -> T + Send + 'static,
    T: Future<Output = ()> + Send + 'static,
{
    transport.listen_on(ListenerId::next(), "/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = loop {
        let event = poll_fn(|cx| Pin::new(&mut transport).poll(cx)).await;
        if let TransportEvent::NewAddress { listen_addr, .. } = event {
            break listen_addr;
        }
    };
    tokio::spawn(async move {
        loop {
            let event = poll_fn(|cx| Pin::new(&mut transport).poll(cx)).await;
            if let TransportEvent::Incoming { upgrade, .. } = event
                && let Ok(stream) = upgrade.await
            {
                tokio::spawn(serve(stream));
            }
        }
    });
    address
}

async fn echo(stream: Stream) {
    let (from, mut to) = stream.split();
    let _ = futures::io::copy(from, &mut to).await;
    let _ = to.close().await;
}

async fn connect(shaper: &Shaper, me: Option<Peer>, address: Multiaddr) -> Stream {
    transport(shaper, me).dial(address, DIAL).unwrap().await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_echo_takes_the_delay_there_and_back() {
    let plan = plan("up: 1Gbit, down: 1Gbit", "latency: {fixed: {oneWay: 30ms}}, jitter: 0%", "");
    let shaper = shaper(&plan);
    let address = serve(transport(&shaper, Some(Peer(1))), echo).await;
    let began = Instant::now();
    let mut stream = connect(&shaper, Some(Peer(0)), address).await;
    let connected = began.elapsed();
    assert!(connected >= Duration::from_millis(60), "to connect takes a round trip: {connected:?}");
    let mut least = Duration::MAX;
    for n in 0..20 {
        let began = Instant::now();
        stream.write_all(&[n]).await.unwrap();
        let mut answer = [0];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, [n]);
        // A downlink may let its last 20 µs pass at once.
        assert!(began.elapsed() >= Duration::from_micros(59_960), "never less: {:?}", began.elapsed());
        least = least.min(began.elapsed());
    }
    assert!(least < Duration::from_millis(62), "{least:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transfer_has_the_rate_of_the_narrower_link() {
    for link in ["up: 20Mbit, down: 100Mbit", "up: 100Mbit, down: 20Mbit"] {
        let plan = plan(link, "latency: {fixed: {oneWay: 10ms}}, jitter: 0%, overhead: 0B", "");
        let shaper = shaper(&plan);
        let count = |mut stream: Stream| async move {
            let (mut buffer, mut bytes) = (vec![0; 64 << 10], 0u64);
            while let Ok(n @ 1..) = stream.read(&mut buffer).await {
                bytes += n as u64;
            }
            stream.write_all(&bytes.to_le_bytes()).await.unwrap();
            stream.close().await.unwrap();
        };
        let address = serve(transport(&shaper, Some(Peer(1))), count).await;
        let mut best = f64::MAX;
        for _ in 0..3 {
            let mut stream = connect(&shaper, Some(Peer(0)), address.clone()).await;
            let bytes = vec![7; 2_500_000];
            let began = Instant::now();
            stream.write_all(&bytes).await.unwrap();
            stream.close().await.unwrap();
            let mut answer = [0; 8];
            stream.read_exact(&mut answer).await.unwrap();
            // A round trip for the first byte and the answer.
            let took = began.elapsed().as_secs_f64() - 0.020;
            assert_eq!(u64::from_le_bytes(answer), bytes.len() as u64);
            assert!(took > 0.99, "{link}: faster than the link: {took} s");
            best = best.min(took);
        }
        assert!(best < 1.05, "{link}: {best} s for a second's worth");
        assert!(shaper.traffic(Peer(0)).sent >= 7_500_000);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_holds_bytes_back_and_a_long_one_breaks_the_connection() {
    let faults = "  faults:\n    - {name: short, at: 300ms, for: 400ms, partition: {between: [{peers: [0]}, {peers: [1]}]}}\n    \
                  - {name: long, at: 300ms, for: 10s, partition: {between: [{peers: [0]}, {peers: [2]}]}}\n";
    let plan = plan("up: 1Gbit, down: 1Gbit", "latency: {fixed: {oneWay: 5ms}}, timeout: 1s", faults);
    let shaper = shaper(&plan);
    let mut streams = Vec::new();
    for other in [1, 2] {
        let address = serve(transport(&shaper, Some(Peer(other))), echo).await;
        streams.push((connect(&shaper, Some(Peer(0)), address.clone()).await, address));
    }
    let start = Instant::now();
    shaper.begin(Instant::now());
    tokio::time::sleep(Duration::from_millis(400)).await;
    let (mut healing, _) = streams.remove(0);
    healing.write_all(b"late").await.unwrap();
    let mut answer = [0; 4];
    healing.read_exact(&mut answer).await.unwrap();
    assert!(start.elapsed() >= Duration::from_millis(700), "{:?}", start.elapsed());
    assert_eq!(&answer, b"late");

    let (mut breaking, address) = streams.remove(0);
    let why = breaking.read(&mut answer).await.unwrap_err();
    assert_eq!(why.kind(), std::io::ErrorKind::TimedOut);
    let at = start.elapsed();
    assert!(at >= Duration::from_millis(1_299), "the timeout after the cut began: {at:?}");

    let named = address.with(Protocol::P2p(identity::peer_id(plan.seed, Peer(2))));
    let began = Instant::now();
    let why = transport(&shaper, Some(Peer(0))).dial(named, DIAL).unwrap().await.unwrap_err();
    assert_eq!(why.to_string(), "peer 2 did not answer in time");
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert!(shaper.hits().iter().all(|&hits| hits > 0), "{:?}", shaper.hits());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_sent_arrives_although_its_sender_is_gone() {
    let plan = plan("up: 10Mbit", "latency: {fixed: {oneWay: 50ms}}", "");
    let shaper = shaper(&plan);
    let (tx, mut rx) = futures::channel::mpsc::unbounded();
    let collect = move |mut stream: Stream| {
        let tx = tx.clone();
        async move {
            let mut all = Vec::new();
            stream.read_to_end(&mut all).await.unwrap();
            tx.unbounded_send(all).unwrap();
        }
    };
    let address = serve(transport(&shaper, Some(Peer(1))), collect).await;
    let mut stream = connect(&shaper, Some(Peer(0)), address).await;
    stream.write_all(&[5; 60_000]).await.unwrap();
    drop(stream);
    assert_eq!(rx.next().await.unwrap(), vec![5; 60_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_peer_of_the_plan_is_talked_to_without_delay_and_who_speaks_otherwise_not_at_all() {
    let plan = plan("", "latency: {fixed: {oneWay: 2s}}", "");
    let shaper = shaper(&plan);
    let address = serve(transport(&shaper, Some(Peer(1))), echo).await;
    let began = Instant::now();
    let mut stream = connect(&shaper, None, address.clone()).await;
    assert_eq!(stream.claim(), Some(Peer(1)));
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(2));

    let mut stranger = Tcp::new(tcp::Config::default()).dial(address, DIAL).unwrap().await.unwrap();
    stranger.write_all(b"\x13/multistream/1.0.0\n").await.unwrap();
    let mut heard = Vec::new();
    let _ = stranger.read_to_end(&mut heard).await;
    assert_eq!(&heard[..4], b"plnk", "it is told what is spoken here, and no more");
    assert_eq!(heard.len(), 9);
}

/// A peer with the key of `key` that says that it is `claim`.
fn swarm(shaper: &Shaper, plan: &Plan, key: Peer, claim: Option<Peer>) -> Swarm<ping::Behaviour> {
    let keypair = identity::keypair(plan.seed, key);
    let transport = secure(transport(shaper, claim), &keypair, yamux::Config::default()).unwrap();
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(60));
    Swarm::new(transport, ping::Behaviour::default(), keypair.public().to_peer_id(), config)
}

async fn listening(mut swarm: Swarm<ping::Behaviour>) -> Multiaddr {
    swarm.listen_on("/ip4/127.0.0.1/tcp/0".parse().unwrap()).unwrap();
    let address = loop {
        if let SwarmEvent::NewListenAddr { address, .. } = swarm.select_next_some().await {
            break address;
        }
    };
    tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    address
}

fn dial(swarm: &mut Swarm<ping::Behaviour>, peer: PeerId, address: Multiaddr) {
    swarm.dial(swarm::dial_opts::DialOpts::peer_id(peer).addresses(vec![address]).build()).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn libp2p_peers_connect_and_ping_over_their_links() {
    let plan = plan("", "latency: {fixed: {oneWay: 20ms}}, jitter: 0%", "");
    let shaper = shaper(&plan);
    let address = listening(swarm(&shaper, &plan, Peer(1), Some(Peer(1)))).await;
    let mut me = swarm(&shaper, &plan, Peer(0), Some(Peer(0)));
    let began = Instant::now();
    dial(&mut me, identity::peer_id(plan.seed, Peer(1)), address);
    loop {
        match me.select_next_some().await {
            SwarmEvent::ConnectionEstablished { .. } => {
                let took = began.elapsed();
                assert!(took >= Duration::from_millis(80), "two round trips or more: {took:?}");
            }
            SwarmEvent::Behaviour(ping::Event { result, .. }) => {
                let round_trip = result.unwrap();
                assert!(round_trip >= Duration::from_millis(39), "{round_trip:?}");
                break;
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_lies_about_who_it_is_is_not_connected() {
    let plan = plan("", "latency: {fixed: {oneWay: 1ms}}", "");
    let shaper = shaper(&plan);
    for lie in [Some(Peer(2)), None] {
        let address = listening(swarm(&shaper, &plan, Peer(1), lie)).await;
        let mut me = swarm(&shaper, &plan, Peer(0), Some(Peer(0)));
        dial(&mut me, identity::peer_id(plan.seed, Peer(1)), address);
        let error = loop {
            match me.select_next_some().await {
                SwarmEvent::OutgoingConnectionError { error, .. } => break error,
                SwarmEvent::ConnectionEstablished { .. } => panic!("a liar was let in"),
                _ => {}
            }
        };
        let text = format!("{error:?}");
        assert!(text.contains("Impostor"), "{text}");
    }
}
