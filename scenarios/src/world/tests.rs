//! The world keeps its own laws, whatever runs in it.

use proptest::prelude::*;

use super::*;
use crate::{
    host::{Cx, Host, Payload, RoleSlot, TimerKey},
    wire::{ItemId, Kind},
};

/// Sends every item to every link, over and over, on all lanes, and notes what it sees.
#[derive(Default)]
struct Chatter {
    lane: Option<Lane>,
    seen: Vec<(Peer, u8)>,
    ups: Vec<(Peer, Link)>,
    downs: Vec<(Nanos, Peer, Why)>,
    sent: u8,
}

impl Chatter {
    fn on(lane: Lane) -> Self {
        Self { lane: Some(lane), ..Self::default() }
    }
}

impl<H: Host> Machine<H> for Chatter {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { .. } => cx.set_timer(TimerKey(1), cx.now),
            Input::Timer(key) => {
                for &peer in cx.links() {
                    let lane = self
                        .lane
                        .unwrap_or([Lane::Reliable, Lane::Bulk, Lane::Datagram][self.sent as usize % 3]);
                    cx.send(peer, lane, Msg::new(Kind::Gossip, self.sent, Payload::Nothing));
                }
                self.sent = self.sent.wrapping_add(1);
                cx.set_timer(key, cx.now.saturating_add(Nanos::from_millis(100)));
            }
            Input::Message { from, msg, .. } => self.seen.push((from, msg.hops)),
            Input::PeerUp { peer, link } => self.ups.push((peer, link)),
            Input::PeerDown { peer, why } => self.downs.push((cx.now, peer, why)),
            _ => {}
        }
    }

    fn digest(&self) -> u64 {
        self.seen.iter().fold(0, |hash, &(from, n)| crate::seed::mix(hash, u64::from(from.0), u64::from(n)))
    }
}

