//! Anti-entropy: members compare what they hold with one other at a time, and each sends what the other lacks.
//!
//! An exchange is a few rounds. One side sends its frontier, how much it has of each log of the rooms that both keep
//! ([`Kind::ChatHave`] with `hops` 1). The other sends a page of what that lacks ([`Kind::ChatEntry`]) and then its
//! own frontier (`hops` 0), behind it on the same lane. Now the first knows what is missing on either side, sends a
//! page in turn and asks again, until nothing is missing or a round made no progress. Pages bound what is under way;
//! an entry is sent after all that it depends on, so the receiver can show each as it comes.
//!
//! A member begins one every `sync.every` (a tenth more or less), about its rooms in turn, with a connected member or
//! archive of that room. Unless `sync.with` keeps it to its neighbours, it asks any with a quarter's chance, or when
//! nobody is connected, and dials whom it picks, for connected members may all lack the same; every other time that is
//! an archive, if there are any. It begins at once when it returns, until each room is settled, and when a connection
//! to a member stands that did not, as after a partition.
//!
//! **Offers.** The overlay passes on what it brings, but not what comes by an exchange: each hop of that would wait for a
//! turn. So a peer that learns entries in an exchange, older than any that are still on their way, soon sends its
//! frontier of their rooms to its other connections (`hops` 2), and who lacks something of it begins an exchange with it:
//! a rumour for what anti-entropy brings to light (Demers et al., PODC 1987, section 1.4). It ends by itself, for a peer
//! learns an entry once; and entries go to those alone who ask.

use std::{collections::BTreeSet, iter, mem};

use super::{
    Chat, OFFER, SYNC, about,
    log::{CLOSED, entries},
};
use crate::{
    host::{Cx, Host, Lane, Link, Msg, Payload, Peer},
    report::Fact,
    spec::chat::Partners,
    units::Nanos,
    wire::{
        Kind, Note,
        chat::{Count, RoomHave},
    },
};

/// Most entries of a page.
const PAGE_ENTRIES: usize = 512;
/// Length at which a page ends, in bytes: a quarter of a second on a link of 8 Mbit/s.
const PAGE_BYTES: u64 = 256 << 10;
/// Most counts in a frontier. With more, an exchange is about some of the rooms.
const FRONTIER_COUNTS: usize = 65_536;
/// A returning member waits no longer than this for more connections to choose from, and those on both sides of a
/// healed partition do not all begin in the same instant.
const HASTE: Nanos = Nanos::from_millis(500);
/// `hops` of a frontier that answers one.
const ANSWERS: u8 = 0;
/// `hops` of a frontier that asks for the other side's.
const ASKS: u8 = 1;
/// `hops` of a frontier that offers what it tells of.
const OFFERS: u8 = 2;
/// How long news is saved up before it is offered: what comes in one page goes out as one.
const OFFER_AFTER: Nanos = Nanos::from_millis(100);
/// What was said less than that ago is left to the overlay, whose copies may be on their way.
const OVERLAY_TIME: Nanos = Nanos::from_secs(5);
/// Least time between two offers: a long absence that is caught up page by page costs few of them.
const OFFER_GAP: Nanos = Nanos::from_secs(1);
/// How many unreachable peers are dialled in a row before the next turn.
const DIALS: u8 = 4;

/// A comparison under way, begun by this peer.
#[derive(Debug)]
struct Exchange {
    partner: Peer,
    /// Whether the connection is for this alone.
    dialled: bool,
    asked: bool,
    /// Nothing came since the timer last looked.
    idle: bool,
    /// Entries that were missing on both sides after the last round.
    missing: u64,
}

/// Coming back, until all is caught up.
#[derive(Debug)]
struct Return {
    since: Nanos,
    posts: u32,
    /// Whether this peer had been here before: to find that nothing was missed is then worth a fact.
    known: bool,
    /// Rooms not settled yet.
    rooms: Vec<u32>,
}

/// The state of comparing with others.
#[derive(Debug, Default)]
pub(super) struct Sync {
    due: Nanos,
    turn: usize,
    /// Who has become reachable and was not compared with since: asked first, the latest first.
    newcomers: Vec<Peer>,
    exchange: Option<Exchange>,
    dials: u8,
    returned: Option<Box<Return>>,
    /// Rooms, by place, in which entries came by catching up that were not offered yet, and from whom.
    news: BTreeSet<(usize, Peer)>,
    /// When they will be; without news, of no meaning.
    offer_due: Nanos,
    /// No offer before that.
    next_offer: Nanos,
}

