//! Stories of overlays in virtual time.

mod adversaries;
mod hyparview;
mod laws;
mod plumtree;

use super::{Any, HyParView, Plumtree};
use crate::{
    host::{Command, Peer, PeerHost, RoleSlot},
    seed::Seed,
    spec::overlay::{Membership, Overlay, Plumtree as Params},
    units::Nanos,
    wire::{ItemId, Kind},
    world::{Probe, Shared, World},
};

type Peers = World<Any<Shared>, Probe>;

fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

fn plumtree_over_plan() -> Overlay {
    Overlay::Plumtree(Params { membership: Membership::Plan {}, ..Params::default() })
}

fn plumtree_over_view() -> Overlay {
    Overlay::Plumtree(Params::default())
}

/// A world of peers that run an overlay, with a probe on top. Peer 0 is the hub of a star. Every pair has a latency of
/// its own between 10 and 60 ms.
fn world(seed: u64, peers: u32, edges: &[(Peer, Peer)], overlay: Overlay) -> Peers {
    let overlay = move || Any::new(&overlay, Peer(0)).expect("it is one of this crate");
    let machines = move |_| PeerHost::new(overlay(), vec![RoleSlot::new(0, Probe::default())]);
    World::new(Seed(seed), peers, edges, machines).latency(|a, b| {
        let (low, high) = (a.min(b), a.max(b));
        Nanos(10_000_000 + crate::seed::mix(7, low.0.into(), high.0.into()) % 50_000_000)
    })
}

fn ring(peers: u32) -> Vec<(Peer, Peer)> {
    (0..peers).map(|i| (Peer(i), Peer((i + 1) % peers))).collect()
}

fn star(peers: u32) -> Vec<(Peer, Peer)> {
    (1..peers).map(|i| (Peer(0), Peer(i))).collect()
}

/// The union of random Hamiltonian cycles: connected, and nearly regular of degree `2 * cycles`.
fn tangle(seed: u64, peers: u32, cycles: u64) -> Vec<(Peer, Peer)> {
    let mut edges = Vec::new();
    for cycle in 0..cycles {
        let mut order: Vec<u32> = (0..peers).collect();
        Seed(seed).stream("tangle", &[cycle]).shuffle(&mut order);
        edges.extend(ring(peers).iter().map(|(a, b)| (Peer(order[a.index()]), Peer(order[b.index()]))));
    }
    edges
}

/// Lets a peer publish something, and names it.
fn say(world: &mut Peers, author: Peer) -> ItemId {
    let number = probe(world, author).published();
    world.command(author, 0, Command::Post { room: 0, bytes: 100 });
    ItemId::new(0, author, number)
}

fn probe(world: &Peers, peer: Peer) -> &Probe {
    world.peer(peer).role(0).expect("every peer has a probe")
}

/// Those who are up, did not write an item and have it not exactly once, with how often they have it.
fn not_exactly_once(world: &Peers, item: ItemId) -> Vec<(Peer, usize)> {
    let readers = world.up().filter(|&peer| peer != item.author());
    readers.map(|peer| (peer, probe(world, peer).count(item))).filter(|&(_, times)| times != 1).collect()
}

fn tree(world: &Peers, peer: Peer) -> &Plumtree<Shared> {
    match world.peer(peer).overlay() {
        Any::Plumtree(plumtree) => plumtree,
        other => panic!("{other:?} is not a tree"),
    }
}

fn view(world: &Peers, peer: Peer) -> &HyParView {
    tree(world, peer).view().expect("this tree runs over a view")
}

/// Copies sent for each reader beyond the first, of what is said from now on by `author` (the paper's relative message
/// redundancy).
fn redundancy(world: &mut Peers, author: Peer) -> f64 {
    let before = world.traffic().sent_of(Kind::Gossip);
    let item = say(world, author);
    world.run_for(secs(10));
    assert_eq!(not_exactly_once(world, item), []);
    let copies = world.traffic().sent_of(Kind::Gossip) - before;
    copies as f64 / (world.up().count() - 1) as f64 - 1.0
}
