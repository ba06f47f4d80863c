//! Who is who among the members of a room.

use crate::{host::Peer, wire::ItemId};

/// The members of a room, each by its rank there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ranks<'a> {
    /// Those whom the plan lists, in ascending order: a member's rank is its place.
    Planned(&'a [Peer]),
    /// Anybody who comes: a member's rank is its index, so that it stays when others join.
    Open,
}

impl Ranks<'_> {
    /// The member of a rank.
    ///
    /// # Panics
    /// When the plan lists no member of this rank.
    #[inline]
    #[must_use]
    pub fn peer(self, rank: u32) -> Peer {
        match self {
            Self::Planned(members) => members[rank as usize],
            Self::Open => Peer(rank),
        }
    }

    /// A member's rank; none for who is no member.
    #[inline]
    #[must_use]
    pub fn rank(self, peer: Peer) -> Option<u32> {
        match self {
            // A room of all peers needs no search.
            Self::Planned(members) if members.get(peer.index()) == Some(&peer) => Some(peer.0),
            Self::Planned(members) => members.binary_search(&peer).ok().map(|rank| rank as u32),
            Self::Open => (peer.0 < ItemId::MAX_PEERS).then_some(peer.0),
        }
    }

    /// The number of ranks, taken or not.
    #[must_use]
    pub const fn count(self) -> usize {
        match self {
            Self::Planned(members) => members.len(),
            Self::Open => ItemId::MAX_PEERS as usize,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rank_names_one_member_in_both_directions() {
        let listed = [Peer(2), Peer(3), Peer(9)];
        for (ranks, member, rank) in [(Ranks::Planned(&listed), Peer(9), 2), (Ranks::Open, Peer(9), 9)] {
            assert_eq!((ranks.rank(member), ranks.peer(rank)), (Some(rank), member));
        }
        assert_eq!((Ranks::Planned(&listed).rank(Peer(4)), Ranks::Planned(&listed).count()), (None, 3));
        assert_eq!(Ranks::Open.rank(Peer(ItemId::MAX_PEERS)), None, "no item could name it");
    }
}
