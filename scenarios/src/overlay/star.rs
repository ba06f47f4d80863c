//! A server in the middle: what peer-to-peer overlays are compared with.

use super::{Intake, intake::Verdict, push};
use crate::{
    host::{Cx, Host, Input, Links, Machine, Msg, Overlay, Payload, Peer},
    report::Fact,
    wire::Kind,
};

/// Relays through one peer, the hub. All others send what they publish to it, and pass on nothing; the hub passes every
/// new item on to all but the one that it came from.
#[derive(Debug)]
pub struct Star<H: Host> {
    hub: Peer,
    intake: Intake<H>,
}

impl<H: Host> Star<H> {
    /// A peer of the star around `hub`, or the hub itself.
    #[must_use]
    pub fn new(hub: Peer) -> Self {
        Self { hub, intake: Intake::default() }
    }
}

impl<H: Host> Machine<H> for Star<H> {
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        let Input::Message {
            from,
            msg: Msg { kind: Kind::Gossip, hops, payload: Payload::Item(item), .. },
            ..
        } = input
        else {
            return;
        };
        if self.intake.judge(cx, &item) == Verdict::New {
            if cx.me == self.hub {
                push(cx, hops.saturating_add(1), &item, Some(from));
            }
            cx.deliver(from, hops, item);
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        self.intake.drain_counters(record);
    }

    fn digest(&self) -> u64 {
        self.intake.digest()
    }
}

impl<H: Host> Overlay<H> for Star<H> {
    fn links(&self) -> Links {
        Links::Planned
    }

    fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        self.intake.own(cx, &item);
        push(cx, 1, &item, None);
    }
}
