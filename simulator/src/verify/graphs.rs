//! Figures of plans, for which nothing has to run.

use peerlab_scenarios::{
    plan::{Plan, topology::metrics::GraphMetrics},
    units::Nanos,
};

use super::{Experiment, Finding, Within};

/// The plan of a fleet without anything particular but what `fields` say.
fn fleet(peers: u32, group: &str, topology: &str) -> Plan {
    let yaml = format!(
        "apiVersion: peerlab.dev/v1alpha1
kind: Scenario
metadata: {{name: verify-graph}}
spec:
  seed: 1
  duration: 1h
  groups: [{{name: peers, peers: {peers}{group}}}]
  topology: {topology}
  overlay: {{flood: {{}}}}
  workloads: [{{name: room, chat: {{members: 2}}}}]
"
    );
    super::plan("graph.yaml", &yaml, &[])
}

fn metrics(peers: u32, topology: &str) -> GraphMetrics {
    GraphMetrics::of(&fleet(peers, "", topology).graph)
}

pub(super) const RANDOM_REGULAR: Experiment = Experiment {
    name: "random-regular",
    what: "paths and expansion of random 8-regular graphs of 10,000 peers",
    measure: || {
        let metrics = metrics(10_000, "{kRegular: {degree: 8}}");
        vec![
            Finding {
                figure: "second eigenvalue of the adjacency, of 8",
                source: "Friedman, A proof of Alon's second eigenvalue conjecture, Mem. AMS 195 (2008): 2 √(d - 1)",
                published: 2.0 * f64::sqrt(7.0),
                measured: metrics.spectral_gap.map_or(f64::NAN, |gap| 8.0 * (1.0 - gap)),
                within: Within::Share(0.02),
            },
            Finding {
                figure: "mean shortest path, hops",
                source: "breadth-first search from 200 peers of one such graph, independent of this program",
                published: 4.781,
                measured: metrics.mean_path.unwrap_or(f64::NAN),
                within: Within::Share(0.005),
            },
        ]
    },
};

pub(super) const SMALL_WORLD: Experiment = Experiment {
    name: "small-world",
    what: "clustering of Watts-Strogatz graphs as links are rewired, 5,000 peers of degree 10",
    measure: || {
        let clustering = |chance: &str| {
            metrics(5_000, &format!("{{wattsStrogatz: {{degree: 10, rewire: {chance}}}}}")).clustering
        };
        vec![
            Finding {
                figure: "clustering of the ring lattice",
                source: "Watts and Strogatz, Nature 393 (1998): 3 (k - 2) / 4 (k - 1)",
                published: 3.0 * 8.0 / (4.0 * 9.0),
                measured: clustering("0%"),
                within: Within::Share(1e-6),
            },
            Finding {
                figure: "clustering with one link in five rewired, of the lattice's",
                source: "Barrat and Weigt, Eur. Phys. J. B 13 (2000): (1 - p)³",
                published: 0.8_f64.powi(3),
                measured: clustering("20%") / clustering("0%"),
                within: Within::Share(0.03),
            },
        ]
    },
};

pub(super) const GIANT_COMPONENT: Experiment = Experiment {
    name: "giant-component",
    what: "the largest component of an Erdős-Rényi graph of 20,000 peers with two links each in the mean",
    measure: || {
        // The root of S = 1 - exp(-c S), by iteration from above.
        let share = (0..200).fold(1.0_f64, |share, _| 1.0 - libm::exp(-2.0 * share));
        let metrics = metrics(20_000, "{erdosRenyi: {meanDegree: 2}}");
        vec![Finding {
            figure: "share of peers in the largest component",
            source: "Erdős and Rényi, On the evolution of random graphs (1960): S = 1 - exp(-c S)",
            published: share,
            measured: f64::from(metrics.largest_component) / f64::from(metrics.peers),
            within: Within::Share(0.02),
        }]
    },
};

pub(super) const HYPERCUBE: Experiment = Experiment {
    name: "structured",
    what: "paths of a hypercube of 4,096 peers",
    measure: || {
        let metrics = metrics(4_096, "{hypercube: {}}");
        vec![Finding {
            figure: "mean shortest path, hops",
            source: "Stoica et al., Chord, SIGCOMM 2001, for its ring; on the cube exact: ½ log₂ N · N / (N - 1)",
            published: 6.0 * 4096.0 / 4095.0,
            measured: metrics.mean_path.unwrap_or(f64::NAN),
            within: Within::Share(1e-6),
        }]
    },
};

pub(super) const AVAILABILITY: Experiment = Experiment {
    name: "availability",
    what: "who is there of 20,000 peers with heavy-tailed sessions, half an hour after the start",
    measure: || {
        let group = ", churn: {online: {weibull: {shape: 0.6, mean: 40m}}, offline: {exponential: {mean: 10m}}, \
                     initially: stationary}";
        let plan = fleet(20_000, group, "{kRegular: {degree: 4}}");
        let instant = Nanos::from_secs(1800);
        let there = |peer: &_| {
            plan.sessions(*peer)
                .take_while(|session| session.from <= instant)
                .any(|session| instant < session.to)
        };
        vec![Finding {
            figure: "share of peers online",
            source: "renewal theory (Smith 1958): mean online time / mean cycle",
            published: 0.8,
            measured: plan.peers.iter().filter(there).count() as f64 / f64::from(plan.peers.len()),
            within: Within::Share(0.02),
        }]
    },
};
