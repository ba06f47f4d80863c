//! The role that a workload names.

use super::{chat::Chat, distribution::Distribution, lookups::Lookups};
use crate::{
    host::{Cx, Host, Input, Machine, Peer, RoleSlot},
    plan::{Plan, WorkloadKind},
    report::Fact,
};

/// Any of the roles of this crate, for engines that learn which from a scenario.
#[derive(Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "most roles are chats, and a box would cost each of their steps a look-up"
)]
pub enum Any<H: Host> {
    /// Messages among members of rooms.
    Chat(Chat<H>),
    /// A file that a publisher releases and peers bring to one another.
    Distribution(Distribution<H>),
    /// Contents that some peers provide and others look for.
    Lookups(Lookups),
}

impl<H: Host> Any<H> {
    /// The roles of a peer: one for each workload that it takes part in.
    #[must_use]
    pub fn of(plan: &Plan, peer: Peer) -> Vec<RoleSlot<Self>> {
        let part = plan.workloads.iter().enumerate().filter_map(|(number, workload)| {
            let role = match &workload.kind {
                WorkloadKind::Chat(chat) => {
                    chat.takes_part(peer).then(|| Self::Chat(Chat::new(chat.clone())))
                }
                WorkloadKind::Update(update) => {
                    update.takes_part(peer).then(|| Self::Distribution(Distribution::new(update.clone())))
                }
                WorkloadKind::Lookups(lookups) => {
                    lookups.takes_part(peer).then(|| Self::Lookups(Lookups::new(lookups.clone())))
                }
            };
            role.map(|role| RoleSlot::new(number as u8, role))
        });
        part.collect()
    }
}

impl<H: Host> Machine<H> for Any<H> {
    #[inline]
    fn step(&mut self, cx: &mut Cx<'_, H>, input: Input<H>) {
        match self {
            Self::Chat(chat) => chat.step(cx, input),
            Self::Distribution(distribution) => distribution.step(cx, input),
            Self::Lookups(lookups) => lookups.step(cx, input),
        }
    }

    fn drain_counters(&mut self, record: &mut dyn FnMut(Fact)) {
        match self {
            Self::Chat(chat) => Machine::<H>::drain_counters(chat, record),
            Self::Distribution(distribution) => Machine::<H>::drain_counters(distribution, record),
            Self::Lookups(lookups) => Machine::<H>::drain_counters(lookups, record),
        }
    }

    fn digest(&self) -> u64 {
        match self {
            Self::Chat(chat) => chat.digest(),
            Self::Distribution(distribution) => distribution.digest(),
            Self::Lookups(lookups) => Machine::<H>::digest(lookups),
        }
    }
}
