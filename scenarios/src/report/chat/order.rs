//! Whether posts were shown as they should be, to an onlooker who knows what each user said and was shown, and nothing of
//! the protocol that brought it about.
//!
//! **Causal order** (Schwarz and Mattern, Detecting causal relationships in distributed computations, 1994): nobody is shown
//! a post before those that its author had been shown when it was made. The onlooker notes at each post the last
//! [`MAX_AFTER`] others that its author was shown since its own last post; with the order of each author's own posts, which is checked
//! too, what came before follows by induction. Of more than that, protocols whose posts name so many promise nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{MAX_SPREADING, PostName};
use crate::{host::Peer, plan::chat::ChatPlan, seed::mix, wire::chat::MAX_AFTER};

/// Pairs of reader and author up to which every reader's order is checked; with more, that of some readers drawn by
/// hash.
pub const MAX_CHECKED_PAIRS: u64 = 4_000_000;

/// What is found wrong with the order of posts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OrderCheck {
    /// Posts shown before one that their author made earlier.
    pub out_of_order: u64,
    /// Posts shown before one that their author had been shown when it made them.
    pub before_cause: u64,
    /// Posts shown again to the same reader.
    pub shown_again: u64,
    /// Posts shown to a peer that is no member of the room.
    pub shown_to_strangers: u64,
    /// Posts whose order was checked.
    pub checked: u64,
    /// Those of them that came so late that what their author had seen is forgotten: they are not held to causal order.
    pub forgotten: u64,
    /// Whether it was checked for some readers only.
    pub sampled: bool,
}

/// An author's rank and a place in its log.
type Place = (u32, u32);

/// Follows who was shown what.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Onlooker {
    check: OrderCheck,
    checked_up_to: u64,
    rooms: Vec<Room>,
    /// What authors had been shown since their last post when they made these: the newest [`MAX_SPREADING`] posts.
    causes: BTreeMap<PostName, Box<[Place]>>,
    /// Authors who told two stories: not all of what they said can be had.
    forked: BTreeSet<Peer>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Room {
    /// The next entry that a reader should be shown of each author, or make itself; by reader's rank, none until there is
    /// something.
    next: Vec<Option<Box<[u32]>>>,
    /// The last posts shown to each member since its own last one, by rank.
    news: Vec<VecDeque<Place>>,
}

impl Room {
    fn merge(&mut self, other: &Self) {
        if self.next.len() < other.next.len() {
            self.next.resize(other.next.len(), None);
        }
        for (mine, theirs) in self.next.iter_mut().zip(&other.next) {
            match (mine, theirs) {
                (Some(mine), Some(theirs)) => {
                    mine.iter_mut().zip(theirs).for_each(|(mine, theirs)| *mine = (*mine).max(*theirs));
                }
                (mine @ None, theirs) => mine.clone_from(theirs),
                (Some(_), None) => {}
            }
        }
        if self.news.len() < other.news.len() {
            self.news.resize(other.news.len(), VecDeque::new());
        }
        for (mine, theirs) in self.news.iter_mut().zip(&other.news) {
            if mine.is_empty() {
                mine.clone_from(theirs);
            }
        }
    }
}

impl Onlooker {
    pub(super) fn new(plan: &ChatPlan) -> Self {
        let pairs: u64 = (0..plan.rooms()).map(|room| (plan.members(room).len() as u64).pow(2)).sum();
        // Of readers with a hash up to this, the order is checked: each has the same chance.
        let checked_up_to = u128::from(u64::MAX) * u128::from(MAX_CHECKED_PAIRS) / u128::from(pairs.max(1));
        let checked_up_to = u64::try_from(checked_up_to).unwrap_or(u64::MAX);
        Self {
            check: OrderCheck { sampled: checked_up_to < u64::MAX, ..OrderCheck::default() },
            checked_up_to,
            rooms: vec![Room::default(); plan.rooms() as usize],
            causes: BTreeMap::new(),
            forked: BTreeSet::new(),
        }
    }

