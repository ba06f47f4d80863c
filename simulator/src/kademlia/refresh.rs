//! What a peer does by itself: refreshing its table (`bootstrap.rs`), renewing its records (`jobs.rs`).

use std::collections::VecDeque;

use peerlab_scenarios::{
    host::Cx, plan::discovery::Key, report::KademliaCount, spec::discovery::Kademlia as Spec, units::Nanos,
};

use super::{K_VALUE, Kademlia, REFRESH, REPUBLISH, query::Purpose};
use crate::engine::{kad::Target, store::Store};

/// How long a peer waits for more, when somebody new is in a small table, before it looks for others
/// (`DEFAULT_AUTOMATIC_THROTTLE`).
const THROTTLE: Nanos = Nanos::from_millis(500);

/// Records that are renewed at a time (`JOBS_MAX_QUERIES`).
const RENEWALS: usize = 100;

/// When what is due.
#[derive(Debug, Default)]
pub(super) struct Refresh {
    /// For somebody new in a small table.
    soon: Option<Nanos>,
    /// For the time that has passed.
    periodic: Nanos,
    under_way: bool,
    /// Records that are still to be renewed.
    renewals: VecDeque<Key>,
}

impl Refresh {
    pub(super) fn start(&mut self, cx: &mut Cx<'_, Store>, spec: &Spec) {
        self.periodic = cx.now.saturating_add(spec.refresh);
        cx.set_timer(REPUBLISH, cx.now.saturating_add(spec.republish));
    }

    fn due(&self) -> Nanos {
        self.soon.map_or(self.periodic, |soon| soon.min(self.periodic))
    }
}

impl Kademlia {
    /// Somebody new is in the table.
    pub(super) fn grown(&mut self, cx: &mut Cx<'_, Store>) {
        if self.table.len() < K_VALUE {
            self.refresh.soon = Some(cx.now.saturating_add(THROTTLE));
            self.refresh_later(cx);
        }
    }

    pub(super) fn refresh_later(&self, cx: &mut Cx<'_, Store>) {
        if !self.refresh.under_way {
            cx.set_timer(REFRESH, self.refresh.due());
        }
    }

    pub(super) fn refresh_due(&mut self, cx: &mut Cx<'_, Store>) {
        self.refresh.soon = None;
        self.refresh.periodic = cx.now.saturating_add(self.plan.spec().refresh);
        if self.table.len() == 0 {
            return self.refresh_later(cx);
        }
        self.refresh.under_way = true;
        self.counts.add(KademliaCount::Refreshes, 1);
        let me = Target::peer(self.plan.key(self.me));
        self.begin(cx, Purpose::Refresh { remaining: None }, me);
    }

    /// A lookup of a refresh has ended: after the one of this peer itself comes one in each bucket that is farther away than the
    /// nearest peer.
    pub(super) fn refreshed(&mut self, cx: &mut Cx<'_, Store>, remaining: Option<Vec<Target>>) {
        let mut remaining = remaining.unwrap_or_else(|| {
            let nearest = self.table.nearest_bucket().unwrap_or(u8::MAX);
            (nearest..u8::MAX).map(|bucket| Target::peer(self.random_key(bucket + 1))).rev().collect()
        });
        match remaining.pop() {
            Some(target) => {
                self.counts.add(KademliaCount::Refreshes, 1);
                self.begin(cx, Purpose::Refresh { remaining: Some(remaining) }, target);
            }
            None => {
                self.refresh.under_way = false;
                self.refresh_later(cx);
            }
        }
    }

    /// Renews the records of what this peer provides.
    pub(super) fn republish(&mut self, cx: &mut Cx<'_, Store>) {
        cx.set_timer(REPUBLISH, cx.now.saturating_add(self.plan.spec().republish));
        let idle = self.refresh.renewals.is_empty();
        self.refresh.renewals = self.records.own().collect();
        if idle {
            (0..RENEWALS).for_each(|_| self.republish_next(cx));
        }
    }

    pub(super) fn republish_next(&mut self, cx: &mut Cx<'_, Store>) {
        if let Some(key) = self.refresh.renewals.pop_front() {
            self.begin(cx, Purpose::Provide { asker: None }, Target::content(key));
        }
    }
}
