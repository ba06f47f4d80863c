//! A chat without a server.
//!
//! **Logs.** What a member says in a room is an entry of its log of that room, linked to the one before by hash, and
//! names the latest entries of others that its author had seen ([`crate::wire::chat`]). Members show entries in
//! causal order: each author's own in their order, and none before what it answers. An author that tells two stories
//! is found out by the hashes; of its log no more is taken.
//!
//! **Fast path and slow path.** The overlay brings entries to those who are there; what is said while nobody is
//! connected goes out when somebody is. The logs make it complete: members compare what they hold and send each other
//! what is missing (anti-entropy, Demers et al., PODC 1987), in the manner of Bramble and of Scuttlebutt's EBT. Archives
//! do the same without being readers. Whoever learns something in that way offers it to its neighbours, so that what the
//! overlay missed spreads at the network's speed too. The module `sync` describes both.
//!
//! **Presence** is a beat through the overlay, and a word when a member leaves in good order. **Read receipts** are
//! optional.
//!
//! A crash takes all but the entries that were shown: these are stored in the order in which they were shown, and
//! read back without being shown again. What still waited is fetched again.
//!
//! **Open rooms** ([`ChatPlan::open`]) list no members: whoever is let in by the host and signs what it says is one. A member is
//! known from its first sign of life on, and who comes to be connected is told at once who is there.
//!
//! Left out: editing and deleting, rooms that change during the run, encryption. When an author forks, each
//! member keeps the branch that it saw first, and they agree on all but that log. When more than
//! [`MAX_AFTER`](crate::wire::chat::MAX_AFTER) members speak at once, an answer names only the latest of them, and may
//! be shown before the others.

mod log;
mod order;
mod presence;
mod reading;
mod sync;

use std::sync::Arc;

use log::{Log, post};
use order::{Arrival, Backlog, Verdict, exposed, judge};
use presence::{Contacts, Sign};
use reading::Reading;
use sync::Sync;

use crate::{
    host::{Command, Cx, Host, Input, Machine, Msg, Payload, Peer, StoreKey, TimerKey},
    plan::chat::ChatPlan,
    report::{Fact, Route},
    seed::{Rng, mix},
    units::Nanos,
    wire::{
        Blob, Content, Item, ItemId, Kind,
        chat::{ChatItem, Post},
    },
};

/// Time to compare with another member.
const SYNC: TimerKey = TimerKey(0);
/// Time for a sign of life.
const BEAT: TimerKey = TimerKey(1);
/// Time to see who has fallen silent.
const LOOK: TimerKey = TimerKey(2);
/// Time to tell what was read.
const READ: TimerKey = TimerKey(3);
/// Time to offer what came by catching up.
const OFFER: TimerKey = TimerKey(4);

/// How long receipts are saved up: an author can wait a second or two to learn that it was read, and a lively room
/// then costs one message for many posts.
pub(crate) const RECEIPTS_EVERY: Nanos = Nanos::from_secs(2);

/// One room, as a peer holds it.
#[derive(Debug)]
struct Room<H: Host> {
    id: u32,
    /// This peer's rank; none for an archive that is not a member.
    me: Option<u32>,
    log: Log<H>,
    backlog: Backlog<H>,
    reading: Option<Box<Reading>>,
}

/// A member or an archive of a chat.
#[derive(Debug)]
pub struct Chat<H: Host> {
    plan: Arc<ChatPlan>,
    /// In ascending order of id.
    rooms: Vec<Room<H>>,
    contacts: Contacts,
    sync: Sync,
    /// Connected peers, in ascending order.
    connected: Vec<Peer>,
    /// Those of them that keep a room in common, in ascending order.
    mates: Vec<Peer>,
    /// Posts made while nobody was connected, to be published when somebody is.
    unsent: Vec<H::Item>,
    /// Least number of this peer's next item; see [`Chat::name`].
    next_number: u32,
    /// Entries stored so far.
    stored: u64,
    /// Whether a beat was given since the start.
    announced: bool,
    /// Whether receipts are being saved up.
    receipts_due: bool,
}

