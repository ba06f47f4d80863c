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
