//! A role for tests: publishes what its user says, and remembers what others say.

use std::{cell::RefCell, collections::BTreeSet, rc::Rc};

use peerlab_scenarios::{
    host::{Command, Cx, Input, Machine, Peer},
    wire::{Blob, Content, Item, ItemId},
};

use crate::engine::store::Store;

/// What came: to whom, which.
pub(super) type Log = Rc<RefCell<Vec<(Peer, ItemId)>>>;

/// A member of room 0 that may speak in others too.
#[derive(Debug, Default)]
pub(super) struct Person {
    said: u32,
    /// What came in this life, of one that insists on hearing nothing twice.
    met: Option<BTreeSet<ItemId>>,
    heard: Log,
}

impl Person {
    /// One that writes down in this log what it hears, and insists on hearing nothing twice.
    pub(super) fn heard_in(log: &Log) -> Self {
        Self { said: 0, met: Some(BTreeSet::new()), heard: Rc::clone(log) }
    }
}

impl Machine<Store> for Person {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Start { .. } => cx.subscribe(0),
            Input::Stop => cx.unsubscribe(0),
            Input::Command { workload, command: Command::Post { room, bytes } } => {
                let id = ItemId::new(workload, cx.me, self.said);
                let item = cx.make_item(Item::new(id, room, cx.now, Content::Raw(Blob::Sized(bytes))));
                self.said += 1;
                cx.publish(item);
            }
            Input::Published { item, .. } => {
                let id = cx.item(&item).id;
                let new = self.met.as_mut().is_none_or(|met| met.insert(id));
                assert!(new, "{} hears {id:?} twice", cx.me);
                self.heard.borrow_mut().push((cx.me, id));
            }
            _ => {}
        }
    }
    fn digest(&self) -> u64 {
        0
    }
}
