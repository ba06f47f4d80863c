//! Stories of the modelled network: what machines that follow a script send each other, and when it comes.

mod bulk;
mod nat;

use std::{cell::RefCell, rc::Rc};

use peerlab_scenarios::{
    host::{
        Cx, Input, Lane, Link, Links as Lives, Machine, Msg, Overlay, Payload, Peer, PeerHost, ReqId,
        RoleSlot, StoreKey, TimerKey, Why,
    },
    plan::{Files, Plan},
    report::Fact,
    seed::Seed,
    spec::read::read,
    units::Nanos,
    wire::{Blob, Content, Item, ItemId, Kind},
};

use super::{
    Engine, Observer, Outcome,
    prefetch::Prefetch,
    store::{ItemRef, Store},
    traffic::Loss,
};

/// What a machine of the script does.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Sends so many messages of so many bytes in all, header and overhead included.
    Send(Lane, Peer, u32, u32),
    Dial(Peer),
    HangUp(Peer),
    Store(u32),
    /// Fetches, under a name, from a peer, an item of so many bytes; one of none is refused.
    Fetch(u32, Peer, u32),
    Abort(u32),
}

/// What a machine saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Saw {
    /// It began, with so many things kept.
    Start(usize),
    Stop,
    Up(Peer, Link),
    Down(Peer, Why),
    /// The sender's message of this number.
    Got(Peer, u32),
    Asked(Peer),
    /// What came of the fetch of this name.
    Fetched(u32, Result<(), Why>),
}

type Log = Rc<RefCell<Vec<(Nanos, Peer, Saw)>>>;

/// A role that does what its script says and writes down what it sees.
struct Actor {
    script: Rc<Vec<(Nanos, Peer, Act)>>,
    log: Log,
    sent: u32,
}

impl Actor {
    fn item(&mut self, cx: &mut Cx<'_, Store>, bytes: u32) -> ItemRef {
        let bare = Item::new(ItemId::new(0, cx.me, self.sent), 0, cx.now, Content::Raw(Blob::Sized(0)));
        let text = bytes - peerlab_scenarios::wire::HEADER - bare.encoded_len();
        self.sent += 1;
        let id = ItemId::new(0, cx.me, self.sent - 1);
        // The length of the text is itself written in up to four bytes more.
        let item = |text| Item::new(id, 0, cx.now, Content::Raw(Blob::Sized(text)));
        let over = item(text).encoded_len() + peerlab_scenarios::wire::HEADER - bytes;
        let fits = item(text - over);
        cx.make_item(fits)
    }

    fn act(&mut self, cx: &mut Cx<'_, Store>, act: Act) {
        match act {
            Act::Send(lane, to, count, bytes) => {
                for _ in 0..count {
                    let payload = Payload::Item(self.item(cx, bytes));
                    cx.send(to, lane, Msg::new(Kind::ChatEntry, 0, payload));
                }
            }
            Act::Dial(peer) => cx.dial(peer),
            Act::HangUp(peer) => cx.hang_up(peer),
            Act::Store(key) => {
                let item = self.item(cx, 200);
                cx.store(StoreKey(u64::from(key)), item);
            }
            Act::Fetch(req, from, bytes) => cx.fetch(ReqId(req), from, ItemId::new(0, from, bytes)),
            Act::Abort(req) => cx.abort(ReqId(req)),
        }
    }
}

impl Machine<Store> for Actor {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        let saw = match input {
            Input::Start { kept } => {
                let (me, now) = (cx.me, cx.now);
                let mine = |(_, line): &(usize, &(Nanos, Peer, Act))| line.1 == me && line.0 >= now;
                for (number, (at, ..)) in self.script.iter().enumerate().filter(mine) {
                    cx.set_timer(TimerKey(number as u32), *at);
                }
                Saw::Start(kept.len())
            }
            Input::Stop => Saw::Stop,
            Input::PeerUp { peer, link } => Saw::Up(peer, link),
            Input::PeerDown { peer, why } => Saw::Down(peer, why),
            Input::Message { from, msg, .. } => {
                let Payload::Item(item) = msg.payload else { panic!("actors send items") };
                Saw::Got(from, cx.item(&item).id.number())
            }
            Input::Timer(TimerKey(number)) => return self.act(cx, self.script[number as usize].2),
            Input::Command { .. } => return,
            Input::Published { .. } => unreachable!("nobody publishes"),
            Input::Asked { ask, what } => {
                match what.number() {
                    0 => cx.refuse(ask),
                    bytes => {
                        let item = self.item(cx, bytes);
                        cx.serve(ask, item);
                    }
                }
                Saw::Asked(ask.by)
            }
            Input::Fetched { req, result } => Saw::Fetched(req.0, result.map(|_| ())),
            Input::Found { query, .. } => unreachable!("nobody looks anything up, and not {query:?}"),
        };
        self.log.borrow_mut().push((cx.now, cx.me, saw));
    }
    fn digest(&self) -> u64 {
        0
    }
}

