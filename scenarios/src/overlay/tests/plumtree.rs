//! A tree forms, is lean, and mends.

use std::{cell::Cell, rc::Rc};

use super::*;
use crate::{spec::Count, units::Share};

/// A tree of 100 peers over a topology of degree 8, after `author` has spoken for a while.
fn grown(overlay: Overlay, author: Peer) -> Peers {
    let mut world = world(5, 100, &tangle(5, 100, 4), overlay);
    world.run_until(secs(30));
    for _ in 0..10 {
        say(&mut world, author);
        world.run_for(secs(2));
    }
    world
}

#[test]
fn once_grown_a_tree_carries_hardly_a_copy_too_many_while_a_flood_fills_every_link() {
    let author = Peer(0);
    let tree = redundancy(&mut grown(plumtree_over_plan(), author), author);
    let over_view = redundancy(&mut grown(plumtree_over_view(), author), author);
    let flood = redundancy(&mut grown(Overlay::Flood {}, author), author);
    assert!(tree <= 0.02, "{tree}");
    assert!(over_view <= 0.05, "{over_view}");
    assert!(flood > 5.0, "{flood}");
}

/// Peers with most branches first, but for those that the author itself pushes to: it has nobody else to tell.
fn inner_peers(world: &Peers, author: Peer) -> Vec<Peer> {
    let near: Vec<_> = tree(world, author).eager().chain([author]).collect();
    let mut inner: Vec<_> = world.up().filter(|peer| !near.contains(peer)).collect();
    inner.sort_by_key(|&peer| std::cmp::Reverse(tree(world, peer).eager().count()));
    assert!(tree(world, inner[0]).eager().count() >= 3, "there are inner peers");
    inner
}

#[test]
fn the_tree_of_one_author_serves_others() {
    let mut world = grown(plumtree_over_plan(), Peer(0));
    let others = (1..20).map(|author| redundancy(&mut world, Peer(author))).sum::<f64>() / 19.0;
    assert!(others <= 0.05, "{others}");
}

#[test]
fn both_ends_agree_on_what_is_a_branch_and_branches_make_a_tree() {
    let world = grown(plumtree_over_plan(), Peer(0));
    assert_eq!(check_branches(&world), 99, "100 peers and no cycle");
}

/// Checks that whoever pushes to another is pushed to by it, and counts the pairs.
fn check_branches(world: &Peers) -> usize {
    let mut ends = 0;
    for peer in world.up() {
        for other in tree(world, peer).eager() {
            assert!(
                tree(world, other).eager().any(|it| it == peer),
                "{peer} pushes to {other}, not the reverse"
            );
            ends += 1;
        }
    }
    ends / 2
}

#[test]
fn a_network_that_duplicates_prunes_nobody() {
    let path: Vec<_> = (0..9).map(|i| (Peer(i), Peer(i + 1))).collect();
    let world = world(1, 10, &path, plumtree_over_plan());
    let mut world = world.unruly().duplication(Share::ALL);
    world.run_until(secs(1));
    let item = say(&mut world, Peer(0));
    world.run_for(secs(5));
    assert_eq!(not_exactly_once(&world, item), []);
    assert_eq!(world.traffic().sent_of(Kind::Prune), 0);
}

#[test]
fn what_awaits_announcement_to_a_neighbour_that_becomes_eager_is_announced_first() {
    // A triangle whose branches are 0 – 1 and 0 – 2, until 0 – 2 is cut.
    let edges = [(Peer(0), Peer(1)), (Peer(0), Peer(2)), (Peer(1), Peer(2))];
    let params = Params {
        membership: Membership::Plan {},
        announce_after: secs(10),
        missing_after: Nanos::from_millis(500),
        ..Params::default()
    };
    let mut world = world(1, 3, &edges, Overlay::Plumtree(params)).patience(secs(1_000));
    world.run_until(secs(1));
    say(&mut world, Peer(0));
    world.run_until(secs(30));
    assert_eq!(tree(&world, Peer(1)).lazy().collect::<Vec<_>>(), [Peer(2)]);
    world.cut(&[Peer(0)], &[Peer(2)]);
    let first = say(&mut world, Peer(0));
    // The first is announced after 10 s and asked for half a second later; the second comes in between.
    world.run_for(Nanos::from_millis(10_300));
    let second = say(&mut world, Peer(0));
    world.run_for(secs(60));
    assert_eq!(not_exactly_once(&world, first), []);
    assert_eq!(not_exactly_once(&world, second), []);
}

