//! Flooding: the simplest overlay that works.

use super::{Intake, intake::Verdict, push};
use crate::{
    host::{Cx, Host, Input, Links, Machine, Msg, Overlay, Payload},
    report::Fact,
    wire::Kind,
};

/// Passes every new item on to all neighbours of the topology but the one that it came from.
///
/// An item reaches all that a path of honest peers leads to, along the fastest such path, and crosses each link once or,
/// when both ends send before they hear from the other, twice. It has no memory of what it sent: a neighbour whose
/// connection breaks meanwhile misses it.
#[derive(Debug)]
pub struct Flood<H: Host> {
    intake: Intake<H>,
}

impl<H: Host> Default for Flood<H> {
    fn default() -> Self {
        Self { intake: Intake::default() }
    }
}

impl<H: Host> Machine<H> for Flood<H> {
    #[inline(always)]
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
            push(cx, hops.saturating_add(1), &item, Some(from));
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

impl<H: Host> Overlay<H> for Flood<H> {
    fn links(&self) -> Links {
        Links::Planned
    }

    fn publish(&mut self, cx: &mut Cx<'_, H>, item: H::Item) {
        self.intake.own(cx, &item);
        push(cx, 1, &item, None);
    }
}
