//! When a task wants to be woken.
//!
//! Timers of `futures-timer` know no runtime, which virtual time needs, and are kept by a thread of their own: each that is set or rings changes
//! threads twice. With two hundred peers in real time, whose every message waits for its link, that was a sixth of all processor time. Those of Tokio
//! are a millisecond late in the mean, and a link of a local network takes less. So a thread that serves peers keeps their timers
//! itself ([`Keeper`]), by one timer of the kernel that is as exact (timerfd_create(2)), where there is one.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_timer::Delay;

#[cfg(all(feature = "net", target_os = "linux"))]
pub(crate) use self::kept::Keeper;

/// A timer of the thread that its task is on, if that keeps timers, and otherwise one of `futures-timer`.
pub(crate) enum Timer {
    #[cfg(all(feature = "net", target_os = "linux"))]
    Kept(kept::Kept),
    Neutral(Delay),
}

impl Timer {
    /// One that rings after this long.
    pub(crate) fn new(after: Duration) -> Self {
        #[cfg(all(feature = "net", target_os = "linux"))]
        if kept::is_kept_here() {
            return Self::Kept(kept::Kept::new(after));
        }
        Self::Neutral(Delay::new(after))
    }

    /// Lets it ring after this long from now instead.
    pub(crate) fn reset(&mut self, after: Duration) {
        match self {
            #[cfg(all(feature = "net", target_os = "linux"))]
            Self::Kept(kept) => *kept = kept::Kept::new(after),
            Self::Neutral(delay) => delay.reset(after),
        }
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        match self.get_mut() {
            #[cfg(all(feature = "net", target_os = "linux"))]
            Self::Kept(kept) => kept.poll(cx),
            Self::Neutral(delay) => Pin::new(delay).poll(cx),
        }
    }
}

#[cfg(all(feature = "net", target_os = "linux"))]
mod kept {
    use std::{
        cell::RefCell,
        collections::BTreeMap,
        convert::Infallible,
        future::poll_fn,
        io,
        os::fd::OwnedFd,
        task::{Context, Poll, Waker, ready},
        time::{Duration, Instant},
    };

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::unix::AsyncFd;

    thread_local! {
        /// The timers of this thread, if it keeps any.
        static TIMERS: RefCell<Option<Timers>> = const { RefCell::new(None) };
    }

    /// The timers of a thread that wait, and the kernel's, which rings for the first of them.
    struct Timers {
        clock: AsyncFd<OwnedFd>,
        waiting: BTreeMap<(Instant, u64), Waker>,
        /// For when the kernel's is set.
        armed: Option<Instant>,
        names: u64,
    }

    impl Timers {
        /// Sets the kernel's timer for the first that waits, unless it is.
        fn arm(&mut self) -> io::Result<()> {
            let Some((&(first, _), _)) = self.waiting.first_key_value() else { return Ok(()) };
            if self.armed.is_some_and(|armed| armed <= first) {
                return Ok(());
            }
            // Nothing at all would mean never.
            let wait = first.saturating_duration_since(Instant::now()).max(Duration::from_nanos(1));
            let it_value = Timespec { tv_sec: wait.as_secs() as i64, tv_nsec: wait.subsec_nanos().into() };
            let never = Timespec { tv_sec: 0, tv_nsec: 0 };
            let set = Itimerspec { it_interval: never, it_value };
            timerfd_settime(self.clock.get_ref(), TimerfdTimerFlags::empty(), &set)?;
            self.armed = Some(first);
            Ok(())
        }

        /// Gives those whose time has come to `due`, until the kernel's timer has to be waited for.
        fn poll(&mut self, cx: &mut Context<'_>, due: &mut Vec<Waker>) -> Poll<io::Result<Infallible>> {
            loop {
                let mut rang = ready!(self.clock.poll_read_ready(cx))?;
                // How often it rang does not matter.
                let read = rang.try_io(|clock| Ok(rustix::io::read(clock.get_ref(), &mut [0; 8])?));
                if let Ok(read) = read {
                    read?;
                    self.armed = None;
                    let now = Instant::now();
                    while let Some(first) = self.waiting.first_entry()
                        && first.key().0 <= now
                    {
                        due.push(first.remove());
                    }
                    self.arm()?;
                }
            }
        }
    }

    /// Keeps the timers of the thread on which it is made.
    #[derive(Debug)]
    pub(crate) struct Keeper(());