impl<H: Host> Chat<H> {
    /// The role of a peer that takes part in this chat; it begins with [`Input::Start`].
    #[must_use]
    pub fn new(plan: Arc<ChatPlan>) -> Self {
        Self {
            plan,
            rooms: Vec::new(),
            contacts: Contacts::default(),
            sync: Sync::default(),
            connected: Vec::new(),
            mates: Vec::new(),
            unsent: Vec::new(),
            next_number: 0,
            stored: 0,
            announced: false,
            receipts_due: false,
        }
    }

    /// A hash of what this peer holds of a room, equal for two peers that hold the same; none when it does not keep
    /// the room.
    #[must_use]
    pub fn room_digest(&self, room: u32) -> Option<u64> {
        self.room(room).map(|room| self.rooms[room].log.digest())
    }

    /// How many entries of an author's log of a room this peer holds.
    #[must_use]
    pub fn entries_of(&self, room: u32, author: Peer) -> u32 {
        let rank = self.plan.ranks(room).rank(author);
        self.room(room).zip(rank).map_or(0, |(room, rank)| self.rooms[room].log.count(rank))
    }

    /// When another member last gave a sign of life, by this peer's clock, and whether it counts as there.
    #[must_use]
    pub fn last_seen(&self, member: Peer) -> Option<(Nanos, bool)> {
        self.contacts.last_seen(member)
    }

    /// Where a room stands in `rooms`.
    fn room(&self, id: u32) -> Option<usize> {
        self.rooms.binary_search_by_key(&id, |room| room.id).ok()
    }

    /// Begins with what a crash has left, from an empty state.
    fn start(&mut self, cx: &mut Cx<'_, H>, kept: &[(StoreKey, H::Item)]) {
        *self = Self::new(Arc::clone(&self.plan));
        let receipts = self.plan.spec().read_receipts;
        let room = |id| {
            let me = self.plan.ranks(id).rank(cx.me);
            let reading = (receipts && me.is_some()).then(Box::default);
            Room { id, me, log: Log::default(), backlog: Backlog::default(), reading }
        };
        self.rooms = self.plan.rooms_of(cx.me).map(room).collect();
        self.rooms.iter().for_each(|room| cx.subscribe(room.id));
        for (key, item) in kept {
            self.stored = (key.0 & STORED) + 1;
            self.recover(cx, item);
        }
        self.rooms.iter_mut().filter_map(|room| room.reading.as_mut()).for_each(|it| it.forget_readers());
        self.start_sync(cx, !kept.is_empty());
        if let Some(presence) = &self.plan.spec().presence {
            let mine = self.rooms.iter().filter(|room| room.me.is_some());
            let peers = mine.flat_map(|room| self.plan.members(room.id)).filter(|peer| **peer != cx.me);
            self.contacts = Contacts::new(peers.copied().collect(), self.plan.is_open());
            if self.is_present() {
                cx.subscribe(self.plan.presence_topic());
                let at = cx.now.saturating_add(cx.rng().below_nanos(presence.every));
                cx.set_timer(BEAT, at);
            }
        }
    }

    /// Puts back an entry that was shown before the crash.
    fn recover(&mut self, cx: &Cx<'_, H>, handle: &H::Item) {
        let id = cx.item(handle).topic;
        let Some(index) = self.room(id) else { return };
        let (plan, room) = (&self.plan, &mut self.rooms[index]);
        let ranks = plan.ranks(id);
        // What a damaged store has lost, and what depends on it, the others have.
        let Verdict::Next((author, _)) = judge(&room.log, cx.host(), ranks, handle) else { return };
        room.log.append(cx.host(), ranks, author, handle.clone());
        if room.me == Some(author) {
            self.own_entry(cx, index, handle);
        }
    }

    /// Notes an entry of this peer's own, be it new or come back.
    fn own_entry(&mut self, cx: &Cx<'_, H>, room: usize, handle: &H::Item) {
        let item = cx.item(handle);
        self.next_number = self.next_number.max(item.id.number().saturating_add(1));
        if let Some(reading) = &mut self.rooms[room].reading {
            reading.posted(item.at);
        }
    }

