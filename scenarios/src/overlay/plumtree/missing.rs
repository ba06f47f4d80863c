//! Items that were announced and have not come.

use std::collections::{BTreeMap, VecDeque};

use crate::{host::Peer, units::Nanos, wire::ItemId};

/// Items waited for at most: what is announced beyond that is not believed.
const MAX_MISSING: usize = 1 << 13;
/// Neighbours remembered for each.
const MAX_SOURCES: usize = 16;

/// What is waited for, and who has it.
#[derive(Debug, Default)]
pub(super) struct Missing {
    items: BTreeMap<ItemId, Wanted>,
}

#[derive(Debug)]
struct Wanted {
    /// When to ask the next source, or to give up when there is none.
    due: Nanos,
    /// Who announced it, with the hops that it would have travelled; in the order of announcement.
    sources: VecDeque<(Peer, u8)>,
}

impl Missing {
    /// Notes that `peer` has an item, to be asked for at `due` unless it is waited for already.
    pub(super) fn announced(&mut self, id: ItemId, peer: Peer, hops: u8, due: Nanos) {
        if self.items.len() >= MAX_MISSING && !self.items.contains_key(&id) {
            return;
        }
        let wanted = self.items.entry(id).or_insert_with(|| Wanted { due, sources: VecDeque::new() });
        if wanted.sources.len() < MAX_SOURCES && wanted.sources.iter().all(|(source, _)| *source != peer) {
            wanted.sources.push_back((peer, hops));
        }
    }

    /// The item came; gives back the source that announced it from nearest, of those not asked yet.
    pub(super) fn found(&mut self, id: ItemId) -> Option<(Peer, u8)> {
        let wanted = self.items.remove(&id)?;
        wanted.sources.into_iter().min_by_key(|&(_, hops)| hops)
    }

    /// A neighbour is gone, and cannot be asked any more.
    pub(super) fn forget_source(&mut self, peer: Peer) {
        for wanted in self.items.values_mut() {
            wanted.sources.retain(|(source, _)| *source != peer);
        }
    }

    /// What to ask of whom now. Each item is due again at `again`; one without sources left is given up.
    pub(super) fn overdue(&mut self, now: Nanos, again: Nanos) -> BTreeMap<Peer, Vec<ItemId>> {
        let mut questions: BTreeMap<Peer, Vec<ItemId>> = BTreeMap::new();
        self.items.retain(|&id, wanted| {
            if wanted.due > now {
                return true;
            }
            wanted.due = again;
            let source = wanted.sources.pop_front();
            if let Some((peer, _)) = source {
                questions.entry(peer).or_default().push(id);
            }
            source.is_some()
        });
        questions
    }

    /// When something is due next.
    pub(super) fn next_due(&self) -> Option<Nanos> {
        self.items.values().map(|wanted| wanted.due).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: Peer = Peer(1);
    const B: Peer = Peer(2);

    fn id(number: u32) -> ItemId {
        ItemId::new(0, Peer(0), number)
    }

    #[test]
    fn sources_are_asked_in_turn_and_then_it_is_given_up() {
        let mut missing = Missing::default();
        missing.announced(id(1), A, 3, Nanos(100));
        missing.announced(id(1), B, 2, Nanos(150));
        missing.announced(id(1), A, 3, Nanos(160));
        assert_eq!(missing.next_due(), Some(Nanos(100)));
        assert!(missing.overdue(Nanos(99), Nanos(200)).is_empty());
        assert_eq!(missing.overdue(Nanos(100), Nanos(200)), BTreeMap::from([(A, vec![id(1)])]));
        assert!(missing.overdue(Nanos(199), Nanos(300)).is_empty(), "it has time to answer");
        assert_eq!(missing.overdue(Nanos(200), Nanos(300)), BTreeMap::from([(B, vec![id(1)])]));
        assert!(missing.overdue(Nanos(300), Nanos(400)).is_empty());
        assert_eq!(missing.next_due(), None);
    }

    #[test]
    fn each_source_is_asked_once_for_all_that_is_due() {
        let mut missing = Missing::default();
        missing.announced(id(1), A, 1, Nanos(100));
        missing.announced(id(2), B, 1, Nanos(100));
        missing.announced(id(3), A, 1, Nanos(100));
        missing.announced(id(4), A, 1, Nanos(101));
        missing.forget_source(B);
        assert_eq!(missing.overdue(Nanos(100), Nanos(200)), BTreeMap::from([(A, vec![id(1), id(3)])]));
    }

    #[test]
    fn a_flood_of_announcements_is_not_remembered_in_full() {
        let mut missing = Missing::default();
        for number in 0..2 * MAX_MISSING as u32 {
            missing.announced(id(number), A, 1, Nanos(1));
        }
        for peer in 0..2 * MAX_SOURCES as u32 {
            missing.announced(id(0), Peer(peer), 1, Nanos(1));
        }
        assert_eq!(missing.items.len(), MAX_MISSING);
        assert_eq!(missing.items[&id(0)].sources.len(), MAX_SOURCES);
    }
}
