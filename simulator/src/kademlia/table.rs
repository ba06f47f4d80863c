//! A routing table of buckets (`kbucket.rs`, `kbucket/bucket.rs`).
//!
//! A bucket holds those peers whose distance has the same highest bit, from the least recently connected to the most recently
//! connected, those that are not connected first. A full bucket keeps who was there: a peer that is connected waits to take the
//! place of the first that is not, which it gets when that one has not come back within a minute.

use std::collections::BTreeMap;

use peerlab_scenarios::{
    host::Peer,
    plan::{KademliaPlan, discovery::Key},
    units::Nanos,
};

/// How long a peer waits for the place of another (`KBucketConfig::pending_timeout`).
const PENDING: Nanos = Nanos::from_secs(60);

/// What became of a peer that was to be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Insert {
    /// It is in the table.
    Inserted,
    /// It waits for the place of this peer, which is not connected.
    Pending(Peer),
    /// There is no place for it.
    Full,
}

#[derive(Debug)]
struct Pending {
    peer: Peer,
    connected: bool,
    replaces_at: Nanos,
}

/// Peers at about one distance.
#[derive(Debug, Default)]
struct Bucket {
    peers: Vec<Peer>,
    /// Those from here on are connected.
    connected_from: usize,
    pending: Option<Pending>,
}

impl Bucket {
    fn insert(&mut self, now: Nanos, capacity: usize, peer: Peer, connected: bool) -> Insert {
        if self.peers.len() >= capacity {
            if !connected || self.connected_from == 0 || self.pending.is_some() {
                return Insert::Full;
            }
            let replaces_at = now.saturating_add(PENDING);
            self.pending = Some(Pending { peer, connected, replaces_at });
            return Insert::Pending(self.peers[0]);
        }
        self.place(peer, connected);
        Insert::Inserted
    }

    /// Puts a peer behind the last of its kind.
    fn place(&mut self, peer: Peer, connected: bool) {
        if connected {
            self.peers.push(peer);
        } else {
            self.peers.insert(self.connected_from, peer);
            self.connected_from += 1;
        }
    }

    fn update(&mut self, place: usize, connected: bool) {
        let peer = self.peers.remove(place);
        self.connected_from -= usize::from(place < self.connected_from);
        if place == 0 && connected {
            self.pending = None;
        }
        self.place(peer, connected);
    }

    /// Gives the one who waits its place, if its time has come.
    fn apply_pending(&mut self, now: Nanos, capacity: usize) {
        let Some(pending) = self.pending.take_if(|pending| pending.replaces_at <= now) else { return };
        if self.peers.len() >= capacity {
            if self.connected_from == 0 {
                return;
            }
            self.peers.remove(0);
            self.connected_from -= 1;
        }
        self.place(pending.peer, pending.connected);
    }

    fn is_connected(&self, place: usize) -> bool {
        place >= self.connected_from
    }
}

/// The peers that one peer knows.
#[derive(Debug)]
pub(super) struct Table {
    me: Key,
    capacity: usize,
    buckets: BTreeMap<u8, Bucket>,
}

impl Table {
    /// An empty table of the owner of a key, with so many places in each bucket.
    pub(super) const fn new(me: Key, capacity: usize) -> Self {
        Self { me, capacity, buckets: BTreeMap::new() }
    }

    fn bucket(&mut self, now: Nanos, key: Key) -> Option<&mut Bucket> {
        let bucket = self.buckets.entry(self.me.distance(key).bucket()?).or_default();
        bucket.apply_pending(now, self.capacity);
        Some(bucket)
    }

    /// Takes a peer in that is not there (`Behaviour::add_address`). Nothing is to be done for one that is, and for oneself.
    pub(super) fn add(&mut self, now: Nanos, peer: Peer, key: Key, connected: bool) -> Option<Insert> {
        let capacity = self.capacity;
        let bucket = self.bucket(now, key)?;
        let waits = bucket.pending.as_ref().is_some_and(|pending| pending.peer == peer);
        if waits || bucket.peers.contains(&peer) {
            return None;
        }
        Some(bucket.insert(now, capacity, peer, connected))
    }

    /// A peer that is there is connected now, or not any more (`Behaviour::connection_updated`).
    pub(super) fn update(&mut self, now: Nanos, peer: Peer, key: Key, connected: bool) {
        let Some(bucket) = self.bucket(now, key) else { return };
        if let Some(place) = bucket.peers.iter().position(|&other| other == peer) {
            if bucket.is_connected(place) != connected {
                bucket.update(place, connected);
            }
        } else if let Some(pending) = bucket.pending.as_mut().filter(|pending| pending.peer == peer) {
            pending.connected = connected;
        }
    }

    /// The peers nearest to a key, nearest first, but one; and whether each is connected.
    pub(super) fn nearest(
        &mut self,
        now: Nanos,
        plan: &KademliaPlan,
        target: Key,
        count: usize,
        except: Option<Peer>,
    ) -> Vec<(Peer, bool)> {
        let mut all = Vec::with_capacity(self.len() + 1);
        for bucket in self.buckets.values_mut() {
            bucket.apply_pending(now, self.capacity);
            let peers = bucket.peers.iter().enumerate().filter(|(_, peer)| Some(**peer) != except);
            all.extend(peers.map(|(place, &peer)| {
                (target.distance(plan.key(peer)), peer, place >= bucket.connected_from)
            }));
        }
        if count < all.len() {
            all.select_nth_unstable(count);
            all.truncate(count);
        }
        all.sort_unstable();
        all.into_iter().map(|(_, peer, connected)| (peer, connected)).collect()
    }

