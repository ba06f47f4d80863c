//! The way of a lookup towards the peers that are nearest to a key (`query/peers/closest.rs`).
//!
//! It asks the nearest of those that it knows of and has not asked, α at a time. When α answers in a row named nobody nearer, it asks
//! as many at a time as it wants results, to come to its end. It ends when the nearest that it knows of have all answered, as many as
//! it wants, or when there is nobody left to ask.

use std::collections::{BTreeMap, btree_map::Entry};

use peerlab_scenarios::{
    host::Peer,
    plan::{
        KademliaPlan,
        discovery::{Distance, Key},
    },
    units::Nanos,
};

use super::K_VALUE;

/// How long a lookup waits for a peer before it goes on without it (`ClosestPeersIterConfig::peer_timeout`).
const PEER_TIMEOUT: Nanos = Nanos::from_secs(10);

/// What a lookup does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// It asks this peer.
    Ask(Peer),
    /// It waits.
    Wait,
    /// It is over.
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Progress {
    /// So many answers in a row that named nobody nearer.
    Iterating(usize),
    Stalled,
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    NotContacted,
    /// Until when.
    Waiting(Nanos),
    /// It took too long; if it answers after all, that counts.
    Unresponsive,
    Failed,
    Succeeded,
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    peer: Peer,
    state: State,
    /// Links of the chain of names that led to it.
    hops: u8,
}

/// A lookup under way.
#[derive(Debug)]
pub(super) struct Closest {
    target: Key,
    alpha: usize,
    results: usize,
    progress: Progress,
    waiting: usize,
    candidates: BTreeMap<Distance, Candidate>,
}

impl Closest {
    /// A lookup of a key that begins with these peers, and wants so many results.
    pub(super) fn new(
        plan: &KademliaPlan,
        target: Key,
        known: impl Iterator<Item = Peer>,
        alpha: usize,
        results: usize,
    ) -> Self {
        let candidate =
            |peer| (target.distance(plan.key(peer)), Candidate { peer, state: State::NotContacted, hops: 1 });
        let candidates = known.take(K_VALUE).map(candidate).collect();
        Self { target, alpha, results, progress: Progress::Iterating(0), waiting: 0, candidates }
    }

    /// A peer that is waited for has answered, or will not. Nothing, when nothing was expected of it.
    fn settle(&mut self, plan: &KademliaPlan, peer: Peer, state: State) -> Option<Candidate> {
        if self.progress == Progress::Finished {
            return None;
        }
        let candidate = self.candidates.get_mut(&self.target.distance(plan.key(peer)))?;
        match candidate.state {
            State::Waiting(_) => self.waiting -= 1,
            State::Unresponsive => {}
            State::NotContacted | State::Failed | State::Succeeded => return None,
        }
        candidate.state = state;
        Some(*candidate)
    }

    /// A peer answered, and named others. False when nothing was expected of it.
    pub(super) fn succeeded(
        &mut self,
        plan: &KademliaPlan,
        peer: Peer,
        named: impl Iterator<Item = Peer>,
    ) -> bool {
        let Some(candidate) = self.settle(plan, peer, State::Succeeded) else { return false };
        let hops = candidate.hops.saturating_add(1);
        // Whoever is named within the distance of the last result as things stand is progress.
        let mut farthest = self.candidates.keys();
        let range = farthest.nth(self.results - 1).or_else(|| self.candidates.keys().next_back());
        let range = range.copied().unwrap_or_default();
        let mut progress = self.candidates.len() < self.results;
        for other in named {
            let distance = self.target.distance(plan.key(other));
            if let Entry::Vacant(place) = self.candidates.entry(distance) {
                place.insert(Candidate { peer: other, state: State::NotContacted, hops });
                progress |= distance < range;
            }
        }
        self.progress = match self.progress {
            _ if progress => Progress::Iterating(0),
            Progress::Iterating(without) if without + 1 < self.alpha => Progress::Iterating(without + 1),
            _ => Progress::Stalled,
        };
        true
    }

    /// A peer will not answer. False when nothing was expected of it.
    pub(super) fn failed(&mut self, plan: &KademliaPlan, peer: Peer) -> bool {
        self.settle(plan, peer, State::Failed).is_some()
    }

    /// What is to be done next.
    pub(super) fn next(&mut self, now: Nanos) -> Next {
        if self.progress == Progress::Finished {
            return Next::Finished;
        }
        let at_capacity = match self.progress {
            Progress::Stalled => self.waiting >= self.results.max(self.alpha),
            Progress::Iterating(_) => self.waiting >= self.alpha,
            Progress::Finished => true,
        };
        // Answers count as long as no nearer peer is being waited for.
        let mut answers = Some(0);
        for candidate in self.candidates.values_mut() {
            match candidate.state {
                State::Waiting(until) if now >= until => {
                    self.waiting -= 1;
                    candidate.state = State::Unresponsive;
                }
                State::Waiting(_) | State::NotContacted if at_capacity => return Next::Wait,
                State::Waiting(_) => answers = None,
                State::Succeeded => {
                    if let Some(count) = &mut answers {
                        *count += 1;
                        if *count >= self.results {
                            self.progress = Progress::Finished;
                            return Next::Finished;
                        }
                    }
                }
                State::NotContacted => {
                    candidate.state = State::Waiting(now.saturating_add(PEER_TIMEOUT));
                    self.waiting += 1;
                    return Next::Ask(candidate.peer);
                }
                State::Unresponsive | State::Failed => {}
            }
        }
        if self.waiting > 0 {
            return Next::Wait;
        }
        self.progress = Progress::Finished;
        Next::Finished
    }

    /// Ends it now.
    pub(super) fn finish(&mut self) {
        self.progress = Progress::Finished;
    }

    /// When the next of those that it waits for will have taken too long. One behind others may have by now, unnoticed: they are
    /// looked at in order of their distance, as far as there is something to do.
    pub(super) fn deadline(&self, now: Nanos) -> Option<Nanos> {
        let waiting = self.candidates.values().filter_map(|candidate| match candidate.state {
            State::Waiting(until) => Some(until).filter(|until| *until > now),
            _ => None,
        });
        waiting.min()
    }

    /// Links of the chain of names that led to a peer.
    pub(super) fn hops(&self, plan: &KademliaPlan, peer: Peer) -> Option<u8> {
        self.candidates.get(&self.target.distance(plan.key(peer))).map(|candidate| candidate.hops)
    }

    /// The nearest peers that answered, nearest first.
    pub(super) fn results(&self) -> impl Iterator<Item = Peer> + '_ {
        let answered = self.candidates.values().filter(|candidate| candidate.state == State::Succeeded);
        answered.map(|candidate| candidate.peer).take(self.results)
    }
}
