//! Contents of messages in the model: made once, named by 4-byte handles, shared by all copies in flight.

pub(super) mod ages;
pub(super) mod shared;

use peerlab_scenarios::{
    host::{Host, Msg, Payload, Peer, SeenSet},
    plan::Plan,
    spec::overlay::{Authenticity, Overlay},
    wire::{HEADER, Item, Kind, Note},
};

use self::{ages::Ages, shared::Blocks};
use super::{
    kad::{self, Lengths},
    rpc::{self, Envelope, Rpc},
};

/// An item of the store. Items stay for the whole run, as machines may keep them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ItemRef(pub(super) u32);

impl ItemRef {
    /// An item of this number, whether made or not.
    #[cfg(test)]
    pub(crate) const fn test(number: u32) -> Self {
        Self(number)
    }

    /// Its number: different for different items, and higher for newer ones, but for those that are made by several threads at
    /// about the same time.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// A note of the store. It is freed with its last copy in flight.
///
/// An IDONTWANT is nothing but the item that it names, and as common as items are: it has no place in the store, and its
/// handle is that item's number with the highest bit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteRef(pub(super) u32);

impl NoteRef {
    const CALLS_OFF: u32 = 1 << 31;

    /// The item that it calls off, if that is what it says.
    #[inline]
    pub(crate) const fn called_off(self) -> Option<ItemRef> {
        if self.0 & Self::CALLS_OFF != 0 { Some(ItemRef(self.0 ^ Self::CALLS_OFF)) } else { None }
    }
}

/// What the messages of a run carry.
#[derive(Debug)]
pub struct Store {
    envelope: Envelope,
    lengths: Option<Lengths>,
    items: Vec<Item>,
    /// Length on the wire of each item where gossipsub spreads it.
    published: Vec<u32>,
    notes: Vec<Slot>,
    free: Vec<u32>,
    /// Notes made in the present step, which holds them until it ends: a copy that is lost at once must not free what the
    /// step goes on to send to others.
    fresh: Vec<NoteRef>,
    ages: Ages,
    /// Where items get their numbers, when this is one of several stores.
    blocks: Option<Box<Blocks>>,
}

#[derive(Clone, Debug)]
enum Content {
    Note(Note),
    Rpc(Rpc),
    Kad(kad::Rpc),
}

/// What is left of a note that was freed.
const NOTHING: Content = Content::Note(Note::Ids(Vec::new()));

#[derive(Debug)]
struct Slot {
    content: Content,
    /// On the wire, frame header included.
    len: u32,
    /// Copies in flight, and one for the step that makes it.
    copies: u32,
}

impl Default for Store {
    fn default() -> Self {
        Self {
            envelope: Envelope::new(Authenticity::default()),
            lengths: None,
            items: Vec::new(),
            published: Vec::new(),
            notes: Vec::new(),
            free: Vec::new(),
            fresh: Vec::new(),
            ages: Ages::default(),
            blocks: None,
        }
    }
}

impl Store {
    /// An empty store for runs of a plan, whose overlay and discovery may have their own idea of how long a message is.
    pub(super) fn new(plan: &Plan) -> Self {
        let authenticity = match &plan.spec.overlay {
            Overlay::Gossipsub(params) => params.authenticity,
            Overlay::Flood {} | Overlay::Plumtree(_) | Overlay::Star {} => Authenticity::default(),
        };
        Self { envelope: Envelope::new(authenticity), lengths: Lengths::new(plan), ..Self::default() }
    }

    /// Length of a message on the wire in bytes, frame header or libp2p's encoding included.
    #[inline(always)]
    pub(crate) fn len_of(&self, msg: &Msg<Self>) -> u32 {
        match msg.payload {
            Payload::Item(ItemRef(item)) if msg.kind == Kind::PubsubPublish => self.published[item as usize],
            Payload::Item(ItemRef(item)) => HEADER + self.items[item as usize].encoded_len(),
            Payload::Note(note) => match note.called_off() {
                Some(item) => self.envelope.len(&Rpc::IDontWant(item)),
                None => self.notes[note.0 as usize].len,
            },
            Payload::Nothing if msg.kind == Kind::PubsubExtensions => rpc::EXTENSIONS,
            Payload::Nothing => kad::of_kind(msg.kind, msg.hops).unwrap_or(HEADER),
        }
    }

