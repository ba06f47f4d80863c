//! Who floods, over what network, and when.

use std::{collections::BTreeMap, fmt::Write as _};

use peerlab_scenarios::{
    host::{Command, Peer},
    plan::{Plan, WorkloadKind},
    seed::Seed,
    spec::read,
    units::Nanos,
};

/// The most messages of a run.
pub(crate) const MOST_MESSAGES: u32 = 100;

/// Neighbours of a peer.
const DEGREE: u32 = 8;

/// Messages of a fleet of so many: as many deliveries whatever its size.
fn messages(peers: u32) -> u32 {
    (1_000_000 / peers).clamp(1, MOST_MESSAGES)
}

/// A fleet, and what its peers say when.
pub(crate) struct Fleet {
    pub(crate) plan: Plan,
    pub(crate) messages: u32,
}

impl Fleet {
    /// With all that the network does.
    pub(crate) fn full(peers: u32) -> Self {
        Self::of(peers, messages(peers))
    }

    /// The same with one message: what it takes besides the flood, but for that.
    pub(crate) fn nearly_silent(peers: u32) -> Self {
        Self::of(peers, 1)
    }

    fn of(peers: u32, messages: u32) -> Self {
        Self::new(peers, messages, "{jitter: 5%, loss: 1%}", "{up: 50Mbit, down: 100Mbit}")
    }

    /// With a network that only takes time.
    pub(crate) fn bare(peers: u32) -> Self {
        Self::new(
            peers,
            messages(peers),
            "{latency: {fixed: {oneWay: 50ms}}, jitter: 0%}",
            "{profile: datacenter, up: 1Tbit, down: 1Tbit, access: {constant: {value: 0s}}}",
        )
    }

    fn new(peers: u32, messages: u32, network: &str, link: &str) -> Self {
        let yaml = format!(
            "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: flood}}
spec:
  duration: 30s
  network: {network}
  groups: [{{name: peers, peers: {peers}, link: {link}}}]
  topology: {{kRegular: {{degree: {DEGREE}}}}}
  overlay: {{flood: {{}}}}
  workloads: [{{name: posts, chat: {{posts: {{trace: {{file: posts.csv}}}}}}}}]
"
        );
        let mut posts = String::new();
        for number in 0..messages {
            // Connections stand by the tenth second.
            let (at, author) = (10_000 + 5 * number, number * 97 % peers);
            writeln!(posts, "{at}ms,0,{author},1024").expect("a string grows as needed");
        }
        let scenario =
            read::read("flood.yaml", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let files = BTreeMap::from([("posts.csv".to_owned(), posts)]);
        let plan = Plan::new(&scenario, Seed(scenario.spec.seed), &files)
            .unwrap_or_else(|errors| panic!("{errors:?}"));
        Self { plan, messages }
    }

    /// Who says something, when.
    pub(crate) fn posts(&self) -> impl Iterator<Item = (Nanos, Peer, Command)> {
        let WorkloadKind::Chat(chat) = &self.plan.workloads[0].kind else { unreachable!("the fleet chats") };
        chat.timeline()
    }

    /// Deliveries of all messages: the author of each sends `d` copies, each of the others `d - 1`.
    pub(crate) fn deliveries(&self) -> u64 {
        u64::from(self.messages) * (u64::from(self.plan.peers.len()) * u64::from(DEGREE - 1) + 1)
    }
}