impl<H: Host> Chat<H> {
    /// Begins to take turns. `known` says that this peer has been here before.
    pub(super) fn start_sync(&mut self, cx: &mut Cx<'_, H>, known: bool) {
        let rooms = self.rooms.iter().map(|room| room.id).collect();
        self.sync.returned = Some(Box::new(Return { since: cx.now, posts: 0, known, rooms }));
        let first = cx.rng().below_nanos(self.plan.spec().sync.every);
        self.sync_at(cx, cx.now.saturating_add(first));
    }

    fn sync_at(&mut self, cx: &mut Cx<'_, H>, at: Nanos) {
        self.sync.due = at;
        cx.set_timer(SYNC, at);
    }

    /// A connection stands.
    pub(super) fn meet(&mut self, cx: &mut Cx<'_, H>, peer: Peer, link: Link) {
        if !self.rooms.iter().any(|room| self.plan.keeps(room.id, peer)) {
            return;
        }
        if let Err(place) = self.mates.binary_search(&peer) {
            self.mates.insert(place, peer);
        }
        match &mut self.sync.exchange {
            Some(exchange) if exchange.partner == peer && !exchange.asked => {
                exchange.asked = true;
                self.ask(cx, peer);
            }
            // The other side has dialled to ask; if both asked, every exchange would lead to another.
            _ if link == Link::Accepted => {}
            Some(_) => self.sync.newcomers.push(peer),
            None => {
                self.sync.newcomers.push(peer);
                if self.sync.returned.is_none() {
                    let rooms = self.shared_with(peer).map(|room| self.rooms[room].id).collect();
                    let returned = Return { since: cx.now, posts: 0, known: false, rooms };
                    self.sync.returned = Some(Box::new(returned));
                }
                let soon = cx.now.saturating_add(cx.rng().below_nanos(HASTE));
                if soon < self.sync.due {
                    self.sync_at(cx, soon);
                }
            }
        }
    }

    /// A connection ended, or was not made.
    pub(super) fn part(&mut self, cx: &mut Cx<'_, H>, peer: Peer) {
        if let Ok(place) = self.mates.binary_search(&peer) {
            self.mates.remove(place);
            self.sync.newcomers.retain(|newcomer| *newcomer != peer);
        }
        if let Some(exchange) = self.sync.exchange.take_if(|exchange| exchange.partner == peer)
            && !exchange.asked
        {
            self.sync.dials += 1;
            if self.sync.dials < DIALS {
                self.begin_exchange(cx);
            }
        }
    }

    /// An entry of a room, said at `said`, came from this peer by catching up, and was shown.
    pub(super) fn caught_up(&mut self, cx: &mut Cx<'_, H>, room: usize, from: Peer, said: Nanos) {
        if let Some(returned) = &mut self.sync.returned {
            returned.posts += 1;
        }
        // An author's clock may be fast.
        let old_enough = said.min(cx.now).saturating_add(OVERLAY_TIME);
        let due = cx.now.saturating_add(OFFER_AFTER).max(old_enough).max(self.sync.next_offer);
        if self.sync.news.is_empty() || due < self.sync.offer_due {
            self.sync.offer_due = due;
            cx.set_timer(OFFER, due);
        }
        self.sync.news.insert((room, from));
    }

    /// Tells the other connections of the rooms in which there was news. One that brought all of it knows.
    pub(super) fn offer_news(&mut self, cx: &mut Cx<'_, H>) {
        self.sync.next_offer = cx.now.saturating_add(OFFER_GAP);
        let news: Vec<_> = mem::take(&mut self.sync.news).into_iter().collect();
        for news in news.chunk_by(|one, next| one.0 == next.0) {
            let place = news[0].0;
            let is_news = |mate: Peer| news.iter().any(|&(_, from)| from != mate);
            let keeps = |mate: Peer| self.plan.keeps(self.rooms[place].id, mate);
            let mut mates =
                self.mates.iter().copied().filter(|&mate| keeps(mate) && is_news(mate)).peekable();
            if mates.peek().is_some() {
                let frontier = cx.make_note(Note::Frontier(vec![self.have(place)]));
                mates.for_each(|mate| self.send_frontier(cx, mate, OFFERS, frontier.clone()));
            }
        }
    }

