//! One peer among neighbours that the test plays.

use peerlab_scenarios::{
    host::{
        Circle, Command, Effect, Env, Host as _, Input, Lane, Link, Msg, Outbox, Payload, Peer, PeerHost,
        RoleSlot, TimerKey, Uplink, Why,
    },
    report::PubsubCount,
    seed::Seed,
    spec::{
        Count,
        overlay::{Authenticity, Gossipsub as Params, Score},
    },
    units::{Bytes, Nanos},
    wire::{Blob, Content, Item, ItemId, Kind, Topic},
};

use super::{super::*, person::Person};
use crate::engine::store::{ItemRef, Store};

const ME: Peer = Peer(0);
const ROOM: Topic = Topic { workload: 0, number: 0 };
const ELSEWHERE: Topic = Topic { workload: 0, number: 7 };

/// What the peer says.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Extensions,
    Rpc(Rpc),
    Item(ItemRef),
}

/// The peer, its store and its clock.
struct Solo {
    peer: PeerHost<Gossipsub, Person>,
    store: Store,
    out: Outbox<Store>,
    now: Nanos,
    uplink: Uplink,
    timers: Vec<(TimerKey, Nanos)>,
    said: Vec<(Peer, Said)>,
    items: u32,
}

impl Solo {
    /// A peer that subscribes to the room, with parameters as the test changes them.
    fn new(change: impl FnOnce(&mut Params)) -> Self {
        let mut params = Params::default();
        change(&mut params);
        let fleet = Fleet { score: params.score.clone().map(Arc::new), params, sites: Vec::new() };
        let peer = PeerHost::new(Gossipsub::new(Arc::new(fleet)), vec![RoleSlot::new(0, Person::default())]);
        let mut solo = Self {
            peer,
            store: Store::default(),
            out: Outbox::default(),
            now: Nanos::ZERO,
            uplink: Uplink::IDLE,
            timers: Vec::new(),
            said: Vec::new(),
            items: 0,
        };
        solo.input(Input::Start { kept: Box::default() });
        solo
    }

    fn gossipsub(&self) -> &Gossipsub {
        self.peer.overlay()
    }

    fn count(&self, what: PubsubCount) -> u64 {
        self.gossipsub().counts.of(what)
    }

    fn mesh(&self) -> Vec<Peer> {
        self.gossipsub().mesh(ROOM).collect()
    }

    fn input(&mut self, input: Input<Store>) {
        let env = Env {
            now: self.now,
            me: ME,
            seed: Seed(1),
            neighbours: &Circle::default(),
            uplink: &self.uplink,
            host: &mut self.store,
            out: &mut self.out,
        };
        self.peer.step(env, input);
        for effect in self.out.effects.drain(..) {
            match effect {
                Effect::Send { to, msg, .. } => {
                    let said = match (msg.kind, msg.payload) {
                        (Kind::PubsubExtensions, _) => Said::Extensions,
                        (_, Payload::Item(item)) => Said::Item(item),
                        (_, Payload::Note(note)) => Said::Rpc(match note.called_off() {
                            Some(item) => Rpc::IDontWant(item),
                            None => self.store.rpc(note).expect("it is one").clone(),
                        }),
                        (kind, Payload::Nothing) => panic!("{kind:?} says something"),
                    };
                    self.said.push((to, said));
                }
                Effect::SetTimer { key, at } => {
                    self.timers.retain(|(other, _)| *other != key);
                    self.timers.push((key, at));
                }
                other => panic!("gossipsub does nothing like {other:?}"),
            }
        }
    }

    /// What was said since the last time, to whom.
    fn said(&mut self) -> Vec<(Peer, Said)> {
        std::mem::take(&mut self.said)
    }

    /// To whom this was said since the last time.
    fn told(&mut self, what: &Said) -> Vec<Peer> {
        self.said().into_iter().filter(|(_, said)| said == what).map(|(peer, _)| peer).collect()
    }

    fn up(&mut self, peer: Peer, link: Link) {
        self.input(Input::PeerUp { peer, link });
    }

