use std::cmp::Reverse;
use std::collections::BinaryHeap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{Ahead, CROWD, Event, LATE, Wheel};

/// One step of a simulation: the delays after the present of the events to schedule, and how many to handle then.
type Step = (Vec<u64>, usize);

const HOUR: u64 = 3_600_000_000_000;

/// What a handler may schedule: one distribution of delays holds for a whole step, as in a burst or a lull.
fn delays() -> impl Strategy<Value = Vec<u64>> {
    prop_oneof![0..4 * LATE, 0..2 * CROWD].prop_flat_map(|count| {
        prop_oneof![
            vec(Just(0), count),
            vec(0..4u64, count),
            vec(0..100_000u64, count),
            vec((0..64u32, any::<u64>()).prop_map(|(bits, random)| random >> bits), count),
            vec(prop_oneof![0..10u64, HOUR..2 * HOUR], count),
            vec((f64::MIN_POSITIVE..1.0).prop_map(|draw| (-90e6 * draw.ln()) as u64), count),
            (0..1_000_000u64).prop_map(move |gap| (0..count as u64).map(|i| i * gap).collect()),
            (0..HOUR).prop_map(move |delay| vec![delay; count]),
            Just(vec![u64::MAX; 3]),
        ]
    })
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    vec((delays(), prop_oneof![Just(0), 0..8usize, 0..4 * LATE, 0..2 * CROWD]), 1..24)
}

/// Few distinct keys, so that equal times meet equal keys too, and the load must decide.
fn event(time: u64, index: usize) -> Event {
    let scattered = (index as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    Event { time, key: scattered >> 60, load: scattered >> 32 & 0xFF }
}

/// Runs `steps` on a wheel and on a sorted oracle side by side; returns the common order.
fn agree_with_oracle(mut wheel: Wheel, steps: &[Step]) -> Result<Vec<Event>, TestCaseError> {
    let mut oracle = BinaryHeap::new();
    let mut order = Vec::new();
    let mut now = 0u64;
    let mut scheduled = 0;
    for (delays, pops) in steps.iter().chain([&(Vec::new(), usize::MAX)]) {
        for delay in delays {
            let event = event(now.saturating_add(*delay), scheduled);
            scheduled += 1;
            wheel.push(event);
            oracle.push(Reverse(event));
        }
        for _ in 0..*pops {
            prop_assert_eq!(wheel.peek_time(), oracle.peek().map(|next| next.0.time));
            let next = wheel.pop();
            prop_assert_eq!(next, oracle.pop().map(|next| next.0));
            prop_assert_eq!((wheel.len(), wheel.is_empty()), (oracle.len(), oracle.is_empty()));
            let Some(event) = next else { break };
            now = event.time;
            order.push(event);
        }
    }
    Ok(order)
}

proptest! {
    #[test]
    fn events_come_in_the_order_of_their_content_under_any_interleaving(steps in steps()) {
        agree_with_oracle(Wheel::new(), &steps)?;
    }

    #[test]
    fn the_order_does_not_depend_on_the_width_of_slots(steps in steps()) {
        let order = agree_with_oracle(Wheel::new(), &steps)?;
        for (crowd, late) in [(0, 0), (1, 1), (5, 60), (usize::MAX, 0), (usize::MAX, usize::MAX)] {
            prop_assert_eq!(&agree_with_oracle(Wheel::with_limits(crowd, late), &steps)?, &order);
        }
    }

    #[test]
    fn a_window_ends_before_its_end(ticks in vec(0..1_000u64, 0..2_000), end in 0..1_000u64) {
        let times: Vec<u64> = ticks.iter().map(|tick| tick * 1_000).collect();
        let end = end * 1_000;
        let mut wheel = Wheel::new();
        for (index, &time) in times.iter().enumerate() {
            wheel.push(event(time, index));
        }
        let window = std::iter::from_fn(|| wheel.pop_before(end)).count();
        prop_assert_eq!(window, times.iter().filter(|&&time| time < end).count());
        prop_assert!(wheel.peek_time().is_none_or(|time| time >= end));
        prop_assert_eq!(wheel.len(), times.len() - window);
    }

    #[test]
    fn an_event_gives_back_its_parts_and_orders_by_them(
        a in (any::<u64>(), 0..Event::MAX_PEERS, 0..Event::MAX_PEERS, any::<u16>(), any::<u32>(), any::<u32>()),
        b in (any::<u64>(), 0..Event::MAX_PEERS, 0..Event::MAX_PEERS, any::<u16>(), any::<u32>(), any::<u32>()),
    ) {
        let [left, right] = [a, b].map(|(t, dst, src, seq, tag, handle)| Event::new(t, dst, src, seq, tag, handle));
        let parts = (left.time, left.dst(), left.src(), left.seq(), left.tag(), left.handle());
        prop_assert_eq!(parts, a);
        prop_assert_eq!(left.cmp(&right), a.cmp(&b));
    }
}

#[test]
fn looking_at_a_far_event_does_not_bar_a_nearer_one() {
    let mut wheel = Wheel::new();
    wheel.push(event(1_000 * HOUR, 0));
    assert_eq!(wheel.peek_time(), Some(1_000 * HOUR));
    assert_eq!(wheel.pop_before(HOUR), None);
    wheel.push(event(7, 1));
    assert_eq!(wheel.pop().map(|event| event.time), Some(7));
    assert_eq!(wheel.pop().map(|event| event.time), Some(1_000 * HOUR));
}

#[test]
fn the_last_instant_can_be_reached_and_filled() {
    let mut wheel = Wheel::new();
    wheel.push(event(u64::MAX, 0));
    assert_eq!(wheel.pop().map(|event| event.time), Some(u64::MAX));
    wheel.push(event(u64::MAX, 1));
    assert_eq!(wheel.pop(), Some(event(u64::MAX, 1)));
    assert_eq!(wheel.pop(), None);
}

#[test]
#[should_panic(expected = "before the present")]
fn an_effect_before_its_cause_is_refused() {
    let mut wheel = Wheel::new();
    wheel.push(event(10, 0));
    wheel.pop();
    wheel.push(event(9, 1));
}

#[test]
fn events_of_an_even_stream_are_told_of_ahead_first_as_later_and_then_as_soon() {
    const EVENTS: u64 = 10_000;
    // A dozen in each slot of the second level, where most are told of.
    let mut wheel = Wheel::new();
    (0..EVENTS).for_each(|number| wheel.push(Event { time: number * 20, key: number, load: 0 }));
    let (mut as_later, mut as_soon) = (vec![false; EVENTS as usize], vec![false; EVENTS as usize]);
    let (mut told, mut popped) = (0, 0);
    while let Some(event) = wheel.pop() {
        popped += 1;
        told += usize::from(as_later[event.key as usize] && as_soon[event.key as usize]);
        let Ahead { soon, later } = wheel.ahead();
        for event in later.into_iter().flatten() {
            as_later[event.key as usize] = true;
        }
        for event in soon.into_iter().flatten() {
            assert!(event.key >= popped, "only what is pending is told of");
            as_soon[event.key as usize] = as_later[event.key as usize];
        }
    }
    assert!(told > EVENTS as usize * 3 / 4, "{told} of {EVENTS}");
}