impl<H: Host> Overlay<H> for Chatter {
    fn links(&self) -> Links {
        Links::Planned
    }
    fn publish(&mut self, _: &mut Cx<'_, H>, _: H::Item) {}
}

const A: Peer = Peer(0);
const B: Peer = Peer(1);
const C: Peer = Peer(2);

fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

/// A row of three: A – B – C.
fn three(seed: u64, machine: fn() -> Chatter) -> World<Chatter, Probe> {
    let edges = [(A, B), (B, C)];
    World::new(Seed(seed), 3, &edges, move |_| {
        PeerHost::new(machine(), vec![RoleSlot::new(0, Probe::default())])
    })
}

fn conserved(world: &World<Chatter, Probe>) -> bool {
    let traffic = world.traffic();
    traffic.sent() == traffic.delivered + traffic.lost + world.in_flight()
}

#[test]
fn connections_stand_after_one_round_trip() {
    let mut world = three(1, Chatter::default);
    world.run_until(Nanos::from_millis(19));
    assert_eq!(world.connected(B).count(), 0);
    world.run_until(Nanos::from_millis(20));
    assert_eq!(world.peer(B).overlay().ups, [(A, Link::Planned), (C, Link::Planned)]);
    assert_eq!(world.connected(B).collect::<Vec<_>>(), [A, C]);
}

#[test]
fn a_crash_is_noticed_after_all_that_was_sent_and_a_restart_connects_again() {
    let mut world = three(1, Chatter::default);
    world.run_until(secs(1));
    world.crash(B);
    assert!(!world.is_up(B));
    world.run_until(secs(2));
    assert_eq!(world.peer(A).overlay().downs, [(Nanos::from_millis(1010), B, Why::Stopped)]);
    world.start(B);
    world.run_until(secs(3));
    assert_eq!(world.peer(A).overlay().ups.len(), 2);
    assert!(conserved(&world));
}

#[test]
fn a_cut_is_noticed_when_patience_ends_and_healing_connects_again() {
    let mut world = three(1, Chatter::default).patience(secs(5));
    world.run_until(secs(1));
    world.cut(&[A], &[B, C]);
    world.run_until(secs(7));
    assert_eq!(world.peer(A).overlay().downs, [(secs(6), B, Why::TimedOut)]);
    assert_eq!(world.peer(C).overlay().downs, []);
    assert!(conserved(&world));
    world.heal();
    world.run_until(secs(8));
    assert_eq!(world.connected(A).collect::<Vec<_>>(), [B]);
}

#[test]
fn a_connection_ends_behind_all_that_was_sent_over_it() {
    let mut world = three(1, || Chatter::on(Lane::Reliable)).jitter(secs(1));
    world.run_until(secs(5));
    let sent = world.peer(A).overlay().sent;
    world.crash(A);
    world.run_until(secs(10));
    let b = world.peer(B).overlay();
    let mut heard = b.seen.iter().filter(|(from, _)| *from == A);
    assert_eq!(heard.next_back(), Some(&(A, sent - 1)));
    assert!(b.downs[0].0 > Nanos::from_millis(5_010), "later than the word of a crash would take by itself");
}

#[test]
fn what_waits_at_a_short_cut_arrives_in_order_when_it_heals() {
    let mut world = three(1, || Chatter::on(Lane::Reliable)).patience(secs(5));
    world.run_until(secs(1));
    world.cut(&[A], &[B]);
    world.run_until(secs(3));
    world.heal();
    world.run_until(secs(10));
    let heard: Vec<_> =
        world.peer(B).overlay().seen.iter().filter(|(from, _)| *from == A).map(|x| x.1).collect();
    let all: Vec<_> = (heard[0]..heard[0] + heard.len() as u8).collect();
    assert_eq!(heard, all);
    assert_eq!(world.traffic().lost, 0);
    assert!(world.peer(B).overlay().downs.is_empty());
}

#[test]
fn what_a_probe_stored_survives_a_crash_so_no_id_is_used_twice() {
    let mut world = three(1, Chatter::default);
    let say = |world: &mut World<_, _>| world.command(A, 0, Command::Post { room: 0, bytes: 10 });
    world.run_until(secs(1));
    say(&mut world);
    say(&mut world);
    world.crash(A);
    world.start(A);
    say(&mut world);
    let last = world.stations[A.index()].kept.values().last().expect("a probe stores its last item");
    assert_eq!(last.id, ItemId::new(0, A, 2));
}

/// A dials whom it knows, hangs up as soon as it is answered, and dials once more. All note what they are told.
#[derive(Default)]
struct Caller {
    log: Vec<Result<Link, Why>>,
}

impl<H: Host> Machine<H> for Caller {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { .. } if cx.me == A => cx.dial(B),
            Input::PeerUp { peer, link } => {
                self.log.push(Ok(link));
                if self.log.len() == 1 && cx.me == A {
                    cx.hang_up(peer);
                    cx.send(peer, Lane::Reliable, Msg::new(Kind::Prune, 0, Payload::Nothing));
                    cx.dial(peer);
                }
            }
            Input::PeerDown { why, .. } => self.log.push(Err(why)),
            _ => {}
        }
    }

    fn digest(&self) -> u64 {
        self.log.len() as u64
    }
}

