//! What a peer holds of one room: the logs of its members, in an order in which they may be shown.

use crate::{
    host::{Host, Peer},
    seed::mix,
    wire::{
        Content, Item,
        chat::{ChatItem, EntryHash, EntryRef, MAX_AFTER, Post},
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

/// What is known of one author: 8 bytes, for a room of a thousand peers has a million of them.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    /// Entries of its log.
    count: u32,
    /// Where the last of them stands.
    last: u32,
}

/// The logs of a room's members. Entries stand in the order in which they came to be complete, so each one after all
/// that it depends on.
#[derive(Debug)]
pub(super) struct Log<H: Host> {
    entries: Vec<Entry<H>>,
    /// By rank; empty until there is an entry.
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
    /// Entries of an author's log.
    pub(super) fn count(&self, rank: u32) -> u32 {
        self.heads.get(rank as usize).map_or(0, |head| head.count)
    }

    /// How much there is of each author's log, by rank, with [`CLOSED`] for those that are.
    pub(super) fn counts(&self) -> Vec<u32> {
        let used = self.heads.iter().rposition(|head| head.count > 0).map_or(0, |last| last + 1);
        let used = self.closed.iter().map(|&rank| rank as usize + 1).fold(used, usize::max);
        (0..used as u32).map(|rank| if self.is_closed(rank) { CLOSED } else { self.count(rank) }).collect()
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
        let head = self.heads.get(rank as usize)?;
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
    pub(super) fn tips(&self, host: &H, members: &[Peer], me: u32) -> Vec<EntryRef> {
        let others = self.tips.iter().rev().filter(|&&rank| rank != me).take(MAX_AFTER);
        others
            .filter_map(|&rank| {
                let (author, seq) = (members[rank as usize], self.count(rank) - 1);
                self.head(host, rank).map(|hash| EntryRef { author, seq, hash })
            })
            .collect()
    }

    /// Adds the next entry of an author's log. All that it depends on is there.
    pub(super) fn append(&mut self, host: &H, members: &[Peer], rank: u32, item: H::Item) {
        let entry = host.item(&item);
        if self.heads.is_empty() {
            self.heads.resize(members.len(), Head::default());
        }
        let after = post(entry).map_or(&[] as &[EntryRef], |post| post.after.as_slice());
        let heads = &self.heads;
        self.tips.retain(|&tip| {
            let named = |entry: &EntryRef| {
                entry.author == members[tip as usize] && entry.seq + 1 == heads[tip as usize].count
            };
            tip != rank && !after.iter().any(named)
        });
        self.tips.push(rank);
        let head = &mut self.heads[rank as usize];
        // A sum does not depend on the order in which entries came.
        let name = mix(entry.entry_hash().prefix(), u64::from(rank), u64::from(head.count));
        self.digest = self.digest.wrapping_add(name);
        *head = Head { count: head.count + 1, last: self.entries.len() as u32 };
        self.entries.push(Entry { rank, item });
    }

    /// How many entries the holder of `counts` has that are not here, and how many are here that it does not have.
    pub(super) fn compare(&self, counts: &[u32]) -> (u64, u64) {
        let ranks = 0..counts.len().max(self.heads.len()) as u32;
        ranks.fold((0, 0), |(here, there), rank| {
            let (mine, theirs) = (self.count(rank), counts.get(rank as usize).copied().unwrap_or(0));
            if theirs == CLOSED || self.is_closed(rank) {
                return (here, there);
            }
            (here + u64::from(theirs.saturating_sub(mine)), there + u64::from(mine.saturating_sub(theirs)))
        })
    }

    /// What the holder of `counts` lacks, in an order in which it can show each entry as it comes.
    pub(super) fn missing(&self, counts: &[u32]) -> Vec<H::Item> {
        let has = |rank: u32| counts.get(rank as usize).copied().unwrap_or(0);
        let ranks = 0..self.heads.len() as u32;
        let mut left: usize = ranks.map(|rank| self.count(rank).saturating_sub(has(rank)) as usize).sum();
        let mut missing = Vec::with_capacity(left);
        let mut heads = self.heads.clone();
        for entry in self.entries.iter().rev() {
            if left == 0 {
                break;
            }
            let head = &mut heads[entry.rank as usize];
            head.count -= 1;
            if head.count >= has(entry.rank) {
                missing.push(entry.item.clone());
                left -= 1;
            }
        }
        missing.reverse();
        missing
    }
}