    /// What was found.
    pub(super) const fn check(&self) -> OrderCheck {
        self.check
    }

    /// One of a room's members made a post.
    pub(super) fn posted(&mut self, name: PostName, members: &[Peer]) {
        let (_, room, author, seq) = name;
        if let Some(news) = self.rooms[room as usize].news.get_mut(author as usize) {
            // An author's posts are in order anyway, so of each only the last one counts.
            let last_of_each: BTreeMap<u32, u32> = news.drain(..).collect();
            self.causes.insert(name, last_of_each.into_iter().collect());
        } else {
            self.causes.insert(name, Box::default());
        }
        if self.causes.len() > MAX_SPREADING {
            self.causes.pop_first();
        }
        if self.is_checked(room, author) {
            let next = &mut self.row(room, author, members.len())[author as usize];
            *next = (*next).max(seq.saturating_add(1));
        }
    }

    /// A post was shown to one of a room's members, given by rank.
    pub(super) fn shown(&mut self, reader: u32, name: PostName, members: &[Peer]) {
        let (_, room, author, seq) = name;
        let news = &mut self.rooms[room as usize].news;
        if news.is_empty() {
            news.resize(members.len(), VecDeque::new());
        }
        let news = &mut news[reader as usize];
        if news.len() == MAX_AFTER {
            news.pop_front();
        }
        news.push_back((author, seq));
        if !self.is_checked(room, reader) {
            return;
        }
        let mut check = self.check;
        check.checked += 1;
        if let Some(causes) = self.causes.get(&name) {
            let row = self.rooms[room as usize].next.get(reader as usize).and_then(Option::as_ref);
            let is_known = |&(author, seq): &Place| {
                row.is_some_and(|row| row[author as usize] > seq)
                    || self.forked.contains(&members[author as usize])
            };
            check.before_cause += u64::from(!causes.iter().all(is_known));
        } else {
            check.forgotten += 1;
        }
        let next = &mut self.row(room, reader, members.len())[author as usize];
        check.shown_again += u64::from(seq < *next);
        check.out_of_order += u64::from(seq > *next);
        *next = (*next).max(seq.saturating_add(1));
        self.check = check;
    }

    /// A post was shown to a peer that is no member.
    pub(super) fn shown_to_stranger(&mut self) {
        self.check.shown_to_strangers += 1;
    }

    /// An entry was refused because its author told two stories.
    pub(super) fn forked(&mut self, author: Peer) {
        self.forked.insert(author);
    }

    /// Adds what an onlooker of other rooms has found, or of the same rooms' other peers: then, posts of the one's that were
    /// shown to the other's count as forgotten.
    pub(super) fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.rooms.iter_mut().zip(&other.rooms) {
            mine.merge(theirs);
        }
        self.causes.extend(other.causes.iter().map(|(name, causes)| (*name, causes.clone())));
        while self.causes.len() > MAX_SPREADING {
            self.causes.pop_first();
        }
        self.forked.extend(&other.forked);
        let (check, theirs) = (&mut self.check, other.check);
        check.out_of_order += theirs.out_of_order;
        check.before_cause += theirs.before_cause;
        check.shown_again += theirs.shown_again;
        check.shown_to_strangers += theirs.shown_to_strangers;
        check.checked += theirs.checked;
        check.forgotten += theirs.forgotten;
    }

    fn is_checked(&self, room: u32, reader: u32) -> bool {
        mix(0, u64::from(room), u64::from(reader)) <= self.checked_up_to
    }

    fn row(&mut self, room: u32, reader: u32, members: usize) -> &mut [u32] {
        let rows = &mut self.rooms[room as usize].next;
        if rows.is_empty() {
            rows.resize(members, None);
        }
        rows[reader as usize].get_or_insert_with(|| vec![0; members].into_boxed_slice())
    }
}
