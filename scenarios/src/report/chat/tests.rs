use super::*;
use crate::{
    seed::Seed,
    spec::{Count, chat::ChatSpec},
    wire::chat::MAX_AFTER,
};

const MS: u64 = 1_000_000;
const WORKLOAD: u8 = 2;

fn plan(rooms: u32, peers: u32) -> Arc<ChatPlan> {
    let everybody: Vec<_> = (0..peers).map(Peer).collect();
    let spec = ChatSpec { rooms: Count::new(rooms), ..ChatSpec::default() };
    let plan = ChatPlan::new(spec, WORKLOAD, &everybody, &[], Seed(1), Nanos::NEVER, None);
    Arc::new(plan.expect("a chat that can be"))
}

fn recorder(plan: &Arc<ChatPlan>) -> ChatRecorder {
    ChatRecorder::new(Arc::clone(plan), Nanos(10 * MS)..Nanos(1_000 * MS))
}

/// Facts of a made-up run, by instant in ms.
fn posted(room: u32, seq: u32) -> Fact {
    Fact::Posted { workload: WORKLOAD, room, seq }
}

fn shown(room: u32, author: u32, seq: u32, posted: u64) -> Fact {
    Fact::Shown {
        workload: WORKLOAD,
        room,
        author: Peer(author),
        seq,
        posted: Nanos(posted * MS),
        held: Nanos::ZERO,
        hops: 2,
        route: Route::Overlay,
    }
}

impl ChatRecorder {
    fn tell(&mut self, millis: u64, peer: u32, fact: Fact) {
        self.record(Nanos(millis * MS), Peer(peer), &fact);
    }
}

/// How many, and the largest in ms.
fn has_max(histogram: &Histogram, n: u64, max: u64) -> bool {
    (histogram.len(), histogram.max()) == (n, max * MS)
}

#[test]
fn a_post_that_reaches_some_and_then_all_has_its_times() {
    let plan = plan(1, 5);
    let mut it = recorder(&plan);
    it.tell(100, 0, posted(0, 0));
    for (reader, at) in [(1, 110), (2, 120), (3, 130), (4, 150)] {
        it.tell(at, reader, shown(0, 0, 0, 100));
    }
    let [half, most, all] = it.time_to_share();
    assert!(has_max(half, 1, 20) && has_max(most, 1, 50) && has_max(all, 1, 50));
    assert!(has_max(it.delivery(), 4, 50));
    assert_eq!((it.coverage(Nanos(25 * MS)), it.coverage(Nanos::from_secs(9))), (0.5, 1.0));
    assert_eq!(
        it.finish(&|_| true).map(|member| (member.shown, member.expected)).collect::<Vec<_>>(),
        [(0, 0), (1, 1), (1, 1), (1, 1), (1, 1)]
    );
    assert_eq!(it.order(), OrderCheck { checked: 4, ..OrderCheck::default() });
}

#[test]
fn what_catching_up_brought_or_held_up_is_not_live() {
    let plan = plan(1, 4);
    let mut it = recorder(&plan);
    it.tell(100, 0, posted(0, 0));
    for (reader, at, by) in
        [(1, 110, Route::Overlay), (2, 500, Route::HeldForCatchUp), (3, 900, Route::CatchUp)]
    {
        let Fact::Shown { workload, room, author, seq, posted, held, hops, .. } = shown(0, 0, 0, 100) else {
            unreachable!("it is one");
        };
        it.tell(at, reader, Fact::Shown { workload, room, author, seq, posted, held, hops, route: by });
    }
    assert!(has_max(it.delivery(), 3, 800) && has_max(it.delivery_by_overlay(), 1, 10));
    assert_eq!(it.hops().len(), 2, "the overlay brought what was held up, too");
}

#[test]
fn only_members_that_are_there_at_the_end_are_expected_to_have_all() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    it.tell(100, 0, posted(0, 0));
    it.tell(100, 1, posted(0, 0));
    it.tell(120, 0, shown(0, 1, 0, 100));
    let online = |peer: Peer| peer.0 != 1;
    let members: Vec<_> = it.finish(&online).collect();
    let tally = |member, shown, expected| MemberTally { room: 0, member: Peer(member), shown, expected };
    assert_eq!(members, [tally(0, 1, 1), tally(2, 0, 2)]);
    assert_eq!(it.time_to_share()[2].len(), 0, "neither reached all");
}

