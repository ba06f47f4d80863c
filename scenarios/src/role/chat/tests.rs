//! Stories of a chat, told on a network in virtual time, and the laws that hold in all of them.

mod party;

use std::{collections::BTreeSet, sync::Arc};

use party::{Party, every, members, ring_of};
use proptest::prelude::*;

use crate::{
    host::{Command, Peer},
    plan::chat::ChatPlan,
    report::{
        Fact, Route,
        chat::{ChatRecorder, OrderCheck},
    },
    role::chat::log,
    spec::{
        Count,
        chat::{ChatSpec, Partners, Presence, Sync},
        overlay::{HyParView, Membership, Overlay, Plumtree},
    },
    units::{Nanos, Share},
    wire::Blob,
};

const SECOND: Nanos = Nanos::from_secs(1);

fn at(seconds: u64) -> Nanos {
    Nanos::from_secs(seconds)
}

#[test]
fn a_post_is_shown_to_every_member_of_its_room_and_to_nobody_else() {
    let spec = ChatSpec { rooms: Count::new(2), members: Some(Count::new(4)), ..ChatSpec::default() };
    let mut party = Party::new(1, spec, 8, &[]);
    party.world.run_until(SECOND);
    let author = party.plan.members(0)[0];
    party.say(author, 0);
    party.world.run_until(at(2));

    let mut readers: Vec<_> = party.shown().map(|shown| (shown.room, shown.reader)).collect();
    readers.sort_unstable();
    assert_eq!(readers, party.plan.members(0)[1..].iter().map(|&reader| (0, reader)).collect::<Vec<_>>());
    assert!(party.shown().all(|shown| shown.route == Route::Overlay && shown.hops >= 1));
}

#[test]
fn an_answer_waits_for_what_it_answers() {
    // Messages overtake each other, so some meet the answer before the question.
    let mut party = Party::with(1, ChatSpec::default(), 8, &ring_of(8), &[], |world| {
        world.unruly().jitter(Nanos::from_millis(900))
    });
    for _ in 0..10 {
        party.world.run_for(at(5));
        party.say(Peer(0), 0);
        while party.chat(Peer(1)).entries_of(0, Peer(0)) == party.chat(Peer(1)).entries_of(0, Peer(1)) {
            party.world.step();
        }
        party.say(Peer(1), 0);
    }
    party.world.run_for(at(5));
    assert!(party.is_complete());
    party.is_in_order();
    assert!(
        party.shown().any(|shown| shown.author == Peer(1) && shown.held > Nanos::ZERO),
        "some had to wait"
    );
}

#[test]
fn members_that_a_partition_divided_show_all_when_it_heals() {
    let mut party = Party::new(2, members(every(2)), 12, &[]);
    let (west, east): (Vec<_>, Vec<_>) = (0..12).map(Peer).partition(|peer| peer.0 < 6);
    party.talk_until(at(20));
    party.world.cut(&west, &east);
    party.talk_until(at(80));
    assert!(!party.is_complete(), "the cut keeps something back");
    party.world.heal();
    party.world.run_until(at(100));

    party.is_in_order();
    assert!(party.is_complete());
    let caught_up: Vec<_> = party.facts(|fact| matches!(fact, Fact::CaughtUp { .. })).collect();
    assert!(caught_up.iter().any(|&(now, ..)| now >= at(80) && now < at(85)), "{caught_up:?}");
}

#[test]
fn who_comes_back_from_a_crash_catches_up_and_sees_nothing_twice() {
    let mut party = Party::new(3, members(every(1)), 6, &[]);
    let victim = Peer(2);
    party.talk_until(at(30));
    party.world.crash(victim);
    party.talk_until(at(60));
    let missed = party.facts(|fact| matches!(fact, Fact::Posted { .. })).filter(|it| it.0 >= at(30)).count();
    party.world.start(victim);
    party.world.run_until(at(65));

    assert!(party.is_complete());
    party.is_in_order();
    let caught_up = party.facts(|fact| matches!(fact, Fact::CaughtUp { .. })).find(|it| it.1 == victim);
    let Some((_, _, Fact::CaughtUp { since, posts, .. })) = caught_up else { panic!("it says so") };
    assert_eq!((since, posts as usize), (at(60), missed));
    assert_eq!(party.shown().filter(|it| it.reader == victim && it.route == Route::CatchUp).count(), missed);
}

