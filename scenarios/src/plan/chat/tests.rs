use proptest::prelude::*;

use super::*;
use crate::{
    spec::chat::{Burst, Diurnal, Poisson, Presence, Sync, Trace},
    units::Share,
};

const HOUR: Nanos = Nanos::from_secs(3_600);

fn peers(count: u32) -> Vec<Peer> {
    (0..count).map(Peer).collect()
}

fn plan_of(spec: ChatSpec, peers: &[Peer], seed: u64, duration: Nanos) -> Arc<ChatPlan> {
    Arc::new(ChatPlan::new(spec, 0, peers, &[], Seed(seed), duration, None).expect("a chat that can be"))
}

fn refused(spec: ChatSpec) -> String {
    let trace = "time,room,member,bytes\n1s,0,0,10\n2s,0,9,10\n";
    let plan = ChatPlan::new(spec, 0, &peers(3), &[], Seed(1), HOUR, Some(trace));
    plan.expect_err("it makes no sense").to_string()
}

fn posting() -> impl Strategy<Value = Posts> {
    let time = |from: u64, to: u64| (from..to).prop_map(Nanos::from_millis);
    prop_oneof![
        time(500, 60_000).prop_map(|every| Posts::Poisson(Poisson { every })),
        (time(20_000, 90_000), 1u32..40, time(1, 20_000))
            .prop_map(|(every, size, within)| Posts::Burst(Burst { every, size: Count::new(size), within })),
        (time(500, 60_000), 0u32..=100, time(1_000_000, 4_000_000)).prop_map(|(every, trough, day)| {
            let peak = "14:00".parse().expect("a time of day");
            Posts::Diurnal(Diurnal { every, peak, trough: Share::percent(trough), day })
        }),
    ]
}

proptest! {
    #[test]
    fn a_timeline_is_in_order_within_the_run_and_by_members(posts in posting(), seed: u64, rooms in 1u32..5) {
        let spec = ChatSpec { rooms: Count::new(rooms), members: Some(Count::new(4)), posts, ..ChatSpec::default() };
        let plan = plan_of(spec, &peers(12), seed, HOUR);
        let mut last = Nanos::ZERO;
        for (at, author, command) in plan.timeline() {
            let Command::Post { room, bytes } = command else { panic!("a chat is told to post") };
            prop_assert!(last <= at && at < HOUR);
            prop_assert!(plan.rank(room, author).is_some());
            prop_assert_eq!(bytes, 200);
            last = at;
        }
    }

    #[test]
    fn a_longer_run_begins_like_a_shorter_one(posts in posting(), seed: u64) {
        let spec = ChatSpec { rooms: Count::new(3), posts, ..ChatSpec::default() };
        let short = plan_of(spec.clone(), &peers(12), seed, Nanos(HOUR.0 / 4));
        let long = plan_of(spec, &peers(12), seed, HOUR);
        let begin: Vec<_> = long.timeline().take_while(|post| post.0 < Nanos(HOUR.0 / 4)).collect();
        prop_assert_eq!(short.timeline().collect::<Vec<_>>(), begin);
    }

    #[test]
    fn what_is_said_in_a_room_does_not_depend_on_other_rooms(posts in posting(), seed: u64) {
        let of_first_two = |rooms| {
            let spec = ChatSpec { rooms: Count::new(rooms), posts: posts.clone(), ..ChatSpec::default() };
            let first_two = |post: &(Nanos, Peer, Command)| {
                let Command::Post { room, .. } = post.2 else { panic!("a chat is told to post") };
                room < 2
            };
            plan_of(spec, &peers(8), seed, HOUR).timeline().filter(first_two).collect::<Vec<_>>()
        };
        prop_assert_eq!(of_first_two(2), of_first_two(5));
    }

    #[test]
    fn appended_peers_take_only_places_and_posts_of_their_own(seed: u64, added in 1u32..10) {
        let spec = ChatSpec { rooms: Count::new(4), members: Some(Count::new(10)), ..ChatSpec::default() };
        let before = plan_of(spec.clone(), &peers(40), seed, HOUR);
        let after = plan_of(spec, &peers(40 + added), seed, HOUR);
        for room in 0..4 {
            let (old, new) = (before.members(room), after.members(room));
            let gone = old.iter().filter(|peer| !new.contains(peer)).count();
            let come = new.iter().filter(|peer| !old.contains(peer)).collect::<Vec<_>>();
            prop_assert_eq!(gone, come.len());
            prop_assert!(come.iter().all(|peer| peer.0 >= 40), "nobody who was there before moves in");
        }
        for (old, new) in before.timeline().zip(after.timeline()) {
            let Command::Post { room, .. } = new.2 else { panic!("a chat is told to post") };
            prop_assert_eq!((old.0, old.2), (new.0, new.2));
            prop_assert!(old.1 == new.1 || new.1.0 >= 40 || after.rank(room, old.1).is_none());
        }
    }
}

