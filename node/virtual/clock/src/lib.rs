//! A clock that moves when it is told to. Each thread has its own, so that several worlds can run beside each other; all of
//! a world is on one thread.
//!
//! Timers of the same instant fire in the order in which they were set, so that nothing depends on addresses or on luck.

use std::{cell::RefCell, collections::BTreeMap, task::Waker};

/// Where a timer stands: its instant in nanoseconds, and how many were set before it.
pub type Place = (u64, u64);

#[derive(Debug, Default)]
struct Clock {
    now: u64,
    set: u64,
    fired: u64,
    timers: BTreeMap<Place, Waker>,
}

thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

/// Nanoseconds since this thread's world began.
#[must_use]
pub fn now() -> u64 {
    CLOCK.with_borrow(|clock| clock.now)
}

/// Timers that have fired so far.
#[must_use]
pub fn fired() -> u64 {
    CLOCK.with_borrow(|clock| clock.fired)
}

/// Wakes a task at an instant; `before` is where its timer stood until now.
#[must_use]
pub fn set(at: u64, before: Option<Place>, waker: &Waker) -> Place {
    CLOCK.with_borrow_mut(|clock| {
        if let Some(place) = before {
            if place.0 == at
                && let Some(waits) = clock.timers.get_mut(&place)
            {
                waits.clone_from(waker);
                return place;
            }
            clock.timers.remove(&place);
        }
        clock.set += 1;
        let place = (at, clock.set);
        clock.timers.insert(place, waker.clone());
        place
    })
}

/// Forgets a timer. Threads that end forget theirs by themselves.
pub fn forget(place: Place) {
    let _ = CLOCK.try_with(|clock| clock.borrow_mut().timers.remove(&place));
}

/// Moves on to the next timer and wakes who waits for it. False when there is none before `until`, where the clock then stands.
pub fn advance(until: u64) -> bool {
    let next = CLOCK.with_borrow_mut(|clock| match clock.timers.first_entry() {
        Some(first) if first.key().0 <= until => {
            clock.now = clock.now.max(first.key().0);
            clock.fired += 1;
            Some(first.remove())
        }
        _ => {
            clock.now = clock.now.max(until);
            None
        }
    });
    next.map(Waker::wake).is_some()
}

#[cfg(test)]
mod tests {
    use std::{
        sync::{Arc, Mutex},
        task::Wake,
    };

    use super::*;

    struct Rings(u32, Arc<Mutex<Vec<u32>>>);

    impl Wake for Rings {
        fn wake(self: Arc<Self>) {
            self.1.lock().unwrap().push(self.0);
        }
    }

    #[test]
    fn timers_fire_by_instant_and_then_in_the_order_in_which_they_were_set() {
        let rung = Arc::new(Mutex::new(Vec::new()));
        let waker = |name| Waker::from(Arc::new(Rings(name, Arc::clone(&rung))));
        let places: Vec<_> =
            [(1, 30), (2, 10), (3, 10), (4, 20)].map(|(name, at)| set(at, None, &waker(name))).into();
        let moved = set(10, Some(places[3]), &waker(5));
        forget(places[1]);
        assert_eq!(
            set(10, Some(moved), &waker(6)),
            moved,
            "a timer that is set again to its instant keeps its place"
        );
        assert!(advance(10) && advance(10));
        assert!(!advance(25));
        assert_eq!((now(), rung.lock().unwrap().as_slice()), (25, &[3, 6][..]));
        assert!(advance(u64::MAX));
        assert_eq!((now(), fired()), (30, 3));
    }

    #[test]
    fn each_thread_has_a_clock_of_its_own() {
        assert!(!advance(7));
        assert_eq!(std::thread::spawn(now).join().unwrap(), 0);
        assert_eq!(now(), 7);
    }
}
