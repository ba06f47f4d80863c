//! What a user is shown of a room: pure, from what the peer tells.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::{Timestamp, tz::TimeZone};
use libp2p::{Multiaddr, PeerId};
use peerlab_scenarios::{
    host::Peer,
    report::Fact,
    units::Nanos,
    wire::{
        Blob, Content, Item,
        chat::{ChatItem, Post},
    },
};

use super::{EPOCH, MAX_TEXT, Options};
use crate::host::{Entry, Room, card::Card};

/// Own posts that are still waited for to be read, at most.
const MOST_WAITING: usize = 256;

/// Of what was said in earlier runs, so much is shown.
const RECALLED: usize = 20;

/// The longest part of a post that a tick repeats, in characters.
const REPEATED: usize = 40;

/// Another member, as it was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whereabouts {
    Here,
    /// It fell silent; when it was last heard.
    Away(Nanos),
    /// It said that it was leaving; when.
    Left(Nanos),
}

/// An own post that not all who are here have read.
#[derive(Debug)]
struct Waiting {
    at: Nanos,
    text: String,
    readers: BTreeSet<Peer>,
}

/// What is known of a room.
#[derive(Debug)]
pub(super) struct Conversation {
    me: Peer,
    id: PeerId,
    options: Options,
    zone: TimeZone,
    cards: BTreeMap<Peer, Card>,
    others: BTreeMap<Peer, Whereabouts>,
    waiting: VecDeque<Waiting>,
    unreachable: BTreeSet<Multiaddr>,
}

impl Conversation {
    pub(super) fn new(me: Peer, id: PeerId, options: Options) -> Self {
        Self {
            me,
            id,
            options,
            zone: TimeZone::system(),
            cards: BTreeMap::new(),
            others: BTreeMap::new(),
            waiting: VecDeque::new(),
            unreachable: BTreeSet::new(),
        }
    }

    /// What to begin with.
    pub(super) fn welcome(&self) -> Vec<String> {
        let how = match (self.options.mdns, self.options.join.is_empty()) {
            (true, true) => "looking for others on the local network",
            (true, false) => "calling, and looking for others on the local network",
            (false, false) => "calling",
            (false, true) => "waiting for others to come",
        };
        vec![format!(
            "* {} in `{}`: {how}; /who tells who is here, /quit leaves",
            self.options.name, self.options.room
        )]
    }

    /// Somebody, this user too, says this of itself.
    pub(super) fn meets(&mut self, peer: Peer, card: Card) {
        self.cards.insert(peer, card);
    }

