//! What waits for one connection, in three classes: libp2p's `Queue`.

use std::collections::VecDeque;

use peerlab_scenarios::{units::Nanos, wire::Kind};

use crate::engine::{rpc::Rpc, store::ItemRef};

/// Control messages that may wait (`CONTROL_MSGS_LIMIT`).
const MOST_CONTROL: usize = 20_000;

/// A message on its way out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outgoing {
    /// The first word on a connection.
    Extensions,
    /// Anything but an item.
    Rpc(Rpc),
    /// An item that will have travelled so many links, and is not sent after this instant.
    Item { item: ItemRef, hops: u8, until: Nanos },
}

impl Outgoing {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Extensions => Kind::PubsubExtensions,
            Self::Rpc(rpc) => Self::kind_of(rpc),
            Self::Item { .. } => Kind::PubsubPublish,
        }
    }

    /// The kind of a message with this content.
    pub(super) const fn kind_of(rpc: &Rpc) -> Kind {
        match rpc {
            Rpc::Subscriptions(_) => Kind::PubsubSubscriptions,
            Rpc::Graft(_) => Kind::PubsubGraft,
            Rpc::Prune(..) => Kind::PubsubPrune,
            Rpc::IHave(..) => Kind::PubsubIHave,
            Rpc::IWant(_) => Kind::PubsubIWant,
            Rpc::IDontWant(_) => Kind::PubsubIDontWant,
        }
    }
}

/// What waits for one connection. Classes come one before the other, and messages of a class in their order.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Subscriptions and extensions, without bound.
    priority: VecDeque<Outgoing>,
    /// Changes of meshes, and items that are not wanted.
    control: VecDeque<Outgoing>,
    /// Items, and word of them.
    data: VecDeque<Outgoing>,
}

impl Queue {
    /// Adds a message. False when its class has no room, of `most_data` places for items and word of them.
    pub(super) fn push(&mut self, out: Outgoing, most_data: usize) -> bool {
        let (class, most) = match out {
            Outgoing::Extensions | Outgoing::Rpc(Rpc::Subscriptions(_)) => (&mut self.priority, usize::MAX),
            Outgoing::Rpc(Rpc::Graft(_) | Rpc::Prune(..) | Rpc::IDontWant(_)) => {
                (&mut self.control, MOST_CONTROL)
            }
            Outgoing::Rpc(Rpc::IHave(..) | Rpc::IWant(_)) | Outgoing::Item { .. } => {
                (&mut self.data, most_data)
            }
        };
        let room = class.len() < most;
        if room {
            class.push_back(out);
        }
        room
    }

    /// The next to be sent.
    pub(super) fn pop(&mut self) -> Option<Outgoing> {
        self.priority.pop_front().or_else(|| self.control.pop_front()).or_else(|| self.data.pop_front())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.priority.is_empty() && self.control.is_empty() && self.data.is_empty()
    }

    /// Removes an item that the receiver does not want; how often it was there.
    pub(super) fn remove(&mut self, unwanted: ItemRef) -> u64 {
        let before = self.data.len();
        self.data.retain(|out| !matches!(out, Outgoing::Item { item, .. } if *item == unwanted));
        (before - self.data.len()) as u64
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::wire::Topic;

    use super::*;

    const TOPIC: Topic = Topic { workload: 0, number: 0 };

    fn item(number: u32) -> Outgoing {
        Outgoing::Item { item: ItemRef::test(number), hops: 1, until: Nanos::NEVER }
    }

    #[test]
    fn urgent_messages_overtake_and_each_class_has_its_bound() {
        let mut queue = Queue::default();
        let (have, graft) = (Rpc::IHave(TOPIC, Vec::new()), Rpc::Graft(TOPIC));
        let hello = Rpc::Subscriptions(vec![(TOPIC, true)]);
        assert!(queue.push(item(1), 2));
        assert!(queue.push(Outgoing::Rpc(have.clone()), 2));
        assert!(!queue.push(item(2), 2), "two places are taken");
        assert!(queue.push(Outgoing::Rpc(graft.clone()), 2));
        assert!(queue.push(Outgoing::Rpc(hello.clone()), 2));
        let order = [Outgoing::Rpc(hello), Outgoing::Rpc(graft.clone()), item(1), Outgoing::Rpc(have)];
        for next in order {
            assert_eq!(queue.pop(), Some(next));
        }
        assert!(queue.is_empty());
        let pushed = (0..=MOST_CONTROL).filter(|_| queue.push(Outgoing::Rpc(graft.clone()), 2));
        assert_eq!(pushed.count(), MOST_CONTROL);
    }

    #[test]
    fn what_is_not_wanted_leaves_the_queue() {
        let mut queue = Queue::default();
        for number in [1, 2, 1, 3] {
            queue.push(item(number), 9);
        }
        assert_eq!(queue.remove(ItemRef::test(9)), 0);
        assert_eq!(queue.remove(ItemRef::test(1)), 2);
        assert_eq!((queue.pop(), queue.pop(), queue.pop()), (Some(item(2)), Some(item(3)), None));
    }
}