/// An overlay that carries nothing, over the plan's edges or none.
struct Idle(Lives);

impl Machine<Store> for Idle {
    fn step(&mut self, _: &mut Cx<'_, Store>, _: Input<Store>) {}
    fn digest(&self) -> u64 {
        0
    }
}

impl Overlay<Store> for Idle {
    fn links(&self) -> Lives {
        self.0
    }
    fn publish(&mut self, _: &mut Cx<'_, Store>, _: ItemRef) {}
}

impl Prefetch for Idle {}

struct Nobody;

impl Observer for Nobody {
    fn fact(&mut self, _: Nanos, _: Peer, _: &Fact) {}
}

/// A network of a few peers: 100 ms between any two, links of 8 Mbit/s, that is 1 ms for 1,000 bytes, a round trip to connect,
/// no loss and no jitter, unless the story says otherwise.
struct Story<'a> {
    peers: &'static str,
    group: &'static str,
    network: &'static str,
    edges: &'static str,
    more: &'a str,
    lives: Lives,
    seed: u64,
    script: Vec<(Nanos, Peer, Act)>,
}

struct Told {
    log: Vec<(Nanos, Peer, Saw)>,
    outcome: Outcome,
}

impl Story<'_> {
    fn new(script: Vec<(Nanos, Peer, Act)>) -> Self {
        Self {
            peers: "peers: 3",
            group: "",
            network: "jitter: 0%, handshake: 1",
            edges: "[[0, 1], [1, 2]]",
            more: "",
            lives: Lives::Planned,
            seed: 1,
            script,
        }
    }

    fn tell(self) -> Told {
        let Self { peers, group, network, edges, more, lives, seed, script } = self;
        // Peers in a site have the port of its LAN instead.
        let in_site = peers.contains("site:");
        let link =
            if in_site { "" } else { ", link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}" };
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: story}}
spec:
  duration: 2m
  groups: [{{name: all, {peers}{link}{group}}}]
  topology: {{edges: {{list: {edges}}}}}
  network: {{latency: {{fixed: {{oneWay: 100ms}}}}, overhead: 0B, {network}}}
  workloads: [{{name: talk, chat: {{}}}}]
{more}
"
        );
        let scenario = read("story", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let plan = Plan::new(&scenario, Seed(seed), &Files::new()).expect("a story that can be told");
        let (log, script) = (Log::default(), Rc::new(script));
        let actors = |_| {
            let actor = Actor { script: Rc::clone(&script), log: Rc::clone(&log), sent: 0 };
            PeerHost::new(Idle(lives), vec![RoleSlot::new(0, actor)])
        };
        let (outcome, _) = Engine::new(&plan, actors, Nobody).run(&|_| false);
        assert_eq!(outcome.traffic.imbalance(), 0, "every message is accounted for");
        Told { log: log.take(), outcome }
    }
}

impl Told {
    fn saw(&self, peer: Peer, what: impl Fn(Saw) -> bool) -> Vec<Nanos> {
        let mine = self.log.iter().filter(|(_, who, saw)| *who == peer && what(*saw));
        mine.map(|(at, ..)| *at).collect()
    }

    /// What came to a peer from another, as (when, number).
    fn got(&self, peer: Peer, from: Peer) -> Vec<(Nanos, u32)> {
        let mine = self.log.iter().filter(|(_, who, _)| *who == peer);
        mine.filter_map(|&(at, _, saw)| match saw {
            Saw::Got(who, number) if who == from => Some((at, number)),
            _ => None,
        })
        .collect()
    }

    fn lost(&self, why: Loss) -> u64 {
        self.outcome.traffic.lost[why as usize]
    }
}

const A: Peer = Peer(0);
const B: Peer = Peer(1);
const C: Peer = Peer(2);

