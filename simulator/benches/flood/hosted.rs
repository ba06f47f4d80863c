//! The flood on the engine: the real overlay, under a role that only says what it is told to say.

use peerlab_scenarios::{
    host::{Command, Cx, Input, Machine, Peer, PeerHost, RoleSlot},
    overlay::Flood,
    report::Fact,
    units::Nanos,
    wire::{Blob, Content, Item, ItemId, Kind},
};
use peerlab_simulator::engine::{
    Engine, Observer,
    store::{ItemRef, Store},
};

use crate::{Tally, fleet::Fleet};

/// Publishes what its user says, and counts what others say.
#[derive(Debug, Default)]
pub(crate) struct Author {
    said: u32,
    heard: u32,
}

impl Machine<Store> for Author {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Command { workload, command: Command::Post { room, bytes } } => {
                let item = post(workload, cx.me, self.said, room, cx.now, bytes);
                let item = cx.make_item(item);
                self.said += 1;
                cx.publish(item);
            }
            Input::Published { .. } => self.heard += 1,
            _ => {}
        }
    }

    fn digest(&self) -> u64 {
        u64::from(self.said) << 32 | u64::from(self.heard)
    }
}

/// What `author` says.
pub(crate) fn post(workload: u8, author: Peer, number: u32, room: u32, at: Nanos, bytes: u32) -> Item {
    Item::new(ItemId::new(workload, author, number), room, at, Content::Raw(Blob::Sized(bytes)))
}

/// Tells what was delivered, and when.
#[derive(Debug, Default)]
pub(crate) struct Counter {
    pub(crate) tally: Tally,
}

impl Observer for Counter {
    fn fact(&mut self, _: Nanos, _: Peer, _: &Fact) {}

    #[inline]
    fn delivered(&mut self, now: Nanos, _: Peer, _: Kind, _: Option<ItemRef>, _: u32) {
        self.tally.delivered += 1;
        self.tally.instants = self.tally.instants.wrapping_add(now.0);
    }
}

/// A run that is ready to begin.
pub(crate) fn engine(fleet: &Fleet) -> Engine<'_, Flood<Store>, Author, Counter> {
    let make = |_| PeerHost::new(Flood::default(), vec![RoleSlot::new(0, Author::default())]);
    Engine::new(&fleet.plan, make, Counter::default())
}