/// Mean gap of the posts of one room over `hours`, in seconds.
fn mean_gap(posts: Posts, hours: u64) -> f64 {
    let duration = Nanos(HOUR.0 * hours);
    let plan = plan_of(ChatSpec { posts, ..ChatSpec::default() }, &peers(5), 7, duration);
    duration.as_secs_f64() / plan.timeline().count() as f64
}

#[test]
fn posts_are_as_frequent_as_asked() {
    let every = Nanos::from_secs(2);
    assert!((mean_gap(Posts::Poisson(Poisson { every }), 24) - 2.0).abs() < 0.05);

    let burst = Burst { every: Nanos::from_secs(60), size: Count::new(30), within: Nanos::from_secs(20) };
    assert!((mean_gap(Posts::Burst(burst), 240) - 2.0).abs() < 0.05);

    let (peak, trough) = ("14:00".parse().expect("a time of day"), Share::percent(10));
    let day = Diurnal { every, peak, trough, day: Nanos(HOUR.0 * 24) };
    assert!((mean_gap(Posts::Diurnal(day), 72) - 2.0).abs() < 0.05);
}

#[test]
fn gaps_of_a_poisson_process_vary_as_much_as_they_last() {
    let posts = Posts::Poisson(Poisson { every: Nanos::from_secs(1) });
    let plan = plan_of(ChatSpec { posts, ..ChatSpec::default() }, &peers(5), 3, Nanos(HOUR.0 * 10));
    let times: Vec<_> = plan.timeline().map(|post| post.0.as_secs_f64()).collect();
    let gaps: Vec<_> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    let variance = gaps.iter().map(|gap| (gap - mean) * (gap - mean)).sum::<f64>() / gaps.len() as f64;
    assert!((variance.sqrt() / mean - 1.0).abs() < 0.03, "deviation over mean of an exponential is 1");
}

#[test]
fn a_day_has_its_peak_when_it_is_said_to() {
    let (peak, trough) = ("14:00".parse().expect("a time of day"), Share::percent(10));
    let day = Diurnal { every: Nanos::from_secs(1), peak, trough, day: Nanos(HOUR.0 * 24) };
    let spec = ChatSpec { posts: Posts::Diurnal(day), ..ChatSpec::default() };
    let mut by_hour = [0u32; 24];
    for (at, ..) in plan_of(spec, &peers(5), 3, Nanos(HOUR.0 * 24)).timeline() {
        by_hour[(at.0 / HOUR.0) as usize] += 1;
    }
    let around = |hour: usize| f64::from(by_hour[hour - 1] + by_hour[hour]);
    let ratio = around(2) / around(14);
    assert!((ratio - 0.1).abs() < 0.03, "the quietest hours have {ratio} of the busiest");
}

