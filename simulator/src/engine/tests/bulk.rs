//! Stories of bulk transfer: how long it takes, how links are shared, and what ends it.

use super::*;

const KIB: u32 = 1 << 10;
const MIB: u32 = 1 << 20;

/// One packet a message and no losses: a fetch of *n* bytes at 8 Mbit/s takes *n* µs.
fn story(script: Vec<(Nanos, Peer, Act)>) -> Story<'static> {
    Story { network: "jitter: 0%, handshake: 1, packet: 64kB", ..Story::new(script) }
}

impl Told {
    fn fetched(&self, peer: Peer) -> Vec<(Nanos, u32, Result<(), Why>)> {
        let mine = self.log.iter().filter(|(_, who, _)| *who == peer);
        mine.filter_map(|&(at, _, saw)| match saw {
            Saw::Fetched(req, result) => Some((at, req, result)),
            _ => None,
        })
        .collect()
    }

    fn bytes(&self, peer: Peer) -> (u64, u64) {
        self.outcome.bytes[peer.index()]
    }
}

/// Seconds, to a hundredth: requests take their time too.
fn seconds(at: Nanos) -> f64 {
    (at.as_secs_f64() * 100.0).round() / 100.0
}

#[test]
fn a_fetch_takes_a_request_its_length_at_the_rate_of_the_links_and_the_path_back() {
    let told = story(vec![(ms(1_000), A, Act::Fetch(7, B, MIB))]).tell();
    let [(at, 7, Ok(()))] = told.fetched(A)[..] else { panic!("{:?}", told.log) };
    // 100 ms there, 1.05 s at 8 Mbit/s, 100 ms back.
    assert_eq!(seconds(at), 2.25);
    let (sent, received) = (told.bytes(B).0, told.bytes(A).1);
    assert_eq!(sent, received);
    assert_eq!(sent, u64::from(MIB));
}

#[test]
fn a_fresh_connection_ramps_up_round_trip_by_round_trip() {
    // Ten packets of 1,000 bytes each 200 ms are 0.4 Mbit/s: 10 kB, 20, 40, 80, 160, and then 200 kB a round trip.
    let story = Story {
        network: "jitter: 0%, handshake: 1, packet: 1000B",
        ..Story::new(vec![
            (ms(1_000), A, Act::Fetch(1, B, 310_000)),
            (ms(3_000), A, Act::Fetch(2, B, 200_000)),
            (ms(9_000), A, Act::Fetch(3, B, 310_000)),
        ])
    };
    let told = story.tell();
    let times: Vec<_> = told.fetched(A).iter().map(|(at, ..)| seconds(*at)).collect();
    // 0.2 s for request and answer, and five round trips; one while the window stays as it was; and five when it has not.
    assert_eq!(times, [2.2, 3.4, 10.2]);
}

#[test]
fn two_who_fetch_from_one_share_its_uplink_and_what_one_leaves_the_other_has() {
    let told =
        story(vec![(ms(1_000), A, Act::Fetch(1, B, MIB)), (ms(1_000), C, Act::Fetch(1, B, MIB / 2))]).tell();
    let (a, c) = (told.fetched(A)[0].0, told.fetched(C)[0].0);
    assert_eq!(seconds(c), 2.25, "half as much at half the rate");
    assert_eq!(seconds(a), 2.77, "half at half the rate, half at all of it");
}

#[test]
fn what_one_fetches_from_one_comes_one_after_the_other() {
    let told =
        story(vec![(ms(1_000), A, Act::Fetch(1, B, MIB)), (ms(1_000), A, Act::Fetch(2, B, MIB))]).tell();
    let times: Vec<_> = told.fetched(A).iter().map(|(at, req, _)| (*req, seconds(*at))).collect();
    assert_eq!(times, [(1, 2.25), (2, 3.3)]);
}

#[test]
fn peers_of_a_site_share_its_way_in() {
    let more = "  sites: [{name: office, count: 2, lan: {rate: 1Gbit, delay: 0s}, uplink: {down: 8Mbit, up: 8Mbit}}]";
    let told = Story {
        // A and C are in one office, the others in the other.
        peers: "peers: 4, site: office",
        edges: "[[0, 1], [2, 3], [0, 2]]",
        more,
        ..story(vec![
            (ms(1_000), A, Act::Fetch(1, B, MIB / 2)),
            (ms(1_000), C, Act::Fetch(1, Peer(3), MIB / 2)),
            (ms(4_000), A, Act::Fetch(2, C, MIB)),
        ])
    }
    .tell();
    assert_eq!(seconds(told.fetched(A)[0].0), 2.25, "half of the door each");
    assert_eq!(seconds(told.fetched(C)[0].0), 2.25);
    assert_eq!(seconds(told.fetched(A)[1].0), 4.01, "and none of it between the two");
}

#[test]
fn messages_take_their_part_of_a_link_from_flows_and_do_not_wait_for_them() {
    // 100 messages of 10 kB, a second of the uplink's time, while 2 MiB leave by it.
    let messages = (0..100).map(|turn| (ms(1_200 + 10 * turn), B, Act::Send(Lane::Reliable, C, 1, 5_000)));
    let fetch = (ms(1_000), A, Act::Fetch(1, B, 2 * MIB));
    let alone = story(vec![fetch]).tell();
    let told = story(messages.chain([fetch]).collect()).tell();
    let longer = told.fetched(A)[0].0.0 - alone.fetched(A)[0].0.0;
    assert_eq!(seconds(Nanos(longer)), 0.5, "the time that the messages take");
    let waits = told.got(C, B).iter().map(|(at, number)| at.0 - ms(1_200 + 10 * u64::from(*number)).0).max();
    assert!(waits.is_some_and(|longest| longest < ms(111).0), "{waits:?}");
}

