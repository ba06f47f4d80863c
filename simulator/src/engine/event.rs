//! What an event of the model says, packed into the wheel's plain words.

use peerlab_scenarios::{
    host::{Lane, Msg, Payload, Peer},
    wire::Kind,
};

use super::{
    store::{ItemRef, NoteRef, Store},
    wheel::Event,
};

/// The stages of a message's way, and the other things that happen to a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Phase {
    /// A message leaves its sender's uplink, and a fault began or ended since it was sent.
    Depart,
    /// A message comes to the receiver's downlink.
    Arrive,
    /// A message has been received and worked on: the machines see it.
    Deliver,
    /// A message comes to the way out of the sender's site.
    LeaveSite,
    /// A message comes to the way into the receiver's site.
    EnterSite,
    /// A timer is due.
    Timer,
    /// Anything that is not a message: see [`Control`].
    Control,
    /// A message comes to the receiver's downlink that a cut, or another that one caught, has held up at the end of its path.
    Resume,
}

const PHASES: [Phase; 8] = [
    Phase::Depart,
    Phase::Arrive,
    Phase::Deliver,
    Phase::LeaveSite,
    Phase::EnterSite,
    Phase::Timer,
    Phase::Control,
    Phase::Resume,
];

/// What happens to a peer, or to the run, besides messages and timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Control {
    /// A session of the peer begins.
    Begin,
    /// A session of the peer ends.
    End,
    /// A connection that the plan wants would stand now; the handle is the two ends' lives.
    Connect,
    /// A connection that one end dialled would stand now; the handle is the two ends' lives.
    Answer,
    /// A dial failed.
    NoAnswer,
    /// A connection was given up, for what was sent over it could not be brought across; the handle is which.
    GivenUp,
    /// The source's system says that it stopped; the handle is the connection that ended.
    Stopped,
    /// A connection was hung up; the handle is which.
    HungUp,
    /// A cut has lasted as long as a connection waits; the handle is which connection.
    Silence,
    /// The next command of a workload is due; the handle is the workload's number.
    Command,
    /// A fault begins; the handle is its number.
    Fault,
    /// A fault ends; the handle is its number.
    Heal,
    /// The warm-up ends.
    Measure,
    /// A fetch found no connection; the handle is the fetch.
    NotFetched,
    /// Something is due in the stream from the destination to the source; the handle is which.
    Stream,
    /// The last bit of an item that was fetched comes to the downlink; the handle is which.
    Landing,
    /// It has been worked on: the machines see it.
    Landed,
    /// Something goes on over a circuit; the handle is what.
    Transit,
    /// Attempts to make a circuit's connection direct end; the handle is which circuit.
    Upgrade,
    /// A circuit has lasted as long as its relay lets it; the handle is which.
    Expire,
}

const CONTROLS: [Control; 20] = [
    Control::Begin,
    Control::End,
    Control::Connect,
    Control::Answer,
    Control::NoAnswer,
    Control::GivenUp,
    Control::Stopped,
    Control::HungUp,
    Control::Silence,
    Control::Command,
    Control::Fault,
    Control::Heal,
    Control::Measure,
    Control::NotFetched,
    Control::Stream,
    Control::Landing,
    Control::Landed,
    Control::Transit,
    Control::Upgrade,
    Control::Expire,
];

/// By their number; the last fills up what two bits can say.
const LANES: [Lane; 4] = [Lane::Reliable, Lane::Bulk, Lane::Datagram, Lane::Datagram];

/// By their number, filled up to what five bits can say.
const KINDS: [Kind; 1 << (HOPS - KIND)] = {
    let mut kinds = [Kind::Gossip; 1 << (HOPS - KIND)];
    let mut number = 0;
    while number < Kind::ALL.len() {
        kinds[number] = Kind::ALL[number];
        number += 1;
    }
    kinds
};

// phase 3 bits, sort of payload 2, lane 2, kind 5, hops 8, workload 8, life 4.
const SORT: u32 = 3;
const LANE: u32 = 5;
const KIND: u32 = 7;
const HOPS: u32 = 12;
const WORKLOAD: u32 = 20;
const LIFE: u32 = 28;

/// The destination of what concerns the whole run: it comes after what happens to any peer at the same instant.
pub(super) const EVERYONE: Peer = Peer((1 << 24) - 1);

/// Which of its lives a peer is in, of every [`Life::APART`]: a message is not so long on its way that one returns, or the report
/// says so (`peerlab_report::starts`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Life(u8);

impl Life {
    /// After so many lives their numbers begin again.
    pub(super) const APART: u32 = 16;

    /// The life of a peer that has started and stopped so many times.
    pub(super) const fn after(starts_and_stops: u32) -> Self {
        Self((starts_and_stops / 2 % Self::APART) as u8)
    }

    /// Its number, below [`Life::APART`].
    pub(super) const fn number(self) -> u32 {
        self.0 as u32
    }

    /// The life of this number.
    pub(super) const fn of(number: u32) -> Self {
        Self((number % Self::APART) as u8)
    }
}

/// The phase of an event.
#[inline]
pub(super) fn phase(event: &Event) -> Phase {
    PHASES[(event.tag() & 7) as usize]
}