    /// What was said in earlier runs.
    pub(super) fn recalls<'a>(&self, kept: impl DoubleEndedIterator<Item = &'a Arc<Item>>) -> Vec<String> {
        let mut lines: Vec<_> = kept.rev().take(RECALLED).filter_map(|item| self.post(item, "")).collect();
        lines.reverse();
        lines
    }

    /// The name of a member: with the beginning of its index where others have the same.
    fn name(&self, peer: Peer) -> String {
        // The host lets nobody speak who was not introduced.
        let name = self.cards.get(&peer).map_or("?", Card::name);
        let is_shared = self.cards.iter().any(|(other, card)| *other != peer && card.name() == name);
        if is_shared { format!("{name}~{:06x}", peer.0) } else { name.to_owned() }
    }

    fn named<'a>(&self, peers: impl IntoIterator<Item = &'a Peer>) -> String {
        peers.into_iter().map(|peer| self.name(*peer)).collect::<Vec<_>>().join(", ")
    }

    /// A time of day, where the user is.
    fn time(&self, at: Nanos) -> String {
        let second = i64::try_from(EPOCH + at.0 / 1_000_000_000).unwrap_or(i64::MAX);
        let time = Timestamp::from_second(second).unwrap_or(Timestamp::MAX);
        time.to_zoned(self.zone.clone()).strftime("%H:%M:%S").to_string()
    }

    fn post(&self, item: &Item, mark: &str) -> Option<String> {
        let text = text(item)?;
        Some(format!("{} {}{mark}: {text}", self.time(item.at), self.name(item.author())))
    }

    fn event(&self, now: Nanos, what: &str) -> Vec<String> {
        vec![format!("{} * {what}", self.time(now))]
    }

    /// Takes in what the peer tells. Gives what is to be shown.
    pub(super) fn take_in(&mut self, now: Nanos, is_linked: bool, entry: Entry) -> Vec<String> {
        match entry {
            Entry::Room(Room::Listens(address)) => {
                vec![format!("* others can join with --join {address}/p2p/{}", self.id)]
            }
            Entry::Room(Room::Introduced(peer, card)) => {
                self.meets(peer, card);
                Vec::new()
            }
            // It is tried again and again, and told once.
            Entry::Room(Room::Unreachable(address, why)) if self.unreachable.insert(address.clone()) => self
                .event(
                    now,
                    &format!("{address} does not answer, and will be called again: {}", one_line(&why)),
                ),
            Entry::Room(Room::Kept(_, item)) => self.said(&item, is_linked),
            Entry::Fact(at, Fact::PresenceSeen { about, online, heard, .. }) => {
                self.seen(at, about, online, heard)
            }
            Entry::Fact(_, Fact::ReadSeen { reader, posted, .. }) => {
                if let Some(post) = self.waiting.iter_mut().find(|post| post.at == posted) {
                    post.readers.insert(reader);
                }
                self.delivered(now)
            }
            Entry::Fact(_, Fact::CaughtUp { posts, .. }) if posts > 0 => {
                self.event(now, &format!("caught up: {posts} said before or while away"))
            }
            Entry::Fact(_, Fact::Refused { author, .. }) => {
                let told = format!("{} contradicts itself: nothing more of it is shown", self.name(author));
                self.event(now, &told)
            }
            _ => Vec::new(),
        }
    }

    /// Something was said, by this user or another.
    fn said(&mut self, item: &Item, is_linked: bool) -> Vec<String> {
        if item.author() != self.me {
            return self.post(item, "").into_iter().collect();
        }
        if let Some(text) = text(item) {
            self.waiting.push_back(Waiting { at: item.at, text, readers: BTreeSet::new() });
            if self.waiting.len() > MOST_WAITING {
                self.waiting.pop_front();
            }
        }
        self.post(item, if is_linked { " ✓" } else { " …" }).into_iter().collect()
    }

    /// A member has come, fallen silent, or left.
    fn seen(&mut self, at: Nanos, about: Peer, online: bool, heard: Nanos) -> Vec<String> {
        // Who says that it leaves was heard in that instant; who is missed was not.
        let (now, what) = match (online, heard == at) {
            (true, _) => (Whereabouts::Here, "is here".to_owned()),
            (false, true) => (Whereabouts::Left(heard), "left".to_owned()),
            (false, false) => (Whereabouts::Away(heard), format!("is away, last seen {}", self.time(heard))),
        };
        let before = self.others.insert(about, now);
        let what = match (before, now) {
            (Some(Whereabouts::Away(_)), Whereabouts::Here) => "is back".to_owned(),
            (Some(Whereabouts::Left(_)), Whereabouts::Here) => "joined".to_owned(),
            (None, Whereabouts::Here) if self.is_later(about) => "joined".to_owned(),
            _ => what,
        };
        let mut lines = self.event(at, &format!("{} {what}", self.name(about)));
        lines.extend(self.delivered(at));
        lines
    }

    /// Whether a member came after this user did.
    fn is_later(&self, peer: Peer) -> bool {
        let made = |peer| self.cards.get(&peer).map(Card::made);
        made(peer) > made(self.me)
    }

    fn here(&self) -> impl Iterator<Item = &Peer> {
        self.others.iter().filter(|(_, whereabouts)| **whereabouts == Whereabouts::Here).map(|(peer, _)| peer)
    }

    /// Ticks for own posts that all who are here have read, and at least one has.
    fn delivered(&mut self, now: Nanos) -> Vec<String> {
        let here: BTreeSet<Peer> = self.here().copied().collect();
        let (done, waiting): (VecDeque<_>, _) = std::mem::take(&mut self.waiting)
            .into_iter()
            .partition(|post| !post.readers.is_empty() && here.is_subset(&post.readers));
        self.waiting = waiting;
        let told = |post: Waiting| {
            let mut text: String = post.text.chars().take(REPEATED).collect();
            if text.len() < post.text.len() {
                text.push('…');
            }
            format!("{} ✓✓ {}: {text}", self.time(now), self.named(&post.readers))
        };
        done.into_iter().map(told).collect()
    }

    /// Who is here, who was, and when they were last seen.
    pub(super) fn who(&self, now: Nanos) -> Vec<String> {
        let mut told = vec![format!("{} (you)", self.name(self.me))];
        told.extend(self.others.iter().map(|(peer, whereabouts)| {
            let name = self.name(*peer);
            match whereabouts {
                Whereabouts::Here => name,
                Whereabouts::Away(heard) => format!("{name} (away, last seen {})", self.time(*heard)),
                Whereabouts::Left(heard) => format!("{name} (left {})", self.time(*heard)),
            }
        }));
        self.event(now, &told.join(", "))
    }
}