const fn ms(ms: u64) -> Nanos {
    Nanos::from_millis(ms)
}

fn numbers(got: &[(Nanos, u32)]) -> Vec<u32> {
    got.iter().map(|(_, number)| *number).collect()
}

/// Equal up to a microsecond: rates are kept in whole parts of a nanosecond.
fn about(times: &[Nanos], expected: &[Nanos]) {
    let near = |(a, b): (&Nanos, &Nanos)| a.0.abs_diff(b.0) < 1_000;
    assert!(times.len() == expected.len() && times.iter().zip(expected).all(near), "{times:?}");
}

#[test]
fn a_connection_stands_after_its_handshake_and_a_message_takes_queue_path_and_queue() {
    let told = Story::new(vec![(ms(1_000), A, Act::Send(Lane::Reliable, B, 2, 1_000))]).tell();
    assert_eq!(told.saw(A, |saw| saw == Saw::Up(B, Link::Planned)), [ms(200)]);
    assert_eq!(told.saw(C, |saw| saw == Saw::Up(B, Link::Planned)), [ms(200)]);
    let times: Vec<_> = told.got(B, A).iter().map(|(at, _)| *at).collect();
    about(&times, &[ms(1_102), ms(1_103)]);
}

#[test]
fn each_handshake_is_so_many_round_trips() {
    let told = Story { network: "jitter: 0%, handshake: 3", ..Story::new(vec![]) }.tell();
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Up(..))), [ms(600)]);
}

#[test]
fn what_is_sent_reliably_comes_complete_and_in_order_under_loss_and_jitter() {
    let script = (0..200).map(|turn| (ms(1_000 + 10 * turn), A, Act::Send(Lane::Reliable, B, 1, 500)));
    let story = Story { network: "jitter: 50%, loss: 20%", ..Story::new(script.collect()) };
    let told = story.tell();
    let got = told.got(B, A);
    assert_eq!(numbers(&got), (0..200).collect::<Vec<_>>());
    assert!(
        got.iter().any(|(at, number)| at.0 > ms(1_000 + 10 * u64::from(*number) + 500).0),
        "some were lost"
    );
}

#[test]
fn datagrams_are_lost_and_overtake_each_other() {
    let script = (0..400).map(|turn| (ms(1_000 + 10 * turn), A, Act::Send(Lane::Datagram, B, 1, 500)));
    let told = Story { network: "jitter: 50%, loss: 20%", ..Story::new(script.collect()) }.tell();
    let got = numbers(&told.got(B, A));
    assert_eq!(got.len() as u64 + told.lost(Loss::Path), 400);
    assert!((40..120).contains(&told.lost(Loss::Path)), "{} of 400", told.lost(Loss::Path));
    assert!(!got.is_sorted());
}

#[test]
fn a_full_uplink_drops_datagrams_and_delays_the_others() {
    // 1,000 messages of a millisecond each: the queue of datagrams holds half a second.
    let script = vec![(ms(1_000), A, Act::Send(Lane::Datagram, B, 1_000, 1_000))];
    let told = Story::new(script).tell();
    assert_eq!(told.lost(Loss::Queue), 1_000 - 501);
    let told = Story::new(vec![(ms(1_000), A, Act::Send(Lane::Reliable, B, 1_000, 1_000))]).tell();
    about(&[told.got(B, A).last().expect("all come").0], &[ms(2_101)]);
}

#[test]
fn a_short_cut_holds_back_what_is_sent_and_lets_it_go_in_order() {
    let script = (0..100).map(|turn| (ms(9_000 + 100 * turn), A, Act::Send(Lane::Reliable, B, 1, 500)));
    let cut = "  faults: [{name: cut, at: 10s, for: 5s, partition: {between: [{peers: [0]}, {peers: [1]}]}}]";
    let told = Story { more: cut, ..Story::new(script.collect()) }.tell();
    let got = told.got(B, A);
    assert_eq!(numbers(&got), (0..100).collect::<Vec<_>>());
    // What was on the path when it began gets through.
    assert!(got.iter().all(|(at, _)| *at < ms(10_102) || *at > ms(15_000)), "nothing passes while it lasts");
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Down(..))), []);
    assert!(told.outcome.fault_hits[0] >= 50);
}

