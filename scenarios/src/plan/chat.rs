//! Who is in which room of a chat, and who says what when.
//!
//! All of it follows from the scenario and the seed, not from what happens in the network: the same people say the same
//! things on every topology and engine, so runs can be compared in pairs.

mod expected;
mod posting;
mod ranks;
mod trace;

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use posting::Posting;
pub use ranks::Ranks;
use trace::TracePost;

use super::selection::lowest;
use crate::{
    host::{Command, Peer},
    seed::Seed,
    spec::{
        Count,
        chat::{ChatSpec, Partners, Posts, Presence, Sync},
    },
    units::{Bytes, Nanos},
};

/// Longest text of a post.
pub const MAX_BODY: Bytes = Bytes(512 << 10);

/// Most seats in the rooms of a chat, 2²⁵: 400 MB of the plan, and 80 GB of a run.
pub const MOST_SEATS: u64 = 1 << 25;

/// Why a chat cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChatPlanError {
    /// A room for one.
    #[error("a room needs at least 2 members, this one has {0}")]
    TooFewMembers(usize),
    /// More members than peers.
    #[error("a room of {wanted} members needs as many peers, only {eligible} take part")]
    TooFewPeers {
        /// Members of a room.
        wanted: u32,
        /// Peers that take part.
        eligible: usize,
    },
    /// Rooms that no memory holds.
    #[error(
        "{rooms} rooms of {members} members have {} seats, and {MOST_SEATS} are possible: ask for at most {} rooms, or for fewer \
         members in each",
        u64::from(*rooms) * *members as u64, MOST_SEATS / *members as u64
    )]
    TooManySeats {
        /// Rooms as written.
        rooms: u32,
        /// Members of each.
        members: usize,
    },
    /// A post that does not fit into a frame.
    #[error("a post of {0} is longer than the {MAX_BODY} allowed")]
    BodyTooLong(Bytes),
    /// A process without time between its events.
    #[error("the time from one to the next must be more than 0")]
    NoTimeBetween {
        /// The field that says how long it is, as a path from `chat`.
        field: &'static str,
    },
    /// Bursts that run into each other.
    #[error("a burst lasts {within}, longer than the {every} from one to the next")]
    BurstsOverlap {
        /// Mean time from one burst to the next.
        every: Nanos,
        /// How long one lasts.
        within: Nanos,
    },
    /// A member would count as gone between two of its signs of life.
    #[error("members that give a sign of life every {every} would count as gone after {timeout}")]
    TimeoutTooShort {
        /// Time between two signs of life.
        every: Nanos,
        /// How long after the last of them a member counts as gone.
        timeout: Nanos,
    },
    /// The text of the trace was not handed in.
    #[error("the trace `{0}` was not read")]
    TraceMissing(String),
    /// A line of the trace makes no sense.
    #[error("line {line} of the trace: {why}")]
    Trace {
        /// Its number, from 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
}

impl ChatPlanError {
    /// The field at fault, as a path from `chat`; empty when it is none in particular.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            // Of those who take part there are too few, whatever the chat says.
            Self::TooFewMembers(_) => "",
            Self::TooFewPeers { .. } => "members",
            Self::TooManySeats { .. } => "rooms",
            Self::BodyTooLong(_) => "body",
            Self::NoTimeBetween { field } => field,
            Self::BurstsOverlap { .. } => "posts.burst.within",
            Self::TimeoutTooShort { .. } => "presence.timeout",
            Self::TraceMissing(_) | Self::Trace { .. } => "posts.trace.file",
        }
    }
}

/// A chat, planned: rooms, members, archives and the posts that will be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChatPlan {
    workload: u8,
    seed: Seed,
    duration: Nanos,
    spec: ChatSpec,
    /// Members of all rooms, in ascending order within each.
    members: Vec<Peer>,
    /// Where each room's members begin, and where the last one's end.
    starts: Vec<usize>,
    /// Every (member, room), in ascending order; room lists of peers without a copy for each.
    memberships: Vec<(Peer, u32)>,
    archives: Vec<Peer>,
    all_rooms: Vec<u32>,
    trace: Vec<TracePost>,
    is_open: bool,
}

