//! What a peer wants to be woken for.

use std::collections::{BTreeSet, HashMap};

use libp2p::{PeerId, swarm::ConnectionId};
use peerlab_scenarios::{
    host::{Peer, TimerKey},
    units::Nanos,
};

/// For what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Alarm {
    /// The machines start.
    Begin,
    /// The run begins to count.
    Measure,
    /// The run is over.
    End,
    /// A neighbour whose connection is missing is to be dialled again.
    Redial(Peer),
    /// Members of an open room whose addresses were given are to be dialled.
    Contacts,
    /// Somebody found on the local network is to be called, unless it is connected.
    Call(PeerId),
    /// Who is at the other end of a connection has had time enough to introduce itself.
    Introduce(ConnectionId),
    /// An end that hung up has waited long enough for the other.
    Close(ConnectionId),
    /// The others have had time enough to say their last.
    Drained,
    /// A machine's timer.
    Machine(TimerKey),
}

/// Alarms by time; one of each, which moves when it is set again.
#[derive(Debug, Default)]
pub(super) struct Timers {
    due: HashMap<Alarm, Nanos>,
    order: BTreeSet<(Nanos, Alarm)>,
}

impl Timers {
    pub(super) fn set(&mut self, alarm: Alarm, at: Nanos) {
        if let Some(before) = self.due.insert(alarm, at) {
            self.order.remove(&(before, alarm));
        }
        self.order.insert((at, alarm));
    }

    pub(super) fn cancel(&mut self, alarm: Alarm) {
        if let Some(at) = self.due.remove(&alarm) {
            self.order.remove(&(at, alarm));
        }
    }

    /// When the next is due.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.order.first().map(|(at, _)| *at)
    }

    /// The next that is due by now, and when it was.
    pub(super) fn pop(&mut self, now: Nanos) -> Option<(Nanos, Alarm)> {
        self.order.first().filter(|(at, _)| *at <= now)?;
        let (at, alarm) = self.order.pop_first()?;
        self.due.remove(&alarm);
        Some((at, alarm))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_that_is_set_again_moves_and_one_that_is_cancelled_is_silent() {
        let mut timers = Timers::default();
        let (one, two) = (Alarm::Machine(TimerKey(1)), Alarm::Redial(Peer(2)));
        timers.set(one, Nanos(10));
        timers.set(two, Nanos(20));
        timers.set(one, Nanos(30));
        assert_eq!(timers.next(), Some(Nanos(20)));
        assert_eq!(timers.pop(Nanos(19)), None);
        assert_eq!(timers.pop(Nanos(40)), Some((Nanos(20), two)));
        timers.cancel(one);
        assert_eq!((timers.pop(Nanos(40)), timers.next()), (None, None));
    }
}
