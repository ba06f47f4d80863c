//! What a run is expected to cost, before it begins: an estimate from the plan, to refuse what cannot fit and to tell of what
//! takes long.
//!
//! The figures for a peer, an edge and so on are upper ends of what runs of a thousand to a hundred thousand peers took. It is
//! an estimate of what the network carries when it is not overloaded: a backlog costs memory besides.

use peerlab_report::quantity::{Unit, grouped};
use peerlab_scenarios::{
    plan::{ChatPlan, KademliaPlan, Plan, UpdatePlan, WorkloadKind, topology::expected_links},
    spec::{ScenarioSpec, overlay::Overlay},
    units::Bytes,
    wire::Item,
};

use crate::engine::wheel::Event;

/// The program, its report and its charts, bytes.
const PROGRAM: f64 = 40e6;

/// A peer with its port, its timers and the machine of an overlay, bytes: one that only passes on, one that keeps a tree, and
/// one of gossipsub.
const PEER: f64 = 400.0;
const PEER_IN_A_TREE: f64 = 1_200.0;
const PEER_IN_A_MESH: f64 = 3_000.0;

/// Both ends of an edge in the plan and in the engine, and the events of its handshake, bytes.
const EDGE: f64 = 120.0;

/// The same in a plan alone, while it is made, bytes.
const PLANNED_PEER: f64 = 40.0;
const PLANNED_EDGE: f64 = 20.0;

/// What each further thread of a run takes, bytes: by itself, and for each peer, of whom all threads know something.
const THREAD: f64 = 12e6;
const PEER_OF_ANOTHER_THREAD: f64 = 250.0;

/// What a member keeps of a room, bytes: by itself, of each author who has posted, and of each post.
const SEAT: f64 = 2_500.0;
const HEAD: f64 = 24.0;
const ENTRY: f64 = 16.0;

/// What a peer keeps of a chunk of an update, bytes: of its own, and for each peer with whom it is connected for it.
const CHUNK: f64 = 24.0;
const CHUNK_OF_ANOTHER: f64 = 0.125;

/// What it keeps of each of these peers besides, and of its download, bytes.
const MATE: f64 = 400.0;

/// What a chunk holds of its proof for each level of the tree over all chunks, bytes.
const PROOF: f64 = 32.0;

/// What an item holds besides its fixed part, bytes.
const CONTENT: f64 = 64.0;

/// What a peer of Kademlia keeps, bytes: by itself, and of each peer in its table, the connections with some of them included.
const SEEKER: f64 = 4_000.0;
const CONTACT: f64 = 40.0;

/// Messages of a request: two peers meet and say who they are, agree on a stream, ask and answer.
const REQUEST_IN_DELIVERIES: f64 = 8.0;

/// Requests of a lookup, besides those to the nearest, which are as many as k.
const REQUESTS_ON_THE_WAY: f64 = 10.0;

/// How long a message may be taken to be on its way, s.
const ON_ITS_WAY: f64 = 0.5;

/// Deliveries of a second: what one core does with a fleet that is not small.
const DELIVERIES_PER_SECOND: f64 = 2e6;

/// What a chunk that is fetched comes to, in deliveries: it is asked for, its flow shares links with others, it arrives, and
/// others hear of it.
const CHUNK_IN_DELIVERIES: f64 = 10.0;

/// More deliveries than these are told of before the run.
const MANY_DELIVERIES: f64 = 1e9;

/// What a run is expected to cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// Items that are published.
    pub items: f64,
    /// Messages with an item that are delivered: each item's to all peers, copies included, but for those of a tree that is still
    /// being formed. A chunk of an update that is fetched counts as several, for the work that it is.
    pub deliveries: f64,
    /// Bytes of memory, by what they are for and what would make them less.
    memory: Vec<(&'static str, f64)>,
    /// Bytes that each further thread takes.
    thread: f64,
}

/// What needs more memory than there is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this needs about {needed} of memory, and {limit} may be used\n  = help: most of it, {most}, is for {what}\n  = help: if the \
     estimate is wrong, allow more with `--memory`"
)]
pub struct DoesNotFit {
    needed: String,
    limit: String,
    most: String,
    what: &'static str,
}

/// What each further thread of a run takes, bytes: each has an entry of its own for every item.
fn of_thread(peers: f64, items: f64) -> f64 {
    THREAD + peers * PEER_OF_ANOTHER_THREAD + items * CONTENT
}

/// What all members of a chat keep of its rooms, bytes.
fn seats(chat: &ChatPlan) -> f64 {
    let posts_in_room = chat.expected_posts() / f64::from(chat.rooms());
    let seats = chat.seats() as f64;
    let authors = posts_in_room.min(seats / f64::from(chat.rooms()));
    seats * (SEAT + HEAD * authors + ENTRY * posts_in_room)
}

