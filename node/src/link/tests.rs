//! The laws of a link under a clock that is moved by hand.

use std::sync::Arc;

use peerlab_scenarios::{
    host::Peer,
    plan::{Files, Plan},
    seed::Seed,
    spec::read,
};
use proptest::prelude::*;

use super::{Network, Shaper, receiver::GRAIN, receiver::Receiver, route::Route, sender::Sender};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1_000 * MS;

fn plan(link: &str, network: &str, rest: &str) -> Plan {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: test}}\nspec:\n  duration: 10m\n  \
         topology: {{fullMesh: {{}}}}\n  groups: [{{name: all, peers: 4, link: {{access: {{constant: {{value: 0s}}}}, loss: 0%, {link}}}}}]\n  \
         network: {{{network}}}\n  workloads: [{{name: talk, chat: {{}}}}]\n{rest}"
    );
    let scenario = read::read("test", yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    Plan::new(&scenario, Seed(7), &Files::new()).unwrap_or_else(|errors| panic!("{errors:?}"))
}

fn network(plan: Plan) -> Arc<Network> {
    let here = plan.peers.iter().collect();
    let shaper = Shaper::new(&Arc::new(plan), &here, Arc::new(|_| {})).unwrap();
    shaper.0.timeline.begin(0);
    shaper.0
}

/// One direction of a connection, with streams below that take no time.
struct Line {
    sender: Sender,
    receiver: Receiver,
    /// The sender of the receiver's end, which tells what was read.
    back: Sender,
    /// When how much could be read.
    came: Vec<(u64, usize)>,
    read: Vec<u8>,
    ended: bool,
}

impl Line {
    fn new(net: &Network, from: Peer, to: Peer) -> Self {
        Self {
            sender: Sender::new(Route::new(net, from, to), net.send_buffer),
            receiver: Receiver::new(Route::new(net, from, to)),
            back: Sender::new(Route::new(net, to, from), net.send_buffer),
            came: Vec::new(),
            read: Vec::new(),
            ended: false,
        }
    }

    /// Does what is due, and reads at most so much of what is there.
    fn advance(&mut self, net: &Network, now: u64, appetite: usize) {
        self.sender.advance(net, now);
        let out = self.sender.out.split();
        self.receiver.feed(net, now, &out, &mut self.back).unwrap();
        self.receiver.advance(now);
        let mut into = vec![0; appetite];
        match self.receiver.take(&mut into) {
            Some(0) => self.ended = appetite > 0,
            Some(n) => {
                self.came.push((now, n));
                self.read.extend_from_slice(&into[..n]);
            }
            None => {}
        }
        if let Some(bytes) = self.receiver.take_untold() {
            self.sender.heard(now, bytes);
        }
    }

    fn next(&self) -> Option<u64> {
        [self.sender.next(), self.receiver.next()].into_iter().flatten().min()
    }

