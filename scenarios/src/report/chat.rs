//! What the facts of a chat add up to.
//!
//! Memory does not grow with the number of posts: times go into histograms, posts that are still spreading into a
//! table of bounded size, and the rest is counted by member.

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use hdrhistogram::Histogram;

use super::{Fact, Route};
use crate::{host::Peer, plan::chat::ChatPlan, seed::mix, units::Nanos};

/// Posts whose spreading is followed at a time. When there are more, the oldest is given up; then it counts in
/// [`ChatRecorder::given_up`] and for the shares of its members that it had reached.
pub const MAX_SPREADING: usize = 65_536;

/// Pairs of reader and author up to which every reader's order is checked; with more, that of some readers drawn by
/// hash.
pub const MAX_CHECKED_PAIRS: u64 = 4_000_000;

/// Shares of a post's readers whose time to reach is measured, in per cent.
const SHARES: [u64; 3] = [50, 95, 100];

/// Folds the facts of one chat into what a report says of it.
///
/// Facts must come in order of time. Posts made within the window count, and so does what began in it; the order of
/// posts is checked from the start.
#[derive(Clone, Debug, PartialEq)]
pub struct ChatRecorder {
    plan: Arc<ChatPlan>,
    window: Range<Nanos>,
    rooms: Vec<RoomTally>,
    spreading: BTreeMap<PostName, u32>,
    given_up: u64,
    delivery: Histogram<u64>,
    delivery_by_overlay: Histogram<u64>,
    hops: Histogram<u64>,
    held: Histogram<u64>,
    time_to_share: [Histogram<u64>; 3],
    catch_up: Histogram<u64>,
    read: Histogram<u64>,
    detection: Histogram<u64>,
    false_offline: u64,
    /// By peer.
    presence: Vec<Presence>,
    order: OrderCheck,
    checked_up_to: u64,
    refused: u64,
}

/// When a post was made, its room, its author's rank and its place in that log: in order of time.
type PostName = (Nanos, u32, u32, u32);

/// What is counted of a room; only posts in the window.
#[derive(Clone, Debug, Default, PartialEq)]
struct RoomTally {
    /// Posts made, by author's rank.
    posted: Box<[u32]>,
    /// Posts shown, by reader's rank.
    shown: Box<[u32]>,
    /// The next entry that a reader should be shown of each author; by reader's rank, none until it is shown something.
    next: Vec<Option<Box<[u32]>>>,
}

impl RoomTally {
    fn posts(&self) -> u64 {
        self.posted.iter().map(|&count| u64::from(count)).sum()
    }
}

/// Whether a peer is really there, and since when.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Presence {
    since: Nanos,
    up: bool,
}

/// What is found wrong with the order of posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCheck {
    /// Posts shown before one that their author made earlier.
    pub out_of_order: u64,
    /// Posts shown again to the same reader.
    pub shown_again: u64,
    /// Posts shown to a peer that is no member of the room.
    pub shown_to_strangers: u64,
    /// Posts whose order was checked.
    pub checked: u64,
    /// Whether it was checked for some readers only.
    pub sampled: bool,
}

/// What one member of a room was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberTally {
    /// The room.
    pub room: u32,
    /// The member.
    pub member: Peer,
    /// Posts of others that it was shown.
    pub shown: u64,
    /// Posts that others made.
    pub expected: u64,
}

