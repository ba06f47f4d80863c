//! Fetches through the engine: asked for by a message, served as a flow, and brought to the machine that wants it.

use peerlab_scenarios::{
    host::{Ask, Host, Input, Lane, Machine, Msg, Overlay, Payload, Peer, ReqId, Why},
    units::{BitsPerSec, Nanos, Share},
    wire::{ItemId, Kind, Note},
};

use super::{Landing, Transfer, Wake, ramp::Path, solver::LinkId};
use crate::engine::{
    Engine, Observer,
    event::{self, Control},
    network::{Network, Strain},
    seat::Seats,
    store::{ItemRef, Store},
    threads::Places,
    traffic::Loss,
    wheel::Event,
};

impl<O: Overlay<Store>, R: Machine<Store>, V: Observer, P: Places> Engine<'_, O, R, V, P> {
    /// A machine asks another peer's for an item.
    pub(in crate::engine) fn fetch(&mut self, peer: Peer, req: ReqId, from: Peer, what: ItemId) {
        self.flows.fetches.insert((peer, req), from);
        if self.links.id(peer, from).is_some() {
            self.tell_host(peer, from, Kind::Fetch, what.workload(), Note::Fetch(req, what));
        } else {
            self.wheel.push(event::control(self.now, peer, from, 0, Control::NotFetched, req.0));
        }
    }

    /// There was no connection to fetch anything over.
    pub(in crate::engine) fn not_fetched(&mut self, peer: Peer, from: Peer, req: ReqId) {
        self.end_fetch(peer, from, req, Err(Why::Unreachable));
    }

    /// A machine gives a fetch up.
    pub(in crate::engine) fn abort(&mut self, peer: Peer, req: ReqId) {
        if let Some(from) = self.flows.fetches.remove(&(peer, req)) {
            self.tell_host(peer, from, Kind::Abort, 0, Note::Request(req));
        }
    }

    /// A machine will not send what it was asked for.
    pub(in crate::engine) fn refuse(&mut self, peer: Peer, ask: Ask) {
        if self.flows.asked.remove(&(peer, ask)) {
            self.tell_host(peer, ask.by, Kind::Refuse, 0, Note::Request(ask.req));
        }
    }

    fn tell_host(&mut self, from: Peer, to: Peer, kind: Kind, workload: u8, note: Note) {
        let payload = Payload::Note(self.store.make_note(note));
        self.send(from, to, Lane::Reliable, &Msg { kind, hops: 0, workload, payload }, &mut 0);
    }

    /// What hosts say to one another about fetches.
    pub(in crate::engine) fn hear_of_fetch(&mut self, from: Peer, to: Peer, msg: &Msg<Store>) {
        let Payload::Note(note) = msg.payload else { return };
        match *self.store.note(&note) {
            Note::Fetch(req, what) => {
                let ask = Ask { by: from, req };
                if self.links.id(to, from).is_some() && self.flows.asked.insert((to, ask)) {
                    self.step(to, Input::Asked { ask, what });
                }
            }
            Note::Request(req) if msg.kind == Kind::Abort => {
                self.flows.asked.remove(&(to, Ask { by: from, req }));
                if let Some((transfer, moved)) = self.flows.withdraw(self.now, to, from, req) {
                    self.lose_transfer(to, from, transfer, moved, Loss::Aborted);
                    self.settle_flows();
                }
            }
            Note::Request(req) => {
                self.end_fetch(to, from, req, Err(Why::Refused));
            }
            _ => {}
        }
    }

    /// A machine sends what it was asked for.
    pub(in crate::engine) fn serve(&mut self, peer: Peer, ask: Ask, item: ItemRef) {
        if !self.flows.asked.remove(&(peer, ask)) {
            return;
        }
        let (to, len) = (ask.by, self.store.len_of(&Msg::new(Kind::Serve, 0, Payload::Item(item))));
        self.traffic.sent(Kind::Serve, len);
        if self.links.id(to, peer) != self.links.id(peer, to) {
            return self.traffic.lost(Loss::Broken);
        }
        let (_, bytes) = self.network.size(len);
        let life = self.lives[to.index()];
        let transfer = Transfer { req: ask.req, item, len, bytes, life };
        let (links, path) = (self.links_between(peer, to), self.path(peer, to));
        for &(link, _) in &links {
            // What crossed a link while it had no flows took nothing from any.
            if self.flows.flows_over(link) == 0 {
                take_owed(&mut self.seats, &mut self.network, Side::of(link, self.plan.peers.len()));
            }
        }
        let stream = self.flows.push(self.now, (peer, to), path, &links, transfer);
        if !self.trouble.is_quiet() {
            self.trouble.rate(peer);
            self.trouble.strain(peer, to);
            if self.trouble.cut(peer, to, true).is_some() {
                self.flows.cut(self.now, stream);
            }
        }
        self.settle_flows();
    }

    /// Brings rates up to date after a change, and schedules when to look at which stream again.
    pub(in crate::engine) fn settle_flows(&mut self) {
        self.flows.settle(self.now);
        for (time, stream) in std::mem::take(&mut self.flows.wakes) {
            if time < u64::MAX {
                let (from, to) = self.flows.ends(stream);
                self.wheel.push(event::control(time, from, to, 0, Control::Stream, stream));
            }
        }
    }

    /// Looks at a stream of which an item may be through.
    pub(in crate::engine) fn look_at_stream(&mut self, event: &Event) {
        let (from, to, stream) = (Peer(event.dst()), Peer(event.src()), event.handle());
        if self.flows.between(from, to) != Some(stream) {
            return;
        }
        let (seats, network, peers) = (&mut self.seats, &mut self.network, self.plan.peers.len());
        let owed = |link: LinkId| take_owed(seats, network, Side::of(link, peers));
        match self.flows.wake(self.now, stream, owed) {
            Wake::Through(transfer) => self.launch_item(from, to, transfer),
            Wake::Resumes if self.trouble.cut(from, to, false).is_none() => {
                let path = self.path(from, to);
                self.flows.resume(stream, path);
            }
            Wake::Resumes | Wake::Nothing => {}
        }
        self.settle_flows();
    }

    /// The last bit of an item has left its sender.
    fn launch_item(&mut self, from: Peer, to: Peer, transfer: Transfer) {
        self.seats.ports[from.index()].flow_out(transfer.bytes);
        let strain = self.strain_of(from, to);
        let lands = self.now.saturating_add(self.plan.delay(from, to).0).saturating_add(strain.latency);
        let landing = self.flows.launch(Landing { from, to, transfer });
        self.wheel.push(event::control(lands, to, from, 0, Control::Landing, landing));
    }

    /// The last bit of an item comes to the peer that asked for it.
    pub(in crate::engine) fn landing(&mut self, event: &Event) {
        let Landing { to, transfer, .. } = self.flows.landing(event.handle());
        if !self.online(to) || self.lives[to.index()] != transfer.life {
            self.flows.land(event.handle());
            return self.traffic.lost(Loss::Offline);
        }
        let (inlet, port) = self.seats.link(to);
        port.flow_in(inlet, transfer.bytes);
        let ready = self.network.work(port, self.now, transfer.len, Kind::Serve);
        if ready > self.now {
            return self.wheel.push(event::control(
                ready,
                to,
                Peer(event.src()),
                0,
                Control::Landed,
                event.handle(),
            ));
        }
        self.landed(event);
    }

    /// An item that was asked for has been received and worked on.
    pub(in crate::engine) fn landed(&mut self, event: &Event) {
        let Landing { from, to, transfer } = self.flows.land(event.handle());
        if !self.seats.runs(to) || self.lives[to.index()] != transfer.life {
            return self.traffic.lost(Loss::Offline);
        }
        self.traffic.delivered += 1;
        let (now, item) = (Nanos(self.now), self.store.item(&transfer.item));
        if item.tainted {
            self.observer.falsified(now, transfer.len);
        } else {
            self.observer.delivered(now, to, Kind::Serve, Some(transfer.item.number()), transfer.len);
        }
        if !self.end_fetch(to, from, transfer.req, Ok(transfer.item)) {
            self.observer.discarded(now, to, self.store.item(&transfer.item).workload(), transfer.bytes);
        }
    }

    /// Ends a fetch, if it is still wanted from that peer.
    fn end_fetch(&mut self, peer: Peer, from: Peer, req: ReqId, result: Result<ItemRef, Why>) -> bool {
        let is_wanted = self.flows.fetches.get(&(peer, req)) == Some(&from);
        if is_wanted {
            self.flows.fetches.remove(&(peer, req));
            self.step(peer, Input::Fetched { req, result });
        }
        is_wanted
    }

    /// A connection has ended on the side of `peer`: what it was asked for over it, and what it fetched over it.
    pub(in crate::engine) fn end_fetches(&mut self, peer: Peer, other: Peer, why: Why) {
        self.end_streams(peer, other);
        for (req, _) in self.fetches_of(peer).into_iter().filter(|&(_, from)| from == other) {
            self.end_fetch(peer, other, req, Err(why));
        }
    }

    /// A peer has stopped, and with it all that it fetched and served over these connections.
    pub(in crate::engine) fn stop_fetches(&mut self, peer: Peer, others: impl Iterator<Item = Peer>) {
        others.for_each(|other| self.end_streams(peer, other));
        for (req, _) in self.fetches_of(peer) {
            self.flows.fetches.remove(&(peer, req));
        }
    }

    fn fetches_of(&self, peer: Peer) -> Vec<(ReqId, Peer)> {
        let all = self.flows.fetches.range((peer, ReqId(0))..=(peer, ReqId(u32::MAX)));
        all.map(|(&(_, req), &from)| (req, from)).collect()
    }

    /// Nothing more is sent between two peers in either direction.
    fn end_streams(&mut self, peer: Peer, other: Peer) {
        let asks = (peer, Ask { by: other, req: ReqId(0) })..=(peer, Ask { by: other, req: ReqId(u32::MAX) });
        for ask in self.flows.asked.range(asks).copied().collect::<Vec<_>>() {
            self.flows.asked.remove(&ask);
        }
        for (from, to) in [(peer, other), (other, peer)] {
            for (transfer, moved) in self.flows.end(self.now, from, to) {
                self.lose_transfer(from, to, transfer, moved, Loss::Broken);
            }
        }
        self.settle_flows();
    }

    /// Accounts for an item that will not come to its end, and of which so many bytes were sent.
    fn lose_transfer(&mut self, from: Peer, to: Peer, transfer: Transfer, moved: u64, why: Loss) {
        self.traffic.lost(why);
        self.count_flow(from, to, moved);
        let workload = self.store.item(&transfer.item).workload();
        self.observer.discarded(Nanos(self.now), to, workload, moved);
    }

    /// A flow moved so many bytes of what did not come to its end.
    fn count_flow(&mut self, from: Peer, to: Peer, moved: u64) {
        self.seats.ports[from.index()].flow_out(moved);
        let (inlet, port) = self.seats.link(to);
        port.flow_in(inlet, moved);
    }

    /// A fault has begun or ended: links carry something else, and paths are cut, or whole again.
    pub(in crate::engine) fn strain_flows(&mut self) {
        for stream in self.flows.busy() {
            let (from, to) = self.flows.ends(stream);
            let (path, links) = (self.path(from, to), self.links_between(from, to));
            self.flows.moves_to(stream, path, &links);
            // Flows that a fault strains are hits of it, as messages are.
            self.trouble.rate(from);
            self.trouble.strain(from, to);
            let is_cut = self.trouble.cut(from, to, true).is_some();
            match self.flows.cut_since(stream) {
                None if is_cut => self.flows.cut(self.now, stream),
                Some(since) if !is_cut => {
                    let wait = self.back_off(from, to, (self.now - since) / 2);
                    self.flows.resume_at(stream, self.now + 1 + wait);
                }
                _ => {}
            }
        }
        self.settle_flows();
    }

    /// Counts what the end of the run leaves on its way.
    pub(in crate::engine) fn count_flows(&mut self) {
        self.traffic.in_flight += self.flows.in_the_air();
        for stream in self.flows.busy() {
            let (from, to) = self.flows.ends(stream);
            for (_, moved) in self.flows.end(self.now, from, to) {
                self.traffic.in_flight += 1;
                self.count_flow(from, to, moved);
            }
        }
    }

    /// What a transport knows of the path between two peers now.
    fn path(&self, from: Peer, to: Peer) -> Path {
        let strain = self.strain_of(from, to);
        let delay = self.plan.delay(from, to).0.saturating_add(strain.latency);
        Path {
            round_trip: delay.saturating_mul(2),
            packet: self.network.full_packet(),
            loss: self.network.packet_loss(from, to, self.in_one_lan(from, to), strain),
        }
    }

    fn strain_of(&self, from: Peer, to: Peer) -> Strain {
        if self.trouble.is_quiet() { Strain::NONE } else { self.trouble.strain_between(from, to) }
    }

    /// The links that lie between two peers, with what they carry now, bit/s.
    fn links_between(&self, from: Peer, to: Peer) -> Vec<(LinkId, u64)> {
        let (plan, peers) = (self.plan, &self.plan.peers);
        let rate = |rate: BitsPerSec, left: Share| left.of(rate.0).max(1);
        let share = |peer| if self.trouble.is_quiet() { Share::ALL } else { self.trouble.rate_left(peer) };
        let mut links = vec![
            (Side::Up(from).link(peers.len()), rate(peers.group(from).up, share(from))),
            (Side::Down(to).link(peers.len()), rate(peers.group(to).down, share(to))),
        ];
        if plan.sites.shared_lan(peers, from, to).is_none() {
            let uplink = |peer| {
                let site = peers.site(peer)?;
                Some((site, plan.sites.spec(site).uplink.as_ref()?))
            };
            links.extend(
                uplink(from).map(|(site, uplink)| (Side::WayOut(site).link(peers.len()), uplink.up.0)),
            );
            links.extend(
                uplink(to).map(|(site, uplink)| (Side::WayIn(site).link(peers.len()), uplink.down.0)),
            );
        }
        links
    }
}