#[test]
fn the_last_words_of_who_leaves_do_not_hang_on_its_branches() {
    // A triangle whose branches are 0 – 1 and 0 – 2; 2 leaves as 0 – 2 is cut, and answers 1 no graft.
    let edges = [(Peer(0), Peer(1)), (Peer(0), Peer(2)), (Peer(1), Peer(2))];
    let mut world = world(1, 3, &edges, plumtree_over_plan()).patience(secs(1_000));
    world.run_until(secs(1));
    say(&mut world, Peer(0));
    world.run_until(secs(30));
    assert_eq!(tree(&world, Peer(2)).lazy().collect::<Vec<_>>(), [Peer(1)]);
    world.cut(&[Peer(0)], &[Peer(2)]);
    let last = say(&mut world, Peer(2));
    world.stop(Peer(2));
    world.run_for(secs(5));
    assert_eq!(not_exactly_once(&world, last), []);
}

#[test]
fn a_cut_branch_is_bridged_before_anybody_notices_the_cut() {
    let author = Peer(0);
    let mut world = grown(plumtree_over_plan(), author).patience(secs(60));
    let grafts = world.traffic().sent_of(Kind::Graft);
    let inner = inner_peers(&world, author)[0];
    let branches: Vec<_> = tree(&world, inner).eager().collect();
    world.cut(&[inner], &branches);
    let item = say(&mut world, author);
    let cut_off = world.now();
    world.run_for(secs(3));
    assert_eq!(not_exactly_once(&world, item), []);
    assert!(world.traffic().sent_of(Kind::Graft) > grafts);
    let slowest = world
        .up()
        .filter(|&peer| peer != author)
        .map(|peer| probe(&world, peer).receipts().iter().find(|it| it.id == item).expect("all have it").at);
    let took = slowest.max().expect("there are readers").saturating_sub(cut_off);
    assert!(took >= Params::default().missing_after, "it took {took}: nothing had to be mended");
}

#[test]
fn a_tree_mends_when_its_inner_peers_crash_and_is_lean_again() {
    let author = Peer(0);
    for overlay in [plumtree_over_plan(), plumtree_over_view()] {
        let mut world = grown(overlay, author);
        for &peer in inner_peers(&world, author).iter().take(15) {
            world.crash(peer);
        }
        // Said at once: nobody has noticed yet.
        let item = say(&mut world, author);
        world.run_for(secs(10));
        assert_eq!(not_exactly_once(&world, item), []);
        for _ in 0..5 {
            redundancy(&mut world, author);
        }
        let redundancy = redundancy(&mut world, author);
        assert!(redundancy <= 0.05, "{redundancy}");
        check_branches(&world);
    }
}

#[test]
fn a_long_branch_gives_way_to_a_much_shorter_path() {
    // A ring of 40, and a link across it that is slow only while the tree forms.
    let edges: Vec<_> = ring(40).into_iter().chain([(Peer(0), Peer(20))]).collect();
    let hops_across = move |optimise_from| {
        let across = Rc::new(Cell::new(Nanos::from_millis(1_500)));
        let params = Params {
            membership: Membership::Plan {},
            optimise_from: Count::new(optimise_from),
            missing_after: secs(3),
            ..Params::default()
        };
        let now_across = Rc::clone(&across);
        let mut world = world(1, 40, &edges, Overlay::Plumtree(params)).latency(move |a, b| {
            if a.0.abs_diff(b.0) == 20 { now_across.get() } else { Nanos::from_millis(50) }
        });
        world.run_until(secs(5));
        for _ in 0..3 {
            say(&mut world, Peer(0));
            world.run_for(secs(5));
            across.set(Nanos::from_millis(50));
        }
        probe(&world, Peer(20)).receipts().last().expect("it was told").hops
    };
    assert_eq!(hops_across(255), 20, "never optimised: half round the ring");
    assert_eq!(hops_across(7), 1, "nearer by 19 hops is reason enough");
}

#[test]
fn a_peer_that_comes_back_grows_into_the_tree_again() {
    let author = Peer(0);
    let mut world = grown(plumtree_over_view(), author);
    let gone = Peer(42);
    world.crash(gone);
    let missed = say(&mut world, author);
    world.run_for(secs(10));
    world.start(gone);
    world.run_for(secs(10));
    let item = say(&mut world, author);
    world.run_for(secs(10));
    assert_eq!(not_exactly_once(&world, item), []);
    assert_eq!(probe(&world, gone).count(missed), 0, "catching up is a role's business");
}
