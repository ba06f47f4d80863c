//! Items kept for a few heartbeats, to be announced and to be sent to who asks for them: libp2p's message cache.

use std::collections::{BTreeMap, VecDeque};

use peerlab_scenarios::host::Peer;

use crate::engine::store::ItemRef;

/// An item, and the links that it had travelled when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cached {
    pub(super) item: ItemRef,
    pub(super) hops: u8,
}

/// What came between the heartbeats of late.
#[derive(Debug)]
pub(super) struct Cache {
    /// Oldest first.
    entries: VecDeque<Cached>,
    /// How many came between each two heartbeats, newest first.
    windows: VecDeque<u32>,
    /// How often each peer has asked for an item.
    asked: BTreeMap<(ItemRef, Peer), u32>,
}

impl Cache {
    /// A cache that keeps items for so many heartbeats.
    pub(super) fn new(history: usize) -> Self {
        Self {
            entries: VecDeque::new(),
            windows: std::iter::repeat_n(0, history).collect(),
            asked: BTreeMap::new(),
        }
    }

    pub(super) fn put(&mut self, item: ItemRef, hops: u8) {
        self.entries.push_back(Cached { item, hops });
        self.windows[0] += 1;
    }

    /// What came since the heartbeat before the last `windows`.
    pub(super) fn recent(&self, windows: usize) -> impl Iterator<Item = ItemRef> + '_ {
        let count: u32 = self.windows.iter().take(windows).sum();
        self.entries.iter().rev().take(count as usize).map(|cached| cached.item)
    }

    /// An item that a peer asks for, and how often it has asked for it by now.
    pub(super) fn ask(&mut self, item: ItemRef, peer: Peer) -> Option<(Cached, u32)> {
        let cached = *self.entries.iter().rev().find(|cached| cached.item == item)?;
        let asked = self.asked.entry((item, peer)).or_default();
        *asked += 1;
        Some((cached, *asked))
    }

    /// A heartbeat: lets go of what is too old.
    pub(super) fn shift(&mut self) {
        let leaving = self.windows.pop_back().unwrap_or_default();
        self.windows.push_front(0);
        for cached in self.entries.drain(..leaving as usize) {
            if !self.asked.is_empty() {
                self.asked.retain(|(item, _), _| *item != cached.item);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Peer = Peer(1);

    #[test]
    fn an_item_is_announced_for_a_while_and_kept_for_longer() {
        let mut cache = Cache::new(3);
        let recent = |cache: &Cache| cache.recent(2).map(ItemRef::number).collect::<Vec<_>>();
        cache.put(ItemRef::test(1), 4);
        cache.shift();
        cache.put(ItemRef::test(2), 1);
        assert_eq!(recent(&cache), [2, 1]);
        cache.shift();
        assert_eq!(recent(&cache), [2]);
        let (cached, asked) = cache.ask(ItemRef::test(1), PEER).expect("it is kept");
        assert_eq!((cached.hops, asked), (4, 1));
        assert_eq!(cache.ask(ItemRef::test(1), PEER).expect("it is kept").1, 2);
        cache.shift();
        assert_eq!(cache.ask(ItemRef::test(1), PEER), None);
        assert!(cache.asked.is_empty());
        assert_eq!(cache.ask(ItemRef::test(2), PEER).expect("it is kept").1, 1);
    }
}