    /// The user says something.
    fn post(&mut self, cx: &mut Cx<'_, H>, id: u32, text: Blob) {
        let Some((index, me)) = self.room(id).and_then(|room| Some((room, self.rooms[room].me?))) else {
            return;
        };
        let name = self.name(cx.now, cx.me);
        let room = &mut self.rooms[index];
        let (ranks, seq) = (self.plan.ranks(id), room.log.count(me));
        let post = Post {
            seq,
            prev: room.log.head(cx.host(), me),
            after: room.log.tips(cx.host(), ranks, me),
            text,
        };
        let item = cx.make_item(Item::new(name, id, cx.now, Content::Chat(ChatItem::Post(post))));
        room.log.append(cx.host(), ranks, me, item.clone());
        self.own_entry(cx, index, &item);
        self.keep(cx, item.clone());
        cx.record(Fact::Posted { workload: self.plan.workload(), room: id, seq });
        if self.connected.is_empty() {
            self.unsent.push(item);
        } else {
            cx.publish(item);
        }
        // Someone may already have sent what builds on it: a peer whose store was lost says things that others know.
        for arrival in self.rooms[index].backlog.woken_by((me, seq)) {
            self.work_off(cx, index, arrival);
        }
    }

    /// Takes in an entry, and shows it and what waited for it, if it may be shown.
    fn receive(&mut self, cx: &mut Cx<'_, H>, from: Peer, item: H::Item, hops: u8, route: Route) {
        let Some(room) = self.room(cx.item(&item).topic) else { return };
        self.work_off(cx, room, Arrival { item, from, at: cx.now, hops, route });
    }

    fn work_off(&mut self, cx: &mut Cx<'_, H>, index: usize, arrival: Arrival<H>) {
        let workload = self.plan.workload();
        // Most entries wake no other: then this allocates nothing.
        let mut woken = Vec::new();
        let mut next = Some(arrival);
        while let Some(arrival) = next.take().or_else(|| woken.pop()) {
            let (plan, room) = (&self.plan, &mut self.rooms[index]);
            let id = room.id;
            let ranks = plan.ranks(id);
            let forked = match judge(&room.log, cx.host(), ranks, &arrival.item) {
                Verdict::Known => continue,
                Verdict::Foreign => {
                    let author = cx.item(&arrival.item).author();
                    cx.record(Fact::Refused { workload, author });
                    continue;
                }
                Verdict::Waits { place, lacks } => {
                    if room.backlog.hold(cx.host(), place, lacks, arrival) {
                        continue;
                    }
                    place.0
                }
                Verdict::Next(place) => {
                    let exposed = exposed(&room.log, cx.host(), ranks, &arrival.item);
                    let route = arrival.route;
                    woken.extend(room.backlog.woken_by(place).into_iter().map(|it| it.after(route)));
                    self.show(cx, index, place, arrival);
                    let Some(forked) = exposed else { continue };
                    forked
                }
                Verdict::Forked(author) => author,
            };
            let room = &mut self.rooms[index];
            cx.record(Fact::Refused { workload, author: self.plan.ranks(id).peer(forked) });
            room.log.close(forked);
            woken.extend(room.backlog.woken_by_closing(forked));
        }
    }

    /// Adds an entry to its log, keeps it, and shows it to this peer's user if there is one.
    fn show(&mut self, cx: &mut Cx<'_, H>, index: usize, (author, seq): (u32, u32), arrival: Arrival<H>) {
        let Arrival { item, from, at, hops, route } = arrival;
        let room = &mut self.rooms[index];
        let ranks = self.plan.ranks(room.id);
        room.log.append(cx.host(), ranks, author, item.clone());
        if room.me == Some(author) {
            self.own_entry(cx, index, &item);
        } else if room.me.is_some() {
            cx.record(Fact::Shown {
                workload: self.plan.workload(),
                room: room.id,
                author: ranks.peer(author),
                seq,
                posted: cx.item(&item).at,
                held: cx.now.saturating_sub(at),
                hops,
                route,
            });
            if let Some(reading) = &mut room.reading {
                reading.shown(author);
                if !self.receipts_due {
                    self.receipts_due = true;
                    cx.set_timer(READ, cx.now.saturating_add(RECEIPTS_EVERY));
                }
            }
        }
        if route == Route::CatchUp {
            let said = cx.item(&item).at;
            self.caught_up(cx, index, from, said);
        }
        self.keep(cx, item);
    }

