//! What peers live through.

use std::ops::Range;

use peerlab_node::fleet::{Options, Transport};
use peerlab_scenarios::{
    host::Peer,
    report::{ChunkFate, Fact, Route},
    units::Nanos,
};

use crate::crew::{Came, plan, run, run_with};

/// Twelve peers, and what they say to each other in one room.
const CHAT: &str = "
duration: 6s
coolDown: 2s
groups: [{name: people, peers: 12, link: {profile: fibre}}]
network: {latency: {fixed: {oneWay: 10ms}}}
topology: {kRegular: {degree: 4}}
workloads:
  - name: room
    chat: {posts: {poisson: {every: 100ms}}, sync: {every: 1s}}
";

/// The same with some lines more, or others.
fn chat(more: &str) -> String {
    format!("{CHAT}\n{more}")
}

fn everybody_sees_everything(spec: &str) {
    let came = run(spec);
    came.holds();
    let posts = came.count(|_, fact| matches!(fact, Fact::Posted { .. }));
    assert!(posts > 20, "{posts} posts are too few to tell anything");
    assert_eq!(came.mean("room.delivery.completeness"), 100.0);
    assert_eq!(came.outcome.traffic.imbalance(), 0);
}

#[test]
fn a_flood_brings_every_post_to_everybody_in_order() {
    everybody_sees_everything(CHAT);
}

#[test]
fn gossipsub_of_libp2p_brings_every_post_to_everybody() {
    everybody_sees_everything(&chat("overlay: {gossipsub: {}}"));
}

#[test]
fn signed_gossipsub_with_scores_does_too() {
    everybody_sees_everything(&chat("overlay: {gossipsub: {authenticity: signed, score: {}}}"));
}

