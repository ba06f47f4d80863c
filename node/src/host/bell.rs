//! Whether something has happened to a part of a connection since it was last looked into.
//!
//! A connection asks all its protocols whenever anything happens to any of them. To look into a stream each time would cost more than
//! what comes over most of them.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, Waker},
};

use futures::task::{ArcWake, waker};

/// Polls something only when that has asked for it.
#[derive(Debug)]
pub(super) struct Bell {
    shared: Arc<Shared>,
    /// Rings it.
    waker: Waker,
    /// Who listens. It is always the same task, so that asking costs a comparison and no more.
    listener: Waker,
}

#[derive(Debug)]
struct Shared {
    has_rung: AtomicBool,
    listener: Mutex<Waker>,
}

impl Shared {
    fn listener(&self) -> MutexGuard<'_, Waker> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ArcWake for Shared {
    fn wake_by_ref(shared: &Arc<Self>) {
        shared.has_rung.store(true, Ordering::Release);
        shared.listener().wake_by_ref();
    }
}

impl Bell {
    /// One that has rung, for nothing was looked into yet.
    pub(super) fn new() -> Self {
        let listener = Waker::noop().clone();
        let shared =
            Arc::new(Shared { has_rung: AtomicBool::new(true), listener: Mutex::new(listener.clone()) });
        Self { waker: waker(Arc::clone(&shared)), shared, listener }
    }

    /// Lets the next to ask poll, for something has happened that nobody was woken for.
    pub(super) fn ring(&self) {
        self.shared.has_rung.store(true, Ordering::Release);
    }

    /// Polls, if that may give more than it did when it was last polled.
    pub(super) fn answer<T>(
        &mut self,
        cx: &mut Context<'_>,
        poll: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        if !self.listener.will_wake(cx.waker()) {
            self.listener.clone_from(cx.waker());
            self.shared.listener().clone_from(cx.waker());
        }
        // Whoever rings after this wakes who listens. Mostly nobody has, and to look costs less than to swap.
        let has_rung = &self.shared.has_rung;
        if !has_rung.load(Ordering::Acquire) || !has_rung.swap(false, Ordering::AcqRel) {
            return Poll::Pending;
        }
        let polled = poll(&mut Context::from_waker(&self.waker));
        if polled.is_ready() {
            // There may be more.
            self.ring();
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use futures::{StreamExt as _, channel::mpsc, task::noop_waker};

    use super::*;

    #[test]
    fn what_was_pending_is_polled_when_it_asks_and_not_before() {
        let (tell, mut told) = mpsc::unbounded();
        let (mut bell, mut polls) = (Bell::new(), 0);
        let noop = noop_waker();
        let mut cx = Context::from_waker(&noop);
        let mut answer = |polls: &mut u32| {
            bell.answer(&mut cx, |cx| {
                *polls += 1;
                told.poll_next_unpin(cx)
            })
        };
        assert!(answer(&mut polls).is_pending() && answer(&mut polls).is_pending());
        assert_eq!(polls, 1);
        tell.unbounded_send(1).unwrap();
        tell.unbounded_send(2).unwrap();
        assert_eq!((answer(&mut polls), answer(&mut polls)), (Poll::Ready(Some(1)), Poll::Ready(Some(2))));
        assert!(answer(&mut polls).is_pending() && answer(&mut polls).is_pending());
        assert_eq!(polls, 4);
    }
}
