//! The proof that a process has the keys of its peers.
//!
//! The connection proves who its first peer is. For the others it signs what the conductor has never asked before, so that
//! nobody can say again what somebody else has said.

use libp2p::identity::Keypair;
use peerlab_scenarios::host::Peer;

use crate::host::Roster;

/// What must not be mistaken for anything else that these keys sign.
const DOMAIN: &[u8] = b"peerlab/conduct/1/join\0";

/// Bytes that no other process is asked to sign.
pub(super) type Nonce = [u8; 32];

/// Bytes that were never asked before: from a key that is made for them, for that comes from the system's entropy.
pub(super) fn nonce() -> Nonce {
    *blake3::hash(&Keypair::generate_ed25519().public().encode_protobuf()).as_bytes()
}

fn text(nonce: &Nonce, first: Peer, peer: Peer) -> Vec<u8> {
    [DOMAIN, nonce, &first.0.to_be_bytes(), &peer.0.to_be_bytes()].concat()
}

/// The proofs of a process whose peers are so many from `first` on: a signature for each but the first.
pub(super) fn prove(
    nonce: &Nonce,
    peers: std::ops::Range<u32>,
    key: impl Fn(Peer) -> Keypair,
) -> Vec<Vec<u8>> {
    let first = Peer(peers.start);
    let sign = |peer| key(Peer(peer)).sign(&text(nonce, first, Peer(peer)));
    peers.skip(1).map(|peer| sign(peer).expect("an Ed25519 key signs anything")).collect()
}

/// Whose proof is wrong or missing, if one is.
pub(super) fn check(
    nonce: &Nonce,
    peers: std::ops::Range<u32>,
    proofs: &[Vec<u8>],
    roster: &Roster,
) -> Result<(), Peer> {
    let first = Peer(peers.start);
    let mut proofs = proofs.iter();
    for peer in peers.skip(1).map(Peer) {
        let proof = proofs.next().ok_or(peer)?;
        if !roster.has_signed(peer, &text(nonce, first, peer), proof) {
            return Err(peer);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{plan::identity::keypair, seed::Seed};

    use super::*;

    #[test]
    fn only_who_has_all_keys_may_speak_for_all_peers() {
        let roster = Roster::new(Seed(1), 6);
        let (once, again) = (nonce(), nonce());
        assert_ne!(once, again);
        let proofs = prove(&once, 2..5, |peer| keypair(Seed(1), peer));
        assert_eq!(proofs.len(), 2);
        assert_eq!(check(&once, 2..5, &proofs, &roster), Ok(()));
        assert_eq!(check(&again, 2..5, &proofs, &roster), Err(Peer(3)), "it is an old proof");
        assert_eq!(check(&once, 2..6, &proofs, &roster), Err(Peer(5)), "one is missing");
        assert_eq!(check(&once, 1..4, &proofs, &roster), Err(Peer(2)), "they are of others");
        let of_another_run = prove(&once, 2..5, |peer| keypair(Seed(2), peer));
        assert_eq!(check(&once, 2..5, &of_another_run, &roster), Err(Peer(3)));
        assert_eq!(check(&once, 3..4, &[], &roster), Ok(()), "the connection has proved it");
    }
}
