//! Kademlia beside an overlay: the two share the connections of a peer, as libp2p's behaviours do.

use peerlab_scenarios::{
    host::{Cx, Input, Links, Lookup, Machine, Msg, Overlay, Peer, QueryId, TimerKey},
    report::Fact,
    seed::mix,
    wire::Topic,
};

use super::{Kademlia, TIMERS};
use crate::engine::{
    prefetch::Prefetch,
    store::{ItemRef, Store},
};

/// What is below the roles of a peer that finds things by Kademlia.
#[derive(Debug)]
pub struct Beside<O> {
    overlay: O,
    kademlia: Box<Kademlia>,
}

impl<O: Overlay<Store>> Beside<O> {
    /// An overlay with Kademlia beside it.
    pub fn new(overlay: O, kademlia: Kademlia) -> Self {
        Self { overlay, kademlia: Box::new(kademlia) }
    }

    /// Kademlia, for inspection.
    pub const fn kademlia(&self) -> &Kademlia {
        &self.kademlia
    }

    fn hang_up_idle(&mut self, cx: &mut Cx<'_, Store>) {
        for peer in self.kademlia.take_idle() {
            if !self.overlay.lives_on(peer) {
                cx.hang_up(peer);
            }
        }
    }
}

impl<O: Overlay<Store>> Machine<Store> for Beside<O> {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, Store>, input: Input<Store>) {
        match input {
            Input::Message { from, msg, .. } if msg.kind.is_discovery() => {
                self.kademlia.message(cx, from, &msg);
            }
            Input::Timer(TimerKey(key)) if key >= TIMERS => {
                self.kademlia.timer(cx, TimerKey(key));
                self.hang_up_idle(cx);
            }
            Input::Start { kept } => {
                self.overlay.step(cx, Input::Start { kept });
                self.kademlia.start(cx);
            }
            Input::PeerUp { peer, link } => {
                self.overlay.step(cx, Input::PeerUp { peer, link });
                self.kademlia.connected(cx, peer, link);
            }
            Input::PeerDown { peer, why } => {
                self.overlay.step(cx, Input::PeerDown { peer, why });
                self.kademlia.disconnected(cx, peer);
            }
            other => self.overlay.step(cx, other),
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.overlay.drain_counters(record);
        self.kademlia.drain_counters(record);
    }

    fn digest(&self) -> u64 {
        mix(self.overlay.digest(), self.kademlia.digest(), 0)
    }
}

impl<O: Overlay<Store>> Overlay<Store> for Beside<O> {
    fn links(&self) -> Links {
        self.overlay.links()
    }

    fn subscribe(&mut self, cx: &mut Cx<'_, Store>, topic: Topic, wanted: bool) {
        self.overlay.subscribe(cx, topic, wanted);
    }

    #[inline]
    fn publish(&mut self, cx: &mut Cx<'_, Store>, item: ItemRef) {
        self.overlay.publish(cx, item);
    }

    fn look_up(&mut self, cx: &mut Cx<'_, Store>, workload: u8, query: QueryId, lookup: Lookup) {
        self.kademlia.look_up(cx, workload, query, lookup);
    }

    fn lives_on(&self, peer: Peer) -> bool {
        self.overlay.lives_on(peer) || self.kademlia.lives_on(peer)
    }
}

impl<O: Prefetch> Prefetch for Beside<O> {
    #[inline]
    fn prefetch(&self, msg: &Msg<Store>) {
        self.overlay.prefetch(msg);
    }
}
