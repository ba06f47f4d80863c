//! A shaped connection: the end that its owner reads and writes, and the task that is the network behind it.
//!
//! The task lives on when the owner is gone, until all that was sent has gone out, as a system's own buffers do.

use std::{
    cell::RefCell,
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker, ready},
};

use futures::{AsyncRead, AsyncWrite};
use peerlab_scenarios::host::Peer;

use super::{Network, receiver::Receiver, route::Route, sender::Sender};
use crate::timer::Timer;

/// Bytes that are read below at a time.
const READ: usize = 16 << 10;

thread_local! {
    /// What connections read into, one after the other: to set it aside anew each time that one is looked at would be to clear it each time.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// A connection whose other end is known by what it claims to be.
pub struct Shaped<C> {
    claim: Option<Peer>,
    inner: Inner<C>,
}

enum Inner<C> {
    /// With somebody who is no peer of the plan.
    Plain(C),
    Linked(End),
}

/// The owner's side.
struct End {
    net: Arc<Network>,
    state: Arc<Mutex<State>>,
}

struct State {
    sender: Sender,
    receiver: Receiver,
    /// Why it broke, if it did.
    broken: Option<io::ErrorKind>,
    /// Since when nobody owns it any more.
    left: Option<u64>,
    reader: Option<Waker>,
    writer: Option<Waker>,
    pump: Option<Waker>,
}

impl State {
    fn wake_pump(&self) {
        if let Some(pump) = &self.pump {
            pump.wake_by_ref();
        }
    }

    fn break_off(&mut self, why: io::ErrorKind) {
        self.broken.get_or_insert(why);
        self.wake_owner();
    }

    fn wake_owner(&mut self) {
        self.reader.take().into_iter().chain(self.writer.take()).for_each(Waker::wake);
    }
}

/// A state machine is never left half changed, so one that a panic poisoned is as good as before.
fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<C> Shaped<C> {
    /// A connection that is left as it is.
    pub(super) const fn plain(stream: C, claim: Option<Peer>) -> Self {
        Self { claim, inner: Inner::Plain(stream) }
    }

    /// Which peer the other end says that it is.
    #[must_use]
    pub const fn claim(&self) -> Option<Peer> {
        self.claim
    }
}

impl<C: AsyncRead + AsyncWrite + Send + Unpin + 'static> Shaped<C> {
    /// A connection between two peers of the plan, on this side of it.
    pub(super) fn link(net: &Arc<Network>, stream: C, me: Peer, other: Peer) -> Self {
        let state = Arc::new(Mutex::new(State {
            sender: Sender::new(Route::new(net, me, other), net.send_buffer),
            receiver: Receiver::new(Route::new(net, other, me)),
            broken: None,
            left: None,
            reader: None,
            writer: None,
            pump: None,
        }));
        let pump = Pump {
            stream,
            net: Arc::clone(net),
            state: Arc::clone(&state),
            pair: (me, other),
            stands: net.now(),
            breaks: None,
            timeline: Knows::Nothing,
            timer: Timer::new(std::time::Duration::ZERO),
            armed: None,
            writes: true,
            unflushed: false,
        };
        (net.spawn)(Box::pin(pump));
        Self { claim: Some(other), inner: Inner::Linked(End { net: Arc::clone(net), state }) }
    }
}

impl<C> fmt::Debug for Shaped<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shaped").field("claim", &self.claim).finish_non_exhaustive()
    }
}

impl Drop for End {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        let now = self.net.now();
        state.left = Some(now);
        state.sender.close(now);
        state.wake_pump();
    }
}

impl End {
    fn read(&self, cx: &Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        if let Some(read) = state.receiver.take(into) {
            if state.receiver.has_to_tell() {
                state.wake_pump();
            }
            return Poll::Ready(Ok(read));
        }
        if let Some(why) = state.broken {
            return Poll::Ready(Err(why.into()));
        }
        state.reader = Some(cx.waker().clone());
        Poll::Pending
    }

    fn write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let mut state = lock(&self.state);
        if let Some(why) = state.broken {
            return Poll::Ready(Err(why.into()));
        }
        let n = state.sender.offer(self.net.now(), bytes);
        if n > 0 || bytes.is_empty() {
            state.wake_pump();
            return Poll::Ready(Ok(n));
        }
        state.writer = Some(cx.waker().clone());
        Poll::Pending
    }

    fn close(&self) -> io::Result<()> {
        let mut state = lock(&self.state);
        state.sender.close(self.net.now());
        state.wake_pump();
        state.broken.map_or(Ok(()), |why| Err(why.into()))
    }
}

impl<C: AsyncRead + Unpin> AsyncRead for Shaped<C> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_read(cx, into),
            Inner::Linked(end) => end.read(cx, into),
        }
    }
}

impl<C: AsyncWrite + Unpin> AsyncWrite for Shaped<C> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Inner::Linked(end) => end.write(cx, bytes),
        }
    }

    /// What was taken goes out by itself, as from a system's buffer.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Inner::Linked(_) => Poll::Ready(Ok(())),
        }
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.inner {
            Inner::Plain(stream) => Pin::new(stream).poll_close(cx),
            Inner::Linked(end) => Poll::Ready(end.close()),
        }
    }
}