impl ChatPlan {
    /// Plans a chat among the `eligible` peers. `archives` keep the history of all rooms without being members for that.
    /// `trace` is the text of the file that a [`crate::spec::chat::Trace`] names.
    ///
    /// The members of a room are those whose hashes with the room are lowest (rendezvous hashing, Thaler and Ravishankar
    /// 1998), so when a peer is added it can only take the place of one other in each room.
    ///
    /// # Errors
    /// When the chat makes no sense with these peers, and when a line of the trace does not.
    pub fn new(
        spec: ChatSpec,
        workload: u8,
        eligible: &[Peer],
        archives: &[Peer],
        seed: Seed,
        duration: Nanos,
        trace: Option<&str>,
    ) -> Result<Self, ChatPlanError> {
        check(&spec, eligible)?;
        let (mut members, mut starts) = (Vec::new(), vec![0]);
        for room in 0..spec.rooms.get() {
            let begin = members.len();
            match spec.members {
                Some(count) => {
                    let salt = salt(seed, "members", workload, room);
                    members.extend(lowest(eligible.iter().copied(), salt, count.size()));
                }
                None => members.extend_from_slice(eligible),
            }
            members[begin..].sort_unstable();
            starts.push(members.len());
        }
        let in_room = |room: u32| &members[starts[room as usize]..starts[room as usize + 1]];
        let mut memberships: Vec<_> = (0..spec.rooms.get())
            .flat_map(|room| in_room(room).iter().map(move |&peer| (peer, room)))
            .collect();
        memberships.sort_unstable();
        let mut archives = archives.to_vec();
        archives.sort_unstable();
        archives.dedup();
        let all_rooms = if archives.is_empty() { Vec::new() } else { (0..spec.rooms.get()).collect() };
        let posts = match &spec.posts {
            Posts::Trace(file) => {
                let text = trace.ok_or_else(|| ChatPlanError::TraceMissing(file.file.clone()))?;
                trace::read(text, &starts, duration)?
            }
            Posts::Poisson(_) | Posts::Burst(_) | Posts::Diurnal(_) => Vec::new(),
        };
        Ok(Self {
            workload,
            seed,
            duration,
            spec,
            members,
            starts,
            memberships,
            archives,
            all_rooms,
            trace: posts,
            is_open: false,
        })
    }

    /// A room that anybody may join while it lasts, for people rather than for runs: nobody lists its members or says what will be
    /// said. Members compare what they hold with those they are connected with every `sync`, and tell what they have read.
    #[must_use]
    pub fn open(presence: Presence, sync: Nanos) -> Self {
        let spec = ChatSpec {
            presence: Some(presence),
            sync: Sync { every: sync, with: Partners::Neighbours },
            read_receipts: true,
            ..ChatSpec::default()
        };
        Self {
            workload: 0,
            seed: Seed(0),
            // Nothing is planned to be said.
            duration: Nanos::ZERO,
            spec,
            members: Vec::new(),
            starts: Vec::new(),
            memberships: Vec::new(),
            archives: Vec::new(),
            all_rooms: vec![0],
            trace: Vec::new(),
            is_open: true,
        }
    }

    /// Whether anybody may join.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        self.is_open
    }

    /// The workload's index.
    #[must_use]
    pub const fn workload(&self) -> u8 {
        self.workload
    }

    /// What the scenario says.
    #[must_use]
    pub const fn spec(&self) -> &ChatSpec {
        &self.spec
    }

    /// Number of rooms.
    #[must_use]
    pub const fn rooms(&self) -> u32 {
        self.spec.rooms.get()
    }

    /// The topic of signs of life, which are about no room; the other topics are the rooms.
    #[must_use]
    pub const fn presence_topic(&self) -> u32 {
        self.rooms()
    }

    /// The members of a room by rank; none when there is no such room.
    #[inline]
    #[must_use]
    pub fn ranks(&self, room: u32) -> Ranks<'_> {
        if self.is_open && room < self.rooms() { Ranks::Open } else { Ranks::Planned(self.members(room)) }
    }

    /// The members of a room that the plan lists, in ascending order; none when there is no such room.
    #[must_use]
    pub fn members(&self, room: u32) -> &[Peer] {
        let room = room as usize;
        match (self.starts.get(room), self.starts.get(room + 1)) {
            (Some(&begin), Some(&end)) => &self.members[begin..end],
            _ => &[],
        }
    }

    /// A member's place among the members of a room.
    #[must_use]
    pub fn rank(&self, room: u32, peer: Peer) -> Option<usize> {
        self.ranks(room).rank(peer).map(|rank| rank as usize)
    }

    /// The peers that keep the history of all rooms, in ascending order.
    #[must_use]
    pub fn archives(&self) -> &[Peer] {
        &self.archives
    }

    /// Whether a peer keeps the history of all rooms.
    #[must_use]
    pub fn is_archive(&self, peer: Peer) -> bool {
        self.archives.binary_search(&peer).is_ok()
    }

    /// The rooms whose history a peer keeps, in ascending order: those it is a member of, or all for an archive and where anybody
    /// is a member.
    pub fn rooms_of(&self, peer: Peer) -> impl Iterator<Item = u32> + '_ {
        let begin = self.memberships.partition_point(|&(member, _)| member < peer);
        let end = self.memberships.partition_point(|&(member, _)| member <= peer);
        let keeps_all = self.is_open || self.is_archive(peer);
        let own = if keeps_all { &[] } else { &self.memberships[begin..end] };
        let all = if keeps_all { self.all_rooms.as_slice() } else { &[] };
        own.iter().map(|&(_, room)| room).chain(all.iter().copied())
    }

    /// Whether a peer has a role in this chat.
    #[must_use]
    pub fn takes_part(&self, peer: Peer) -> bool {
        self.rooms_of(peer).next().is_some()
    }

    /// Whether a peer keeps the history of a room.
    #[must_use]
    pub fn keeps(&self, room: u32, peer: Peer) -> bool {
        room < self.rooms() && (self.rank(room, peer).is_some() || self.is_archive(peer))
    }

    /// The posts of all rooms in order of time, made as they are asked for; none at the run's end or later. Posts of one
    /// instant come in order of room. A post of a peer that is offline is not said.
    #[must_use]
    pub fn timeline(self: &Arc<Self>) -> Timeline {
        let mut postings: Vec<_> = (0..self.rooms()).map(|room| Posting::new(self, room)).collect();
        let mut next = BinaryHeap::with_capacity(postings.len());
        if !matches!(self.spec.posts, Posts::Trace(_)) {
            next.extend(postings.iter_mut().zip(0..).map(|(posting, room)| Reverse((posting.next(), room))));
        }
        Timeline { plan: Arc::clone(self), postings, next, replayed: 0 }
    }
}