    /// A connection has something that this peer lacks: it is asked next.
    fn take_offer(&mut self, cx: &mut Cx<'_, H>, from: Peer) {
        if self.mates.binary_search(&from).is_err() {
            return;
        }
        if !self.sync.newcomers.contains(&from) {
            self.sync.newcomers.push(from);
        }
        if self.sync.exchange.is_none() {
            self.begin_exchange(cx);
        }
    }

    /// It is this peer's turn to begin an exchange.
    pub(super) fn sync_is_due(&mut self, cx: &mut Cx<'_, H>) {
        let next = cx.now.saturating_add(about(cx.rng(), self.plan.spec().sync.every));
        self.sync_at(cx, next);
        if let Some(exchange) = &mut self.sync.exchange
            && !mem::replace(&mut exchange.idle, true)
        {
            return;
        }
        self.end_exchange(cx);
        self.sync.dials = 0;
        self.begin_exchange(cx);
    }

    fn begin_exchange(&mut self, cx: &mut Cx<'_, H>) {
        self.sync.turn = self.sync.turn.wrapping_add(1);
        let room = match &self.sync.returned {
            Some(returned) if !returned.rooms.is_empty() => {
                returned.rooms[self.sync.turn % returned.rooms.len()]
            }
            _ => self.rooms[self.sync.turn % self.rooms.len()].id,
        };
        let is_mate = |peer: &Peer| self.mates.binary_search(peer).is_ok();
        let newcomer = iter::from_fn(|| self.sync.newcomers.pop()).find(is_mate);
        let Some(partner) = newcomer.or_else(|| self.choose_partner(cx, room)) else { return };
        let asked = self.mates.binary_search(&partner).is_ok();
        let exchange = Exchange { partner, dialled: !asked, asked, idle: false, missing: u64::MAX };
        self.sync.exchange = Some(exchange);
        if asked {
            self.ask(cx, partner);
        } else {
            cx.dial(partner);
        }
    }

    /// With whom to compare a room; nobody when none may be asked.
    fn choose_partner(&self, cx: &mut Cx<'_, H>, room: u32) -> Option<Peer> {
        let connected = self.mates.iter().copied().filter(|&mate| self.plan.keeps(room, mate));
        let connected: Vec<_> = connected.collect();
        match self.plan.spec().sync.with {
            Partners::Neighbours => cx.rng().choose(&connected).copied(),
            Partners::Anyone if !connected.is_empty() && cx.rng().below(4) != 0 => {
                cx.rng().choose(&connected).copied()
            }
            Partners::Anyone => Some(self.choose_anyone(cx, room)),
        }
    }

    fn choose_anyone(&self, cx: &mut Cx<'_, H>, room: u32) -> Peer {
        let (members, archives) = (self.plan.members(room), self.plan.archives());
        // An archive is there to be asked, when all the members may be asleep.
        if let Some(&archive) = cx.rng().choose(archives)
            && archive != cx.me
            && cx.rng().below(2) == 0
        {
            return archive;
        }
        loop {
            let place = cx.rng().index(members.len() + archives.len());
            let peer = members.get(place).unwrap_or_else(|| &archives[place - members.len()]);
            // A room has two members at least, so there is another.
            if *peer != cx.me {
                return *peer;
            }
        }
    }

    fn end_exchange(&mut self, cx: &mut Cx<'_, H>) {
        if let Some(exchange) = self.sync.exchange.take()
            && exchange.dialled
        {
            cx.hang_up(exchange.partner);
        }
    }