    /// Stores an entry under the next key, so that they come back in the order in which they were shown.
    fn keep(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        cx.store(StoreKey(u64::from(self.plan.workload()) << STORED_BITS | self.stored), item);
        self.stored += 1;
    }

    /// Names this peer's next item: by time, in units of about a millisecond, or the next number when that is taken.
    /// So numbers count up, and none returns after a crash, though not all that they named was stored. An open room has no end:
    /// there the unit is a quarter of a second, which lasts for 36 years.
    fn name(&mut self, now: Nanos, me: Peer) -> ItemId {
        let unit = if self.plan.is_open() { 28 } else { 20 };
        let number = self.next_number.max(u32::try_from(now.0 >> unit).unwrap_or(u32::MAX));
        self.next_number = number.saturating_add(1);
        ItemId::new(self.plan.workload(), me, number)
    }

    /// Publishes an item that nobody keeps.
    fn tell(&mut self, cx: &mut Cx<'_, H>, topic: u32, content: ChatItem) {
        let id = self.name(cx.now, cx.me);
        let item = cx.make_item(Item::new(id, topic, cx.now, Content::Chat(content)));
        cx.publish(item);
    }

    /// Whether this peer tells others that it is there: an archive that is no member does not.
    fn is_present(&self) -> bool {
        self.plan.spec().presence.is_some() && self.rooms.iter().any(|room| room.me.is_some())
    }

    /// Says that it is there as soon as there is somebody to hear it. When its turn comes does not change: members who begin together would
    /// otherwise go on together, and their signs meet in the same few seconds for a long time.
    fn announce(&mut self, cx: &mut Cx<'_, H>) {
        if self.is_present() {
            self.announced = true;
            self.tell(cx, self.plan.presence_topic(), ChatItem::Beat);
        }
    }

    /// It is this member's turn to say that it is there.
    fn beat(&mut self, cx: &mut Cx<'_, H>) {
        self.announce(cx);
        if let Some(presence) = &self.plan.spec().presence {
            let every = presence.every;
            let at = cx.now.saturating_add(about(cx.rng(), every));
            cx.set_timer(BEAT, at);
        }
    }

    /// Takes in a sign of life of whoever made an item that came through the overlay.
    fn hear(&mut self, cx: &mut Cx<'_, H>, item: &H::Item) {
        let Some(presence) = &self.plan.spec().presence else { return };
        let item = cx.item(item);
        let leaving = item.content == Content::Chat(ChatItem::Leave);
        let sign = Sign { from: item.author(), said: item.at, leaving };
        let (workload, timeout) = (self.plan.workload(), presence.timeout);
        if let Some(at) = self.contacts.hear(cx, workload, timeout, sign) {
            cx.set_timer(LOOK, at);
        }
    }

    fn look(&mut self, cx: &mut Cx<'_, H>) {
        let Some(presence) = &self.plan.spec().presence else { return };
        if let Some(at) = self.contacts.look(cx, self.plan.workload(), presence.timeout) {
            cx.set_timer(LOOK, at);
        }
    }

    /// Tells what was read since the last time, one receipt for each room.
    fn tell_read(&mut self, cx: &mut Cx<'_, H>) {
        self.receipts_due = false;
        for index in 0..self.rooms.len() {
            let room = &mut self.rooms[index];
            let Some(reading) = &mut room.reading else { continue };
            let ranks = self.plan.ranks(room.id);
            let count = |rank: u32| (ranks.peer(rank), room.log.count(rank));
            let read: Vec<_> = reading.take_news().into_iter().map(count).collect();
            if !read.is_empty() {
                let topic = room.id;
                self.tell(cx, topic, ChatItem::Read(read));
            }
        }
    }

    /// A member has read so many of this peer's posts in a room.
    fn read_by(&mut self, cx: &mut Cx<'_, H>, index: usize, reader: Peer, count: u32) {
        let room = &mut self.rooms[index];
        let Some(reading) = &mut room.reading else { return };
        if let Some(rank) = self.plan.ranks(room.id).rank(reader) {
            for &posted in reading.read_by(rank, count) {
                cx.record(Fact::ReadSeen { workload: self.plan.workload(), reader, posted });
            }
        }
    }

