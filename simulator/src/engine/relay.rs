//! Connections between peers of which the one cannot dial the other: by way of a relay, and then directly if a hole can be
//! punched.
//!
//! A message over a circuit passes the sender's uplink, the path to the relay, the relay's downlink and uplink, the path to
//! the receiver, and its downlink. While it is on its way to the other end it happens where it is: the destination of its events
//! is the sender, then the relay. A connection becomes direct in each direction when nothing of it is on its way through the
//! relay, so that nothing is overtaken.

use peerlab_report::reach::Reached;
use peerlab_scenarios::{
    host::{Lane, Machine, Neighbours as _, Overlay, Peer},
    plan::{Cut, FaultEffect, Upgrade, nat::ATTEMPTS},
    units::Share,
};

use super::{
    Engine, Observer,
    carry::HeldUp,
    circuits::{Cargo, Circuit, Opening, Stage, Transit},
    event::{self, Control, Phase},
    links,
    network::{Flight, Hop, Strain},
    store::Store,
    threads::Places,
    traffic::Loss,
    wheel::Event,
};

/// How long an attempt at a hole lasts that fails, ns (the default timeout of js-libp2p's DCUtR).
const ATTEMPT: u64 = 5_000_000_000;

/// What a relay had to do with a handshake that has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing.
    Direct,
    /// It carries the connection.
    By(Opened),
    /// It was not there, or had no room.
    Closed,
}

/// A relay in one of its lives, and who dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Opened {
    relay: (Peer, u32),
    caller: Peer,
}

