//! Messages of Kademlia and of identify: what they say, and their exact length.
//!
//! Lengths are those of the protocol buffers that libp2p-kad 0.49 and libp2p-identify 0.48 write (`dht.proto`,
//! `structs.proto`), with the length that precedes each message on its stream, and of what multistream-select says before it; tests
//! hold them to an encoder.

use peerlab_scenarios::{
    host::Peer,
    plan::{
        Plan,
        discovery::{CONTENT_NAME, Key, PROTOCOL},
    },
    wire::Kind,
};

/// What a request is about: a key, and how long the name is whose hash it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) key: Key,
    name: u8,
}

impl Target {
    /// A peer, or any key that peers are looked for near to.
    pub(crate) const fn peer(key: Key) -> Self {
        Self { key, name: PEER_ID as u8 }
    }

    /// A content.
    pub(crate) const fn content(key: Key) -> Self {
        Self { key, name: CONTENT_NAME as u8 }
    }
}

/// A request, or its answer. Requests are told apart by the stream that each has; here, by a number that takes no bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Rpc {
    /// FIND_NODE.
    FindNode { query: u32, target: Target },
    /// GET_PROVIDERS.
    GetProviders { query: u32, target: Target },
    /// ADD_PROVIDER: the sender is one. There is no answer.
    AddProvider { target: Target },
    /// The answer to FIND_NODE.
    Nodes { query: u32, closer: Vec<Named> },
    /// The answer to GET_PROVIDERS.
    Providers { query: u32, closer: Vec<Named>, providers: Vec<Named> },
}

/// A peer that an answer names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) peer: Peer,
    /// Whether whoever names it is connected with it.
    pub(crate) connected: bool,
}

/// Bytes that name a peer: the multihash of an Ed25519 key.
const PEER_ID: u32 = 38;
/// Bytes of `/ip4/192.0.2.1/tcp/4001` as a multiaddress.
const ADDRESS: u32 = 8;
/// Bytes of `/p2p/…` in one.
const P2P: u32 = 2 + 1 + PEER_ID;
/// Bytes of `/p2p-circuit` in one.
const CIRCUIT: u32 = 2;

/// What multistream-select says before anything else on a stream: `/multistream/1.0.0`, as a line with its length.
const MULTISTREAM: u32 = line("/multistream/1.0.0");

/// Bytes by which a stream for a request is proposed, and accepted.
pub(crate) const STREAM: u32 = MULTISTREAM + line(PROTOCOL);
/// Bytes by which it is refused.
pub(crate) const NO_STREAM: u32 = MULTISTREAM + line("na");
/// Bytes by which a peer is asked who it is.
pub(crate) const ASK_WHO: u32 = MULTISTREAM + line("/ipfs/id/1.0.0");

/// Bytes by which a peer says who it is: `protocolVersion`, `agentVersion`, `publicKey`, one of `listenAddrs`, `observedAddr`, and
/// `protocols`, of which there are identify's two and, for one that serves, Kademlia's.
pub(crate) const fn who(serves: bool) -> u32 {
    const PUBLIC_KEY: u32 = 36;
    let fixed = field(name("peerlab/0.1.0"))
        + field(name("rust-libp2p/0.48.0"))
        + field(PUBLIC_KEY)
        + field(ADDRESS)
        + field(ADDRESS)
        + field(name("/ipfs/id/1.0.0"))
        + field(name("/ipfs/id/push/1.0.0"));
    let more = if serves { field(name(PROTOCOL)) } else { 0 };
    ASK_WHO + framed(fixed + more)
}

const fn name(text: &str) -> u32 {
    text.len() as u32
}

/// Bytes of a line of multistream-select.
const fn line(text: &str) -> u32 {
    framed(text.len() as u32 + 1)
}

/// How long the messages of a run's Kademlia are.
#[derive(Clone, Debug)]
pub(crate) struct Lengths {
    /// Relays through which each peer is reached, of those that cannot be dialled.
    circuits: Vec<Option<u8>>,
}

impl Lengths {
    pub(crate) fn new(plan: &Plan) -> Option<Self> {
        plan.discovery.as_ref()?;
        let hidden = |peer| !plan.peers.group(peer).spec.nat.can_be_dialled();
        let circuits = |peer| hidden(peer).then(|| plan.reach.relays_of(peer).count() as u8);
        Some(Self { circuits: plan.peers.iter().map(circuits).collect() })
    }

    /// Length of a message on its stream.
    pub(crate) fn len(&self, rpc: &Rpc, from: Peer) -> u32 {
        framed(self.body(rpc, from))
    }

    fn body(&self, rpc: &Rpc, from: Peer) -> u32 {
        // `type` and `clusterLevelRaw`; none of these types is 0, which would be left out.
        const HEAD: u32 = 2 + 2;
        let all = |named: &[Named]| named.iter().map(|it| field(self.peer(*it))).sum::<u32>();
        match rpc {
            Rpc::FindNode { target, .. } | Rpc::GetProviders { target, .. } => {
                HEAD + field(u32::from(target.name))
            }
            Rpc::AddProvider { target } => {
                HEAD + field(u32::from(target.name))
                    + field(self.peer(Named { peer: from, connected: false }))
            }
            Rpc::Nodes { closer, .. } => HEAD + all(closer),
            Rpc::Providers { closer, providers, .. } => HEAD + all(closer) + all(providers),
        }
    }

    /// A peer with its addresses: its own, or one by way of each relay.
    fn peer(&self, Named { peer, connected }: Named) -> u32 {
        let addresses = match self.circuits[peer.index()] {
            None => field(ADDRESS + P2P),
            Some(relays) => u32::from(relays) * field(ADDRESS + P2P + CIRCUIT + P2P),
        };
        field(PEER_ID) + addresses + if connected { 2 } else { 0 }
    }
}

/// Length of a message of Kademlia or identify that has no content beyond its kind.
pub(crate) const fn of_kind(kind: Kind, hops: u8) -> Option<u32> {
    Some(match (kind, hops) {
        (Kind::KadStream, 0 | 1) => STREAM,
        (Kind::KadStream, _) => NO_STREAM,
        (Kind::Identify, 0) => ASK_WHO,
        (Kind::Identify, answer) => who(answer == 2),
        _ => return None,
    })
}

/// Length of a number in base 128.
const fn varint(number: u32) -> u32 {
    (32 - (number | 1).leading_zeros()).div_ceil(7)
}

/// Length of a field of so many bytes, with a tag below 16.
const fn field(len: u32) -> u32 {
    1 + varint(len) + len
}

/// Length of so many bytes with their length before them.
const fn framed(len: u32) -> u32 {
    varint(len) + len
}

#[cfg(test)]
mod tests;
