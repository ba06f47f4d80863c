//! A barrier that lets nobody wait for who will not come.

use std::{
    hint,
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

/// How often a thread looks before it lets the system put it to sleep: some microseconds, less than waking takes.
const LOOKS: u32 = 200;

/// Where a number of threads wait for one another, again and again.
#[derive(Debug)]
pub(super) struct Gate {
    threads: usize,
    /// How often all have come, as those look who do not sleep.
    openings: AtomicU64,
    state: Mutex<State>,
    opened: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: usize,
    openings: u64,
    /// Whether one of them has ended.
    broken: bool,
}

/// One of the threads has ended, so that they will not all come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;

impl Gate {
    pub(super) fn new(threads: usize) -> Self {
        let (openings, state) = (AtomicU64::new(0), Mutex::default());
        Self { threads, openings, state, opened: Condvar::new() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all have come.
    pub(super) fn pass(&self) -> Result<(), Broken> {
        let mut state = self.state();
        let before = state.openings;
        state.waiting += 1;
        if state.waiting == self.threads {
            state.waiting = 0;
            state.openings += 1;
            self.openings.store(state.openings, Ordering::Release);
            self.opened.notify_all();
        } else {
            drop(state);
            for _ in 0..LOOKS {
                if self.openings.load(Ordering::Acquire) != before {
                    break;
                }
                hint::spin_loop();
            }
            state = self.state();
            while state.openings == before && !state.broken {
                state = self.opened.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        }
        if state.broken { Err(Broken) } else { Ok(()) }
    }

    /// Breaks the gate when the thread that holds this panics.
    pub(super) fn guard(&self) -> Guard<'_> {
        Guard(self)
    }
}

/// See [`Gate::guard`].
#[derive(Debug)]
pub(super) struct Guard<'a>(&'a Gate);

impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            self.0.state().broken = true;
            self.0.opened.notify_all();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU32;

    use super::*;

    #[test]
    fn nobody_passes_before_all_have_come() {
        let (gate, came) = (Gate::new(3), AtomicU32::new(0));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for round in 1..=1_000 {
                        came.fetch_add(1, Ordering::SeqCst);
                        assert_eq!(gate.pass(), Ok(()));
                        assert!(came.load(Ordering::SeqCst) >= 3 * round);
                        assert_eq!(gate.pass(), Ok(()));
                    }
                });
            }
        });
    }

    #[test]
    fn nobody_waits_for_one_that_panicked() {
        let gate = Gate::new(3);
        thread::scope(|scope| {
            let waiting: Vec<_> = (0..2).map(|_| scope.spawn(|| gate.pass())).collect();
            let panics = scope.spawn(|| {
                let _guard = gate.guard();
                panic!("as it is asked to");
            });
            assert!(panics.join().is_err());
            for thread in waiting {
                assert_eq!(thread.join().expect("it does not panic itself"), Err(Broken));
            }
        });
    }
}
