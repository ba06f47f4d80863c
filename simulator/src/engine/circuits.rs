//! Circuits: connections that a relay carries (libp2p's circuit relay, version 2), and what is on its way over them.

use std::collections::{BTreeMap, BTreeSet};

use peerlab_report::reach::Traversals;
use peerlab_scenarios::host::{Lane, Peer};

use super::wheel::Event;

/// One direction of a circuit, by the end that sends.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    /// When the last on each ordered lane comes to the relay, and when to the other end, ns: see [`lane`].
    to_relay: [u64; 2],
    to_end: [u64; 2],
    /// What has been sent and is not yet past the relay.
    pub(super) on_way: u32,
    /// Whether this end's connection became direct.
    pub(super) direct: bool,
}

/// The place of an ordered lane.
const fn lane(lane: Lane) -> Option<usize> {
    match lane {
        Lane::Reliable => Some(0),
        Lane::Bulk => Some(1),
        Lane::Datagram => None,
    }
}

fn behind(last: &mut [u64; 2], on: Lane, arrives: u64) -> u64 {
    let Some(place) = lane(on) else { return arrives };
    last[place] = arrives.max(last[place] + 1);
    last[place]
}

impl Side {
    /// Puts an arrival at the relay, ns, behind those before it on its lane.
    pub(super) fn comes_to_relay(&mut self, on: Lane, arrives: u64) -> u64 {
        behind(&mut self.to_relay, on, arrives)
    }

    /// Puts an arrival at the other end, ns, behind those before it on its lane.
    pub(super) fn comes_to_end(&mut self, on: Lane, arrives: u64) -> u64 {
        behind(&mut self.to_end, on, arrives)
    }

    /// Puts word of the end, which comes to the relay at this instant or later, ns, behind all that was sent.
    pub(super) fn word_to_relay(&mut self, arrives: u64) -> u64 {
        arrives.max(self.to_relay[0] + 1).max(self.to_relay[1] + 1)
    }

    /// The same for the other end.
    pub(super) fn word_to_end(&self, arrives: u64) -> u64 {
        arrives.max(self.to_end[0] + 1).max(self.to_end[1] + 1)
    }
}

/// A connection that a relay carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circuit {
    /// Its ends, the lower first.
    pub(super) ends: [Peer; 2],
    pub(super) relay: Peer,
    /// Starts and stops of the relay when it was made: it ends with that life.
    pub(super) relay_life: u32,
    /// Which connection of the two it is.
    pub(super) id: u32,
    /// What it carried, both ways.
    pub(super) bytes: u64,
    /// Ends at which the connection stands.
    standing: u8,
    /// Whether the relay has ended it.
    pub(super) broken: bool,
    /// Whether the direct way is there.
    pub(super) upgraded: bool,
    pub(super) sides: [Side; 2],
}

impl Circuit {
    /// The direction in which a peer sends.
    pub(super) fn side(&mut self, from: Peer) -> &mut Side {
        &mut self.sides[usize::from(from == self.ends[1])]
    }
}

/// A handshake by way of a relay: with which, if one was there when it began, in which of its lives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Opening {
    pub(super) relay: Option<(Peer, u32)>,
    /// Who dials whom.
    pub(super) caller: Peer,
}

/// What travels over a circuit.
#[derive(Clone, Copy, Debug)]
pub(super) enum Cargo {
    /// A message: its event, as it will come to the other end.
    Message(Event),
    /// Word of the connection's end: stopped, or hung up.
    End { stopped: bool },
}

/// Where it is about to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Out of the sender's link.
    Out,
    /// Out of the sender's site.
    OutOfSite,
    /// To the relay's downlink.
    ToRelay,
    /// Through the relay's downlink.
    ThroughRelay,
    /// Out of the relay's uplink.
    FromRelay,
}

/// Something on its way over a circuit, until it has passed the relay.
#[derive(Clone, Copy, Debug)]
pub(super) struct Transit {
    pub(super) circuit: u32,
    pub(super) from: Peer,
    pub(super) seq: u16,
    pub(super) stage: Stage,
    pub(super) cargo: Cargo,
}

/// All circuits of a run. In a fleet without NAT, nothing of it is ever touched.
#[derive(Debug, Default)]
pub(super) struct Circuits {
    all: BTreeMap<u32, Circuit>,
    made: u32,
    /// The one between two peers, the lower first.
    of_pair: BTreeMap<(Peer, Peer), u32>,
    of_relay: BTreeSet<(Peer, u32)>,
    /// By when the connection would stand.
    openings: BTreeMap<(u64, Peer, Peer), Opening>,
    transits: Vec<Option<Transit>>,
    free: Vec<u32>,
    /// Pairs whose connection began at a relay and became direct.
    pub(super) punched: BTreeSet<(Peer, Peer)>,
    pub(super) traversals: Traversals,
}

fn pair(a: Peer, b: Peer) -> (Peer, Peer) {
    (a.min(b), a.max(b))
}

impl Circuits {
    /// The warm-up is over: what costs anything counts anew.
    pub(super) fn measure(&mut self) {
        self.traversals.refused = 0;
        self.traversals.passed_on.clear();
    }