#[test]
fn who_joins_late_is_given_all_that_was_said() {
    let late = Peer(7);
    let mut party = Party::with(4, members(every(1)), 8, &ring_of(8), &[], |world| world.without(late));
    party.talk_until(at(60));
    party.world.start(late);
    party.world.run_until(at(70));
    assert!(party.is_complete());
    party.is_in_order();
}

#[test]
fn what_is_said_while_nobody_is_connected_goes_out_with_the_first_connection() {
    let author = Peer(0);
    let mut party = Party::with(15, members(every(1)), 6, &ring_of(6), &[], |world| world.without(author));
    party.world.run_until(at(20));
    party.world.start(author);
    (0..3).for_each(|_| party.say(author, 0));
    assert_eq!(party.world.connected(author).count(), 0);
    party.world.run_for(SECOND);

    assert!(party.is_complete());
    party.is_in_order();
    let by_overlay = party.shown().filter(|shown| shown.route == Route::Overlay).count();
    assert!(by_overlay >= 3 * 4, "the overlay brought {by_overlay} of 15");
}

#[test]
fn members_that_meet_again_compare_with_every_neighbour_at_once() {
    let sync = Sync { every: at(600), ..Sync::default() };
    let mut party = Party::new(16, ChatSpec { sync, ..members(every(1)) }, 12, &[]);
    let everyone: Vec<_> = (0..12).map(Peer).collect();
    party.world.run_until(at(20));
    for peer in 0..12 {
        party.world.cut(&everyone[peer..=peer], &everyone[peer + 1..]);
    }
    everyone.iter().for_each(|&author| party.say(author, 0));
    party.world.run_until(at(80));
    assert_eq!(party.shown().count(), 0, "everybody is alone");
    party.world.heal();
    party.world.run_until(at(90));
    for (a, b) in ring_of(12) {
        assert_eq!((party.chat(a).entries_of(0, b), party.chat(b).entries_of(0, a)), (1, 1), "{a} and {b}");
    }
}

#[test]
fn an_archive_brings_news_to_those_who_are_never_there_together_and_reads_none() {
    let (alice, bob, archive) = (Peer(0), Peer(1), Peer(2));
    let edges = [(alice, archive), (bob, archive)];
    let mut party = Party::with(5, members(every(1)), 2, &edges, &[archive], |world| world.without(bob));
    party.world.run_until(SECOND);
    (0..5).for_each(|_| party.say(alice, 0));
    party.world.run_until(at(2));
    party.world.stop(alice);
    party.world.start(bob);
    party.world.run_until(at(12));

    assert_eq!(
        party.shown().map(|shown| (shown.reader, shown.seq)).collect::<Vec<_>>(),
        [0, 1, 2, 3, 4].map(|seq| (bob, seq))
    );
    assert_eq!(party.facts(|_| true).filter(|it| it.1 == archive).count(), 0, "it reads nothing");
    assert_eq!(party.chat(bob).room_digest(0), party.chat(archive).room_digest(0));
}

#[test]
fn a_long_absence_is_caught_up_page_by_page() {
    let (alice, bob) = (Peer(0), Peer(1));
    let mut party = Party::with(6, members(every(1)), 2, &[(alice, bob)], &[], |world| world.without(bob));
    party.world.run_until(SECOND);
    (0..2_000).for_each(|_| party.say(alice, 0));
    party.world.start(bob);
    party.world.run_for(at(2));
    assert!(party.is_complete());
    let in_order: Vec<_> = party.shown().map(|shown| shown.seq).collect();
    assert_eq!(in_order, (0..2_000).collect::<Vec<_>>());
    assert!(
        party.shown().all(|shown| shown.held == Nanos::ZERO),
        "a page comes in an order that can be shown"
    );
}

