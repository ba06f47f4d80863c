//! Who serves Kademlia, under which keys, and whom each peer knows when it starts.

mod key;

pub use key::{Distance, Key};

use super::{PeerSet, Peers, PlanError, identity, selection::Selection};
use crate::{
    host::Peer,
    seed::Seed,
    spec::{
        Discovery,
        discovery::{Contacts, Kademlia},
    },
};

/// The protocol's name: that of the public network, so that messages are as long as there.
pub const PROTOCOL: &str = "/ipfs/kad/1.0.0";

/// Bytes of the multihash that names a content: the code of SHA-256, the length, the hash.
pub const CONTENT_NAME: usize = 34;

/// Kademlia, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KademliaPlan {
    spec: Kademlia,
    seed: Seed,
    servers: PeerSet,
    /// The key of each peer.
    keys: Vec<Key>,
    /// Servers by their keys.
    by_key: Vec<(Key, Peer)>,
}

/// Plans what a scenario says of discovery; nothing, where the plan itself is what finds.
pub(super) fn plan(
    discovery: &Discovery,
    peers: &Peers,
    selection: &Selection<'_>,
) -> Result<Option<KademliaPlan>, PlanError> {
    let Some(spec) = discovery.kademlia() else { return Ok(None) };
    let path = "spec.discovery.kademlia.servers";
    let can_be_dialled = |peer: &Peer| peers.group(*peer).spec.nat.can_be_dialled();
    let servers: PeerSet = match &spec.servers {
        None => peers.iter().filter(can_be_dialled).collect(),
        Some(who) => {
            let chosen = selection.select(who, path)?;
            if let Some(hidden) = chosen.iter().find(|peer| !can_be_dialled(peer)) {
                let group = &peers.group(hidden).spec.name;
                let why =
                    format!("{hidden}, of group `{group}`, cannot be dialled by those who would ask it");
                return Err(PlanError::new(path, why));
            }
            chosen
        }
    };
    if servers.is_empty() {
        let why = "nobody can serve: let a group have `nat: open` or `nat: fullCone`";
        return Err(PlanError::new("spec.discovery.kademlia", why));
    }
    Ok(Some(KademliaPlan::new(spec.clone(), selection.seed, peers.len(), servers)))
}

impl KademliaPlan {
    /// A plan for so many peers, of which some serve.
    #[must_use]
    pub fn new(spec: Kademlia, seed: Seed, peers: u32, servers: PeerSet) -> Self {
        let key = |peer| Key::of(&identity::peer_id(seed, Peer(peer)).to_bytes());
        let keys: Vec<Key> = (0..peers).map(key).collect();
        let mut by_key: Vec<_> = servers.iter().map(|peer| (keys[peer.index()], peer)).collect();
        by_key.sort_unstable();
        Self { spec, seed, servers, keys, by_key }
    }

    /// What the scenario says.
    #[must_use]
    pub const fn spec(&self) -> &Kademlia {
        &self.spec
    }

    /// The run's seed.
    #[must_use]
    pub const fn seed(&self) -> Seed {
        self.seed
    }

    /// Who serves.
    #[must_use]
    pub const fn servers(&self) -> &PeerSet {
        &self.servers
    }

    /// The key of a peer: the SHA-256 of its name.
    #[inline]
    #[must_use]
    pub fn key(&self, peer: Peer) -> Key {
        self.keys[peer.index()]
    }

    /// The name of a content of a workload, as records are kept under: a multihash.
    #[must_use]
    pub fn content_name(&self, workload: u8, number: u32) -> [u8; CONTENT_NAME] {
        let mut name = [0; CONTENT_NAME];
        // The code of SHA-256 and its length (https://github.com/multiformats/multicodec/blob/master/table.csv).
        name[..2].copy_from_slice(&[0x12, 32]);
        name[2..].copy_from_slice(&self.seed.bytes("content", &[u64::from(workload), u64::from(number)]));
        name
    }