    /// Takes in a receipt.
    fn receipt(&mut self, cx: &mut Cx<'_, H>, item: &H::Item) {
        let receipt = cx.item(item);
        let Content::Chat(ChatItem::Read(read)) = &receipt.content else { return };
        let mine = read.iter().find(|(author, _)| *author == cx.me);
        if let (Some(&(_, count)), Some(room)) = (mine, self.room(receipt.topic)) {
            let reader = receipt.author();
            self.read_by(cx, room, reader, count);
        }
    }

    fn published(&mut self, cx: &mut Cx<'_, H>, via: Peer, hops: u8, item: H::Item) {
        self.hear(cx, &item);
        match &cx.item(&item).content {
            Content::Chat(ChatItem::Post(_)) => self.receive(cx, via, item, hops, Route::Overlay),
            Content::Chat(ChatItem::Read(_)) => self.receipt(cx, &item),
            Content::Chat(ChatItem::Beat | ChatItem::Leave) | Content::Raw(_) | Content::Update(_) => {}
        }
    }

    fn message(&mut self, cx: &mut Cx<'_, H>, from: Peer, msg: Msg<H>) {
        match (msg.kind, msg.payload) {
            (Kind::ChatHave, Payload::Note(note)) => self.compare_with(cx, from, msg.hops, &note),
            (Kind::ChatEntry, Payload::Item(item)) => {
                // The overlay checks what it carries; this did not come by it.
                if cx.item(&item).tainted {
                    cx.record(Fact::Copies { first: 0, duplicate: 0, tainted: 1 });
                } else if post(cx.item(&item)).is_some() {
                    self.receive(cx, from, item, 0, Route::CatchUp);
                }
            }
            // A stranger's nonsense.
            _ => {}
        }
    }
}

const STORED_BITS: u32 = 56;
const STORED: u64 = (1 << STORED_BITS) - 1;

/// A period, a tenth shorter or longer by chance, so that peers that begin together do not go on together.
fn about(rng: &mut Rng, period: Nanos) -> Nanos {
    let tenth = Nanos(period.0 / 10);
    period.saturating_sub(tenth).saturating_add(rng.below_nanos(Nanos(tenth.0 * 2)))
}

impl<H: Host> Machine<H> for Chat<H> {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { kept } => self.start(cx, &kept),
            Input::Stop => {
                if self.is_present() {
                    self.tell(cx, self.plan.presence_topic(), ChatItem::Leave);
                }
            }
            Input::Command { command: Command::Post { room, bytes }, .. } => {
                self.post(cx, room, Blob::Sized(bytes));
            }
            Input::Command { command: Command::Say { room, text }, .. } => self.post(cx, room, *text),
            Input::Command { command, .. } => unreachable!("a chat is not told to {command:?}"),
            Input::PeerUp { peer, link } => {
                if let Err(place) = self.connected.binary_search(&peer) {
                    self.connected.insert(place, peer);
                }
                self.unsent.drain(..).for_each(|post| cx.publish(post));
                // Where nobody is listed, who is there is what a newcomer wants to know first.
                if !self.announced || self.plan.is_open() {
                    self.announce(cx);
                }
                self.meet(cx, peer, link);
            }
            Input::PeerDown { peer, .. } => {
                if let Ok(place) = self.connected.binary_search(&peer) {
                    self.connected.remove(place);
                }
                self.part(cx, peer);
            }
            Input::Message { from, msg, .. } => self.message(cx, from, msg),
            Input::Published { via, hops, item } => self.published(cx, via, hops, item),
            Input::Timer(SYNC) => self.sync_is_due(cx),
            Input::Timer(BEAT) => self.beat(cx),
            Input::Timer(LOOK) => self.look(cx),
            Input::Timer(READ) => self.tell_read(cx),
            Input::Timer(OFFER) => self.offer_news(cx),
            Input::Timer(key) => unreachable!("a chat sets no timer {key:?}"),
            Input::Asked { ask, .. } => cx.refuse(ask),
            Input::Fetched { req, .. } => unreachable!("a chat fetches nothing, and not {req:?}"),
            Input::Found { query, .. } => unreachable!("a chat looks nothing up, and not {query:?}"),
        }
    }

    fn digest(&self) -> u64 {
        self.rooms.iter().fold(0, |hash, room| mix(hash, u64::from(room.id), room.log.digest()))
    }
}

#[cfg(test)]
mod tests;
