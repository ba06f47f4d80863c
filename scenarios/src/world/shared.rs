//! A host whose contents are shared by `Arc`, as on a node.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::Arc,
};

use crate::{
    host::{Host, Msg, Payload, SeenSet},
    wire::{
        Blob, Body, Content, Frame, Item, ItemId, Kind, Note,
        update::{Chunk, UpdateItem},
    },
};

/// A host whose handles are `Arc`s: content lives as long as somebody holds it.
#[derive(Debug, Default)]
pub struct Shared;

impl Host for Shared {
    type Item = Arc<Item>;
    type Note = Arc<Note>;
    type Seen = Seen;

    fn item<'a>(&'a self, item: &'a Arc<Item>) -> &'a Item {
        item
    }

    fn note<'a>(&'a self, note: &'a Arc<Note>) -> &'a Note {
        note
    }

    fn make_item(&mut self, item: Item) -> Arc<Item> {
        Arc::new(item)
    }

    fn make_note(&mut self, note: Note) -> Arc<Note> {
        Arc::new(note)
    }
}

impl Shared {
    /// An item as its receiver decodes it. A body of no bytes is zeros on the wire: it is carried over, as what proves it is not
    /// the digest of zeros.
    pub(super) fn item_over_the_wire(&self, item: &Arc<Item>) -> Arc<Item> {
        let msg = self.over_the_wire(&Msg::new(Kind::Serve, 0, Payload::Item(Arc::clone(item))));
        let Payload::Item(decoded) = msg.payload else { panic!("an item came out as {msg:?}") };
        match &item.content {
            Content::Update(UpdateItem::Chunk(Chunk { body: Blob::Sized(_), .. })) => Arc::clone(item),
            _ => decoded,
        }
    }

    /// The message as its receiver decodes it from the sender's bytes. Whether an item is tainted is not on the wire, for
    /// here nobody signs: it is carried over.
    pub(super) fn over_the_wire(&self, msg: &Msg<Self>) -> Msg<Self> {
        let bytes = msg.frame(self).encode();
        assert_eq!(bytes.len(), msg.encoded_len(self) as usize, "a message is as long as is charged for it");
        let frame = Frame::decode(&bytes).expect("what a machine makes is a frame");
        let payload = match (frame.body, &msg.payload) {
            (Body::Item(mut item), Payload::Item(sent)) => {
                item.tainted = sent.tainted;
                Payload::Item(Arc::new(item))
            }
            (Body::Note(note), Payload::Note(_)) => Payload::Note(Arc::new(note)),
            (Body::Nothing, Payload::Nothing) => Payload::Nothing,
            (body, sent) => panic!("{sent:?} came out as {body:?}"),
        };
        Msg { kind: frame.kind, hops: frame.hops, workload: frame.workload, payload }
    }
}

/// The ids met last, up to a bound: when it is full, the one that came first is forgotten, as gossipsub's cache of seen
/// messages does by age. For hosts that cannot number items densely.
#[derive(Debug)]
pub struct Seen {
    ids: BTreeSet<ItemId>,
    order: VecDeque<ItemId>,
    capacity: usize,
}

impl Seen {
    /// Ids remembered unless told otherwise: 2 MiB at most, and ten minutes of a hundred items a second.
    pub const CAPACITY: usize = 1 << 16;

    /// A memory of at most `capacity` ids, and at least one.
    #[must_use]
    pub const fn with_capacity(capacity: usize) -> Self {
        Self {
            ids: BTreeSet::new(),
            order: VecDeque::new(),
            capacity: if capacity == 0 { 1 } else { capacity },
        }
    }

    fn insert_id(&mut self, id: ItemId) -> bool {
        if !self.ids.insert(id) {
            return false;
        }
        if self.order.len() == self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.ids.remove(&oldest);
        }
        self.order.push_back(id);
        true
    }
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(Self::CAPACITY)
    }
}

impl SeenSet<Shared> for Seen {
    fn insert(&mut self, _: &Shared, item: &Arc<Item>) -> bool {
        self.insert_id(item.id)
    }

    fn contains(&self, _: &Shared, item: &Arc<Item>) -> bool {
        self.ids.contains(&item.id)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::Peer;

    proptest! {
        /// Against the plain definition: the last `capacity` distinct insertions.
        #[test]
        fn the_seen_set_remembers_the_last_insertions_and_no_more(
            capacity in 1usize..20, numbers in prop::collection::vec(0u32..40, 0..200)
        ) {
            let mut seen = Seen::with_capacity(capacity);
            let mut model: Vec<u32> = Vec::new();
            for number in numbers {
                let last = &model[model.len().saturating_sub(capacity)..];
                let fresh = !last.contains(&number);
                prop_assert_eq!(seen.insert_id(ItemId::new(0, Peer(0), number)), fresh);
                if fresh {
                    model.push(number);
                }
                prop_assert!(seen.ids.len() <= capacity && seen.ids.len() == seen.order.len());
            }
        }
    }
}
