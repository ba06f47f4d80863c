//! The table does what lists would do.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

const KEEP: u64 = 60_000;

#[derive(Clone, Debug)]
enum Step {
    Meet(u32),
    CallOff(u32, u32),
    Pass(u64),
    AllOf(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let item = prop_oneof![0..6u32, 0..4_000u32];
    // Numbers of one word, and of several.
    let number = prop_oneof![8 => 0..12u32, 1 => 60..200u32];
    let step = prop_oneof![
        8 => item.clone().prop_map(Step::Meet),
        12 => (item, number.clone()).prop_map(|(item, by)| Step::CallOff(item, by)),
        4 => (0..3_000u64).prop_map(Step::Pass),
        1 => number.prop_map(Step::AllOf),
    ];
    prop::collection::vec(step, 0..400)
}

/// The same as lists; times are in milliseconds.
#[derive(Debug, Default)]
struct Lists {
    until: BTreeMap<u32, u64>,
    /// When who said last to want what no more.
    said: BTreeMap<(u32, u32), u64>,
}

impl Lists {
    fn has_met(&self, now: u64, item: u32) -> bool {
        self.until.get(&item).is_some_and(|until| *until > now)
    }

    /// Forgets what is too old at a heartbeat.
    fn heartbeat(&mut self, now: u64) {
        self.said.retain(|_, at| Nanos::from_millis(now - *at) <= UNWANTED_FOR);
    }
}

proptest! {
    #[test]
    fn an_item_is_known_as_met_and_as_unwanted_for_its_time_and_no_longer(
        steps in steps(),
        interval in prop_oneof![Just(1_000u64), 15..5_000u64],
    ) {
        let (mut known, mut lists) = (Known::new(Nanos::from_millis(KEEP)), Lists::default());
        let (mut now, mut beat) = (0, interval / 3);
        known.expect_beat(Nanos::from_millis(beat), Nanos::from_millis(interval));
        for step in steps {
            let at = Nanos::from_millis(now);
            match step {
                Step::Meet(item) => {
                    let is_new = !lists.has_met(now, item);
                    prop_assert_eq!(known.meet(at, ItemRef::test(item)), is_new);
                    if is_new {
                        lists.until.insert(item, now + KEEP);
                    }
                }
                Step::CallOff(item, by) => {
                    lists.said.insert((item, by), now);
                    known.call_off(at, ItemRef::test(item), Number(by), |item| item);
                }
                Step::Pass(passes) => {
                    now += passes;
                    while beat <= now {
                        known.heartbeat(Nanos::from_millis(beat));
                        lists.heartbeat(beat);
                        beat += interval;
                    }
                }
                Step::AllOf(by) => {
                    known.forget_all_of(Number(by));
                    lists.said.retain(|(_, other), _| *other != by);
                }
            }
            let items = lists.said.keys().map(|said| said.0).chain(lists.until.keys().copied());
            for item in items.chain([1, 9_999]).collect::<BTreeSet<u32>>() {
                let at = Nanos::from_millis(now);
                prop_assert_eq!(known.has_met(at, ItemRef::test(item)), lists.has_met(now, item));
                let unwanted = known.unwanted(ItemRef::test(item));
                prop_assert!((0..200).all(|by| unwanted.by(Number(by)) == lists.said.contains_key(&(item, by))));
            }
        }
    }
}

/// Peers whose heartbeats are a second apart.
fn known() -> Known {
    let mut known = Known::new(Nanos::from_secs(1));
    known.expect_beat(Nanos::from_secs(1), Nanos::from_secs(1));
    known
}

#[test]
fn of_what_a_neighbour_says_too_often_the_first_is_forgotten() {
    let mut known = known();
    let (one, two, three) = (Number(1), Number(2), Number(9));
    let of = |known: &Known, by| {
        let items = (0..2 * MOST_UNWANTED).filter(|item| known.unwanted(ItemRef::test(*item)).by(by));
        items.collect::<Vec<_>>()
    };
    // The first of all were made last, and the first second's are older than the next one's whatever they are.
    let rank = |item: u32| if item < 10 { u32::MAX - item } else { item };
    for item in 0..MOST_UNWANTED {
        let at = Nanos::from_millis(u64::from(item) / 10);
        known.call_off(at, ItemRef::test(item), one, rank);
        known.call_off(at, ItemRef::test(item), two, rank);
    }
    let at = Nanos::from_millis(1_500);
    for item in (MOST_UNWANTED..MOST_UNWANTED + 100).rev() {
        known.call_off(at, ItemRef::test(item), one, rank);
        known.call_off(at, ItemRef::test(item), one, rank);
        known.call_off(at, ItemRef::test(item), three, rank);
    }
    let said: Vec<u32> = (0..10).chain(10 + TOO_MANY..MOST_UNWANTED + 100).collect();
    assert!(of(&known, one) == said, "{:?}", of(&known, one).first_chunk::<12>());
    assert_eq!(of(&known, two).len(), MOST_UNWANTED as usize);
    assert_eq!(of(&known, three).len(), 100);

    // Another has the number, and may say as much; what it says last stays, whatever its rank.
    known.forget_all_of(one);
    for item in (0..=MOST_UNWANTED).rev() {
        known.call_off(at, ItemRef::test(item), one, rank);
    }
    assert_eq!(of(&known, one).len(), (MOST_UNWANTED - TOO_MANY + 1) as usize);
    assert!(known.unwanted(ItemRef::test(0)).by(one));
    for second in 1..6 {
        known.heartbeat(Nanos::from_secs(second));
    }
    assert_eq!([one, two, three].map(|by| of(&known, by).len()), [0; 3]);
    known.forget_all_of(two);
}

#[test]
fn heartbeats_in_quick_succession_forget_hardly_later() {
    let mut known = Known::new(Nanos::from_secs(60));
    known.expect_beat(Nanos::from_millis(1), Nanos::from_millis(1));
    let item = |now: u64| ItemRef::test(now as u32);
    for now in 1..20_000 {
        let at = Nanos::from_millis(now);
        known.heartbeat(at);
        if now <= 10_000 {
            known.call_off(at, item(now), Number(now as u32 % 40), |item| item);
        }
        let is_unwanted = |said: u64| known.unwanted(item(said)).by(Number(said as u32 % 40));
        assert!((now.saturating_sub(3_000).max(1)..=now.min(10_000)).all(is_unwanted), "{now} ms");
        assert!(!(1..now.saturating_sub(3_020).min(10_001)).rev().take(50).any(is_unwanted), "{now} ms");
    }
    assert!(known.rest.generations.is_empty());
}

#[test]
fn the_table_does_not_grow_with_the_run() {
    let mut known = known();
    for second in 1..1_000 {
        let at = Nanos::from_secs(second);
        known.heartbeat(at);
        for item in (second as u32 * 10..).map(ItemRef::test).take(10) {
            known.call_off(at, item, Number(1), |item| item);
            assert!(known.meet(at, item));
        }
    }
    let entries = known.words.len() / known.width as usize;
    assert!(entries <= 256, "{entries} entries for 10 items met and 40 unwanted");
}
