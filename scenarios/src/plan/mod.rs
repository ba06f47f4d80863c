//! The plan: everything decided before a run starts, a function of the scenario and the seed alone.
//!
//! Every engine makes the same plan, so peers on different machines agree on who they are, who their neighbours are and
//! what will go wrong, without asking anyone. What is drawn for a peer depends on the seed and its index, not on the
//! others: a group appended to a scenario leaves the peers before it as they were.

mod attendance;
pub mod chat;
pub mod discovery;
mod faults;
pub mod identity;
mod latency;
pub mod lookups;
pub mod nat;
mod peer_set;
mod peers;
mod regions;
mod resolve;
mod selection;
mod sessions;
#[cfg(test)]
mod tests;
pub mod topology;
pub mod update;
mod workloads;

use std::{collections::BTreeMap, sync::Arc};

pub use self::{
    chat::ChatPlan,
    discovery::KademliaPlan,
    faults::{Cut, FaultEffect, FaultPlan},
    latency::PairLatency,
    lookups::LookupsPlan,
    nat::{Reachability, Upgrade},
    peer_set::PeerSet,
    peers::{GroupPlan, Peers, Sites},
    regions::{Region, Regions},
    resolve::{Resolved, resolved},
    sessions::{Session, Sessions},
    topology::Graph,
    update::UpdatePlan,
    workloads::{WorkloadKind, WorkloadPlace, WorkloadPlan},
};
use crate::{
    host::Peer,
    seed::{Seed, mix},
    spec::{Latency, Online, Scenario, ScenarioSpec, Topology, chat::Posts, read},
    units::Nanos,
};
use selection::Selection;

/// Texts of the files that a scenario names, by the path it gives.
pub type Files = BTreeMap<String, String>;

/// Why a scenario that reads well cannot be carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {why}")]
pub struct PlanError {
    /// The field at fault, such as `spec.groups[1].site`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub why: String,
}

impl PlanError {
    fn new(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self { path: path.into(), why: why.into() }
    }
}

impl From<PlanError> for read::Fault {
    fn from(error: PlanError) -> Self {
        Self::new(read::FieldPath::parse(&error.path), error.why)
    }
}

/// The path of a field below `path`, or `path` itself when the field is none in particular.
fn at_field(path: &str, field: &str) -> String {
    if field.is_empty() { path.to_owned() } else { format!("{path}.{field}") }
}

/// Everything decided before a run starts.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The scenario's name.
    pub name: String,
    /// What the user wrote, with defaults.
    pub spec: Arc<ScenarioSpec>,
    /// The seed.
    pub seed: Seed,
    /// The regions.
    pub regions: Regions,
    /// The sites.
    pub sites: Sites,
    /// The peers.
    pub peers: Peers,
    /// The delay of every pair.
    pub latency: PairLatency,
    /// Who is whose neighbour.
    pub graph: Graph,
    /// Who can be dialled by whom, and who relays.
    pub reach: Reachability,
    /// How peers and content are found, where the plan does not say.
    pub discovery: Option<Arc<KademliaPlan>>,
    /// The middle of a star.
    pub hub: Option<Peer>,
    /// What goes wrong.
    pub faults: Vec<FaultPlan>,
    /// What the peers do.
    pub workloads: Vec<WorkloadPlan>,
    traces: Vec<Option<sessions::Recorded>>,
}

/// The files that a scenario names, each with the field that names it.
#[must_use]
pub fn files(spec: &ScenarioSpec) -> Vec<(String, &str)> {
    let mut files = Vec::new();
    if let Latency::Matrix(matrix) = &spec.network.latency {
        files.push(("spec.network.latency.matrix.file".to_owned(), matrix.file.as_str()));
    }
    if let Topology::Import(import) = &spec.topology {
        files.push(("spec.topology.import.file".to_owned(), import.file.as_str()));
    }
    for (number, group) in spec.groups.iter().enumerate() {
        if let Some(Online::Trace(trace)) = &group.online {
            files.push((format!("spec.groups[{number}].online.trace.file"), trace.file.as_str()));
        }
    }
    for (number, workload) in spec.workloads.iter().enumerate() {
        if let Some(Posts::Trace(trace)) = workload.chat.as_ref().map(|chat| &chat.posts) {
            files.push((format!("spec.workloads[{number}].chat.posts.trace.file"), trace.file.as_str()));
        }
    }
    files
}

/// The peers as the topology's generators ask about them.
struct Fleet<'a> {
    peers: &'a Peers,
    regions: &'a Regions,
    sites: &'a Sites,
    latency: &'a PairLatency,
    files: &'a Files,
}

impl topology::Fleet for Fleet<'_> {
    fn peers(&self) -> u32 {
        self.peers.len()
    }
    fn latency(&self, a: u32, b: u32) -> Nanos {
        self.latency.between(Peer(a), Peer(b), self.peers, self.regions, self.sites)
    }
    fn region(&self, peer: u32) -> u32 {
        self.peers.region(Peer(peer)) as u32
    }
    fn first_of_group(&self, group: &str) -> Option<u32> {
        let group = self.peers.groups().iter().find(|other| other.spec.name == group && other.count > 0)?;
        Some(group.first.0)
    }
    fn file(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(String::as_str)
    }
}

impl Plan {
    /// Works out a scenario that was read, as [`Plan::new`] does.
    ///
    /// # Errors
    /// As [`Plan::new`], at the places of the fields in the document.
    pub fn of(
        document: &read::Document<Scenario>,
        seed: Seed,
        files: &Files,
    ) -> Result<Self, read::Problems> {
        Self::new(&document.value, seed, files)
            .map_err(|errors| document.problems(errors.into_iter().map(read::Fault::from).collect()))
    }

