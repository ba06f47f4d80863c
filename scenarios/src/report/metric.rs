//! The metrics that reports hold: their names, units, meanings and sources.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{
    spec::{Overlay, ScenarioSpec},
    units::{Bytes, Nanos, QuantityError, Share},
};

/// The unit of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Seconds.
    #[serde(rename = "s")]
    Seconds,
    /// Bytes.
    #[serde(rename = "B")]
    Bytes,
    /// Per cent.
    #[serde(rename = "%")]
    Percent,
    /// A number of things.
    #[serde(rename = "1")]
    Count,
}

impl Unit {
    /// As it stands in a report.
    #[must_use]
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Bytes => "B",
            Self::Percent => "%",
            Self::Count => "1",
        }
    }

    /// How many of the steps in which values are recorded make one of this unit: times are recorded in ns, the rest as it is.
    #[must_use]
    pub const fn recorded_steps(self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::Bytes | Self::Percent | Self::Count => 1.0,
        }
    }

    /// Reads a bound in this unit: `500ms`, `64Ki`, `99.9%` or `1.5`.
    ///
    /// # Errors
    /// When the text is no quantity of this unit.
    pub fn read(self, text: &str) -> Result<f64, QuantityError> {
        match self {
            Self::Seconds => text.parse::<Nanos>().map(Nanos::as_secs_f64),
            Self::Bytes => text.parse::<Bytes>().map(|bytes| bytes.0 as f64),
            Self::Percent => text.parse::<Share>().map(|share| f64::from(share.parts_per_billion()) / 1e7),
            Self::Count => match text.parse::<f64>() {
                Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
                _ => Err(QuantityError {
                    given: text.to_owned(),
                    wanted: "a plain number such as `3` or `1.5`",
                    why: "this metric counts things".to_owned(),
                }),
            },
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.symbol())
    }
}

/// Which runs have a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every run, under the metric's own name.
    Run,
    /// Runs with peers behind NAT, under the metric's own name.
    Nat,
    /// Runs over gossipsub, under the metric's own name.
    Gossipsub,
    /// Runs with Kademlia, under the metric's own name.
    Kademlia,
    /// Every workload of role chat, under the workload's name, a dot and the metric's.
    Chat,
    /// Every workload of role update, likewise.
    Update,
    /// Every workload of role lookups, likewise.
    Lookups,
}

/// What a metric is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metric {
    /// Which runs have it.
    pub scope: Scope,
    /// Its name within the scope.
    pub name: &'static str,
    /// Its unit.
    pub unit: Unit,
    /// What is counted, and over what it is distributed.
    pub meaning: &'static str,
    /// Where the definition comes from.
    pub source: &'static str,
}

impl Metric {
    /// Its full name: for a workload's metric, with the workload's.
    #[must_use]
    pub fn full_name(&self, workload: &str) -> String {
        match self.scope {
            Scope::Run | Scope::Nat | Scope::Gossipsub | Scope::Kademlia => self.name.to_owned(),
            Scope::Chat | Scope::Update | Scope::Lookups => format!("{workload}.{}", self.name),
        }
    }
}

const OWN: &str = "peerlab";
const GOSSIPSUB: &str = "libp2p, gossipsub v1.0 to v1.2";
const KADEMLIA: &str = "Maymounkov and Mazieres, Kademlia, IPTPS 2002; libp2p-kad";
const IPFS: &str = "Trautwein et al., Design and evaluation of IPFS, SIGCOMM 2022";

macro_rules! metrics {
    ($($constant:ident: $scope:ident $name:literal $unit:ident, $meaning:literal, $source:expr;)*) => {
        $(
            #[doc = $meaning]
            pub const $constant: Metric =
                Metric { scope: Scope::$scope, name: $name, unit: Unit::$unit, meaning: $meaning, source: $source };
        )*
        /// Every metric, in the order of a report.
        pub const METRICS: &[Metric] = &[$($constant),*];
    };
}

