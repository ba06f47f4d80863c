//! [futures-timer](https://docs.rs/futures-timer) over a virtual clock: the same names, and timers that fire when the clock of
//! their thread is moved there.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use peerlab_virtual_clock as clock;

/// A future that is ready once its time has come.
#[derive(Debug)]
pub struct Delay {
    at: u64,
    place: Option<clock::Place>,
}

/// An instant so long from now, or the end of time.
fn after(duration: Duration) -> u64 {
    clock::now().saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

impl Delay {
    /// One that is ready after so long.
    #[must_use]
    pub fn new(duration: Duration) -> Self {
        Self { at: after(duration), place: None }
    }

    /// Starts anew.
    pub fn reset(&mut self, duration: Duration) {
        self.cancel();
        self.at = after(duration);
    }

    fn cancel(&mut self) {
        if let Some(place) = self.place.take() {
            clock::forget(place);
        }
    }
}

impl Future for Delay {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if clock::now() >= self.at {
            self.cancel();
            return Poll::Ready(());
        }
        self.place = Some(clock::set(self.at, self.place, cx.waker()));
        Poll::Pending
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.cancel();
    }
}
