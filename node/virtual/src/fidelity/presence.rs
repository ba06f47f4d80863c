//! When the peers of a plan are there, while bytes are counted. Faults that stop some for a while are left out, so it is the most that may be.

use peerlab_scenarios::{host::Peer, plan::Plan, units::Nanos};

/// When each peer is there.
#[derive(Clone, Debug)]
pub struct Presence(Vec<Vec<Span>>);

/// From one instant to another.
type Span = (Nanos, Nanos);

fn common((from, to): Span, (since, until): Span) -> f64 {
    to.min(until).saturating_sub(from.max(since)).as_secs_f64()
}

impl Presence {
    /// That of a plan's peers, from the end of its warm-up to that of its cool-down.
    #[must_use]
    pub fn of(plan: &Plan) -> Self {
        let (begin, end) = (plan.spec.warm_up, plan.spec.end());
        let of_peer = |peer| {
            let sessions = plan.sessions(Peer(peer)).take_while(|session| session.from < end);
            let spans = sessions.map(|session| (session.from.max(begin), session.to.min(end)));
            spans.filter(|(from, to)| from < to).collect()
        };
        Self((0..plan.peers.len()).map(of_peer).collect())
    }

    /// How long a peer is there, s.
    #[must_use]
    pub fn seconds(&self, peer: Peer) -> f64 {
        self.0[peer.index()].iter().map(|&span| common(span, span)).sum()
    }

    /// How long neighbours of a plan are there together, in the mean, s; where the plan has none, how long a peer is there.
    #[must_use]
    pub fn together(&self, plan: &Plan) -> f64 {
        let both = |[a, b]: [u32; 2]| {
            let (one, other) = (&self.0[a as usize], &self.0[b as usize]);
            one.iter().flat_map(|&one| other.iter().map(move |&other| common(one, other))).sum::<f64>()
        };
        let edges = plan.graph.edges();
        if edges > 0 {
            plan.graph.links().map(both).sum::<f64>() / edges as f64
        } else {
            let peers = plan.peers.len();
            (0..peers).map(|peer| self.seconds(Peer(peer))).sum::<f64>() / f64::from(peers)
        }
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{plan::Files, seed::Seed, spec::read};

    use super::*;

    fn plan(groups: &str) -> Plan {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: small}}\nspec:\n  duration: 80s\n  warmUp: 20s\n  \
             coolDown: 20s\n  groups: {groups}\n  topology: {{fullMesh: {{}}}}\n  overlay: {{flood: {{}}}}\n  \
             workloads: [{{name: room, chat: {{}}}}]\n"
        );
        let document =
            read::document("small.yaml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
        Plan::new(&document.value, Seed(1), &Files::new()).expect("it can be planned")
    }

    #[test]
    fn neighbours_are_together_while_both_are_there_and_bytes_are_counted() {
        let plan = plan("[{name: early, peers: 2}, {name: late, peers: 1, join: {at: {time: 70s}}}]");
        let presence = Presence::of(&plan);
        let (whole, counted) = (plan.spec.end().as_secs_f64(), plan.spec.end().as_secs_f64() - 20.0);
        assert_eq!([0, 1, 2].map(|peer| presence.seconds(Peer(peer))), [counted, counted, whole - 70.0]);
        assert_eq!(presence.together(&plan), (counted + 2.0 * (whole - 70.0)) / 3.0);
    }
}
