//! Figures of finding, of reaching and of bringing: tables, NAT and swarms.

use peerlab_report::record::Recorder;

use super::{Experiment, Finding, Within, plan, run};
use crate::model;

pub(super) const KADEMLIA: Experiment = Experiment {
    name: "kademlia",
    what: "lookups of peers among 1,000 servers of Kademlia that know one in each bucket",
    measure: || {
        let plan = plan("kademlia.yaml", include_str!("scenarios/kademlia.yaml"), &[]);
        let metrics = run(&plan);
        let peers = f64::from(plan.peers.len());
        vec![
            Finding {
                figure: "mean path, hops",
                source: "Stoica et al., Chord, SIGCOMM 2001, for a table with one peer for each bit: 1/2 log2 N",
                published: peers.log2() / 2.0,
                measured: metrics.mean("look.peer.hops"),
                within: Within::Share(0.05),
            },
            Finding {
                figure: "mean path of random keys, hops",
                source: "F(n) = (1 - 1/n)/2 + E F(1 + B(n - 1, 1/2)), over all but the peer itself: F(n) n / (n - 1)",
                published: mean_path(plan.peers.len() as usize),
                measured: metrics.mean("look.peer.hops"),
                within: Within::Share(0.02),
            },
            Finding {
                figure: "lookups that found their peer, %",
                source: "Maymounkov and Mazières, Kademlia, IPTPS 2002, section 3: every table has a peer of each subtree",
                published: 100.0,
                measured: metrics.mean("look.peer.success"),
                within: Within::Share(0.002),
            },
        ]
    },
};

/// Hops from a peer to another of `peers` with random keys, when each hop leads to a random peer of the subtree next to the one
/// that it leaves, in which the other is.
///
/// Of n peers that agree with the target so far, as many as agree in one bit more are 1 + B(n - 1, 1/2), the target among them; one
/// that is drawn from the n is not among those with a probability whose mean is (1 - 1/n)/2, and takes a hop.
fn mean_path(peers: usize) -> f64 {
    let mut factorials = vec![0.0; peers + 1];
    for n in 1..=peers {
        factorials[n] = factorials[n - 1] + libm::log(n as f64);
    }
    let mut hops = vec![0.0; peers + 1];
    for n in 2..=peers {
        let others = n - 1;
        // Beyond nine deviations nothing is left that a float holds.
        let (middle, spread) = (others as f64 / 2.0, 4.5 * libm::sqrt(others as f64) + 2.0);
        let (first, last) =
            ((middle - spread).max(0.0) as usize, (middle + spread).min(others as f64) as usize);
        let (mut rest, mut all) = ((1.0 - 1.0 / n as f64) / 2.0, 0.0);
        for with in first..=last {
            let ways = factorials[others] - factorials[with] - factorials[others - with];
            let share = libm::exp(ways - others as f64 * std::f64::consts::LN_2);
            if with == others { all = share } else { rest += share * hops[with + 1] }
        }
        hops[n] = rest / (1.0 - all);
    }
    hops[peers] * peers as f64 / (peers - 1) as f64
}

pub(super) const NAT: Experiment = Experiment {
    name: "nat",
    what: "neighbours behind port-restricted NAT that meet at relays",
    measure: || {
        let plan = plan("nat.yaml", include_str!("scenarios/nat.yaml"), &[]);
        let (outcome, _) = model::run(&plan, Recorder::new(&plan), &|_| false);
        let traversals = outcome.reached.expect("the fleet has NAT").traversals;
        let punched: u64 = traversals.punched.iter().sum();
        let share = |part: u64, whole: u64| part as f64 * 100.0 / whole as f64;
        vec![
            Finding {
                figure: "holes punched, % of those tried",
                source: "DCUtR in the wild, arXiv 2510.27500: 70 ± 7.1 %",
                published: 70.0,
                measured: share(punched, punched + traversals.given_up),
                within: Within::Absolute(2.0),
            },
            Finding {
                figure: "punched at the first attempt, % of those punched",
                source: "the same: 97.6 %",
                published: 97.6,
                measured: share(traversals.punched[0], punched),
                within: Within::Absolute(1.0),
            },
        ]
    },
};

pub(super) const SWARM: Experiment = Experiment {
    name: "swarm",
    what: "100 MiB from one seed of 100 Mbit/s to 100 peers with uplinks of 20 Mbit/s",
    measure: || {
        let plan = plan("swarm.yaml", include_str!("scenarios/swarm.yaml"), &[]);
        vec![Finding {
            figure: "time until all have it, of the least possible",
            source: "Kumar and Ross, HOTWEB 2006: T >= max(F/u_s, F/d_min, N F/(u_s + sum u_i)); BitTorrent comes near it \
                     (Bharambe et al., INFOCOM 2006)",
            published: 1.0,
            measured: run(&plan).mean("file.install.overBound"),
            within: Within::Share(0.25),
        }]
    },
};

#[cfg(test)]
mod tests {
    use super::*;

    /// F(2) = 1/4 + F(2)/2, and F(3) = 1/3 + F(2)/2 + F(3)/4.
    #[test]
    fn the_mean_path_of_few_peers_is_what_it_is_by_hand() {
        assert!((mean_path(2) - 1.0).abs() < 1e-12);
        assert!((mean_path(3) - 7.0 / 6.0).abs() < 1e-12);
    }
}