    /// The bucket with the nearest peer in it.
    pub(super) fn nearest_bucket(&self) -> Option<u8> {
        self.buckets.iter().find(|(_, bucket)| !bucket.peers.is_empty()).map(|(&number, _)| number)
    }

    /// How many peers are in it.
    pub(super) fn len(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.peers.len()).sum()
    }

    /// All peers that are in it.
    pub(super) fn peers(&self) -> impl Iterator<Item = Peer> + '_ {
        self.buckets.values().flat_map(|bucket| bucket.peers.iter().copied())
    }

    /// How many peers are in the fullest bucket.
    #[cfg(test)]
    pub(super) fn fullest(&self) -> usize {
        self.buckets.values().map(|bucket| bucket.peers.len()).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use peerlab_scenarios::{seed::Seed, spec::discovery::Kademlia};
    use proptest::prelude::*;

    use super::*;

    fn plan() -> KademliaPlan {
        KademliaPlan::new(Kademlia::default(), Seed(5), 120, (0..120).map(Peer).collect())
    }

    #[derive(Clone, Debug)]
    enum Step {
        Add(u32, bool),
        Update(u32, bool),
        Wait(u64),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (1..120u32, any::<bool>()).prop_map(|(peer, connected)| Step::Add(peer, connected)),
            2 => (1..120u32, any::<bool>()).prop_map(|(peer, connected)| Step::Update(peer, connected)),
            1 => (0..50u64).prop_map(Step::Wait),
        ];
        prop::collection::vec(step, 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn buckets_hold_no_more_than_they_may_and_nobody_twice_and_the_nearest_are_in_order(steps in steps(), k in 1..6usize) {
            thread_local!(static PLAN: KademliaPlan = plan());
            PLAN.with(|plan| {
                let mut table = Table::new(plan.key(Peer(0)), k);
                let mut now = Nanos::ZERO;
                for step in steps {
                    let before: BTreeSet<Peer> = table.peers().collect();
                    match step {
                        Step::Add(peer, connected) => {
                            let added = table.add(now, Peer(peer), plan.key(Peer(peer)), connected);
                            let there = table.peers().any(|other| other == Peer(peer));
                            assert_eq!(there, added == Some(Insert::Inserted) || (added.is_none() && there));
                        }
                        Step::Update(peer, connected) => table.update(now, Peer(peer), plan.key(Peer(peer)), connected),
                        Step::Wait(seconds) => now = now.saturating_add(Nanos::from_secs(seconds)),
                    }
                    assert!(table.fullest() <= k);
                    let all: Vec<Peer> = table.peers().collect();
                    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
                    // Somebody leaves only when another takes the place.
                    assert!(all.len() >= before.len());
                }
                let target = plan.key(Peer(77));
                let nearest = table.nearest(now, plan, target, 20, Some(Peer(3)));
                let mut expected: Vec<Peer> = table.peers().filter(|&peer| peer != Peer(3)).collect();
                expected.sort_by_key(|&peer| target.distance(plan.key(peer)));
                expected.truncate(20);
                assert_eq!(nearest.into_iter().map(|(peer, _)| peer).collect::<Vec<_>>(), expected);
            });
        }
    }

    #[test]
    fn a_connected_peer_takes_the_place_of_one_that_does_not_come_back() {
        let plan = plan();
        // Three peers of one bucket.
        let mut table = Table::new(plan.key(Peer(0)), 2);
        let far: Vec<Peer> = (1..120)
            .map(Peer)
            .filter(|&peer| plan.key(Peer(0)).distance(plan.key(peer)).bucket() == Some(255))
            .take(3)
            .collect();
        let add = |table: &mut Table, now, peer, connected| table.add(now, peer, plan.key(peer), connected);
        assert_eq!(add(&mut table, Nanos::ZERO, far[0], false), Some(Insert::Inserted));
        assert_eq!(add(&mut table, Nanos::ZERO, far[1], true), Some(Insert::Inserted));
        assert_eq!(add(&mut table, Nanos::ZERO, far[2], true), Some(Insert::Pending(far[0])));
        table.update(Nanos::from_secs(59), far[1], plan.key(far[1]), true);
        assert!(table.peers().all(|peer| peer != far[2]), "not yet");
        table.update(Nanos::from_secs(60), far[1], plan.key(far[1]), true);
        assert_eq!(table.peers().collect::<Vec<_>>(), [far[1], far[2]]);
        // And does not, when that one is back in time.
        let mut table = Table::new(plan.key(Peer(0)), 2);
        add(&mut table, Nanos::ZERO, far[0], false);
        add(&mut table, Nanos::ZERO, far[1], true);
        add(&mut table, Nanos::ZERO, far[2], true);
        table.update(Nanos::from_secs(30), far[0], plan.key(far[0]), true);
        table.update(Nanos::from_secs(90), far[1], plan.key(far[1]), true);
        assert_eq!(table.peers().collect::<Vec<_>>(), [far[1], far[0]]);
    }
}
