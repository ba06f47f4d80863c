//! Kademlia as discovery: libp2p's own, with the parameters of the scenario.
//!
//! A peer takes part when its run begins: until then it serves nobody and knows nobody. Whoever serves is known from the plan's
//! contacts, or from what it says of itself on a connection (identify). libp2p dials whom a lookup has to ask; a connection that it
//! dialled ends when it was of no use for as long as the scenario says.

use std::{collections::HashMap, num::NonZeroUsize, sync::Arc};

use libp2p::{
    PeerId, StreamProtocol,
    kad::{
        self, Config, GetClosestPeersError, GetProvidersOk, Mode, QueryResult, RecordKey,
        store::{MemoryStore, MemoryStoreConfig, RecordStore as _},
    },
};
use peerlab_scenarios::{
    host::{Found, Lookup, Peer, QueryId},
    plan::discovery::{KademliaPlan, PROTOCOL},
    report::{Fact, KademliaCount},
    seed::{Seed, mix},
};

use super::{Addresses, Roster, Setting, clock::duration, native::LookupOrder, setting::Finding};

/// libp2p's behaviour.
pub(super) type Behaviour = kad::Behaviour<MemoryStore>;

fn some(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("the language has them at 1 or more")
}

/// libp2p's behaviour with the parameters of a plan, of a peer that does not take part yet.
pub(super) fn behaviour(plan: &KademliaPlan, me: PeerId) -> Behaviour {
    let spec = plan.spec();
    let mut config = Config::new(StreamProtocol::new(PROTOCOL));
    config
        .set_kbucket_size(some(spec.k.size()))
        .set_replication_factor(some(spec.k.size()))
        .set_parallelism(some(spec.alpha.size()))
        .set_query_timeout(duration(spec.query_timeout))
        .set_periodic_bootstrap_interval(Some(duration(spec.refresh)))
        .set_provider_record_ttl(Some(duration(spec.provider_ttl)))
        .set_provider_publication_interval(Some(duration(spec.republish)));
    let most =
        MemoryStoreConfig { max_provided_keys: spec.max_contents.size(), ..MemoryStoreConfig::default() };
    let mut behaviour = Behaviour::with_config(me, MemoryStore::with_config(me, most), config);
    behaviour.set_mode(Some(Mode::Client));
    behaviour
}

/// What a lookup is for.
#[derive(Debug)]
enum Purpose {
    Provide,
    Providers { wanted: usize, found: Vec<Peer> },
    Peer(Peer),
}

/// A lookup under way.
#[derive(Debug)]
struct Query {
    asked: QueryId,
    purpose: Purpose,
}

/// What machines have asked of libp2p's Kademlia.
#[derive(Debug)]
pub(super) struct Finder {
    finding: Finding,
    seed: Seed,
    roster: Arc<Roster>,
    addresses: Addresses,
    me: Peer,
    queries: HashMap<kad::QueryId, Query>,
    counts: [u64; KademliaCount::ALL.len()],
}

impl Finder {
    /// Of a peer in its setting, if anything is found by Kademlia there.
    pub(super) fn new(
        setting: &Setting,
        roster: &Arc<Roster>,
        addresses: &Addresses,
        me: Peer,
    ) -> Option<Self> {
        Some(Self {
            finding: setting.finding.clone()?,
            seed: setting.seed,
            roster: Arc::clone(roster),
            addresses: addresses.clone(),
            me,
            queries: HashMap::new(),
            counts: [0; KademliaCount::ALL.len()],
        })
    }

    fn serves(&self) -> bool {
        self.finding.kademlia.servers().contains(self.me)
    }

    /// The run begins: the peer takes part, and knows the plan's contacts that are up.
    pub(super) fn start(&self, behaviour: &mut Behaviour) {
        behaviour.set_mode(Some(if self.serves() { Mode::Server } else { Mode::Client }));
        for peer in self.finding.kademlia.contacts(self.me) {
            self.met(behaviour, peer);
        }
    }

    /// A peer that serves was met.
    pub(super) fn met(&self, behaviour: &mut Behaviour, peer: Peer) {
        if let Some(address) = self.addresses.of(peer) {
            behaviour.add_address(&self.roster.id(peer), address);
        }
    }

    fn content(&self, workload: u8, number: u32) -> RecordKey {
        RecordKey::new(&self.finding.kademlia.content_name(workload, number))
    }