metrics! {
    DELIVERY_LATENCY: Chat "delivery.latency" Seconds,
        "From a post being said to its being shown to a member in order, over all showings.", OWN;
    DELIVERY_LIVE: Chat "delivery.live" Seconds,
        "The same where the overlay alone sufficed: neither the post nor one that it had to wait for came by catching up.", OWN;
    DELIVERY_COMPLETENESS: Chat "delivery.completeness" Percent,
        "Posts of others shown to a member, of all said in its rooms, over the members online at the end.", OWN;
    DELIVERY_HOPS: Chat "delivery.hops" Count,
        "Links from author to reader, over what the overlay brought: last delivery hop.",
        "Leitao et al., HyParView, DSN 2007";
    ORDER_HELD: Chat "order.held" Seconds,
        "How long a post waited at its reader for what comes before it, over all showings.", OWN;
    COVERAGE_T50: Chat "coverage.t50" Seconds,
        "From a post being said until half of its readers have it, over posts that reached so many.", OWN;
    COVERAGE_T95: Chat "coverage.t95" Seconds,
        "The same until 95 % have it.", OWN;
    COVERAGE_T100: Chat "coverage.t100" Seconds,
        "The same until all have it.", OWN;
    CATCH_UP_TIME: Chat "catchUp.time" Seconds,
        "From a member's return until it holds all that its partner had, over returns.", OWN;
    CATCH_UP_SHARE: Chat "catchUp.share" Percent,
        "Showings of posts that came by catching up instead of by the overlay, of all showings.", OWN;
    PRESENCE_DETECTION: Chat "presence.detection" Seconds,
        "From a member's going until another in its room takes it for offline, over such pairs.",
        "Chen, Toueg and Aguilera, On the quality of service of failure detectors, IEEE TC 2002 (detection time)";
    PRESENCE_LAST_SEEN: Chat "presence.lastSeen" Seconds,
        "Error of \"last seen\" when a member is taken for offline: from its last sign of life, as it came, to its going, or to now \
         if it is still there.", OWN;
    PRESENCE_FALSE: Chat "presence.falseOffline" Count,
        "Times that a member was taken for offline while it was online.",
        "Chen, Toueg and Aguilera 2002 (mistakes)";
    READ_LATENCY: Chat "read.latency" Seconds,
        "From a post being said until its author knows that a member has read it, over receipts.", OWN;
    MEMBERS_ABSENT: Chat "members.absent" Count,
        "Members not online at the end, which completeness leaves out; once for each of their rooms.", OWN;
    INSTALL_TIME: Update "install.time" Seconds,
        "From a release until a peer has all of it and installs it, over installs.", OWN;
    INSTALL_COMPLETENESS: Update "install.completeness" Percent,
        "Peers that installed the last release, of those online at the end that are to have it.", OWN;
    INSTALL_T50: Update "install.t50" Seconds,
        "From a release until half of those who are to have it have installed it, over releases that reached so many.", OWN;
    INSTALL_T95: Update "install.t95" Seconds,
        "The same until 95 % have.", OWN;
    INSTALL_T100: Update "install.t100" Seconds,
        "The same until all have.", OWN;
    INSTALL_OVER_BOUND: Update "install.overBound" Count,
        "The time until all have it, as a multiple of the least possible: max(F/u_s, F/d_min, N F/(u_s + sum u_i)).",
        "Kumar and Ross, Peer-assisted file distribution: the minimum distribution time, HOTWEB 2006";
    ORIGIN_OFFLOAD: Update "origin.offload" Percent,
        "Bytes of kept chunks that came from other peers instead of a publisher.", OWN;
    BYTES_SITE: Update "bytes.site" Percent,
        "Bytes of kept chunks that came from another peer of the same site.", OWN;
    BYTES_REGION: Update "bytes.region" Percent,
        "Bytes of kept chunks that came from another peer of the same region, and not of the same site.", OWN;
    BYTES_FAR: Update "bytes.far" Percent,
        "Bytes of kept chunks that came from another peer of another region.", OWN;
    BYTES_WASTED: Update "bytes.wasted" Percent,
        "Bytes of chunks that came and were here already, falsified or not wanted any more, of those of all that came.", OWN;
    CHUNKS_REFUSED: Update "chunks.refused" Count,
        "Chunks that did not fit the manifest, and were thrown away.", OWN;
    MANIFESTS_REFUSED: Update "manifests.refused" Count,
        "Manifests that were refused: falsified, a stranger's, expired, or older than one that is known.",
        "The Update Framework, section 1.5.2";
    PROVIDE_TIME: Lookups "provide.time" Seconds,
        "From a provider's beginning to say that it has a content until it has told those who keep its record, over those that \
         found somebody to tell.", IPFS;
    PROVIDE_REQUESTS: Lookups "provide.requests" Count,
        "Peers asked on the way there, those told included, over all that came to an end.", OWN;
    PROVIDE_SUCCESS: Lookups "provide.success" Percent,
        "Those that found somebody to tell, of all that came to an end.", OWN;
    FIND_TIME: Lookups "find.time" Seconds,
        "From asking for the providers of a content until as many as are wanted are known, or no more can be found, over lookups \
         that found one.", IPFS;
    FIND_HOPS: Lookups "find.hops" Count,
        "Links of the chain by which each peer was named by the one before it, up to the one that named the first provider, over \
         the same.", KADEMLIA;
    FIND_REQUESTS: Lookups "find.requests" Count,
        "Peers asked, over all lookups of providers that came to an end.", KADEMLIA;
    FIND_SUCCESS: Lookups "find.success" Percent,
        "Lookups that found a provider, of all that came to an end.", OWN;
    FIND_STALE: Lookups "find.stale" Percent,
        "Providers that were found and were not running when they were, of all that were found.", OWN;
    RETRIEVE_TIME: Lookups "retrieve.time" Seconds,
        "From asking for the providers of a content to standing in connection with one, over those that came so far.", IPFS;
    RETRIEVE_SUCCESS: Lookups "retrieve.success" Percent,
        "Lookups that ended in connection with a provider, of all that came to an end.", OWN;
    PEER_TIME: Lookups "peer.time" Seconds,
        "From asking for a peer until the lookup has asked all that are nearest to it, over those that found it.", KADEMLIA;
    PEER_HOPS: Lookups "peer.hops" Count,
        "Links of the chain of names up to the peer, over the same.", KADEMLIA;
    PEER_REQUESTS: Lookups "peer.requests" Count,
        "Peers asked, over all lookups of peers that were there from beginning to end.", KADEMLIA;
    PEER_SUCCESS: Lookups "peer.success" Percent,
        "Lookups that found the peer, of those that came to an end and whose peer was there all the time.", OWN;
    OVERLAY_DUPLICATES: Run "overlay.duplicates" Count,
        "Copies of an item that came after the first, for each item that came, over peers.", OWN;
    OVERLAY_REDUNDANCY: Run "overlay.redundancy" Count,
        "Relative message redundancy: copies received for each item received, less one.",
        "Leitao et al., Plumtree, SRDS 2007, section 4.1";
    OVERLAY_TAINTED: Run "overlay.tainted" Count,
        "Copies refused for a wrong signature.", OWN;
    GOSSIPSUB_MESH_DEGREE: Gossipsub "gossipsub.meshDegree" Count,
        "Peers in a mesh at the end or when its peer stopped, over peers and the topics that they subscribe to.", GOSSIPSUB;
    GOSSIPSUB_ANNOUNCED: Gossipsub "gossipsub.announced" Count,
        "Items named in announcements (IHAVE), once for each peer that was told.", GOSSIPSUB;
    GOSSIPSUB_ASKED: Gossipsub "gossipsub.asked" Count,
        "Items asked for (IWANT): what the mesh did not bring in time.", GOSSIPSUB;
    GOSSIPSUB_BROKEN: Gossipsub "gossipsub.brokenPromises" Count,
        "Items asked for that nobody had sent when the time for it was over.", GOSSIPSUB;
    GOSSIPSUB_SPARED: Gossipsub "gossipsub.spared" Count,
        "Copies not sent, or taken out of a queue, for their receiver had the item already (IDONTWANT).", GOSSIPSUB;
    GOSSIPSUB_DROPPED: Gossipsub "gossipsub.dropped" Count,
        "Messages that waited too long for their connection or found its queue full: libp2p's event SlowPeer.",
        GOSSIPSUB;
    GOSSIPSUB_GRAFTED: Gossipsub "gossipsub.grafted" Count,
        "Peers taken into a mesh, by either side.", GOSSIPSUB;
    GOSSIPSUB_PRUNED: Gossipsub "gossipsub.pruned" Count,
        "Peers put out of a mesh, or not let in.", GOSSIPSUB;
    GOSSIPSUB_REFUSED: Gossipsub "gossipsub.refused" Count,
        "Items too long to be published, and control messages too long to be read.", GOSSIPSUB;
    GOSSIPSUB_IGNORED: Gossipsub "gossipsub.ignored" Count,
        "Messages not heeded because of their sender's score.", GOSSIPSUB;
    NETWORK_SENT: Run "network.sent" Bytes,
        "Bytes that left a peer, packet overhead included, over peers.", OWN;
    NETWORK_RECEIVED: Run "network.received" Bytes,
        "Bytes that reached a peer, packet overhead included, over peers.", OWN;
    NETWORK_MESSAGES: Run "network.messages" Count,
        "Messages handed to the network.", OWN;
    NETWORK_CONTROL: Run "network.control" Percent,
        "Bytes of messages that carry no item, of those of all messages.", OWN;
    NETWORK_LOST: Run "network.lost" Percent,
        "Messages that were lost for good since the warm-up, of those that were lost or delivered since.", OWN;
    PEERS_ONLINE: Run "peers.online" Percent,
        "Peers running at the end.", OWN;
    KADEMLIA_TABLE: Kademlia "kademlia.table" Count,
        "Peers in a routing table at the end or when its peer stopped, over peers.", KADEMLIA;
    KADEMLIA_RECORDS: Kademlia "kademlia.records" Count,
        "Records of providers that a server keeps for others at the end or when it stopped, over servers.", KADEMLIA;
    KADEMLIA_REQUESTS: Kademlia "kademlia.requests" Count,
        "Requests since the warm-up: of lookups, of refreshes, and of renewals of records.", KADEMLIA;
    KADEMLIA_FAILED: Kademlia "kademlia.failed" Percent,
        "Those of them whose peer could not be reached, did not answer, or does not serve.", OWN;
    KADEMLIA_DIALLED: Kademlia "kademlia.dialled" Count,
        "Connections dialled for them.", OWN;
    KADEMLIA_REFRESHES: Kademlia "kademlia.refreshes" Count,
        "Lookups since the warm-up that refresh routing tables.", KADEMLIA;
    KADEMLIA_BYTES: Kademlia "kademlia.bytes" Bytes,
        "Bytes of Kademlia and identify sent since the warm-up, without packet overhead, a peer.", OWN;
    NAT_DIRECT: Nat "nat.direct" Percent,
        "Connections that were dialled without help, of those that stand at the end.", OWN;
    NAT_PUNCHED: Nat "nat.punched" Percent,
        "Connections that began at a relay and became direct, by a hole or by dialling back, of those that stand at the end.", OWN;
    NAT_RELAYED: Nat "nat.relayed" Percent,
        "Connections that a relay carries, of those that stand at the end.", OWN;
    NAT_UNREACHABLE: Nat "nat.unreachable" Percent,
        "Neighbours that are not connected for want of a relay, of the topology's edges whose ends both run at the end.", OWN;
    NAT_REFUSED: Nat "nat.refused" Count,
        "Attempts to connect that failed since the warm-up because no relay was there, or none had room.", OWN;
    NAT_PUNCHING: Nat "nat.punching" Percent,
        "Holes that were punched, of those that were tried and came to an end, over the whole run.",
        "arXiv 2510.27500 (success rate of DCUtR)";
    NAT_ATTEMPTS: Nat "nat.attempts" Count,
        "Attempts until a hole was punched or given up, over those tried in the whole run.", OWN;
    RELAY_BYTES: Nat "relay.bytes" Bytes,
        "Bytes that a relay passed on since the warm-up, packet overhead included, over relays.", OWN;
    RELAY_DETOUR: Nat "relay.detour" Seconds,
        "By how much the way through the relay is longer than the direct one, one way, over connections that a relay carries at \
         the end; nothing where it is shorter.", OWN;
}

