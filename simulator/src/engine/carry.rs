//! A message on its way: out of the sender's link, over the path, into the receiver's, to its machines.

use peerlab_scenarios::{
    host::{Host, Input, Lane, Machine, Msg, Neighbours as _, Overlay, Payload, Peer},
    units::{Nanos, Share},
};

use super::{
    Engine, Observer,
    event::{self, Control, Life, Phase},
    links::{self, Place},
    network::{Flight, Hop, Strain},
    store::{ItemRef, Store},
    threads::Places,
    traffic::Loss,
    wheel::Event,
};

impl<O: Overlay<Store>, R: Machine<Store>, V: Observer, P: Places> Engine<'_, O, R, V, P> {
    /// Sends a message to all neighbours of the plan that are connected, but one.
    #[inline]
    pub(super) fn send_to_links(&mut self, from: Peer, except: Option<Peer>, lane: Lane, msg: &Msg<Store>) {
        let (parcel, mut hint) = (self.parcel(lane, msg), 0);
        // Most of what there is to ask of each copy has one answer for all of them while nothing is wrong.
        if self.is_calm()
            && let Some(row) = self.links.whole_row(from)
        {
            for place in row {
                let to = self.links.other_end(place);
                if Some(to) != except {
                    self.send_over::<true>(from, to, Some(Place::Planned(place)), parcel);
                }
            }
            return;
        }
        for number in 0..self.links.live(from).len() {
            let (to, place) = self.links.nth_live(from, number, &mut hint);
            if Some(to) != except {
                self.send_over::<false>(from, to, place, parcel);
            }
        }
    }

    /// Whether messages only have to do with their links and paths now: no fault lasts, and there are neither sites nor relays.
    fn is_calm(&self) -> bool {
        self.trouble.is_quiet() && !self.network.has_sites() && !self.plan.reach.matters()
    }

    /// Sends a message; `hint` helps to find the link, see [`super::links::Links::end`].
    #[inline]
    pub(super) fn send(&mut self, from: Peer, to: Peer, lane: Lane, msg: &Msg<Store>, hint: &mut usize) {
        let place = self.links.find(from, to, hint);
        self.send_over::<false>(from, to, place, self.parcel(lane, msg));
    }

    #[inline]
    fn parcel<'m>(&self, lane: Lane, msg: &'m Msg<Store>) -> Parcel<'m> {
        let len = self.store.len_of(msg);
        let (packets, bytes) = self.network.size(len);
        Parcel { lane, msg, len, packets, bytes }
    }

    /// Sends a message over the connection at `place`, if one stands. `CALM` is whether it is known that the engine
    /// [is calm](Self::is_calm).
    #[inline(always)]
    fn send_over<const CALM: bool>(
        &mut self,
        from: Peer,
        to: Peer,
        place: Option<Place>,
        parcel: Parcel<'_>,
    ) {
        let Parcel { lane, msg, len, packets, bytes } = parcel;
        self.traffic.sent(msg.kind, len);
        let Some(place) = place else { return self.traffic.lost(Loss::Closed) };
        let rate = if CALM || self.trouble.is_quiet() { Share::ALL } else { self.trouble.rate(from) };
        let port = &mut *self.seats.ports[from.index()];
        port.seq = port.seq.wrapping_add(1);
        let seq = port.seq;
        let Some(departs) = self.network.leave(port, self.now, bytes, lane, rate) else {
            return self.traffic.lost(Loss::Queue);
        };
        self.store.hold(msg);
        let end = *self.links.end(from, place);
        let leaves = |phase| event::message(departs, to, from, seq, phase, end.life(), lane, msg);
        if !CALM && end.by_relay() {
            return self.send_by_relay(leaves(Phase::Arrive));
        }
        let lan = !CALM && self.in_one_lan(from, to);
        if !CALM && self.network.has_sites() && !lan && self.plan.peers.site(from).is_some() {
            return self.wheel.push(leaves(Phase::LeaveSite));
        }
        if departs >= self.trouble.steady_until() {
            return self.wheel.push(leaves(Phase::Depart));
        }
        let hop = Hop { from, to, delay: end.delay, departs, seq, packets, lan };
        self.launch::<CALM>(hop, Some(place), end.life(), lane, msg);
    }

    /// A message leaves its sender's uplink, in a network that is no longer as it was when it was sent.
    pub(super) fn depart(&mut self, event: &Event) {
        let (lane, msg) = event::read(event);
        self.set_out(event, lane, &msg);
    }

    /// Puts a message on its path now. Its connection may have ended meanwhile: what has been sent goes out all the same.
    fn set_out(&mut self, event: &Event, lane: Lane, msg: &Msg<Store>) {
        let (from, to) = (Peer(event.src()), Peer(event.dst()));
        let (packets, _) = self.network.size(self.store.len_of(msg));
        let place = self.links.find(from, to, &mut 0);
        let delay = links::delay(self.plan, from, to);
        let lan = self.in_one_lan(from, to);
        let hop = Hop { from, to, delay, departs: event.time, seq: event.seq(), packets, lan };
        self.launch::<false>(hop, place, event::life(event), lane, msg);
    }

    /// A message comes to the way out of its sender's site, which it shares with its neighbours there.
    pub(super) fn leave_site(&mut self, event: &Event) {
        let (lane, msg) = event::read(event);
        let from = Peer(event.src());
        let (_, bytes) = self.network.size(self.store.len_of(&msg));
        let site = self.plan.peers.site(from).expect("only a peer in a site leaves one");
        let departs = self.network.leave_site(self.now, site, bytes);
        let event = Event { time: departs, ..*event };
        if departs >= self.trouble.steady_until() {
            return self.wheel.push(event::forward(&event, departs, Phase::Depart));
        }
        self.set_out(&event, lane, &msg);
    }

    /// Puts a message on the path between two peers, behind those before it on its connection, if that still stands.
    #[inline(always)]
    fn launch<const CALM: bool>(
        &mut self,
        hop: Hop,
        place: Option<Place>,
        life: Life,
        lane: Lane,
        msg: &Msg<Store>,
    ) {
        let (mut strain, mut resumes) = (Strain::NONE, None);
        if !CALM && !self.trouble.is_quiet() {
            match self.held_up(hop.from, hop.to, lane, hop.departs) {
                HeldUp::No => {}
                HeldUp::Until(resume) => resumes = Some(resume),
                HeldUp::ForGood => return self.lose(msg, Loss::Cut),
            }
            strain = self.trouble.strain(hop.from, hop.to);
        }
        let flight = match self.network.fly(hop, lane, strain) {
            Flight::Lasts(time) => time,
            Flight::Lost => return self.lose(msg, Loss::Path),
            Flight::Breaks => {
                self.give_up(hop.from, hop.to, hop.departs);
                return self.lose(msg, Loss::Path);
            }
        };
        let mut arrives = resumes.unwrap_or(hop.departs).saturating_add(flight);
        if let Some(place) = place {
            arrives = self.links.in_order(hop.from, hop.to, place, lane, arrives);
        }
        let enters = !CALM && self.network.has_sites() && !hop.lan && self.plan.peers.site(hop.to).is_some();
        let phase = if enters { Phase::EnterSite } else { Phase::Arrive };
        self.post(event::message(arrives, hop.to, hop.from, hop.seq, phase, life, lane, msg));
    }

    #[inline]
    pub(super) fn in_one_lan(&self, a: Peer, b: Peer) -> bool {
        self.network.has_sites() && self.plan.sites.shared_lan(&self.plan.peers, a, b).is_some()
    }

    /// A message comes to the way into its receiver's site.
    pub(super) fn enter_site(&mut self, event: &Event) {
        let (_, msg) = event::read(event);
        let (_, bytes) = self.network.size(self.store.len_of(&msg));
        let site = self.plan.peers.site(Peer(event.dst())).expect("only a peer in a site enters one");
        let inside = self.network.enter_site(self.now, site, bytes);
        self.wheel.push(event::forward(event, inside, Phase::Arrive));
    }

    /// A message comes to its receiver's downlink.
    #[inline]
    pub(super) fn arrive(&mut self, event: &Event) {
        let (lane, msg) = event::read(event);
        let (from, to) = (Peer(event.src()), Peer(event.dst()));
        if self.seats.inlets[to.index()].life != event::life(event) {
            return self.lose(&msg, Loss::Offline);
        }
        let mut rate = Share::ALL;
        if !self.trouble.is_quiet() {
            let last = self.relay_between(from, to).unwrap_or(from);
            match self.caught(last, to, lane) {
                HeldUp::No => {}
                HeldUp::Until(resume) => {
                    let arrives = self.links.hold(from, to, lane, resume);
                    return self.wheel.push(event::forward(event, arrives, Phase::Resume));
                }
                HeldUp::ForGood => return self.lose(&msg, Loss::Cut),
            }
        }
        if self.links.were_held()
            && event::phase(event) == Phase::Arrive
            && let Some(arrives) = self.links.behind_held(from, to, lane, self.now)
        {
            return self.wheel.push(event::forward(event, arrives, Phase::Resume));
        }
        if !self.trouble.is_quiet() {
            rate = self.trouble.rate(to);
        }
        let len = self.store.len_of(&msg);
        let (_, bytes) = self.network.size(len);
        let link = self.seats.link(to);
        let ready = self.network.receive(link, self.now, len, bytes, msg.kind, rate);
        self.wheel.push(event::forward(event, ready, Phase::Deliver));
    }

    /// A message has been received: its machine sees it.
    #[inline]
    pub(super) fn deliver(&mut self, event: &Event) {
        let (lane, msg) = event::read(event);
        let (from, to) = (Peer(event.src()), Peer(event.dst()));
        if self.seats.inlets[to.index()].life != event::life(event) {
            return self.lose(&msg, Loss::Offline);
        }
        self.traffic.delivered += 1;
        let item = if let Payload::Item(item) = msg.payload { Some(item) } else { None };
        let (now, len) = (Nanos(self.now), self.store.len_of(&msg));
        if item.is_some_and(|item| self.store.item(&item).tainted) {
            self.observer.falsified(now, len);
        } else {
            self.observer.delivered(now, to, msg.kind, item.map(ItemRef::number), len);
        }
        if msg.kind.is_bulk() {
            self.hear_of_fetch(from, to, &msg);
        } else {
            self.step_inline(to, Input::Message { from, lane, msg });
        }
        self.store.release(&msg);
    }

    /// Whether a cut keeps a message from setting out on the path between two peers at `now`, ns.
    ///
    /// A connection that outlives the cut sends again what was on its way, after a back-off that belongs to the pair and in
    /// the order in which it was sent; one that breaks takes it along.
    pub(super) fn held_up(&mut self, from: Peer, to: Peer, lane: Lane, now: u64) -> HeldUp {
        let Some(cut) = self.trouble.cut(from, to, true) else { return HeldUp::No };
        if lane == Lane::Datagram || cut.lasts() >= self.plan.spec.network.timeout.0 {
            return HeldUp::ForGood;
        }
        let back_off = self.back_off(from, to, cut.lasts() / 2);
        HeldUp::Until(cut.resumes(now, back_off))
    }

    /// Whether a cut catches a message at the end of its path.
    ///
    /// What was on the path when the cut began gets through. So this catches what was late for a loss, or for an earlier cut:
    /// it comes as soon as the path is back, in its order, and before all that set out later.
    pub(super) fn caught(&mut self, from: Peer, to: Peer, lane: Lane) -> HeldUp {
        let Some(cut) = self.trouble.cut(from, to, false) else { return HeldUp::No };
        if self.now - cut.since <= 2 * self.plan.delay(from, to).0 {
            return HeldUp::No;
        }
        match self.held_up(from, to, lane, self.now) {
            HeldUp::Until(_) => HeldUp::Until(cut.until + 1 + ((self.now - cut.since) >> 16)),
            other => other,
        }
    }

    #[cold]
    pub(super) fn lose(&mut self, msg: &Msg<Store>, why: Loss) {
        self.traffic.lost(why);
        self.store.release(msg);
    }

    /// Counts an event that the end of the run leaves undone, if it is a message.
    pub(super) fn count_in_flight(&mut self, event: &Event) {
        let is_message = match event::phase(event) {
            Phase::Timer => false,
            Phase::Control => event::what(event) == Control::Transit && self.carries_message(event.handle()),
            _ => true,
        };
        self.traffic.in_flight += u64::from(is_message);
    }
}

/// A message that is sent, with what all its copies have in common.
#[derive(Clone, Copy)]
struct Parcel<'m> {
    lane: Lane,
    msg: &'m Msg<Store>,
    /// On the wire, bytes.
    len: u32,
    packets: u32,
    /// With what packets add.
    bytes: u64,
}

pub(super) enum HeldUp {
    No,
    /// It goes on at this instant, ns.
    Until(u64),
    ForGood,
}
