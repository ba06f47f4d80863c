//! What an engine sends to the others that share its fleet.

use crate::engine::{
    event,
    store::{Store, shared::Enclosed},
    wheel::Event,
};

/// Events for one other engine, since the last barrier.
#[derive(Debug, Default)]
pub(super) struct Batch {
    pub(super) events: Vec<Event>,
    /// What those of them carry that carry a note, in their order.
    pub(super) notes: Vec<Enclosed>,
}

/// Events for the other engines.
#[derive(Debug, Default)]
pub(in crate::engine) struct Outgoing {
    /// By part.
    pub(super) batches: Vec<Batch>,
    /// The earliest of them, ns; `u64::MAX` when there are none.
    pub(super) earliest: u64,
    /// The end of the window, ns: what an engine does in one happens at others later.
    pub(super) horizon: u64,
}

impl Outgoing {
    pub(super) fn to(parts: usize) -> Self {
        Self {
            batches: std::iter::repeat_with(Batch::default).take(parts).collect(),
            earliest: u64::MAX,
            horizon: 0,
        }
    }

    /// Puts an event into the batch for a part, with what it carries.
    ///
    /// # Panics
    /// If it would happen within the window: the other engine may be past it.
    pub(in crate::engine) fn put(&mut self, part: usize, event: Event, store: &mut Store) {
        assert!(
            event.time >= self.horizon,
            "{event:?} comes sooner than anything may cross: {}",
            self.horizon
        );
        let batch = &mut self.batches[part];
        if let Some(note) = event::note(&event) {
            batch.notes.push(store.enclose(note));
        }
        batch.events.push(event);
        self.earliest = self.earliest.min(event.time);
    }
}