impl ChatRecorder {
    /// A recorder for the posts made within `window`: since the warm-up, and perhaps up to some time before the end,
    /// so that what is said last can still arrive.
    #[must_use]
    pub fn new(plan: Arc<ChatPlan>, window: Range<Nanos>) -> Self {
        let zeros = |room| vec![0; plan.members(room).len()].into_boxed_slice();
        let tally = |room| RoomTally { posted: zeros(room), shown: zeros(room), next: Vec::new() };
        let rooms = (0..plan.rooms()).map(tally).collect();
        let pairs: u64 = (0..plan.rooms()).map(|room| (plan.members(room).len() as u64).pow(2)).sum();
        // Of readers with a hash up to this, the order is checked: each has the same chance.
        let checked_up_to = u128::from(u64::MAX) * u128::from(MAX_CHECKED_PAIRS) / u128::from(pairs.max(1));
        let checked_up_to = u64::try_from(checked_up_to).unwrap_or(u64::MAX);
        let order = OrderCheck { sampled: checked_up_to < u64::MAX, ..OrderCheck::default() };
        let time = || Histogram::new(3).expect("three digits are allowed");
        Self {
            plan,
            window,
            rooms,
            spreading: BTreeMap::new(),
            given_up: 0,
            delivery: time(),
            delivery_by_overlay: time(),
            hops: time(),
            held: time(),
            time_to_share: [time(), time(), time()],
            catch_up: time(),
            read: time(),
            detection: time(),
            false_offline: 0,
            presence: Vec::new(),
            order,
            checked_up_to,
            refused: 0,
        }
    }

    /// Takes in a fact that a peer recorded; those of other workloads are passed over.
    pub fn record(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        let mine = self.plan.workload();
        match *fact {
            Fact::Posted { workload, room, seq } if workload == mine => self.posted(now, room, peer, seq),
            Fact::Shown { workload, room, author, seq, posted, held, hops, route } if workload == mine => {
                let ranks = self.plan.rank(room, peer).zip(self.plan.rank(room, author));
                let Some((reader, author)) = ranks else {
                    self.order.shown_to_strangers += 1;
                    return;
                };
                self.check_order(room, reader, author, seq);
                if self.window.contains(&posted) {
                    self.shown(now, reader, (posted, room, author as u32, seq));
                    add(&mut self.held, held.0);
                    if route == Route::Overlay {
                        add(&mut self.delivery_by_overlay, now.saturating_sub(posted).0);
                        add(&mut self.hops, u64::from(hops));
                    }
                }
            }
            Fact::PresenceSeen { workload, about, online: false } if workload == mine => {
                self.believed_gone(now, about);
            }
            Fact::CaughtUp { workload, since, .. } if workload == mine && self.window.contains(&since) => {
                add(&mut self.catch_up, now.saturating_sub(since).0);
            }
            Fact::ReadSeen { workload, posted, .. } if workload == mine && self.window.contains(&posted) => {
                add(&mut self.read, now.saturating_sub(posted).0);
            }
            Fact::Refused { workload, .. } if workload == mine => self.refused += 1,
            Fact::Copies { .. }
            | Fact::Posted { .. }
            | Fact::Shown { .. }
            | Fact::PresenceSeen { .. }
            | Fact::CaughtUp { .. }
            | Fact::ReadSeen { .. }
            | Fact::Refused { .. }
            | Fact::Released { .. }
            | Fact::ChunkCame { .. }
            | Fact::Installed { .. }
            | Fact::ManifestRefused { .. } => {}
        }
    }

    /// A peer starts.
    pub fn peer_up(&mut self, now: Nanos, peer: Peer) {
        *self.presence_of(peer) = Presence { since: now, up: true };
    }

    /// A peer stops or crashes.
    pub fn peer_down(&mut self, now: Nanos, peer: Peer) {
        *self.presence_of(peer) = Presence { since: now, up: false };
    }