impl<H: Host> Overlay<H> for Caller {
    fn links(&self) -> Links {
        Links::Chosen
    }
    fn publish(&mut self, _: &mut Cx<'_, H>, _: H::Item) {}
}

fn callers() -> World<Caller, Probe> {
    World::new(Seed(1), 2, &[(A, B)], |_| PeerHost::new(Caller::default(), vec![]))
}

#[test]
fn both_ends_are_told_of_a_hang_up_before_they_are_told_of_the_next_connection() {
    let mut world = callers();
    world.run_until(secs(1));
    let hung_up = Err(Why::HungUp);
    assert_eq!(world.peer(A).overlay().log, [Ok(Link::Dialled), hung_up, Ok(Link::Dialled)]);
    assert_eq!(world.peer(B).overlay().log, [Ok(Link::Accepted), hung_up, Ok(Link::Accepted)]);
    assert_eq!(world.traffic().lost, 1, "what is sent after hanging up");
}

#[test]
fn a_dial_fails_when_nobody_is_there_or_the_path_is_cut() {
    let mut absent = callers().without(B);
    absent.run_until(secs(1));
    assert_eq!(absent.peer(A).overlay().log, [Err(Why::Unreachable)]);

    let mut cut = callers();
    cut.cut(&[A], &[B]);
    cut.run_until(secs(1));
    assert_eq!(cut.peer(A).overlay().log, [Err(Why::Unreachable)]);
    assert_eq!(cut.peer(B).overlay().log, []);
}

/// Harm that may be done to a world.
#[derive(Clone, Copy, Debug)]
enum Harm {
    Crash(Peer),
    Start(Peer),
    Cut(Peer, Peer),
    Heal,
    Wait,
}

fn harms() -> impl Strategy<Value = Vec<(u64, Harm)>> {
    let peer = || (0u32..3).prop_map(Peer);
    let harm = prop_oneof![
        peer().prop_map(Harm::Crash),
        peer().prop_map(Harm::Start),
        (peer(), peer()).prop_map(|(a, b)| Harm::Cut(a, b)),
        Just(Harm::Heal),
        Just(Harm::Wait),
    ];
    prop::collection::vec((1u64..4_000, harm), 0..20)
}

fn run(mut world: World<Chatter, Probe>, story: &[(u64, Harm)]) -> World<Chatter, Probe> {
    for &(wait, harm) in story {
        match harm {
            Harm::Crash(peer) if world.is_up(peer) => world.crash(peer),
            Harm::Start(peer) if !world.is_up(peer) => world.start(peer),
            Harm::Cut(a, b) if a != b => world.cut(&[a], &[b]),
            Harm::Heal => world.heal(),
            _ => {}
        }
        assert!(conserved(&world), "after {harm:?} at {}", world.now());
        world.run_for(Nanos::from_millis(wait));
        assert!(conserved(&world), "at {}", world.now());
    }
    world
}

fn weathered(seed: u64, loss: u32, duplication: u32, machine: fn() -> Chatter) -> World<Chatter, Probe> {
    three(seed, machine)
        .loss(Share::percent(loss))
        .duplication(Share::percent(duplication))
        .jitter(Nanos::from_millis(150))
        .patience(secs(2))
}

proptest! {
    #[test]
    fn sent_is_delivered_and_lost_and_in_flight_whatever_happens(
        seed: u64, loss in 0u32..60, duplication in 0u32..60, unruly: bool, story in harms()
    ) {
        let world = weathered(seed, loss, duplication, Chatter::default);
        run(if unruly { world.unruly() } else { world }, &story);
    }

    #[test]
    fn a_reliable_lane_keeps_order_and_completeness_within_a_connection(seed: u64, loss in 0u32..60, story in harms()) {
        let world = run(weathered(seed, loss, 50, || Chatter::on(Lane::Reliable)), &story);
        for peer in world.up() {
            for other in world.connected(peer) {
                let seen = &world.peer(peer).overlay().seen;
                let heard: Vec<_> = seen.iter().filter(|(from, _)| *from == other).map(|x| x.1).collect();
                let broken = heard.windows(2).filter(|pair| pair[1] != pair[0].wrapping_add(1)).count();
                let ups = world.peer(peer).overlay().ups.iter().filter(|(up, _)| *up == other).count();
                prop_assert!(broken < ups.max(1), "{heard:?} over {ups} connections");
            }
        }
    }

    #[test]
    fn the_same_seed_and_story_are_the_same_run(seed: u64, story in harms()) {
        let [a, b] = [(); 2].map(|()| run(weathered(seed, 20, 20, Chatter::default), &story));
        prop_assert_eq!(a.traffic(), b.traffic());
        for peer in a.up() {
            prop_assert_eq!(a.peer(peer).digest::<Shared>(), b.peer(peer).digest::<Shared>());
        }
    }
}
