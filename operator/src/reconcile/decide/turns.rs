//! Runs that want more room than the cluster has take turns, the oldest scenario first.
//!
//! Pods of several runs, each with a part of what it needs, would wait for one another until all gave up. So a run that finds no room gives back what it
//! has while an older one still gathers its pods, which finds room then. And room that others will give back when they end is waited for, however long that
//! takes: their own deadlines see to it that they do.

use peerlab_scenarios::spec::crd::status::Phase;

use super::{NO_ROOM, Next, PEERS_READY, Prepared, QUEUED, leading};
use crate::reconcile::{
    conditions,
    observe::{Other, PodView},
};

impl<'a> Next<'a> {
    /// Brings a run further, if it is its turn.
    pub(super) fn take_turns(&mut self, prepared: &'a Prepared) {
        let ready = conditions::find(&self.status.conditions, PEERS_READY);
        let reason = ready.map(|ready| ready.reason.clone()).unwrap_or_default();
        let gathers = self.status.phase.is_some_and(|phase| phase <= Phase::Joining);
        let finds_no_room = gathers && self.seen.pods.iter().any(PodView::finds_no_room);
        if finds_no_room || reason == QUEUED {
            let seen = self.seen;
            if let Some(first) = seen.others.iter().find(|other| other.is_older && !other.runs) {
                return self.queue(first);
            }
        }
        if reason == QUEUED {
            self.start_again();
        } else if reason == NO_ROOM && !finds_no_room {
            // What it has waited for others is no fault of its pods.
            self.status.run.started_at = Some(self.now());
        }
        let running: Vec<_> =
            self.seen.others.iter().filter(|other| other.runs).map(|it| it.name.clone()).collect();
        self.is_patient = finds_no_room && !running.is_empty();
        self.lead(prepared);
        if self.is_patient && self.is_under_way() {
            let told =
                conditions::find(&self.status.conditions, PEERS_READY).map(|ready| ready.message.clone());
            let message = format!(
                "{}; there is no room for them until others end: {}",
                told.unwrap_or_default(),
                leading::some_of(running.into_iter())
            );
            self.set(PEERS_READY, false, NO_ROOM, &message);
            self.again(leading::LATER);
        }
    }

    /// Has a run wait without pods until another, which is older, has all that it needs.
    fn queue(&mut self, first: &Other) {
        let message = format!(
            "the cluster has no room for its pods beside those of {}, which is older: it begins when that one runs",
            first.name
        );
        self.status.phase = Some(Phase::Starting);
        self.set(PEERS_READY, false, QUEUED, &message);
        self.clear_away();
        self.again(leading::LATER);
    }
}