#[test]
fn cuts_upon_cuts_let_all_go_in_order_whatever_was_lost_before() {
    let line = |turn: u64| (ms(8_000 + 20 * turn), A, Act::Send(Lane::Reliable, B, 1, 500));
    let cuts = "  faults:
    - {name: one, at: 10s, for: 50ms, outage: {peers: [0]}}
    - {name: two, at: 11s, for: 2s, outage: {peers: [0]}}
    - {name: three, at: 13s, for: 2s, outage: {peers: [1]}}";
    let network = "jitter: 30%, loss: 10%";
    for seed in 0..50 {
        let script = (0..400).map(line).collect();
        let told = Story { more: cuts, network, seed, ..Story::new(script) }.tell();
        assert_eq!(numbers(&told.got(B, A)), (0..400).collect::<Vec<_>>(), "seed {seed}");
        assert!(told.outcome.fault_hits.iter().all(|hits| *hits > 0), "{:?}", told.outcome.fault_hits);
    }
}

#[test]
fn a_long_cut_breaks_the_connection_which_comes_back_when_it_heals() {
    let script = (0..100).map(|turn| (ms(9_000 + 500 * turn), A, Act::Send(Lane::Reliable, B, 1, 500)));
    let cut =
        "  faults: [{name: cut, at: 10s, for: 20s, partition: {between: [{peers: [0]}, {peers: [1]}]}}]";
    let told = Story { more: cut, ..Story::new(script.collect()) }.tell();
    for (me, other) in [(A, B), (B, A)] {
        assert_eq!(told.saw(me, |saw| saw == Saw::Down(other, Why::TimedOut)), [ms(25_000)]);
        let ups = told.saw(me, |saw| saw == Saw::Up(other, Link::Planned));
        assert!(ups.len() == 2 && ups[1] > ms(30_000) && ups[1] <= ms(35_200), "{ups:?}");
    }
    assert_eq!(told.saw(C, |saw| matches!(saw, Saw::Down(..))), [], "only what the cut crosses breaks");
    let got = told.got(B, A);
    assert!(got.iter().all(|(at, _)| *at < ms(10_102) || *at > ms(30_000)));
    // The first three got through, what was under way is lost, and so is what was sent without a connection.
    assert_eq!(got.len() as u64 + told.lost(Loss::Cut) + told.lost(Loss::Closed), 100);
    assert!(told.lost(Loss::Cut) >= 28 && told.lost(Loss::Closed) >= 10);
    assert_eq!(
        told.outcome.fault_hits,
        [told.lost(Loss::Cut) + 2],
        "the messages and both ends of the connection"
    );
}

#[test]
fn a_cut_as_long_as_the_patience_of_a_connection_breaks_it_too() {
    let cut = "  faults: [{name: cut, at: 10s, for: 15s, outage: {peers: [0]}}]";
    let told = Story { more: cut, ..Story::new(vec![]) }.tell();
    assert_eq!(told.saw(A, |saw| saw == Saw::Down(B, Why::TimedOut)), [ms(25_000)]);
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Up(..))).len(), 2);
}

#[test]
fn a_crash_takes_all_but_what_was_stored() {
    let script = vec![
        (ms(1_000), A, Act::Store(7)),
        (ms(1_001), A, Act::Store(8)),
        (ms(1_002), A, Act::Store(7)),
        (ms(10_050), B, Act::Send(Lane::Reliable, A, 1, 500)),
        (ms(15_000), A, Act::Send(Lane::Reliable, B, 1, 500)),
    ];
    let crash = "  faults: [{name: crash, at: 10s, for: 10s, kill: {peers: [0]}}]";
    let told = Story { more: crash, ..Story::new(script) }.tell();
    assert_eq!(told.saw(A, |saw| saw == Saw::Start(0)), [ms(0)]);
    assert_eq!(told.saw(A, |saw| saw == Saw::Start(2)), [ms(20_000)], "the last under each key comes back");
    assert_eq!(told.saw(A, |saw| saw == Saw::Stop), [], "there is no warning");
    assert_eq!(told.saw(B, |saw| saw == Saw::Down(A, Why::Stopped)), [ms(10_100)]);
    assert_eq!(told.saw(B, |saw| saw == Saw::Up(A, Link::Planned)), [ms(200), ms(20_200)]);
    assert_eq!((told.got(B, A), told.lost(Loss::Offline)), (vec![], 1), "its timers died with it");
    assert_eq!(told.outcome.fault_hits, [1]);
}