#[test]
fn posts_of_a_burst_fall_evenly_within_it() {
    let within = Nanos::from_secs(10);
    let burst = Burst { every: Nanos(HOUR.0 * 1_000), size: Count::new(10_000), within };
    let spec = ChatSpec { posts: Posts::Burst(burst), ..ChatSpec::default() };
    let times: Vec<_> =
        plan_of(spec, &peers(5), 3, Nanos::NEVER).timeline().take(10_000).map(|post| post.0).collect();
    let begin = times[0];
    let early = times.iter().filter(|&&at| at < begin.saturating_add(Nanos::from_secs(5))).count();
    assert!(times[9_999].saturating_sub(begin) <= within);
    assert!((4_800..5_200).contains(&early), "{early} of 10,000 in the first half");
}

#[test]
fn everybody_speaks_as_often_as_others() {
    let posts = Posts::Poisson(Poisson { every: Nanos::from_secs(1) });
    let mut by_author = [0u32; 10];
    for (_, author, _) in
        plan_of(ChatSpec { posts, ..ChatSpec::default() }, &peers(10), 5, Nanos(HOUR.0 * 10)).timeline()
    {
        by_author[author.index()] += 1;
    }
    assert!(by_author.iter().all(|count| (3_300..3_900).contains(count)), "{by_author:?}");
}

#[test]
fn a_trace_is_replayed_in_order_of_time() {
    let text = "time, room, member, bytes\n2s,1,0,30\n\n1500ms,0,2,10\n59m,0,1,20\n";
    let posts = Posts::Trace(Trace { file: "talk.csv".to_owned() });
    let spec = ChatSpec { rooms: Count::new(2), posts, ..ChatSpec::default() };
    let group = [Peer(5), Peer(9), Peer(12)];
    let plan = ChatPlan::new(spec, 0, &group, &[], Seed(1), HOUR, Some(text)).expect("a good trace");
    let post =
        |millis, peer, room, bytes| (Nanos::from_millis(millis), Peer(peer), Command::Post { room, bytes });
    assert_eq!(
        Arc::new(plan).timeline().collect::<Vec<_>>(),
        [post(1_500, 12, 0, 10), post(2_000, 5, 1, 30), post(3_540_000, 9, 0, 20)]
    );
}

#[test]
fn a_trace_that_outlasts_the_run_is_refused() {
    let said = |text: &str| {
        let posts = Posts::Trace(Trace { file: "talk.csv".to_owned() });
        let spec = ChatSpec { posts, ..ChatSpec::default() };
        ChatPlan::new(spec, 0, &peers(3), &[], Seed(1), HOUR, Some(text))
            .map(drop)
            .map_err(|error| error.to_string())
    };
    assert_eq!(said("3599s,0,0,1"), Ok(()));
    let one = "line 2 of the trace: it is not said before the run ends after 1h";
    assert_eq!(said("1s,0,0,1\n60m,0,0,1"), Err(one.to_owned()));
    assert_eq!(said("1s,0,0,1\n2h,0,0,1\n1s,0,0,1\n3h,0,0,1"), Err(format!("{one}, nor are 1 more below")));
}

#[test]
fn what_makes_no_sense_is_refused_with_its_reason() {
    let chat = ChatSpec::default();
    let trace = Posts::Trace(Trace { file: "talk.csv".to_owned() });
    assert_eq!(
        refused(ChatSpec { posts: trace, ..chat.clone() }),
        "line 3 of the trace: member `9` is not a whole number below 3"
    );
    assert_eq!(
        refused(ChatSpec { members: Some(Count::new(4)), ..chat.clone() }),
        "a room of 4 members needs as many peers, only 3 take part"
    );
    let alone = ChatPlan::new(chat.clone(), 0, &peers(1), &[], Seed(1), HOUR, None);
    assert_eq!(alone, Err(ChatPlanError::TooFewMembers(1)));
    assert_eq!(
        refused(ChatSpec { body: Bytes(1 << 20), ..chat.clone() }),
        "a post of 1MiB is longer than the 512KiB allowed"
    );
    let poisson = Posts::Poisson(Poisson { every: Nanos::ZERO });
    assert!(refused(ChatSpec { posts: poisson, ..chat.clone() }).contains("more than 0"));
    let burst = Burst { every: Nanos::from_secs(1), size: Count::new(3), within: Nanos::from_secs(2) };
    assert_eq!(
        refused(ChatSpec { posts: Posts::Burst(burst), ..chat }),
        "a burst lasts 2s, longer than the 1s from one to the next"
    );
}

