//! Items kept for a while, to answer those who miss them.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    host::{Host, Peer},
    units::Nanos,
    wire::ItemId,
};

/// Items kept at most, whatever their age.
const MAX_KEPT: usize = 1 << 13;

/// The items that came last, with how they came.
#[derive(Debug)]
pub(super) struct Recent<H: Host> {
    keep: Nanos,
    items: BTreeMap<ItemId, Kept<H>>,
    order: VecDeque<(Nanos, ItemId)>,
}

#[derive(Debug)]
struct Kept<H: Host> {
    from: Peer,
    hops: u8,
    item: H::Item,
}

impl<H: Host> Recent<H> {
    pub(super) const fn new(keep: Nanos) -> Self {
        Self { keep, items: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Keeps an item, and lets go of those that are too old or too many.
    pub(super) fn insert(&mut self, now: Nanos, id: ItemId, from: Peer, hops: u8, item: H::Item) {
        while self.order.len() >= MAX_KEPT
            || self.order.front().is_some_and(|(came, _)| came.saturating_add(self.keep) < now)
        {
            if let Some((_, id)) = self.order.pop_front() {
                self.items.remove(&id);
            }
        }
        if self.items.insert(id, Kept { from, hops, item }).is_none() {
            self.order.push_back((now, id));
        }
    }

    pub(super) fn contains(&self, id: ItemId) -> bool {
        self.items.contains_key(&id)
    }

    /// Who brought an item first.
    pub(super) fn brought_by(&self, id: ItemId) -> Option<Peer> {
        self.items.get(&id).map(|kept| kept.from)
    }

    /// An item, and the hops that it had travelled.
    pub(super) fn get(&self, id: ItemId) -> Option<(u8, &H::Item)> {
        self.items.get(&id).map(|kept| (kept.hops, &kept.item))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        wire::{Blob, Content, Item},
        world::Shared,
    };

    fn insert(recent: &mut Recent<Shared>, at: Nanos, number: u32) -> ItemId {
        let id = ItemId::new(0, Peer(0), number);
        let item = Item::new(id, 0, at, Content::Raw(Blob::Sized(1)));
        recent.insert(at, id, Peer(1), 2, Arc::new(item));
        id
    }

    #[test]
    fn items_are_kept_for_their_time_and_no_more_than_fit() {
        let mut recent = Recent::new(Nanos(100));
        let first = insert(&mut recent, Nanos(0), 0);
        insert(&mut recent, Nanos(100), 1);
        assert_eq!(recent.get(first).map(|(hops, item)| (hops, item.id)), Some((2, first)));
        insert(&mut recent, Nanos(101), 2);
        assert!(!recent.contains(first), "it is too old");

        for number in 3..2 * MAX_KEPT as u32 {
            insert(&mut recent, Nanos(101), number);
        }
        assert_eq!((recent.items.len(), recent.order.len()), (MAX_KEPT, MAX_KEPT));
    }
}