    pub(super) fn plan_opening(&mut self, stands: u64, a: Peer, b: Peer, opening: Opening) {
        let (low, high) = pair(a, b);
        self.openings.insert((stands, low, high), opening);
    }

    /// The handshake that ends now between two peers, if it went by way of a relay. The second end that asks is the last.
    pub(super) fn opening(&mut self, now: u64, peer: Peer, other: Peer) -> Option<Opening> {
        let (low, high) = pair(peer, other);
        let key = (now, low, high);
        if peer == high { self.openings.remove(&key) } else { self.openings.get(&key).copied() }
    }

    /// Circuits that a relay carries.
    pub(super) fn carried_by(&self, relay: Peer) -> impl Iterator<Item = u32> + '_ {
        self.of_relay.range((relay, 0)..=(relay, u32::MAX)).map(|(_, number)| *number)
    }

    /// The circuit of a connection between two peers.
    pub(super) fn of(&self, a: Peer, b: Peer, id: u32) -> Option<u32> {
        let number = *self.of_pair.get(&pair(a, b))?;
        (self.all[&number].id == id).then_some(number)
    }

    /// The relay that carries what one peer sends to the other over a connection.
    pub(super) fn relay(&self, from: Peer, to: Peer, id: u32) -> Option<Peer> {
        let mut circuit = self.all[&self.of(from, to, id)?];
        (!circuit.side(from).direct).then_some(circuit.relay)
    }

    pub(super) fn get(&self, number: u32) -> Option<&Circuit> {
        self.all.get(&number)
    }

    pub(super) fn get_mut(&mut self, number: u32) -> Option<&mut Circuit> {
        self.all.get_mut(&number)
    }

    /// Makes a circuit, to stand at both ends. One that there was between the two has ended at one of them.
    pub(super) fn make(&mut self, a: Peer, b: Peer, (relay, relay_life): (Peer, u32), id: u32) -> u32 {
        if let Some(&before) = self.of_pair.get(&pair(a, b)) {
            self.let_go(before);
        }
        let number = self.made;
        self.made = self.made.checked_add(1).expect("a run makes fewer than 2^32 circuits");
        let (low, high) = pair(a, b);
        let circuit = Circuit {
            ends: [low, high],
            relay,
            relay_life,
            id,
            bytes: 0,
            standing: 2,
            broken: false,
            upgraded: false,
            sides: [Side::default(); 2],
        };
        self.all.insert(number, circuit);
        self.of_pair.insert((low, high), number);
        self.of_relay.insert((relay, number));
        number
    }

    /// A connection between two peers ended at one of them.
    pub(super) fn ended(&mut self, a: Peer, b: Peer, id: u32) {
        self.punched.remove(&pair(a, b));
        let Some(number) = self.of(a, b, id) else { return };
        let circuit = self.all.get_mut(&number).expect("a pair's circuit is one of all");
        circuit.standing -= 1;
        if circuit.standing == 0 {
            self.let_go(number);
        }
    }

    /// A circuit needs its relay no longer. What is on its way over it is passed on all the same.
    pub(super) fn let_go(&mut self, number: u32) {
        let circuit = &mut self.all.get_mut(&number).expect("a circuit is let go once");
        circuit.standing = 0;
        let (key, relay) = ((circuit.ends[0], circuit.ends[1]), circuit.relay);
        if self.of_pair.get(&key) == Some(&number) {
            self.of_pair.remove(&key);
        }
        self.of_relay.remove(&(relay, number));
        self.forget_if_empty(number);
    }

    fn forget_if_empty(&mut self, number: u32) {
        let circuit = &self.all[&number];
        if circuit.standing == 0 && circuit.sides.iter().all(|side| side.on_way == 0) {
            self.all.remove(&number);
        }
    }

    /// Its relay has ended a circuit: nothing passes any more.
    pub(super) fn break_off(&mut self, number: u32) {
        if let Some(circuit) = self.all.get_mut(&number) {
            circuit.broken = true;
            self.of_relay.remove(&(circuit.relay, number));
        }
    }

    /// Takes in what is sent over a circuit, and says by which handle it goes on.
    pub(super) fn take_in(&mut self, transit: Transit) -> u32 {
        let circuit = self.all.get_mut(&transit.circuit).expect("what is sent over a circuit finds it");
        circuit.side(transit.from).on_way += 1;
        let handle = self.free.pop().unwrap_or_else(|| {
            self.transits.push(None);
            u32::try_from(self.transits.len() - 1).expect("fewer than 2^32 messages are on their way")
        });
        self.transits[handle as usize] = Some(transit);
        handle
    }

    pub(super) fn transit(&self, handle: u32) -> Transit {
        self.transits[handle as usize].expect("an event has its message")
    }

    pub(super) fn goes_on(&mut self, handle: u32, stage: Stage) {
        self.transits[handle as usize].as_mut().expect("an event has its message").stage = stage;
    }

    /// What came over a circuit is past the relay, or lost.
    pub(super) fn hand_over(&mut self, handle: u32) {
        let transit = self.transits[handle as usize].take().expect("an event has its message");
        self.free.push(handle);
        let circuit =
            self.all.get_mut(&transit.circuit).expect("a circuit outlasts what is on its way over it");
        circuit.side(transit.from).on_way -= 1;
        self.forget_if_empty(transit.circuit);
    }
}