#[test]
fn the_warm_up_and_other_workloads_do_not_count_but_all_order_does() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    it.tell(1, 0, posted(0, 0));
    it.tell(20, 1, shown(0, 0, 0, 1));
    it.tell(21, 1, Fact::Posted { workload: 0, room: 0, seq: 0 });
    assert_eq!((it.posts(), it.delivery().len()), (0, 0));
    assert_eq!(it.order(), OrderCheck { checked: 1, ..OrderCheck::default() });
}

#[test]
fn what_breaks_the_order_is_counted() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    (0..3).for_each(|seq| it.tell(15 + u64::from(seq), 0, posted(0, seq)));
    it.tell(20, 1, shown(0, 0, 0, 15));
    it.tell(30, 1, shown(0, 0, 2, 17));
    it.tell(31, 1, shown(0, 0, 1, 16));
    it.tell(32, 1, shown(0, 0, 2, 17));
    it.tell(33, 9, shown(0, 0, 0, 15));
    assert_eq!(
        it.order(),
        OrderCheck {
            out_of_order: 1,
            shown_again: 2,
            shown_to_strangers: 1,
            checked: 4,
            ..OrderCheck::default()
        }
    );
}

/// A question of 0, and an answer of 1 that its author gave after it was shown the question.
fn conversation(it: &mut ChatRecorder) {
    it.tell(20, 0, posted(0, 0));
    it.tell(25, 1, shown(0, 0, 0, 20));
    it.tell(30, 1, posted(0, 0));
}

#[test]
fn an_answer_shown_before_its_question_breaks_causal_order() {
    let plan = plan(1, 4);
    let mut it = recorder(&plan);
    conversation(&mut it);
    // Who asked knows the question.
    it.tell(35, 0, shown(0, 1, 0, 30));
    it.tell(36, 2, shown(0, 0, 0, 20));
    it.tell(37, 2, shown(0, 1, 0, 30));
    assert_eq!(it.order(), OrderCheck { checked: 4, ..OrderCheck::default() });
    it.tell(38, 3, shown(0, 1, 0, 30));
    it.tell(39, 3, shown(0, 0, 0, 20));
    assert_eq!(it.order(), OrderCheck { before_cause: 1, checked: 6, ..OrderCheck::default() });
}

#[test]
fn an_answer_to_an_answer_comes_after_both() {
    let plan = plan(1, 4);
    let mut it = recorder(&plan);
    conversation(&mut it);
    it.tell(36, 2, shown(0, 0, 0, 20));
    it.tell(37, 2, shown(0, 1, 0, 30));
    it.tell(40, 2, posted(0, 0));
    it.tell(45, 3, shown(0, 0, 0, 20));
    it.tell(46, 3, shown(0, 2, 0, 40));
    assert_eq!(it.order().before_cause, 1, "the first answer is missing");
}

#[test]
fn what_only_a_forger_said_may_be_missing() {
    let plan = plan(1, 4);
    let mut it = recorder(&plan);
    conversation(&mut it);
    it.tell(33, 3, Fact::Refused { workload: WORKLOAD, author: Peer(0) });
    it.tell(38, 3, shown(0, 1, 0, 30));
    assert_eq!(it.order(), OrderCheck { checked: 2, ..OrderCheck::default() });
}

#[test]
fn of_more_than_a_post_can_name_the_latest_are_checked() {
    let most = MAX_AFTER as u32;
    let plan = plan(1, most + 4);
    let (author, reader) = (most + 2, most + 3);
    let answer_lacking = |lacking: u32| {
        let mut it = recorder(&plan);
        (0..=most).for_each(|other| it.tell(20, other, posted(0, 0)));
        (0..=most).for_each(|other| it.tell(25, author, shown(0, other, 0, 20)));
        it.tell(30, author, posted(0, 0));
        let others = (0..=most).filter(|&other| other != lacking);
        others.for_each(|other| it.tell(35, reader, shown(0, other, 0, 20)));
        it.tell(40, reader, shown(0, author, 0, 30));
        it.order().before_cause
    };
    assert_eq!((answer_lacking(0), answer_lacking(1), answer_lacking(most)), (0, 1, 1));
}

