//! Who must stay out of whose mesh, and until when.

use std::collections::BTreeMap;

use peerlab_scenarios::{host::Peer, units::Nanos, wire::Topic};

/// Until when a peer may not come back into the mesh of a topic, nor be taken into it.
#[derive(Debug, Default)]
pub(super) struct Backoffs {
    until: BTreeMap<(Topic, Peer), Nanos>,
}

impl Backoffs {
    /// Keeps a peer out until this instant at least.
    pub(super) fn extend(&mut self, topic: Topic, peer: Peer, until: Nanos) {
        let held = self.until.entry((topic, peer)).or_default();
        *held = until.max(*held);
    }

    /// Whether this side refrains from taking a peer in: until the first heartbeat after its time and the slack.
    pub(super) fn refrains(&self, topic: Topic, peer: Peer) -> bool {
        !self.until.is_empty() && self.until.contains_key(&(topic, peer))
    }

    /// Until when a peer that asks to come in comes too soon.
    pub(super) fn until(&self, topic: Topic, peer: Peer) -> Option<Nanos> {
        self.until.get(&(topic, peer)).copied()
    }

    /// A heartbeat: forgets what was over before `slack` ago.
    pub(super) fn heartbeat(&mut self, now: Nanos, slack: Nanos) {
        if !self.until.is_empty() {
            self.until.retain(|_, until| until.saturating_add(slack) > now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOPIC: Topic = Topic { workload: 0, number: 0 };

    #[test]
    fn a_backoff_is_never_shortened_and_outlasts_its_time_by_the_slack() {
        let mut backoffs = Backoffs::default();
        backoffs.extend(TOPIC, Peer(1), Nanos(60));
        backoffs.extend(TOPIC, Peer(1), Nanos(10));
        assert_eq!(backoffs.until(TOPIC, Peer(1)), Some(Nanos(60)));
        backoffs.heartbeat(Nanos(60), Nanos(1));
        assert!(backoffs.refrains(TOPIC, Peer(1)));
        backoffs.heartbeat(Nanos(61), Nanos(1));
        assert!(!backoffs.refrains(TOPIC, Peer(1)));
    }
}
