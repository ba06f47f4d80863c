//! What the facts of a chat add up to.
//!
//! Memory does not grow with the number of posts: times go into histograms, posts that are still spreading into a
//! table of bounded size, and the rest is counted by member.

mod order;

use std::{collections::BTreeMap, ops::Range, sync::Arc};

use order::Onlooker;
pub use order::{MAX_CHECKED_PAIRS, OrderCheck};

use super::{Fact, Histogram, Metric, Route, metric};
use crate::{host::Peer, plan::chat::ChatPlan, units::Nanos};

/// Posts whose spreading is followed at a time. When there are more, the oldest is given up; then it counts in
/// [`ChatRecorder::given_up`] and for the shares of its members that it had reached.
pub const MAX_SPREADING: usize = 65_536;

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
    delivery: Histogram,
    delivery_by_overlay: Histogram,
    hops: Histogram,
    /// Showings of what the overlay had missed.
    caught_up: u64,
    held: Histogram,
    time_to_share: [Histogram; 3],
    catch_up: Histogram,
    read: Histogram,
    detection: Histogram,
    last_seen: Histogram,
    false_offline: u64,
    /// By peer.
    presence: Vec<Presence>,
    order: Onlooker,
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
        let tally = |room| RoomTally { posted: zeros(room), shown: zeros(room) };
        let rooms = (0..plan.rooms()).map(tally).collect();
        let order = Onlooker::new(&plan);
        Self {
            plan,
            window,
            rooms,
            spreading: BTreeMap::new(),
            given_up: 0,
            delivery: Histogram::default(),
            delivery_by_overlay: Histogram::default(),
            hops: Histogram::default(),
            caught_up: 0,
            held: Histogram::default(),
            time_to_share: std::array::from_fn(|_| Histogram::default()),
            catch_up: Histogram::default(),
            read: Histogram::default(),
            detection: Histogram::default(),
            last_seen: Histogram::default(),
            false_offline: 0,
            presence: Vec::new(),
            order,
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
                    self.order.shown_to_stranger();
                    return;
                };
                let name = (posted, room, author as u32, seq);
                self.order.shown(reader as u32, name, self.plan.members(room));
                if self.window.contains(&posted) {
                    self.shown(now, reader, name);
                    self.held.record(held.0);
                    if route == Route::Overlay {
                        self.delivery_by_overlay.record(now.saturating_sub(posted).0);
                    }
                    if route == Route::CatchUp {
                        self.caught_up += 1;
                    } else if hops > 0 {
                        self.hops.record(u64::from(hops));
                    }
                }
            }
            Fact::PresenceSeen { workload, about, online: false, heard } if workload == mine => {
                self.believed_gone(now, about, heard);
            }
            Fact::CaughtUp { workload, since, .. } if workload == mine && self.window.contains(&since) => {
                self.catch_up.record(now.saturating_sub(since).0);
            }
            Fact::ReadSeen { workload, posted, .. } if workload == mine && self.window.contains(&posted) => {
                self.read.record(now.saturating_sub(posted).0);
            }
            Fact::Refused { workload, author } if workload == mine => {
                self.refused += 1;
                self.order.forked(author);
            }
            _ => {}
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
    /// posts that spread among several are missing from [`ChatRecorder::time_to_share`] and not held to causal order, and
    /// [`ChatRecorder::peer_up`] must have been told to all.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.rooms.iter_mut().zip(&other.rooms) {
            mine.posted.iter_mut().zip(&theirs.posted).for_each(|(mine, theirs)| *mine += theirs);
            mine.shown.iter_mut().zip(&theirs.shown).for_each(|(mine, theirs)| *mine += theirs);
        }
        for (name, reached) in &other.spreading {
            *self.spreading.entry(*name).or_insert(0) += reached;
        }
        self.bound_spreading();
        let theirs = other.histograms();
        for (mine, theirs) in self.histograms_mut().into_iter().zip(theirs) {
            mine.merge(theirs);
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
        self.caught_up += other.caught_up;
        self.order.merge(&other.order);
    }

    fn histograms(&self) -> [&Histogram; 11] {
        let [half, most, all] = &self.time_to_share;
        let Self { delivery, delivery_by_overlay, hops, held, catch_up, read, detection, last_seen, .. } =
            self;
        [delivery, delivery_by_overlay, hops, held, half, most, all, catch_up, read, detection, last_seen]
    }

    fn histograms_mut(&mut self) -> [&mut Histogram; 11] {
        let [half, most, all] = &mut self.time_to_share;
        let Self { delivery, delivery_by_overlay, hops, held, catch_up, read, detection, last_seen, .. } =
            self;
        [delivery, delivery_by_overlay, hops, held, half, most, all, catch_up, read, detection, last_seen]
    }

    fn posted(&mut self, now: Nanos, room: u32, author: Peer, seq: u32) {
        let Some(author) = self.plan.rank(room, author) else { return };
        self.order.posted((now, room, author as u32, seq), self.plan.members(room));
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
        self.delivery.record(age);
        self.rooms[room as usize].shown[reader] += 1;
        let Some(reached) = self.spreading.get_mut(&name) else { return };
        let before = u64::from(*reached);
        *reached += 1;
        let readers = self.plan.members(room).len() as u64 - 1;
        for (share, times) in SHARES.into_iter().zip(&mut self.time_to_share) {
            let needed = (readers * share).div_ceil(100);
            if before < needed && before + 1 >= needed {
                times.record(age);
            }
        }
        if before + 1 >= readers {
            self.spreading.remove(&name);
        }
    }

    fn presence_of(&mut self, peer: Peer) -> &mut Presence {
        if self.presence.len() <= peer.index() {
            self.presence.resize(peer.index() + 1, Presence::default());
        }
        &mut self.presence[peer.index()]
    }

    fn believed_gone(&mut self, now: Nanos, about: Peer, heard: Nanos) {
        let Presence { since, up } = *self.presence_of(about);
        let really_there = if up { now } else { since };
        if up {
            self.false_offline += u64::from(self.window.contains(&now));
        } else if self.window.contains(&since) {
            self.detection.record(now.saturating_sub(since).0);
        }
        if self.window.contains(&really_there) {
            self.last_seen.record(really_there.0.abs_diff(heard.0));
        }
    }
}

