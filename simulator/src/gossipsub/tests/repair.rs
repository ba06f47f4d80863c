//! What was lost while a network was bad, gossip brings afterwards: to everybody, whatever the fleet, its meshes and the loss. Peers keep
//! score, for without, libp2p does not ask again for what it has asked for once (`promises.rs`).

use std::cell::Cell;

use peerlab_scenarios::{host::Peer, report::PubsubCount, wire::ItemId};
use proptest::{
    prelude::*,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};

use super::fleet::{Result, run};

/// When the network becomes bad, s: meshes stand by then.
const BAD_FROM: u32 = 25;

/// How long neighbours may take after a cut until they begin to connect again, s.
const RECONNECTS_WITHIN: u32 = 5;

/// Milliseconds between two posts.
const EVERY: u32 = 400;

/// What gossipsub has besides.
const WITH_GOSSIP: &str = "score: {}";
const MESH_ALONE: &str = "score: {}, gossipLazy: 0, gossipFactor: 0%";
const WITHOUT_SCORES: &str = "gossipLazy: 6";

/// A fleet whose network is bad for a while.
#[derive(Debug)]
struct Bad {
    seed: u64,
    /// Those who stay to the end.
    peers: u32,
    /// How many of these nothing reaches meanwhile.
    cut_off: u32,
    /// How many others crash in the middle of it, and stay away.
    gone: u32,
    /// How long it is bad, s: longer than connections live through.
    lasts: u32,
    /// Percentage of packets that all others lose meanwhile.
    packets: u32,
    /// Percentage of packets that are lost all the time.
    always: u32,
    /// Members of a mesh: that it should have, and that are dialled.
    mesh: (u32, u32),
    /// Heartbeats for which items are announced after everybody is connected again.
    spare: u32,
}

fn bad() -> impl Strategy<Value = Bad> {
    let fleet = (any::<u64>(), 20..=60u32, 1..=3u32, 1..=30u32);
    let network = (4..=9u32, 1..=30u32, 0..=4u32);
    let gossip = ((1..=4u32).prop_flat_map(|n| (Just(n), 0..=n / 2)), 5..=10u32);
    (fleet, network, gossip).prop_map(
        |((seed, peers, gone, share), (lasts, packets, always), (mesh, spare))| {
            let cut_off = (peers * share / 100).max(1);
            Bad { seed, peers, cut_off, gone, lasts, packets, always, mesh, spare }
        },
    )
}

impl Bad {
    /// What is said meanwhile, by those who are cut off as well: when in ms, by whom, bytes.
    fn posts(&self) -> Vec<(u64, u32, u32)> {
        let times = (1000 * BAD_FROM..1000 * (BAD_FROM + self.lasts)).step_by(EVERY as usize);
        times.enumerate().map(|(number, at)| (u64::from(at), number as u32 * 7 % self.peers, 300)).collect()
    }

    /// The run, with this in the parameters of gossipsub.
    fn run(&self, besides: &str) -> Result {
        let Self { peers, cut_off, gone, lasts, packets, always, mesh: (n, outbound), spare, .. } = self;
        let groups = format!(
            "[{{name: most, peers: {}}}, {{name: cut-off, peers: {cut_off}}}, {{name: gone, peers: {gone}}}]",
            peers - cut_off
        );
        let faults = format!(
            "[{{name: cut, at: {BAD_FROM}s, for: {lasts}s, outage: {{group: cut-off}}}},
             {{name: noise, at: {BAD_FROM}s, for: {lasts}s, degrade: {{loss: {packets}%}}}},
             {{name: crash, at: {}s, kill: {{group: gone}}}}]",
            BAD_FROM + lasts / 2
        );
        let rest = format!(
            "groups: {groups}
  topology: {{kRegular: {{degree: 12}}}}
  network: {{timeout: 3s, loss: {always}%}}
  faults: {faults}"
        );
        let history = lasts + RECONNECTS_WITHIN + spare;
        let overlay = format!(
            "{{meshN: {n}, meshNLow: {n}, meshNHigh: {}, meshOutboundMin: {outbound}, historyLength: {history}, \
             historyGossip: {history}, {besides}}}",
            2 * n
        );
        run(self.seed, peers + gone, &overlay, &rest, &self.posts())
    }

    /// Who stayed and has not heard what.
    fn missed(&self, result: &Result) -> Vec<(Peer, ItemId)> {
        let items = self.posts().into_iter().map(|(at, author, _)| (author, at as u32));
        let wanted = items.flat_map(|(author, at)| {
            let item = ItemId::new(0, Peer(author), at);
            (0..self.peers).filter(move |peer| *peer != author).map(move |peer| (Peer(peer), item))
        });
        wanted.filter(|heard| !result.heard.contains(heard)).collect()
    }
}

#[test]
fn who_is_there_at_the_end_has_all_that_was_said_while_messages_were_lost() {
    let cases = 100;
    let config = ProptestConfig { source_file: Some(file!()), ..ProptestConfig::with_cases(cases) };
    let lossy = Cell::new(0);
    let law = |bad: Bad| {
        let repaired = bad.run(WITH_GOSSIP);
        prop_assert_eq!(bad.missed(&repaired), []);
        let mesh_alone = bad.run(MESH_ALONE);
        prop_assert_eq!(mesh_alone.of(PubsubCount::Asked), 0);
        if !bad.missed(&mesh_alone).is_empty() {
            prop_assert!(repaired.of(PubsubCount::Asked) > 0, "nobody asked for what the mesh had lost");
            lossy.set(lossy.get() + 1);
        }
        Ok(())
    };
    // The same cases each time: a law that fails for one fleet in thousands is to be found on purpose, and not by whoever changes something else.
    let draws = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    TestRunner::new_with_rng(config, draws).run(&bad(), law).unwrap_or_else(|broken| panic!("{broken}"));
    assert!(
        lossy.get() * 10 > cases * 9,
        "the mesh alone missed something in {} of {cases} cases",
        lossy.get()
    );
}

/// A request or its answer was lost, and the item with it.
#[test]
fn without_scores_who_has_asked_in_vain_does_not_ask_again() {
    let bad = Bad {
        seed: 426_847_254_279_916_539,
        peers: 30,
        cut_off: 5,
        gone: 2,
        lasts: 6,
        packets: 19,
        always: 0,
        mesh: (1, 0),
        spare: 20,
    };
    assert_eq!(bad.missed(&bad.run(WITHOUT_SCORES)).len(), 3);
    assert_eq!(bad.missed(&bad.run(WITH_GOSSIP)), []);
}