    /// What libp2p puts around items.
    pub(crate) const fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Makes the content of a message of gossipsub.
    #[inline]
    pub(crate) fn make_rpc(&mut self, rpc: Rpc) -> NoteRef {
        if let Rpc::IDontWant(ItemRef(item)) = rpc {
            assert!(item < NoteRef::CALLS_OFF, "2^31 items fit into no memory");
            return NoteRef(item | NoteRef::CALLS_OFF);
        }
        let len = self.envelope.len(&rpc);
        self.make(Content::Rpc(rpc), len)
    }

    /// The RPC behind a handle, if it is one that has a place in the store.
    #[inline]
    pub(crate) fn rpc(&self, NoteRef(note): NoteRef) -> Option<&Rpc> {
        match &self.notes.get(note as usize)?.content {
            Content::Rpc(rpc) => Some(rpc),
            Content::Note(_) | Content::Kad(_) => None,
        }
    }

    /// Makes the content of a message of Kademlia, which this peer sends.
    pub(crate) fn make_kad(&mut self, rpc: kad::Rpc, from: Peer) -> NoteRef {
        let lengths = self.lengths.as_ref().expect("a run with Kademlia knows the lengths of its messages");
        let len = lengths.len(&rpc, from);
        self.make(Content::Kad(rpc), len)
    }

    /// The message of Kademlia behind a handle, if it is one.
    pub(crate) fn kad(&self, NoteRef(note): NoteRef) -> Option<&kad::Rpc> {
        match &self.notes[note as usize].content {
            Content::Kad(rpc) => Some(rpc),
            Content::Note(_) | Content::Rpc(_) => None,
        }
    }

    fn push(&mut self, item: Item) {
        self.published.push(self.envelope.publish(&item));
        self.items.push(item);
    }

    fn make(&mut self, content: Content, len: u32) -> NoteRef {
        let made = self.place(Slot { content, len, copies: 1 });
        self.fresh.push(made);
        made
    }

    fn place(&mut self, slot: Slot) -> NoteRef {
        match self.free.pop() {
            Some(index) => {
                self.notes[index as usize] = slot;
                NoteRef(index)
            }
            None => {
                self.notes.push(slot);
                NoteRef(u32::try_from(self.notes.len() - 1).expect("fewer than 2^31 notes are in flight"))
            }
        }
    }

    /// Counts one more copy in flight.
    #[inline]
    pub(super) fn hold(&mut self, msg: &Msg<Self>) {
        if let Payload::Note(note) = msg.payload
            && note.called_off().is_none()
        {
            self.notes[note.0 as usize].copies += 1;
        }
    }

    /// Counts one copy less.
    #[inline]
    pub(super) fn release(&mut self, msg: &Msg<Self>) {
        if let Payload::Note(note) = msg.payload
            && note.called_off().is_none()
        {
            self.give_up(note);
        }
    }

    /// Ends a step: what it made and did not send is freed.
    #[inline]
    pub(super) fn end_step(&mut self) {
        while let Some(note) = self.fresh.pop() {
            self.give_up(note);
        }
    }

    fn give_up(&mut self, NoteRef(note): NoteRef) {
        let slot = &mut self.notes[note as usize];
        slot.copies -= 1;
        if slot.copies == 0 {
            slot.content = NOTHING;
            self.free.push(note);
        }
    }

    /// The item of this [number](ItemRef::number).
    pub(crate) fn numbered(&self, number: u32) -> &Item {
        &self.items[number as usize]
    }

    /// Items made so far.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Looks whether items have come of age; see [`ages`].
    pub(super) fn look_at_ages(&mut self) {
        self.ages.look(self.items.len() as u64, self.items.len() as u32);
    }

    /// Notes in flight.
    #[must_use]
    pub fn notes_in_flight(&self) -> usize {
        self.notes.len() - self.free.len()
    }
}

impl Host for Store {
    type Item = ItemRef;
    type Note = NoteRef;
    type Seen = Window;

