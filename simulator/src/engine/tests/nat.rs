//! Stories of peers behind NAT: 100 ms between any two, so that a detour by way of a relay costs 100 ms more.

use super::{A, Act, B, C, Lane, Link, Lives, Loss, Nanos, Peer, Saw, Story, Told, Why, about, ms, numbers};

const SYMMETRIC: &str = "}, {name: homes, peers: 2, nat: symmetric, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
const PORT_RESTRICTED: &str = "}, {name: homes, peers: 2, nat: portRestricted, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
const PLAIN: &str = "jitter: 0%, handshake: 1";
const PUNCHED: &str = "jitter: 0%, handshake: 1, traversal: {punching: 100%, firstAttempt: 100%}";

/// A relay, and two homes that are neighbours.
fn homes(group: &'static str, network: &'static str, script: Vec<(Nanos, Peer, Act)>) -> Story<'static> {
    Story { peers: "peers: 1", group, edges: "[[1, 2]]", network, ..Story::new(script) }
}

fn send(at: u64, from: Peer, to: Peer) -> (Nanos, Peer, Act) {
    (ms(at), from, Act::Send(Lane::Reliable, to, 1, 1_000))
}

/// One message each second.
fn chatter(from: Peer, to: Peer) -> Vec<(Nanos, Peer, Act)> {
    (0..100).map(|second| send(1_000 * second, from, to)).collect()
}

fn times(told: &Told, to: Peer, from: Peer) -> Vec<Nanos> {
    told.got(to, from).iter().map(|(at, _)| *at).collect()
}

#[test]
fn a_relayed_message_takes_both_paths_and_both_queues_and_is_paid_for_by_the_relay() {
    let told = homes(SYMMETRIC, PLAIN, vec![send(30_000, B, C)]).tell();
    // One round trip to the relay, then one through it.
    assert_eq!(told.saw(B, |saw| saw == Saw::Up(C, Link::Planned)), [ms(600)]);
    assert_eq!(told.saw(C, |saw| saw == Saw::Up(B, Link::Planned)), [ms(600)]);
    // Out of B, into and out of the relay, and into C: a millisecond each.
    about(&times(&told, C, B), &[ms(30_204)]);
    assert_eq!(told.outcome.bytes, [(1_000, 1_000), (1_000, 0), (0, 1_000)]);
    let reached = told.outcome.reached.expect("there is a NAT");
    assert_eq!((reached.direct, reached.punched, reached.detours), (0, 0, vec![ms(100).0]));
    assert_eq!(reached.traversals.passed_on.get(&A), Some(&1_000));
    assert_eq!((reached.traversals.given_up, reached.traversals.punched), (1, [0; 3]));
}

#[test]
fn what_many_send_queues_for_the_link_of_their_relay() {
    let fifty = |from, to| (ms(30_000), from, Act::Send(Lane::Reliable, to, 50, 1_000));
    let told = homes(SYMMETRIC, PLAIN, vec![fifty(B, C), fifty(C, B)]).tell();
    // A hundred messages of a millisecond through one link.
    let last = times(&told, C, B).into_iter().chain(times(&told, B, C)).max().expect("they come");
    about(&[last], &[ms(30_000 + 1 + 100 + 1 + 100 + 100 + 1)]);
}

#[test]
fn a_hole_that_is_punched_makes_a_connection_direct() {
    // It is there 600 ms of coordination and a round trip after the connection stands: at 1.4 s.
    let told = homes(PORT_RESTRICTED, PUNCHED, vec![send(1_000, B, C), send(2_000, B, C)]).tell();
    about(&times(&told, C, B), &[ms(1_204), ms(2_102)]);
    let reached = told.outcome.reached.expect("there is a NAT");
    assert_eq!((reached.direct, reached.punched, reached.detours.len()), (0, 1, 0));
    assert_eq!(reached.traversals.punched, [1, 0, 0]);
    assert_eq!(told.outcome.bytes[0], (1_000, 1_000), "the relay carries the first only");
}

