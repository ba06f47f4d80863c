//! The incoming half of a connection: what is read below passes the downlink, and is then there to be read.

use std::collections::VecDeque;

use bytes::{Buf, Bytes};

use super::{
    Network,
    frame::{self, Parser, Said, TooLong},
    route::Route,
    sender::Sender,
};

/// What comes so soon is called come, ns: a timer would be later than that. It is the depth of the bucket.
pub(super) const GRAIN: u64 = 20_000;

/// The other end does not keep to the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unruly;

/// A state machine that is told the time and owns no stream.
#[derive(Debug)]
pub(super) struct Receiver {
    /// From the other end to this.
    route: Route,
    parser: Parser,
    /// What passes the downlink, and when it has; the end has no bytes.
    coming: VecDeque<(u64, Bytes)>,
    /// What is there to be read.
    ready: VecDeque<Bytes>,
    /// Bytes of both.
    held: usize,
    /// Bytes read that the other end has not been told of.
    untold: usize,
    /// Whether the other end sends nothing more.
    ending: bool,
    ended: bool,
    /// Whether there is nothing more to be read below.
    lost: bool,
}

impl Receiver {
    pub(super) fn new(route: Route) -> Self {
        Self {
            route,
            parser: Parser::default(),
            coming: VecDeque::new(),
            ready: VecDeque::new(),
            held: 0,
            untold: 0,
            ending: false,
            ended: false,
            lost: false,
        }
    }

    /// Whether more may be read below. An honest sender never sends so much that it may not.
    pub(super) fn has_room(&self) -> bool {
        !self.lost && self.held < self.route.window + frame::LARGEST
    }

    /// Takes in what was read below. What it says of this side's own bytes is for their sender.
    pub(super) fn feed(
        &mut self,
        net: &Network,
        now: u64,
        mut input: &[u8],
        sender: &mut Sender,
    ) -> Result<(), Unruly> {
        while let Some(said) = self.parser.next(&mut input).map_err(|TooLong| Unruly)? {
            match said {
                Said::Data { .. } if self.ending => return Err(Unruly),
                Said::Data { whole, part } => {
                    let overhead =
                        whole.map_or(0, |whole| net.size(whole).1.saturating_sub(u64::from(whole)));
                    let at = self.route.receive(net, now, part.len() as u64 + overhead);
                    self.held += part.len();
                    self.coming.push_back((at, part));
                }
                Said::End => {
                    if !self.ending {
                        self.end(now);
                    }
                }
                Said::Read(bytes) => sender.heard(now, bytes),
            }
        }
        Ok(())
    }

    fn end(&mut self, at: u64) {
        let behind = self.coming.back().map_or(at, |&(last, _)| last.max(at));
        self.coming.push_back((behind, Bytes::new()));
        self.ending = true;
    }

    /// The stream below has ended without a word: the other end is gone, and news of that takes the path's delay.
    pub(super) fn lost(&mut self, now: u64) {
        self.lost = true;
        if !self.ending {
            self.end(now + u64::from(self.route.delay));
        }
    }

    /// Whether the other end sends nothing more, though some of it may still be on its way.
    pub(super) const fn is_ending(&self) -> bool {
        self.ending
    }

    /// Does all that is due; true when there is something new to be read, or the end.
    pub(super) fn advance(&mut self, now: u64) -> bool {
        let mut news = false;
        while let Some((_, part)) = self
            .coming
            .front()
            .is_some_and(|(at, _)| *at <= now + GRAIN)
            .then(|| self.coming.pop_front())
            .flatten()
        {
            news = true;
            if part.is_empty() { self.ended = true } else { self.ready.push_back(part) }
        }
        news
    }

    /// Reads: how many bytes, none at the end, or nothing when none are there.
    pub(super) fn take(&mut self, into: &mut [u8]) -> Option<usize> {
        let mut read = 0;
        while read < into.len()
            && let Some(part) = self.ready.front_mut()
        {
            let n = part.len().min(into.len() - read);
            part.copy_to_slice(&mut into[read..read + n]);
            read += n;
            if part.is_empty() {
                self.ready.pop_front();
            }
        }
        self.held -= read;
        self.untold += read;
        (read > 0 || self.ended || into.is_empty()).then_some(read)
    }

    /// Throws away what nobody will read.
    pub(super) fn discard(&mut self) {
        self.untold += self.ready.drain(..).map(|part| part.len()).sum::<usize>();
        self.held = self.coming.iter().map(|(_, part)| part.len()).sum();
    }

    /// How many bytes the other end should be told were read, when they have become enough for that.
    pub(super) fn take_untold(&mut self) -> Option<usize> {
        (self.untold >= self.route.window / 8).then(|| std::mem::take(&mut self.untold))
    }

    /// Whether [`Receiver::take_untold`] has something to tell.
    pub(super) const fn has_to_tell(&self) -> bool {
        self.untold >= self.route.window / 8
    }

    /// When there is something to do again, if nothing happens until then.
    pub(super) fn next(&self) -> Option<u64> {
        self.coming.front().map(|&(at, _)| at)
    }
}