#[test]
fn kademlia_of_libp2p_finds_who_has_a_content() {
    let came = run("
duration: 12s
groups: [{name: people, peers: 12, link: {profile: fibre}}]
network: {latency: {fixed: {oneWay: 10ms}}}
topology: {kRegular: {degree: 3}}
discovery: {kademlia: {k: 4, start: {few: {count: 2}}}}
workloads:
  - name: contents
    lookups: {contents: 8, copies: 2, provideAt: 1s, provideWithin: 1s, find: {every: 200ms}, findPeers: {every: 1s}}
");
    came.holds();
    let found = came.count(|_, fact| matches!(fact, Fact::ProvidersSought { count: 2.., .. }));
    let reached = came.count(|_, fact| matches!(fact, Fact::Retrieved { reached: true, .. }));
    assert!(found > 20 && reached > 20, "{found} found, {reached} reached");
    for share in ["provide", "find", "peer"] {
        assert_eq!(came.mean(&format!("contents.{share}.success")), 100.0, "{share}");
    }
    assert_eq!(came.mean("contents.find.stale"), 0.0);
    assert!(came.mean("kademlia.table") > 3.0);
}

#[test]
fn plumtree_finds_its_own_neighbours() {
    everybody_sees_everything(&chat("overlay: {plumtree: {}}"));
}

#[test]
fn quic_carries_the_same_over_bare_links() {
    let options = Options { transport: Transport::Quic, bare_links: true, ..Options::default() };
    let came = run_with(&plan(CHAT), options, &|| false);
    came.holds();
    assert_eq!(came.mean("room.delivery.completeness"), 100.0);
}

#[test]
fn who_was_cut_off_catches_up() {
    // Longer than connections bear silence: what merely waits in one would come by itself.
    let came = run(&chat("faults: [{name: cut, at: 2s, for: 4s, outage: {peers: [3]}}]")
        .replace("duration: 6s", "duration: 12s")
        .replace("network: {", "network: {timeout: 1s, "));
    came.holds();
    assert_eq!(came.mean("room.delivery.completeness"), 100.0);
    assert!(came.report.scenario.faults[0].hits > 0);
    let caught_up =
        |peer, fact: &Fact| peer == Peer(3) && matches!(fact, Fact::Shown { route: Route::CatchUp, .. });
    assert!(came.count(caught_up) > 0, "nothing had to be caught up after the cut");
}

#[test]
fn a_partition_heals() {
    let came = run(&chat(
        "faults: [{name: split, at: 2s, for: 3s, partition: {between: [{peers: [0, 1, 2, 3, 4, 5]}, {peers: [6, 7, 8, 9, 10, 11]}]}}]",
    )
    .replace("duration: 6s", "duration: 12s")
    .replace("network: {", "network: {timeout: 1s, "));
    came.holds();
    assert_eq!(came.mean("room.delivery.completeness"), 100.0);
    let caught_up = |_, fact: &Fact| matches!(fact, Fact::Shown { route: Route::CatchUp, .. });
    assert!(came.count(caught_up) > 0, "nothing had to be caught up after the partition");
}

#[test]
fn what_a_cut_holds_back_at_the_end_is_in_flight_and_has_not_vanished() {
    let came = run(&chat("faults: [{name: cut, at: 3s, outage: {peers: [3]}}]")
        .replace("network: {", "network: {timeout: 1m, "));
    came.holds();
    assert!(came.outcome.traffic.in_flight > 0);
}

#[test]
fn who_crashed_comes_back_with_what_it_had_stored_and_gets_the_rest() {
    let came = run(&chat("faults: [{name: crash, at: 2s, for: 2s, kill: {peers: [5]}}]")
        .replace("duration: 6s", "duration: 10s"));
    came.holds();
    assert_eq!(came.mean("room.delivery.completeness"), 100.0);
    assert_eq!(came.report.scenario.faults[0].hits, 1);
    assert!(came.outcome.online.iter().all(|online| *online));
    let later = came.facts.iter().filter(|(at, peer, fact)| {
        *peer == Peer(5) && at.as_secs_f64() > 4.0 && matches!(fact, Fact::Shown { .. })
    });
    assert!(later.count() > 10);
}

#[test]
fn who_leaves_in_good_order_is_known_to_have_left_at_once() {
    let came = run(&chat("faults: [{name: leave, at: 3s, for: 1m, stop: {peers: [5]}}]")
        .replace("sync: {every: 1s}", "sync: {every: 1s}, presence: {every: 1s, timeout: 1m}"));
    came.holds();
    let left = |_, fact: &Fact| matches!(fact, Fact::PresenceSeen { about: Peer(5), online: false, .. });
    assert_eq!(came.count(left), 11);
}

/// An update of 64 chunks among these peers.
fn release(fleet: &str) -> String {
    format!(
        "{fleet}
workloads:
  - name: patch
    update:
      publisher: {{group: honest, count: 1}}
      at: 1s
      size: 4Mi
      chunk: 64Ki
      fallback: 8s
      fetch: {{patience: 3s}}
"
    )
}

/// All have installed the same (the report's invariants say that it is what was published), and what somebody falsified was refused, and was
/// his.
fn nothing_falsified_was_installed(came: &Came, corruptors: Range<u32>) {
    let refused = |falsified: bool| {
        came.count(|_, fact| {
            matches!(fact, Fact::ChunkCame { fate: ChunkFate::Refused, from, .. } if corruptors.contains(&from.0) == falsified)
        })
    };
    let mut installed = came.facts.iter().filter_map(|(_, _, fact)| match fact {
        Fact::Installed { content, .. } => Some(content),
        _ => None,
    });
    let first = installed.next().expect("somebody installed it");
    assert!(installed.all(|content| content == first));
    assert!(refused(true) > 0, "no corruptor was found out");
    assert_eq!(refused(false), 0, "an honest peer was slandered");
}

#[test]
fn an_update_reaches_all_and_nothing_falsified_is_installed() {
    // So many chunks and corruptors that some are asked for some, whoever is quicker.
    let came = run(&release(
        "
duration: 20s
coolDown: 2s
groups:
  - {name: honest, peers: 8, link: {profile: fibre}}
  - {name: corruptors, peers: 4, link: {profile: fibre}, behaviour: {corruptor: {}}}
network: {latency: {fixed: {oneWay: 5ms}}}
topology: {kRegular: {degree: 4}}
",
    ));
    came.holds();
    let installed = came.count(|_, fact| matches!(fact, Fact::Installed { .. }));
    assert!(installed >= 8, "{installed} have installed it");
    nothing_falsified_was_installed(&came, 8..12);
}

#[test]
fn an_update_goes_on_where_it_stopped_when_peers_leave_and_come_back() {
    // Links so slow that it takes some seconds, in which each of the restless leaves about twice.
    let came = run(&release(
        "
duration: 35s
coolDown: 5s
groups:
  - {name: honest, peers: 6, link: {profile: cable}}
  - name: restless
    peers: 6
    link: {profile: cable}
    churn: {online: {exponential: {mean: 5s}}, offline: {exponential: {mean: 1s}}}
  - {name: corruptors, peers: 4, link: {profile: fibre}, behaviour: {corruptor: {}}}
network: {latency: {fixed: {oneWay: 5ms}}, timeout: 2s}
topology: {kRegular: {degree: 6}}
",
    ));
    came.holds();
    nothing_falsified_was_installed(&came, 12..16);
    let has_it = |peer| came.count(|whose, fact| whose == peer && matches!(fact, Fact::Installed { .. })) > 0;
    let have_it = |peers: Range<u32>| peers.map(Peer).filter(|peer| has_it(*peer)).count();
    assert!(have_it(0..6) >= 5, "but for the publisher, who stays has it at the end");
    assert!(have_it(6..12) >= 3, "{} of six who come and go have it", have_it(6..12));
    // What was had before a life ended is not fetched again after it.
    let mut resumed = 0;
    for peer in (6..12).map(Peer).filter(|peer| has_it(*peer)) {
        let kept = |(at, whose, fact): &(Nanos, Peer, Fact)| {
            (*whose == peer && matches!(fact, Fact::ChunkCame { fate: ChunkFate::Kept, .. })).then_some(*at)
        };
        let kept: Vec<_> = came.facts.iter().filter_map(kept).collect();
        assert_eq!(kept.len(), 64, "{peer:?} fetched each chunk once");
        let is_between = |(at, whose): &(Nanos, Peer)| *whose == peer && kept[0] < *at && *at < kept[63];
        resumed += usize::from(came.ends.iter().any(is_between));
    }
    assert!(resumed > 0, "nobody left while it fetched");
}
