//! What members of a chat send to one another.
//!
//! A post is an entry of its author's log of the room: it names the entry before it by hash, so that the log cannot
//! be rewritten, and the latest entries of others that its author had seen, so that answers stand after what they
//! answer. That is the graph of Matrix (<https://spec.matrix.org/latest/rooms/>, `prev_events`) and of Secure
//! Scuttlebutt's tangles.

use serde::{Deserialize, Serialize};

use super::Blob;
use crate::host::Peer;

/// Most entries of others that a post names; Matrix bounds `prev_events` at the same number.
pub const MAX_AFTER: usize = 20;

/// The BLAKE3 hash of an item without its signature.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryHash(pub [u8; 32]);

impl EntryHash {
    /// Its first eight bytes.
    #[must_use]
    pub fn prefix(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("32 bytes hold 8"))
    }
}

/// Names an entry of another author.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRef {
    /// Whose log it is in.
    pub author: Peer,
    /// Its place there, from 0.
    pub seq: u32,
    /// Its hash.
    pub hash: EntryHash,
}

/// A post.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// Its place in the author's log of the room, from 0.
    pub seq: u32,
    /// Hash of the entry before it in that log; none for the first.
    pub prev: Option<EntryHash>,
    /// The latest entries of others in the room that the author had seen, at most [`MAX_AFTER`].
    pub after: Vec<EntryRef>,
    /// What it says.
    pub text: Blob,
}

/// What a member of a chat publishes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChatItem {
    /// Something said in a room.
    Post(Post),
    /// I am here.
    Beat,
    /// I am leaving.
    Leave,
    /// I have read so many entries of each of these authors' logs of the room.
    Read(Vec<(Peer, u32)>),
}

/// How much a member has of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomHave {
    /// The room.
    pub room: u32,
    /// How much it has of each log of which it has something, in ascending order of rank: a room of many members who are
    /// silent costs nothing for these.
    pub counts: Vec<Count>,
}

impl RoomHave {
    /// Whether it says what a room of so many members can hold.
    #[must_use]
    pub fn is_of(&self, members: usize) -> bool {
        self.counts.is_sorted_by(|one, next| one.rank < next.rank)
            && self.counts.last().is_none_or(|last| (last.rank as usize) < members)
    }
}

/// How much a member has of an author's log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// The author's place among the room's members.
    pub rank: u32,
    /// Entries.
    pub entries: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frontier_names_members_once_and_in_their_order() {
        let have = |ranks: &[u32]| RoomHave {
            room: 0,
            counts: ranks.iter().map(|&rank| Count { rank, entries: 1 }).collect(),
        };
        assert!(have(&[]).is_of(0) && have(&[0, 2]).is_of(3));
        assert!(!have(&[0, 2]).is_of(2) && !have(&[2, 0]).is_of(3) && !have(&[1, 1]).is_of(3));
    }
}