    fn hear(&mut self, from: Peer, rpc: Rpc) {
        let note = self.store.make_rpc(rpc);
        // The kind follows from the content.
        let msg = Msg::new(Kind::PubsubGraft, 0, Payload::Note(note));
        self.input(Input::Message { from, lane: Lane::Reliable, msg });
    }

    /// So many neighbours that subscribe to the room, of which this side dialled the first `dialled`.
    fn meet(&mut self, count: u32, dialled: u32) {
        for peer in (1..=count).map(Peer) {
            self.up(peer, if peer.0 <= dialled { Link::Dialled } else { Link::Accepted });
            self.hear(peer, Rpc::Subscriptions(vec![(ROOM, true)]));
        }
        self.said();
    }

    fn item(&mut self, bytes: u32) -> ItemRef {
        self.items += 1;
        let id = ItemId::new(0, Peer(1), self.items);
        let item = Item::new(id, 0, self.now, Content::Raw(Blob::Sized(bytes)));
        self.store.make_item(item)
    }

    fn receive(&mut self, from: Peer, item: ItemRef) {
        let msg = Msg::new(Kind::PubsubPublish, 1, Payload::Item(item));
        self.input(Input::Message { from, lane: Lane::Reliable, msg });
    }

    fn publish(&mut self, topic: Topic, bytes: u32) {
        let command = Command::Post { room: topic.number, bytes };
        self.input(Input::Command { workload: 0, command });
    }

    /// Lets so much time pass, with the timers that come due.
    fn pass(&mut self, time: Nanos) {
        let until = self.now.saturating_add(time);
        while let Some(&next) = self.timers.iter().filter(|(_, at)| *at <= until).min_by_key(|(_, at)| *at) {
            self.timers.retain(|timer| *timer != next);
            self.now = next.1;
            self.input(Input::Timer(next.0));
        }
        self.now = until;
    }
}