#[test]
fn an_author_that_tells_two_stories_is_found_out_and_holds_up_nobody_else() {
    let (forger, late) = (Peer(3), Peer(4));
    let party = Party::with(7, members(every(1)), 6, &ring_of(6), &[], |world| world.without(late));
    let mut party = party.forgetting(forger);
    let early = [0, 1, 2, 5].map(Peer);
    party.world.run_until(SECOND);
    party.say(forger, 0);
    party.world.run_until(at(2));
    // It forgets what it said, and tells someone else something else, and more.
    party.world.crash(forger);
    party.world.cut(&[forger, late], &early);
    party.world.start(forger);
    party.world.start(late);
    party.world.run_until(at(3));
    (0..2).for_each(|_| party.say(forger, 0));
    party.world.run_until(at(4));
    party.world.heal();
    party.world.run_for(Nanos::from_millis(50));
    // Those who were there from the start meet the answer before they can know that they will never have what it answers.
    party.say(late, 0);
    party.world.run_until(at(20));
    let refusals = party.facts(|fact| matches!(fact, Fact::Refused { author, .. } if *author == forger));
    assert!(refusals.count() > 0);
    let waited = |shown: &party::Shown| {
        shown.author == late && shown.held > Nanos::ZERO && shown.route == Route::Overlay
    };
    assert!(party.shown().any(|shown| waited(&shown)), "it is let go once the fork is known");

    early.iter().for_each(|&author| party.say(author, 0));
    party.world.run_until(at(60));
    for &reader in &early {
        assert_eq!(
            party.chat(reader).entries_of(0, forger),
            1,
            "{reader} keeps the story that it heard first"
        );
    }
    assert_eq!(party.chat(late).entries_of(0, forger), 2);
    for &reader in early.iter().chain([&late]) {
        assert!(early.iter().chain([&late]).all(|&author| party.chat(reader).entries_of(0, author) == 1));
    }
}

#[test]
fn it_is_seen_within_the_timeout_that_a_member_is_gone_and_soon_that_it_is_back() {
    let presence = Presence { every: at(10), timeout: at(30) };
    let spec = ChatSpec { presence: Some(presence), ..ChatSpec::default() };
    let mut party = Party::new(8, spec, 6, &[]);
    let victim = Peer(4);
    party.world.run_until(at(60));
    party.world.crash(victim);
    party.world.run_until(at(120));
    party.world.start(victim);
    party.world.run_until(at(180));

    let seen = |online| {
        let change = |fact: &Fact| matches!(fact, Fact::PresenceSeen { about, online: to, .. } if (*about, *to) == (victim, online));
        party.facts(change).map(|it| it.0).filter(|&now| now > at(60)).collect::<Vec<_>>()
    };
    let (gone, back) = (seen(false), seen(true));
    assert_eq!((gone.len(), back.len()), (5, 5));
    // Its last beat was at most a tenth more than a period before the crash.
    let sooner = at(60 + 30 - 11);
    assert!(
        gone.iter().all(|&now| now >= sooner && now <= at(90).saturating_add(Nanos::from_millis(100))),
        "{gone:?}"
    );
    assert!(back.iter().all(|&now| now > at(120) && now <= at(132)), "{back:?}");
    let others =
        |fact: &Fact| matches!(fact, Fact::PresenceSeen { about, online: false, .. } if *about != victim);
    assert_eq!(party.facts(others).count(), 0, "nobody else was missed");
    assert!(party.chat(Peer(0)).last_seen(victim).is_some_and(|(when, online)| online && when > at(120)));
}

#[test]
fn who_leaves_says_so() {
    let spec = ChatSpec { presence: Some(Presence::default()), ..ChatSpec::default() };
    let mut party = Party::new(9, spec, 6, &[]);
    party.world.run_until(at(60));
    party.world.stop(Peer(4));
    party.world.run_until(at(61));
    let gone = |fact: &Fact| matches!(fact, Fact::PresenceSeen { about: Peer(4), online: false, .. });
    assert_eq!(party.facts(gone).count(), 5);
}

#[test]
fn authors_learn_of_every_reader_of_every_post_once() {
    let spec = ChatSpec { read_receipts: true, ..members(every(1)) };
    let mut party = Party::new(10, spec, 5, &[]);
    party.talk_until(at(30));
    party.world.cut(&[Peer(0)], &[Peer(1), Peer(2), Peer(3), Peer(4)]);
    party.talk_until(at(60));
    party.world.heal();
    party.world.run_until(at(120));

    let mut read: Vec<_> = party
        .facts(|fact| matches!(fact, Fact::ReadSeen { .. }))
        .map(|(_, author, fact)| match fact {
            Fact::ReadSeen { reader, posted, .. } => (author, posted, reader),
            _ => unreachable!("they were filtered"),
        })
        .collect();
    let mut shown: Vec<_> = party.shown().map(|shown| (shown.author, shown.posted, shown.reader)).collect();
    read.sort_unstable();
    shown.sort_unstable();
    assert!(!shown.is_empty());
    assert_eq!(read, shown);
}

