//! Figures of runs.

use std::fmt::Write as _;

use super::{Experiment, Finding, Within, plan, run};

/// One-way delay in the scenarios whose links only take time, s.
const DELAY: f64 = 0.05;

pub(super) const FLOOD: Experiment = Experiment {
    name: "flood",
    what: "a flood over 10,000 peers with eight random neighbours each",
    measure: || {
        let plan = plan("flood.yaml", include_str!("scenarios/flood.yaml"), &[]);
        let readers = f64::from(plan.peers.len() - 1);
        let metrics = run(&plan);
        let hops = metrics.of("room.delivery.hops");
        vec![
            Finding {
                figure: "copies of a post",
                source: "each edge is crossed by all but one who pass it on: n (d - 1) + 1",
                published: 70_001.0,
                measured: (metrics.mean("overlay.redundancy") + 1.0) * readers,
                within: Within::Share(1e-6),
            },
            Finding {
                figure: "hops of a first copy, mean",
                source: "breadth-first search from 200 peers of one such graph, independent of this program",
                published: 4.781,
                measured: hops.mean,
                within: Within::Share(0.005),
            },
            Finding {
                figure: "hops of the farthest first copy",
                source: "the same: at most 6 from each of them",
                published: 6.0,
                measured: hops.max,
                within: Within::Absolute(0.0),
            },
        ]
    },
};

pub(super) const UPLINK: Experiment = Experiment {
    name: "uplink",
    what: "512 KiB handed to eight neighbours over 100 Mbit/s",
    measure: || {
        let posts = "10s,0,0,524288\n".to_owned();
        let plan = plan("uplink.yaml", include_str!("scenarios/uplink.yaml"), &[("posts.csv", posts)]);
        vec![Finding {
            figure: "from the first bit to the last at the last neighbour, s",
            source: "arithmetic: 8 F / u; practice of ethereum/consensus-specs, where 1 MiB takes 0.67 s a hop",
            published: 8.0 * 524_288.0 * 8.0 / 1e8,
            measured: run(&plan).of("room.coverage.t100").max - DELAY,
            within: Within::Share(0.002),
        }]
    },
};

pub(super) const QUEUE: Experiment = Experiment {
    name: "queue",
    what: "waiting for an uplink with Poisson arrivals of messages of one length",
    measure: || {
        let plan = plan("queue.yaml", include_str!("scenarios/queue.yaml"), &[]);
        let metrics = run(&plan);
        let (messages, sent) = (metrics.mean("network.messages"), metrics.mean("network.sent") * 2.0);
        // Half of the posts, one each 8 ms, are of either peer.
        let (service, rate) = (sent / messages * 8.0 / 1e6, 1.0 / 0.016);
        let load = service * rate;
        vec![Finding {
            figure: "mean wait, s",
            source: "Pollaczek 1930, Khinchine 1932, for constant service: ρ s / 2 (1 - ρ)",
            published: load * service / (2.0 * (1.0 - load)),
            measured: metrics.mean("room.delivery.latency") - DELAY - service,
            within: Within::Share(0.05),
        }]
    },
};

pub(super) const TREE: Experiment = Experiment {
    name: "tree",
    what: "Plumtree over HyParView with 10,000 peers, settled, one author",
    measure: || {
        let posts = (1..180).fold(String::new(), |mut posts, second| {
            writeln!(posts, "{second}s,0,0,200").expect("a string grows as needed");
            posts
        });
        let plan = plan("tree.yaml", include_str!("scenarios/tree.yaml"), &[("posts.csv", posts)]);
        vec![Finding {
            figure: "relative message redundancy",
            source: "Leitão et al., Plumtree, SRDS 2007, section 4: near 0 without failures",
            published: 0.0,
            measured: run(&plan).mean("overlay.redundancy"),
            within: Within::Absolute(0.01),
        }]
    },
};

pub(super) const FAILURES: Experiment = Experiment {
    name: "failures",
    what: "Plumtree over HyParView after 80 % of 10,000 peers failed at once",
    measure: || {
        let plan = plan("failures.yaml", include_str!("scenarios/failures.yaml"), &[]);
        vec![Finding {
            figure: "posts that reached a peer that was left, %",
            source: "Leitão et al., HyParView, DSN 2007, section 5: near 100 % up to 90 % failures",
            published: 100.0,
            measured: run(&plan).mean("room.delivery.completeness"),
            within: Within::Share(0.01),
        }]
    },
};