    /// Adds what another recorder of the same chat and window has found. In any order of merging the result is the
    /// same, and it is that of a single recorder if each saw all facts of its rooms. If each saw those of its peers,
    /// posts that spread among several are missing from [`ChatRecorder::time_to_share`], and
    /// [`ChatRecorder::peer_up`] must have been told to all.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.rooms.iter_mut().zip(&other.rooms) {
            mine.posted.iter_mut().zip(&theirs.posted).for_each(|(mine, theirs)| *mine += theirs);
            mine.shown.iter_mut().zip(&theirs.shown).for_each(|(mine, theirs)| *mine += theirs);
            if mine.next.len() < theirs.next.len() {
                mine.next.resize(theirs.next.len(), None);
            }
            for (mine, theirs) in mine.next.iter_mut().zip(&theirs.next) {
                match (mine, theirs) {
                    (Some(mine), Some(theirs)) => {
                        mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
                    }
                    (mine @ None, theirs) => mine.clone_from(theirs),
                    (Some(_), None) => {}
                }
            }
        }
        for (name, reached) in &other.spreading {
            *self.spreading.entry(*name).or_insert(0) += reached;
        }
        self.bound_spreading();
        let theirs = other.histograms();
        for (mine, theirs) in self.histograms_mut().into_iter().zip(theirs) {
            mine.add(theirs).expect("a histogram grows as needed");
        }
        if self.presence.len() < other.presence.len() {
            self.presence.resize(other.presence.len(), Presence::default());
        }
        for (mine, theirs) in self.presence.iter_mut().zip(&other.presence) {
            *mine = (*mine).max(*theirs);
        }
        self.given_up += other.given_up;
        self.false_offline += other.false_offline;
        self.refused += other.refused;
        self.order.out_of_order += other.order.out_of_order;
        self.order.shown_again += other.order.shown_again;
        self.order.shown_to_strangers += other.order.shown_to_strangers;
        self.order.checked += other.order.checked;
    }

    fn histograms(&self) -> [&Histogram<u64>; 10] {
        let [half, most, all] = &self.time_to_share;
        let Self { delivery, delivery_by_overlay, hops, held, catch_up, read, detection, .. } = self;
        [delivery, delivery_by_overlay, hops, held, half, most, all, catch_up, read, detection]
    }

    fn histograms_mut(&mut self) -> [&mut Histogram<u64>; 10] {
        let [half, most, all] = &mut self.time_to_share;
        let Self { delivery, delivery_by_overlay, hops, held, catch_up, read, detection, .. } = self;
        [delivery, delivery_by_overlay, hops, held, half, most, all, catch_up, read, detection]
    }

    fn posted(&mut self, now: Nanos, room: u32, author: Peer, seq: u32) {
        let Some(author) = self.plan.rank(room, author) else { return };
        if self.window.contains(&now) {
            self.rooms[room as usize].posted[author] += 1;
            self.spreading.insert((now, room, author as u32, seq), 0);
            self.bound_spreading();
        }
    }

    fn bound_spreading(&mut self) {
        while self.spreading.len() > MAX_SPREADING {
            self.spreading.pop_first();
            self.given_up += 1;
        }
    }

    fn shown(&mut self, now: Nanos, reader: usize, name: PostName) {
        let (posted, room, ..) = name;
        let age = now.saturating_sub(posted).0;
        add(&mut self.delivery, age);
        self.rooms[room as usize].shown[reader] += 1;
        let Some(reached) = self.spreading.get_mut(&name) else { return };
        let before = u64::from(*reached);
        *reached += 1;
        let readers = self.plan.members(room).len() as u64 - 1;
        for (share, times) in SHARES.into_iter().zip(&mut self.time_to_share) {
            let needed = (readers * share).div_ceil(100);
            if before < needed && before + 1 >= needed {
                add(times, age);
            }
        }
        if before + 1 >= readers {
            self.spreading.remove(&name);
        }
    }

    fn check_order(&mut self, room: u32, reader: usize, author: usize, seq: u32) {
        if mix(0, u64::from(room), reader as u64) > self.checked_up_to {
            return;
        }
        self.order.checked += 1;
        let members = self.plan.members(room).len();
        let rows = &mut self.rooms[room as usize].next;
        if rows.is_empty() {
            rows.resize(members, None);
        }
        let row = rows[reader].get_or_insert_with(|| vec![0; members].into_boxed_slice());
        let next = &mut row[author];
        self.order.shown_again += u64::from(seq < *next);
        self.order.out_of_order += u64::from(seq > *next);
        *next = (*next).max(seq.saturating_add(1));
    }

    fn presence_of(&mut self, peer: Peer) -> &mut Presence {
        if self.presence.len() <= peer.index() {
            self.presence.resize(peer.index() + 1, Presence::default());
        }
        &mut self.presence[peer.index()]
    }

    fn believed_gone(&mut self, now: Nanos, about: Peer) {
        let Presence { since, up } = *self.presence_of(about);
        if up {
            self.false_offline += u64::from(self.window.contains(&now));
        } else if self.window.contains(&since) {
            add(&mut self.detection, now.saturating_sub(since).0);
        }
    }
}