/// What a post says, without what would write elsewhere on the screen.
fn text(item: &Item) -> Option<String> {
    match &item.content {
        Content::Chat(ChatItem::Post(Post { text: Blob::Real(bytes), .. })) => {
            Some(one_line(&String::from_utf8_lossy(bytes)))
        }
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use libp2p::identity::Keypair;
    use peerlab_scenarios::{host::StoreKey, wire::ItemId};

    use super::*;

    const ME: Peer = Peer(1);
    const BO: Peer = Peer(2);
    const CY: Peer = Peer(3);

    fn card(name: &str, made: u64) -> Card {
        Card::new("kitchen", &Keypair::generate_ed25519(), name, made).unwrap()
    }

    /// A room that one has come to after bo and before cy.
    fn conversation() -> Conversation {
        let options = Options {
            name: "ana".to_owned(),
            room: "kitchen".to_owned(),
            listen: Multiaddr::empty(),
            join: Vec::new(),
            mdns: false,
            data: None,
        };
        let mut conversation = Conversation::new(ME, PeerId::random(), options);
        conversation.zone = TimeZone::UTC;
        for (peer, name, made) in [(ME, "ana", 5), (BO, "bo", 4), (CY, "cy", 6)] {
            conversation.meets(peer, card(name, made));
        }
        conversation
    }

    fn said(by: Peer, text: &str, at: Nanos) -> Entry {
        let text = Blob::Real(text.as_bytes().to_vec().into());
        let post = Post { seq: 0, prev: None, after: Vec::new(), text };
        let item = Item::new(ItemId::new(0, by, 0), 0, at, Content::Chat(ChatItem::Post(post)));
        Entry::Room(Room::Kept(StoreKey(0), Arc::new(item)))
    }

    fn seen(at: Nanos, about: Peer, online: bool, heard: Nanos) -> Entry {
        Entry::Fact(at, Fact::PresenceSeen { workload: 0, about, online, heard })
    }

    fn read(reader: Peer, posted: Nanos) -> Entry {
        Entry::Fact(posted, Fact::ReadSeen { workload: 0, reader, posted })
    }

    fn at(seconds: u64) -> Nanos {
        Nanos::from_secs(seconds)
    }

    #[test]
    fn a_post_is_ticked_twice_when_all_who_are_here_have_it() {
        let mut room = conversation();
        let mut take = |entry| room.take_in(at(9), true, entry);
        take(seen(at(1), BO, true, at(1)));
        take(seen(at(1), CY, true, at(1)));
        assert_eq!(take(said(ME, "hello", at(2))), ["00:00:02 ana ✓: hello"]);
        assert_eq!(take(read(BO, at(2))), [""; 0], "cy has it not");
        assert_eq!(take(read(CY, at(2))), ["00:00:09 ✓✓ bo, cy: hello"]);
        assert_eq!(take(read(CY, at(2))), [""; 0], "once");
        take(said(ME, "and now?", at(3)));
        take(read(BO, at(3)));
        assert_eq!(take(seen(at(4), CY, false, at(4))), ["00:00:04 * cy left", "00:00:04 ✓✓ bo: and now?"]);
    }

    #[test]
    fn a_post_to_nobody_waits() {
        let mut room = conversation();
        assert_eq!(room.take_in(at(2), false, said(ME, "hello?", at(2))), ["00:00:02 ana …: hello?"]);
        assert_eq!(room.take_in(at(3), true, seen(at(3), CY, true, at(3))), ["00:00:03 * cy joined"]);
        assert_eq!(room.take_in(at(4), true, read(CY, at(2))), ["00:00:04 ✓✓ cy: hello?"]);
    }

    #[test]
    fn it_tells_who_was_here_from_who_came_and_who_left_from_who_fell_silent() {
        let mut room = conversation();
        let mut take = |entry| room.take_in(at(9), true, entry).join("\n");
        assert_eq!(take(seen(at(1), BO, true, at(1))), "00:00:01 * bo is here");
        assert_eq!(take(seen(at(2), CY, true, at(2))), "00:00:02 * cy joined");
        assert_eq!(take(seen(at(30), BO, false, at(10))), "00:00:30 * bo is away, last seen 00:00:10");
        assert_eq!(take(seen(at(31), BO, true, at(31))), "00:00:31 * bo is back");
        assert_eq!(take(seen(at(40), CY, false, at(40))), "00:00:40 * cy left");
        assert_eq!(room.who(at(50)), ["00:00:50 * ana (you), bo, cy (left 00:00:40)"]);
    }

    #[test]
    fn nothing_that_others_say_moves_the_cursor() {
        let mut room = conversation();
        let shown = room.take_in(at(1), true, said(BO, "one\u{1b}[2J\r\ntwo\u{9b}3A", at(1)));
        assert_eq!(shown, ["00:00:01 bo: one [2J  two 3A"]);
    }

    #[test]
    fn members_with_one_name_are_told_apart() {
        let mut room = conversation();
        room.meets(Peer(0xabcdef), card("bo", 7));
        let shown = room.take_in(at(1), true, said(BO, "hi", at(1)));
        assert_eq!(shown, ["00:00:01 bo~000002: hi"]);
    }
}