/// What publishers make of an update, and what all who take part keep of one release, bytes.
fn download(update: &UpdatePlan) -> f64 {
    let each = update.chunks() * (CHUNK + CHUNK_OF_ANOTHER * update.mates()) + MATE * update.mates();
    let chunk = size_of::<Item>() as f64 + PROOF * (update.chunks().log2().ceil() + 2.0);
    (update.publishers().len() + update.subscribers()) as f64 * each + update.made_chunks() * chunk
}

/// Buckets of a routing table that are not empty.
fn buckets(kademlia: &KademliaPlan) -> f64 {
    (kademlia.servers().len() as f64).log2().max(1.0)
}

/// What the routing tables of so many peers hold, bytes.
fn tables(kademlia: &KademliaPlan, peers: f64) -> f64 {
    let contacts =
        (buckets(kademlia) * f64::from(kademlia.spec().k.get())).min(kademlia.servers().len() as f64);
    peers * (SEEKER + CONTACT * contacts)
}

/// Lookups that refresh the routing tables of so many peers within a time.
fn refreshes(kademlia: &KademliaPlan, peers: f64, seconds: f64) -> f64 {
    peers * (1.0 + seconds / kademlia.spec().refresh.as_secs_f64()) * buckets(kademlia)
}

impl Cost {
    /// What a run of a scenario costs at the least, which is known before it is planned: a large plan takes its own time and
    /// memory.
    #[must_use]
    pub fn at_least(spec: &ScenarioSpec) -> Self {
        Self::of_size(spec, PEER, EDGE)
    }

    /// What it costs to plan a scenario and no more.
    #[must_use]
    pub fn of_planning(spec: &ScenarioSpec) -> Self {
        Self::of_size(spec, PLANNED_PEER, PLANNED_EDGE)
    }

    /// The estimate by the number of peers and of edges, with so many bytes for each.
    fn of_size(spec: &ScenarioSpec, peer: f64, edge: f64) -> Self {
        let peers = spec.peers.map_or_else(|| spec.counted_peers(), u64::from);
        let edges = expected_links(&spec.topology, peers);
        let memory = vec![
            ("the program", PROGRAM),
            ("its peers: simulate fewer", peers as f64 * peer),
            ("the topology: give peers fewer neighbours", edges as f64 * edge),
        ];
        Self { items: 0.0, deliveries: 0.0, memory, thread: of_thread(peers as f64, 0.0) }
    }

    /// Events of a second of virtual time: a message comes, and is delivered.
    #[must_use]
    pub fn events_per_second(&self, plan: &Plan) -> f64 {
        2.0 * self.deliveries / plan.spec.end().as_secs_f64()
    }

