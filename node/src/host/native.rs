//! What machines are given on a real peer: shared contents, signed and with real bytes.

use std::{
    collections::{HashSet, VecDeque},
    sync::Arc,
};

use libp2p::identity::Keypair;
use peerlab_scenarios::{
    host::{Host, Lookup, Peer, QueryId, SeenSet},
    units::Nanos,
    wire::{Blob, Content, Item, ItemId, Note, Topic, update::UpdateItem},
};

/// What the overlay of gossipsub asks of libp2p.
#[derive(Clone, Debug)]
pub(super) enum PubsubOrder {
    Subscribe(Topic, bool),
    Publish(Arc<Item>),
}

/// A lookup that libp2p's Kademlia is to carry out.
#[derive(Clone, Copy, Debug)]
pub(super) struct LookupOrder {
    /// The name that the overlay has given to it.
    pub(super) query: QueryId,
    /// The workload that asks.
    pub(super) workload: u8,
    pub(super) lookup: Lookup,
}

/// The host of one peer's machines. Contents live as long as somebody holds them.
#[derive(Debug)]
pub struct Native {
    me: Peer,
    keys: Keypair,
    /// The instant of the step.
    pub(super) now: Nanos,
    pub(super) pubsub: Vec<PubsubOrder>,
    pub(super) lookups: Vec<LookupOrder>,
}

impl Native {
    pub(super) fn new(me: Peer, keys: Keypair) -> Self {
        Self { me, keys, now: Nanos::ZERO, pubsub: Vec::new(), lookups: Vec::new() }
    }

    fn sign(&self, item: Item) -> Item {
        let signature = self.keys.sign(&item.signed_part()).expect("an Ed25519 key signs anything");
        item.with_signature(&signature.try_into().expect("an Ed25519 signature has 64 bytes"))
    }
}

impl Host for Native {
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
        if item.tainted {
            return Arc::new(falsified(item));
        }
        let Item { id, topic, at, content, .. } = item;
        let item = Item::new(id, topic, at, real(id, content));
        let proves_itself = matches!(item.content, Content::Update(UpdateItem::Chunk(_)));
        let is_own = id.author() == self.me && !proves_itself;
        Arc::new(if is_own { self.sign(item) } else { item })
    }

    fn make_note(&mut self, note: Note) -> Arc<Note> {
        Arc::new(note)
    }
}

/// Content with its bytes, where a machine gave their number alone.
fn real(id: ItemId, mut content: Content) -> Content {
    if let Some(body) = content.body_mut()
        && let Blob::Sized(len) = *body
    {
        *body = Blob::filler(id, len);
    }
    content
}

/// What a corrupting peer makes of the item of another: a byte is wrong, in its body if it has one, and otherwise in its signature.
fn falsified(mut item: Item) -> Item {
    if let Some(Blob::Real(body)) = item.content.body_mut()
        && !body.is_empty()
    {
        let mut bytes = body.to_vec();
        bytes[0] ^= 1;
        *body = bytes.into();
        return item;
    }
    let mut signature = item.signature();
    signature[0] ^= 1;
    item.with_signature(&signature)
}

/// The items met of late. Of an item older than this memory reaches it is said that it was met.
#[derive(Debug, Default)]
pub struct Seen {
    ids: HashSet<ItemId>,
    order: VecDeque<(Nanos, ItemId)>,
}

impl Seen {
    /// Items remembered at the most.
    pub const MOST: usize = 1 << 16;
    /// How long they are remembered at the most.
    pub const REACH: Nanos = Nanos::from_secs(600);

    fn forget(&mut self, now: Nanos) {
        while let Some(&(met, id)) = self.order.front() {
            if self.order.len() <= Self::MOST && now.saturating_sub(met) <= Self::REACH {
                break;
            }
            self.order.pop_front();
            self.ids.remove(&id);
        }
    }
}

impl SeenSet<Native> for Seen {
    fn insert(&mut self, host: &Native, item: &Arc<Item>) -> bool {
        let is_new = !self.contains(host, item);
        if is_new {
            self.ids.insert(item.id);
            self.order.push_back((host.now, item.id));
            self.forget(host.now);
        }
        is_new
    }

    fn contains(&self, host: &Native, item: &Arc<Item>) -> bool {
        host.now.saturating_sub(item.at) > Self::REACH || self.ids.contains(&item.id)
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{
        plan::identity::keypair,
        seed::Seed,
        wire::chat::{ChatItem, Post},
    };

    use super::*;

    fn native() -> Native {
        Native::new(Peer(3), keypair(Seed(1), Peer(3)))
    }

    fn post(id: ItemId) -> Item {
        let post = Post { seq: 0, prev: None, after: Vec::new(), text: Blob::Sized(50) };
        Item::new(id, 0, Nanos::ZERO, Content::Chat(ChatItem::Post(post)))
    }

    fn is_signed(item: &Item) -> bool {
        keypair(Seed(1), Peer(3)).public().verify(&item.signed_part(), &item.signature())
    }

    #[test]
    fn what_a_peer_says_has_real_bytes_and_its_signature_and_is_as_long_as_the_model_charges() {
        let said = post(ItemId::new(0, Peer(3), 9));
        let charged = said.encoded_len();
        let item = native().make_item(said);
        assert!(is_signed(&item));
        assert_eq!(item.encoded_len(), charged);
        let Content::Chat(ChatItem::Post(Post { text: Blob::Real(text), .. })) = &item.content else {
            panic!("{item:?} has no bytes")
        };
        assert!(text.iter().any(|byte| *byte != 0));
    }

    #[test]
    fn a_falsified_item_keeps_its_name_and_loses_its_proof() {
        let mut native = native();
        let item = native.make_item(post(ItemId::new(0, Peer(3), 9)));
        let beat = Item::new(ItemId::new(0, Peer(3), 10), 0, Nanos::ZERO, Content::Chat(ChatItem::Beat));
        let beat = native.make_item(beat);
        for genuine in [item, beat] {
            let falsified = native.make_item(genuine.corrupted());
            assert!(is_signed(&genuine) && !is_signed(&falsified));
            assert_eq!(genuine.id, falsified.id);
        }
    }

    #[test]
    fn the_seen_set_is_bounded_in_number_and_in_time() {
        let mut native = native();
        let mut seen = Seen::default();
        let item = |number, at| {
            let content = Content::Raw(Blob::Sized(0));
            Arc::new(Item::new(ItemId::new(0, Peer(0), number), 0, at, content))
        };
        for number in 0..Seen::MOST as u32 + 10 {
            assert!(seen.insert(&native, &item(number, Nanos::ZERO)));
        }
        assert_eq!(seen.ids.len(), Seen::MOST);
        assert!(!seen.insert(&native, &item(20, Nanos::ZERO)));
        native.now = Nanos(Seen::REACH.0 + 1);
        assert!(!seen.insert(&native, &item(1_000_000, Nanos::ZERO)), "what is too old counts as met");
        assert!(seen.insert(&native, &item(1_000_001, native.now)));
        assert_eq!(seen.ids.len(), 1);
    }
}