/// Bytes that messages took of a link since this was last asked.
fn take_owed<O, R, P: Places>(seats: &mut Seats<O, R, P>, network: &mut Network, side: Side) -> u64 {
    match side {
        Side::Up(peer) => seats.ports[peer.index()].take_owed_up(),
        Side::Down(peer) => {
            let (inlet, port) = seats.link(peer);
            port.take_owed_down(inlet)
        }
        Side::WayOut(site) => network.take_owed_out(site),
        Side::WayIn(site) => network.take_owed_in(site),
    }
}

/// A link, as the network knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    /// From a peer.
    Up(Peer),
    /// To a peer.
    Down(Peer),
    /// Out of a site.
    WayOut(u32),
    /// Into a site.
    WayIn(u32),
}

impl Side {
    /// Its number among the links of a run of so many peers.
    const fn link(self, peers: u32) -> LinkId {
        LinkId(match self {
            Self::Up(peer) => 2 * peer.0,
            Self::Down(peer) => 2 * peer.0 + 1,
            Self::WayOut(site) => 2 * (peers + site),
            Self::WayIn(site) => 2 * (peers + site) + 1,
        })
    }

    const fn of(link: LinkId, peers: u32) -> Self {
        match (link.0 / 2, link.0 % 2) {
            (peer, 0) if peer < peers => Self::Up(Peer(peer)),
            (peer, _) if peer < peers => Self::Down(Peer(peer)),
            (site, 0) => Self::WayOut(site - peers),
            (site, _) => Self::WayIn(site - peers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_told_apart_by_their_numbers() {
        for side in [Side::Up(Peer(0)), Side::Down(Peer(6)), Side::WayOut(0), Side::WayIn(3)] {
            assert_eq!(Side::of(side.link(7), 7), side);
        }
    }
}