/// What was found.
impl ChatRecorder {
    /// The metrics that are kept as histograms, in ns where they are times.
    #[must_use]
    pub fn distributions(&self) -> [(Metric, &Histogram); 11] {
        let [half, most, all] = &self.time_to_share;
        [
            (metric::DELIVERY_LATENCY, &self.delivery),
            (metric::DELIVERY_LIVE, &self.delivery_by_overlay),
            (metric::DELIVERY_HOPS, &self.hops),
            (metric::ORDER_HELD, &self.held),
            (metric::COVERAGE_T50, half),
            (metric::COVERAGE_T95, most),
            (metric::COVERAGE_T100, all),
            (metric::CATCH_UP_TIME, &self.catch_up),
            (metric::PRESENCE_DETECTION, &self.detection),
            (metric::PRESENCE_LAST_SEEN, &self.last_seen),
            (metric::READ_LATENCY, &self.read),
        ]
    }

    /// Time from making a post to showing it to a reader, in ns, however it came.
    #[must_use]
    pub const fn delivery(&self) -> &Histogram {
        &self.delivery
    }

    /// The same, of posts that the overlay alone brought: those that waited for one that came by catching up are left
    /// out too.
    #[must_use]
    pub const fn delivery_by_overlay(&self) -> &Histogram {
        &self.delivery_by_overlay
    }

    /// Showings of what the overlay had missed, and another holder brought.
    #[must_use]
    pub const fn caught_up(&self) -> u64 {
        self.caught_up
    }

    /// Links from author to reader, of posts that the overlay brought; an overlay that does not tell them leaves it empty.
    #[must_use]
    pub const fn hops(&self) -> &Histogram {
        &self.hops
    }

    /// How long posts waited at readers for what comes before them, in ns; 0 for those that did not.
    #[must_use]
    pub const fn held(&self) -> &Histogram {
        &self.held
    }

    /// Time from making a post until 50, 95 and 100 % of the other members had been shown it, in ns. A post that did
    /// not reach so many does not count.
    #[must_use]
    pub const fn time_to_share(&self) -> &[Histogram; 3] {
        &self.time_to_share
    }

    /// Posts of which it is not known whether they reached more members, for too many were spreading.
    #[must_use]
    pub const fn given_up(&self) -> u64 {
        self.given_up
    }

    /// How many (post, other member) pairs there are.
    #[must_use]
    pub fn expected(&self) -> u64 {
        let rooms = self.rooms.iter().zip(0..);
        rooms.map(|(room, id)| room.posts() * (self.plan.members(id).len() as u64 - 1)).sum()
    }

    /// Share from 0 to 1 of all (post, other member) pairs in which the member had been shown the post at this age; 1
    /// when nothing was said. Members that are offline count.
    #[must_use]
    pub fn coverage(&self, age: Nanos) -> f64 {
        let expected = self.expected();
        if expected == 0 { 1.0 } else { self.delivery.count_up_to(age.0) as f64 / expected as f64 }
    }

    /// Time from a member's return until it had all that others had, in ns.
    #[must_use]
    pub const fn catch_up(&self) -> &Histogram {
        &self.catch_up
    }

    /// Time from making a post until its author learnt that a reader had read it, in ns.
    #[must_use]
    pub const fn read(&self) -> &Histogram {
        &self.read
    }

    /// Time from a peer's end until another member counted it as gone, in ns.
    #[must_use]
    pub const fn presence_detection(&self) -> &Histogram {
        &self.detection
    }

    /// How far the instant that a member was last heard of lay from the one that it was really last there, in ns, each time
    /// that it was counted as gone: its end, or that very instant when it had not gone.
    #[must_use]
    pub const fn last_seen(&self) -> &Histogram {
        &self.last_seen
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
        self.order.check()
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

#[cfg(test)]
mod tests;