    /// Places of the rooms that a peer keeps too, beginning with the one whose turn it is.
    fn shared_with(&self, peer: Peer) -> impl Iterator<Item = usize> + '_ {
        let (rooms, turn) = (self.rooms.len(), self.sync.turn);
        let places = (0..rooms).map(move |place| (place + turn) % rooms);
        places.filter(move |&place| self.plan.keeps(self.rooms[place].id, peer))
    }

    fn ask(&mut self, cx: &mut Cx<'_, H>, partner: Peer) {
        let mut room_left = FRONTIER_COUNTS;
        let places = self.shared_with(partner).take_while(|&place| {
            let fits = room_left > 0;
            room_left = room_left.saturating_sub(self.rooms[place].log.authors());
            fits
        });
        let frontier = places.map(|place| self.have(place)).collect();
        let frontier = cx.make_note(Note::Frontier(frontier));
        self.send_frontier(cx, partner, ASKS, frontier);
    }

    fn have(&self, place: usize) -> RoomHave {
        let room = &self.rooms[place];
        RoomHave { room: room.id, counts: room.log.counts() }
    }

    fn send_frontier(&self, cx: &mut Cx<'_, H>, to: Peer, hops: u8, frontier: H::Note) {
        let payload = Payload::Note(frontier);
        cx.send(to, Lane::Bulk, Msg { kind: Kind::ChatHave, hops, workload: self.plan.workload(), payload });
    }

    /// Another peer says what it has, and perhaps asks for the same.
    pub(super) fn compare_with(&mut self, cx: &mut Cx<'_, H>, from: Peer, hops: u8, note: &H::Note) {
        let Note::Frontier(theirs) = cx.note(note) else { return };
        let mut theirs = theirs.clone();
        theirs.retain(|have| {
            self.plan.keeps(have.room, from) && have.is_of(self.plan.ranks(have.room).count())
        });
        let theirs: Vec<_> =
            theirs.into_iter().filter_map(|have| Some((self.room(have.room)?, have.counts))).collect();
        let (mut lacking_here, mut lacking_there) = (0, 0);
        for (place, counts) in &theirs {
            let (here, there) = self.rooms[*place].log.compare(counts);
            (lacking_here, lacking_there) = (lacking_here + here, lacking_there + there);
            // Whoever holds a post has shown it: a frontier is a receipt too.
            let mine = self.rooms[*place].me.map(|me| entries(counts, me));
            if let Some(count) = mine.filter(|&count| count != CLOSED) {
                self.read_by(cx, *place, from, count);
            }
        }
        if hops == OFFERS {
            // What the other lacks may be on its way to it.
            if lacking_here > 0 {
                self.take_offer(cx, from);
            }
            return;
        }
        if lacking_there > 0 {
            self.send_page(cx, from, &theirs);
        }
        if hops == ASKS {
            let frontier = theirs.iter().map(|&(place, _)| self.have(place)).collect();
            let frontier = cx.make_note(Note::Frontier(frontier));
            self.send_frontier(cx, from, ANSWERS, frontier);
            return;
        }
        let Some(exchange) = &mut self.sync.exchange else { return };
        if exchange.partner != from {
            return;
        }
        exchange.idle = false;
        let missing = lacking_here + lacking_there;
        let progress = missing < mem::replace(&mut exchange.missing, missing);
        if lacking_here == 0 {
            self.settle_rooms(cx, &theirs);
        }
        if missing > 0 && progress {
            self.ask(cx, from);
            return;
        }
        self.end_exchange(cx);
        if !self.sync.newcomers.is_empty() || missing == 0 && self.sync.returned.is_some() {
            self.begin_exchange(cx);
        }
    }

    /// Sends what the holder of these counts lacks, as much of it as a page holds.
    fn send_page(&self, cx: &mut Cx<'_, H>, to: Peer, theirs: &[(usize, Vec<Count>)]) {
        let missing = theirs.iter().flat_map(|(place, counts)| self.rooms[*place].log.missing(counts));
        let mut bytes = 0;
        for item in missing.take(PAGE_ENTRIES) {
            bytes += u64::from(cx.item(&item).encoded_len());
            let payload = Payload::Item(item);
            let workload = self.plan.workload();
            cx.send(to, Lane::Bulk, Msg { kind: Kind::ChatEntry, hops: 0, workload, payload });
            if bytes >= PAGE_BYTES {
                break;
            }
        }
    }

    /// This peer has all that its partner has of these rooms.
    fn settle_rooms(&mut self, cx: &mut Cx<'_, H>, theirs: &[(usize, Vec<Count>)]) {
        let Some(returned) = &mut self.sync.returned else { return };
        returned.rooms.retain(|id| !theirs.iter().any(|&(place, _)| self.rooms[place].id == *id));
        if !returned.rooms.is_empty() {
            return;
        }
        let Return { since, posts, known, .. } = **returned;
        self.sync.returned = None;
        // An archive reads nothing, so nobody waits for it to catch up.
        if (known || posts > 0) && self.rooms.iter().any(|room| room.me.is_some()) {
            cx.record(Fact::CaughtUp { workload: self.plan.workload(), since, posts });
        }
    }
}
