//! From the bytes that came to contents that are checked.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use bytes::Bytes;
use peerlab_scenarios::{
    host::{Msg, Payload},
    wire::{Body, Content, Frame, HEADER, Item, Kind, Sort, WireError, update::UpdateItem},
};

use super::{Native, Roster};

/// Items and bytes of items that are remembered by the hash of their bytes.
const MOST: usize = 512;
const MOST_BYTES: usize = 1 << 20;

/// What is longer is not remembered: it is fetched, and comes once.
const LARGE: usize = MOST_BYTES / 16;

/// The payload of a frame that is an item, as its header says it.
const ITEM: u8 = Sort::Item as u8;

/// The items that came of late, by the hash of their bytes: a copy costs a hash, and no decoding and no check of a signature.
#[derive(Debug)]
pub(super) struct Contents {
    roster: Arc<Roster>,
    known: HashMap<blake3::Hash, Arc<Item>>,
    order: VecDeque<blake3::Hash>,
    bytes: usize,
}

impl Contents {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self { roster, known: HashMap::new(), order: VecDeque::new(), bytes: 0 }
    }

    /// The message in a frame that came.
    pub(super) fn message(&mut self, frame: &Bytes) -> Result<Msg<Native>, WireError> {
        let header = HEADER as usize;
        if let [number, hops, workload, ITEM] = frame[..header.min(frame.len())] {
            let kind = Kind::from_number(number).ok_or(WireError::UnknownKind(number))?;
            let payload = &frame[header..];
            let item = if payload.len() > LARGE {
                Arc::new(self.checked(of_item(Frame::decode_shared(frame)?)))
            } else {
                let hash = blake3::hash(payload);
                match self.known.get(&hash) {
                    Some(item) => Arc::clone(item),
                    None => self.learn(hash, of_item(Frame::decode(frame)?)),
                }
            };
            return Ok(Msg { kind, hops, workload, payload: Payload::Item(item) });
        }
        let Frame { kind, hops, workload, body } = Frame::decode(frame)?;
        let payload = match body {
            Body::Nothing => Payload::Nothing,
            Body::Note(note) => Payload::Note(Arc::new(note)),
            Body::Item(_) => unreachable!("the header says that it is none"),
        };
        Ok(Msg { kind, hops, workload, payload })
    }

    /// Checks an item whose bytes have this hash, and remembers it.
    fn learn(&mut self, hash: blake3::Hash, item: Item) -> Arc<Item> {
        let item = Arc::new(self.checked(item));
        self.bytes += item.encoded_len() as usize;
        self.known.insert(hash, Arc::clone(&item));
        self.order.push_back(hash);
        while self.order.len() > MOST || self.bytes > MOST_BYTES {
            let oldest = self.order.pop_front().expect("nothing has no bytes");
            let forgotten = self.known.remove(&oldest).expect("each is in both");
            self.bytes -= forgotten.encoded_len() as usize;
        }
        item
    }

    /// An item that came, tainted unless it is its author's.
    fn checked(&self, mut item: Item) -> Item {
        item.tainted = !self.is_genuine(&item);
        item
    }

    /// Whether an item is its author's. A chunk shows that only to who has its manifest.
    fn is_genuine(&self, item: &Item) -> bool {
        matches!(item.content, Content::Update(UpdateItem::Chunk(_)))
            || self.roster.has_signed(item.author(), &item.signed_part(), &item.signature())
    }
}

/// The item in a frame whose header says that there is one.
fn of_item(frame: Frame) -> Item {
    match frame.body {
        Body::Item(item) => item,
        Body::Nothing | Body::Note(_) => unreachable!("the header says that it is an item"),
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{
        host::{Host as _, Peer},
        plan::identity::keypair,
        seed::Seed,
        units::Nanos,
        wire::{Blob, ItemId},
    };

    use super::*;

    fn frame(item: &Arc<Item>) -> Bytes {
        let msg = Msg::<Native>::new(Kind::Gossip, 2, Payload::Item(Arc::clone(item)));
        let native = Native::new(Peer(0), keypair(Seed(1), Peer(0)));
        msg.frame(&native).encode().into()
    }

    fn said(by: u32, number: u32) -> Arc<Item> {
        of_length(by, number, 40)
    }

    fn of_length(by: u32, number: u32, bytes: u32) -> Arc<Item> {
        let mut native = Native::new(Peer(by), keypair(Seed(1), Peer(by)));
        let id = ItemId::new(0, Peer(by), number);
        native.make_item(Item::new(id, 0, Nanos::ZERO, Content::Raw(Blob::Sized(bytes))))
    }

    fn item(msg: &Msg<Native>) -> &Arc<Item> {
        let Payload::Item(item) = &msg.payload else { panic!("{msg:?} has no item") };
        item
    }

    #[test]
    fn a_copy_is_known_by_its_bytes_and_shared() {
        let mut contents = Contents::new(Roster::new(Seed(1), 3));
        let sent = said(2, 7);
        let first = contents.message(&frame(&sent)).unwrap();
        let copy = contents.message(&frame(&sent)).unwrap();
        assert!(!item(&first).tainted && first.hops == 2 && item(&first).id == sent.id);
        assert!(Arc::ptr_eq(item(&first), item(&copy)));
    }

    #[test]
    fn what_its_author_has_not_signed_is_tainted() {
        let mut contents = Contents::new(Roster::new(Seed(1), 3));
        let corrupted = Arc::new(said(2, 7).corrupted());
        let mut corruptor = Native::new(Peer(1), keypair(Seed(1), Peer(1)));
        let falsified = corruptor.make_item((*corrupted).clone());
        assert!(item(&contents.message(&frame(&falsified)).unwrap()).tainted);
        assert!(item(&contents.message(&frame(&said(3, 7))).unwrap()).tainted, "a stranger is no author");
        assert!(!item(&contents.message(&frame(&said(2, 7))).unwrap()).tainted);
    }

    #[test]
    fn memory_is_bounded() {
        let mut contents = Contents::new(Roster::new(Seed(1), 1));
        for number in 0..2 * MOST as u32 {
            contents.message(&frame(&said(0, number))).unwrap();
        }
        assert_eq!((contents.known.len(), contents.order.len()), (MOST, MOST));
        let mut contents = Contents::new(Roster::new(Seed(1), 1));
        let long = LARGE as u32 - 200;
        for number in 0..40 {
            contents.message(&frame(&of_length(0, number, long))).unwrap();
        }
        assert!(contents.bytes <= MOST_BYTES && contents.bytes > MOST_BYTES - LARGE, "{}", contents.bytes);
        assert_eq!(contents.known.len(), contents.order.len());
        contents.message(&frame(&of_length(0, 41, LARGE as u32))).unwrap();
        assert!(!contents.known.values().any(|item| item.encoded_len() as usize > LARGE), "it comes once");
    }
}