/// An event of a message on its way to the life of its receiver that its connection was made with.
#[inline]
#[expect(clippy::too_many_arguments, reason = "what an event of a message says")]
pub(super) fn message(
    time: u64,
    to: Peer,
    from: Peer,
    seq: u16,
    phase: Phase,
    life: Life,
    lane: Lane,
    msg: &Msg<Store>,
) -> Event {
    let (sort, handle) = match msg.payload {
        Payload::Nothing => (0, 0),
        Payload::Item(ItemRef(item)) => (1, item),
        Payload::Note(NoteRef(note)) => (2, note),
    };
    let tag = phase as u32
        | sort << SORT
        | (lane as u32) << LANE
        | u32::from(msg.kind.number()) << KIND
        | u32::from(msg.hops) << HOPS
        | u32::from(msg.workload) << WORKLOAD
        | u32::from(life.0) << LIFE;
    Event::new(time, to.0, from.0, seq, tag, handle)
}

/// The same message, later on its way.
#[inline]
pub(super) fn forward(event: &Event, time: u64, phase: Phase) -> Event {
    Event { time, ..event.with_tag(event.tag() & !7 | phase as u32) }
}

/// The note that an event's message carries, unless its name says it all.
pub(super) fn note(event: &Event) -> Option<NoteRef> {
    let is_message = !matches!(phase(event), Phase::Timer | Phase::Control);
    let note = (is_message && event.tag() >> SORT & 3 == 2).then(|| NoteRef(event.handle()));
    note.filter(|note| note.called_off().is_none())
}

/// The same event, with its message's note under the name that it has in another store.
pub(super) const fn with_note(event: Event, NoteRef(note): NoteRef) -> Event {
    Event { load: (event.tag() as u64) << 32 | note as u64, ..event }
}

/// The life of its receiver that a message was sent to.
#[inline]
pub(super) fn life(event: &Event) -> Life {
    Life((event.tag() >> LIFE) as u8)
}

/// The lane and the message of a message's event.
#[inline]
pub(super) fn read(event: &Event) -> (Lane, Msg<Store>) {
    let tag = event.tag();
    let payload = match tag >> SORT & 3 {
        0 => Payload::Nothing,
        1 => Payload::Item(ItemRef(event.handle())),
        _ => Payload::Note(NoteRef(event.handle())),
    };
    let kind = KINDS[(tag >> KIND & 31) as usize];
    let msg = Msg { kind, hops: (tag >> HOPS) as u8, workload: (tag >> WORKLOAD) as u8, payload };
    (LANES[(tag >> LANE & 3) as usize], msg)
}

/// An event that is no message.
#[inline]
pub(super) fn control(time: u64, to: Peer, from: Peer, seq: u16, what: Control, handle: u32) -> Event {
    Event::new(time, to.0, from.0, seq, Phase::Control as u32 | (what as u32) << SORT, handle)
}

/// What a control event says.
#[inline]
pub(super) fn what(event: &Event) -> Control {
    CONTROLS[(event.tag() >> SORT) as usize]
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{
        host::{Effect, Input, PeerHost},
        overlay::Flood,
    };

    use super::*;
    use crate::{
        engine::{
            network::{Inlet, Port},
            seat::{Aligned, Seat},
        },
        gossipsub::Gossipsub,
    };

    #[test]
    fn a_message_comes_out_as_it_went_in() {
        for (number, kind) in Kind::ALL.into_iter().enumerate() {
            for (lane, payload) in LANES.into_iter().zip([
                Payload::Nothing,
                Payload::Item(ItemRef(7)),
                Payload::Note(NoteRef(u32::MAX)),
            ]) {
                let msg = Msg { kind, hops: 250, workload: number as u8, payload };
                let sent_to = Life::of(number as u32);
                let event = message(9, Peer(1), Peer(2), 3, Phase::Arrive, sent_to, lane, &msg);
                let event = forward(&event, 10, Phase::Deliver);
                let (read_lane, read_msg) = read(&event);
                assert_eq!((phase(&event), event.time, event.seq()), (Phase::Deliver, 10, 3));
                assert_eq!(life(&event), sent_to);
                assert_eq!(format!("{read_lane:?} {read_msg:?}"), format!("{lane:?} {msg:?}"));
            }
        }
    }

    #[test]
    fn what_is_on_the_path_of_a_delivery_is_small() {
        assert_eq!(size_of::<Event>(), 24);
        assert_eq!(size_of::<Msg<Store>>(), 12);
        assert!(size_of::<Input<Store>>() <= 24);
        assert!(size_of::<Effect<Store>>() <= 40);
        assert_eq!(size_of::<Inlet>(), 16);
        assert_eq!(size_of::<Aligned<Seat<PeerHost<Flood<Store>, ()>>>>(), 64, "one cache line");
        assert_eq!(size_of::<Aligned<Port>>(), 64, "one cache line");
        let gossipsub = size_of::<Seat<PeerHost<Gossipsub, ()>>>();
        assert!(gossipsub <= 576, "{gossipsub}");
    }

    #[test]
    fn controls_stand_at_their_numbers() {
        for (number, kind) in CONTROLS.into_iter().enumerate() {
            assert_eq!(kind as usize, number);
            assert_eq!(what(&control(1, Peer(1), Peer(1), 0, kind, 0)), kind);
        }
        for (number, phase) in PHASES.into_iter().enumerate().take(7) {
            assert_eq!(phase as usize, number);
        }
    }
}