#[test]
fn what_comes_long_after_is_counted_as_not_checked() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    it.tell(15, 0, posted(0, 0));
    for seq in 0..MAX_SPREADING as u32 {
        it.record(Nanos(20 * MS + u64::from(seq)), Peer(1), &posted(0, seq));
    }
    it.tell(90, 2, shown(0, 0, 0, 15));
    assert_eq!(it.order(), OrderCheck { checked: 1, forgotten: 1, ..OrderCheck::default() });
}

#[test]
fn in_a_huge_room_a_sample_of_readers_is_checked() {
    let plan = plan(1, 6_000);
    let mut it = recorder(&plan);
    for reader in 1..6_000 {
        it.tell(20, reader, shown(0, 0, 0, 15));
    }
    let OrderCheck { sampled, checked, .. } = it.order();
    // 4 million of 36 million pairs.
    assert!(sampled && (550..800).contains(&checked), "{checked}");
}

#[test]
fn presence_is_held_against_who_is_really_there() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    let gone = |about, heard: u64| Fact::PresenceSeen {
        workload: WORKLOAD,
        about: Peer(about),
        online: false,
        heard: Nanos(heard * MS),
    };
    (0..3).for_each(|peer| it.peer_up(Nanos::ZERO, Peer(peer)));
    it.tell(20, 0, gone(1, 12));
    it.peer_down(Nanos(30 * MS), Peer(1));
    it.tell(90, 0, gone(1, 25));
    it.tell(120, 2, gone(1, 33));
    assert_eq!(it.false_offline(), 1);
    assert!(has_max(it.presence_detection(), 2, 90));
    // 8 ms while it was there, 5 ms before its end, and 3 ms after it by a word that was still on its way.
    assert!(has_max(it.last_seen(), 3, 8) && it.last_seen().min() == 3 * MS);
}

#[test]
fn returns_and_receipts_have_their_times() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    it.tell(300, 1, Fact::CaughtUp { workload: WORKLOAD, since: Nanos(100 * MS), posts: 7 });
    it.tell(300, 1, Fact::CaughtUp { workload: WORKLOAD, since: Nanos(5 * MS), posts: 1 });
    it.tell(400, 1, Fact::ReadSeen { workload: WORKLOAD, reader: Peer(2), posted: Nanos(350 * MS) });
    it.tell(400, 1, Fact::Refused { workload: WORKLOAD, author: Peer(2) });
    assert!(has_max(it.catch_up(), 1, 200) && has_max(it.read(), 1, 50));
    assert_eq!(it.refused(), 1);
}

#[test]
fn posts_that_spread_for_ever_do_not_fill_the_memory() {
    let plan = plan(1, 3);
    let mut it = recorder(&plan);
    for seq in 0..MAX_SPREADING as u32 + 10 {
        it.record(Nanos(20 * MS + u64::from(seq)), Peer(0), &posted(0, seq));
    }
    assert_eq!((it.spreading.len(), it.given_up()), (MAX_SPREADING, 10));
}

#[test]
fn recorders_of_different_rooms_merge_to_one_of_all_in_either_order() {
    let plan = plan(2, 6);
    let facts: Vec<_> = (0..200u64)
        .flat_map(|n| {
            let (room, author, seq) = ((n % 2) as u32, (n / 2 % 6) as u32, (n / 12) as u32);
            let post = (20 + n, author, posted(room, seq));
            let readers = (0..6).filter(move |&reader| reader != author);
            let shows = readers.map(move |reader| {
                (21 + n + u64::from(reader) * 7 % 5, reader, shown(room, author, seq, 20 + n))
            });
            std::iter::once((room, post)).chain(shows.map(move |it| (room, it)))
        })
        .collect();
    let of = |rooms: &[u32]| {
        let mut it = recorder(&plan);
        for (room, (at, peer, fact)) in &facts {
            if rooms.contains(room) {
                it.tell(*at, *peer, *fact);
            }
        }
        it
    };
    let (mut left, mut right) = (of(&[0]), of(&[1]));
    left.merge(&of(&[1]));
    right.merge(&of(&[0]));
    assert_eq!(left, right);
    assert_eq!(left, of(&[0, 1]));
    assert_eq!(left.delivery().len(), 1_000);
}
