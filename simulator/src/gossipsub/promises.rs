//! Items that were asked for, of whom, and by when they should come.

use std::collections::BTreeMap;

use peerlab_scenarios::{host::Peer, units::Nanos};

use crate::engine::store::ItemRef;

/// What peers owe, who announced an item and were asked for it.
///
/// libp2p 0.50 forgets a promise that was broken only while scores are kept: without, an item that was asked for once is
/// not asked for again.
#[derive(Debug, Default)]
pub(super) struct Promises {
    owed: BTreeMap<ItemRef, Vec<Promise>>,
}

#[derive(Clone, Copy, Debug)]
struct Promise {
    peer: Peer,
    due: Nanos,
    broken: bool,
}

impl Promises {
    #[inline]
    pub(super) fn contains(&self, item: ItemRef) -> bool {
        !self.owed.is_empty() && self.owed.contains_key(&item)
    }

    /// The peers who owe an item.
    pub(super) fn of(&self, item: ItemRef) -> impl Iterator<Item = Peer> + '_ {
        self.owed.get(&item).into_iter().flatten().map(|promise| promise.peer)
    }

    /// A peer owes an item from now on, unless it did before.
    pub(super) fn add(&mut self, peer: Peer, item: ItemRef, due: Nanos) {
        let owing = self.owed.entry(item).or_default();
        if owing.iter().all(|promise| promise.peer != peer) {
            owing.push(Promise { peer, due, broken: false });
        }
    }

    /// An item has come, whoever sent it.
    #[inline]
    pub(super) fn kept(&mut self, item: ItemRef) {
        if !self.owed.is_empty() {
            self.owed.remove(&item);
        }
    }

    /// Who has broken a promise since the last time, once for each; `forget` removes these promises.
    pub(super) fn broken(&mut self, now: Nanos, forget: bool) -> Vec<Peer> {
        let mut broken = Vec::new();
        if self.owed.is_empty() {
            return broken;
        }
        self.owed.retain(|_, owing| {
            for promise in owing.iter_mut().filter(|promise| promise.due < now && !promise.broken) {
                promise.broken = true;
                broken.push(promise.peer);
            }
            if forget {
                owing.retain(|promise| !promise.broken);
            }
            !owing.is_empty()
        });
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_kept_by_anybody_and_broken_once() {
        let mut promises = Promises::default();
        let (one, two) = (ItemRef::test(1), ItemRef::test(2));
        promises.add(Peer(1), one, Nanos(10));
        promises.add(Peer(1), one, Nanos(99));
        promises.add(Peer(2), two, Nanos(10));
        promises.kept(two);
        assert!(!promises.contains(two));
        assert_eq!(promises.broken(Nanos(10), false), []);
        assert_eq!(promises.broken(Nanos(11), false), [Peer(1)]);
        assert_eq!(promises.broken(Nanos(12), false), []);
        assert!(promises.contains(one), "libp2p without scores never forgets it");
        promises.add(Peer(3), one, Nanos(20));
        assert_eq!(promises.broken(Nanos(21), true), [Peer(3)]);
        assert!(!promises.contains(one));
    }
}