    /// Begins a lookup. Gives what came of it, where that is known at once.
    pub(super) fn look_up(&mut self, behaviour: &mut Behaviour, order: LookupOrder) -> Option<Found> {
        let LookupOrder { query: asked, workload, lookup } = order;
        let (begun, purpose) = match lookup {
            Lookup::Provide(number) => {
                let begun = behaviour.start_providing(self.content(workload, number));
                // There is no room for one more.
                let Ok(begun) = begun else { return Some(Found::default()) };
                (begun, Purpose::Provide)
            }
            Lookup::Providers { content, wanted } => {
                let begun = behaviour.get_providers(self.content(workload, content));
                (begun, Purpose::Providers { wanted: wanted as usize, found: Vec::new() })
            }
            Lookup::Peer(peer) => {
                let results = some(self.finding.kademlia.spec().k.size());
                (behaviour.get_n_closest_peers(self.roster.id(peer), results), Purpose::Peer(peer))
            }
        };
        self.queries.insert(begun, Query { asked, purpose });
        None
    }

    /// Something happened. Gives a lookup that came to its end, and what came of it.
    pub(super) fn on_event(
        &mut self,
        behaviour: &mut Behaviour,
        event: kad::Event,
    ) -> Option<(QueryId, Found)> {
        let kad::Event::OutboundQueryProgressed { id, result, stats, step } = event else { return None };
        let is_refresh = matches!(result, QueryResult::Bootstrap(_));
        if step.last || is_refresh {
            // Each part of a refresh is counted by itself, all others from their beginning.
            self.count(KademliaCount::Requests, u64::from(stats.num_requests()));
            self.count(KademliaCount::Failed, u64::from(stats.num_failures()));
            self.count(KademliaCount::Refreshes, u64::from(is_refresh));
        }
        let query = self.queries.get_mut(&id)?;
        // How many links the way had libp2p does not tell.
        let mut found =
            Found { requests: stats.num_requests(), failed: stats.num_failures(), ..Found::default() };
        match (&mut query.purpose, result) {
            (Purpose::Providers { wanted, found }, QueryResult::GetProviders(Ok(more))) => {
                if let GetProvidersOk::FoundProviders { providers, .. } = more {
                    let named = providers.iter().filter_map(|id| self.roster.peer(id));
                    let mut new: Vec<Peer> = named.filter(|peer| !found.contains(peer)).collect();
                    // libp2p hands them over in no order; so that not all try the same one first, it is a different one for each.
                    let salt = mix(self.seed.0, u64::from(self.me.0), u64::from(query.asked.0));
                    new.sort_unstable_by_key(|peer| (mix(salt, u64::from(peer.0), 0), *peer));
                    found.append(&mut new);
                }
                if found.len() >= *wanted
                    && let Some(mut query) = behaviour.query_mut(&id)
                {
                    query.finish();
                }
            }
            (Purpose::Peer(peer), QueryResult::GetClosestPeers(closest)) => {
                let closest = match closest {
                    Ok(closest) => closest.peers,
                    Err(GetClosestPeersError::Timeout { peers, .. }) => peers,
                };
                let id = self.roster.id(*peer);
                found.peers.extend(closest.iter().any(|other| other.peer_id == id).then_some(*peer));
            }
            (Purpose::Provide, QueryResult::StartProviding(done)) => {
                found.kept = done.is_ok() && stats.num_successes() > 0;
            }
            _ => {}
        }
        if !step.last {
            return None;
        }
        let Query { asked, purpose } = self.queries.remove(&id)?;
        if let Purpose::Providers { found: providers, .. } = purpose {
            found.peers = providers;
        }
        Some((asked, found))
    }

    fn count(&mut self, what: KademliaCount, count: u64) {
        self.counts[what as usize] += count;
    }

    /// libp2p has dialled somebody of its own accord.
    pub(super) fn dialled(&mut self) {
        self.count(KademliaCount::Dialled, 1);
    }

    /// Hands out what was counted, and what the peer knows and keeps.
    pub(super) fn drain(&mut self, behaviour: &mut Behaviour, record: &mut dyn FnMut(Fact)) {
        for what in KademliaCount::ALL {
            record(Fact::Kademlia { what, count: std::mem::take(&mut self.counts[what as usize]) });
        }
        let peers = behaviour.kbuckets().map(|bucket| bucket.num_entries() as u32).sum();
        let records = self.serves().then(|| self.records(behaviour.store_mut()));
        record(Fact::RoutingTable { peers, records });
    }

    /// Records that this peer keeps for others. A store tells those of one content at a time.
    fn records(&self, store: &MemoryStore) -> u32 {
        let mut kept = 0;
        for &(workload, contents) in &self.finding.contents {
            for content in 0..contents {
                let providers = store.providers(&self.content(workload, content));
                let others = providers.iter().filter(|it| self.roster.peer(&it.provider) != Some(self.me));
                kept += others.count() as u32;
            }
        }
        kept
    }
}
