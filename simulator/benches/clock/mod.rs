//! How long something took, as noise on a shared machine disturbs least.

use std::{
    fs,
    time::{Duration, Instant},
};

/// What `work` returns, and the processor time it took; the wall's where the system does not tell.
pub(crate) fn timed<T>(work: impl FnOnce() -> T) -> (Duration, T) {
    let (began, busy) = (Instant::now(), processor_time());
    let result = work();
    let took = processor_time().zip(busy).map_or_else(|| began.elapsed(), |(after, before)| after - before);
    (took, result)
}

/// The processor time of this thread so far, as Linux tells it.
fn processor_time() -> Option<Duration> {
    let stat = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    stat.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
