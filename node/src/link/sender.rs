//! The outgoing half of a connection: bytes wait for the uplink, travel, and are then written below.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{Network, frame, route::Route};

/// How far ahead of time segments are given their place in the uplink's queue, ns. Without it, a link would idle whenever its
/// connection is late to look.
const AHEAD: u64 = 1_000_000;

/// Bytes that have arrived and wait to be written below, at most, before more are called arrived.
const WRITING: usize = 2 * frame::LARGEST;

/// A state machine that is told the time and owns no stream.
#[derive(Debug)]
pub(super) struct Sender {
    route: Route,
    /// What waits for the uplink.
    queue: BytesMut,
    /// When each part of the queue was put there.
    since: VecDeque<(usize, u64)>,
    /// When the writer was done, if it is.
    closed: Option<u64>,
    ended: bool,
    /// When the last segment leaves.
    departs: u64,
    flying: VecDeque<(u64, Flying)>,
    /// Bytes that the receiver's reader has not read yet, as far as is known here.
    unread: usize,
    /// What the receiver has said, and when that arrives here.
    reads: VecDeque<(u64, usize)>,
    /// When the window was opened last for one who waited.
    opened: u64,
    breaks: Option<u64>,
    /// What is to be written below.
    pub(super) out: BytesMut,
    capacity: usize,
}

#[derive(Debug)]
enum Flying {
    Segment(Bytes),
    End,
}

impl Sender {
    pub(super) fn new(route: Route, capacity: usize) -> Self {
        Self {
            route,
            queue: BytesMut::new(),
            since: VecDeque::new(),
            closed: None,
            ended: false,
            departs: 0,
            flying: VecDeque::new(),
            unread: 0,
            reads: VecDeque::new(),
            opened: 0,
            breaks: None,
            out: BytesMut::new(),
            capacity,
        }
    }

    /// Takes as many bytes as there is room for.
    pub(super) fn offer(&mut self, now: u64, bytes: &[u8]) -> usize {
        let n = bytes.len().min(self.capacity.saturating_sub(self.queue.len()));
        if n > 0 {
            self.queue.extend_from_slice(&bytes[..n]);
            match self.since.back_mut() {
                Some((len, since)) if *since == now => *len += n,
                _ => self.since.push_back((n, now)),
            }
        }
        n
    }

    /// Whether [`Sender::offer`] would take anything.
    pub(super) fn has_room(&self) -> bool {
        self.queue.len() < self.capacity
    }

    /// Ends what is sent, behind all that was taken.
    pub(super) fn close(&mut self, now: u64) {
        self.closed.get_or_insert(now);
    }

    /// Whether all that was taken, and the end, has been put into [`Sender::out`].
    pub(super) fn has_ended(&self) -> bool {
        self.ended && self.flying.is_empty()
    }

    /// When the connection breaks for what could not be brought across.
    pub(super) const fn breaks(&self) -> Option<u64> {
        self.breaks
    }

    /// The receiver's end has said that so many bytes were read. Its word travels as well.
    pub(super) fn heard(&mut self, now: u64, bytes: usize) {
        self.reads.push_back((now + u64::from(self.route.delay), bytes));
    }

    /// Tells the other end that bytes it sent were read.
    pub(super) fn tell_read(&mut self, bytes: usize) {
        frame::read(&mut self.out, bytes);
    }

    fn window(&self) -> usize {
        self.route.window.saturating_sub(self.unread)
    }

    /// Does all that is due.
    pub(super) fn advance(&mut self, net: &Network, now: u64) {
        while let Some(&(at, bytes)) = self.reads.front().filter(|&&(at, _)| at <= now) {
            if self.window() == 0 {
                self.opened = at;
            }
            self.unread = self.unread.saturating_sub(bytes);
            self.reads.pop_front();
        }
        while !self.queue.is_empty() && self.window() > 0 && self.departs <= now + AHEAD {
            self.send_segment(net);
        }
        if let Some(closed) = self.closed
            && self.queue.is_empty()
            && !self.ended
        {
            let sent = self.route.send(net, closed.max(self.departs), 0);
            self.flying.push_back((sent.arrives, Flying::End));
            self.ended = true;
        }
        while let Some((at, _)) = self.flying.front()
            && *at <= now
            && self.out.len() < WRITING
        {
            match self.flying.pop_front() {
                Some((_, Flying::Segment(segment))) => frame::data(&mut self.out, &segment),
                _ => frame::end(&mut self.out),
            }
        }
    }

    fn send_segment(&mut self, net: &Network) {
        let n = self.queue.len().min(self.route.segment).min(self.window());
        let segment = self.queue.split_to(n).freeze();
        let ready = self.waited_since(n).max(self.opened);
        let sent = self.route.send(net, ready, n as u32);
        self.departs = sent.departs;
        self.unread += n;
        self.breaks = match (self.breaks, sent.breaks) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        self.flying.push_back((sent.arrives, Flying::Segment(segment)));
    }

    /// When the last of the first `n` bytes of the queue was put there; they are taken from it.
    fn waited_since(&mut self, mut n: usize) -> u64 {
        let mut last = 0;
        while let Some((len, since)) = self.since.front_mut() {
            last = *since;
            if *len > n {
                *len -= n;
                break;
            }
            n -= *len;
            self.since.pop_front();
            if n == 0 {
                break;
            }
        }
        last
    }

    /// When there is something to do again, if nothing happens until then.
    pub(super) fn next(&self) -> Option<u64> {
        let waits = !self.queue.is_empty();
        let uplink = (waits && self.window() > 0).then(|| self.departs.saturating_sub(AHEAD));
        let window = self.reads.front().filter(|_| waits && self.window() == 0).map(|&(at, _)| at);
        let path = self.flying.front().filter(|_| self.out.len() < WRITING).map(|&(at, _)| at);
        [uplink, window, path, self.breaks].into_iter().flatten().min()
    }
}
