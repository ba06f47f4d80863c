//! What the parameters of gossipsub must be to each other: what libp2p refuses, and what no run would survive.

use super::periods;
use crate::{
    spec::{
        Overlay, ScenarioSpec,
        overlay::{Gossipsub, Score, TopicScore},
        read::{Fault, FieldPath},
    },
    units::Nanos,
};

/// The shortest interval that libp2p lets scores decay in.
const SHORTEST_DECAY: Nanos = Nanos::from_secs(1);

/// The shortest backoff that libp2p takes for one.
const SHORTEST_BACKOFF: Nanos = Nanos::from_millis(1);

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let Overlay::Gossipsub(params) = &spec.overlay else { return };
    let path = super::root().key("overlay").key("gossipsub");
    check_mesh(params, &path, faults);
    periods::period(path.key("heartbeatInterval"), params.heartbeat_interval, faults);
    if params.history_gossip.get() > params.history_length.get() {
        faults.push(
            Fault::new(path.key("historyGossip"), "what is announced must still be there to be sent")
                .help(format!("write at most the `historyLength`, {}", params.history_length.get())),
        );
    }
    if params.unsubscribe_backoff < SHORTEST_BACKOFF {
        faults.push(
            Fault::new(path.key("unsubscribeBackoff"), "libp2p refuses a backoff of less than a millisecond")
                .help("write at least `1s`"),
        );
    }
    if let Some(score) = &params.score {
        let path = path.key("score");
        check_score(score, &path, faults);
        check_topic(&score.topic, &path.key("topic"), faults);
    }
}

fn check_mesh(params: &Gossipsub, path: &FieldPath, faults: &mut Vec<Fault>) {
    let (n, high) = (params.mesh_n.get(), params.mesh_n_high.get());
    let (outbound, low) = (params.mesh_outbound_min.get(), params.mesh_n_low.get());
    let mut refuse = |field: &str, why: &str, help: String| {
        faults.push(Fault::new(path.key(field), why).help(help));
    };
    if low > n {
        refuse(
            "meshNLow",
            "a mesh is not to be filled up beyond its size",
            format!("write at most the `meshN`, {n}"),
        );
    }
    if high < n {
        refuse("meshNHigh", "a mesh would be cut below its size", format!("write at least the `meshN`, {n}"));
    }
    if outbound > low || outbound * 2 > n {
        let most = low.min(n / 2);
        refuse(
            "meshOutboundMin",
            "libp2p wants it no more than `meshNLow` and than half of `meshN`",
            format!("write at most {most}"),
        );
    }
}

fn check_score(score: &Score, path: &FieldPath, faults: &mut Vec<Fault>) {
    let mut rule = Rules { path, faults };
    rule.not_above("gossipThreshold", score.gossip_threshold, 0.0);
    rule.not_above("publishThreshold", score.publish_threshold, score.gossip_threshold.min(0.0));
    rule.not_above("graylistThreshold", score.graylist_threshold, score.publish_threshold.min(0.0));
    rule.not_below("opportunisticGraftThreshold", score.opportunistic_graft_threshold, 0.0);
    rule.not_below("topicScoreCap", score.topic_score_cap, 0.0);
    rule.not_above("ipColocationFactorWeight", score.ip_colocation_factor_weight, 0.0);
    rule.not_below("ipColocationFactorThreshold", score.ip_colocation_factor_threshold, 1.0);
    rule.not_above("behaviourPenaltyWeight", score.behaviour_penalty_weight, 0.0);
    rule.not_below("behaviourPenaltyThreshold", score.behaviour_penalty_threshold, 0.0);
    rule.decay("behaviourPenaltyDecay", score.behaviour_penalty_decay);
    rule.decay("decayToZero", score.decay_to_zero);
    rule.not_above("slowPeerWeight", score.slow_peer_weight, 0.0);
    rule.not_below("slowPeerThreshold", score.slow_peer_threshold, 0.0);
    rule.decay("slowPeerDecay", score.slow_peer_decay);
    rule.lasts("decayInterval", score.decay_interval, SHORTEST_DECAY);
}

