//! What the facts of lookups add up to.

use std::{ops::Range, sync::Arc};

use super::{Asked, Fact, Histogram, Metric, metric};
use crate::{host::Peer, plan::LookupsPlan, units::Nanos};

/// How many there were, and how many of them came out as wished.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Those that came out as wished.
    pub good: u64,
    /// All that came to an end.
    pub all: u64,
}

impl Tally {
    fn add(&mut self, good: bool) {
        self.good += u64::from(good);
        self.all += 1;
    }
}

/// One kind of lookups.
#[derive(Clone, Debug, Default)]
pub struct Kind {
    /// From the beginning to the end of those that came out as wished, ns.
    pub time: Histogram,
    /// Links of the chain of names that led to what was found; see [`crate::host::Found::hops`].
    pub hops: Histogram,
    /// Peers that were asked, of all.
    pub requests: Histogram,
    /// How many.
    pub tally: Tally,
}

impl Kind {
    fn add(&mut self, now: Nanos, asked: &Asked, good: bool) {
        self.tally.add(good);
        self.requests.record(u64::from(asked.requests));
        if good {
            self.time.record(now.saturating_sub(asked.began).0);
            if let Some(hops) = asked.hops {
                self.hops.record(u64::from(hops));
            }
        }
    }
}

/// Folds the facts of one workload of lookups. Facts must come in order of time. What began within the window counts.
#[derive(Clone, Debug)]
pub struct LookupsRecorder {
    plan: Arc<LookupsPlan>,
    window: Range<Nanos>,
    /// Since when each peer runs, of those that do.
    since: Vec<Option<Nanos>>,
    provide: Kind,
    find: Kind,
    find_peer: Kind,
    /// From asking to standing in connection with a provider, ns.
    retrieve: Histogram,
    retrieved: Tally,
    /// Providers that were found and did not run.
    stale: Tally,
    /// Providers that were found and provide no such thing, over the whole run.
    wrong: Tally,
}

impl LookupsRecorder {
    /// A recorder for what began within `window`.
    #[must_use]
    pub fn new(plan: Arc<LookupsPlan>, window: Range<Nanos>) -> Self {
        Self {
            plan,
            window,
            since: Vec::new(),
            provide: Kind::default(),
            find: Kind::default(),
            find_peer: Kind::default(),
            retrieve: Histogram::default(),
            retrieved: Tally::default(),
            stale: Tally::default(),
            wrong: Tally::default(),
        }
    }

    /// A peer starts.
    pub fn peer_up(&mut self, now: Nanos, peer: Peer) {
        if self.since.len() <= peer.index() {
            self.since.resize(peer.index() + 1, None);
        }
        self.since[peer.index()] = Some(now);
    }

    /// A peer stops or crashes.
    pub fn peer_down(&mut self, peer: Peer) {
        if let Some(since) = self.since.get_mut(peer.index()) {
            *since = None;
        }
    }

    /// Whether a peer runs, and has since this instant.
    fn runs_since(&self, peer: Peer, instant: Nanos) -> bool {
        self.since.get(peer.index()).copied().flatten().is_some_and(|since| since <= instant)
    }

    /// Takes in a fact that a peer recorded; those of other workloads are passed over.
    pub fn record(&mut self, now: Nanos, fact: &Fact) {
        let mine = self.plan.workload();
        let counts = |workload, began| workload == mine && self.window.contains(&began);
        match *fact {
            Fact::Provided { workload, kept, asked, .. } if counts(workload, asked.began) => {
                self.provide.add(now, &asked, kept);
            }
            Fact::ProviderFound { workload, content, provider, began } if workload == mine => {
                let right = self.plan.providers(content).binary_search(&provider).is_ok();
                if counts(workload, began) {
                    self.stale.add(!self.runs_since(provider, now));
                }
                self.wrong.add(!right);
            }
            Fact::ProvidersSought { workload, count, asked, .. } if counts(workload, asked.began) => {
                self.find.add(now, &asked, count > 0);
            }
            Fact::Retrieved { workload, began, reached } if counts(workload, began) => {
                self.retrieved.add(reached);
                if reached {
                    self.retrieve.record(now.saturating_sub(began).0);
                }
            }
            // Nobody can find who was not there all the time.
            Fact::PeerSought { workload, peer, found, asked }
                if counts(workload, asked.began) && self.runs_since(peer, asked.began) =>
            {
                self.find_peer.add(now, &asked, found);
            }
            _ => {}
        }
    }

    /// The metrics that are kept as histograms.
    #[must_use]
    pub const fn distributions(&self) -> [(Metric, &Histogram); 9] {
        [
            (metric::PROVIDE_TIME, &self.provide.time),
            (metric::PROVIDE_REQUESTS, &self.provide.requests),
            (metric::FIND_TIME, &self.find.time),
            (metric::FIND_HOPS, &self.find.hops),
            (metric::FIND_REQUESTS, &self.find.requests),
            (metric::RETRIEVE_TIME, &self.retrieve),
            (metric::PEER_TIME, &self.find_peer.time),
            (metric::PEER_HOPS, &self.find_peer.hops),
            (metric::PEER_REQUESTS, &self.find_peer.requests),
        ]
    }

    /// The metrics that are shares.
    #[must_use]
    pub const fn shares(&self) -> [(Metric, Tally); 5] {
        [
            (metric::PROVIDE_SUCCESS, self.provide.tally),
            (metric::FIND_SUCCESS, self.find.tally),
            (metric::FIND_STALE, self.stale),
            (metric::RETRIEVE_SUCCESS, self.retrieved),
            (metric::PEER_SUCCESS, self.find_peer.tally),
        ]
    }

    /// Times until providers of a content were found, and until a connection with one stood, ns.
    #[must_use]
    pub const fn times(&self) -> (&Histogram, &Histogram) {
        (&self.find.time, &self.retrieve)
    }

    /// Times until a peer was found, ns.
    #[must_use]
    pub const fn peer_times(&self) -> &Histogram {
        &self.find_peer.time
    }

    /// Lookups of providers and of peers that came to an end.
    #[must_use]
    pub const fn sought(&self) -> u64 {
        self.find.tally.all + self.find_peer.tally.all
    }

    /// Providers that were found and provide no such thing, and all that were found; over the whole run.
    #[must_use]
    pub const fn wrong(&self) -> Tally {
        self.wrong
    }
}

#[cfg(test)]
mod tests;
