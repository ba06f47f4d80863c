//! What is below the roles of a real peer: the overlay that a scenario names, and beside it the way to libp2p's Kademlia.

use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::AtomicU64},
};

use peerlab_scenarios::{
    host::{self, Cx, Found, Input, Links, Lookup, Machine, Peer, QueryId},
    overlay::Any,
    report::Fact,
    seed::mix,
    wire::{Item, Topic},
};

use super::{Native, Setting, native::LookupOrder, pubsub::Pubsub};

/// One of this project's overlays, or libp2p's gossipsub.
#[derive(Debug)]
enum Spread {
    /// One that is a machine.
    Own(Any<Native>),
    /// libp2p's.
    Pubsub(Pubsub),
}

/// The overlay of a peer, and the lookups that its roles have asked for.
#[derive(Debug)]
pub struct Overlay {
    spread: Spread,
    /// Those that are under way, by the name that they have here: workload and name at the role. Nothing where nothing can be looked up.
    lookups: Option<Lookups>,
}

/// Lookups under way.
#[derive(Debug, Default)]
struct Lookups {
    asked: BTreeMap<u32, (u8, QueryId)>,
    next: u32,
}

impl Overlay {
    /// The overlay of a setting; `named` is counted up by libp2p's gossipsub for each copy of a message that comes.
    pub(super) fn new(setting: &Setting, named: Arc<AtomicU64>) -> Self {
        let own = Any::new(&setting.overlay, setting.hub);
        let spread = own.map_or_else(|| Spread::Pubsub(Pubsub::new(named)), Spread::Own);
        Self { spread, lookups: setting.finding.is_some().then(Lookups::default) }
    }

    fn found(&mut self, cx: &mut Cx<'_, Native>, query: QueryId, found: Found) {
        let asked = self.lookups.as_mut().and_then(|lookups| lookups.asked.remove(&query.0));
        if let Some((workload, query)) = asked {
            cx.found(workload, query, found);
        }
    }
}

impl Machine<Native> for Overlay {
    fn step(&mut self, cx: &mut Cx<'_, Native>, input: Input<Native>) {
        match (&mut self.spread, input) {
            (_, Input::Found { query, found }) => self.found(cx, query, *found),
            (Spread::Own(overlay), input) => overlay.step(cx, input),
            (Spread::Pubsub(overlay), input) => overlay.step(cx, input),
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        match &mut self.spread {
            Spread::Own(overlay) => overlay.drain_counters(record),
            Spread::Pubsub(overlay) => overlay.drain_counters(record),
        }
    }

    fn digest(&self) -> u64 {
        let spread = match &self.spread {
            Spread::Own(overlay) => overlay.digest(),
            Spread::Pubsub(overlay) => overlay.digest(),
        };
        self.lookups.as_ref().map_or(spread, |lookups| mix(spread, u64::from(lookups.next), 0))
    }
}

impl host::Overlay<Native> for Overlay {
    fn links(&self) -> Links {
        match &self.spread {
            Spread::Own(overlay) => overlay.links(),
            Spread::Pubsub(overlay) => overlay.links(),
        }
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Native>, topic: Topic, wanted: bool) {
        match &mut self.spread {
            Spread::Own(overlay) => overlay.subscribe(cx, topic, wanted),
            Spread::Pubsub(overlay) => overlay.subscribe(cx, topic, wanted),
        }
    }

    fn publish(&mut self, cx: &mut Cx<'_, Native>, item: Arc<Item>) {
        match &mut self.spread {
            Spread::Own(overlay) => overlay.publish(cx, item),
            Spread::Pubsub(overlay) => overlay.publish(cx, item),
        }
    }

    fn look_up(&mut self, cx: &mut Cx<'_, Native>, workload: u8, query: QueryId, lookup: Lookup) {
        let Some(lookups) = &mut self.lookups else { return cx.found(workload, query, Found::default()) };
        let name = lookups.next;
        lookups.next = lookups.next.wrapping_add(1);
        lookups.asked.insert(name, (workload, query));
        cx.host_mut().lookups.push(LookupOrder { query: QueryId(name), workload, lookup });
    }

    fn lives_on(&self, peer: Peer) -> bool {
        match &self.spread {
            Spread::Own(overlay) => overlay.lives_on(peer),
            Spread::Pubsub(overlay) => overlay.lives_on(peer),
        }
    }
}
