//! Read receipts: readers tell now and then how far they have read, and authors learn who has read what.
//!
//! A receipt counts entries from the first one on, so a later one makes up for one that was lost; and so does every
//! frontier that a member sends when it compares what it holds.

use std::collections::BTreeMap;

use crate::units::Nanos;

/// The receipts of one room.
#[derive(Debug, Default)]
pub(super) struct Reading {
    /// Authors of whom something was shown since the last receipt, by rank in ascending order.
    news: Vec<u32>,
    /// When each of this peer's own posts was made.
    mine: Vec<Nanos>,
    /// How many of them were made before a crash. Who had read these is forgotten, and what is not known not to be
    /// told twice is not told.
    forgotten: usize,
    /// How many of them each member has read of whom there was a receipt, by rank.
    read: BTreeMap<u32, u32>,
}

impl Reading {
    /// Something of this author was shown.
    pub(super) fn shown(&mut self, author: u32) {
        if let Err(place) = self.news.binary_search(&author) {
            self.news.insert(place, author);
        }
    }

    /// This peer made a post.
    pub(super) fn posted(&mut self, at: Nanos) {
        self.mine.push(at);
    }

    /// A crash has taken what was known of readers, but not the posts.
    pub(super) fn forget_readers(&mut self) {
        self.forgotten = self.mine.len();
    }

    /// The authors that the next receipt is about; and forgets them.
    pub(super) fn take_news(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.news)
    }

    /// A reader says that it has read `count` of this peer's posts: when those were made that it had not read before.
    pub(super) fn read_by(&mut self, reader: u32, count: u32) -> &[Nanos] {
        let before = self.forgotten.max(self.read.get(&reader).map_or(0, |&read| read as usize));
        let now = (count as usize).min(self.mine.len()).max(before);
        if now > 0 {
            self.read.insert(reader, now as u32);
        }
        &self.mine[before..now]
    }
}