    /// Sends all of it as fast as it is taken, until all of it has come or nothing happens any more: when that is.
    fn carry(&mut self, net: &Network, mut now: u64, bytes: &[u8]) -> u64 {
        let mut sent = 0;
        loop {
            loop {
                let taken = self.sender.offer(now, &bytes[sent..]);
                sent += taken;
                if sent == bytes.len() {
                    self.sender.close(now);
                }
                self.advance(net, now, 32 << 20);
                if sent == bytes.len() || !self.sender.has_room() {
                    break;
                }
            }
            if self.ended {
                return now;
            }
            match self.next().filter(|&at| at < u64::MAX) {
                Some(at) => now = at.max(now),
                None => return now,
            }
        }
    }
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len as u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

/// Checks that no more came in any stretch of time than the rate lets through and the bucket holds.
fn assert_rate(came: &[(u64, usize)], bits_per_second: u64, bucket: u64) {
    for first in 0..came.len() {
        let mut sum = 0;
        for &(at, n) in &came[first..] {
            sum += n as u64;
            let time = at - came[first].0;
            let most = (u128::from(bits_per_second) * u128::from(time) / 8_000_000_000) as u64 + bucket;
            assert!(sum <= most, "{sum} bytes in {time} ns");
        }
    }
}

#[test]
fn a_small_message_takes_the_delay_and_its_own_length_at_both_links() {
    let net = network(plan("up: 8Mbit, down: 16Mbit", "latency: {fixed: {oneWay: 40ms}}, jitter: 0%", ""));
    let mut line = Line::new(&net, Peer(0), Peer(1));
    line.carry(&net, 0, &pattern(948));
    // 1000 B with 52 B of headers: 1 ms at 8 Mbit/s, 0.5 ms at 16 Mbit/s.
    let (at, n) = line.came[0];
    assert_eq!(n, 948);
    assert!((41 * MS + MS / 2 - GRAIN..=41 * MS + MS / 2 + 2).contains(&at), "{at}");
}

#[test]
fn a_long_transfer_has_the_rate_of_the_narrower_link() {
    for (link, narrower) in
        [("up: 4Mbit, down: 50Mbit", 4), ("up: 50Mbit, down: 4Mbit", 4), ("up: 1Gbit, down: 1Gbit", 1000)]
    {
        let net = network(plan(link, "latency: {fixed: {oneWay: 50ms}}, overhead: 0B", ""));
        let bytes = pattern(narrower * 1_000_000 / 8 * 3);
        let mut line = Line::new(&net, Peer(0), Peer(1));
        let time = line.carry(&net, 0, &bytes);
        assert!(line.read == bytes, "what was read is what was written");
        let excess = time as f64 / (3.0 * SECOND as f64);
        assert!((1.0..1.05).contains(&excess), "{link}: {excess} of three seconds");
    }
}

#[test]
fn connections_share_an_uplink_in_fair_parts_and_a_small_message_does_not_wait_for_large_ones() {
    let net = network(plan("up: 8Mbit, down: 1Gbit", "latency: {fixed: {oneWay: 10ms}}, jitter: 0%", ""));
    let mut lines: Vec<Line> = [1, 2, 3].map(|to| Line::new(&net, Peer(0), Peer(to))).into();
    let mut now = 0;
    while now < 2 * SECOND {
        for line in &mut lines[..2] {
            line.sender.offer(now, &pattern(64 << 10));
        }
        if now >= SECOND && lines[2].came.is_empty() && lines[2].sender.next().is_none() {
            lines[2].sender.offer(now, &pattern(100));
        }
        for line in &mut lines {
            line.advance(&net, now, 1 << 20);
        }
        now = lines.iter().filter_map(Line::next).min().unwrap().max(now + 1);
    }
    let [one, other] = [0, 1].map(|n| lines[n].read.len() as f64);
    assert!((one / other - 1.0).abs() < 0.02, "{one} and {other} bytes");
    let waited = lines[2].came[0].0 - SECOND;
    // The delay, and at most two segments of each of the others and its own.
    assert!(waited < 10 * MS + 6 * MS, "{waited} ns");
    let all: Vec<_> = lines.iter().flat_map(|line| line.came.iter().copied()).collect();
    let sum: usize = all.iter().map(|(_, n)| n).sum();
    assert!(sum as u64 <= 2 * 1_000_000);
}

#[test]
fn a_slow_reader_slows_its_writer_and_buffers_stay_bounded() {
    let net = network(plan("up: 1Gbit, down: 1Gbit", "latency: {fixed: {oneWay: 5ms}}", ""));
    let mut line = Line::new(&net, Peer(0), Peer(1));
    let window = Route::new(&net, Peer(0), Peer(1)).window;
    let (mut taken, mut now) = (0, 0);
    while now < 5 * SECOND {
        taken += line.sender.offer(now, &pattern(64 << 10));
        line.advance(&net, now, 0);
        let Some(next) = line.next() else { break };
        now = next.max(now + 1);
    }
    assert!(taken <= window + net.send_buffer, "{taken} bytes were taken, with a window of {window}");
    assert!(taken >= window);
    assert!(!line.sender.has_room());
    line.advance(&net, now, window);
    line.advance(&net, now + 20 * MS, 0);
    assert!(line.sender.has_room(), "reading opens the window");
}

const CUT: &str = "  faults: [{name: cut, at: 1s, for: 4s, outage: {group: all}}]\n";

#[test]
fn a_cut_lets_nothing_through_and_its_end_all_in_order() {
    let net = network(plan("up: 100Mbit, down: 100Mbit", "latency: {fixed: {oneWay: 30ms}}", CUT));
    let mut line = Line::new(&net, Peer(0), Peer(1));
    let bytes = pattern(30_000);
    let (mut now, mut sent) = (0, 0);
    while !line.ended {
        // A kilobyte each 100 ms, before, during and after.
        while sent < bytes.len() && sent as u64 / 1_000 * 100 * MS <= now {
            sent += line.sender.offer(now, &bytes[sent..(sent + 1_000).min(bytes.len())]);
        }
        if sent == bytes.len() {
            line.sender.close(now);
        }
        line.advance(&net, now, 1 << 20);
        now = line.next().unwrap_or(u64::MAX).min(now + 100 * MS);
    }
    assert!(line.read == bytes);
    let on_its_way = SECOND + 32 * MS;
    let cut_off: Vec<_> = line.came.iter().filter(|(at, _)| (on_its_way..5 * SECOND).contains(at)).collect();
    assert!(cut_off.is_empty(), "{cut_off:?}");
    let first = line.came.iter().find(|(at, _)| *at > on_its_way).unwrap().0;
    assert!((5 * SECOND..=7 * SECOND + 40 * MS).contains(&first), "heals within half its length: {first}");
    assert!(net.timeline.hits()[0] > 0);
}

#[test]
fn a_cut_as_long_as_the_timeout_breaks_the_connection_that_long_after_its_beginning() {
    let net = network(plan("", "timeout: 4s", CUT));
    assert_eq!(net.timeline.breaks(Peer(0), Peer(1), 0), Some(5 * SECOND));
    assert_eq!(net.timeline.breaks(Peer(0), Peer(1), 6 * SECOND), None);
    let longer = network(plan("", "timeout: 5s", CUT));
    assert_eq!(longer.timeline.breaks(Peer(0), Peer(1), 0), None);
    let mut route = Route::new(&net, Peer(0), Peer(1));
    assert_eq!(route.send(&net, 2 * SECOND, 100).arrives, u64::MAX);
}

#[test]
fn degraded_links_are_slower_and_later() {
    let faults = "  faults: [{name: rain, at: 10s, for: 10s, degrade: {who: {peers: [0]}, latency: 100ms, rate: 50%}}]\n";
    let net = network(plan(
        "up: 8Mbit, down: 8Mbit",
        "latency: {fixed: {oneWay: 10ms}}, jitter: 0%, overhead: 0B, packet: 1000B",
        faults,
    ));
    let arrives = |at: u64, from: u32, to: u32| {
        Route::new(&net, Peer(from), Peer(to)).send(&net, at, 1_000).arrives - at
    };
    let close = |time: u64, wanted: u64| assert!(time.abs_diff(wanted) < 10, "{time} ns instead of {wanted}");
    close(arrives(SECOND, 0, 1), 11 * MS);
    close(arrives(11 * SECOND, 0, 1), 112 * MS);
    close(arrives(12 * SECOND, 1, 0), 111 * MS);
    close(arrives(13 * SECOND, 1, 2), 11 * MS);
    close(arrives(25 * SECOND, 0, 1), 11 * MS);
    let strained = Route::new(&net, Peer(1), Peer(0));
    close(strained.receive(&net, 14 * SECOND, 1_000) - 14 * SECOND, 2 * MS);
}

#[test]
fn losses_delay_streams_and_take_datagrams_away_as_often_as_asked() {
    let net = network(plan(
        "up: 1Gbit, down: 1Gbit",
        "latency: {fixed: {oneWay: 50ms}}, jitter: 0%, loss: 10%",
        "",
    ));
    let mut route = Route::new(&net, Peer(0), Peer(1));
    let came = (0..10_000u64).filter(|n| route.datagram(&net, n * MS, 100).is_some()).count();
    assert!((8_850..9_150).contains(&came), "{came} of 10000 datagrams");
    // Each on a connection of its own, so that none is held up by another.
    let late = |n: &u64| {
        Route::new(&net, Peer(2), Peer(3)).send(&net, n * SECOND, 100).arrives - n * SECOND > 60 * MS
    };
    let late = (0..10_000u64).filter(late).count();
    assert!((850..1_150).contains(&late), "{late} of 10000 segments were sent again");
}

#[test]
fn a_datagram_does_not_wait_long_for_its_link() {
    let net = network(plan("up: 1Mbit", "latency: {fixed: {oneWay: 50ms}}", ""));
    let mut route = Route::new(&net, Peer(0), Peer(1));
    let came = (0..1_000).filter(|_| route.datagram(&net, 0, 1_198).is_some()).count();
    assert_eq!(came, 51, "those of 10 ms each that find less than 500 ms before them");
}

#[test]
fn jitter_has_its_amplitude_and_is_the_same_each_time() {
    let draw = || {
        let net = network(plan("up: 10Gbit", "latency: {fixed: {oneWay: 100ms}}, jitter: 20%", ""));
        let one = |n: u64| Route::new(&net, Peer(0), Peer(1)).send(&net, n * SECOND, 1).arrives - n * SECOND;
        (0..2_000u64).map(one).collect::<Vec<_>>()
    };
    let times = draw();
    assert_eq!(times, draw());
    assert!(times.iter().all(|time| (80 * MS..=120 * MS + 1_000).contains(time)));
    assert!(times.iter().any(|time| *time < 82 * MS) && times.iter().any(|time| *time > 118 * MS));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn bytes_come_whole_in_order_and_no_faster_than_their_link(
        writes in prop::collection::vec((0u64..200, 1usize..40_000), 1..12),
        reads in prop::collection::vec(1usize..30_000, 1..6),
        up in 1u64..200,
        down in 1u64..200,
        delay in 0u64..300,
        loss in 0u64..8,
        cut in prop::option::of((0u64..3_000, 1u64..5_000)),
    ) {
        let faults = cut.map_or_else(String::new, |(at, lasts)| {
            format!("  faults: [{{name: cut, at: {at}ms, for: {lasts}ms, outage: {{group: all}}}}]\n")
        });
        let net = network(plan(
            &format!("up: {up}Mbit, down: {down}Mbit"),
            &format!("latency: {{fixed: {{oneWay: {delay}ms}}}}, jitter: 30%, loss: {loss}%"),
            &faults,
        ));
        let mut line = Line::new(&net, Peer(0), Peer(1));
        let all = pattern(writes.iter().map(|(_, len)| len).sum());
        let (mut now, mut sent, mut due, mut writes, mut reads) = (0, 0, 0, writes.into_iter(), reads.into_iter().cycle());
        let mut next_write = writes.next().map(|(wait, len)| (wait * MS, len));
        for _ in 0..200_000 {
            if line.ended {
                break;
            }
            if let Some((at, len)) = next_write && at <= now {
                due += len;
                next_write = writes.next().map(|(wait, len)| (now + wait * MS, len));
            }
            sent += line.sender.offer(now, &all[sent..due]);
            if sent == all.len() {
                line.sender.close(now);
            }
            // A reader that comes when it likes, and takes what it likes.
            let appetite = reads.next().unwrap();
            line.advance(&net, now, appetite);
            let reader = now + 100_000;
            now = line.next().unwrap_or(reader).min(next_write.map_or(reader, |(at, _)| at)).clamp(now + 1, reader.max(now + 1));
        }
        prop_assert!(line.ended, "the end has come");
        prop_assert!(line.read == all, "bytes are the same");
        let [out, into] = [0, 1].map(|peer: usize| net.ports[peer].traffic());
        prop_assert_eq!(out.sent, into.received, "both ends count the same bytes");
        prop_assert!(into.received >= all.len() as u64);
    }

    #[test]
    fn no_stretch_of_time_brings_more_than_the_rate_and_the_bucket(
        writes in prop::collection::vec((0u64..50, 1usize..60_000), 1..10),
        up in 1u64..300,
        down in 1u64..300,
    ) {
        let net = network(plan(
            &format!("up: {up}Mbit, down: {down}Mbit"),
            "latency: {fixed: {oneWay: 20ms}}, jitter: 50%, loss: 2%",
            "",
        ));
        let mut line = Line::new(&net, Peer(0), Peer(1));
        let (mut now, mut waiting) = (0, 0);
        for (wait, len) in writes {
            waiting += len;
            let until = now + wait * MS;
            while now < until || waiting > 0 {
                waiting -= line.sender.offer(now, &vec![1; waiting]);
                line.advance(&net, now, 1 << 20);
                now = line.next().unwrap_or(u64::MAX).min(until.max(now + MS)).max(now + 1);
            }
        }
        while let Some(at) = line.next() {
            now = at.max(now);
            line.advance(&net, now, 1 << 20);
        }
        let segment = Route::new(&net, Peer(0), Peer(1)).segment as u64;
        // A segment comes at one stroke when its last bit has, and the next may be the grain early.
        assert_rate(&line.came, down * 1_000_000, segment + GRAIN * down * 1_000_000 / 8_000_000_000 + 1);
    }
}