impl<O: Overlay<Store>, R: Machine<Store>, V: Observer, P: Places> Engine<'_, O, R, V, P> {
    /// The first relay of a peer that is there, and that both ends reach.
    fn relay_to(&mut self, caller: Peer, callee: Peer) -> Option<Peer> {
        self.plan.reach.relays_of(callee).find(|&relay| {
            self.online(relay)
                && relay != caller
                && self.plan.sites.reach(&self.plan.peers, caller, relay)
                && self.trouble.cut(caller, relay, true).is_none()
                && self.trouble.cut(relay, callee, true).is_none()
        })
    }

    /// Begins to connect two peers by way of a relay, after `wait` ns. The caller connects to the relay first; the handshake with
    /// the other end goes through it, and takes as many round trips as any.
    pub(super) fn shake_hands_by_relay(&mut self, a: Peer, b: Peer, wait: u64) {
        let (mut caller, mut callee) = (a.min(b), a.max(b));
        let mut relay = self.relay_to(caller, callee);
        if relay.is_none() {
            (caller, callee) = (callee, caller);
            relay = self.relay_to(caller, callee);
        }
        if relay.is_none() && [a, b].iter().all(|&end| self.plan.reach.relays_of(end).next().is_none()) {
            // No relay will ever do.
            self.circuits.traversals.refused += 1;
            return;
        }
        let stands = self.now.saturating_add(wait).saturating_add(self.opens_after(caller, callee, relay));
        self.plan_opening(stands, caller, callee, relay);
        let lives = self.lives_of(a, b);
        self.at(stands, a, b, Control::Connect, lives);
        self.at(stands, b, a, Control::Connect, lives);
    }

    /// A peer dials one that it can reach by way of a relay only. Gives the instant at which the connection would stand, ns, or
    /// none when no relay is there.
    pub(super) fn dial_by_relay(&mut self, caller: Peer, callee: Peer) -> Option<u64> {
        let Some(relay) = self.relay_to(caller, callee) else {
            self.circuits.traversals.refused += 1;
            return None;
        };
        let stands = self.now.saturating_add(self.opens_after(caller, callee, Some(relay)));
        self.plan_opening(stands, caller, callee, Some(relay));
        Some(stands)
    }

    /// Whether a peer can reach another by way of a relay only. A relay has a connection to those that it holds reservations for.
    pub(super) fn must_dial_by_relay(&self, from: Peer, to: Peer) -> bool {
        !self.plan.can_dial(from, to) && self.plan.reach.relays_of(to).all(|relay| relay != from)
    }

    fn plan_opening(&mut self, stands: u64, caller: Peer, callee: Peer, relay: Option<Peer>) {
        let relay = relay.map(|relay| (relay, self.lives[relay.index()]));
        self.circuits.plan_opening(stands, caller, callee, Opening { relay, caller });
    }

    /// How long a handshake by way of a relay takes, ns; without one, how long until it is tried again.
    fn opens_after(&self, caller: Peer, callee: Peer, relay: Option<Peer>) -> u64 {
        relay.map_or(self.plan.spec.network.timeout.0, |relay| {
            let through = self.handshake(caller, relay).saturating_add(self.handshake(relay, callee));
            self.handshake(caller, relay).saturating_add(through)
        })
    }

    /// What a relay has to do with a handshake that ends now.
    pub(super) fn way(&mut self, peer: Peer, other: Peer) -> Way {
        if !self.plan.reach.matters() {
            return Way::Direct;
        }
        let Some(Opening { relay, caller }) = self.circuits.opening(self.now, peer, other) else {
            return Way::Direct;
        };
        let Some((relay, life)) = relay else { return Way::Closed };
        let made = self.circuits.of(peer, other, self.connection_id()).is_some();
        let room = self.plan.spec.network.traversal.circuits;
        let full = room.is_some_and(|room| self.circuits.carried_by(relay).count() >= room.size());
        let cut =
            self.trouble.cut(peer, relay, true).is_some() || self.trouble.cut(relay, other, true).is_some();
        let there = self.online(relay) && self.lives[relay.index()] == life;
        if there && !cut && (made || !full) {
            Way::By(Opened { relay: (relay, life), caller })
        } else {
            Way::Closed
        }
    }

    /// Tries again to connect two neighbours for whom no relay was there, after a while.
    pub(super) fn try_relays_again(&mut self, peer: Peer, other: Peer) {
        if peer < other && self.links.id(peer, other).is_none() {
            self.circuits.traversals.refused += 1;
            let wait = self.back_off(peer, other, self.plan.spec.network.timeout.0);
            self.shake_hands(peer, other, wait);
        }
    }

    /// Puts a connection that one side has just made on its circuit, and begins to punch a hole when the other has not done so.
    pub(super) fn join_circuit(&mut self, peer: Peer, other: Peer, way: Way) {
        let Way::By(Opened { relay, caller }) = way else { return };
        self.links.carry_by_relay(peer, other, true);
        let id = self.connection_id();
        if self.circuits.of(peer, other, id).is_some() {
            return;
        }
        let number = self.circuits.make(peer, other, relay, id);
        let (low, high) = (peer.min(other), peer.max(other));
        if let Some(lifetime) = self.plan.spec.network.traversal.lifetime {
            self.at(self.now.saturating_add(lifetime.0), relay.0, relay.0, Control::Expire, number);
        }
        // The callee begins: it asks through the relay, and a round trip and a half later both dial (libp2p/specs, relay/DCUtR.md).
        let callee = if caller == low { high } else { low };
        let direct = self.handshake(low, high);
        let coordinated = 3 * (self.plan.delay(relay.0, callee).0 + self.plan.delay(relay.0, caller).0);
        let after = match self.plan.upgrade(low, high) {
            Upgrade::Reversal => direct,
            Upgrade::Punched(attempt) => {
                u64::from(attempt - 1) * (coordinated + ATTEMPT) + coordinated + direct
            }
            Upgrade::Never => u64::from(ATTEMPTS) * (coordinated + ATTEMPT),
        };
        self.at(self.now.saturating_add(after), low, high, Control::Upgrade, number);
    }

    /// Attempts to make a circuit's connection direct have come to their end.
    pub(super) fn upgrade(&mut self, number: u32) {
        let Some(&Circuit { ends: [a, b], broken: false, .. }) = self.circuits.get(number) else { return };
        let traversals = &mut self.circuits.traversals;
        match self.plan.upgrade(a, b) {
            Upgrade::Never => {
                traversals.given_up += 1;
                return;
            }
            Upgrade::Punched(attempt) => traversals.punched[usize::from(attempt - 1)] += 1,
            Upgrade::Reversal => {}
        }
        if self.trouble.cut(a, b, false).is_none() {
            self.circuits.get_mut(number).expect("it was just there").upgraded = true;
            self.settle(number);
        }
    }

    /// Lets each direction of a circuit that has become direct go its way as soon as nothing is on it through the relay.
    fn settle(&mut self, number: u32) {
        let Some(circuit) = self.circuits.get_mut(number).filter(|circuit| circuit.upgraded) else { return };
        let ([a, b], id) = (circuit.ends, circuit.id);
        for (from, to) in [(a, b), (b, a)] {
            let side = circuit.side(from);
            if side.on_way == 0 && !side.direct {
                side.direct = true;
                if self.links.id(from, to) == Some(id) {
                    self.links.carry_by_relay(from, to, false);
                }
            }
        }
        if circuit.sides.iter().all(|side| side.direct) && self.circuits.of(a, b, id) == Some(number) {
            self.circuits.punched.insert((a, b));
            self.circuits.let_go(number);
        }
    }

    /// A relay's time for a circuit is over.
    pub(super) fn expire(&mut self, number: u32) {
        if self.circuits.get(number).is_some_and(|circuit| !circuit.broken) {
            self.break_circuit(number);
        }
    }

    /// A relay stopped: so do the circuits that it carried.
    pub(super) fn relay_stopped(&mut self, relay: Peer) {
        for number in self.circuits.carried_by(relay).collect::<Vec<_>>() {
            self.break_circuit(number);
        }
    }

    /// A relay ends a circuit: its ends learn of it after what the relay has passed on. One that has become direct needs it no more.
    fn break_circuit(&mut self, number: u32) {
        self.circuits.break_off(number);
        let Some(circuit) = self.circuits.get(number).copied() else { return };
        let [a, b] = circuit.ends;
        for (end, other, incoming) in [(a, b, circuit.sides[1]), (b, a, circuit.sides[0])] {
            if !circuit.upgraded {
                let told = incoming.word_to_end(self.now + self.plan.delay(circuit.relay, end).0);
                self.at(told, end, other, Control::GivenUp, circuit.id);
            }
        }
    }

    /// Sends a message that has left its sender's uplink at `event.time` over the circuit of its connection.
    #[cold]
    pub(super) fn send_by_relay(&mut self, event: Event) {
        let (from, to) = (Peer(event.src()), Peer(event.dst()));
        let id = self.links.id(from, to);
        let Some(circuit) = id.and_then(|id| self.circuits.of(from, to, id)) else {
            // The other end has ended the connection and made another, of which this one is yet to learn.
            return self.lose(&event::read(&event).1, Loss::Relay);
        };
        let transit =
            Transit { circuit, from, seq: event.seq(), stage: Stage::Out, cargo: Cargo::Message(event) };
        let handle = self.circuits.take_in(transit);
        self.push_transit(event.time, from, handle, &transit);
    }

    /// Sends word of a connection's end over its circuit, behind all that was sent. False when it goes the direct way.
    pub(super) fn word_by_relay(&mut self, from: Peer, to: Peer, id: u32, stopped: bool) -> bool {
        let Some(circuit) = self.circuits.of(from, to, id) else { return false };
        let side = self.circuits.get_mut(circuit).map(|circuit| *circuit.side(from));
        if side.is_none_or(|side| side.direct) {
            return false;
        }
        let transit =
            Transit { circuit, from, seq: u16::MAX, stage: Stage::Out, cargo: Cargo::End { stopped } };
        let handle = self.circuits.take_in(transit);
        let left = self.seats.ports[from.index()].has_sent().max(self.now);
        self.push_transit(left, from, handle, &transit);
        true
    }

    fn push_transit(&mut self, time: u64, place: Peer, handle: u32, transit: &Transit) {
        self.wheel.push(event::control(time, place, transit.from, transit.seq, Control::Transit, handle));
    }

    fn transit_goes_on(&mut self, time: u64, place: Peer, handle: u32, stage: Stage) {
        self.circuits.goes_on(handle, stage);
        let transit = self.circuits.transit(handle);
        self.push_transit(time, place, handle, &transit);
    }

    /// Whether an event of a circuit is that of a message.
    pub(super) fn carries_message(&self, handle: u32) -> bool {
        matches!(self.circuits.transit(handle).cargo, Cargo::Message(_))
    }

    /// The next stage of what is on its way over a circuit.
    pub(super) fn transit(&mut self, handle: u32) {
        let transit = self.circuits.transit(handle);
        let circuit =
            *self.circuits.get(transit.circuit).expect("a circuit outlasts what is on its way over it");
        let relay = circuit.relay;
        let ended = circuit.broken || self.lives[relay.index()] != circuit.relay_life;
        match (transit.stage, self.plan.peers.site(transit.from)) {
            (Stage::Out, Some(site)) => {
                let leaves = self.network.leave_site(self.now, site, self.bytes_of(&transit.cargo));
                self.transit_goes_on(leaves, transit.from, handle, Stage::OutOfSite);
            }
            (Stage::Out | Stage::OutOfSite, _) => self.goes_to_relay(handle, transit, relay),
            _ if ended => self.lose_transit(handle, Loss::Relay),
            (Stage::ToRelay, _) => self.enters_relay(handle, transit, &circuit),
            (Stage::ThroughRelay, _) => self.leaves_relay(handle, transit, relay),
            (Stage::FromRelay, _) => self.goes_from_relay(handle, transit, &circuit),
        }
    }

    fn bytes_of(&self, cargo: &Cargo) -> u64 {
        match cargo {
            Cargo::Message(event) => self.network.size(self.store.len_of(&event::read(event).1)).1,
            Cargo::End { .. } => 0,
        }
    }

    /// One of the two paths of a circuit: when it arrives there, ns.
    fn leg(&mut self, from: Peer, to: Peer, event: &Event) -> Result<u64, (Loss, bool)> {
        let (lane, msg) = event::read(event);
        let (mut strain, mut resumes) = (Strain::NONE, self.now);
        if !self.trouble.is_quiet() {
            match self.held_up(from, to, lane, self.now) {
                HeldUp::No => {}
                HeldUp::Until(resume) => resumes = resume,
                HeldUp::ForGood => return Err((Loss::Cut, false)),
            }
            strain = self.trouble.strain(from, to);
        }
        let (packets, _) = self.network.size(self.store.len_of(&msg));
        let delay = links::delay(self.plan, from, to);
        let hop = Hop { from, to, delay, departs: self.now, seq: event.seq(), packets, lan: false };
        match self.network.fly(hop, lane, strain) {
            Flight::Lasts(time) => Ok(resumes.saturating_add(time)),
            Flight::Lost => Err((Loss::Path, false)),
            Flight::Breaks => Err((Loss::Path, true)),
        }
    }

    /// What has left its sender goes to the relay.
    fn goes_to_relay(&mut self, handle: u32, transit: Transit, relay: Peer) {
        let from = transit.from;
        let arrives = match transit.cargo {
            Cargo::End { .. } => {
                let arrives = self.now + self.plan.delay(from, relay).0;
                self.circuit(transit).side(from).word_to_relay(arrives)
            }
            Cargo::Message(event) => match self.leg(from, relay, &event) {
                Ok(arrives) => {
                    self.circuit(transit).side(from).comes_to_relay(event::read(&event).0, arrives)
                }
                Err(why) => return self.lose_on_leg(handle, &event, why),
            },
        };
        self.transit_goes_on(arrives, relay, handle, Stage::ToRelay);
    }

    fn circuit(&mut self, transit: Transit) -> &mut Circuit {
        self.circuits.get_mut(transit.circuit).expect("a circuit outlasts what is on its way over it")
    }

    /// What has come to the relay waits for its downlink.
    fn enters_relay(&mut self, handle: u32, transit: Transit, circuit: &Circuit) {
        let relay = circuit.relay;
        let mut rate = Share::ALL;
        let ready = if let Cargo::Message(event) = transit.cargo {
            if !self.trouble.is_quiet() {
                match self.caught(transit.from, relay, event::read(&event).0) {
                    HeldUp::No => {}
                    HeldUp::Until(resume) => {
                        return self.transit_goes_on(resume, relay, handle, Stage::ToRelay);
                    }
                    HeldUp::ForGood => return self.lose_transit(handle, Loss::Cut),
                }
                rate = self.trouble.rate(relay);
            }
            let bytes = self.bytes_of(&transit.cargo);
            let carried = self.circuit(transit);
            carried.bytes += bytes;
            let (carried, most) = (carried.bytes, self.plan.spec.network.traversal.data);
            if most.is_some_and(|most| carried > most.0) {
                self.break_circuit(transit.circuit);
                return self.lose_transit(handle, Loss::Relay);
            }
            let (inlet, port) = self.seats.link(relay);
            self.network.take_in(inlet, port, self.now, bytes, rate)
        } else {
            self.seats.inlets[relay.index()].has_received().max(self.now)
        };
        self.transit_goes_on(ready, relay, handle, Stage::ThroughRelay);
    }

    /// What the relay has received waits for its uplink.
    fn leaves_relay(&mut self, handle: u32, transit: Transit, relay: Peer) {
        let rate = if self.trouble.is_quiet() { Share::ALL } else { self.trouble.rate(relay) };
        let bytes = self.bytes_of(&transit.cargo);
        let port = &mut self.seats.ports[relay.index()];
        let leaves = match transit.cargo {
            Cargo::End { .. } => Some(port.has_sent().max(self.now)),
            Cargo::Message(event) => {
                let lane = event::read(&event).0;
                self.network.leave(port, self.now, bytes, lane, rate)
            }
        };
        let Some(leaves) = leaves else { return self.lose_transit(handle, Loss::Queue) };
        if bytes > 0 {
            *self.circuits.traversals.passed_on.entry(relay).or_default() += bytes;
        }
        self.transit_goes_on(leaves, relay, handle, Stage::FromRelay);
    }

    /// What the relay has sent goes to the other end, where it arrives like any message.
    fn goes_from_relay(&mut self, handle: u32, transit: Transit, circuit: &Circuit) {
        let (from, relay) = (transit.from, circuit.relay);
        let to = if from == circuit.ends[0] { circuit.ends[1] } else { circuit.ends[0] };
        match transit.cargo {
            Cargo::End { stopped } => {
                let arrives = self.now + self.plan.delay(relay, to).0;
                let told = self.circuit(transit).side(from).word_to_end(arrives);
                let what = if stopped { Control::Stopped } else { Control::HungUp };
                self.at(told, to, from, what, circuit.id);
            }
            Cargo::Message(event) => {
                let lane = event::read(&event).0;
                let mut arrives = match self.leg(relay, to, &event) {
                    Ok(arrives) => self.circuit(transit).side(from).comes_to_end(lane, arrives),
                    Err(why) => return self.lose_on_leg(handle, &event, why),
                };
                if lane != Lane::Datagram
                    && self.links.id(from, to) == Some(circuit.id)
                    && let Some(place) = self.links.find(from, to, &mut 0)
                {
                    arrives = self.links.in_order(from, to, place, lane, arrives);
                }
                let enters = self.plan.peers.site(to).is_some();
                let phase = if enters { Phase::EnterSite } else { Phase::Arrive };
                self.wheel.push(event::forward(&event, arrives, phase));
            }
        }
        self.circuits.hand_over(handle);
        self.settle(transit.circuit);
    }

    fn lose_on_leg(&mut self, handle: u32, event: &Event, (why, breaks): (Loss, bool)) {
        if breaks {
            self.give_up(Peer(event.src()), Peer(event.dst()), self.now);
        }
        self.lose_transit(handle, why);
    }

    fn lose_transit(&mut self, handle: u32, why: Loss) {
        let transit = self.circuits.transit(handle);
        if let Cargo::Message(event) = transit.cargo {
            self.lose(&event::read(&event).1, why);
        }
        self.circuits.hand_over(handle);
        self.settle(transit.circuit);
    }

    /// The relay that carries what one peer sends another over the connection that stands.
    pub(super) fn relay_between(&self, from: Peer, to: Peer) -> Option<Peer> {
        let id = if self.plan.reach.matters() { self.links.id(from, to)? } else { return None };
        self.circuits.relay(from, to, id)
    }

    /// The cut that a connection between two peers meets: by way of a relay, that which lasts longer. It is a hit when a
    /// `message` met it.
    pub(super) fn cut_between(&mut self, a: Peer, b: Peer, message: bool) -> Option<Cut> {
        let Some(relay) = self.relay_between(a, b) else { return self.trouble.cut(a, b, message) };
        let (one, other) = (self.trouble.cut(a, relay, message), self.trouble.cut(relay, b, message));
        if one.map(|cut| cut.until) >= other.map(|cut| cut.until) { one } else { other }
    }

    /// Whether a fault cuts the way that a connection between two peers takes.
    pub(super) fn crosses(&self, effect: &FaultEffect, a: Peer, b: Peer) -> bool {
        self.relay_between(a, b).map_or_else(
            || effect.crosses(a, b),
            |relay| effect.crosses(a, relay) || effect.crosses(relay, b),
        )
    }

    /// How the connections that stand at the end were reached, in a fleet with NAT.
    pub(super) fn reached(&self) -> Option<Reached> {
        if !self.plan.reach.matters() {
            return None;
        }
        let mut reached = Reached { traversals: self.circuits.traversals.clone(), ..Reached::default() };
        for a in self.plan.peers.iter() {
            for b in self.links.connected(a).filter(|&b| a < b) {
                let relay = self.relay_between(a, b).or_else(|| self.relay_between(b, a));
                if let Some(relay) = relay {
                    let through = self.plan.delay(a, relay).0 + self.plan.delay(relay, b).0;
                    reached.detours.push(through.saturating_sub(self.plan.delay(a, b).0));
                } else if self.circuits.punched.contains(&(a, b)) {
                    reached.punched += 1;
                } else {
                    reached.direct += 1;
                }
            }
            let wanted = self
                .links
                .known(a)
                .iter()
                .filter(|&&b| a < b && self.keeps_planned_links(a) && self.keeps_planned_links(b));
            for &b in wanted {
                reached.wanted += 1;
                let apart = self.links.id(a, b).is_none() && self.plan.need_relay(a, b);
                reached.unreachable += u64::from(apart);
            }
        }
        Some(reached)
    }
}