#[test]
fn what_a_report_says_of_a_run_is_what_happened_in_it() {
    let spec = ChatSpec {
        rooms: Count::new(3),
        members: Some(Count::new(5)),
        read_receipts: true,
        ..members(every(1))
    };
    let mut party = Party::new(11, ChatSpec { presence: Some(Presence::default()), ..spec }, 10, &[]);
    let mut recorder = ChatRecorder::new(Arc::clone(&party.plan), at(10)..at(280));
    (0..10).for_each(|peer| recorder.peer_up(Nanos::ZERO, Peer(peer)));
    party.talk_until(at(120));
    party.world.crash(Peer(4));
    party.talk_until(at(240));
    party.world.start(Peer(4));
    party.talk_until(at(300));
    for (now, peer, fact) in party.facts(|_| true) {
        if now >= at(120) && now < at(240) {
            recorder.peer_down(at(120), Peer(4));
        } else {
            recorder.peer_up(at(0), Peer(4));
        }
        recorder.record(now, peer, &fact);
    }

    let counts = |shown: &party::Shown| shown.posted >= at(10) && shown.posted < at(280);
    assert_eq!(recorder.delivery().len(), party.shown().filter(counts).count() as u64);
    assert!(recorder.finish(&|_| true).all(|member| member.shown == member.expected && member.shown > 0));
    assert_eq!((recorder.coverage(at(300)), recorder.given_up()), (1.0, 0));
    assert!(recorder.time_to_share().iter().all(|times| times.len() == recorder.posts()));
    // Whoever read a post just before its author crashed is not counted, and nobody twice.
    let (read, delivered) = (recorder.read().len(), recorder.delivery().len());
    assert!(read <= delivered && read * 100 >= delivered * 95, "{read} of {delivered}");
    let checked = party.shown().count() as u64;
    assert_eq!(recorder.order(), OrderCheck { checked, ..OrderCheck::default() });
    let missed = recorder.presence_detection();
    assert!(!missed.is_empty() && missed.max() <= at(91).0 && recorder.false_offline() == 0);
    // Whoever crashes was last heard of at most a period, and a tenth for chance, before.
    let (last_seen, every) = (recorder.last_seen(), Presence::default().every.0);
    assert!(last_seen.len() == missed.len() && last_seen.max() > 0 && last_seen.max() <= every + every / 10);
}

#[test]
fn members_without_a_path_of_links_find_each_other_by_dialling() {
    let edges = [(Peer(0), Peer(1)), (Peer(2), Peer(3))];
    let mut party = Party::with(12, members(every(5)), 4, &edges, &[], |world| world);
    party.talk_until(at(60));
    party.world.run_until(at(240));
    assert!(party.is_complete());
    party.is_in_order();
    let strangers: Vec<_> = party.world.connected(Peer(0)).filter(|&peer| peer != Peer(1)).collect();
    assert!(strangers.len() < 2, "what was dialled is hung up again: {strangers:?}");
}

#[test]
fn neighbours_of_a_dead_server_are_not_brought_together_unless_they_may_dial() {
    let (server, readers) = (Peer(5), 5);
    let star: Vec<_> = (0..readers).map(|reader| (Peer(reader), server)).collect();
    let shown_after_the_crash = |with| {
        let sync = Sync { with, ..Sync::default() };
        let spec = ChatSpec { sync, ..members(every(2)) };
        let mut party = Party::with(17, spec, readers, &star, &[server], |world| world);
        party.talk_until(at(60));
        party.world.run_for(SECOND);
        assert!(party.is_complete(), "the server passes on");
        let before = party.shown().count();
        party.world.crash(server);
        party.talk_until(at(120));
        party.world.run_until(at(300));
        party.is_in_order();
        (party.shown().count() - before, party.is_complete())
    };
    assert_eq!(shown_after_the_crash(Partners::Neighbours), (0, false));
    let (shown, complete) = shown_after_the_crash(Partners::Anyone);
    assert!(shown > 0 && complete);
}

#[test]
fn neighbours_alone_heal_what_a_partition_kept_back() {
    let spec = ChatSpec { sync: Sync { with: Partners::Neighbours, ..Sync::default() }, ..members(every(2)) };
    let mut party = Party::new(18, spec, 12, &[]);
    let (west, east): (Vec<_>, Vec<_>) = (0..12).map(Peer).partition(|peer| peer.0 < 6);
    party.world.run_until(at(10));
    party.world.cut(&west, &east);
    party.talk_until(at(80));
    assert!(!party.is_complete(), "the cut keeps something back");
    party.world.heal();
    party.world.run_until(at(200));
    party.is_in_order();
    assert!(party.is_complete());
}