    #[inline]
    fn item<'a>(&'a self, item: &'a ItemRef) -> &'a Item {
        &self.items[item.0 as usize]
    }

    #[inline]
    fn note<'a>(&'a self, note: &'a NoteRef) -> &'a Note {
        match &self.notes[note.0 as usize].content {
            Content::Note(note) => note,
            Content::Rpc(rpc) => unreachable!("{rpc:?} is for gossipsub alone, which knows it"),
            Content::Kad(rpc) => unreachable!("{rpc:?} is for Kademlia alone, which knows it"),
        }
    }

    fn make_item(&mut self, item: Item) -> ItemRef {
        if self.blocks.is_some() {
            return self.make_numbered(item);
        }
        self.push(item);
        ItemRef(u32::try_from(self.items.len() - 1).expect("a run makes fewer than 2^32 items"))
    }

    fn make_note(&mut self, note: Note) -> NoteRef {
        let len = HEADER + note.encoded_len();
        self.make(Content::Note(note), len)
    }
}

/// The items that a peer has met, as a sliding window of bits: handles are dense, and new ones are the highest.
///
/// The newest 128 lie in the window itself, which leaves room for a peer's other machines in its cache line: most copies are
/// of those, and a look at them costs no access to memory besides the peer's own.
#[derive(Debug, Default)]
pub struct Window {
    newest: [u64; Self::NEWEST],
    /// The number of the first of the newest words.
    newest_at: u32,
    /// Made when the first item leaves the newest.
    older: Option<Box<Older>>,
}

/// The words of a [`Window`] before its newest.
#[derive(Debug)]
struct Older {
    /// The number of the first word that is held.
    first: u32,
    /// The words from `first` up to the newest.
    words: Vec<u64>,
}

impl Window {
    /// Words in the window itself.
    const NEWEST: usize = 2;

    #[inline]
    fn place(item: ItemRef) -> (u32, u64) {
        (item.0 / 64, 1 << (item.0 % 64))
    }

    /// Makes a word that lies behind the newest the last of them. Items below `forgotten` need no room any more.
    #[cold]
    fn slide(&mut self, word: u32, forgotten: u32) {
        let (newest_at, was) = (word + 1 - Self::NEWEST as u32, self.newest_at);
        let leaving = ((newest_at - was) as usize).min(Self::NEWEST);
        let older = self.older.get_or_insert_with(|| Box::new(Older { first: was, words: Vec::new() }));
        older.words.extend_from_slice(&self.newest[..leaving]);
        self.newest.copy_within(leaving.., 0);
        self.newest[Self::NEWEST - leaving..].fill(0);
        self.newest_at = newest_at;
        let first = (forgotten / 64).clamp(older.first, newest_at);
        let forget = (first - older.first) as usize;
        older.words.drain(..forget.min(older.words.len()));
        older.first = first;
        older.words.resize((newest_at - first) as usize, 0);
    }

    /// The older word of this number, if it is still held.
    fn older(&self, word: u32) -> Option<u64> {
        let older = self.older.as_ref()?;
        older.words.get(word.checked_sub(older.first)? as usize).copied()
    }

    #[cold]
    fn insert_older(&mut self, word: u32, bit: u64) -> bool {
        let Some(older) = &mut self.older else { return false };
        let Some(place) = word.checked_sub(older.first) else { return false };
        let held = &mut older.words[place as usize];
        let new = *held & bit == 0;
        *held |= bit;
        new
    }
}

impl SeenSet<Store> for Window {
    #[inline]
    fn insert(&mut self, store: &Store, item: &ItemRef) -> bool {
        let (word, bit) = Self::place(*item);
        if item.0 < store.ages.forgotten {
            return false;
        }
        if word < self.newest_at {
            return self.insert_older(word, bit);
        }
        if (word - self.newest_at) as usize >= Self::NEWEST {
            self.slide(word, store.ages.forgotten);
        }
        let held = &mut self.newest[(word - self.newest_at) as usize];
        let new = *held & bit == 0;
        *held |= bit;
        new
    }

