//! Peers that withhold and falsify.

use super::*;
use crate::{host::Behaviour, report::Fact};

fn tainted(world: &mut Peers) -> u64 {
    world.drain_counters();
    let copies = world.facts().iter().map(|(_, _, fact)| match fact {
        Fact::Copies { tainted, .. } => *tainted,
        _ => 0,
    });
    copies.sum()
}

#[test]
fn a_free_rider_in_a_ring_stops_a_flood_one_way_and_two_cut_it() {
    let riders = [Peer(3), Peer(7)];
    let one = world(1, 10, &ring(10), Overlay::Flood {}).behaviour(riders[0], Behaviour::FreeRider);
    let mut one = one.latency(|_, _| Nanos::from_millis(10));
    one.run_until(secs(1));
    let item = say(&mut one, Peer(0));
    one.run_until(secs(2));
    assert_eq!(not_exactly_once(&one, item), []);
    assert_eq!(probe(&one, Peer(4)).receipts()[0].hops, 6, "the long way round");

    let mut two = world(1, 10, &ring(10), Overlay::Flood {});
    for rider in riders {
        two = two.behaviour(rider, Behaviour::FreeRider);
    }
    two.run_until(secs(1));
    let item = say(&mut two, Peer(0));
    let of_rider = say(&mut two, riders[0]);
    two.run_until(secs(2));
    assert_eq!(not_exactly_once(&two, item), [(Peer(4), 0), (Peer(5), 0), (Peer(6), 0)]);
    assert_eq!(not_exactly_once(&two, of_rider), [], "a free rider does publish");
}

#[test]
fn nobody_hears_from_a_silent_peer() {
    let mut world = world(1, 10, &ring(10), Overlay::Flood {}).behaviour(Peer(2), Behaviour::Silent);
    world.run_until(secs(1));
    let item = say(&mut world, Peer(2));
    let other = say(&mut world, Peer(0));
    world.run_until(secs(2));
    assert_eq!(not_exactly_once(&world, item).len(), 9);
    assert_eq!(not_exactly_once(&world, other), [], "it listens");
}

#[test]
fn a_falsified_item_is_not_delivered_and_the_genuine_one_still_gets_through() {
    for overlay in [Overlay::Flood {}, plumtree_over_plan()] {
        let mut world = world(3, 40, &tangle(3, 40, 3), overlay);
        let corruptors = [Peer(5), Peer(11), Peer(17), Peer(23), Peer(29)];
        for corruptor in corruptors {
            world = world.behaviour(corruptor, Behaviour::Corruptor);
        }
        world.run_until(secs(1));
        for author in 0..10 {
            let item = say(&mut world, Peer(author));
            world.run_for(secs(5));
            assert_eq!(not_exactly_once(&world, item), []);
        }
        assert!(tainted(&mut world) > 0, "somebody was lied to");
        if let Any::Plumtree(_) = world.peer(Peer(0)).overlay() {
            let before = tainted(&mut world);
            say(&mut world, Peer(0));
            world.run_for(secs(5));
            assert_eq!(tainted(&mut world), before, "liars are no longer branches of the tree");
        }
    }
}

#[test]
fn a_falsified_item_does_not_make_the_genuine_one_a_duplicate() {
    // 0 – 1 – 3 is faster than 0 – 2 – 3, and 1 lies.
    let edges = [(Peer(0), Peer(1)), (Peer(1), Peer(3)), (Peer(0), Peer(2)), (Peer(2), Peer(3))];
    let world = world(1, 4, &edges, Overlay::Flood {}).behaviour(Peer(1), Behaviour::Corruptor);
    let mut world = world.latency(|a, b| Nanos::from_millis(if a.0.max(b.0) == 2 { 50 } else { 10 }));
    world.run_until(secs(1));
    let item = say(&mut world, Peer(0));
    world.run_until(secs(2));
    let receipts = probe(&world, Peer(3)).receipts();
    assert_eq!(receipts.iter().map(|it| (it.id, it.via)).collect::<Vec<_>>(), [(item, Peer(2))]);
    assert_eq!(tainted(&mut world), 1);
}

#[test]
fn a_tree_goes_round_free_riders() {
    let mut world = world(4, 40, &tangle(4, 40, 3), plumtree_over_plan());
    for rider in 30..40 {
        world = world.behaviour(Peer(rider), Behaviour::FreeRider);
    }
    world.run_until(secs(1));
    for author in 0..10 {
        let item = say(&mut world, Peer(author));
        world.run_for(secs(5));
        assert_eq!(not_exactly_once(&world, item), []);
    }
}
