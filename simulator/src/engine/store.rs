//! Contents of messages in the model: made once, named by 4-byte handles, shared by all copies in flight.

use peerlab_scenarios::{
    host::{Host, Msg, Payload, Peer, SeenSet},
    plan::Plan,
    spec::overlay::{Authenticity, Overlay},
    wire::{HEADER, Item, Kind, Note},
};

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

    /// Items are numbered in the order in which they are made.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

/// A note of the store. It is freed with its last copy in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NoteRef(pub(super) u32);

/// What the messages of a run carry.
#[derive(Debug)]
pub struct Store {
    envelope: Envelope,
    lengths: Option<Lengths>,
    items: Vec<Item>,
    notes: Vec<Slot>,
    free: Vec<u32>,
    /// Notes made in the present step, which holds them until it ends: a copy that is lost at once must not free what the
    /// step goes on to send to others.
    fresh: Vec<NoteRef>,
}

#[derive(Debug)]
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
            notes: Vec::new(),
            free: Vec::new(),
            fresh: Vec::new(),
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
            Payload::Item(ItemRef(item)) if msg.kind == Kind::PubsubPublish => {
                self.envelope.publish(&self.items[item as usize])
            }
            Payload::Item(ItemRef(item)) => HEADER + self.items[item as usize].encoded_len(),
            Payload::Note(NoteRef(note)) => self.notes[note as usize].len,
            Payload::Nothing if msg.kind == Kind::PubsubExtensions => rpc::EXTENSIONS,
            Payload::Nothing => kad::of_kind(msg.kind, msg.hops).unwrap_or(HEADER),
        }
    }

    /// What libp2p puts around items.
    pub(crate) const fn envelope(&self) -> Envelope {
        self.envelope
    }

    /// Makes the content of a message of gossipsub.
    pub(crate) fn make_rpc(&mut self, rpc: Rpc) -> NoteRef {
        let len = self.envelope.len(&rpc);
        self.make(Content::Rpc(rpc), len)
    }

    /// The RPC behind a handle, if it is one.
    pub(crate) fn rpc(&self, NoteRef(note): NoteRef) -> Option<&Rpc> {
        match &self.notes[note as usize].content {
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

    fn make(&mut self, content: Content, len: u32) -> NoteRef {
        let slot = Slot { content, len, copies: 1 };
        let made = match self.free.pop() {
            Some(index) => {
                self.notes[index as usize] = slot;
                NoteRef(index)
            }
            None => {
                self.notes.push(slot);
                NoteRef(u32::try_from(self.notes.len() - 1).expect("fewer than 2^32 notes are in flight"))
            }
        };
        self.fresh.push(made);
        made
    }

    /// Counts one more copy in flight.
    #[inline]
    pub(super) fn hold(&mut self, msg: &Msg<Self>) {
        if let Payload::Note(NoteRef(note)) = msg.payload {
            self.notes[note as usize].copies += 1;
        }
    }

    /// Counts one copy less.
    #[inline]
    pub(super) fn release(&mut self, msg: &Msg<Self>) {
        if let Payload::Note(note) = msg.payload {
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

    /// Items made so far.
    #[must_use]
    pub fn items(&self) -> usize {
        self.items.len()
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
        self.items.push(item);
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
#[derive(Debug, Default)]
struct Older {
    /// The number of the first word that is held.
    first: u32,
    /// The words from `first` up to the newest.
    words: Vec<u64>,
}

impl Window {
    /// 64 Ki items are remembered besides the newest: 8 KiB a peer at the most.
    const WORDS: usize = 1024;

    /// Words in the window itself.
    const NEWEST: usize = 2;

    #[inline]
    fn place(item: ItemRef) -> (u32, u64) {
        (item.0 / 64, 1 << (item.0 % 64))
    }

    /// Makes a word that lies behind the newest the last of them, forgetting the older half when the window is full.
    #[cold]
    fn slide(&mut self, word: u32) {
        let newest_at = word + 1 - Self::NEWEST as u32;
        let leaving = ((newest_at - self.newest_at) as usize).min(Self::NEWEST);
        let older = self.older.get_or_insert_default();
        older.words.extend_from_slice(&self.newest[..leaving]);
        self.newest.copy_within(leaving.., 0);
        self.newest[Self::NEWEST - leaving..].fill(0);
        self.newest_at = newest_at;
        let needed = (newest_at - older.first) as usize;
        if needed > Self::WORDS {
            let forget = needed - Self::WORDS / 2;
            older.words.drain(..forget.min(older.words.len()));
            older.first += forget as u32;
        }
        older.words.resize((newest_at - older.first) as usize, 0);
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
    fn insert(&mut self, _: &Store, item: &ItemRef) -> bool {
        let (word, bit) = Self::place(*item);
        if word < self.newest_at {
            return self.insert_older(word, bit);
        }
        if (word - self.newest_at) as usize >= Self::NEWEST {
            self.slide(word);
        }
        let held = &mut self.newest[(word - self.newest_at) as usize];
        let new = *held & bit == 0;
        *held |= bit;
        new
    }

    #[inline]
    fn contains(&self, _: &Store, item: &ItemRef) -> bool {
        let (word, bit) = Self::place(*item);
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
    fn a_note_that_is_not_sent_is_freed_when_the_step_ends() {
        let mut store = Store::default();
        store.make_note(Note::Peers(Vec::new()));
        assert_eq!(store.notes_in_flight(), 1);
        store.end_step();
        assert_eq!(store.notes_in_flight(), 0);
    }

    #[test]
    fn the_window_remembers_what_is_recent_and_takes_what_is_old_for_met() {
        let (store, mut seen) = (Store::default(), Window::default());
        assert!(seen.insert(&store, &ItemRef(5)));
        assert!(!seen.insert(&store, &ItemRef(5)));
        assert!(seen.insert(&store, &ItemRef(200_000)));
        assert!(!seen.insert(&store, &ItemRef(6)), "older than the memory reaches");
        assert!(seen.insert(&store, &ItemRef(199_999)));
        assert!(seen.older.is_some_and(|older| older.words.len() <= Window::WORDS));
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
