//! A role for tests: publishes what its user says, and remembers what others say.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use peerlab_scenarios::{
    host::{Command, Cx, Input, Machine, Peer},
    units::Nanos,
    wire::{Blob, Content, Item, ItemId},
};

use crate::engine::store::Store;

/// When items are taken for new again (`duplicateCacheTime`).
const FORGOTTEN: Nanos = Nanos::from_secs(60);

/// What came: to whom, which.
pub(super) type Log = Rc<RefCell<Vec<(Peer, ItemId)>>>;

/// The number of what is said at this instant.
pub(super) fn millis(now: Nanos) -> u32 {
    (now.0 / 1_000_000) as u32
}

/// A member of room 0 that may speak in others too.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// When what came in this life, of one that insists on hearing nothing twice.
    met: Option<BTreeMap<ItemId, Nanos>>,
    heard: Log,
}

impl Person {
    /// One that writes down in this log what it hears, and insists on hearing nothing twice.
    pub(super) fn heard_in(log: &Log) -> Self {
        Self { met: Some(BTreeMap::new()), heard: Rc::clone(log) }
    }
}

impl Machine<Store> for Person {
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Start { .. } => cx.subscribe(0),
            Input::Stop => cx.unsubscribe(0),
            Input::Command { workload, command: Command::Post { room, bytes } } => {
                // By time, so that it does not come again in another life.
                let id = ItemId::new(workload, cx.me, millis(cx.now));
                let item = cx.make_item(Item::new(id, room, cx.now, Content::Raw(Blob::Sized(bytes))));
                cx.publish(item);
            }
            Input::Published { item, .. } => {
                let id = cx.item(&item).id;
                let before = self.met.as_mut().and_then(|met| met.insert(id, cx.now));
                let again = before.map(|before| cx.now.saturating_sub(before));
                // Peers that start anew pass on to each other what the others have had, until these have forgotten it.
                assert!(
                    again.is_none_or(|after| after >= FORGOTTEN),
                    "{} hears {id:?} again after {again:?}",
                    cx.me
                );
                self.heard.borrow_mut().push((cx.me, id));
            }
            _ => {}
        }
    }
    fn digest(&self) -> u64 {
        0
    }
}
