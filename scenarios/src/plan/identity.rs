//! Keys and names of peers, derived from the run's seed: known to all before the start, so that nothing has to be found
//! out. They are for testbeds; a key that can be derived from a file protects nothing.

use libp2p_identity::{Keypair, PeerId};

use crate::{host::Peer, seed::Seed};

/// Whom the keys of a run's conductor are derived for: no plan has a peer of this index.
pub const CONDUCTOR: Peer = Peer(u32::MAX);

/// The Ed25519 key of a peer.
#[must_use]
pub fn keypair(seed: Seed, peer: Peer) -> Keypair {
    let secret = seed.bytes("identity", &[u64::from(peer.0)]);
    Keypair::ed25519_from_bytes(secret).expect("any 32 bytes are an Ed25519 secret")
}

/// The name of a peer: the multihash of its public key
/// (<https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md>).
#[must_use]
pub fn peer_id(seed: Seed, peer: Peer) -> PeerId {
    keypair(seed, peer).public().to_peer_id()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fleet that is running knows its peers by these.
    #[test]
    fn names_stay_what_they_were() {
        assert_eq!(
            peer_id(Seed(42), Peer(0)).to_string(),
            "12D3KooWGwBWHb4jQAeekngqN663fdEvkoECS3CrE31Up3AaqeWU"
        );
        assert_ne!(peer_id(Seed(42), Peer(0)), peer_id(Seed(42), Peer(1)));
        assert_ne!(peer_id(Seed(42), Peer(0)), peer_id(Seed(43), Peer(0)));
    }
}
