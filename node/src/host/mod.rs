//! The host of a peer's machines on real libp2p: what [`peerlab_scenarios::world`] is in tests, over real connections.
//!
//! Each peer has one libp2p swarm and one task that drives it ([`run`]). Nothing here knows a runtime: timers are those of
//! `futures-timer`, time is that of `web-time`, and tasks are spawned by an executor that is handed in; so the same code runs in
//! virtual time.
//!
//! | module | what it holds |
//! |---|---|
//! | [`lane`] | messages: a stream in each direction of each connection |
//! | [`bulk`] | items that are fetched: a stream for each fetch under way |
//! | `pubsub` | libp2p's gossipsub as an overlay |
//! | `kademlia` | libp2p's Kademlia as discovery |
//! | `gate` | who may connect |
//! | [`card`] | how members of an open room introduce themselves |
//! | `setting` | what a peer needs to know of the run |
//! | `protocols` | all of these in one swarm, with its limits |
//! | `quiet`, `bell`, `names` | protocols that are asked only when something has happened to them |
//! | `native`, `contents` | contents: made, signed, checked |
//! | `connections` | whom a peer is connected with, as machines see it |
//! | `timers`, `clock` | when a peer wants to be woken |
//! | [`record`] | what machines were told, kept and stepped through again |
//! | `node` | the task that holds it all together |
//! | `told` | what it tells, and what it leaves behind |

mod bell;
#[cfg(test)]
mod bench;
pub mod bulk;
pub mod card;
mod clock;
mod connections;
mod contents;
mod gate;
mod kademlia;
pub mod lane;
mod names;
mod native;
mod node;
mod overlay;
mod pieces;
mod protocols;
mod pubsub;
mod quiet;
pub mod record;
mod roster;
mod setting;
mod timers;
mod told;

#[cfg(feature = "net")]
pub(crate) use self::gate::Gate;
pub use self::{
    clock::Clock,
    native::{Native, Seen},
    node::{Company, Life, NodeError, Order, run},
    overlay::Overlay,
    protocols::{Meter, Wire},
    pubsub::behaviour as gossipsub,
    roster::{Addresses, Moved, Roster},
    setting::Setting,
    told::{Account, Entry, Gauges, Legacy, Room, Told, Troubles},
};