    /// Works out a scenario. `files` holds the text of every file that [`files`] lists.
    ///
    /// # Errors
    /// All that stands in the way: groups that do not add up, selectors that fit nobody, an impossible topology, damaged
    /// files.
    pub fn new(scenario: &Scenario, seed: Seed, files: &Files) -> Result<Self, Vec<PlanError>> {
        let spec = Arc::new(scenario.spec.clone());
        let one = |error| vec![error];
        let text = |name: &str| files.get(name).cloned();
        let regions = Regions::of(&spec.network.latency, text).map_err(one)?;
        let sites = Sites::new(&spec.sites);
        let peers = Peers::new(&spec, seed, &regions, &sites).map_err(one)?;
        let latency = PairLatency::new(&spec.network.latency, seed);
        // What nothing before the end depends on is gone without, so that its error hides no other.
        let mut errors = Vec::new();
        let traces = sessions::traces(peers.groups(), text).unwrap_or_else(|error| {
            errors.push(error);
            Vec::new()
        });
        let fleet = Fleet { peers: &peers, regions: &regions, sites: &sites, latency: &latency, files };
        let graph = topology::generate(&spec.topology, seed, &fleet)
            .map_err(|error| PlanError::new(at_field("spec.topology", error.field()), error.to_string()));
        let linked = graph.and_then(|graph| {
            let reach = Reachability::new(&spec, seed, &peers, &sites, &graph)?;
            Ok((graph, reach))
        });
        let linked = linked.map_err(|error| errors.push(error)).ok();
        let hub = match &spec.topology {
            Topology::Star(star) => {
                star.hub.as_ref().map_or(Some(0), |group| topology::Fleet::first_of_group(&fleet, group))
            }
            _ => None,
        };
        let hub = hub.map(Peer);

        let mut selection =
            Selection { peers: &peers, regions: &regions, sites: &sites, workloads: BTreeMap::new(), seed };
        let mut workloads = Vec::new();
        let discovery = match discovery::plan(&spec.discovery, &peers, &selection) {
            Ok(discovery) => discovery,
            Err(error) => {
                errors.push(error);
                return Err(errors);
            }
        };
        for (number, workload) in spec.workloads.iter().enumerate() {
            let path = format!("spec.workloads[{number}]");
            let planned = selection.select(&workload.who, &format!("{path}.who")).and_then(|who| {
                let place =
                    WorkloadPlace { peers: &peers, duration: spec.duration, discovery: discovery.as_ref() };
                let kind = workloads::plan(workload, number as u8, &path, &who, &selection, &place, files)?;
                Ok((who, kind))
            });
            match planned {
                Ok((who, kind)) => {
                    selection.workloads.insert(&workload.name, who);
                    workloads.push(WorkloadPlan { name: workload.name.clone(), kind });
                }
                Err(error) => errors.push(error),
            }
        }
        let faults = faults::plan(&spec, &selection).unwrap_or_else(|more| {
            errors.extend(more);
            Vec::new()
        });
        drop(selection);
        let Some((graph, reach)) = linked.filter(|_| errors.is_empty()) else { return Err(errors) };
        let name = scenario.metadata.name.clone();
        Ok(Self {
            name,
            spec,
            seed,
            regions,
            sites,
            peers,
            latency,
            graph,
            reach,
            discovery: discovery.map(Arc::new),
            hub,
            faults,
            workloads,
            traces,
        })
    }

    /// The same for an engine whose chunks have real bytes: manifests name these.
    #[must_use]
    pub fn with_real_bodies(mut self) -> Self {
        for workload in &mut self.workloads {
            if let WorkloadKind::Update(update) = &mut workload.kind {
                *update = Arc::new(UpdatePlan::clone(update).with_real_bodies());
            }
        }
        self
    }

    /// One-way delay between two peers, last miles included.
    #[must_use]
    pub fn delay(&self, a: Peer, b: Peer) -> Nanos {
        self.latency.between(a, b, &self.peers, &self.regions, &self.sites)
    }

    /// A wait below `most` ns that belongs to a pair: how long it takes until both ends of a connection that was held up, or lost,
    /// are at it again.
    #[must_use]
    pub fn back_off(&self, a: Peer, b: Peer, most: u64) -> u64 {
        let draw = mix(self.seed.0, u64::from(a.min(b).0), u64::from(a.max(b).0));
        ((u128::from(draw) * u128::from(most)) >> 64) as u64
    }

    /// Whether a peer can dial another without help.
    #[must_use]
    pub fn can_dial(&self, from: Peer, to: Peer) -> bool {
        self.reach.can_dial(&self.peers, &self.sites, from, to)
    }

    /// Whether neither of two peers can dial the other, so that they meet at a relay.
    #[must_use]
    pub fn need_relay(&self, a: Peer, b: Peer) -> bool {
        self.reach.need_relay(&self.peers, &self.sites, a, b)
    }

    /// What comes of a connection between two peers that begins at a relay.
    #[must_use]
    pub fn upgrade(&self, a: Peer, b: Peer) -> Upgrade {
        self.reach.upgrade(&self.peers, a, b)
    }

    /// When a peer is there.
    #[must_use]
    pub fn sessions(&self, peer: Peer) -> Sessions {
        let group = self.peers.group(peer);
        let number = self.peers.groups().iter().position(|other| other.first == group.first);
        let trace = number.and_then(|number| self.traces[number].as_ref());
        let recorded = trace.map(|trace| trace[(peer.0 - group.first.0) as usize].as_slice());
        Sessions::new(&group.spec, peer, self.seed, recorded)
    }
}
