//! Overlays: machines that bring what one peer publishes to all others.
//!
//! | overlay | links used by an item | state | source |
//! |---|---|---|---|
//! | [`Flood`] | all of the topology | none but the seen-set | — |
//! | [`Plumtree`] | a tree that forms by itself, over the topology or over [`HyParView`]'s view | neighbours, recent and missing items | Leitão et al., SRDS 2007 |
//! | [`Star`] | those of a server | none but the seen-set | — |
//!
//! All deliver an item at most once, whatever the network does, and none delivers or passes on an item whose signature is
//! wrong.

mod any;
mod flood;
mod hyparview;
mod intake;
mod plumtree;
mod star;

pub use any::Any;
pub use flood::Flood;
pub use hyparview::{Change, HyParView};
pub use plumtree::Plumtree;
pub use star::Star;

use intake::Intake;

use crate::{
    host::{Cx, Host, Lane, Msg, Payload, Peer},
    wire::Kind,
};

/// Pushes an item that has then come `hops` links over all links but the one that it came by.
#[inline]
fn push<H: Host>(cx: &mut Cx<'_, H>, hops: u8, item: &H::Item, by: Option<Peer>) {
    cx.send_to_links(by, Lane::Reliable, Msg::new(Kind::Gossip, hops, Payload::Item(item.clone())));
}

#[cfg(test)]
mod tests;
