//! Lengths, held to those of an encoder of protocol buffers and of multiaddresses spelt out.

use peerlab_scenarios::{
    plan::{Files, KademliaPlan},
    seed::Seed,
    spec::read::read,
};
use proptest::prelude::*;
use prost::Message as _;

use super::*;

/// `dht.proto` of libp2p-kad 0.49 and `structs.proto` of libp2p-identify 0.48, as far as this model speaks them.
mod proto {
    #[derive(prost::Message)]
    pub(super) struct Message {
        #[prost(int32, tag = "1")]
        pub(super) r#type: i32,
        #[prost(bytes = "vec", tag = "2")]
        pub(super) key: Vec<u8>,
        #[prost(message, repeated, tag = "8")]
        pub(super) closer_peers: Vec<Peer>,
        #[prost(message, repeated, tag = "9")]
        pub(super) provider_peers: Vec<Peer>,
        #[prost(int32, tag = "10")]
        pub(super) cluster_level_raw: i32,
    }

    #[derive(prost::Message)]
    pub(super) struct Peer {
        #[prost(bytes = "vec", tag = "1")]
        pub(super) id: Vec<u8>,
        #[prost(bytes = "vec", repeated, tag = "2")]
        pub(super) addrs: Vec<Vec<u8>>,
        #[prost(int32, tag = "3")]
        pub(super) connection: i32,
    }

    #[derive(prost::Message)]
    pub(super) struct Identify {
        #[prost(bytes = "vec", optional, tag = "1")]
        pub(super) public_key: Option<Vec<u8>>,
        #[prost(bytes = "vec", repeated, tag = "2")]
        pub(super) listen_addrs: Vec<Vec<u8>>,
        #[prost(string, repeated, tag = "3")]
        pub(super) protocols: Vec<String>,
        #[prost(bytes = "vec", optional, tag = "4")]
        pub(super) observed_addr: Option<Vec<u8>>,
        #[prost(string, optional, tag = "5")]
        pub(super) protocol_version: Option<String>,
        #[prost(string, optional, tag = "6")]
        pub(super) agent_version: Option<String>,
    }
}

/// `/ip4/192.0.2.1/tcp/4001`: the codes of the two are 4 and 6
/// (<https://github.com/multiformats/multiaddr/blob/master/protocols.csv>).
fn address() -> Vec<u8> {
    vec![4, 192, 0, 2, 1, 6, 0x0F, 0xA1]
}

/// `/p2p/…`: code 421, in base 128, and a length.
fn p2p(peer: &[u8]) -> Vec<u8> {
    [&[0xA5, 0x03, peer.len() as u8], peer].concat()
}

/// `/p2p-circuit`: code 290, in base 128.
const P2P_CIRCUIT: [u8; 2] = [0xA2, 0x02];

fn peer_id(plan: &KademliaPlan, peer: Peer) -> Vec<u8> {
    peerlab_scenarios::plan::identity::peer_id(plan.seed(), peer).to_bytes()
}

