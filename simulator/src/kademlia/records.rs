//! Records of who provides what (`record/store/memory.rs`).

use std::collections::{BTreeMap, BTreeSet};

use peerlab_scenarios::{host::Peer, plan::discovery::Key, units::Nanos};

use super::K_VALUE;

/// Providers of which a peer keeps records, itself among them.
#[derive(Debug)]
pub(super) struct Records {
    most_keys: usize,
    providers: BTreeMap<Key, Vec<(Peer, Nanos)>>,
    own: BTreeSet<Key>,
}

impl Records {
    /// None yet, of so many contents at the most.
    pub(super) const fn new(most_keys: usize) -> Self {
        Self { most_keys, providers: BTreeMap::new(), own: BTreeSet::new() }
    }

    /// Keeps a record until it expires, in place of an earlier one of the same provider. False when there is no room.
    pub(super) fn add(&mut self, key: Key, provider: Peer, expires: Nanos) -> bool {
        if self.providers.len() >= self.most_keys && !self.providers.contains_key(&key) {
            return false;
        }
        let providers = self.providers.entry(key).or_default();
        let is_full = providers.len() >= K_VALUE;
        match providers.iter_mut().find(|(other, _)| *other == provider) {
            Some((_, until)) => *until = expires,
            // Who comes when there is no room any more is passed over, so that nobody crowds out those who were there.
            None if is_full => {}
            None => providers.push((provider, expires)),
        }
        true
    }

    /// Keeps the record of this peer itself, which does not expire. False when there is no room.
    pub(super) fn provide(&mut self, key: Key, me: Peer) -> bool {
        let kept = self.add(key, me, Nanos::NEVER);
        if kept {
            self.own.insert(key);
        }
        kept
    }

    /// What this peer itself provides.
    pub(super) fn own(&self) -> impl Iterator<Item = Key> + '_ {
        self.own.iter().copied()
    }

    /// Those that provide a content, in the order in which they said so. What has expired is forgotten.
    pub(super) fn of(&mut self, now: Nanos, key: Key) -> Vec<Peer> {
        let Some(providers) = self.providers.get_mut(&key) else { return Vec::new() };
        providers.retain(|(_, expires)| *expires > now);
        let found = providers.iter().map(|(provider, _)| *provider).collect();
        if providers.is_empty() {
            self.providers.remove(&key);
        }
        found
    }

    /// How many records of others it keeps, expired ones left out.
    pub(super) fn of_others(&self, now: Nanos) -> usize {
        let valid = |(_, expires): &&(Peer, Nanos)| *expires > now && *expires != Nanos::NEVER;
        self.providers.values().map(|providers| providers.iter().filter(valid).count()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key::from_words([1, 0, 0, 0]);
    const LATER: Nanos = Nanos::from_secs(100);

    #[test]
    fn a_record_expires_unless_it_is_renewed() {
        let mut records = Records::new(10);
        assert!(records.add(KEY, Peer(1), LATER) && records.add(KEY, Peer(2), LATER));
        assert!(records.add(KEY, Peer(2), Nanos::from_secs(200)));
        assert_eq!(records.of(Nanos::from_secs(99), KEY), [Peer(1), Peer(2)]);
        assert_eq!(records.of(LATER, KEY), [Peer(2)]);
        assert_eq!((records.of(Nanos::from_secs(200), KEY), records.of_others(LATER)), (vec![], 0));
    }

    #[test]
    fn who_comes_when_there_is_no_room_is_passed_over() {
        let mut records = Records::new(1);
        (0..30).for_each(|peer| assert!(records.add(KEY, Peer(peer), LATER)));
        assert_eq!(records.of(Nanos::ZERO, KEY).len(), K_VALUE);
        assert!(!records.add(Key::from_words([2, 0, 0, 0]), Peer(1), LATER));
    }

    #[test]
    fn what_a_peer_provides_itself_stays() {
        let mut records = Records::new(1);
        assert!(records.provide(KEY, Peer(7)));
        assert_eq!(records.of(Nanos::from_secs(1 << 30), KEY), [Peer(7)]);
        assert_eq!((records.own().count(), records.of_others(Nanos::ZERO)), (1, 0));
    }
}
