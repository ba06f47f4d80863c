//! What a machine sees and can do during one step.

use std::fmt;

use super::{Ask, Effect, Found, Host, Lane, Lookup, Msg, Peer, QueryId, ReqId, StoreKey, TimerKey};
use crate::{
    report::Fact,
    seed::{Rng, Seed},
    units::Nanos,
    wire::{Item, ItemId, Note, Topic},
};

/// What goes between the overlay and the roles of one peer within a step.
#[derive(Debug)]
pub(super) enum Handover<H: Host> {
    Publish(H::Item),
    Subscribe { topic: Topic, wanted: bool },
    Deliver { via: Peer, hops: u8, item: H::Item },
    LookUp { workload: u8, query: QueryId, lookup: Lookup },
    Found { workload: u8, query: QueryId, found: Box<Found> },
}

/// Where a step leaves its effects: made once by the host and used again for every step.
#[derive(Debug)]
pub struct Outbox<H: Host> {
    /// The effects of the step, for the host to drain.
    pub effects: Vec<Effect<H>>,
    pub(super) handovers: Vec<Handover<H>>,
}

impl<H: Host> Default for Outbox<H> {
    fn default() -> Self {
        Self { effects: Vec::new(), handovers: Vec::new() }
    }
}

/// A peer's way out, as its host knows it at the beginning of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Uplink {
    /// When all that was sent before this step will have left.
    pub free: Nanos,
    /// Time that a byte takes to leave, in ns × 2^20.
    pub pace: u64,
}

impl Uplink {
    /// A way out on which nothing ever waits.
    pub const IDLE: Self = Self { free: Nanos::ZERO, pace: 0 };

    /// Bytes that were sent and have not left.
    #[inline]
    #[must_use]
    pub fn unsent(self, now: Nanos) -> u64 {
        let waits = self.free.saturating_sub(now).0;
        if waits == 0 {
            return 0;
        }
        u64::try_from((u128::from(waits) << 20) / u128::from(self.pace.max(1))).unwrap_or(u64::MAX)
    }

    /// When no more than so many bytes will wait.
    #[must_use]
    pub fn drained_to(self, bytes: u64) -> Nanos {
        let left = u64::try_from((u128::from(self.pace) * u128::from(bytes)) >> 20).unwrap_or(u64::MAX);
        self.free.saturating_sub(Nanos(left))
    }
}

/// The plan's neighbours of each peer, as a host keeps them. Most steps do not ask, so they are looked up when one does.
pub trait Neighbours: fmt::Debug {
    /// Those that are connected now, in ascending order.
    fn live(&self, peer: Peer) -> &[Peer];
    /// All, connected or not, in ascending order.
    fn known(&self, peer: Peer) -> &[Peer];
}

/// The neighbours of one peer, for hosts that have them at hand.
#[derive(Clone, Debug, Default)]
pub struct Circle {
    /// Those that are connected now, in ascending order.
    pub live: Vec<Peer>,
    /// All, connected or not, in ascending order.
    pub known: Vec<Peer>,
}

impl Neighbours for Circle {
    fn live(&self, _: Peer) -> &[Peer] {
        &self.live
    }

    fn known(&self, _: Peer) -> &[Peer] {
        &self.known
    }
}

/// What the host knows of a peer at the instant of a step.
#[derive(Debug)]
pub struct Env<'a, H: Host> {
    /// Time since the run's start.
    pub now: Nanos,
    /// The peer that steps.
    pub me: Peer,
    /// The run's seed.
    pub seed: Seed,
    /// Its neighbours in the plan.
    pub neighbours: &'a dyn Neighbours,
    /// Its way out.
    pub uplink: &'a Uplink,
    /// The host, for contents.
    pub host: &'a mut H,
    /// Where effects go.
    pub out: &'a mut Outbox<H>,
}

/// A machine's view of the world during one step.
#[derive(Debug)]
pub struct Cx<'a, H: Host> {
    /// Time since the run's start.
    pub now: Nanos,
    /// This peer.
    pub me: Peer,
    pub(super) neighbours: &'a dyn Neighbours,
    /// This peer's way out, as it was when the step began.
    pub uplink: &'a Uplink,
    pub(super) host: &'a mut H,
    pub(super) out: &'a mut Outbox<H>,
    pub(super) rng: &'a mut Option<Rng>,
    pub(super) seed: Seed,
    pub(super) machine: u8,
}

