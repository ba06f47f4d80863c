//! Whether a stream still moves.
//!
//! A timer for each thing that is waited for would cost more than the bytes do: the thread that keeps time is woken for each. So a
//! handler looks at all its streams together, now and then, and whatever has not moved for some looks stands still.

use std::{
    future::poll_fn,
    io,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::Poll,
    time::Duration,
};

use futures::task::AtomicWaker;

use super::transfer::TransferError;

/// How long a stream may stand still before its other end is taken for dead, and up to a look more.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// Looks in that time.
pub(super) const LOOKS: u32 = 4;

/// Time from one look to the next.
pub(super) const LOOK: Duration = PATIENCE.checked_div(LOOKS).expect("there are looks");

/// How a stream moves: shared by who works on it and who watches it.
#[derive(Clone, Debug, Default)]
pub(super) struct Pace(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// Looks at it since it last moved.
    looks: AtomicU32,
    worker: AtomicWaker,
}

impl Pace {
    /// Lets something take no longer than a stream may stand still.
    pub(super) async fn keep<T>(
        &self,
        what: impl Future<Output = io::Result<T>>,
    ) -> Result<T, TransferError> {
        let mut what = pin!(what);
        let Self(shared) = self;
        shared.looks.store(0, Ordering::Relaxed);
        poll_fn(|cx| {
            if let Poll::Ready(done) = what.as_mut().poll(cx) {
                return Poll::Ready(done.map_err(Into::into));
            }
            if shared.looks.load(Ordering::Relaxed) > LOOKS {
                return Poll::Ready(Err(TransferError::StoodStill));
            }
            shared.worker.register(cx.waker());
            Poll::Pending
        })
        .await
    }

    /// Looks at the stream.
    pub(super) fn look(&self) {
        let Self(shared) = self;
        if shared.looks.fetch_add(1, Ordering::Relaxed) >= LOOKS {
            shared.worker.wake();
        }
    }

    /// Whether somebody still works on the stream.
    pub(super) fn is_needed(&self) -> bool {
        Arc::strong_count(&self.0) > 1
    }
}

#[cfg(test)]
mod tests {
    use futures::{FutureExt as _, executor::block_on, future::pending};

    use super::*;

    #[test]
    fn what_moves_now_and_then_goes_on_and_what_stands_still_ends() {
        let (pace, watched) = (Pace::default(), Pace::default());
        for _ in 0..3 {
            for _ in 0..LOOKS {
                watched.look();
            }
            block_on(watched.keep(async { Ok(()) })).expect("it moves");
        }
        let mut stands = Box::pin(pace.keep(pending::<io::Result<()>>()));
        assert!(stands.as_mut().now_or_never().is_none());
        for _ in 0..LOOKS {
            pace.look();
            assert!(stands.as_mut().now_or_never().is_none());
        }
        pace.look();
        assert!(matches!(stands.now_or_never(), Some(Err(TransferError::StoodStill))));
    }
}