/// Six servers, of which two relay for three clients behind NAT.
fn plan() -> Plan {
    let text = "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {name: lengths}
spec:
  duration: 2m
  groups: [{name: servers, peers: 6}, {name: homes, peers: 3, nat: symmetric}]
  topology: {ring: {}}
  discovery: {kademlia: {}}
  workloads: [{name: look, lookups: {}}]
";
    let scenario = read("lengths", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    Plan::new(&scenario, Seed(1), &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The message as libp2p would make it (`req_msg_to_proto`, `resp_msg_to_proto`).
fn encoded(plan: &Plan, rpc: &Rpc, from: Peer) -> proto::Message {
    let kademlia = plan.discovery.as_ref().expect("it is there");
    let named = |named: &Named| {
        let id = peer_id(kademlia, named.peer);
        let direct = vec![[address(), p2p(&id)].concat()];
        let relayed =
            |relay| [address(), p2p(&peer_id(kademlia, relay)), P2P_CIRCUIT.to_vec(), p2p(&id)].concat();
        let hidden = !plan.peers.group(named.peer).spec.nat.can_be_dialled();
        let addrs = if hidden { plan.reach.relays_of(named.peer).map(relayed).collect() } else { direct };
        proto::Peer { id, addrs, connection: i32::from(named.connected) }
    };
    let all = |list: &[Named]| list.iter().map(named).collect();
    let key = |target: &Target| vec![7; usize::from(target.name)];
    match rpc {
        Rpc::FindNode { target, .. } => {
            proto::Message { r#type: 4, cluster_level_raw: 10, key: key(target), ..proto::Message::default() }
        }
        Rpc::GetProviders { target, .. } => {
            proto::Message { r#type: 3, cluster_level_raw: 10, key: key(target), ..proto::Message::default() }
        }
        Rpc::AddProvider { target } => proto::Message {
            r#type: 2,
            cluster_level_raw: 10,
            key: key(target),
            provider_peers: all(&[Named { peer: from, connected: false }]),
            ..proto::Message::default()
        },
        Rpc::Nodes { closer, .. } => proto::Message {
            r#type: 4,
            cluster_level_raw: 9,
            closer_peers: all(closer),
            ..proto::Message::default()
        },
        Rpc::Providers { closer, providers, .. } => proto::Message {
            r#type: 3,
            cluster_level_raw: 9,
            closer_peers: all(closer),
            provider_peers: all(providers),
            ..proto::Message::default()
        },
    }
}

fn named() -> impl Strategy<Value = Vec<Named>> {
    let one = (0..9u32, any::<bool>()).prop_map(|(peer, connected)| Named { peer: Peer(peer), connected });
    prop::collection::vec(one, 0..21)
}

fn rpcs() -> impl Strategy<Value = Rpc> {
    let target = || {
        let key = any::<[u64; 4]>().prop_map(Key::from_words);
        (key, any::<bool>())
            .prop_map(|(key, peer)| if peer { Target::peer(key) } else { Target::content(key) })
    };
    prop_oneof![
        target().prop_map(|target| Rpc::FindNode { query: 1, target }),
        target().prop_map(|target| Rpc::GetProviders { query: 1, target }),
        target().prop_map(|target| Rpc::AddProvider { target }),
        named().prop_map(|closer| Rpc::Nodes { query: 1, closer }),
        (named(), named()).prop_map(|(closer, providers)| Rpc::Providers { query: 1, closer, providers }),
    ]
}

proptest! {
    #[test]
    fn a_message_is_as_long_as_libp2p_writes_it(rpc in rpcs(), from in 0..9u32) {
        let plan = plan();
        let lengths = Lengths::new(&plan).expect("it has Kademlia");
        let bytes = encoded(&plan, &rpc, Peer(from)).encode_length_delimited_to_vec();
        prop_assert_eq!(lengths.len(&rpc, Peer(from)) as usize, bytes.len());
    }
}

#[test]
fn a_peer_says_who_it_is_in_as_many_bytes_as_libp2p_writes() {
    let line = |text: &str| [&[text.len() as u8 + 1], text.as_bytes(), b"\n"].concat();
    let select = [line("/multistream/1.0.0"), line("/ipfs/id/1.0.0")].concat();
    for serves in [false, true] {
        let mut protocols = vec!["/ipfs/id/1.0.0".to_owned(), "/ipfs/id/push/1.0.0".to_owned()];
        protocols.extend(serves.then(|| PROTOCOL.to_owned()));
        let identify = proto::Identify {
            public_key: Some(vec![0; 36]),
            listen_addrs: vec![address()],
            protocols,
            observed_addr: Some(address()),
            protocol_version: Some("peerlab/0.1.0".to_owned()),
            agent_version: Some("rust-libp2p/0.48.0".to_owned()),
        };
        assert_eq!(who(serves) as usize, select.len() + identify.encode_length_delimited_to_vec().len());
    }
    assert_eq!(ASK_WHO as usize, select.len());
    assert_eq!(STREAM as usize, [line("/multistream/1.0.0"), line(PROTOCOL)].concat().len());
    assert_eq!(NO_STREAM as usize, [line("/multistream/1.0.0"), line("na")].concat().len());
}