    /// The servers nearest to a key, nearest first: what a lookup that knows everybody would find.
    #[must_use]
    pub fn nearest(&self, key: Key, count: usize) -> Vec<Peer> {
        let mut all: Vec<_> = self.by_key.iter().map(|&(other, peer)| (key.distance(other), peer)).collect();
        all.sort_unstable();
        all.into_iter().take(count).map(|(_, peer)| peer).collect()
    }

    /// Whom a peer knows when it starts, besides those that it meets.
    #[must_use]
    pub fn contacts(&self, peer: Peer) -> Vec<Peer> {
        let mut rng = self.seed.stream("contacts", &[u64::from(peer.0)]);
        match &self.spec.start {
            Contacts::Few(few) => {
                let mut drawn = Vec::new();
                let others = self.by_key.len() - usize::from(self.servers.contains(peer));
                while drawn.len() < few.count.size().min(others) {
                    let (_, other) = self.by_key[rng.index(self.by_key.len())];
                    if other != peer && !drawn.contains(&other) {
                        drawn.push(other);
                    }
                }
                drawn
            }
            Contacts::Filled {} => {
                let me = self.key(peer);
                let in_bucket = (0..=u8::MAX).rev().map(|bucket| {
                    let (low, high) = me.subtree(bucket);
                    let first = self.by_key.partition_point(|(key, _)| *key < low);
                    let last = self.by_key.partition_point(|(key, _)| *key <= high);
                    &self.by_key[first..last]
                });
                let drawn = in_bucket.filter(|range| !range.is_empty());
                drawn
                    .flat_map(|range| rng.sample(range, self.spec.k.size()))
                    .map(|(_, other)| other)
                    .collect()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::spec::{Count, discovery::Few};

    fn plan(start: Contacts) -> KademliaPlan {
        let spec = Kademlia { k: Count::new(5), start, ..Kademlia::default() };
        KademliaPlan::new(spec, Seed(3), 200, (0..150).map(Peer).collect())
    }

    #[test]
    fn filled_tables_hold_as_many_of_each_subtree_as_there_are_and_fit() {
        let plan = plan(Contacts::Filled {});
        for me in [Peer(0), Peer(199)] {
            let bucket = |other: Peer| plan.key(me).distance(plan.key(other)).bucket();
            let (mut there, mut known) = (BTreeMap::new(), BTreeMap::new());
            plan.servers()
                .iter()
                .filter(|&other| other != me)
                .for_each(|other| *there.entry(bucket(other)).or_insert(0) += 1);
            plan.contacts(me).into_iter().for_each(|other| *known.entry(bucket(other)).or_insert(0) += 1);
            let expected: BTreeMap<_, _> =
                there.into_iter().map(|(bucket, count)| (bucket, 5.min(count))).collect();
            assert_eq!(known, expected);
        }
    }

    #[test]
    fn few_contacts_are_other_servers_and_no_more_than_there_are() {
        let plan = plan(Contacts::Few(Few { count: Count::new(7) }));
        for me in (0..200).map(Peer) {
            let contacts = plan.contacts(me);
            assert_eq!(contacts.len(), 7);
            assert!(contacts.iter().all(|&other| other != me && plan.servers().contains(other)));
        }
        let lonely = KademliaPlan::new(Kademlia::default(), Seed(1), 3, [Peer(1)].into_iter().collect());
        assert_eq!((lonely.contacts(Peer(1)), lonely.contacts(Peer(2))), (vec![], vec![Peer(1)]));
    }

    #[test]
    fn the_nearest_are_in_order_of_distance() {
        let plan = plan(Contacts::default());
        let key = Key::of(&plan.content_name(0, 7));
        let distance = |peer: &Peer| key.distance(plan.key(*peer));
        let nearest = plan.nearest(key, 20);
        assert!(nearest.is_sorted_by_key(distance) && nearest.len() == 20);
        let last = distance(&nearest[19]);
        assert_eq!(plan.servers().iter().filter(|peer| distance(peer) <= last).count(), 20);
    }
}
