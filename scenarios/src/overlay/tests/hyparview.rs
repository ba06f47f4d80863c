//! Views stay small, symmetric and connected.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::spec::overlay::HyParView as ViewParams;

fn bounded(world: &Peers) -> bool {
    let ViewParams { active, passive, .. } = ViewParams::default();
    world.up().all(|peer| {
        let view = view(world, peer);
        let distinct: BTreeSet<_> = view.active().iter().chain(view.passive()).collect();
        view.active().len() <= active.size()
            && view.passive().len() <= passive.size()
            && distinct.len() == view.active().len() + view.passive().len()
            && !distinct.contains(&peer)
            && view.active().iter().all(|&neighbour| world.connected(peer).any(|it| it == neighbour))
    })
}

/// Pairs of which one end has the other as a neighbour and not the reverse.
fn one_sided(world: &Peers) -> Vec<(Peer, Peer)> {
    let pairs = world.up().flat_map(|a| view(world, a).active().iter().map(move |&b| (a, b)));
    pairs.filter(|&(a, b)| !world.is_up(b) || !view(world, b).active().contains(&a)).collect()
}

/// How many peers a walk along active views from the first peer reaches.
fn reached(world: &Peers) -> usize {
    let mut next: Vec<Peer> = world.up().take(1).collect();
    let mut met: BTreeSet<Peer> = next.iter().copied().collect();
    while let Some(peer) = next.pop() {
        for &other in view(world, peer).active() {
            if met.insert(other) {
                next.push(other);
            }
        }
    }
    met.len()
}

/// Checks that the views are as they should be: no pair is one-sided for longer than it takes to tell the other end. Some
/// pair may be so at every instant, as long as peers look for neighbours.
fn check_views(world: &mut Peers) {
    let mut one_sided_throughout = one_sided(world);
    for _ in 0..40 {
        assert!(bounded(world));
        world.run_for(Nanos::from_millis(250));
        let now = one_sided(world);
        one_sided_throughout.retain(|pair| now.contains(pair));
    }
    assert_eq!(one_sided_throughout, []);
}

/// A fleet whose peers know few others, all of them so far apart.
fn far_apart(seed: u64, peers: u32, latency: u64) -> Peers {
    let world = world(seed, peers, &tangle(seed, peers, 2), plumtree_over_view());
    world.latency(move |a, b| Nanos::from_millis(latency + u64::from(a.0.abs_diff(b.0))))
}

fn check_connected(world: &Peers) {
    assert_eq!(reached(world), world.up().count());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn views_are_bounded_at_every_instant_and_symmetric_in_the_end(
        seed: u64, peers in 2u32..80, latency in prop_oneof![1u64..100, 1_000u64..3_000]
    ) {
        let mut world = far_apart(seed, peers, latency);
        for instant in 0..100 {
            world.run_until(Nanos::from_millis(instant * latency / 4));
            prop_assert!(bounded(&world));
        }
        world.run_until(secs(600));
        check_views(&mut world);
    }
}

/// Dialling and asking take longer here than anybody waits, so every answer is late: whoever was asked takes the other in and is
/// hung up on 3 s after the question. With nobody ever full, pairs come to this again and again: 34 and 15 do after 600 s and
/// after 610 s, in between they do not.
#[test]
fn an_answer_that_comes_too_late_makes_no_pair_one_sided_for_long() {
    let mut world = far_apart(1_824_804_246_546_117_052, 49, 1_667);
    world.run_until(secs(600));
    check_views(&mut world);
    let longest = ViewParams::default().answer_within;
    let mut since = BTreeMap::new();
    for _ in 0..400 {
        let pairs = one_sided(&world);
        since.retain(|pair, _| pairs.contains(pair));
        for pair in pairs {
            let began = *since.entry(pair).or_insert(world.now());
            assert!(world.now().saturating_sub(began) <= longest, "{pair:?} since {began}");
        }
        world.run_for(Nanos::from_millis(50));
    }
}

// Connectivity holds with high probability, not always: these seeds are fixed.

#[test]
fn the_overlay_is_whole_again_after_half_of_it_crashed_at_once() {
    for seed in 0..12 {
        let mut world = world(seed, 100, &tangle(seed, 100, 2), plumtree_over_view());
        world.run_until(secs(10));
        check_connected(&world);
        world.run_until(secs(300));
        let mut victims: Vec<Peer> = world.up().collect();
        Seed(seed).stream("victims", &[]).shuffle(&mut victims);
        for &victim in &victims[..50] {
            world.crash(victim);
        }
        world.run_for(secs(60));
        check_views(&mut world);
        check_connected(&world);
        let author = world.up().next().expect("half are left");
        let item = say(&mut world, author);
        world.run_for(secs(10));
        assert_eq!(not_exactly_once(&world, item), []);
    }
}

#[test]
fn a_small_island_among_full_views_is_let_in() {
    // Six that know one another, and two more that know each other and one of the six.
    let clique = (0..6).flat_map(|a| (0..a).map(move |b| (Peer(b), Peer(a))));
    let edges: Vec<_> = clique.chain([(Peer(6), Peer(7)), (Peer(0), Peer(6))]).collect();
    for seed in 0..12 {
        let mut world = world(seed, 8, &edges, plumtree_over_view()).without(Peer(6)).without(Peer(7));
        world.run_until(secs(100));
        world.start(Peer(6));
        world.start(Peer(7));
        world.run_for(secs(200));
        check_views(&mut world);
        check_connected(&world);
    }
}

#[test]
fn peers_that_all_know_the_same_one_spread_over_the_network() {
    let mut world = world(1, 100, &star(100), plumtree_over_view());
    for late in 1..100 {
        world = world.without(Peer(late));
    }
    for late in 1..100 {
        world.run_for(secs(1));
        world.start(Peer(late));
    }
    world.run_for(secs(300));
    check_views(&mut world);
    check_connected(&world);
    let degrees: Vec<usize> = world.up().map(|peer| view(&world, peer).active().len()).collect();
    assert!(degrees.iter().filter(|&&degree| degree == 5).count() > 80, "{degrees:?}");
    let passive: Vec<usize> = world.up().map(|peer| view(&world, peer).passive().len()).collect();
    assert!(passive.iter().all(|&known| known >= 10), "{passive:?}");
}

#[test]
fn a_peer_whose_contact_is_down_tries_again() {
    let (early, late) = (Peer(0), Peer(1));
    let mut world = world(1, 2, &[(early, late)], plumtree_over_view()).without(late);
    world.run_until(secs(30));
    assert_eq!(view(&world, early).active(), []);
    world.start(late);
    world.run_for(ViewParams::default().answer_within);
    world.run_for(secs(1));
    check_views(&mut world);
    check_connected(&world);
}

#[test]
fn two_halves_that_were_cut_until_both_had_closed_their_ranks_find_each_other_again() {
    let everybody: Vec<_> = (0..12).flat_map(|a| (0..a).map(move |b| (Peer(b), Peer(a)))).collect();
    let mut world = world(2, 12, &everybody, plumtree_over_view());
    world.run_until(secs(100));
    let (west, east): (Vec<Peer>, Vec<Peer>) = world.up().partition(|peer| peer.0 < 6);
    world.cut(&west, &east);
    world.run_for(secs(300));
    let active = |world: &Peers| world.up().map(|peer| view(world, peer).active().len()).collect::<Vec<_>>();
    assert_eq!(active(&world), [5; 12], "each half is full of itself");
    assert_eq!(reached(&world), 6);
    world.heal();
    world.run_for(secs(120));
    check_views(&mut world);
    check_connected(&world);
}
