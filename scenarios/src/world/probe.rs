//! The smallest role, to try an overlay with.

use crate::{
    host::{Command, Cx, Host, Input, Machine, Peer, StoreKey},
    seed::mix,
    units::Nanos,
    wire::{Blob, Content, Item, ItemId},
};

/// What a probe was brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// Which item.
    pub id: ItemId,
    /// When it came.
    pub at: Nanos,
    /// The neighbour who sent it.
    pub via: Peer,
    /// Hops from its author.
    pub hops: u8,
}

/// A role that publishes an item for every [`Command::Post`] and lists what the overlay brings it, in order.
#[derive(Clone, Debug, Default)]
pub struct Probe {
    published: u32,
    receipts: Vec<Receipt>,
}

impl Probe {
    /// What came, in the order in which it came. It is lost in a crash.
    #[must_use]
    pub fn receipts(&self) -> &[Receipt] {
        &self.receipts
    }

    /// How many items it published, which is also the number of its next one.
    #[must_use]
    pub const fn published(&self) -> u32 {
        self.published
    }

    /// How often an item came.
    #[must_use]
    pub fn count(&self, id: ItemId) -> usize {
        self.receipts.iter().filter(|receipt| receipt.id == id).count()
    }
}

/// The last item is kept over a crash, so that no number is used twice.
const LAST: StoreKey = StoreKey(0);

impl<H: Host> Machine<H> for Probe {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match input {
            Input::Start { kept } => {
                self.published = kept.first().map_or(0, |(_, last)| cx.item(last).id.number() + 1);
            }
            Input::Command { workload, command: Command::Post { room, bytes } } => {
                let id = ItemId::new(workload, cx.me, self.published);
                self.published += 1;
                let item = cx.make_item(Item::new(id, room, cx.now, Content::Raw(Blob::Sized(bytes))));
                cx.store(LAST, item.clone());
                cx.publish(item);
            }
            Input::Published { via, hops, item } => {
                let id = cx.item(&item).id;
                self.receipts.push(Receipt { id, at: cx.now, via, hops });
            }
            _ => {}
        }
    }

    /// Equal for peers that were brought the same items, in whatever order.
    fn digest(&self) -> u64 {
        self.receipts.iter().fold(0, |sum, receipt| sum.wrapping_add(mix(0, receipt.id.bits(), 0)))
    }
}