/// The posts of a chat in order of time; see [`ChatPlan::timeline`]. Its size does not depend on how many there are.
#[derive(Clone, Debug)]
pub struct Timeline {
    plan: Arc<ChatPlan>,
    postings: Vec<Posting>,
    /// When each room's next post is due; empty when a trace is replayed.
    next: BinaryHeap<Reverse<(Nanos, u32)>>,
    replayed: usize,
}

impl Iterator for Timeline {
    type Item = (Nanos, Peer, Command);

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(post) = self.plan.trace.get(self.replayed) {
            self.replayed += 1;
            let author = self.plan.members(post.room)[post.member as usize];
            return Some((post.at, author, Command::Post { room: post.room, bytes: post.bytes }));
        }
        let mut first = self.next.peek_mut()?;
        let Reverse((at, room)) = *first;
        if at >= self.plan.duration {
            return None;
        }
        let posting = &mut self.postings[room as usize];
        let author = posting.author(self.plan.members(room));
        first.0.0 = posting.next();
        // Checked when planned: a body is short.
        Some((at, author, Command::Post { room, bytes: self.plan.spec.body.0 as u32 }))
    }
}

/// A number for hashing what concerns one room.
fn salt(seed: Seed, label: &str, workload: u8, room: u32) -> u64 {
    let bytes = seed.bytes(label, &[u64::from(workload), u64::from(room)]);
    u64::from_le_bytes(bytes[..8].try_into().expect("32 bytes hold 8"))
}

/// What the types of a chat do not say.
fn check(spec: &ChatSpec, eligible: &[Peer]) -> Result<(), ChatPlanError> {
    let members = spec.members.map_or(eligible.len(), Count::size);
    if members > eligible.len() {
        return Err(ChatPlanError::TooFewPeers { wanted: members as u32, eligible: eligible.len() });
    }
    if members < 2 {
        return Err(ChatPlanError::TooFewMembers(members));
    }
    if u64::from(spec.rooms.get()) * members as u64 > MOST_SEATS {
        return Err(ChatPlanError::TooManySeats { rooms: spec.rooms.get(), members });
    }
    if spec.body > MAX_BODY {
        return Err(ChatPlanError::BodyTooLong(spec.body));
    }
    let mut gaps = vec![("sync.every", spec.sync.every)];
    gaps.extend(spec.presence.as_ref().map(|presence| ("presence.every", presence.every)));
    match &spec.posts {
        Posts::Poisson(poisson) => gaps.push(("posts.poisson.every", poisson.every)),
        Posts::Burst(burst) if burst.within >= burst.every => {
            return Err(ChatPlanError::BurstsOverlap { every: burst.every, within: burst.within });
        }
        Posts::Burst(burst) => gaps.push(("posts.burst.every", burst.every)),
        Posts::Diurnal(diurnal) => {
            gaps.extend([("posts.diurnal.every", diurnal.every), ("posts.diurnal.day", diurnal.day)]);
        }
        Posts::Trace(_) => {}
    }
    if let Some(&(field, _)) = gaps.iter().find(|(_, gap)| *gap == Nanos::ZERO) {
        return Err(ChatPlanError::NoTimeBetween { field });
    }
    match &spec.presence {
        Some(it) if it.timeout <= it.every => {
            Err(ChatPlanError::TimeoutTooShort { every: it.every, timeout: it.timeout })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
