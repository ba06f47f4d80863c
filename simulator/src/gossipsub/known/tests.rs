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

    /// Forgets what is too old at a heartbeat: by whom, in ascending order.
    fn heartbeat(&mut self, now: u64) -> Vec<u32> {
        let mut gone = Vec::new();
        self.said.retain(|(_, by), at| {
            let stays = Nanos::from_millis(now - *at) <= UNWANTED_FOR;
            if !stays {
                gone.push(*by);
            }
            stays
        });
        gone.sort_unstable();
        gone
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
                    let is_new = lists.said.insert((item, by), now).is_none();
                    prop_assert_eq!(known.call_off(at, ItemRef::test(item), Number(by)), is_new);
                }
                Step::Pass(passes) => {
                    now += passes;
                    while beat <= now {
                        let mut told = Vec::new();
                        known.heartbeat(Nanos::from_millis(beat), |Number(by)| told.push(by));
                        told.sort_unstable();
                        prop_assert_eq!(told, lists.heartbeat(beat));
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
fn what_a_neighbour_said_first_is_forgotten_first() {
    let mut known = known();
    let (one, two) = (Number(1), Number(2));
    for (second, item) in [(0, 5), (1, 6), (2, 7)] {
        known.call_off(Nanos::from_secs(second), ItemRef::test(item), one);
        known.call_off(Nanos::from_secs(second), ItemRef::test(item), two);
        known.heartbeat(Nanos::from_secs(second + 1), |by| panic!("{by:?} said so just now"));
    }
    known.forget_first_of(one);
    known.forget_first_of(one);
    let unwanted_by = |by| [5, 6, 7].map(|item| known.unwanted(ItemRef::test(item)).by(by));
    assert_eq!((unwanted_by(one), unwanted_by(two)), ([false, false, true], [true; 3]));
}

#[test]
fn heartbeats_in_quick_succession_forget_hardly_later() {
    let mut known = Known::new(Nanos::from_secs(60));
    known.expect_beat(Nanos::from_millis(1), Nanos::from_millis(1));
    let mut last = BTreeMap::new();
    for now in 1..20_000 {
        let at = Nanos::from_millis(now);
        known.heartbeat(at, |Number(by)| {
            last.insert(by, now);
        });
        if now <= 10_000 {
            known.call_off(at, ItemRef::test(now as u32), Number(now as u32 % 40));
        }
    }
    assert!(known.generations.is_empty());
    // The last that each has said, between 9.96 and 10 s.
    assert!(last.len() == 40 && last.values().all(|at| (12_960..13_020).contains(at)), "{last:?}");
}

#[test]
fn the_table_does_not_grow_with_the_run() {
    let mut known = known();
    for second in 1..1_000 {
        let at = Nanos::from_secs(second);
        known.heartbeat(at, |_| ());
        for item in (second as u32 * 10..).map(ItemRef::test).take(10) {
            known.call_off(at, item, Number(1));
            assert!(known.meet(at, item));
        }
    }
    let entries = known.words.len() / known.width as usize;
    assert!(entries <= 256, "{entries} entries for 10 items met and 40 unwanted");
}
