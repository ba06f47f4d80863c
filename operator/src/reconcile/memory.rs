//! What is remembered of scenarios from one look to the next. All of it can be found again: it saves work, and a restart only costs that.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::observe::Owned;
use crate::{
    build::{Child, Kind},
    prepare::{Prepared, Refusal},
};

/// The pause after the first error.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The pause after many.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// What a scenario came to.
pub(super) type Outcome = Arc<Result<Prepared, Refusal>>;

/// What is remembered, by uid.
#[derive(Debug, Default)]
pub struct Memory {
    scenarios: Mutex<BTreeMap<String, Remembered>>,
}

#[derive(Debug, Default)]
struct Remembered {
    /// How often in a row it could not be done.
    failures: u32,
    /// What was applied, and what the object was then.
    applied: BTreeMap<(Kind, String), (blake3::Hash, String)>,
    /// What it came to, and in which generation.
    prepared: Option<(i64, Outcome)>,
}

impl Memory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Remembered>> {
        self.scenarios.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a scenario that is gone.
    pub fn forget(&self, uid: &str) {
        self.lock().remove(uid);
    }

    /// Forgets all scenarios but those that there are.
    pub fn keep_only(&self, is_there: impl Fn(&str) -> bool) {
        self.lock().retain(|uid, _| is_there(uid));
    }

    /// How long to leave a scenario alone that could not be dealt with again: twice as long each time, with jitter.
    pub fn after_failure(&self, uid: &str) -> Duration {
        let mut scenarios = self.lock();
        let failures = &mut scenarios.entry(uid.to_owned()).or_default().failures;
        let pause = pause(*failures, rand::random());
        *failures = failures.saturating_add(1);
        pause
    }

    /// Begins with the shortest pause again.
    pub fn succeeded(&self, uid: &str) {
        if let Some(remembered) = self.lock().get_mut(uid) {
            remembered.failures = 0;
        }
    }

    /// Whether an object is as it was when it was applied as it is to be.
    pub(super) fn is_applied(&self, uid: &str, body: blake3::Hash, seen: &Owned) -> bool {
        let scenarios = self.lock();
        let applied = scenarios.get(uid).and_then(|known| known.applied.get(&(seen.kind, seen.name.clone())));
        applied.is_some_and(|(known, version)| *known == body && *version == seen.version)
    }

    /// Whether an object was applied as it is to be, whatever it is now.
    pub(super) fn has_applied(&self, uid: &str, body: blake3::Hash, child: &Child) -> bool {
        let scenarios = self.lock();
        let applied =
            scenarios.get(uid).and_then(|known| known.applied.get(&(child.kind, child.name.clone())));
        applied.is_some_and(|(known, _)| *known == body)
    }

    pub(super) fn applied(&self, uid: &str, body: blake3::Hash, now: Owned) {
        let mut scenarios = self.lock();
        let applied = &mut scenarios.entry(uid.to_owned()).or_default().applied;
        applied.insert((now.kind, now.name), (body, now.version));
    }

    pub(super) fn deleted(&self, uid: &str, kind: Kind, name: &str) {
        if let Some(known) = self.lock().get_mut(uid) {
            known.applied.remove(&(kind, name.to_owned()));
        }
    }

    /// What a scenario came to, if it has not changed since.
    pub(super) fn prepared(&self, uid: &str, generation: i64) -> Option<Outcome> {
        let scenarios = self.lock();
        let (of, outcome) = scenarios.get(uid)?.prepared.as_ref()?;
        (*of == generation).then(|| Arc::clone(outcome))
    }

    pub(super) fn keep_prepared(&self, uid: &str, generation: i64, outcome: Outcome) {
        self.lock().entry(uid.to_owned()).or_default().prepared = Some((generation, outcome));
    }
}

/// Half of the pause is certain, half of it drawn, so that those that failed together do not come back together.
fn pause(failures_before: u32, draw: u32) -> Duration {
    let doubled = FIRST_PAUSE.saturating_mul(1 << failures_before.min(16)).min(LONGEST_PAUSE);
    doubled.mul_f64(0.5 + 0.5 * f64::from(draw) / f64::from(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_five_minutes_and_begin_anew() {
        let most: Vec<_> = (0..20).map(|count| pause(count, u32::MAX).as_secs()).collect();
        assert_eq!(&most[..4], [1, 2, 4, 8]);
        assert_eq!((most[9], most[19]), (300, 300));
        assert_eq!(pause(3, 0), Duration::from_secs(4));

        let memory = Memory::default();
        let first = memory.after_failure("uid");
        assert!(first <= FIRST_PAUSE && memory.after_failure("uid") >= FIRST_PAUSE);
        memory.succeeded("uid");
        assert!(memory.after_failure("uid") <= FIRST_PAUSE);
    }
}