#[test]
fn who_leaves_in_good_order_is_told_before() {
    let stop = "  faults: [{name: stop, at: 10s, for: 10s, stop: {peers: [0]}}]";
    let told = Story { more: stop, ..Story::new(vec![]) }.tell();
    assert_eq!(told.saw(A, |saw| saw == Saw::Stop), [ms(10_000)]);
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Start(_))), [ms(0), ms(20_000)]);
    assert_eq!(told.outcome.fault_hits, [1]);
}

#[test]
fn a_degraded_path_is_later_and_slower_and_each_message_counts_as_hit() {
    let script = [5, 15, 25].map(|at| (ms(at * 1_000), A, Act::Send(Lane::Reliable, B, 1, 1_000)));
    let slow = "  faults: [{name: slow, at: 10s, for: 10s, degrade: {who: {peers: [0]}, latency: 300ms, rate: 10%}}]";
    let told = Story { more: slow, ..Story::new(script.to_vec()) }.tell();
    let times: Vec<_> = told.got(B, A).iter().map(|(at, _)| *at).collect();
    // Ten times the millisecond of its uplink; the other end's downlink is as fast as ever.
    about(&times, &[ms(5_102), ms(15_411), ms(25_102)]);
    assert_eq!(told.outcome.fault_hits, [1]);
}

#[test]
fn a_processor_works_on_one_message_at_a_time() {
    let script = vec![(ms(1_000), A, Act::Send(Lane::Reliable, B, 3, 1_000))];
    let told =
        Story { network: "jitter: 0%, handshake: 1, processing: {perMessage: 50ms}", ..Story::new(script) }
            .tell();
    let times: Vec<_> = told.got(B, A).iter().map(|(at, _)| *at).collect();
    about(&times, &[ms(1_152), ms(1_202), ms(1_252)]);
}

#[test]
fn a_site_shares_its_uplink() {
    let script = vec![
        (ms(1_000), A, Act::Send(Lane::Reliable, C, 1, 1_000)),
        (ms(1_000), B, Act::Send(Lane::Reliable, C, 1, 1_000)),
        (ms(1_000), A, Act::Send(Lane::Reliable, B, 1, 1_000)),
    ];
    let more = "  sites: [{name: office, uplink: {down: 800kbit, up: 800kbit}}]";
    let two = "peers: 2, site: office";
    let one = "}, {name: out, peers: 1, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
    let edges = "[[0, 1], [0, 2], [1, 2]]";
    let told = Story { peers: two, group: one, edges, more, ..Story::new(script) }.tell();
    let mut out: Vec<_> = [A, B].iter().flat_map(|&from| told.got(C, from)).map(|(at, _)| at).collect();
    out.sort_unstable();
    // A thousand bytes take 10 ms out of the office, one after the other.
    let between = out[1].0 - out[0].0;
    assert!(between.abs_diff(ms(10).0) < 1_000, "{out:?}");
    assert!(told.got(B, A)[0].0 < ms(1_005), "what stays inside does not queue at the way out");
}

#[test]
fn what_was_sent_before_a_hang_up_goes_out_though_the_site_is_slow() {
    let script = vec![
        (ms(1_000), A, Act::Dial(C)),
        (ms(5_000), A, Act::Send(Lane::Bulk, C, 10, 1_000)),
        (ms(5_000), A, Act::HangUp(C)),
    ];
    let more = "  sites: [{name: office, uplink: {down: 80kbit, up: 80kbit}}]";
    let two = "peers: 2, site: office";
    let one = "}, {name: out, peers: 1, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
    let told = Story { peers: two, group: one, more, edges: "[[0, 1], [1, 2]]", ..Story::new(script) }.tell();
    assert_eq!(numbers(&told.got(C, A)), (0..10).collect::<Vec<_>>());
    assert_eq!(told.saw(C, |saw| saw == Saw::Down(A, Why::HungUp)).len(), 1);
}