fn check_topic(topic: &TopicScore, path: &FieldPath, faults: &mut Vec<Fault>) {
    let mut rule = Rules { path, faults };
    rule.not_below("topicWeight", topic.topic_weight, 0.0);
    rule.not_below("timeInMeshWeight", topic.time_in_mesh_weight, 0.0);
    rule.lasts("timeInMeshQuantum", topic.time_in_mesh_quantum, Nanos(1));
    rule.counts("timeInMeshCap", topic.time_in_mesh_cap, topic.time_in_mesh_weight);
    rule.not_below("firstMessageDeliveriesWeight", topic.first_message_deliveries_weight, 0.0);
    rule.decay("firstMessageDeliveriesDecay", topic.first_message_deliveries_decay);
    rule.counts(
        "firstMessageDeliveriesCap",
        topic.first_message_deliveries_cap,
        topic.first_message_deliveries_weight,
    );
    rule.not_above("meshMessageDeliveriesWeight", topic.mesh_message_deliveries_weight, 0.0);
    rule.decay("meshMessageDeliveriesDecay", topic.mesh_message_deliveries_decay);
    rule.counts(
        "meshMessageDeliveriesCap",
        topic.mesh_message_deliveries_cap,
        topic.mesh_message_deliveries_weight,
    );
    rule.counts(
        "meshMessageDeliveriesThreshold",
        topic.mesh_message_deliveries_threshold,
        topic.mesh_message_deliveries_weight,
    );
    rule.lasts("meshMessageDeliveriesActivation", topic.mesh_message_deliveries_activation, SHORTEST_DECAY);
    rule.not_above("meshFailurePenaltyWeight", topic.mesh_failure_penalty_weight, 0.0);
    rule.decay("meshFailurePenaltyDecay", topic.mesh_failure_penalty_decay);
    rule.not_above("invalidMessageDeliveriesWeight", topic.invalid_message_deliveries_weight, 0.0);
    rule.decay("invalidMessageDeliveriesDecay", topic.invalid_message_deliveries_decay);
}

/// What libp2p's `validate` asks of the parameters of scores.
struct Rules<'a> {
    path: &'a FieldPath,
    faults: &'a mut Vec<Fault>,
}

impl Rules<'_> {
    fn refuse(&mut self, field: &str, why: String, help: String) {
        self.faults.push(Fault::new(self.path.key(field), why).help(help));
    }

    fn not_above(&mut self, field: &str, value: f64, most: f64) {
        if value > most || value.is_nan() {
            self.refuse(
                field,
                format!("{value} is more than libp2p allows here"),
                format!("write at most {most}"),
            );
        }
    }

    fn not_below(&mut self, field: &str, value: f64, least: f64) {
        if value < least || value.is_nan() {
            self.refuse(
                field,
                format!("{value} is less than libp2p allows here"),
                format!("write at least {least}"),
            );
        }
    }

    /// What has a weight must be able to count.
    fn counts(&mut self, field: &str, value: f64, weight: f64) {
        if weight == 0.0 {
            self.not_below(field, value, 0.0);
        } else if value <= 0.0 || value.is_nan() {
            self.refuse(
                field,
                format!("with {value}, nothing counts that has a weight of {weight}"),
                "write more than 0, or give it no weight".to_owned(),
            );
        }
    }

    fn decay(&mut self, field: &str, value: f64) {
        if !(0.0 < value && value < 1.0) {
            let why = format!("with {value}, nothing would be left at once or nothing would ever decay");
            self.refuse(field, why, "write a number between 0 and 1".to_owned());
        }
    }

    fn lasts(&mut self, field: &str, value: Nanos, least: Nanos) {
        if value < least {
            self.refuse(
                field,
                format!("{value} is less than libp2p allows here"),
                format!("write at least `{least}`"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::spec::read::read;

    /// What is told about a scenario with these parameters, by field.
    fn told(params: &str) -> Vec<String> {
        let yaml = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: a}}\nspec:\n  duration: 1m\n  \
             groups: [{{name: all, peers: 9}}]\n  topology: {{ring: {{}}}}\n  overlay: {{gossipsub: {params}}}\n  \
             workloads: [{{name: room, chat: {{}}}}]\n"
        );
        let Err(problems) = read("a.yaml", yaml.as_bytes()) else { return Vec::new() };
        problems.problems.iter().map(|problem| format!("{problem:?}")).collect()
    }

    #[test]
    fn what_libp2p_refuses_is_refused_by_field() {
        assert_eq!(told("{}"), [""; 0]);
        assert_eq!(told("{meshN: 8, score: {}}"), [""; 0]);
        assert_eq!(told("{score: {topic: {timeInMeshWeight: 0, timeInMeshCap: 0}}}"), [""; 0]);
        for (params, field) in [
            ("{meshN: 4}", "meshNLow"),
            ("{meshN: 13}", "meshNHigh"),
            ("{meshOutboundMin: 4}", "meshOutboundMin"),
            ("{historyGossip: 6}", "historyGossip"),
            ("{unsubscribeBackoff: 0s}", "unsubscribeBackoff"),
            ("{unsubscribeBackoff: 900us}", "unsubscribeBackoff"),
            ("{heartbeatInterval: 0s}", "heartbeatInterval"),
            ("{score: {publishThreshold: -1}}", "publishThreshold"),
            ("{score: {decayInterval: 1ms}}", "decayInterval"),
            ("{score: {topic: {topicWeight: -1}}}", "topicWeight"),
            ("{score: {topic: {timeInMeshCap: 0}}}", "timeInMeshCap"),
            ("{score: {topic: {meshMessageDeliveriesThreshold: 0}}}", "meshMessageDeliveriesThreshold"),
            ("{score: {topic: {meshFailurePenaltyDecay: 1}}}", "meshFailurePenaltyDecay"),
        ] {
            let told = told(params);
            assert!(told.len() == 1 && told[0].contains(field), "{params}: {told:?}");
        }
    }
}