fn secs(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

fn peers(peers: impl IntoIterator<Item = u32>) -> Vec<Peer> {
    peers.into_iter().map(Peer).collect()
}

fn graft() -> Said {
    Said::Rpc(Rpc::Graft(ROOM))
}

fn pruned(seconds: u64) -> Said {
    Said::Rpc(Rpc::Prune(ROOM, seconds))
}

#[test]
fn neighbours_say_hello_and_enter_the_mesh_until_it_has_enough() {
    let mut solo = Solo::new(|_| ());
    solo.up(Peer(1), Link::Accepted);
    let hello = Said::Rpc(Rpc::Subscriptions(vec![(ROOM, true)]));
    assert_eq!(solo.said(), [(Peer(1), Said::Extensions), (Peer(1), hello)]);
    for peer in 1..=9 {
        solo.up(Peer(peer), Link::Accepted);
        solo.hear(Peer(peer), Rpc::Subscriptions(vec![(ROOM, true)]));
    }
    assert_eq!(solo.told(&graft()), peers(1..=5), "five are enough until the heartbeat");
    assert_eq!(solo.mesh(), peers(1..=5));
}

#[test]
fn a_full_mesh_admits_nobody_but_those_that_this_side_dialled() {
    let mut solo = Solo::new(|_| ());
    solo.meet(14, 0);
    (1..=14).for_each(|peer| solo.hear(Peer(peer), Rpc::Graft(ROOM)));
    assert_eq!(solo.mesh(), peers(1..=12));
    assert_eq!(solo.told(&pruned(60)), peers([13, 14]));
    solo.up(Peer(15), Link::Dialled);
    solo.hear(Peer(15), Rpc::Subscriptions(vec![(ROOM, true)]));
    solo.hear(Peer(15), Rpc::Graft(ROOM));
    assert_eq!(solo.mesh().len(), 13);
    solo.pass(secs(6));
    let mesh = solo.mesh();
    assert_eq!(mesh.len(), 6, "a heartbeat cuts it down");
    assert!(mesh.contains(&Peer(15)), "the one that this side dialled stays");
}

#[test]
fn a_mesh_of_strangers_takes_in_peers_that_this_side_dialled() {
    let mut solo = Solo::new(|_| ());
    solo.meet(6, 0);
    for peer in [7, 8, 9] {
        solo.up(Peer(peer), Link::Dialled);
        solo.hear(Peer(peer), Rpc::Subscriptions(vec![(ROOM, true)]));
    }
    solo.pass(secs(6));
    assert_eq!(solo.mesh().iter().filter(|peer| peer.0 > 6).count(), 2);
}

#[test]
fn a_pruned_peer_stays_out_for_its_backoff_and_a_beat_more() {
    let mut solo = Solo::new(|_| ());
    solo.meet(1, 0);
    assert_eq!(solo.mesh(), [Peer(1)]);
    solo.pass(secs(7));
    solo.said();
    solo.hear(Peer(1), Rpc::Prune(ROOM, 60));
    assert_eq!(solo.mesh(), []);
    solo.pass(secs(61));
    assert_eq!(solo.told(&graft()), []);
    solo.hear(Peer(1), Rpc::Prune(ROOM, 1));
    solo.pass(secs(4));
    assert_eq!(solo.told(&graft()), [Peer(1)]);

    solo.hear(Peer(1), Rpc::Prune(ROOM, 60));
    solo.pass(secs(59));
    solo.hear(Peer(1), Rpc::Graft(ROOM));
    assert_eq!((solo.mesh(), solo.told(&pruned(60))), (vec![], vec![Peer(1)]), "it came too soon");
    solo.pass(secs(60));
    solo.hear(Peer(1), Rpc::Graft(ROOM));
    assert_eq!(solo.mesh(), [Peer(1)], "the slack is this side's alone");
}

#[test]
fn what_was_missed_is_asked_for_once() {
    let mut solo = Solo::new(|_| ());
    solo.meet(9, 0);
    let (one, two) = (solo.item(100), solo.item(100));
    solo.receive(Peer(1), one);
    solo.said();
    solo.hear(Peer(7), Rpc::IHave(ROOM, vec![one, two]));
    assert_eq!(solo.said(), [(Peer(7), Said::Rpc(Rpc::IWant(vec![two])))]);
    solo.hear(Peer(8), Rpc::IHave(ROOM, vec![two]));
    solo.hear(Peer(8), Rpc::IHave(ELSEWHERE, vec![two]));
    assert_eq!(solo.said(), [], "it is promised, and the other topic is not subscribed to");
    solo.pass(secs(10));
    assert_eq!(solo.count(PubsubCount::Broken), 1);
    solo.said();
    solo.hear(Peer(8), Rpc::IHave(ROOM, vec![two]));
    assert_eq!(solo.said(), [], "without scores, libp2p never forgets a promise");
    solo.receive(Peer(9), two);
    assert_eq!(solo.told(&Said::Item(two)), peers(1..=5));
    assert_eq!(solo.count(PubsubCount::Asked), 1);
}

#[test]
fn announcements_are_heeded_up_to_a_number_between_heartbeats() {
    let mut solo = Solo::new(|params| params.max_control_messages_sent = Count::new(3));
    solo.meet(1, 0);
    let items: Vec<ItemRef> = (0..5).map(|_| solo.item(1)).collect();
    solo.hear(Peer(1), Rpc::IHave(ROOM, items.clone()));
    solo.hear(Peer(1), Rpc::IHave(ROOM, items));
    assert_eq!(solo.count(PubsubCount::Asked), 3);
    solo.pass(secs(6));
    for _ in 0..11 {
        let item = solo.item(1);
        solo.hear(Peer(1), Rpc::IHave(ROOM, vec![item]));
    }
    assert_eq!(solo.count(PubsubCount::Asked), 6);

    let mut solo = Solo::new(|_| ());
    solo.meet(1, 0);
    for _ in 0..11 {
        let item = solo.item(1);
        solo.hear(Peer(1), Rpc::IHave(ROOM, vec![item]));
    }
    assert_eq!(solo.count(PubsubCount::Asked), 10);
}

#[test]
fn items_are_announced_outside_of_the_mesh_for_three_heartbeats_and_sent_for_five() {
    let mut solo = Solo::new(|_| ());
    solo.meet(9, 9);
    solo.pass(secs(7));
    let mesh = solo.mesh();
    let item = solo.item(100);
    solo.receive(mesh[0], item);
    solo.said();
    let have = Said::Rpc(Rpc::IHave(ROOM, vec![item]));
    for beat in 0..4 {
        solo.pass(secs(1));
        let told = solo.told(&have);
        assert_eq!(told.len(), if beat < 3 { 9 - mesh.len() } else { 0 });
        assert!(told.iter().all(|peer| !mesh.contains(peer)));
    }
    for asked in 1..=4 {
        solo.hear(Peer(9), Rpc::IWant(vec![item]));
        assert_eq!(solo.told(&Said::Item(item)).len(), usize::from(asked <= 3), "no more than three times");
    }
    solo.pass(secs(1));
    solo.hear(Peer(8), Rpc::IWant(vec![item]));
    assert_eq!(solo.said(), []);
}

#[test]
fn what_is_not_wanted_is_not_sent() {
    let mut solo = Solo::new(|_| ());
    solo.meet(5, 0);
    let (short, long) = (solo.item(100), solo.item(2000));
    solo.receive(Peer(1), short);
    let spared = |item| Said::Rpc(Rpc::IDontWant(item));
    assert_eq!(solo.told(&spared(short)), []);
    solo.hear(Peer(2), Rpc::IDontWant(long));
    solo.receive(Peer(1), long);
    let said = solo.said();
    let told = |what: Said| said.iter().filter(move |(_, said)| *said == what).map(|(peer, _)| *peer);
    assert_eq!(told(spared(long)).collect::<Vec<_>>(), peers(2..=5));
    assert_eq!(told(Said::Item(long)).collect::<Vec<_>>(), peers(3..=5));
    assert_eq!(solo.count(PubsubCount::Spared), 1);
    solo.pass(secs(10));
    let later = solo.item(2000);
    solo.hear(Peer(2), Rpc::IDontWant(later));
    solo.pass(secs(5));
    solo.said();
    solo.receive(Peer(1), later);
    assert_eq!(solo.told(&Said::Item(later)), peers(2..=5), "after 3 s and a heartbeat it is forgotten");
}

/// An uplink that is busy until `free`, at a byte a microsecond.
fn busy(free: Nanos) -> Uplink {
    Uplink { free, pace: 1000 << 20 }
}

#[test]
fn a_busy_uplink_makes_messages_wait_and_urgent_ones_overtake() {
    let mut solo = Solo::new(|params| params.send_buffer = Bytes(1000));
    solo.meet(2, 0);
    solo.uplink = busy(Nanos::from_millis(10));
    let (one, two) = (solo.item(100), solo.item(100));
    solo.receive(Peer(1), one);
    solo.receive(Peer(1), two);
    solo.hear(Peer(2), Rpc::Prune(ROOM, 1));
    solo.hear(Peer(3), Rpc::Graft(ROOM));
    solo.input(Input::PeerUp { peer: Peer(3), link: Link::Accepted });
    assert_eq!(solo.said(), []);
    solo.hear(Peer(2), Rpc::IDontWant(two));
    assert_eq!(solo.count(PubsubCount::Spared), 1, "it left the queue");
    solo.pass(Nanos::from_millis(10));
    let said = solo.said();
    assert_eq!(said.iter().filter(|(peer, _)| *peer == Peer(2)).count(), 1);
    assert!(said.contains(&(Peer(2), Said::Item(one))));
    assert!(said.contains(&(Peer(3), Said::Extensions)));
}

#[test]
fn what_waits_too_long_is_dropped_and_held_against_the_receiver() {
    let mut solo = Solo::new(|params| {
        params.send_buffer = Bytes(1000);
        params.score = Some(Score::default());
    });
    solo.meet(2, 0);
    solo.uplink = busy(secs(2));
    let forwarded = solo.item(100);
    solo.receive(Peer(1), forwarded);
    solo.publish(ROOM, 100);
    solo.said();
    solo.pass(secs(3));
    let sent = solo.said().into_iter().filter(|(_, said)| matches!(said, Said::Item(_))).count();
    assert_eq!(sent, 2, "its own may wait for 5 s, and that of another for 1 s");
    assert_eq!(solo.count(PubsubCount::Dropped), 1);
}

#[test]
fn what_is_published_before_anybody_subscribes_waits_for_the_first_who_does() {
    let mut solo = Solo::new(|_| ());
    solo.publish(ROOM, 100);
    solo.up(Peer(1), Link::Accepted);
    solo.up(Peer(2), Link::Accepted);
    solo.said();
    solo.hear(Peer(1), Rpc::Subscriptions(vec![(ROOM, true)]));
    let said = solo.said();
    assert_eq!(said[0], (Peer(1), graft()));
    assert!(matches!(said[1..], [(Peer(1), Said::Item(_))]), "{said:?}");
    solo.hear(Peer(2), Rpc::Subscriptions(vec![(ROOM, true)]));
    assert_eq!(solo.said(), [(Peer(2), graft())], "once published, gossip brings it");
}

#[test]
fn who_publishes_elsewhere_keeps_a_fanout_for_a_minute() {
    let mut solo = Solo::new(|params| {
        params.flood_publish = false;
        params.mesh_n = Count::new(4);
        params.mesh_n_low = Count::new(4);
    });
    for peer in (1..=9).map(Peer) {
        solo.up(peer, Link::Accepted);
        solo.hear(peer, Rpc::Subscriptions(vec![(ELSEWHERE, true)]));
    }
    solo.said();
    let to = |said: Vec<(Peer, Said)>| {
        said.into_iter()
            .filter(|(_, said)| matches!(said, Said::Item(_)))
            .map(|(peer, _)| peer)
            .collect::<Vec<_>>()
    };
    let publish = |solo: &mut Solo| {
        solo.publish(ELSEWHERE, 9);
        let mut to = to(solo.said());
        to.sort_unstable();
        to
    };
    let first = publish(&mut solo);
    assert_eq!(first.len(), 4);
    solo.pass(secs(30));
    solo.said();
    assert_eq!(publish(&mut solo), first);
    solo.pass(secs(62));
    assert_eq!(solo.gossipsub().topics.get(ELSEWHERE).map(topics::TopicState::degree), Some(0));
    assert_eq!(solo.gossipsub().mesh(ELSEWHERE).count(), 0);
}

#[test]
fn an_item_is_known_as_met_for_a_minute() {
    let mut solo = Solo::new(|_| ());
    solo.meet(2, 0);
    let item = solo.item(100);
    solo.receive(Peer(1), item);
    solo.pass(secs(59));
    solo.receive(Peer(2), item);
    assert_eq!((solo.gossipsub().counts.first, solo.gossipsub().counts.duplicate), (1, 1));
    solo.pass(secs(1));
    solo.receive(Peer(2), item);
    assert_eq!(solo.gossipsub().counts.first, 2, "as libp2p: what comes back after a minute is new");
}

#[test]
fn a_signed_item_is_not_sent_back_to_its_author() {
    for (authenticity, to) in [(Authenticity::Anonymous, vec![1, 3]), (Authenticity::Signed, vec![3])] {
        let mut solo = Solo::new(|params| params.authenticity = authenticity);
        solo.meet(3, 0);
        let item = solo.item(100);
        solo.receive(Peer(2), item);
        assert_eq!(solo.told(&Said::Item(item)), peers(to), "peer 1 is its author");
    }
}

#[test]
fn what_is_too_long_is_refused() {
    let mut solo = Solo::new(|_| ());
    solo.meet(1, 0);
    solo.publish(ROOM, 70_000);
    let items: Vec<ItemRef> = (0..800).map(|_| solo.item(1)).collect();
    solo.hear(Peer(1), Rpc::IHave(ROOM, items));
    assert_eq!(solo.said(), []);
    assert_eq!(solo.count(PubsubCount::Refused), 2);
    let many = (0..101).map(|number| (Topic { workload: 1, number }, true)).collect();
    solo.hear(Peer(1), Rpc::Subscriptions(many));
    assert_eq!(solo.gossipsub().topics.of(Peer(1)), 1, "a hundred topics are the most");
}

/// Scores in which nothing counts but behaviour.
fn strict(params: &mut Params) {
    let mut score = Score::default();
    score.topic.topic_weight = 0.0;
    params.score = Some(score);
}

#[test]
fn who_breaks_promises_leaves_the_mesh_and_is_then_ignored() {
    let mut solo = Solo::new(strict);
    solo.meet(5, 0);
    solo.pass(secs(7));
    let promised: Vec<ItemRef> = (0..2).map(|_| solo.item(1)).collect();
    solo.hear(Peer(1), Rpc::IHave(ROOM, promised.clone()));
    solo.said();
    solo.pass(secs(4));
    assert_eq!(solo.count(PubsubCount::Broken), 2);
    assert!(solo.gossipsub().score(Peer(1)) < 0.0);
    assert_eq!((solo.mesh(), solo.told(&pruned(60))), (peers(2..=5), vec![Peer(1)]));
    solo.hear(Peer(2), Rpc::IHave(ROOM, promised));
    assert_eq!(solo.count(PubsubCount::Asked), 4, "another is asked, for the promise is forgotten");
    solo.hear(Peer(1), Rpc::Graft(ROOM));
    solo.hear(Peer(1), Rpc::Graft(ROOM));
    assert!(solo.gossipsub().score(Peer(1)) < -80.0, "coming back too soon makes it worse");
    let item = solo.item(1);
    solo.receive(Peer(1), item);
    assert_eq!((solo.gossipsub().counts.first, solo.count(PubsubCount::Ignored)), (0, 1));
    solo.pass(secs(5));
    solo.receive(Peer(1), item);
    assert_eq!(solo.gossipsub().counts.first, 1, "penalties decay");
}

#[test]
fn now_and_then_a_poor_mesh_takes_in_better_peers() {
    let mut solo = Solo::new(|params| {
        let mut score = Score::default();
        score.topic.time_in_mesh_weight = 0.0;
        score.topic.mesh_message_deliveries_weight = 0.0;
        score.topic.first_message_deliveries_decay = 0.99;
        params.score = Some(score);
        params.opportunistic_graft_ticks = Count::new(10);
    });
    solo.meet(9, 5);
    solo.pass(secs(7));
    let mesh = solo.mesh();
    assert_eq!(mesh, peers(1..=5));
    for _ in 0..10 {
        let item = solo.item(1);
        solo.receive(Peer(8), item);
    }
    solo.said();
    solo.pass(secs(10));
    assert_eq!(solo.told(&graft()), [Peer(8)], "the only one with a score above the median");
}

#[test]
fn who_leaves_a_topic_prunes_its_mesh_and_who_is_gone_is_forgotten() {
    let mut solo = Solo::new(|_| ());
    solo.meet(3, 0);
    solo.input(Input::PeerDown { peer: Peer(3), why: Why::Stopped });
    assert_eq!(solo.mesh(), peers([1, 2]));
    solo.input(Input::Stop);
    let said = solo.said();
    let left = Said::Rpc(Rpc::Subscriptions(vec![(ROOM, false)]));
    let expected = [(Peer(1), left.clone()), (Peer(2), left), (Peer(1), pruned(10)), (Peer(2), pruned(10))];
    assert_eq!(said, expected);
    assert_eq!(solo.mesh(), []);
}

#[test]
fn a_neighbour_that_leaves_the_topic_leaves_the_mesh() {
    let mut solo = Solo::new(|_| ());
    solo.meet(2, 0);
    solo.hear(Peer(2), Rpc::Subscriptions(vec![(ROOM, false)]));
    solo.hear(Peer(2), Rpc::Subscriptions(vec![(ROOM, true)]));
    assert_eq!(solo.mesh(), [Peer(1)], "it is not taken back at once");
}

/// What a machine counts is handed out once.
#[test]
fn counts_are_handed_out_once() {
    let mut solo = Solo::new(|_| ());
    solo.meet(3, 0);
    let item = solo.item(1);
    solo.receive(Peer(1), item);
    let mut drained = || {
        let mut facts = Vec::new();
        solo.peer.drain_counters::<Store>(&mut |fact| facts.push(fact));
        facts
    };
    assert!(drained().contains(&Fact::Copies { first: 1, duplicate: 0, tainted: 0 }));
    let again = drained();
    assert!(again.contains(&Fact::Copies { first: 0, duplicate: 0, tainted: 0 }));
    assert!(again.contains(&Fact::MeshDegree { peers: 3 }));
}