#[test]
fn a_dial_is_answered_and_a_hang_up_comes_behind_what_was_sent() {
    let script = vec![
        (ms(1_000), A, Act::Dial(C)),
        (ms(5_000), A, Act::Send(Lane::Bulk, C, 100, 1_000)),
        (ms(5_000), A, Act::HangUp(C)),
    ];
    let told = Story { lives: Lives::Chosen, ..Story::new(script) }.tell();
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Up(..))), [ms(1_200)], "nobody else dials");
    assert_eq!(told.saw(C, |saw| saw == Saw::Up(A, Link::Accepted)), [ms(1_200)]);
    let got = told.got(C, A);
    assert_eq!(numbers(&got), (0..100).collect::<Vec<_>>());
    assert_eq!(told.saw(A, |saw| saw == Saw::Down(C, Why::HungUp)), [ms(5_000)]);
    let down = told.saw(C, |saw| saw == Saw::Down(A, Why::HungUp));
    assert!(down.len() == 1 && down[0] >= got[99].0, "{down:?}");
}

#[test]
fn a_dial_to_who_is_not_there_is_refused() {
    let script = vec![(ms(5_000), A, Act::Dial(C))];
    let kill = "  faults: [{name: kill, at: 1s, kill: {peers: [2]}}]";
    let told = Story { lives: Lives::Chosen, more: kill, ..Story::new(script) }.tell();
    assert_eq!(told.saw(A, |saw| saw == Saw::Down(C, Why::Unreachable)), [ms(5_200)]);
}

#[test]
fn what_was_sent_to_a_life_that_ended_does_not_reach_the_next() {
    let script = [9_950, 10_050, 10_300].map(|at| (ms(at), B, Act::Send(Lane::Reliable, A, 1, 500)));
    let crash = "  faults: [{name: crash, at: 10s, for: 1ms, kill: {peers: [0]}}]";
    let told = Story { more: crash, ..Story::new(script.to_vec()) }.tell();
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Start(_))), [ms(0), ms(10_001)]);
    assert_eq!(told.saw(B, |saw| saw == Saw::Up(A, Link::Planned)), [ms(200), ms(10_201)]);
    // The first was on its way when it crashed; the second left before word of the crash came, at 10.1 s.
    assert_eq!((numbers(&told.got(A, B)), told.lost(Loss::Offline)), (vec![2], 2));
}

#[test]
fn what_waits_at_a_downlink_is_lost_with_the_life_that_it_waited_for() {
    // Two links' worth comes in at one: half of it waits when the receiver crashes.
    let mut script = [A, C].map(|from| (ms(5_000), from, Act::Send(Lane::Bulk, B, 500, 1_000))).to_vec();
    script.push((ms(5_750), A, Act::Send(Lane::Bulk, B, 1, 1_000)));
    let crash = "  faults: [{name: crash, at: 5500ms, for: 1ms, kill: {peers: [1]}}]";
    let told = Story { more: crash, ..Story::new(script) }.tell();
    assert_eq!(told.saw(B, |saw| matches!(saw, Saw::Up(..))).len(), 4);
    let came: Vec<_> =
        told.got(B, A).iter().filter(|(_, number)| *number == 500).map(|(at, _)| *at).collect();
    about(&came, &[ms(5_852)]);
    assert!((590..=610).contains(&told.lost(Loss::Offline)), "{}", told.lost(Loss::Offline));
}

#[test]
fn short_cuts_that_take_over_from_each_other_break_what_only_all_of_them_cut_long_enough() {
    let script = (0..60).map(|turn| (ms(5_000 + 500 * turn), A, Act::Send(Lane::Reliable, B, 1, 500)));
    let script =
        script.chain((0..60).map(|turn| (ms(5_000 + 500 * turn), C, Act::Send(Lane::Reliable, B, 1, 500))));
    // Ten seconds each: A and B are cut for 18, B and C for ten, and a connection waits for 15.
    for second in ["outage: {peers: [1]}", "partition: {between: [{peers: [1]}, {peers: [0, 2]}]}"] {
        let cuts = format!(
            "  faults: [{{name: one, at: 10s, for: 10s, outage: {{peers: [0]}}}}, {{name: two, at: 18s, for: 10s, {second}}}]"
        );
        let told = Story { more: cuts.leak(), ..Story::new(script.clone().collect()) }.tell();
        for (me, other) in [(A, B), (B, A)] {
            assert_eq!(told.saw(me, |saw| saw == Saw::Down(other, Why::TimedOut)), [ms(25_000)]);
            let ups = told.saw(me, |saw| saw == Saw::Up(other, Link::Planned));
            assert!(ups.len() == 2 && ups[1] > ms(28_000) && ups[1] <= ms(33_200), "{ups:?}");
        }
        assert_eq!(told.saw(C, |saw| matches!(saw, Saw::Down(..))), []);
        assert_eq!(numbers(&told.got(B, C)), (0..60).collect::<Vec<_>>(), "held back, and all there");
        assert!(told.got(B, A).iter().all(|(at, _)| *at < ms(10_102) || *at > ms(28_000)));
        assert!(told.lost(Loss::Cut) >= 28 && told.outcome.fault_hits.iter().all(|hits| *hits > 0));
    }
}