    impl Keeper {
        /// Begins to keep them. To be called on a runtime that the thread has to itself.
        ///
        /// # Errors
        /// When the kernel refuses a timer.
        pub(crate) fn new() -> io::Result<Self> {
            let clock =
                timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
            #[expect(
                deprecated,
                reason = "its successor is unsafe for types that may lose their descriptor, which an `OwnedFd` does not"
            )]
            let clock = AsyncFd::new(clock)?;
            let timers = Timers { clock, waiting: BTreeMap::new(), armed: None, names: 0 };
            TIMERS.set(Some(timers));
            Ok(Self(()))
        }

        /// Rings for ever.
        ///
        /// # Errors
        /// When the kernel refuses to set or to read its timer.
        pub(crate) async fn ring(&self) -> io::Result<Infallible> {
            let mut due = Vec::new();
            poll_fn(|cx| {
                let polled = TIMERS.with_borrow_mut(|timers| {
                    timers.as_mut().expect("this thread has a keeper").poll(cx, &mut due)
                });
                // Whoever is woken may have timers to drop or to set.
                due.drain(..).for_each(Waker::wake);
                polled
            })
            .await
        }
    }

    impl Drop for Keeper {
        fn drop(&mut self) {
            TIMERS.set(None);
        }
    }

    /// Whether this thread keeps timers.
    pub(super) fn is_kept_here() -> bool {
        TIMERS.with_borrow(Option::is_some)
    }

    /// A timer that such a thread keeps.
    pub(crate) struct Kept {
        at: Instant,
        /// Its name among those that wait, once it does.
        name: Option<u64>,
    }

    impl Kept {
        pub(super) fn new(after: Duration) -> Self {
            Self { at: Instant::now() + after, name: None }
        }

        pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
            if self.at <= Instant::now() {
                return Poll::Ready(());
            }
            TIMERS.with_borrow_mut(|timers| {
                let timers = timers.as_mut().expect("a task stays on the thread that keeps its timers");
                let name = *self.name.get_or_insert_with(|| {
                    timers.names += 1;
                    timers.names
                });
                let waker = timers.waiting.entry((self.at, name)).or_insert_with(|| cx.waker().clone());
                waker.clone_from(cx.waker());
                timers.arm().expect("the kernel sets a timer that it has given");
            });
            Poll::Pending
        }
    }

    impl Drop for Kept {
        fn drop(&mut self) {
            let Some(name) = self.name else { return };
            // When its thread ends there may be no timers any more.
            TIMERS.with_borrow_mut(|timers| {
                if let Some(timers) = timers {
                    timers.waiting.remove(&(self.at, name));
                }
            });
        }
    }
}

#[cfg(all(test, feature = "net", target_os = "linux"))]
mod tests {
    use std::{sync::mpsc, time::Instant};

    use peerlab_scenarios::host::Peer;

    use super::*;
    use crate::fleet::Runtime;

    const SHORT: Duration = Duration::from_micros(300);

    /// What a task on a thread of peers comes to.
    fn on_a_thread<T: Send + 'static>(task: impl Future<Output = T> + Send + 'static) -> T {
        let runtime = Runtime::start().expect("threads start");
        let (tell, told) = mpsc::channel();
        runtime.cores().of(Peer(0)).spawn(async move { tell.send(task.await) });
        told.recv().expect("the task comes to its end")
    }

    #[test]
    fn none_rings_early_and_the_best_of_many_hardly_late() {
        let least = on_a_thread(async {
            assert!(matches!(Timer::new(SHORT), Timer::Kept(_)));
            let mut least = Duration::MAX;
            for _ in 0..50 {
                let began = Instant::now();
                Timer::new(SHORT).await;
                assert!(began.elapsed() >= SHORT, "{:?}", began.elapsed());
                least = least.min(began.elapsed());
            }
            least
        });
        // Tokio's own would take a millisecond at least.
        assert!(least < 2 * SHORT, "{least:?}");
    }

    #[test]
    fn they_ring_in_order_whenever_they_were_set() {
        let order = on_a_thread(async {
            let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
            for number in [3, 1, 4, 2, 0] {
                let tell = tell.clone();
                tokio::spawn(async move {
                    Timer::new(SHORT * 20 * number).await;
                    tell.send(number)
                });
            }
            drop(tell);
            let mut order = Vec::new();
            while let Some(number) = told.recv().await {
                order.push(number);
            }
            order
        });
        assert_eq!(order, [0, 1, 2, 3, 4]);
    }

    #[test]
    fn one_that_is_reset_rings_when_it_is_told_last() {
        on_a_thread(async {
            let mut timer = Timer::new(Duration::from_secs(3600));
            let mut gone = Timer::new(SHORT);
            futures::future::poll_fn(|cx| {
                assert!(Pin::new(&mut timer).poll(cx).is_pending());
                let _ = Pin::new(&mut gone).poll(cx);
                Poll::Ready(())
            })
            .await;
            drop(gone);
            let began = Instant::now();
            timer.reset(3 * SHORT);
            timer.await;
            assert!(began.elapsed() >= 3 * SHORT);
        });
    }

    #[test]
    fn where_none_are_kept_there_is_another() {
        let timer = Timer::new(SHORT);
        assert!(matches!(timer, Timer::Neutral(_)));
        futures::executor::block_on(timer);
    }
}
