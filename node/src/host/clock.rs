//! The time of a run.

use std::time::Duration;

use peerlab_scenarios::units::Nanos;
use web_time::Instant;

/// A time of the scenario, as libraries take it.
pub(super) fn duration(nanos: Nanos) -> Duration {
    Duration::from_nanos(nanos.0)
}

/// Time since a run's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    start: Instant,
    /// What it shows at the start.
    shows: Nanos,
}

impl Clock {
    /// Of a run that starts at this instant.
    #[must_use]
    pub const fn new(start: Instant) -> Self {
        Self { start, shows: Nanos::ZERO }
    }

    /// One that shows this time now.
    #[must_use]
    pub fn showing(now: Nanos) -> Self {
        Self { start: Instant::now(), shows: now }
    }

    /// The run's time, which is zero until it has started.
    #[must_use]
    pub fn now(&self) -> Nanos {
        self.shows.saturating_add(Nanos(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX)))
    }

    /// When the run starts.
    #[must_use]
    pub const fn start(&self) -> Instant {
        self.start
    }

    /// The instant of a time of the run, or none when there is no end to it.
    #[must_use]
    pub fn instant(&self, time: Nanos) -> Option<Instant> {
        self.start.checked_add(Duration::from_nanos(time.saturating_sub(self.shows).0))
    }

    /// How long it is until a time of the run.
    #[must_use]
    pub fn until(&self, time: Nanos) -> Duration {
        match self.instant(time) {
            Some(instant) => instant.saturating_duration_since(Instant::now()),
            None => Duration::from_secs(u64::from(u32::MAX)),
        }
    }
}