#[test]
fn cuts_with_a_gap_between_them_break_nothing() {
    let cuts = "  faults:
    - {name: one, at: 10s, for: 10s, outage: {peers: [0]}}
    - {name: two, at: 20001ms, for: 10s, outage: {peers: [0]}}";
    let told = Story { more: cuts, ..Story::new(vec![]) }.tell();
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Down(..))), []);
    let touching = "  faults:
    - {name: one, at: 10s, for: 10s, outage: {peers: [0]}}
    - {name: two, at: 20s, for: 10s, outage: {peers: [0]}}";
    let told = Story { more: touching, ..Story::new(vec![]) }.tell();
    assert_eq!(told.saw(A, |saw| matches!(saw, Saw::Down(..))), [ms(25_000)]);
}

#[test]
fn a_fault_hits_whom_it_keeps_from_starting() {
    let late = "peers: 2, join: {at: {time: 12s}}";
    let early = "}, {name: others, peers: 1, link: {down: 8Mbit, up: 8Mbit, access: {constant: {value: 0s}}}";
    let told = |at: &str| {
        let kill = format!("  faults: [{{name: kill, at: {at}, for: 5s, kill: {{peers: [0]}}}}]");
        Story { peers: late, group: early, more: kill.leak(), ..Story::new(vec![]) }.tell()
    };
    let kept = told("10s");
    assert_eq!(kept.saw(A, |saw| matches!(saw, Saw::Start(_))), [ms(15_000)]);
    assert_eq!(kept.outcome.fault_hits, [1]);
    let idle = told("5s");
    assert_eq!(idle.saw(A, |saw| matches!(saw, Saw::Start(_))), [ms(12_000)]);
    assert_eq!(idle.outcome.fault_hits, [0], "nobody would have started");
}

#[test]
fn a_lan_loses_once_within_and_once_on_the_way_out() {
    let send = |from, to| (ms(1_000), from, Act::Send(Lane::Datagram, to, 2_000, 200));
    let lost = |from, to| {
        let office = "peers: 2, site: office";
        let out = "}, {name: out, peers: 1, link: {down: 8Mbit, up: 8Mbit, loss: 0%, access: {constant: {value: 0s}}}";
        let more = "  sites: [{name: office, uplink: {down: 100Mbit, up: 100Mbit}, lan: {rate: 100Mbit, loss: 20%}}]";
        let network = "jitter: 0%, handshake: 1, loss: 50%";
        let edges = "[[0, 1], [1, 2]]";
        let story =
            Story { peers: office, group: out, more, network, edges, ..Story::new(vec![send(from, to)]) };
        let told = story.tell();
        assert_eq!(told.lost(Loss::Queue), 0);
        told.lost(Loss::Path)
    };
    // Of 2,000: a fifth within; 1 - 0.8 x 0.5 of those that leave or enter. Four standard deviations are 72 and 88.
    assert!((328..=472).contains(&lost(A, B)), "{}", lost(A, B));
    assert!((1_112..=1_288).contains(&lost(B, C)), "{}", lost(B, C));
    assert!((1_112..=1_288).contains(&lost(C, B)), "{}", lost(C, B));
}

#[test]
fn a_cut_hits_the_connections_that_it_prevents_and_those_that_it_breaks() {
    for (from, said) in [("0s", "it prevents"), ("10s", "it breaks, though nobody says anything")] {
        let cut = format!(
            "  faults: [{{name: cut, at: {from}, for: 30s, partition: {{between: [{{peers: [0]}}, {{peers: [1]}}]}}}}]"
        );
        let told = Story { more: &cut, ..Story::new(vec![]) }.tell();
        assert!(told.outcome.fault_hits[0] > 0, "the connection that {said}");
        let before = if from == "0s" { 0 } else { 1 };
        assert_eq!(
            told.saw(A, |saw| matches!(saw, Saw::Up(..))).len(),
            before + 1,
            "it stands after the cut"
        );
    }
}