#[test]
fn what_is_refused_unconnected_or_given_up_comes_to_its_end() {
    let told = story(vec![
        (ms(1_000), A, Act::Fetch(1, B, 0)),
        (ms(1_000), A, Act::Fetch(2, C, MIB)),
        (ms(2_000), A, Act::Fetch(3, B, MIB)),
        (ms(2_500), A, Act::Abort(3)),
    ])
    .tell();
    let ends: Vec<_> = told.fetched(A).iter().map(|&(at, req, result)| (seconds(at), req, result)).collect();
    assert_eq!(ends, [(1.0, 2, Err(Why::Unreachable)), (1.2, 1, Err(Why::Refused))]);
    assert_eq!(told.lost(Loss::Aborted), 1);
    let (sent, received) = (told.bytes(B).0, told.bytes(A).1);
    assert_eq!(sent, received);
    // It was sent from 2.1 s until the word came at 2.6 s.
    assert!((490 * 1_000..510 * 1_000).contains(&sent), "{sent} bytes for nothing");
}

#[test]
fn a_fetch_ends_with_its_connection() {
    let crash = "  faults: [{name: crash, at: 1500ms, for: 20s, kill: {peers: [1]}}]";
    let told = Story { more: crash, ..story(vec![(ms(1_000), A, Act::Fetch(1, B, MIB))]) }.tell();
    let fetched = told.fetched(A);
    assert_eq!(fetched.len(), 1);
    assert_eq!((seconds(fetched[0].0), fetched[0].2), (1.6, Err(Why::Stopped)));
    assert_eq!(told.lost(Loss::Broken), 1);
    let down = told.saw(A, |saw| matches!(saw, Saw::Down(..)));
    assert_eq!(down, [fetched[0].0], "told of first");
    let order: Vec<_> = told.log.iter().filter(|(at, who, _)| *who == A && *at == down[0]).collect();
    assert!(matches!(order[..], [(_, _, Saw::Fetched(..)), (_, _, Saw::Down(..))]), "{order:?}");
    assert_eq!(told.bytes(B).0, told.bytes(A).1);
}

#[test]
fn a_client_that_is_back_does_not_take_what_was_meant_for_its_earlier_life() {
    let crash = "  faults: [{name: crash, at: 2200ms, for: 30ms, kill: {peers: [0]}}]";
    let script = vec![(ms(1_000), A, Act::Fetch(1, B, MIB)), (ms(2_240), A, Act::Fetch(1, B, KIB))];
    let told = Story { more: crash, ..story(script) }.tell();
    // The first was through at 2.15 s and lands at 2.25 s.
    assert_eq!(told.fetched(A).iter().map(|it| it.2).collect::<Vec<_>>(), [Err(Why::Unreachable)]);
    assert_eq!(told.lost(Loss::Offline), 1);
}

#[test]
fn a_short_cut_holds_a_flow_up_and_a_long_one_ends_it() {
    let fetch = vec![(ms(1_000), A, Act::Fetch(1, B, 2 * MIB))];
    let cut = |lasts| {
        format!(
            "  faults: [{{name: cut, at: 1500ms, for: {lasts}, partition: {{between: [{{peers: [0]}}, {{peers: [1]}}]}}}}]"
        )
    };
    let short = Story { more: cut("2s").leak(), ..story(fetch.clone()) }.tell();
    let at = seconds(short.fetched(A)[0].0);
    assert_eq!(short.fetched(A)[0].2, Ok(()));
    // 2.3 s without the cut, 2 s of the cut, and up to a second until it is tried again.
    assert!((5.3..6.4).contains(&at), "{at}");
    assert!(short.outcome.fault_hits[0] > 0);
    let long = Story { more: cut("30s").leak(), ..story(fetch) }.tell();
    assert_eq!(long.fetched(A)[0].2, Err(Why::TimedOut));
    assert_eq!(seconds(long.fetched(A)[0].0), 16.5);
}

#[test]
fn a_degraded_link_slows_a_flow_down_while_it_lasts() {
    let more = "  faults: [{name: worse, at: 1600ms, for: 1s, degrade: {who: {peers: [1]}, rate: 50%}}]";
    let told = Story { more, ..story(vec![(ms(1_000), A, Act::Fetch(1, B, 2 * MIB))]) }.tell();
    assert_eq!(seconds(told.fetched(A)[0].0), 3.8, "half a second later than without");
    assert!(told.outcome.fault_hits[0] > 0);
}

#[test]
fn losses_bound_what_a_transport_makes_of_a_path() {
    let lossy = |loss| Story {
        network: loss,
        group: "",
        ..Story::new(vec![(ms(1_000), A, Act::Fetch(1, B, 2 * MIB))])
    };
    let clean = lossy("jitter: 0%, handshake: 1").tell().fetched(A)[0].0;
    let bad = lossy("jitter: 0%, handshake: 1, loss: 2%").tell().fetched(A)[0].0;
    // 1.2 / sqrt(0.02) = 8.5 packets of 1.4 kB each 0.2 s, 59 kB/s, or by the other formula a little less.
    assert!(seconds(bad) > 20.0 && seconds(clean) < 5.0, "{bad:?} {clean:?}");
}
