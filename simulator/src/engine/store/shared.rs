//! The stores of engines that share a fleet: each makes items of its own and learns of those of the others at barriers.
//!
//! An item has the same number everywhere. Each store numbers what it makes in blocks of its own, which are dealt out so that the
//! numbers of all stores together stay dense: sets of items are bits.

use peerlab_scenarios::{
    host::Peer,
    units::Nanos,
    wire::{Blob, Content, Item, ItemId},
};

use super::{Content as Control, ItemRef, NoteRef, Slot, Store};

/// Items of a block: with four parts, those that are being filled are one word of a set.
const BLOCK: u32 = 16;

/// Where a store's items get their numbers.
#[derive(Debug)]
pub(super) struct Blocks {
    part: u32,
    parts: u32,
    /// The first number of the blocks of this window, of which each store has every so many.
    first: u32,
    /// Blocks that were begun in this window.
    begun: u32,
    /// The number of the next item, and the end of its block.
    next: u32,
    end: u32,
    /// Items made since the others were last told of any.
    untold: Vec<u32>,
}

impl Blocks {
    fn take(&mut self) -> u32 {
        if self.next == self.end {
            self.next = self.first + (self.begun * self.parts + self.part) * BLOCK;
            self.end = self.next + BLOCK;
            self.begun += 1;
        }
        let number = self.next;
        self.next += 1;
        self.untold.push(number);
        number
    }
}

/// The content of a control message, on its way from one store to another.
#[derive(Debug)]
pub(in crate::engine) struct Enclosed {
    content: Control,
    len: u32,
}

impl Store {
    /// This store as one of several.
    pub(in crate::engine) fn part_of(self, part: usize, parts: usize) -> Self {
        let (part, parts) = (part as u32, parts as u32);
        let blocks = Blocks { part, parts, first: 0, begun: 0, next: 0, end: 0, untold: Vec::new() };
        Self { blocks: Some(Box::new(blocks)), ..self }
    }

    /// Makes an item under a number of this store's blocks.
    #[cold]
    pub(super) fn make_numbered(&mut self, item: Item) -> ItemRef {
        let number = self.blocks.as_mut().expect("a store by itself needs no blocks").take();
        self.learn(number, item);
        ItemRef(number)
    }

    /// Takes in an item that another store made.
    pub(in crate::engine) fn learn(&mut self, number: u32, item: Item) {
        let place = number as usize;
        if place >= self.items.len() {
            // The numbers between belong to items that are not made yet.
            let nothing =
                || Item::new(ItemId::new(0, Peer(0), 0), 0, Nanos::ZERO, Content::Raw(Blob::Sized(0)));
            self.items.resize_with(place, nothing);
            self.published.resize(place, 0);
            self.push(item);
        } else {
            self.published[place] = self.envelope.publish(&item);
            self.items[place] = item;
        }
    }

    /// Items that were made since this was last asked, in their order.
    pub(in crate::engine) fn take_untold(&mut self) -> impl Iterator<Item = (u32, Item)> + '_ {
        let untold = self.blocks.as_mut().map(|blocks| std::mem::take(&mut blocks.untold));
        untold.unwrap_or_default().into_iter().map(|number| (number, self.items[number as usize].clone()))
    }

    /// Items that were made and not told of yet.
    pub(in crate::engine) fn untold(&self) -> &[u32] {
        self.blocks.as_ref().map_or(&[], |blocks| &blocks.untold)
    }

    /// The end of the numbers that this store's blocks of this window are of.
    pub(in crate::engine) fn end_of_blocks(&self) -> u32 {
        self.blocks.as_ref().map_or(0, |blocks| blocks.first + blocks.begun * blocks.parts * BLOCK)
    }

    /// Begins a window, whose blocks have this number and higher ones: `made` items were made by all stores before. With a new
    /// age, blocks begin anew.
    pub(in crate::engine) fn begin_window(&mut self, first: u32, made: u64, looks: bool) {
        let ends = looks && self.ages.look(made, first);
        if let Some(blocks) = &mut self.blocks {
            (blocks.first, blocks.begun) = (first, 0);
            if ends {
                blocks.end = blocks.next;
            }
        }
    }

    /// Hands a copy of a control message in flight over to another store.
    pub(in crate::engine) fn enclose(&mut self, note: NoteRef) -> Enclosed {
        let slot = &self.notes[note.0 as usize];
        let enclosed = Enclosed { content: slot.content.clone(), len: slot.len };
        self.give_up(note);
        enclosed
    }

    /// Takes in a copy of a control message in flight.
    pub(in crate::engine) fn unpack(&mut self, Enclosed { content, len }: Enclosed) -> NoteRef {
        self.place(Slot { content, len, copies: 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerlab_scenarios::host::Host as _;

    fn item(number: u32) -> Item {
        Item::new(ItemId::new(0, Peer(1), number), 0, Nanos::ZERO, Content::Raw(Blob::Sized(number)))
    }

    #[test]
    fn stores_never_give_the_same_number_to_two_items_and_all_find_each() {
        let mut stores: Vec<Store> = (0..3).map(|part| Store::default().part_of(part, 3)).collect();
        let (mut known, mut first, mut made) = (Vec::new(), 0, 0);
        for window in 0..50u32 {
            for (part, store) in stores.iter_mut().enumerate() {
                store.begin_window(first, made, window % 7 == 0);
                for _ in 0..(window * (part as u32 + 1)) % 40 {
                    let content = known.len() as u32;
                    known.push((store.make_item(item(content)), content));
                }
            }
            made = known.len() as u64;
            first = stores.iter().map(Store::end_of_blocks).max().expect("there are stores");
            let told: Vec<Vec<_>> = stores.iter_mut().map(|store| store.take_untold().collect()).collect();
            for (part, store) in stores.iter_mut().enumerate() {
                let others = told.iter().enumerate().filter(|(from, _)| *from != part);
                for (number, item) in others.flat_map(|(_, items)| items.clone()) {
                    store.learn(number, item);
                }
                for (number, content) in &known {
                    assert_eq!(*store.item(number), item(*content));
                }
            }
        }
        let mut numbers: Vec<_> = known.iter().map(|(number, _)| number.number()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        assert_eq!(numbers.len(), known.len());
        assert!(first as usize <= 3 * known.len() + 3 * BLOCK as usize, "{first} for {}", known.len());
    }
}
