//! Queries: what lookups are for, and what comes of them (`query.rs`; `Behaviour::query_finished`, `query_timeout`, `discovered`).

use std::collections::BTreeSet;

use peerlab_scenarios::{
    host::{Cx, Found, Peer, QueryId},
    plan::KademliaPlan,
    report::KademliaCount,
    units::Nanos,
};

use super::{
    Counts, K_VALUE, Kademlia, LOOK,
    closest::{Closest, Next},
    streams::Proposal,
};
use crate::engine::{
    kad::{Named, Rpc, Target},
    store::Store,
};

/// What a query is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// Refreshing the table: with what is left to be looked up, last first.
    Refresh { remaining: Option<Vec<Target>> },
    /// Telling those nearest to a content that this peer provides it; nobody asks, when the record is renewed.
    Provide { asker: Option<(u8, QueryId)> },
    /// Finding who provides a content.
    Providers { workload: u8, query: QueryId, wanted: u32, found: Vec<Peer>, hops: Option<u8> },
    /// Finding a peer.
    Peer { workload: u8, query: QueryId, peer: Peer },
}

/// A query under way.
#[derive(Debug)]
pub(super) struct Query {
    purpose: Purpose,
    target: Target,
    way: Closest,
    /// When it is given up.
    until: Nanos,
    requests: u32,
    failed: u32,
    /// Peers that will be asked when a connection stands.
    pub(super) unsent: BTreeSet<Peer>,
}

impl Query {
    /// What it asks.
    pub(super) const fn request(&self, query: u32) -> Rpc {
        match self.purpose {
            Purpose::Providers { .. } => Rpc::GetProviders { query, target: self.target },
            Purpose::Refresh { .. } | Purpose::Provide { .. } | Purpose::Peer { .. } => {
                Rpc::FindNode { query, target: self.target }
            }
        }
    }

    /// A peer will not answer.
    pub(super) fn failed(&mut self, plan: &KademliaPlan, counts: &mut Counts, peer: Peer) {
        if self.way.failed(plan, peer) {
            self.failed += 1;
            counts.add(KademliaCount::Failed, 1);
        }
    }

    /// Whether as many providers are known as are wanted.
    fn is_content(&self) -> bool {
        matches!(&self.purpose, Purpose::Providers { wanted, found, .. } if found.len() >= *wanted as usize)
    }
}

impl Kademlia {
    pub(super) fn begin(&mut self, cx: &mut Cx<'_, Store>, purpose: Purpose, target: Target) {
        let spec = self.plan.spec();
        let results = if let Purpose::Refresh { .. } = purpose { K_VALUE } else { spec.k.size() };
        let results = if let Purpose::Peer { .. } = purpose { results.min(K_VALUE) } else { results };
        let (alpha, until) = (spec.alpha.size(), cx.now.saturating_add(spec.query_timeout));
        let known = self.table.nearest(cx.now, &self.plan, target.key, K_VALUE, None);
        let way =
            Closest::new(&self.plan, target.key, known.into_iter().map(|(peer, _)| peer), alpha, results);
        let query = Query { purpose, target, way, until, requests: 0, failed: 0, unsent: BTreeSet::new() };
        self.queries.insert(self.next_query, query);
        self.next_query = self.next_query.wrapping_add(1);
        self.go_on(cx);
    }

    /// A peer answered a request.
    pub(super) fn answered(
        &mut self,
        cx: &mut Cx<'_, Store>,
        from: Peer,
        name: u32,
        closer: &[Named],
        providers: Option<&[Named]>,
    ) {
        self.note_answer(from);
        let named = self.without_me(closer.iter().chain(providers.unwrap_or_default()));
        let Some(query) = self.queries.get_mut(&name) else { return };
        if query.way.succeeded(&self.plan, from, named.into_iter())
            && let Purpose::Providers { found, hops, .. } = &mut query.purpose
        {
            for provider in providers.unwrap_or_default() {
                if !found.contains(&provider.peer) {
                    found.push(provider.peer);
                    *hops = hops.or_else(|| query.way.hops(&self.plan, from));
                }
            }
        }
        self.go_on(cx);
    }

    /// Drives all queries as far as they go now.
    pub(super) fn go_on(&mut self, cx: &mut Cx<'_, Store>) {
        let names: Vec<u32> = self.queries.keys().copied().collect();
        for name in names {
            self.drive(cx, name);
        }
        let deadline =
            |query: &Query| query.way.deadline(cx.now).map_or(query.until, |peer| peer.min(query.until));
        let next = self.queries.values().map(deadline).min().unwrap_or(Nanos::NEVER);
        if next < self.looks_at {
            self.looks_at = next;
            cx.set_timer(LOOK, next);
        }
    }

    fn drive(&mut self, cx: &mut Cx<'_, Store>, name: u32) {
        loop {
            let Some(query) = self.queries.get_mut(&name) else { return };
            if query.is_content() || cx.now >= query.until {
                query.way.finish();
            }
            match query.way.next(cx.now) {
                Next::Wait => return,
                Next::Ask(peer) => {
                    query.requests += 1;
                    self.counts.add(KademliaCount::Requests, 1);
                    if self.connections.contains_key(&peer) {
                        self.open_stream(cx, peer, name);
                    } else {
                        query.unsent.insert(peer);
                        self.dial(cx, peer);
                    }
                }
                Next::Finished => {
                    if let Some(query) = self.queries.remove(&name) {
                        self.finished(cx, query);
                    }
                    return;
                }
            }
        }
    }

    fn finished(&mut self, cx: &mut Cx<'_, Store>, query: Query) {
        let Query { purpose, target, way, requests, failed, .. } = query;
        match purpose {
            Purpose::Refresh { remaining } => self.refreshed(cx, remaining),
            Purpose::Provide { asker } => {
                let keepers: Vec<Peer> = way.results().collect();
                let hops = keepers.first().and_then(|&nearest| way.hops(&self.plan, nearest));
                let mut told = Vec::with_capacity(keepers.len());
                for keeper in keepers {
                    // libp2p forgets the query at once, and with it what was to be sent to those who are not connected any more.
                    if self.connections.contains_key(&keeper) {
                        self.propose(cx, keeper, Proposal::Record(target));
                        self.counts.add(KademliaCount::Requests, 1);
                        told.push(keeper);
                    }
                }
                if let Some((workload, query)) = asker {
                    let requests = requests + told.len() as u32;
                    let kept = !told.is_empty();
                    cx.found(workload, query, Found { peers: told, kept, hops, requests, failed });
                } else {
                    self.republish_next(cx);
                }
            }
            Purpose::Providers { workload, query, found, hops, .. } => {
                cx.found(workload, query, Found { peers: found, kept: false, hops, requests, failed });
            }
            Purpose::Peer { workload, query, peer } => {
                let peers: Vec<Peer> = way.results().filter(|&other| other == peer).collect();
                let hops = peers.first().and_then(|&peer| way.hops(&self.plan, peer));
                cx.found(workload, query, Found { peers, kept: false, hops, requests, failed });
            }
        }
    }
}
