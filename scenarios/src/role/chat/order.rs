//! Causal order: an entry waits until all that it depends on is there.
//!
//! It depends on the entry before it in its author's log and on those that it names. One that waits watches just one of
//! the entries it lacks and is looked at again when that one comes, so a backlog is worked off in time linear in its
//! dependencies.

use std::collections::{BTreeMap, BTreeSet};

use super::log::{Log, post};
use crate::{
    host::{Host, Peer},
    plan::chat::Ranks,
    report::Route,
    units::Nanos,
    wire::chat::{EntryRef, MAX_AFTER},
};

/// Most entries of one author that wait. More would be a flood, or a gap that only catching up can close; then they
/// come again.
const HELD_PER_AUTHOR: usize = 64;

/// An entry's place: its author's rank and its number in that log.
pub(super) type Place = (u32, u32);

/// An entry that came, and how.
#[derive(Debug)]
pub(super) struct Arrival<H: Host> {
    pub(super) item: H::Item,
    pub(super) from: Peer,
    pub(super) at: Nanos,
    pub(super) hops: u8,
    pub(super) route: Route,
}

/// What to do with an entry that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is next.
    Next(Place),
    /// It must wait for another.
    Waits {
        /// Where it belongs.
        place: Place,
        /// What it lacks.
        lacks: Place,
    },
    /// It is here already.
    Known,
    /// It is no entry of this room.
    Foreign,
    /// Its author has told another story, or is known to have done so.
    Forked(u32),
}

impl<H: Host> Arrival<H> {
    /// The same, now that what it waited for has come by `route`.
    pub(super) fn after(mut self, route: Route) -> Self {
        if self.route == Route::Overlay && route != Route::Overlay {
            self.route = Route::HeldForCatchUp;
        }
        self
    }
}

#[derive(Debug)]
struct Held<H: Host> {
    arrival: Arrival<H>,
    lacks: Place,
}

/// The entries of a room that wait for others.
#[derive(Debug)]
pub(super) struct Backlog<H: Host> {
    held: BTreeMap<Place, Held<H>>,
    /// (what is lacking, what waits for it).
    watched: BTreeSet<(Place, Place)>,
}

impl<H: Host> Default for Backlog<H> {
    fn default() -> Self {
        Self { held: BTreeMap::new(), watched: BTreeSet::new() }
    }
}

impl<H: Host> Backlog<H> {
    /// Keeps an entry until what it lacks is there. False when another entry waits in its place: its author forked.
    pub(super) fn hold(&mut self, host: &H, place: Place, lacks: Place, arrival: Arrival<H>) -> bool {
        if let Some(held) = self.held.get(&place) {
            return host.item(&held.arrival.item).entry_hash() == host.item(&arrival.item).entry_hash();
        }
        self.held.insert(place, Held { arrival, lacks });
        self.watched.insert((lacks, place));
        let by_author = self.held.range((place.0, 0)..=(place.0, u32::MAX));
        if by_author.clone().count() > HELD_PER_AUTHOR {
            let last = by_author.last().map(|(&place, _)| place).expect("there are more than none");
            self.release(last);
        }
        true
    }

    /// Takes out what watches an entry that is now there.
    pub(super) fn woken_by(&mut self, place: Place) -> Vec<Arrival<H>> {
        self.release_watchers(place, place)
    }

    /// Takes out what watches an author whose log is closed, and what waits of it.
    pub(super) fn woken_by_closing(&mut self, rank: u32) -> Vec<Arrival<H>> {
        let own: Vec<_> = self.held.range((rank, 0)..=(rank, u32::MAX)).map(|(&place, _)| place).collect();
        for place in own {
            self.release(place);
        }
        self.release_watchers((rank, 0), (rank, u32::MAX))
    }

    fn release_watchers(&mut self, from: Place, to: Place) -> Vec<Arrival<H>> {
        let watching = self.watched.range((from, (0, 0))..=(to, (u32::MAX, u32::MAX)));
        let places: Vec<_> = watching.map(|&(_, place)| place).collect();
        places.into_iter().filter_map(|place| self.release(place)).collect()
    }

    fn release(&mut self, place: Place) -> Option<Arrival<H>> {
        let Held { arrival, lacks } = self.held.remove(&place)?;
        self.watched.remove(&(lacks, place));
        Some(arrival)
    }
}

/// Judges an entry by what is there.
pub(super) fn judge<H: Host>(log: &Log<H>, host: &H, ranks: Ranks<'_>, item: &H::Item) -> Verdict {
    let item = host.item(item);
    let (Some(post), Some(author)) = (post(item), ranks.rank(item.author())) else { return Verdict::Foreign };
    if post.after.len() > MAX_AFTER || post.prev.is_some() != (post.seq > 0) {
        return Verdict::Foreign;
    }
    if log.is_closed(author) {
        return Verdict::Forked(author);
    }
    let place = (author, post.seq);
    let count = log.count(author);
    if post.seq < count {
        let held = log.find(author, post.seq).map(|held| host.item(held).entry_hash());
        return if held == Some(item.entry_hash()) { Verdict::Known } else { Verdict::Forked(author) };
    }
    if post.seq > count {
        return Verdict::Waits { place, lacks: (author, post.seq - 1) };
    }
    if post.prev != log.head(host, author) {
        return Verdict::Forked(author);
    }
    for &EntryRef { author, seq, .. } in &post.after {
        let Some(rank) = ranks.rank(author) else { return Verdict::Foreign };
        // What a fork has made impossible to have is not waited for.
        if log.count(rank) <= seq && !log.is_closed(rank) {
            return Verdict::Waits { place, lacks: (rank, seq) };
        }
    }
    Verdict::Next(place)
}

