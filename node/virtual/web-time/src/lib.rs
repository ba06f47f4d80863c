//! [web-time](https://docs.rs/web-time) over a virtual clock: the same names, and instants of the clock of their thread.

use std::{
    error::Error,
    fmt,
    ops::{Add, AddAssign, Sub, SubAssign},
};

pub use std::time::Duration;

use peerlab_virtual_clock as clock;

/// What the clock reads when a world begins: long enough for instants that lie before it.
const BEGINNING: Duration = Duration::from_secs(1_000_000);

/// The date on which every world begins: 2027-01-15, 08:00 UTC.
const DATE: Duration = Duration::from_secs(1_800_000_000);

macro_rules! time {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Duration);

        impl $name {
            /// The instant so much later, if there is one.
            #[must_use]
            pub fn checked_add(&self, duration: Duration) -> Option<Self> {
                self.0.checked_add(duration).map(Self)
            }

            /// The instant so much earlier, if there is one.
            #[must_use]
            pub fn checked_sub(&self, duration: Duration) -> Option<Self> {
                self.0.checked_sub(duration).map(Self)
            }
        }

        impl Add<Duration> for $name {
            type Output = Self;
            fn add(self, duration: Duration) -> Self {
                Self(self.0 + duration)
            }
        }

        impl Sub<Duration> for $name {
            type Output = Self;
            fn sub(self, duration: Duration) -> Self {
                Self(self.0 - duration)
            }
        }

        impl AddAssign<Duration> for $name {
            fn add_assign(&mut self, duration: Duration) {
                self.0 += duration;
            }
        }

        impl SubAssign<Duration> for $name {
            fn sub_assign(&mut self, duration: Duration) {
                self.0 -= duration;
            }
        }
    };
}

time! {
    /// As [`std::time::Instant`].
    Instant
}

time! {
    /// As [`std::time::SystemTime`].
    SystemTime
}

impl Instant {
    /// Now, by the clock of this thread.
    #[must_use]
    pub fn now() -> Self {
        Self(BEGINNING + Duration::from_nanos(clock::now()))
    }

    /// Time since an earlier instant; none since a later one.
    #[must_use]
    pub fn duration_since(&self, earlier: Self) -> Duration {
        self.saturating_duration_since(earlier)
    }

    /// Time since an earlier instant, if it is earlier.
    #[must_use]
    pub fn checked_duration_since(&self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0)
    }

    /// Time since an earlier instant; none since a later one.
    #[must_use]
    pub fn saturating_duration_since(&self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }

    /// Time since then.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        Self::now().duration_since(*self)
    }
}

impl Sub for Instant {
    type Output = Duration;

    fn sub(self, earlier: Self) -> Duration {
        self.duration_since(earlier)
    }
}

/// 1 January 1970, 00:00 UTC.
pub const UNIX_EPOCH: SystemTime = SystemTime::UNIX_EPOCH;

impl SystemTime {
    /// 1 January 1970, 00:00 UTC.
    pub const UNIX_EPOCH: Self = Self(Duration::ZERO);

    /// Now, by the clock of this thread.
    #[must_use]
    pub fn now() -> Self {
        Self(DATE + Duration::from_nanos(clock::now()))
    }

    /// Time since an earlier one.
    ///
    /// # Errors
    /// When it is later.
    pub fn duration_since(&self, earlier: Self) -> Result<Duration, SystemTimeError> {
        self.0.checked_sub(earlier.0).ok_or_else(|| SystemTimeError(earlier.0 - self.0))
    }

    /// Time since then.
    ///
    /// # Errors
    /// When it lies ahead.
    pub fn elapsed(&self) -> Result<Duration, SystemTimeError> {
        Self::now().duration_since(*self)
    }
}

/// As [`std::time::SystemTimeError`].
#[derive(Clone, Debug)]
pub struct SystemTimeError(Duration);

impl SystemTimeError {
    /// By how much the other time is later.
    #[must_use]
    pub const fn duration(&self) -> Duration {
        self.0
    }
}

impl fmt::Display for SystemTimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("second time provided was later than self")
    }
}

impl Error for SystemTimeError {}
