//! What a peer holds of one room: the logs of its members, in an order in which they may be shown.

use crate::{
    host::Host,
    plan::chat::Ranks,
    seed::mix,
    wire::{
        Content, Item,
        chat::{ChatItem, Count, EntryHash, EntryRef, MAX_AFTER, Post},
    },
};

/// In a frontier, the count of a log of which the sender takes no more, because its author forked it.
pub(super) const CLOSED: u32 = u32::MAX;

/// The post that an item is.
pub(super) fn post(item: &Item) -> Option<&Post> {
    match &item.content {
        Content::Chat(ChatItem::Post(post)) => Some(post),
        Content::Chat(ChatItem::Beat | ChatItem::Leave | ChatItem::Read(_))
        | Content::Raw(_)
        | Content::Update(_) => None,
    }
}

#[derive(Debug)]
struct Entry<H: Host> {
    /// Its author's place among the room's members.
    rank: u32,
    item: H::Item,
}

/// What is known of one author.
#[derive(Clone, Copy, Debug)]
struct Head {
    /// Its place among the room's members.
    rank: u32,
    /// Entries of its log, at least one.
    count: u32,
    /// Where the last of them stands.
    last: u32,
}

/// The logs of a room's members. Entries stand in the order in which they came to be complete, so each one after all
/// that it depends on.
#[derive(Debug)]
pub(super) struct Log<H: Host> {
    entries: Vec<Entry<H>>,
    /// Of the authors of whom there is an entry, in ascending order of rank: few of a large room's members ever post.
    heads: Vec<Head>,
    /// Authors whose last entry no other entry names yet, by rank.
    tips: Vec<u32>,
    /// Authors of whom two histories were seen, by rank.
    closed: Vec<u32>,
    digest: u64,
}

impl<H: Host> Default for Log<H> {
    fn default() -> Self {
        Self { entries: Vec::new(), heads: Vec::new(), tips: Vec::new(), closed: Vec::new(), digest: 0 }
    }
}

impl<H: Host> Log<H> {
    fn head_of(&self, rank: u32) -> Option<&Head> {
        self.place(rank).ok().map(|place| &self.heads[place])
    }

    fn place(&self, rank: u32) -> Result<usize, usize> {
        self.heads.binary_search_by_key(&rank, |head| head.rank)
    }

    /// Entries of an author's log.
    pub(super) fn count(&self, rank: u32) -> u32 {
        self.head_of(rank).map_or(0, |head| head.count)
    }

    /// How much there is of each author's log of which there is something, in ascending order of rank, with [`CLOSED`] for
    /// those that are.
    pub(super) fn counts(&self) -> Vec<Count> {
        let mut counts: Vec<Count> =
            self.heads.iter().map(|head| Count { rank: head.rank, entries: head.count }).collect();
        for &rank in &self.closed {
            match counts.binary_search_by_key(&rank, |count| count.rank) {
                Ok(place) => counts[place].entries = CLOSED,
                Err(place) => counts.insert(place, Count { rank, entries: CLOSED }),
            }
        }
        counts
    }

    /// How many counts [`Log::counts`] gives.
    pub(super) fn authors(&self) -> usize {
        self.heads.len() + self.closed.iter().filter(|rank| self.place(**rank).is_err()).count()
    }

    /// Equal for two peers that hold the same entries of the room.
    pub(super) const fn digest(&self) -> u64 {
        self.digest
    }

    pub(super) fn is_closed(&self, rank: u32) -> bool {
        self.closed.contains(&rank)
    }

    /// Takes no more of an author's log: it has shown two histories.
    pub(super) fn close(&mut self, rank: u32) {
        if !self.is_closed(rank) {
            self.closed.push(rank);
        }
    }

    /// An entry that is held.
    pub(super) fn find(&self, rank: u32, seq: u32) -> Option<&H::Item> {
        let head = self.head_of(rank)?;
        let back = head.count.checked_sub(seq + 1)?;
        let upto = self.entries.get(..=head.last as usize)?;
        upto.iter().rev().filter(|entry| entry.rank == rank).nth(back as usize).map(|entry| &entry.item)
    }

    /// The hash of the last entry of an author's log.
    pub(super) fn head(&self, host: &H, rank: u32) -> Option<EntryHash> {
        let last = self.count(rank).checked_sub(1)?;
        self.find(rank, last).map(|item| host.item(item).entry_hash())
    }

    /// The latest entries, for a post of `me` to name: those that no other names, and of these the ones that came last.
    pub(super) fn tips(&self, host: &H, ranks: Ranks<'_>, me: u32) -> Vec<EntryRef> {
        let others = self.tips.iter().rev().filter(|&&rank| rank != me).take(MAX_AFTER);
        others
            .filter_map(|&rank| {
                let (author, seq) = (ranks.peer(rank), self.count(rank) - 1);
                self.head(host, rank).map(|hash| EntryRef { author, seq, hash })
            })
            .collect()
    }

