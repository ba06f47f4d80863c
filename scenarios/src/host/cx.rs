//! What a machine sees and can do during one step.

use super::{Ask, Effect, Host, Lane, Msg, Peer, ReqId, StoreKey, TimerKey};
use crate::{
    report::Fact,
    seed::{Rng, Seed},
    units::Nanos,
    wire::{Item, ItemId, Note},
};

/// What goes between the overlay and the roles of one peer within a step.
#[derive(Debug)]
pub(super) enum Handover<H: Host> {
    Publish(H::Item),
    Deliver { via: Peer, hops: u8, item: H::Item },
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

/// What the host knows of a peer at the instant of a step.
#[derive(Debug)]
pub struct Env<'a, H: Host> {
    /// Time since the run's start.
    pub now: Nanos,
    /// The peer that steps.
    pub me: Peer,
    /// The run's seed.
    pub seed: Seed,
    /// The plan's neighbours that are connected now, in ascending order.
    pub links: &'a [Peer],
    /// The plan's neighbours, connected or not, in ascending order: addresses known from the start.
    pub known: &'a [Peer],
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
    /// The plan's neighbours that are connected now, in ascending order.
    pub links: &'a [Peer],
    /// The plan's neighbours, connected or not, in ascending order: addresses known from the start.
    pub known: &'a [Peer],
    pub(super) host: &'a mut H,
    pub(super) out: &'a mut Outbox<H>,
    pub(super) rng: &'a mut Option<Rng>,
    pub(super) seed: Seed,
    pub(super) machine: u8,
}

impl<H: Host> Cx<'_, H> {
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

    /// Hands an item to the overlay, to bring it to all who want it.
    pub fn publish(&mut self, item: H::Item) {
        self.out.handovers.push(Handover::Publish(item));
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