    #[inline]
    fn contains(&self, store: &Store, item: &ItemRef) -> bool {
        let (word, bit) = Self::place(*item);
        if item.0 < store.ages.forgotten {
            return true;
        }
        match word.checked_sub(self.newest_at) {
            Some(place) => self.newest.get(place as usize).is_some_and(|held| held & bit != 0),
            None => self.older(word).is_none_or(|held| held & bit != 0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_freed_with_its_last_copy() {
        let mut store = Store::default();
        let note = store.make_note(Note::Peers(Vec::new()));
        let msg = Msg::new(Kind::Shuffle, 0, Payload::Note(note));
        store.hold(&msg);
        store.hold(&msg);
        store.end_step();
        store.release(&msg);
        assert_eq!(store.notes_in_flight(), 1);
        store.release(&msg);
        assert_eq!(store.notes_in_flight(), 0);
    }

    #[test]
    fn a_note_outlives_a_copy_that_is_lost_in_the_step_that_makes_it() {
        let mut store = Store::default();
        let note = store.make_note(Note::Peers(Vec::new()));
        let msg = Msg::new(Kind::Shuffle, 0, Payload::Note(note));
        store.hold(&msg);
        store.release(&msg);
        store.hold(&msg);
        store.end_step();
        assert_ne!(
            store.make_note(Note::Peers(Vec::new())),
            note,
            "its place is taken while it is in flight"
        );
    }

    #[test]
    fn an_item_is_called_off_without_a_note() {
        let mut store = Store::default();
        let rpc = Rpc::IDontWant(ItemRef(7));
        let note = store.make_rpc(rpc.clone());
        let msg = Msg::new(Kind::PubsubIDontWant, 0, Payload::Note(note));
        store.hold(&msg);
        assert_eq!((note.called_off(), store.rpc(note)), (Some(ItemRef(7)), None));
        assert_eq!(store.len_of(&msg), store.envelope().len(&rpc));
        store.release(&msg);
        assert_eq!((note.called_off(), store.notes_in_flight()), (Some(ItemRef(7)), 0));
    }

    #[test]
    fn a_note_that_is_not_sent_is_freed_when_the_step_ends() {
        let mut store = Store::default();
        store.make_note(Note::Peers(Vec::new()));
        assert_eq!(store.notes_in_flight(), 1);
        store.end_step();
        assert_eq!(store.notes_in_flight(), 0);
    }

    #[test]
    fn the_window_takes_what_is_forgotten_for_met_and_needs_no_room_for_it() {
        let (mut store, mut seen) = (Store::default(), Window::default());
        assert!(seen.insert(&store, &ItemRef(5)));
        assert!(!seen.insert(&store, &ItemRef(5)));
        assert!(seen.insert(&store, &ItemRef(200_000)));
        assert!(seen.insert(&store, &ItemRef(6)), "it is remembered that it was not met");
        store.ages.forgotten = 190_001;
        assert!(!seen.insert(&store, &ItemRef(190_000)));
        assert!(seen.contains(&store, &ItemRef(190_000)));
        assert!(seen.insert(&store, &ItemRef(190_001)));
        assert!(seen.insert(&store, &ItemRef(200_128)));
        assert!(seen.older.is_some_and(|older| older.words.len() <= 10_000 / 64 + 2));
        let mut late = Window::default();
        assert!(late.insert(&store, &ItemRef(200_000)) && late.insert(&store, &ItemRef(190_001)));
        assert!(late.older.is_some_and(|older| older.words.len() <= 10_000 / 64 + 2));
    }

    proptest::proptest! {
        #[test]
        fn the_window_is_a_set_as_far_as_it_reaches(items in proptest::collection::vec(0..60_000u32, 0..300)) {
            let (store, mut seen) = (Store::default(), Window::default());
            let mut set = std::collections::BTreeSet::new();
            for item in items {
                assert_eq!(seen.contains(&store, &ItemRef(item)), set.contains(&item));
                assert_eq!(seen.insert(&store, &ItemRef(item)), set.insert(item));
            }
        }
    }
}
