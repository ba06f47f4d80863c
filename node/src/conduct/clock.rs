//! How far two clocks are apart.
//!
//! As in NTP (RFC 5905, section 8): one end notes when it asked and when the answer came, the other when the question came and
//! when it answered. If both ways took the same time, the difference of the clocks follows; and as neither took less than
//! none, it is wrong by half of the round trip at the most. Of many exchanges the quickest tells best.

/// One exchange, in nanoseconds: the outer two by the clock of whoever asked, the inner two by that of the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) asked: u64,
    pub(super) received: u64,
    pub(super) answered: u64,
    pub(super) came: u64,
}

/// How far the other's clock is ahead of the own one, at an instant of the own, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offset {
    pub(super) at: u64,
    pub(super) ahead: i64,
    /// It is wrong by that at the most.
    pub(super) error: u64,
}

impl Exchange {
    /// What it tells; none, when it cannot have been.
    fn offset(self) -> Option<Offset> {
        let trip = self.came.checked_sub(self.asked)?;
        let stay = self.answered.checked_sub(self.received)?;
        let travel = trip.checked_sub(stay)?;
        let signed = |ahead: i128| i64::try_from(ahead).ok();
        let there = i128::from(self.received) - i128::from(self.asked);
        let back = i128::from(self.answered) - i128::from(self.came);
        Some(Offset {
            at: self.asked + trip / 2,
            ahead: signed((there + back) / 2)?,
            // The half that division has cut off belongs to the error.
            error: travel.div_ceil(2) + 1,
        })
    }
}

/// Exchanges of which the best is kept.
const WINDOW: usize = 16;

/// What is known of another's clock: at first, and of late.
#[derive(Clone, Debug, Default)]
pub(super) struct Estimator {
    recent: std::collections::VecDeque<Offset>,
    /// That by which the run's start was told.
    told: Option<Offset>,
}

impl Estimator {
    /// Takes in an exchange. False when it cannot have been.
    pub(super) fn add(&mut self, exchange: Exchange) -> bool {
        let Some(offset) = exchange.offset() else { return false };
        if self.recent.len() == WINDOW {
            self.recent.pop_front();
        }
        self.recent.push_back(offset);
        true
    }

    /// The best of the last exchanges.
    pub(super) fn best(&self) -> Option<Offset> {
        self.recent.iter().copied().min_by_key(|offset| offset.error)
    }

    /// The instant of the other's clock that is this one of the own, by which the other counts time from now on.
    pub(super) fn tell(&mut self, own: u64) -> Option<u64> {
        let best = self.best()?;
        self.told = Some(best);
        own.checked_add_signed(best.ahead)
    }

    /// How what the other has told is to be corrected. None, when nothing was told to it.
    pub(super) fn correction(&self) -> Option<Correction> {
        let first = self.told?;
        Some(Correction { first, last: self.best().unwrap_or(first) })
    }
}

/// From times that another counted to those of the own clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Correction {
    first: Offset,
    last: Offset,
}

impl Correction {
    /// How far the other's clock went ahead of the own one between the two estimates, ns: none, when it is not sure that it did.
    fn drift(&self) -> i64 {
        let drift = self.last.ahead.saturating_sub(self.first.ahead);
        let noise = self.first.error.saturating_add(self.last.error);
        if drift.unsigned_abs() <= noise { 0 } else { drift }
    }

    /// The own clock's time, in ns since the start, of what the other says was so long since the start, which was at `start` by
    /// the own clock.
    pub(super) fn apply(&self, start: u64, since: u64) -> u64 {
        let drift = i128::from(self.drift());
        let between = i128::from(self.last.at) - i128::from(self.first.at);
        if drift == 0 || between <= 0 {
            return since;
        }
        // The other's clock has run `between + drift` while the own one ran `between`. At the start it was ahead already.
        let before = i128::from(start) - i128::from(self.first.at);
        let ahead = drift * before / between;
        let run = (i128::from(since) - ahead) * between / (between + drift).max(1);
        u64::try_from(run).unwrap_or(if run < 0 { 0 } else { u64::MAX })
    }

    /// By how much a corrected time is wrong at the most, ns.
    pub(super) fn error(&self) -> u64 {
        self.first.error.max(self.last.error)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// An exchange at an instant, with a clock that is so far ahead, over ways that take so long.
    fn exchange(at: u64, ahead: i64, there: u64, stay: u64, back: u64) -> Exchange {
        let other = |own: u64| own.checked_add_signed(ahead).expect("it fits");
        let received = at + there;
        Exchange {
            asked: at,
            received: other(received),
            answered: other(received + stay),
            came: received + stay + back,
        }
    }

    #[test]
    fn what_cannot_have_been_tells_nothing() {
        let mut estimator = Estimator::default();
        for (asked, received, answered, came) in
            [(10, 0, 0, 9), (0, 5, 4, 10), (0, 0, 20, 10), (0, u64::MAX, u64::MAX, 1)]
        {
            assert!(!estimator.add(Exchange { asked, received, answered, came }), "{asked} {came}");
        }
        assert_eq!((estimator.best(), estimator.tell(5), estimator.correction()), (None, None, None));
    }

    #[test]
    fn a_clock_that_runs_fast_is_put_right_and_one_that_may_not_is_left() {
        let mut estimator = Estimator::default();
        estimator.add(exchange(1_000_000_000, 500, 100, 5, 100));
        let told = estimator.tell(2_000_000_000).unwrap();
        assert_eq!(told, 2_000_000_500);
        assert_eq!(estimator.correction().unwrap().apply(2_000_000_000, 77), 77);
        // 100 seconds later it is a millisecond further ahead: 10 parts in a million.
        for _ in 0..WINDOW {
            estimator.add(exchange(101_000_000_000, 1_000_500, 100, 5, 100));
        }
        let correction = estimator.correction().unwrap();
        // The run began 1 s after the first estimate: 10 µs ahead. After another 50 s it is 510 µs ahead.
        let own = correction.apply(2_000_000_000, 50_000_510_000);
        assert!(own.abs_diff(50_000_000_000) <= 1_000, "{own}");
    }

    proptest! {
        #[test]
        fn the_error_is_within_its_bound(
            ahead in -1_000_000_000_000i64..1_000_000_000_000,
            ways in prop::collection::vec((0u64..50_000_000, 0u64..1_000_000, 0u64..50_000_000), 1..40),
        ) {
            let mut estimator = Estimator::default();
            for (number, (there, stay, back)) in ways.into_iter().enumerate() {
                prop_assert!(estimator.add(exchange(2_000_000_000_000 + number as u64, ahead, there, stay, back)));
            }
            let best = estimator.best().unwrap();
            prop_assert!(best.ahead.abs_diff(ahead) <= best.error, "{best:?} for {ahead}");
        }

        #[test]
        fn corrected_times_keep_their_order(
            drift in -50_000_000i64..50_000_000,
            mut times in prop::collection::vec(0u64..100_000_000_000, 2..50),
        ) {
            let first = Offset { at: 1_000_000_000, ahead: 5, error: 100 };
            let last = Offset { at: 101_000_000_000, ahead: 5 + drift, error: 100 };
            let correction = Correction { first, last };
            times.sort_unstable();
            let corrected: Vec<_> = times.iter().map(|time| correction.apply(2_000_000_000, *time)).collect();
            prop_assert!(corrected.is_sorted(), "{corrected:?}");
        }
    }
}