/// The first author named by an entry in whose log another entry stands at that place: it forked.
pub(super) fn exposed<H: Host>(log: &Log<H>, host: &H, ranks: Ranks<'_>, item: &H::Item) -> Option<u32> {
    let named = post(host.item(item))?.after.iter();
    let mut known = named.filter_map(|named| Some((ranks.rank(named.author)?, named)));
    let (rank, _) = known.find(|&(rank, named)| {
        let here = log.find(rank, named.seq).map(|here| host.item(here).entry_hash());
        !log.is_closed(rank) && here.is_some_and(|here| here != named.hash)
    })?;
    Some(rank)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        wire::{
            Blob, Content, Item, ItemId,
            chat::{ChatItem, EntryHash, Post},
        },
        world::Shared,
    };

    const MEMBERS: [Peer; 3] = [Peer(0), Peer(1), Peer(2)];

    const RANKS: Ranks<'static> = Ranks::Planned(&MEMBERS);

    fn entry(author: u32, seq: u32, prev: Option<&Arc<Item>>, after: &[EntryRef]) -> Arc<Item> {
        let post =
            Post { seq, prev: prev.map(|it| it.entry_hash()), after: after.to_vec(), text: Blob::Sized(9) };
        let id = ItemId::new(0, Peer(author), seq);
        Arc::new(Item::new(id, 0, Nanos::ZERO, Content::Chat(ChatItem::Post(post))))
    }

    fn reference(author: u32, seq: u32, hash: EntryHash) -> EntryRef {
        EntryRef { author: Peer(author), seq, hash }
    }

    fn arrival(item: Arc<Item>) -> Arrival<Shared> {
        Arrival { item, from: Peer(9), at: Nanos::ZERO, hops: 1, route: Route::Overlay }
    }

    #[test]
    fn an_entry_is_judged_by_what_is_there() {
        let mut log = Log::default();
        let first = entry(0, 0, None, &[]);
        let judged = |log: &Log<Shared>, item: &Arc<Item>| judge(log, &Shared, RANKS, item);
        assert_eq!(judged(&log, &first), Verdict::Next((0, 0)));
        log.append(&Shared, RANKS, 0, Arc::clone(&first));

        assert_eq!(judged(&log, &first), Verdict::Known);
        let second = entry(0, 1, Some(&first), &[]);
        let third = entry(0, 2, Some(&second), &[]);
        assert_eq!(judged(&log, &second), Verdict::Next((0, 1)));
        assert_eq!(judged(&log, &third), Verdict::Waits { place: (0, 2), lacks: (0, 1) });
        let named = reference(0, 1, second.entry_hash());
        assert_eq!(
            judged(&log, &entry(1, 0, None, &[named])),
            Verdict::Waits { place: (1, 0), lacks: (0, 1) }
        );

        assert_eq!(judged(&log, &entry(0, 0, None, &[named])), Verdict::Forked(0), "another in its place");
        assert_eq!(judged(&log, &entry(0, 1, Some(&third), &[])), Verdict::Forked(0), "linked to another");
        assert_eq!(judged(&log, &entry(7, 0, None, &[])), Verdict::Foreign, "by a stranger");
        assert_eq!(judged(&log, &entry(1, 1, None, &[])), Verdict::Foreign, "linked to nothing");
        assert_eq!(
            judged(&log, &entry(1, 0, None, &[named; MAX_AFTER + 1])),
            Verdict::Foreign,
            "names too many"
        );
    }

    #[test]
    fn a_fork_is_exposed_by_who_names_the_other_branch() {
        let mut log = Log::default();
        let here = entry(0, 0, None, &[]);
        log.append(&Shared, RANKS, 0, Arc::clone(&here));
        let naming = |hash| entry(1, 0, None, &[reference(0, 0, hash)]);
        let other = EntryHash([7; 32]);
        assert_eq!(exposed(&log, &Shared, RANKS, &naming(here.entry_hash())), None);
        assert_eq!(exposed(&log, &Shared, RANKS, &naming(other)), Some(0));
        assert_eq!(judge(&log, &Shared, RANKS, &naming(other)), Verdict::Next((1, 0)), "it is not to blame");
        log.close(0);
        assert_eq!(exposed(&log, &Shared, RANKS, &naming(other)), None, "that is known by now");
    }

    #[test]
    fn a_flood_of_one_author_does_not_fill_the_backlog() {
        let mut backlog = Backlog::<Shared>::default();
        for seq in (1..1_000).rev() {
            assert!(backlog.hold(&Shared, (0, seq), (0, seq - 1), arrival(entry(0, seq, None, &[]))));
        }
        assert_eq!((backlog.held.len(), backlog.watched.len()), (HELD_PER_AUTHOR, HELD_PER_AUTHOR));
        let woken = backlog.woken_by((0, 0));
        assert_eq!(woken.len(), 1, "those that are next are kept");
        assert!(!backlog.hold(&Shared, (0, 2), (0, 1), arrival(entry(0, 2, Some(&woken[0].item), &[]))));
    }
}
