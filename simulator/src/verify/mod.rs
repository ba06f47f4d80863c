//! What others published or proved, against what this build measures.
//!
//! Each [`Experiment`] is a scenario or a set of plans, and each [`Finding`] holds one figure of it against its source. They
//! run through the same reader, plan, engine and report as the scenarios of users.

mod fleets;
mod graphs;
mod swarms;

use std::collections::BTreeMap;

use peerlab_report::{assemble, record::Recorder};
use peerlab_scenarios::{
    plan::{Files, Plan},
    report::{Report, Summary},
    seed::Seed,
    spec::read,
};
use serde::Serialize;

use crate::model;

/// Something that can be measured again.
#[derive(Clone, Copy, Debug)]
pub struct Experiment {
    /// Its name on the command line.
    pub name: &'static str,
    /// What is done, in a line.
    pub what: &'static str,
    measure: fn() -> Vec<Finding>,
}

impl Experiment {
    /// Runs it, and says what was found.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        (self.measure)()
    }
}

/// All experiments, the quick ones first.
pub const EXPERIMENTS: &[Experiment] = &[
    graphs::RANDOM_REGULAR,
    graphs::SMALL_WORLD,
    graphs::GIANT_COMPONENT,
    graphs::HYPERCUBE,
    graphs::AVAILABILITY,
    fleets::UPLINK,
    fleets::QUEUE,
    swarms::NAT,
    swarms::SWARM,
    fleets::FLOOD,
    fleets::TREE,
    fleets::FAILURES,
    swarms::KADEMLIA,
];

/// One figure: as it was published, and as it is here.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What it is, with its unit.
    pub figure: &'static str,
    /// Who published or proved it.
    pub source: &'static str,
    /// What they say.
    pub published: f64,
    /// What this build measures.
    pub measured: f64,
    /// How far the two may be apart.
    pub within: Within,
}

/// How far a measured figure may be from a published one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Within {
    /// So much of the published figure: 0.01 is one per cent.
    Share(f64),
    /// So much, in its unit.
    Absolute(f64),
}

impl Finding {
    /// How far apart the figures are, as a share of the published one or in its unit, as [`Within`] has it.
    #[must_use]
    pub fn off(&self) -> f64 {
        let off = (self.measured - self.published).abs();
        match self.within {
            Within::Share(_) => off / self.published.abs(),
            Within::Absolute(_) => off,
        }
    }

    /// Whether the figure is reproduced. What could not be measured is not.
    #[must_use]
    pub fn holds(&self) -> bool {
        let (Within::Share(most) | Within::Absolute(most)) = self.within;
        self.off() <= most
    }
}

/// A plan of a scenario that is part of this program.
fn plan(name: &str, yaml: &str, files: &[(&str, String)]) -> Plan {
    let scenario = read::read(name, yaml.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"));
    let files: Files = files.iter().map(|(name, text)| ((*name).to_owned(), text.clone())).collect();
    Plan::new(&scenario, Seed(scenario.spec.seed), &files).unwrap_or_else(|errors| panic!("{errors:?}"))
}

/// The metrics of a run, which is valid.
fn run(plan: &Plan) -> Metrics {
    let (outcome, recorder) = model::run(plan, Recorder::new(plan), &|_| false);
    let report: Report = assemble::report(plan, &outcome, &recorder);
    assert!(report.invariants.iter().all(|law| law.holds), "{}: {:?}", plan.name, report.invariants);
    Metrics(report.metrics)
}

/// The metrics of a run by name.
struct Metrics(BTreeMap<String, Summary>);

impl Metrics {
    fn of(&self, name: &str) -> &Summary {
        self.0.get(name).unwrap_or_else(|| panic!("{name} is measured"))
    }

    fn mean(&self, name: &str) -> f64 {
        self.of(name).mean
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_holds_when_it_is_near_enough_and_not_when_it_is_none() {
        let finding = |measured, within| Finding { figure: "", source: "", published: 2.0, measured, within };
        assert!(finding(2.01, Within::Share(0.01)).holds());
        assert!(!finding(2.03, Within::Share(0.01)).holds());
        assert!(finding(1.5, Within::Absolute(0.5)).holds());
        assert!(!finding(1.4, Within::Absolute(0.5)).holds());
        assert!(!finding(f64::NAN, Within::Absolute(0.5)).holds());
    }

    #[test]
    fn the_quick_experiments_reproduce_what_they_are_held_against() {
        for experiment in &EXPERIMENTS[..8] {
            for finding in experiment.findings() {
                assert!(finding.holds(), "{}: {finding:?}", experiment.name);
            }
        }
    }
}