impl<'a, H: Host> Cx<'a, H> {
    /// The plan's neighbours that are connected now, in ascending order.
    #[must_use]
    pub fn links(&self) -> &'a [Peer] {
        self.neighbours.live(self.me)
    }

    /// The plan's neighbours, connected or not, in ascending order: addresses known from the start.
    #[must_use]
    pub fn known(&self) -> &'a [Peer] {
        self.neighbours.known(self.me)
    }

    /// This machine's own stream of randomness: made when first drawn from, for most machines of a million never do.
    pub fn rng(&mut self) -> &mut Rng {
        let (seed, ids) = (self.seed, [u64::from(self.me.0), u64::from(self.machine)]);
        self.rng.get_or_insert_with(|| seed.stream("machine", &ids))
    }

    /// The host itself, for a [`SeenSet`](super::SeenSet).
    #[inline]
    #[must_use]
    pub fn host(&self) -> &H {
        self.host
    }

    /// The host itself, for models that belong to one host and use more of it than the contract knows.
    #[inline]
    pub fn host_mut(&mut self) -> &mut H {
        self.host
    }

    /// The item behind a handle.
    #[inline]
    #[must_use]
    pub fn item<'b>(&'b self, item: &'b H::Item) -> &'b Item {
        self.host.item(item)
    }

    /// The note behind a handle.
    #[inline]
    #[must_use]
    pub fn note<'b>(&'b self, note: &'b H::Note) -> &'b Note {
        self.host.note(note)
    }

    /// Makes an item to publish or to store.
    pub fn make_item(&mut self, item: Item) -> H::Item {
        self.host.make_item(item)
    }

    /// Makes the content of control messages; clone it to send it to several peers.
    pub fn make_note(&mut self, note: Note) -> H::Note {
        self.host.make_note(note)
    }

    /// Sends a message over a connection that stands.
    #[inline]
    pub fn send(&mut self, to: Peer, lane: Lane, msg: Msg<H>) {
        self.out.effects.push(Effect::Send { to, lane, msg });
    }

    /// Sends a message to all of [`Cx::links`] but one.
    #[inline]
    pub fn send_to_links(&mut self, except: Option<Peer>, lane: Lane, msg: Msg<H>) {
        self.out.effects.push(Effect::SendToLinks { except, lane, msg });
    }

    /// Hands an item to the overlay, to bring it to all who want it.
    pub fn publish(&mut self, item: H::Item) {
        self.out.handovers.push(Handover::Publish(item));
    }

    /// Asks the overlay for the items of a topic of this role's workload; to be said again after each start.
    pub fn subscribe(&mut self, topic: u32) {
        self.wish(topic, true);
    }

    /// Takes that back.
    pub fn unsubscribe(&mut self, topic: u32) {
        self.wish(topic, false);
    }

    fn wish(&mut self, number: u32, wanted: bool) {
        let topic = Topic { workload: self.machine - 1, number };
        self.out.handovers.push(Handover::Subscribe { topic, wanted });
    }

    /// Asks discovery, under a name by which this role knows the lookup until [`Input::Found`] ends it.
    ///
    /// [`Input::Found`]: super::Input::Found
    pub fn look_up(&mut self, query: QueryId, lookup: Lookup) {
        let workload = self.machine - 1;
        self.out.handovers.push(Handover::LookUp { workload, query, lookup });
    }

    /// Tells a role what came of its lookup; for discovery.
    pub fn found(&mut self, workload: u8, query: QueryId, found: Found) {
        self.out.handovers.push(Handover::Found { workload, query, found: Box::new(found) });
    }

    /// Hands an item that came from the network to the roles of this peer; for overlays.
    #[inline]
    pub fn deliver(&mut self, via: Peer, hops: u8, item: H::Item) {
        self.out.handovers.push(Handover::Deliver { via, hops, item });
    }

    /// Asks for a connection.
    pub fn dial(&mut self, peer: Peer) {
        self.out.effects.push(Effect::Dial(peer));
    }

    /// Ends a connection that was dialled or accepted, once what was sent over it has gone out.
    pub fn hang_up(&mut self, peer: Peer) {
        self.out.effects.push(Effect::HangUp(peer));
    }

    /// Sets a timer of this machine, or moves it; an instant that has passed means at once.
    pub fn set_timer(&mut self, key: TimerKey, at: Nanos) {
        let at = at.max(self.now);
        self.out.effects.push(Effect::SetTimer { key: TimerKey(owned(self.machine, key.0)), at });
    }

    /// Forgets a timer of this machine.
    pub fn cancel(&mut self, key: TimerKey) {
        self.out.effects.push(Effect::CancelTimer(TimerKey(owned(self.machine, key.0))));
    }

    /// Keeps an item over a crash.
    pub fn store(&mut self, key: StoreKey, item: H::Item) {
        self.out.effects.push(Effect::Store { key, item });
    }

    /// Asks a connected peer for an item, under a name by which this machine knows the fetch until [`Input::Fetched`] ends it.
    ///
    /// [`Input::Fetched`]: super::Input::Fetched
    pub fn fetch(&mut self, req: ReqId, from: Peer, what: ItemId) {
        self.out.effects.push(Effect::Fetch { req: ReqId(owned(self.machine, req.0)), from, what });
    }

    /// Gives a fetch up: nothing more is heard of it, and its name is free.
    pub fn abort(&mut self, req: ReqId) {
        self.out.effects.push(Effect::Abort(ReqId(owned(self.machine, req.0))));
    }

    /// Sends the item that another peer asked for.
    pub fn serve(&mut self, ask: Ask, item: H::Item) {
        self.out.effects.push(Effect::Serve { ask, item });
    }

    /// Tells another peer that it will not have what it asked for.
    pub fn refuse(&mut self, ask: Ask) {
        self.out.effects.push(Effect::Refuse(ask));
    }

    /// Notes a fact for the report.
    #[inline]
    pub fn record(&mut self, fact: Fact) {
        self.out.effects.push(Effect::Record(fact));
    }
}

pub(super) const OWNER_SHIFT: u32 = 24;

/// A name that a machine gave, with the machine in the upper bits.
fn owned(machine: u8, name: u32) -> u32 {
    assert!(name >> OWNER_SHIFT == 0, "a machine's names have 24 bits");
    u32::from(machine) << OWNER_SHIFT | name
}