/// The metrics that a scenario's report will hold, by full name.
#[must_use]
pub fn metrics_of(spec: &ScenarioSpec) -> Vec<(String, &'static Metric)> {
    let mut list = Vec::new();
    for workload in &spec.workloads {
        let own = METRICS.iter().filter(|metric| match metric.scope {
            Scope::Run | Scope::Nat | Scope::Gossipsub | Scope::Kademlia => false,
            Scope::Chat => workload.chat.is_some(),
            Scope::Update => workload.update.is_some(),
            Scope::Lookups => workload.lookups.is_some(),
        });
        list.extend(own.map(|metric| (metric.full_name(&workload.name), metric)));
    }
    let nat = spec.groups.iter().any(|group| !group.nat.can_be_dialled());
    let gossipsub = matches!(spec.overlay, Overlay::Gossipsub(_));
    let kademlia = spec.discovery.kademlia().is_some();
    let of_run = METRICS.iter().filter(|metric| match metric.scope {
        Scope::Run => true,
        Scope::Nat => nat,
        Scope::Gossipsub => gossipsub,
        Scope::Kademlia => kademlia,
        Scope::Chat | Scope::Update | Scope::Lookups => false,
    });
    list.extend(of_run.map(|metric| (metric.name.to_owned(), metric)));
    list
}
