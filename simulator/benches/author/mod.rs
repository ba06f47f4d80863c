//! A role that only says what it is told to say.

use peerlab_scenarios::{
    host::{Command, Cx, Input, Machine, Peer},
    units::Nanos,
    wire::{Blob, Content, Item, ItemId},
};
use peerlab_simulator::engine::store::Store;

/// Subscribes to its room, publishes what its user says, and counts what others say.
#[derive(Debug, Default)]
pub(crate) struct Author {
    said: u32,
    heard: u32,
}

impl Machine<Store> for Author {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Start { .. } => cx.subscribe(0),
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