/// Peers in a row, and the members of its two halves.
fn divided_row(peers: u32) -> (Vec<(Peer, Peer)>, Vec<Peer>, Vec<Peer>) {
    let row = (1..peers).map(|peer| (Peer(peer - 1), Peer(peer))).collect();
    let (near, far) = (0..peers).map(Peer).partition(|peer| peer.0 < peers / 2);
    (row, near, far)
}

/// A chat in which hardly anybody's turn to compare comes.
fn hardly_comparing(with: Partners) -> ChatSpec {
    ChatSpec { sync: Sync { every: at(36_000), with }, ..members(every(1)) }
}

#[test]
fn what_comes_by_catching_up_goes_on_from_hop_to_hop_at_once() {
    let (row, near, far) = divided_row(16);
    let overlays = [Overlay::Flood {}, Overlay::Plumtree(Plumtree::default())];
    for overlay in overlays {
        let spec = hardly_comparing(Partners::Neighbours);
        let mut party = Party::over(overlay, 19, spec, 16, &row, &[], |world| world);
        party.world.run_until(at(10));
        party.world.cut(&near, &far);
        party.talk_until(at(80));
        party.world.heal();
        party.world.run_until(at(90));
        party.is_in_order();
        assert!(
            party.is_complete(),
            "of 16 in a row, two compare when they meet; the others learn it from them"
        );
        let late = party.shown().filter(|shown| shown.route == Route::CatchUp);
        assert!(late.map(|shown| shown.reader).collect::<BTreeSet<_>>().len() > 4);
    }
}

#[test]
fn what_waited_for_a_post_that_was_caught_up_did_not_come_by_the_overlay_alone() {
    let (author, reader) = (Peer(1), Peer(2));
    let (row, near, far) = divided_row(4);
    let mut party = Party::with(20, hardly_comparing(Partners::Neighbours), 4, &row, &[], |world| world);
    party.world.run_until(at(10));
    party.world.cut(&near, &far);
    party.world.run_until(at(40));
    party.say(author, 0);
    party.world.heal();
    while !party.world.connected(author).any(|peer| peer == reader) {
        party.world.step();
    }
    party.say(author, 0);
    party.world.run_until(at(60));
    party.say(author, 0);
    party.world.run_for(SECOND);
    let shown = party.shown().filter(|it| it.reader == reader);
    let shown: Vec<_> = shown.map(|it| (it.seq, it.route, it.held > Nanos::ZERO)).collect();
    assert_eq!(
        shown,
        [(0, Route::CatchUp, false), (1, Route::HeldForCatchUp, true), (2, Route::Overlay, false)]
    );
}

#[test]
fn a_frontier_makes_up_for_a_receipt_that_was_lost() {
    let spec = ChatSpec { read_receipts: true, ..members(every(1)) };
    let mut party = Party::new(13, spec, 5, &[]);
    party.world.run_until(at(10));
    party.say(Peer(0), 0);
    party.world.run_for(Nanos::from_millis(100));
    party.world.cut(&[Peer(0)], &[1, 2, 3, 4].map(Peer));
    party.world.run_until(at(60));
    let read = |fact: &Fact| matches!(fact, Fact::ReadSeen { .. });
    assert_eq!(party.facts(read).count(), 0);
    party.world.heal();
    party.world.run_until(at(360));
    assert_eq!(party.facts(read).count(), 4);
}

#[test]
fn a_beat_that_was_held_up_for_long_is_no_sign_of_life() {
    let presence = Presence { every: at(10), timeout: at(30) };
    let spec = ChatSpec { presence: Some(presence), ..ChatSpec::default() };
    let (victim, others) = (Peer(0), [1, 2, 3].map(Peer));
    let mut party = Party::with(14, spec, 4, &ring_of(4), &[], |world| world.patience(at(1_000)));
    party.world.run_until(at(60));
    party.world.cut(&[victim], &others);
    party.world.run_until(at(80));
    party.world.crash(victim);
    party.world.run_until(at(140));
    party.world.heal();
    party.world.run_until(at(200));
    let about = |fact: &Fact| matches!(fact, Fact::PresenceSeen { about, .. } if *about == victim);
    let seen: Vec<_> = party.facts(about).filter(|it| it.0 > at(60)).map(|it| it.0 < at(100)).collect();
    assert_eq!(seen, [true; 3], "each saw once that it is gone, and nothing after");
}

