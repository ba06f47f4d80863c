//! Peers and connections as they come and go: sessions, faults that stop peers, handshakes, silence.

use peerlab_scenarios::{
    host::{Input, Link, Links as Lives, Machine, Neighbours as _, Overlay, Peer, StoreKey, Why},
    plan::{FaultEffect, Sessions},
    spec::Leave,
    units::Nanos,
};

use super::{
    Engine, Observer,
    event::{self, Control, Life},
    links,
    relay::Way,
    seat::Seat,
    store::{ItemRef, Store},
    threads::Places,
    wheel::Event,
};

/// The longest that a peer waits, after a cut has healed, before it tries its neighbours again, ns.
const REDIAL: u64 = 5_000_000_000;

/// In the handle of [`Control::Answer`]: this end dialled.
const DIALLED: u32 = 1 << 31;

/// Numbers of the events that tell of a connection's end: as it comes to the downlink, and behind what was there before.
const WORD_COMES: u16 = 0;
const WORD_HAS_WAITED: u16 = 1;

impl<O: Overlay<Store>, R: Machine<Store>, V: Observer, P: Places> Engine<'_, O, R, V, P> {
    pub(super) fn at(&mut self, time: u64, to: Peer, from: Peer, what: Control, handle: u32) {
        self.post(event::control(time, to, from, 0, what, handle));
    }

    /// Whether a peer runs. It is known of all peers, also of those that another engine holds.
    pub(super) fn online(&self, peer: Peer) -> bool {
        self.lives[peer.index()] % 2 == 1
    }

    /// Which life a peer is in; one that is down, in the next. What was sent to another life is lost.
    #[inline]
    pub(super) fn life(&self, peer: Peer) -> Life {
        Life::after(self.lives[peer.index()])
    }

    /// Schedules the next of a peer's sessions, whoever holds the peer.
    pub(super) fn begin_next(&mut self, peer: Peer, sessions: &mut Sessions) {
        let Some(session) = sessions.next() else { return };
        self.wheel.push(event::control(session.from.0, peer, peer, 0, Control::Begin, 0));
        if session.to != Nanos::NEVER {
            let leave = u32::from(session.leave == Leave::Graceful);
            self.wheel.push(event::control(session.to.0, peer, peer, 0, Control::End, leave));
            self.may_restart[peer.index()] = true;
            self.sessions.insert(peer, sessions.clone());
        }
    }

    pub(super) fn begin(&mut self, peer: Peer) {
        self.wanted[peer.index()] = true;
        self.start(peer);
    }

    pub(super) fn end_session(&mut self, peer: Peer, leave: Leave) {
        self.wanted[peer.index()] = false;
        self.stop(peer, leave);
        if let Some(mut sessions) = self.sessions.remove(&peer) {
            self.begin_next(peer, &mut sessions);
        }
    }

    /// Starts a peer, if its session wants it and no fault keeps it down.
    fn start(&mut self, peer: Peer) {
        let (index, is_own) = (peer.index(), self.places.has(peer));
        if !self.wanted[index] || self.online(peer) || self.trouble.keep_down(peer, is_own) {
            return;
        }
        self.lives[index] += 1;
        if !is_own {
            return;
        }
        let (inlet, port) = self.seats.link(peer);
        port.start(inlet);
        let machines = (self.make)(peer);
        let planned = machines.overlay().links() == Lives::Planned;
        *self.seats.machines[index] = Seat::Taken(machines);
        self.observer.up(Nanos(self.now), peer);
        let kept = last_of_each(&mut self.kept[index]);
        self.step(peer, Input::Start { kept });
        if planned {
            for other in self.links.known(peer).to_vec() {
                self.shake_hands(peer, other, 0);
            }
        }
    }

    /// Stops a peer: after a last step if in good order, and with the loss of all that it did not store.
    fn stop(&mut self, peer: Peer, leave: Leave) {
        if !self.online(peer) {
            return;
        }
        if !self.places.has(peer) {
            self.lives[peer.index()] += 1;
            return;
        }
        if leave == Leave::Graceful {
            self.step(peer, Input::Stop);
        }
        self.collect_counters(peer);
        let index = peer.index();
        self.lives[index] += 1;
        self.seats.inlets[index].life = self.life(peer);
        *self.seats.machines[index] = Seat::Empty;
        self.timers[index].clear();
        self.observer.down(Nanos(self.now), peer);
        let ended = self.links.disconnect_all(peer);
        self.stop_fetches(peer, ended.iter().map(|&(other, ..)| other));
        for (other, id, drained) in ended {
            if self.plan.reach.matters() {
                let by_relay = self.word_by_relay(peer, other, id, true);
                self.circuits.ended(peer, other, id);
                if by_relay {
                    continue;
                }
            }
            // Its system closes the connections, and says so to the other ends behind what was sent before.
            let told = drained.saturating_add(1).max(self.now + self.plan.delay(peer, other).0);
            self.at(told, other, peer, Control::Stopped, id);
        }
        self.relay_stopped(peer);
    }

    /// Begins to connect two neighbours, after `wait` ns, if both are there and a path is.
    pub(super) fn shake_hands(&mut self, a: Peer, b: Peer, wait: u64) {
        if !self.online(a) || !self.online(b) || !self.plan.sites.reach(&self.plan.peers, a, b) {
            return;
        }
        if self.plan.need_relay(a, b) {
            return self.shake_hands_by_relay(a, b, wait);
        }
        // The first packet of a handshake is as much a message as any: a cut that it meets has hit something.
        if self.trouble.cut(a, b, true).is_some() {
            return;
        }
        let stands = self.now.saturating_add(wait + self.handshake(a, b));
        let lives = self.lives_of(a, b);
        self.at(stands, a, b, Control::Connect, lives);
        self.at(stands, b, a, Control::Connect, lives);
    }

    /// Round trips until a connection carries messages; at least one, so that word of an old connection's end comes first.
    pub(super) fn handshake(&self, a: Peer, b: Peer) -> u64 {
        2 * self.plan.delay(a, b).0 * u64::from(self.plan.spec.network.handshake.max(1))
    }

    /// Which lives two peers are in.
    pub(super) fn lives_of(&self, a: Peer, b: Peer) -> u32 {
        self.lives[a.index()].wrapping_add(self.lives[b.index()])
    }

    fn same_lives(&self, a: Peer, b: Peer, lives: u32) -> bool {
        self.online(a) && self.online(b) && self.lives_of(a, b) & !DIALLED == lives & !DIALLED
    }

    /// Names a connection that stands from now on: the same at both ends, which learn of it at the same instant.
    pub(super) fn connection_id(&self) -> u32 {
        (self.now >> 10) as u32 & links::ID | 1
    }

    /// Whether a connection may stand from now on. One that stood before and has ended on the other side ends here first.
    ///
    /// Both ends ask at the same instant, and each answers from what it knows itself: they agree all the same.
    fn make_way(&mut self, peer: Peer, other: Peer, lives: u32, way: Way) -> bool {
        if !self.same_lives(peer, other, lives) {
            return false;
        }
        let open = match way {
            Way::Direct => self.trouble.cut(peer, other, true).is_none(),
            Way::By(_) => true,
            Way::Closed => false,
        };
        // Where word of the last one's end is still to come, that one stands.
        if !open || self.farewells.on_way(peer, other, self.now).is_some() {
            return false;
        }
        match self.links.id(peer, other) {
            None => true,
            Some(id) if id == self.connection_id() || !self.has_ended_there(peer, other, id) => false,
            Some(id) => {
                self.disconnected(peer, other, id, Why::Stopped);
                true
            }
        }
    }

    /// Whether a connection that stands on this side has ended on the other.
    fn has_ended_there(&mut self, peer: Peer, other: Peer, id: u32) -> bool {
        if self.plan.reach.matters() {
            // Word by way of a relay may be long on its way; such runs have one thread, which sees both sides.
            return self.links.id(other, peer) != Some(id);
        }
        self.links.life(peer, other) != Some(self.life(other)) || self.farewells.waits(peer, other, id)
    }

    /// Ends this side of a connection, if it still stands, and tells the machines.
    fn disconnected(&mut self, peer: Peer, other: Peer, id: u32, why: Why) {
        if self.links.disconnect(peer, other, id) {
            self.end_fetches(peer, other, why);
            if self.plan.reach.matters() {
                self.circuits.ended(peer, other, id);
            }
            self.step(peer, Input::PeerDown { peer: other, why });
        }
    }

    pub(super) fn connected(&mut self, peer: Peer, other: Peer, lives: u32) {
        let way = self.way(peer, other);
        if self.make_way(peer, other, lives, way) {
            self.links.connect(peer, other, self.connection_id(), self.life(other));
            self.join_circuit(peer, other, way);
            self.step(peer, Input::PeerUp { peer: other, link: Link::Planned });
        } else if way != Way::Direct && self.same_lives(peer, other, lives) {
            self.try_relays_again(peer, other);
        }
    }

    /// A peer asks for a connection; there is no answer when one stands already.
    pub(super) fn dial(&mut self, peer: Peer, other: Peer) {
        if peer == other || self.links.id(peer, other).is_some() {
            return;
        }
        let by_relay = self.must_dial_by_relay(peer, other);
        if !self.plan.sites.reach(&self.plan.peers, peer, other)
            || (!by_relay && self.trouble.cut(peer, other, true).is_some())
        {
            let gives_up = self.now.saturating_add(self.plan.spec.network.timeout.0);
            return self.at(gives_up, peer, other, Control::NoAnswer, 0);
        }
        if !self.online(other) {
            let refused = self.now + 2 * self.plan.delay(peer, other).0;
            return self.at(refused, peer, other, Control::NoAnswer, 0);
        }
        if self.keeps_planned_links(peer) && self.links.known(peer).binary_search(&other).is_ok() {
            // Neighbours connect as the plan has it: a connection of another sort would stand in its way.
            return self.shake_hands(peer, other, 0);
        }
        let stands = if by_relay {
            match self.dial_by_relay(peer, other) {
                Some(stands) => stands,
                None => {
                    let gives_up = self.now.saturating_add(self.plan.spec.network.timeout.0);
                    return self.at(gives_up, peer, other, Control::NoAnswer, 0);
                }
            }
        } else {
            // Not before the other has heard of the end of the last one.
            let heard =
                self.farewells.on_way(peer, other, self.now).map_or(0, |comes| comes.saturating_add(1));
            (self.now + self.handshake(peer, other)).max(heard)
        };
        let lives = self.lives_of(peer, other);
        self.at(stands, peer, other, Control::Answer, lives | DIALLED);
        self.at(stands, other, peer, Control::Answer, lives & !DIALLED);
    }

    pub(super) fn answered(&mut self, peer: Peer, other: Peer, lives: u32) {
        let dialled = lives & DIALLED != 0;
        let way = self.way(peer, other);
        if self.make_way(peer, other, lives, way) {
            let link = if dialled { Link::Dialled } else { Link::Accepted };
            self.links.add(self.plan, peer, other, link, self.connection_id(), self.life(other));
            self.join_circuit(peer, other, way);
            self.step(peer, Input::PeerUp { peer: other, link });
        } else if dialled && self.links.id(peer, other).is_none() {
            self.not_answered(peer, other);
        }
    }

    /// A dial failed, unless the other end dialled with more luck meanwhile.
    pub(super) fn not_answered(&mut self, peer: Peer, other: Peer) {
        if self.links.id(peer, other).is_none() {
            self.step(peer, Input::PeerDown { peer: other, why: Why::Unreachable });
        }
    }

    /// A message that left at `departed` cannot be brought across: its connection breaks when it has waited long enough.
    pub(super) fn give_up(&mut self, from: Peer, to: Peer, departed: u64) {
        if let Some(id) = self.links.id(from, to) {
            let breaks = departed.saturating_add(self.plan.spec.network.timeout.0);
            self.at(breaks, from, to, Control::GivenUp, id);
            self.at(breaks, to, from, Control::GivenUp, id);
        }
    }

    /// A connection was given up. Neighbours by plan try again after a while.
    pub(super) fn given_up(&mut self, peer: Peer, other: Peer, id: u32) {
        if self.links.id(peer, other) == Some(id) {
            let planned = self.links.link(peer, other) == Some(Link::Planned);
            self.disconnected(peer, other, id, Why::TimedOut);
            if planned && peer < other {
                let wait = self.back_off(peer, other, REDIAL);
                self.shake_hands(peer, other, wait);
            }
        }
    }

    /// A peer ends a connection that was dialled or accepted, behind what it has sent over it.
    pub(super) fn hang_up(&mut self, peer: Peer, other: Peer) {
        if let (Some(Link::Dialled | Link::Accepted), Some(id)) =
            (self.links.link(peer, other), self.links.id(peer, other))
        {
            let drained = self.links.drained(peer, other);
            let told = drained.saturating_add(1).max(self.now + self.plan.delay(peer, other).0);
            self.wheel.push(event::control(self.now, peer, other, WORD_HAS_WAITED, Control::HungUp, id));
            if !self.word_by_relay(peer, other, id, false) {
                self.at(told, other, peer, Control::HungUp, id);
            }
            if !self.plan.reach.matters() {
                self.farewells.send(peer, other, self.now, told);
            }
        }
    }

    /// Word of a connection's end comes behind what was sent over it: also behind what waits for the downlink when it comes,
    /// in which it waits its turn once.
    pub(super) fn told_of_end(&mut self, event: &Event) {
        let (peer, other, what, id) =
            (Peer(event.dst()), Peer(event.src()), event::what(event), event.handle());
        if self.links.were_held() && event.seq() == WORD_COMES {
            let held = self.links.all_held(other, peer);
            if held >= self.now {
                return self.at(held.saturating_add(1), peer, other, what, id);
            }
        }
        let (inlet, port) = self.seats.link(peer);
        let drained = port.drained(inlet);
        if drained >= self.now && event.seq() == WORD_COMES {
            self.farewells.wait(peer, other, id);
            let heard = drained.saturating_add(1);
            return self.wheel.push(event::control(heard, peer, other, WORD_HAS_WAITED, what, id));
        }
        self.farewells.hear(peer, other, id);
        let why = if what == Control::Stopped { Why::Stopped } else { Why::HungUp };
        self.disconnected(peer, other, id, why);
    }

    /// A cut has lasted as long as a connection waits.
    pub(super) fn silence(&mut self, peer: Peer, other: Peer, id: u32) {
        if self.cut_between(peer, other, self.links.id(peer, other) == Some(id)).is_some() {
            self.disconnected(peer, other, id, Why::TimedOut);
        }
    }

    pub(super) fn fault_begins(&mut self, number: usize) {
        self.trouble.begin(number);
        let fault = self.trouble.fault(number).clone();
        match &fault.effect {
            FaultEffect::Kill(who) | FaultEffect::Stop(who) => {
                let graceful = matches!(fault.effect, FaultEffect::Stop(_));
                let leave = if graceful { Leave::Graceful } else { Leave::Crash };
                for peer in who.iter().filter(|&peer| self.online(peer)).collect::<Vec<_>>() {
                    if self.places.has(peer) {
                        self.trouble.hit(number);
                    }
                    self.stop(peer, leave);
                }
            }
            FaultEffect::Partition(..) | FaultEffect::Outage(_) => self.silence_begins(&fault.effect),
            FaultEffect::Degrade { .. } => {}
        }
        self.strain_flows();
    }

    /// A cut begins: connections across it break when it, and those that take over from it, last as long as they wait.
    fn silence_begins(&mut self, effect: &FaultEffect) {
        let breaks = self.now.saturating_add(self.plan.spec.network.timeout.0);
        for peer in self.own_peers() {
            let crossing = self.links.connected(peer).filter(|&other| self.crosses(effect, peer, other));
            for other in crossing.collect::<Vec<_>>() {
                // Where an earlier cut lasts, its beginning has scheduled this.
                let cut = self.cut_between(peer, other, false).filter(|cut| cut.since == self.now);
                if cut.is_some_and(|cut| breaks <= cut.until) {
                    let id = self.links.id(peer, other).expect("it is connected");
                    self.at(breaks, peer, other, Control::Silence, id);
                }
            }
        }
    }

    pub(super) fn fault_ends(&mut self, number: usize) {
        self.trouble.end(number);
        self.strain_flows();
        let fault = self.trouble.fault(number).clone();
        if let Some(who) = fault.effect.stops() {
            who.iter().for_each(|peer| self.start(peer));
        }
        for peer in self.own_peers().filter(|&peer| self.keeps_planned_links(peer)).collect::<Vec<_>>() {
            for other in self.links.known(peer).to_vec() {
                if peer < other
                    && (fault.effect.crosses(peer, other)
                        || fault.effect.is_cut() && self.plan.need_relay(peer, other))
                    && self.links.id(peer, other).is_none()
                {
                    let wait = self.back_off(peer, other, REDIAL);
                    self.shake_hands(peer, other, wait);
                }
            }
        }
    }

    pub(super) fn keeps_planned_links(&self, peer: Peer) -> bool {
        self.seats.machines[peer.index()]
            .get()
            .is_some_and(|machines| machines.overlay().links() == Lives::Planned)
    }

    /// A wait below `most` ns that belongs to a pair.
    pub(super) fn back_off(&self, a: Peer, b: Peer, most: u64) -> u64 {
        self.plan.back_off(a, b, most)
    }
}

/// What a peer stored, in order of key, the last under each.
fn last_of_each(kept: &mut Vec<(StoreKey, ItemRef)>) -> Box<[(StoreKey, ItemRef)]> {
    kept.sort_by_key(|(key, _)| *key);
    let mut last: Vec<(StoreKey, ItemRef)> = Vec::with_capacity(kept.len());
    for &(key, item) in kept.iter() {
        match last.last_mut() {
            Some(previous) if previous.0 == key => previous.1 = item,
            _ => last.push((key, item)),
        }
    }
    kept.clone_from(&last);
    last.into_boxed_slice()
}