    /// The estimate for a plan.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (peers, edges) = (f64::from(plan.peers.len()), plan.graph.edges() as f64);
        let (mut items, mut rooms, mut chunks, mut downloads, mut lookups) = (0.0, 0.0, 0.0, 0.0, 0.0);
        let attendance = plan.attendance();
        let online = |peer| attendance[plan.peers.group_index(peer)];
        for workload in &plan.workloads {
            match &workload.kind {
                WorkloadKind::Chat(chat) => {
                    items += chat.expected_items(plan.spec.end(), online);
                    rooms += seats(chat);
                }
                WorkloadKind::Update(update) => {
                    items += update.releases().len() as f64;
                    chunks += update.expected_chunks();
                    downloads += download(update);
                }
                WorkloadKind::Lookups(planned) => {
                    let (finds, peers) = planned.expected();
                    lookups += finds
                        + peers
                        + f64::from(planned.spec().contents.get() * planned.spec().copies.get());
                }
            }
        }
        // A flood crosses each edge once in each direction, but for the one by which an item came (each peer but its author).
        let flood = (2.0 * edges - peers + 1.0).max(0.0);
        let (copies, peer) = match &plan.spec.overlay {
            Overlay::Flood {} => (flood, PEER),
            Overlay::Plumtree(_) => (peers, PEER_IN_A_TREE),
            // Meshes settle a little above their size, and an item does not go back to where it came from.
            Overlay::Gossipsub(params) => (flood.min(peers * f64::from(params.mesh_n.get())), PEER_IN_A_MESH),
            Overlay::Star {} => (peers, PEER),
        };
        let (mut requests, mut known) = (0.0, 0.0);
        if let Some(kademlia) = &plan.discovery {
            lookups += refreshes(kademlia, peers, plan.spec.end().as_secs_f64());
            requests = lookups * (f64::from(kademlia.spec().k.get()) + REQUESTS_ON_THE_WAY);
            known = tables(kademlia, peers);
        }
        let spread = items * copies;
        let per_second = spread / plan.spec.duration.as_secs_f64();
        let in_flight = (per_second * ON_ITS_WAY).max(copies.min(spread));
        let memory = vec![
            ("the program", PROGRAM),
            ("its peers: simulate fewer", peers * peer),
            ("the topology: give peers fewer neighbours", edges * EDGE),
            ("the members' rooms: make them smaller, or post less", rooms),
            ("updates: make chunks longer, or releases fewer", downloads),
            (
                "what is published: post less, or for a shorter time",
                items * (size_of::<Item>() as f64 + CONTENT + peers / 8.0),
            ),
            ("routing tables: let fewer peers take part, or make `k` smaller", known),
            ("messages in flight: post less at a time", in_flight * size_of::<Event>() as f64),
        ];
        let deliveries = spread + chunks * CHUNK_IN_DELIVERIES + requests * REQUEST_IN_DELIVERIES;
        Self { items, deliveries, memory, thread: of_thread(peers, items) }
    }

    /// Bytes of memory.
    #[must_use]
    pub fn memory(&self) -> Bytes {
        // A cast from floating point saturates.
        Bytes(self.memory.iter().map(|(_, bytes)| bytes).sum::<f64>() as u64)
    }

    /// Bytes of memory that each thread of a run takes beyond the first.
    #[must_use]
    pub const fn memory_of_thread(&self) -> Bytes {
        Bytes(self.thread as u64)
    }

    /// Threads that a run can have within so much memory, which it fits into with one.
    #[must_use]
    pub fn threads_within(&self, limit: Bytes) -> usize {
        let more = limit.0.saturating_sub(self.memory().0) / self.memory_of_thread().0.max(1);
        usize::try_from(more).unwrap_or(usize::MAX).saturating_add(1)
    }

    /// Whether the run fits into so much memory.
    ///
    /// # Errors
    /// When it does not, with both figures and what would help most.
    pub fn fits(&self, limit: Bytes) -> Result<(), DoesNotFit> {
        if self.memory() <= limit {
            return Ok(());
        }
        let show = |bytes: f64| Unit::Bytes.show(bytes);
        let most = self.memory.iter().max_by(|a, b| a.1.total_cmp(&b.1));
        let &(what, most) = most.expect("there is the program");
        let (needed, limit) = (show(self.memory().0 as f64), show(limit.0 as f64));
        Err(DoesNotFit { needed, limit, most: show(most), what })
    }

    /// What is worth knowing before a run that takes long.
    #[must_use]
    pub fn note(&self) -> Option<String> {
        (self.deliveries > MANY_DELIVERIES).then(|| {
            format!(
                "about {} items and {} deliveries are to be expected, some {} on one core",
                grouped(self.items as u64),
                grouped(self.deliveries as u64),
                Unit::Seconds.show(self.deliveries / DELIVERIES_PER_SECOND)
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use peerlab_report::record::Recorder;
    use peerlab_scenarios::{
        plan::Files,
        seed::Seed,
        spec::{
            read::read,
            topology::{FullMesh, Topology},
        },
        wire::Kind,
    };

    use super::*;
    use crate::model;

    fn plan(peers: u32, overlay: &str, every: &str) -> Plan {
        let chat =
            format!("{{posts: {{poisson: {{every: {every}}}}}, presence: {{every: 10s, timeout: 30s}}}}");
        plan_of(peers, overlay, &format!("{{name: talk, chat: {chat}}}"))
    }

    fn plan_of(peers: u32, overlay: &str, workload: &str) -> Plan {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: cost}}
spec:
  duration: 60s
  groups: [{{name: all, peers: {peers}}}]
  topology: {{kRegular: {{degree: 6}}}}
  overlay: {{{overlay}}}
  workloads: [{workload}]
"
        );
        let scenario = read("cost", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        Plan::new(&scenario, Seed(1), &Files::new()).expect("it can be planned")
    }

    #[test]
    fn deliveries_are_near_what_a_run_delivers() {
        // A tree that is still being formed carries copies besides.
        let cases = [
            ("flood: {}", 0.9..1.1),
            ("plumtree: {membership: {plan: {}}}", 0.9..2.0),
            ("gossipsub: {}", 0.9..1.2),
        ];
        for (overlay, near) in cases {
            let plan = plan(60, overlay, "200ms");
            let expected = Cost::of(&plan).deliveries;
            let (_, recorder) = model::run(&plan, Recorder::new(&plan), &|_| false);
            let delivered: u64 = recorder.copies.iter().map(|copies| copies.first + copies.duplicate).sum();
            let ratio = delivered as f64 / expected;
            assert!(near.contains(&ratio), "{overlay}: {delivered} for {expected}");
        }
    }

    #[test]
    fn chunks_are_near_what_a_run_fetches_and_their_work_is_what_they_count_for() {
        let plan = plan_of(60, "flood: {}", "{name: patch, update: {size: 4Mi, chunk: 64Ki}}");
        let cost = Cost::of(&plan);
        let (outcome, _) = model::run(&plan, Recorder::new(&plan), &|_| false);
        let fetched = outcome.traffic.sent[usize::from(Kind::Serve.number())].messages as f64;
        let chunks = (cost.deliveries - cost.items * (2.0 * 180.0 - 60.0 + 1.0)) / CHUNK_IN_DELIVERIES;
        assert!((0.9..1.2).contains(&(fetched / chunks)), "{fetched} for {chunks}");
        // A delivery by flood is two events.
        let work = outcome.events as f64 / 2.0 / fetched;
        assert!((0.5..1.5).contains(&(work / CHUNK_IN_DELIVERIES)), "{work} deliveries a chunk");
    }

    #[test]
    fn an_update_of_many_chunks_to_many_peers_needs_memory_for_their_downloads() {
        let cost =
            Cost::of(&plan_of(20_000, "flood: {}", "{name: patch, update: {size: 10Gi, chunk: 64Ki}}"));
        let refused = cost.fits(Bytes(1_000_000_000)).expect_err("it is too much").to_string();
        assert!(refused.contains("is for updates: make chunks longer"), "{refused}");
    }

    #[test]
    fn threads_take_memory_too() {
        let cost = Cost::of(&plan(60, "flood: {}", "200ms"));
        let with = |threads: u64| Bytes(cost.memory().0 + (threads - 1) * cost.memory_of_thread().0);
        for threads in [1, 2, 5] {
            assert_eq!(cost.threads_within(with(threads)), threads as usize);
            assert_eq!(cost.threads_within(Bytes(with(threads + 1).0 - 1)), threads as usize);
        }
        let crowd = Cost::of(&plan(20_000, "flood: {}", "10s"));
        assert!(crowd.memory_of_thread() > cost.memory_of_thread());
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_figure_and_what_would_help() {
        let cost = Cost::of(&plan(60, "flood: {}", "200ms"));
        let needed = cost.memory();
        assert_eq!(cost.fits(needed), Ok(()));
        let refused = cost.fits(Bytes(needed.0 - 1)).expect_err("it does not fit").to_string();
        assert!(
            refused.contains(&Unit::Bytes.show(needed.0 as f64)) && refused.contains("`--memory`"),
            "{refused}"
        );
        let crowd = Cost::of(&plan(20_000, "flood: {}", "10s"));
        let refused = crowd.fits(Bytes(100_000_000)).expect_err("20,000 say that they live").to_string();
        assert!(refused.contains("GB of memory, and 100 MB may be used"), "{refused}");
        assert!(refused.contains("is for messages in flight: post less at a time"), "{refused}");
    }

    #[test]
    fn who_is_away_costs_no_signs_of_life() {
        let text = |online: &str| {
            format!(
                "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: away}}
spec:
  duration: 24h
  groups: [{{name: all, peers: 2000{online}}}]
  workloads: [{{name: talk, chat: {{posts: {{poisson: {{every: 1h}}}}, presence: {{every: 30s, timeout: 90s}}}}}}]
"
            )
        };
        let items = |online: &str| {
            let scenario =
                read("away", text(online).as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
            let plan = Plan::new(&scenario, Seed(1), &Files::new()).expect("it can be planned");
            Cost::of(&plan).items
        };
        let (always, hour) = (items(""), items(", online: {weekly: {from: \"09:00\", to: \"10:00\"}}"));
        let ratio = always / hour;
        assert!(
            (22.0..26.0).contains(&ratio),
            "{always} of those who stay, {hour} of those who are there for an hour"
        );
    }

    #[test]
    fn a_topology_that_cannot_fit_is_known_before_it_is_made() {
        let spec = |peers: u32| {
            let plan = plan(60, "flood: {}", "200ms");
            let mut spec = (*plan.spec).clone();
            spec.groups[0].peers = Some(peers);
            spec.topology = Topology::FullMesh(FullMesh {});
            spec
        };
        assert_eq!(Cost::at_least(&spec(1_000)).fits(Bytes(1_000_000_000)), Ok(()));
        let refused =
            Cost::at_least(&spec(16_000)).fits(Bytes(1_000_000_000)).expect_err("128 million edges");
        assert!(
            refused.to_string().contains("15.4 GB, is for the topology: give peers fewer neighbours"),
            "{refused}"
        );
    }

    #[test]
    fn a_long_run_is_told_of() {
        assert_eq!(Cost::of(&plan(60, "flood: {}", "200ms")).note(), None);
        let note = Cost::of(&plan(10_000, "flood: {}", "10ms")).note().expect("it is long");
        assert!(note.starts_with("about 96,000 items and 4,800,0"), "{note}");
    }
}