#[test]
fn nothing_is_overtaken_when_a_connection_becomes_direct() {
    let script: Vec<_> = (0..100).map(|turn| send(1_000 + 10 * turn, B, C)).collect();
    let network = "jitter: 40%, loss: 5%, handshake: 1, traversal: {punching: 100%, firstAttempt: 100%}";
    let told = homes(PORT_RESTRICTED, network, script).tell();
    assert_eq!(numbers(&told.got(C, B)), (0..100).collect::<Vec<_>>());
    assert_eq!(told.outcome.reached.expect("there is a NAT").punched, 1);
}

#[test]
fn who_is_dialled_by_way_of_a_relay_dials_back_where_that_is_possible() {
    let group = "}, {name: homes, peers: 1, nat: symmetric, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}}, \
                 {name: cafe, peers: 1, nat: fullCone, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
    let script = vec![(ms(1_000), C, Act::Dial(B)), send(1_700, C, B), send(3_000, C, B)];
    let story = Story { lives: Lives::Chosen, edges: "[[0, 1]]", ..homes(group, PLAIN, script) };
    let told = story.tell();
    assert_eq!(told.saw(C, |saw| saw == Saw::Up(B, Link::Dialled)), [ms(1_600)]);
    about(&times(&told, B, C), &[ms(1_904), ms(3_102)]);
    let reached = told.outcome.reached.expect("there is a NAT");
    assert_eq!((reached.punched, reached.traversals.punched), (1, [0; 3]), "no hole was needed");
}

#[test]
fn who_is_behind_nat_dials_others_without_help_and_is_dialled_by_its_relay() {
    for (caller, callee) in [(B, A), (A, B)] {
        let script = vec![(ms(1_000), caller, Act::Dial(callee))];
        let told = Story { lives: Lives::Chosen, ..homes(SYMMETRIC, PLAIN, script) }.tell();
        assert_eq!(told.saw(caller, |saw| saw == Saw::Up(callee, Link::Dialled)), [ms(1_200)]);
        assert_eq!(told.outcome.reached.expect("there is a NAT").direct, 1);
    }
}

#[test]
fn what_is_sent_before_a_hang_up_comes_first_by_relay_too() {
    let script = vec![
        (ms(1_000), B, Act::Dial(C)),
        (ms(30_000), B, Act::Send(Lane::Reliable, C, 20, 1_000)),
        (ms(30_000), B, Act::Send(Lane::Bulk, C, 20, 1_000)),
        (ms(30_000), B, Act::HangUp(C)),
    ];
    let told = Story { lives: Lives::Chosen, ..homes(SYMMETRIC, PLAIN, script) }.tell();
    assert_eq!(told.got(C, B).len(), 40);
    let down = told.saw(C, |saw| saw == Saw::Down(B, Why::HungUp));
    assert!(down.len() == 1 && down[0] > *times(&told, C, B).last().expect("they come"), "{down:?}");
}

#[test]
fn a_relay_that_crashes_breaks_its_circuits_which_another_takes_over() {
    let mut took_over = 0;
    for crash in [
        "  faults: [{name: crash, at: 20s, kill: {peers: [0]}}]",
        "  faults: [{name: crash, at: 20s, kill: {peers: [1]}}]",
    ] {
        let (b, c) = (Peer(2), Peer(3));
        let home = homes(SYMMETRIC, PLAIN, chatter(b, c));
        let told = Story { peers: "peers: 2", edges: "[[2, 3]]", more: crash, ..home }.tell();
        let downs = told.saw(b, |saw| saw == Saw::Down(c, Why::TimedOut));
        took_over += downs.len();
        assert_eq!(downs.len(), told.saw(c, |saw| saw == Saw::Down(b, Why::TimedOut)).len());
        assert!(downs.iter().all(|at| *at == ms(20_100)), "its ends are told after one delay");
        let ups = told.saw(b, |saw| saw == Saw::Up(c, Link::Planned));
        assert!(ups.len() == 1 + downs.len() && ups.iter().all(|at| *at < ms(26_000)), "{ups:?}");
        assert_eq!(told.got(c, b).last().map(|(_, number)| *number), Some(99), "all is well again");
    }
    assert_eq!(took_over, 1, "one of the two carried it");
}

