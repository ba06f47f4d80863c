//! What holds for every overlay.

use proptest::prelude::*;

use super::*;
use crate::{report::Fact, units::Share};

/// Anything connected: a random tree, and random edges more.
fn graphs() -> impl Strategy<Value = (u32, Vec<(Peer, Peer)>)> {
    (2u32..16).prop_flat_map(|peers| {
        let parents: Vec<_> =
            (1..peers).map(|child| (0..child).prop_map(move |it| (Peer(it), Peer(child)))).collect();
        let more = prop::collection::vec((0..peers, 0..peers), 0..20);
        (parents, more).prop_map(move |(mut edges, more)| {
            edges.extend(more.into_iter().filter(|(a, b)| a != b).map(|(a, b)| (Peer(a), Peer(b))));
            (peers, edges)
        })
    })
}

/// Runs a story in which several peers say something, at random times, in bad weather. Names what they said.
fn talk(world: &mut Peers, peers: u32, authors: &[(u32, u64)]) -> Vec<ItemId> {
    world.run_until(secs(20));
    let mut said = Vec::new();
    for &(author, pause) in authors {
        world.run_for(Nanos::from_millis(pause));
        said.push(say(world, Peer(author % peers)));
    }
    world.run_for(secs(20));
    said
}

fn stories() -> impl Strategy<Value = Vec<(u32, u64)>> {
    prop::collection::vec((any::<u32>(), 0u64..500), 1..8)
}

/// Any order, and every third message twice, on lanes that promise neither.
fn unruly(world: Peers) -> Peers {
    world.unruly().jitter(Nanos::from_millis(300)).duplication(Share::percent(30)).loss(Share::percent(10))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn delivery_is_exactly_once_under_any_reordering_and_duplication(
        seed: u64, (peers, edges) in graphs(), story in stories()
    ) {
        let cases = [
            (edges.clone(), Overlay::Flood {}),
            (edges, plumtree_over_plan()),
            (star(peers), Overlay::Star {}),
        ];
        for (edges, overlay) in cases {
            let mut world = unruly(world(seed, peers, &edges, overlay.clone()));
            for item in talk(&mut world, peers, &story) {
                prop_assert_eq!(not_exactly_once(&world, item), [], "{:?} by {:?}", item, overlay);
            }
        }
    }

    /// A view may still change while items travel, so that one misses them; but nobody is brought one twice.
    #[test]
    fn delivery_over_a_changing_view_is_at_most_once(seed: u64, (peers, edges) in graphs(), story in stories()) {
        let mut world = unruly(world(seed, peers, &edges, plumtree_over_view()));
        for item in talk(&mut world, peers, &story) {
            for (peer, times) in not_exactly_once(&world, item) {
                prop_assert_eq!(times, 0, "{} got {:?} more than once", peer, item);
            }
        }
    }

    #[test]
    fn a_connected_graph_without_faults_is_covered(seed: u64, (peers, edges) in graphs(), story in stories()) {
        for overlay in [Overlay::Flood {}, plumtree_over_plan()] {
            let mut world = world(seed, peers, &edges, overlay.clone());
            for item in talk(&mut world, peers, &story) {
                prop_assert_eq!(not_exactly_once(&world, item), [], "{:?} by {:?}", item, overlay);
            }
        }
    }

    #[test]
    fn what_machines_count_is_what_the_network_delivered(seed: u64, (peers, edges) in graphs(), story in stories()) {
        let mut world = unruly(world(seed, peers, &edges, Overlay::Flood {}));
        let said = talk(&mut world, peers, &story).len() as u64;
        world.drain_counters();
        let (mut firsts, mut copies) = (0, 0);
        for (_, _, fact) in world.facts() {
            if let Fact::Copies { first, duplicate, tainted } = fact {
                firsts += first;
                copies += first + duplicate + tainted;
            }
        }
        prop_assert_eq!(firsts, said * u64::from(peers - 1));
        prop_assert_eq!(copies, world.traffic().delivered);
    }
}

#[test]
fn flooding_takes_the_shortest_path_and_counts_its_links() {
    let mut world = world(1, 10, &ring(10), Overlay::Flood {}).latency(|_, _| Nanos::from_millis(10));
    world.run_until(secs(1));
    say(&mut world, Peer(0));
    world.run_until(secs(2));
    let hops: Vec<u8> = (1..10).map(|peer| probe(&world, Peer(peer)).receipts()[0].hops).collect();
    assert_eq!(hops, [1, 2, 3, 4, 5, 4, 3, 2, 1]);
    assert_eq!(world.traffic().sent_of(Kind::Gossip), 11, "each link once, the farthest twice");
}

#[test]
fn hops_saturate_on_a_path_longer_than_a_byte_counts() {
    let path: Vec<_> = (0..299).map(|i| (Peer(i), Peer(i + 1))).collect();
    let mut world = world(1, 300, &path, Overlay::Flood {});
    world.run_until(secs(1));
    say(&mut world, Peer(0));
    world.run_until(secs(30));
    assert_eq!(probe(&world, Peer(254)).receipts()[0].hops, 254);
    assert_eq!(probe(&world, Peer(299)).receipts()[0].hops, 255);
}

#[test]
fn a_star_relays_in_two_hops_and_falls_silent_with_its_hub() {
    let mut world = world(1, 20, &star(20), Overlay::Star {});
    world.run_until(secs(1));
    let item = say(&mut world, Peer(3));
    world.run_until(secs(2));
    assert_eq!(not_exactly_once(&world, item), []);
    let hops = |peer| probe(&world, Peer(peer)).receipts()[0].hops;
    assert_eq!((hops(0), hops(1), hops(19)), (1, 2, 2));
    assert_eq!(world.traffic().sent(), 19, "one to the hub, and one from it to each of the others");

    world.crash(Peer(0));
    let item = say(&mut world, Peer(3));
    world.run_until(secs(3));
    assert_eq!(not_exactly_once(&world, item).len(), 18);
}