/// What was found.
impl ChatRecorder {
    /// Time from making a post to showing it to a reader, in ns, however it came.
    #[must_use]
    pub const fn delivery(&self) -> &Histogram<u64> {
        &self.delivery
    }

    /// The same, of posts that the overlay brought.
    #[must_use]
    pub const fn delivery_by_overlay(&self) -> &Histogram<u64> {
        &self.delivery_by_overlay
    }

    /// Links from author to reader, of posts that the overlay brought.
    #[must_use]
    pub const fn hops(&self) -> &Histogram<u64> {
        &self.hops
    }

    /// How long posts waited at readers for what comes before them, in ns; 0 for those that did not.
    #[must_use]
    pub const fn held(&self) -> &Histogram<u64> {
        &self.held
    }

    /// Time from making a post until 50, 95 and 100 % of the other members had been shown it, in ns. A post that did
    /// not reach so many does not count.
    #[must_use]
    pub const fn time_to_share(&self) -> &[Histogram<u64>; 3] {
        &self.time_to_share
    }

    /// Posts of which it is not known whether they reached more members, for too many were spreading.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// Share from 0 to 1 of all (post, other member) pairs in which the member had been shown the post at this age; 1
    /// when nothing was said. Members that are offline count.
    #[must_use]
    pub fn coverage(&self, age: Nanos) -> f64 {
        let rooms = self.rooms.iter().zip(0..);
        let expected: u64 =
            rooms.map(|(room, id)| room.posts() * (self.plan.members(id).len() as u64 - 1)).sum();
        if expected == 0 { 1.0 } else { self.delivery.count_between(0, age.0) as f64 / expected as f64 }
    }

    /// Time from a member's return until it had all that others had, in ns.
    #[must_use]
    pub const fn catch_up(&self) -> &Histogram<u64> {
        &self.catch_up
    }

    /// Time from making a post until its author learnt that a reader had read it, in ns.
    #[must_use]
    pub const fn read(&self) -> &Histogram<u64> {
        &self.read
    }

    /// Time from a peer's end until another member counted it as gone, in ns.
    #[must_use]
    pub const fn presence_detection(&self) -> &Histogram<u64> {
        &self.detection
    }

    /// How often a member counted another as gone that was there, though perhaps out of reach.
    #[must_use]
    pub const fn false_offline(&self) -> u64 {
        self.false_offline
    }

    /// Posts made.
    #[must_use]
    pub fn posts(&self) -> u64 {
        self.rooms.iter().map(RoomTally::posts).sum()
    }

    /// Entries refused because they contradict their author's log, over the whole run.
    #[must_use]
    pub const fn refused(&self) -> u64 {
        self.refused
    }

    /// What is wrong with the order of posts, over the whole run.
    #[must_use]
    pub const fn order(&self) -> OrderCheck {
        self.order
    }

    /// What each member was shown that is `online` at the end, by room and member. What others said while it was
    /// offline is expected too. A post that never left its author, because that crashed, is one that is missing.
    pub fn finish<'a>(&'a self, online: &'a dyn Fn(Peer) -> bool) -> impl Iterator<Item = MemberTally> + 'a {
        self.rooms.iter().zip(0..).flat_map(move |(room, id)| {
            let posts = room.posts();
            let members = self.plan.members(id).iter().zip(room.posted.iter().zip(&room.shown));
            members.filter(|(member, _)| online(**member)).map(move |(&member, (&posted, &shown))| {
                MemberTally { room: id, member, shown: u64::from(shown), expected: posts - u64::from(posted) }
            })
        })
    }
}

fn add(histogram: &mut Histogram<u64>, value: u64) {
    histogram.record(value).expect("a histogram grows as needed");
}

#[cfg(test)]
mod tests;