#[test]
fn without_a_relay_neighbours_wait_until_it_is_back() {
    let more = "  faults: [{name: crash, at: 20s, for: 20s, kill: {peers: [0]}}]";
    let script = vec![send(19_950, B, C), send(100_000, B, C)];
    let told = Story { more, ..homes(SYMMETRIC, PLAIN, script) }.tell();
    let ups = told.saw(B, |saw| saw == Saw::Up(C, Link::Planned));
    assert!(ups.len() == 2 && ups[1] > ms(40_000) && ups[1] < ms(72_000), "{ups:?}");
    assert_eq!((times(&told, C, B).len(), told.lost(Loss::Relay)), (1, 1));
    assert!(told.outcome.reached.expect("there is a NAT").traversals.refused > 0);
}

#[test]
fn a_relay_ends_what_lasts_too_long_or_carries_too_much() {
    let limited = |network| homes(SYMMETRIC, network, chatter(B, C)).tell();
    let downs = |told: &Told| told.saw(B, |saw| saw == Saw::Down(C, Why::TimedOut));
    let told = limited("jitter: 0%, handshake: 1, traversal: {lifetime: 30s}");
    assert_eq!(downs(&told)[0], ms(30_700));
    assert!(downs(&told).len() >= 3);
    let told = limited("jitter: 0%, handshake: 1, traversal: {data: 10kB}");
    assert_eq!(told.lost(Loss::Relay) as usize, downs(&told).len(), "the one that was too much is lost");
    // The first was sent before the connection stood.
    assert_eq!(numbers(&told.got(C, B))[..10], (1..11).collect::<Vec<_>>());
}

#[test]
fn a_relay_carries_no_more_circuits_than_it_has_room_for() {
    let three = "}, {name: homes, peers: 3, nat: symmetric, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
    let network = "jitter: 0%, handshake: 1, traversal: {circuits: 1}";
    let told = Story { edges: "[[1, 2], [2, 3], [1, 3]]", ..homes(three, network, vec![]) }.tell();
    let reached = told.outcome.reached.expect("there is a NAT");
    assert_eq!((reached.detours.len(), reached.wanted, reached.unreachable), (1, 3, 2));
}

#[test]
fn a_cut_between_a_home_and_its_relay_cuts_what_goes_over_it_and_none_else() {
    for (cut, breaks) in [
        (
            "  faults: [{name: cut, at: 30s, for: 20s, partition: {between: [{peers: [0]}, {peers: [1]}]}}]",
            true,
        ),
        (
            "  faults: [{name: cut, at: 30s, for: 20s, partition: {between: [{peers: [1]}, {peers: [2]}]}}]",
            false,
        ),
    ] {
        let told = Story { more: cut, ..homes(SYMMETRIC, PLAIN, chatter(B, C)) }.tell();
        let downs = told.saw(B, |saw| saw == Saw::Down(C, Why::TimedOut));
        assert_eq!(downs, if breaks { vec![ms(45_000)] } else { vec![] }, "{cut}");
        assert_eq!(told.got(C, B).last().map(|(_, number)| *number), Some(99), "{cut}");
    }
}

#[test]
fn offices_behind_nat_queue_at_their_doors_on_the_way_to_a_relay() {
    let group = "}, {name: desks, peers: 2, nat: symmetric, site: office";
    let more = "  sites: [{name: office, count: 2, lan: {rate: 8Mbit, delay: 0s}, uplink: {up: 800kbit, down: 800kbit}}]";
    let story = Story { more, ..homes(group, PLAIN, vec![send(30_000, B, C)]) };
    // Doors take ten milliseconds each, links one.
    about(&times(&story.tell(), C, B), &[ms(30_000 + 1 + 10 + 100 + 1 + 1 + 100 + 10 + 1)]);
}