#[test]
fn whoever_comes_to_an_open_room_is_a_member_has_the_history_and_is_missed() {
    let presence = Presence { every: at(5), timeout: at(20) };
    let tree = Plumtree { membership: Membership::Plan {}, ..Plumtree::default() };
    let plan = ChatPlan::open(presence, at(5));
    let late = Peer(4);
    let mut party =
        Party::planned(plan, Overlay::Plumtree(tree), 1, &ring_of(5), |world| world.without(late));
    party.world.run_until(at(60));
    let say = |party: &mut Party, peer, text: &str| {
        let text = Box::new(Blob::Real(text.as_bytes().to_vec().into()));
        party.world.command(Peer(peer), 0, Command::Say { room: 0, text });
        party.world.run_for(SECOND);
    };
    say(&mut party, 0, "is anybody here?");
    say(&mut party, 2, "I am");
    assert_eq!(party.shown().count(), 2 * 3, "the fifth is not there");

    party.world.start(late);
    party.world.run_for(at(15));
    let caught_up: Vec<_> = party.shown().filter(|shown| shown.reader == late).collect();
    assert_eq!(caught_up.iter().map(|shown| shown.route).collect::<Vec<_>>(), [Route::CatchUp; 2]);
    let seen = |party: &Party, online: bool| {
        let of = |fact: &Fact| matches!(fact, Fact::PresenceSeen { about, online: is, .. } if (*about, *is) == (late, online));
        party.facts(of).filter(|it| it.0 > at(60)).map(|it| it.1).collect::<BTreeSet<_>>().len()
    };
    assert_eq!(seen(&party, true), 4, "nobody listed it, and all know that it is there");
    say(&mut party, 4, "and what did I miss?");
    for reader in (0..5).map(Peer) {
        let room = &party.chat(reader).rooms[0];
        let said = room.log.find(late.0, 0).and_then(|item| log::post(item)).map(|post| &post.text);
        assert_eq!(said, Some(&Blob::Real(b"and what did I miss?".as_slice().into())));
    }
    party.world.run_for(at(10));
    let reads = party.facts(|fact| matches!(fact, Fact::ReadSeen { .. })).count();
    assert_eq!(reads, 3 * 4, "each of three posts was read by four");
    party.world.stop(late);
    party.world.run_for(SECOND);
    assert_eq!(seen(&party, false), 4);
}

fn overlays() -> impl Strategy<Value = Overlay> {
    let plumtree = |membership| Overlay::Plumtree(Plumtree { membership, ..Plumtree::default() });
    prop_oneof![
        Just(Overlay::Flood {}),
        Just(plumtree(Membership::Plan {})),
        Just(plumtree(Membership::HyParView(HyParView::default()))),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn posts_are_shown_once_and_in_causal_order_under_any_duplication_and_reordering(seed: u64) {
        let mut party = Party::with(seed, members(every(1)), 8, &ring_of(8), &[], |world| {
            world.unruly().jitter(Nanos::from_millis(400)).loss(Share::percent(10)).duplication(Share::percent(20))
        });
        party.talk_until(at(60));
        party.world.run_until(at(90));
        party.is_in_order();
        prop_assert!(party.is_complete());
    }

    #[test]
    fn everything_said_is_shown_to_all_after_any_crashes(
        seed: u64, with_archive: bool, overlay in overlays()
    ) {
        let archives: &[Peer] = if with_archive { &[Peer(8)] } else { &[] };
        let edges = ring_of(9);
        let mut party = Party::over(overlay, seed, members(every(1)), 8, &edges, archives, |world| world);
        let mut rng = crate::seed::Seed(seed).stream("crashes", &[]);
        for turn in 1..20u64 {
            party.talk_until(at(turn * 5));
            let victim = Peer(rng.below(8) as u32);
            if party.world.is_up(victim) {
                party.world.crash(victim);
            } else {
                party.world.start(victim);
            }
        }
        for peer in (0..8).map(Peer) {
            if !party.world.is_up(peer) {
                party.world.start(peer);
            }
        }
        party.world.run_until(at(200));
        party.is_in_order();
        prop_assert!(party.is_complete());
        let digests: Vec<_> = party.everyone().map(|chat| chat.room_digest(0)).collect();
        prop_assert!(digests.windows(2).all(|pair| pair[0] == pair[1]));
    }
}
