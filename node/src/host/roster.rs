//! Who takes part, by name and by index, and where they listen.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use futures::channel::mpsc;
use libp2p::{
    Multiaddr, PeerId,
    identity::{Keypair, PublicKey},
};
use peerlab_scenarios::{host::Peer, plan::identity, seed::Seed};

/// The peers of a fleet: nobody else is let in. Made once, and shared by all who run in one process.
#[derive(Debug)]
pub struct Roster {
    seed: Seed,
    keys: Vec<(PeerId, PublicKey)>,
    by_id: HashMap<PeerId, Peer>,
}

impl Roster {
    /// A fleet of so many peers, whose keys follow from the seed.
    #[must_use]
    pub fn new(seed: Seed, peers: u32) -> Arc<Self> {
        let public = |peer| {
            let key = identity::keypair(seed, Peer(peer)).public();
            (key.to_peer_id(), key)
        };
        let keys: Vec<_> = (0..peers).map(public).collect();
        let by_id = keys.iter().zip((0..).map(Peer)).map(|((id, _), peer)| (*id, peer)).collect();
        Arc::new(Self { seed, keys, by_id })
    }

    /// The secret key of a peer.
    #[must_use]
    pub fn keypair(&self, peer: Peer) -> Keypair {
        identity::keypair(self.seed, peer)
    }

    /// The public key of a peer, if there is one of this index.
    #[must_use]
    pub fn public_key(&self, peer: Peer) -> Option<&PublicKey> {
        self.keys.get(peer.index()).map(|(_, key)| key)
    }

    /// The name of a peer.
    ///
    /// # Panics
    /// When there is no peer of this index.
    #[must_use]
    pub fn id(&self, peer: Peer) -> PeerId {
        self.keys[peer.index()].0
    }

    /// The peer of a name, if it takes part.
    #[must_use]
    pub fn peer(&self, id: &PeerId) -> Option<Peer> {
        self.by_id.get(id).copied()
    }
}

/// A peer that listens here from now on, or no longer.
pub type Moved = (Peer, Option<Multiaddr>);

/// Where the peers of a fleet listen that are up. It stands for what finds peers outside of a testbed: DNS, a tracker, mDNS.
#[derive(Clone, Debug)]
pub struct Addresses {
    known: Arc<RwLock<Vec<Option<Multiaddr>>>>,
    /// Who wants to hear of the peers of this process.
    watcher: Option<mpsc::UnboundedSender<Moved>>,
}

impl Addresses {
    /// Of a fleet of which nobody is up.
    #[must_use]
    pub fn new(peers: u32) -> Self {
        Self { known: Arc::new(RwLock::new(vec![None; peers as usize])), watcher: None }
    }

    /// The same, and what the peers of this process tell of themselves: a few words in each of their lives.
    #[must_use]
    pub fn watched(peers: u32) -> (Self, mpsc::UnboundedReceiver<Moved>) {
        let (watcher, moves) = mpsc::unbounded();
        (Self { watcher: Some(watcher), ..Self::new(peers) }, moves)
    }

    /// Where a peer listens, if it is up.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Option<Multiaddr> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(peer.index()).cloned().flatten()
    }

    /// Says where a peer of this process listens, or that it does no longer.
    pub fn set(&self, peer: Peer, address: Option<Multiaddr>) {
        if let Some(watcher) = &self.watcher {
            // Whoever watched may have gone.
            let _ = watcher.unbounded_send((peer, address.clone()));
        }
        self.learn((peer, address));
    }

    /// Takes note of what a peer of another process has told.
    pub fn learn(&self, (peer, address): Moved) {
        if let Some(entry) = self.known.write().unwrap_or_else(PoisonError::into_inner).get_mut(peer.index())
        {
            *entry = address;
        }
    }
}
