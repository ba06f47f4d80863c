//! How late the event loop is, and when it last turned.
//!
//! A task of the runtime that runs the peers wants to be woken at fixed instants, as they do. How late it comes is the lag of
//! that event loop; that it does not come at all is what `/livez` tells of.

use std::time::Duration;

use tokio::{
    runtime::Handle,
    sync::watch,
    task::AbortHandle,
    time::{Instant, sleep_until},
};

/// Between two beats.
const BETWEEN: Duration = Duration::from_millis(500);

/// The last beat.
#[derive(Clone, Copy, Debug)]
pub struct Beat {
    /// When it came.
    pub at: Instant,
    /// How late that was.
    pub lag: Duration,
    /// How late the latest of all was.
    pub worst: Duration,
}

impl Beat {
    /// The next, which should have come at `due`.
    fn next(self, due: Instant, now: Instant) -> Self {
        let lag = now.saturating_duration_since(due);
        Self { at: now, lag, worst: self.worst.max(lag) }
    }
}

/// What beats on a runtime, until it is dropped.
#[derive(Debug)]
pub struct Heart {
    task: AbortHandle,
    beats: watch::Receiver<Beat>,
}

impl Heart {
    /// Begins to beat.
    #[must_use]
    pub fn beat(runtime: &Handle) -> Self {
        let first = Beat { at: Instant::now(), lag: Duration::ZERO, worst: Duration::ZERO };
        let (tell, beats) = watch::channel(first);
        let task = runtime.spawn(async move {
            loop {
                let due = Instant::now() + BETWEEN;
                sleep_until(due).await;
                tell.send_modify(|beat| *beat = beat.next(due, Instant::now()));
            }
        });
        Self { task: task.abort_handle(), beats }
    }

    /// What hears its beats.
    #[must_use]
    pub fn beats(&self) -> watch::Receiver<Beat> {
        self.beats.clone()
    }
}

impl Drop for Heart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_lag_is_remembered_and_an_early_beat_is_none() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let first = Beat { at: start, lag: Duration::ZERO, worst: Duration::ZERO };
        let late = first.next(after(500), after(530));
        let early = late.next(after(1000), after(990));
        assert_eq!((late.lag, late.worst), (Duration::from_millis(30), Duration::from_millis(30)));
        assert_eq!((early.lag, early.worst), (Duration::ZERO, Duration::from_millis(30)));
    }

    #[test]
    fn a_runtime_that_hangs_has_no_pulse() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let heart = Heart::beat(runtime.handle());
        let mut beats = heart.beats();
        runtime.block_on(async { beats.changed().await }).unwrap();
        let last = beats.borrow().at;
        // Nobody drives it now.
        std::thread::sleep(2 * BETWEEN);
        assert_eq!(heart.beats().borrow().at, last);
        runtime.block_on(async { beats.changed().await }).unwrap();
        assert!(beats.borrow().worst >= BETWEEN / 2, "what it has missed shows as lag");
    }
}
