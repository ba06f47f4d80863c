//! How much a chat may be expected to say: what a run costs is estimated from it before it begins.

use super::ChatPlan;
use crate::{host::Peer, role::chat::RECEIPTS_EVERY, spec::chat::Posts, units::Nanos};

impl ChatPlan {
    /// Posts of all rooms: those of a trace, otherwise the mean over all seeds for authors who are always there.
    #[must_use]
    pub fn expected_posts(&self) -> f64 {
        let each = |every: Nanos| f64::from(self.rooms()) * times(self.duration, every);
        match &self.spec.posts {
            Posts::Poisson(poisson) => each(poisson.every),
            Posts::Burst(burst) => each(burst.every) * f64::from(burst.size.get()),
            Posts::Diurnal(diurnal) => each(diurnal.every),
            Posts::Trace(_) => self.trace.iter().filter(|post| post.at < self.duration).count() as f64,
        }
    }

    /// Items of all members in a run until `end`: posts, signs of life, and at the most as many read receipts. `online` tells
    /// which part of the run a peer is there: who is away gives no sign of life. Posts are taken as if nobody were, for people
    /// may write just when they are there.
    #[must_use]
    pub fn expected_items(&self, end: Nanos, online: impl Fn(Peer) -> f64) -> f64 {
        let mut peers: Vec<_> = self.memberships.iter().map(|&(peer, _)| peer).collect();
        peers.dedup();
        let there: f64 = peers.into_iter().map(online).sum();
        let beats = self.spec.presence.as_ref().map_or(0.0, |presence| times(end, presence.every));
        let posts = self.expected_posts();
        let receipts = if self.spec.read_receipts {
            let readers = self.members.len() as f64;
            readers * times(self.duration, RECEIPTS_EVERY).min(posts / f64::from(self.rooms()))
        } else {
            0.0
        };
        posts + there * beats + receipts
    }

    /// Seats in all rooms: members, and archives in each.
    #[must_use]
    pub fn seats(&self) -> usize {
        self.members.len() + self.archives.len() * self.rooms() as usize
    }
}

fn times(duration: Nanos, every: Nanos) -> f64 {
    duration.0 as f64 / every.0.max(1) as f64
}
