use proptest::prelude::*;

use super::{
    chat::{Count, EntryRef, MAX_AFTER, Post},
    update::{Chunk, Manifest, Stage},
    *,
};
use crate::units::Share;

fn ids() -> impl Strategy<Value = ItemId> {
    (any::<u8>(), 0..ItemId::MAX_PEERS, any::<u32>())
        .prop_map(|(workload, author, number)| ItemId::new(workload, Peer(author), number))
}

fn contents() -> impl Strategy<Value = Content> {
    prop_oneof![
        blobs().prop_map(Content::Raw),
        chat_items().prop_map(Content::Chat),
        update_items().prop_map(Content::Update),
    ]
}

fn update_items() -> impl Strategy<Value = UpdateItem> {
    let digest = || any::<[u8; 32]>().prop_map(merkle::Digest);
    let stages = prop::collection::vec((0..=100u32, any::<u64>()), 0..4);
    let manifest = (any::<u32>(), any::<u64>(), any::<u32>(), digest(), any::<u64>(), stages);
    let manifest = manifest.prop_map(|(version, size, chunk, root, expires, stages)| {
        let stage = |(percent, after)| Stage { share: Share::percent(percent), after: Nanos(after) };
        let stages = stages.into_iter().map(stage).collect();
        UpdateItem::Manifest(Manifest { version, size, chunk, root, expires: Nanos(expires), stages })
    });
    let chunk = (any::<u32>(), any::<u32>(), prop::collection::vec(digest(), 0..20), blobs());
    let chunk = chunk
        .prop_map(|(version, index, path, body)| UpdateItem::Chunk(Chunk { version, index, path, body }));
    prop_oneof![manifest, chunk]
}

fn blobs() -> impl Strategy<Value = Blob> {
    prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| Blob::Real(bytes.into()))
}

fn peers() -> impl Strategy<Value = Peer> {
    any::<u32>().prop_map(Peer)
}

fn hashes() -> impl Strategy<Value = EntryHash> {
    any::<[u8; 32]>().prop_map(EntryHash)
}

fn chat_items() -> impl Strategy<Value = ChatItem> {
    let entry = (peers(), any::<u32>(), hashes());
    let entry = entry.prop_map(|(author, seq, hash)| EntryRef { author, seq, hash });
    let after = prop::collection::vec(entry, 0..MAX_AFTER);
    let post = (any::<u32>(), prop::option::of(hashes()), after, blobs());
    prop_oneof![
        post.prop_map(|(seq, prev, after, text)| ChatItem::Post(Post { seq, prev, after, text })),
        Just(ChatItem::Beat),
        Just(ChatItem::Leave),
        prop::collection::vec((peers(), any::<u32>()), 0..50).prop_map(ChatItem::Read),
    ]
}

fn rooms() -> impl Strategy<Value = RoomHave> {
    let count = (any::<u32>(), any::<u32>()).prop_map(|(rank, entries)| Count { rank, entries });
    (any::<u32>(), prop::collection::vec(count, 0..50)).prop_map(|(room, counts)| RoomHave { room, counts })
}

fn bodies() -> impl Strategy<Value = Body> {
    prop_oneof![
        Just(Body::Nothing),
        (ids(), any::<u32>(), any::<u64>(), contents())
            .prop_map(|(id, topic, at, content)| Body::Item(Item::new(id, topic, Nanos(at), content))),
        prop::collection::vec(ids(), 0..50).prop_map(|ids| Body::Note(Note::Ids(ids))),
        prop::collection::vec(peers(), 0..50).prop_map(|peers| Body::Note(Note::Peers(peers))),
        prop::collection::vec(rooms(), 0..5).prop_map(|rooms| Body::Note(Note::Frontier(rooms))),
        (any::<u32>(), prop::collection::vec(any::<u64>(), 0..9))
            .prop_map(|(version, words)| Body::Note(Note::Have(HaveMap { version, words }))),
        (any::<u32>(), ids()).prop_map(|(req, id)| Body::Note(Note::Fetch(ReqId(req), id))),
        any::<u32>().prop_map(|req| Body::Note(Note::Request(ReqId(req)))),
    ]
}

proptest! {
    #[test]
    fn what_is_charged_is_what_is_encoded_and_it_decodes_to_itself(
        kind in 0..Kind::ALL.len(), hops: u8, workload: u8, body in bodies()
    ) {
        let frame = Frame { kind: Kind::ALL[kind], hops, workload, body };
        let bytes = frame.encode();
        prop_assert_eq!(frame.encoded_len() as usize, bytes.len());
        prop_assert_eq!(Frame::decode_shared(&bytes.clone().into()), Ok(frame.clone()));
        prop_assert_eq!(Frame::decode(&bytes), Ok(frame));
    }

    #[test]
    fn a_sized_body_is_as_long_as_a_real_one(len in 0u32..10_000) {
        let item = |text| Item::new(ItemId::new(0, Peer(7), 1), 0, Nanos(1), Content::Raw(text));
        let real = Blob::Real(vec![1; len as usize].into());
        prop_assert_eq!(item(Blob::Sized(len)).encoded_len(), item(real).encoded_len());
    }

    #[test]
    fn no_bytes_of_a_peer_panic(bytes: Vec<u8>) {
        prop_assert_eq!(Frame::decode(&bytes), Frame::decode_shared(&bytes.into()));
    }

    #[test]
    fn what_is_damaged_is_refused_for_the_same_reason_whether_or_not_it_is_shared(
        body in bodies(), at: prop::sample::Index, by in 1..=255u8, end: prop::sample::Index
    ) {
        let mut bytes = Frame { kind: Kind::Serve, hops: 0, workload: 0, body }.encode();
        let at = at.index(bytes.len());
        bytes[at] ^= by;
        bytes.truncate(1 + end.index(2 * bytes.len()));
        prop_assert_eq!(Frame::decode(&bytes), Frame::decode_shared(&bytes.into()));
    }
}

#[test]
fn an_entry_is_named_by_all_it_says_and_not_by_its_signature() {
    let post = |seq, text| {
        let post = Post { seq, prev: None, after: Vec::new(), text: Blob::Sized(text) };
        Item::new(ItemId::new(0, Peer(7), 1), 0, Nanos(1), Content::Chat(ChatItem::Post(post)))
    };
    let mut signed = post(1, 10);
    signed.signature = [[1; 32]; 2];
    assert_eq!(signed.measured().entry_hash(), post(1, 10).entry_hash());
    assert_ne!(post(2, 10).entry_hash(), post(1, 10).entry_hash());
    assert_ne!(post(1, 11).entry_hash(), post(1, 10).entry_hash());
}

#[test]
fn kinds_stand_at_their_numbers() {
    for (number, kind) in Kind::ALL.into_iter().enumerate() {
        assert_eq!(usize::from(kind.number()), number);
    }
}