/// The task behind a connection.
struct Pump<C> {
    stream: C,
    net: Arc<Network>,
    state: Arc<Mutex<State>>,
    pair: (Peer, Peer),
    /// Since when the connection stands.
    stands: u64,
    /// When a cut breaks it.
    breaks: Option<u64>,
    timeline: Knows,
    timer: Timer,
    armed: Option<u64>,
    /// Whether the stream below takes anything more.
    writes: bool,
    unflushed: bool,
}

/// What the task knows of when faults come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Knows {
    Nothing,
    /// Nothing yet, but it will be told.
    Listens,
    Start,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Future for Pump<C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let shared = Arc::clone(&this.state);
        this.look_at_timeline(cx);
        loop {
            let mut state = lock(&shared);
            let now = this.net.now();
            if !state.pump.as_ref().is_some_and(|pump| pump.will_wake(cx.waker())) {
                state.pump = Some(cx.waker().clone());
            }
            if let Err(why) = this.read(cx, &mut state, now) {
                state.break_off(why);
                return Poll::Ready(());
            }
            this.work(&mut state, now);
            this.write(cx, &mut state);
            if this.over(&mut state, now) {
                return Poll::Ready(());
            }
            let due = [state.sender.next(), state.receiver.next(), this.breaks, this.lingers(&state)];
            let due = due.into_iter().flatten().min();
            drop(state);
            match due {
                Some(at) if at <= now => {}
                Some(at) => ready!(this.sleep(cx, at)),
                None => return Poll::Pending,
            }
        }
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin> Pump<C> {
    fn look_at_timeline(&mut self, cx: &Context<'_>) {
        if self.timeline == Knows::Start {
            return;
        }
        if self.net.timeline.has_begun() {
            self.timeline = Knows::Start;
            self.breaks = self.net.timeline.breaks(self.pair.0, self.pair.1, self.stands);
        } else if self.timeline == Knows::Nothing {
            self.timeline = Knows::Listens;
            self.net.timeline.wake(cx.waker());
        }
    }

    /// Reads below as long as there is something to read and room for it.
    fn read(&mut self, cx: &mut Context<'_>, state: &mut State, now: u64) -> Result<(), io::ErrorKind> {
        BUFFER.with_borrow_mut(|buffer| {
            while state.receiver.has_room() {
                match Pin::new(&mut self.stream).poll_read(cx, buffer) {
                    Poll::Ready(Ok(0) | Err(_)) => {
                        state.receiver.lost(now);
                        self.writes = false;
                    }
                    Poll::Ready(Ok(n)) => {
                        let State { sender, receiver, .. } = state;
                        let fed = receiver.feed(&self.net, now, &buffer[..n], sender);
                        fed.map_err(|_| io::ErrorKind::InvalidData)?;
                    }
                    Poll::Pending => break,
                }
            }
            Ok(())
        })
    }

    fn work(&self, state: &mut State, now: u64) {
        if state.receiver.advance(now)
            && let Some(reader) = state.reader.take()
        {
            reader.wake();
        }
        if state.left.is_some() {
            state.receiver.discard();
        }
        if let Some(bytes) = state.receiver.take_untold() {
            state.sender.tell_read(bytes);
        }
        state.sender.advance(&self.net, now);
        if state.sender.has_room()
            && let Some(writer) = state.writer.take()
        {
            writer.wake();
        }
    }

    /// Writes below all that has arrived. When nobody reads it any more it is lost, as it would be.
    fn write(&mut self, cx: &mut Context<'_>, state: &mut State) {
        while self.writes && !state.sender.out.is_empty() {
            match Pin::new(&mut self.stream).poll_write(cx, &state.sender.out) {
                Poll::Ready(Ok(n)) if n > 0 => {
                    let _ = state.sender.out.split_to(n);
                    self.unflushed = true;
                }
                Poll::Ready(_) => self.writes = false,
                Poll::Pending => break,
            }
        }
        if !self.writes {
            state.sender.out.clear();
        } else if self.unflushed && Pin::new(&mut self.stream).poll_flush(cx).is_ready() {
            self.unflushed = false;
        }
    }

    /// Whether there is nothing left to do.
    fn over(&self, state: &mut State, now: u64) -> bool {
        let breaks = [self.breaks, state.sender.breaks()].into_iter().flatten().min();
        if breaks.is_some_and(|at| at <= now) {
            if self.breaks == breaks && self.pair.0 < self.pair.1 {
                self.net.timeline.cut(self.pair.0, self.pair.1, now, true);
            }
            state.break_off(io::ErrorKind::TimedOut);
            return true;
        }
        if state.left.is_some() && self.lingers(state).is_some_and(|until| until <= now) {
            return true;
        }
        let received = state.receiver.is_ending() && state.receiver.next().is_none();
        let sent =
            !self.writes || (state.sender.has_ended() && state.sender.out.is_empty() && !self.unflushed);
        if received && !self.writes {
            state.break_off(io::ErrorKind::BrokenPipe);
        }
        received && sent
    }

    /// Until when what nobody owns any more is brought out.
    fn lingers(&self, state: &State) -> Option<u64> {
        state.left.map(|left| left.saturating_add(self.net.timeline.timeout()))
    }

    fn sleep(&mut self, cx: &mut Context<'_>, at: u64) -> Poll<()> {
        if self.armed != Some(at) {
            self.timer.reset(self.net.until(at));
            self.armed = Some(at);
        }
        ready!(Pin::new(&mut self.timer).poll(cx));
        self.armed = None;
        Poll::Ready(())
    }
}