#[test]
fn what_makes_no_sense_names_its_field() {
    let at_fault = |spec: ChatSpec| {
        let plan = ChatPlan::new(spec, 0, &peers(3), &[], Seed(1), HOUR, Some("1s,0,9,10"));
        plan.expect_err("it makes no sense").field()
    };
    let (chat, zero, second) = (ChatSpec::default(), Nanos::ZERO, Nanos::from_secs(1));
    let posting = |posts| ChatSpec { posts, ..chat.clone() };
    let burst = |every, within| posting(Posts::Burst(Burst { every, size: Count::new(3), within }));
    let beating = |every| ChatSpec { presence: Some(Presence { every, timeout: second }), ..chat.clone() };
    let trace = posting(Posts::Trace(Trace { file: "talk.csv".to_owned() }));
    assert_eq!(at_fault(trace), "posts.trace.file");
    assert_eq!(at_fault(ChatSpec { members: Some(Count::new(4)), ..chat.clone() }), "members");
    assert_eq!(at_fault(ChatSpec { body: Bytes(1 << 20), ..chat.clone() }), "body");
    assert_eq!(at_fault(posting(Posts::Poisson(Poisson { every: zero }))), "posts.poisson.every");
    assert_eq!(at_fault(burst(second, HOUR)), "posts.burst.within");
    assert_eq!((at_fault(beating(zero)), at_fault(beating(second))), ("presence.every", "presence.timeout"));
    assert_eq!(
        at_fault(ChatSpec { sync: Sync { every: zero, ..Sync::default() }, ..chat.clone() }),
        "sync.every"
    );
}

#[test]
fn an_archive_keeps_every_room_and_others_their_own() {
    let spec = ChatSpec { rooms: Count::new(6), members: Some(Count::new(3)), ..ChatSpec::default() };
    let plan =
        ChatPlan::new(spec, 0, &peers(10), &[Peer(10)], Seed(1), HOUR, None).expect("a chat that can be");
    assert_eq!(plan.rooms_of(Peer(10)).collect::<Vec<_>>(), [0, 1, 2, 3, 4, 5]);
    assert!(plan.members(0).iter().all(|&peer| plan.rooms_of(peer).any(|room| room == 0)));
    assert_eq!((0..11).map(|peer| plan.rooms_of(Peer(peer)).count()).sum::<usize>(), 6 * 3 + 6);
    assert!(plan.keeps(3, Peer(10)) && !plan.keeps(6, Peer(10)) && plan.rank(3, Peer(10)).is_none());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn as_many_posts_are_expected_as_are_made_on_average(posts in posting(), rooms in 1u32..5) {
        let spec = ChatSpec { rooms: Count::new(rooms), posts, ..ChatSpec::default() };
        // Many bursts and days.
        let plan = plan_of(spec, &peers(3), 1, Nanos(50 * HOUR.0));
        let (made, expected) = (plan.timeline().count() as f64, plan.expected_posts());
        // Bursts come all at once: their number varies more than that of posts by chance.
        prop_assert!((0.8..1.2).contains(&(made / expected)), "{made} for {expected}");
    }
}

#[test]
fn signs_of_life_and_receipts_are_expected_too() {
    let quiet = ChatSpec { rooms: Count::new(2), ..ChatSpec::default() };
    let of = |spec: ChatSpec| plan_of(spec, &peers(10), 1, HOUR).expected_items(HOUR, |_| 1.0);
    assert_eq!(of(quiet.clone()), 720.0);
    let presence = Some(Presence::default());
    assert_eq!(of(ChatSpec { presence, ..quiet.clone() }), 720.0 + 10.0 * 120.0);
    // Each of 20 seats would tell of each of its room's 360 posts.
    assert_eq!(of(ChatSpec { read_receipts: true, ..quiet }), 720.0 + 20.0 * 360.0);
}