    /// Adds the next entry of an author's log. All that it depends on is there.
    pub(super) fn append(&mut self, host: &H, ranks: Ranks<'_>, rank: u32, item: H::Item) {
        let entry = host.item(&item);
        let after = post(entry).map_or(&[] as &[EntryRef], |post| post.after.as_slice());
        let mut tips = std::mem::take(&mut self.tips);
        tips.retain(|&tip| {
            let mut named = after.iter().filter(|entry| entry.author == ranks.peer(tip));
            tip != rank && !named.any(|entry| entry.seq + 1 == self.count(tip))
        });
        tips.push(rank);
        self.tips = tips;
        let place = self.place(rank).unwrap_or_else(|place| {
            self.heads.insert(place, Head { rank, count: 0, last: 0 });
            place
        });
        let head = &mut self.heads[place];
        // A sum does not depend on the order in which entries came.
        let name = mix(entry.entry_hash().prefix(), u64::from(rank), u64::from(head.count));
        self.digest = self.digest.wrapping_add(name);
        (head.count, head.last) = (head.count + 1, self.entries.len() as u32);
        self.entries.push(Entry { rank, item });
    }

    /// How many entries the holder of `counts` has that are not here, and how many are here that it does not have.
    pub(super) fn compare(&self, counts: &[Count]) -> (u64, u64) {
        let here = counts.iter().filter(|theirs| theirs.entries != CLOSED && !self.is_closed(theirs.rank));
        let here = here.map(|theirs| u64::from(theirs.entries.saturating_sub(self.count(theirs.rank)))).sum();
        let open = self.heads.iter().filter(|head| !self.is_closed(head.rank));
        // Of a closed log, nothing is missing there: its count is more than any other.
        let there = open.map(|head| u64::from(head.count.saturating_sub(entries(counts, head.rank)))).sum();
        (here, there)
    }

    /// What the holder of `counts` lacks, in an order in which it can show each entry as it comes.
    pub(super) fn missing(&self, counts: &[Count]) -> Vec<H::Item> {
        // By place among the heads: what the other has, and how many entries are still to come in the walk back.
        let mut walk: Vec<(u32, u32)> =
            self.heads.iter().map(|head| (entries(counts, head.rank), head.count)).collect();
        let mut left: usize = walk.iter().map(|&(has, count)| count.saturating_sub(has) as usize).sum();
        let mut missing = Vec::with_capacity(left);
        for entry in self.entries.iter().rev() {
            if left == 0 {
                break;
            }
            let Ok(place) = self.place(entry.rank) else { continue };
            let (has, count) = &mut walk[place];
            *count -= 1;
            if *count >= *has {
                missing.push(entry.item.clone());
                left -= 1;
            }
        }
        missing.reverse();
        missing
    }
}

/// How much the holder of these counts has of an author's log.
pub(super) fn entries(counts: &[Count], rank: u32) -> u32 {
    let place = counts.binary_search_by_key(&rank, |count| count.rank);
    place.map_or(0, |place| counts[place].entries)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        host::Peer,
        units::Nanos,
        wire::{Blob, ItemId},
        world::Shared,
    };

    const MEMBERS: u32 = 5;

    fn members() -> Vec<Peer> {
        (0..MEMBERS).map(Peer).collect()
    }

    /// A log of posts by these authors, one after the other.
    fn log(authors: &[u32]) -> (Log<Shared>, Vec<Arc<Item>>) {
        let (mut log, mut posts) = (Log::<Shared>::default(), Vec::new());
        for &author in authors {
            let (seq, prev) = (log.count(author), log.head(&Shared, author));
            let post = Post { seq, prev, after: Vec::new(), text: Blob::Sized(9) };
            let id = ItemId::new(0, Peer(author), seq);
            let item = Arc::new(Item::new(id, 0, Nanos::ZERO, Content::Chat(ChatItem::Post(post))));
            log.append(&Shared, Ranks::Planned(&members()), author, Arc::clone(&item));
            posts.push(item);
        }
        (log, posts)
    }

    #[test]
    fn a_log_holds_nothing_of_members_who_are_silent() {
        let (mut log, _) = log(&[3, 3, 1]);
        log.close(4);
        log.close(3);
        let count = |rank, entries| Count { rank, entries };
        assert_eq!(log.counts(), [count(1, 1), count(3, CLOSED), count(4, CLOSED)]);
        assert_eq!((log.authors(), log.heads.len()), (3, 2));
    }

    proptest! {
        #[test]
        fn two_logs_tell_each_other_what_is_missing(
            authors in prop::collection::vec(0..MEMBERS, 0..40), known in 0..41usize, closed in 0..2 * MEMBERS
        ) {
            let known = known.min(authors.len());
            let ((mut full, posts), (part, _)) = (log(&authors), log(&authors[..known]));
            prop_assert_eq!(full.missing(&part.counts()), &posts[known..]);
            prop_assert_eq!(full.compare(&part.counts()), (0, (authors.len() - known) as u64));
            prop_assert_eq!(part.compare(&full.counts()), ((authors.len() - known) as u64, 0));
            full.close(closed);
            let left = authors[known..].iter().filter(|author| **author != closed).count() as u64;
            prop_assert_eq!(full.compare(&part.counts()), (0, left));
            prop_assert_eq!(part.compare(&full.counts()), (left, 0));
            prop_assert_eq!(full.authors(), full.counts().len());
        }
    }
}
