//! Short runs, and what came of them.

use std::sync::Arc;

use peerlab_node::fleet::{self, Options};
use peerlab_report::{Observer, Outcome, assemble, record::Recorder};
use peerlab_scenarios::{
    host::Peer,
    plan::{Files, Plan},
    report::{Fact, Report, Trust},
    seed::Seed,
    spec::read,
    units::Nanos,
    wire::Kind,
};

/// What a run came to.
pub(crate) struct Came {
    pub(crate) outcome: Outcome,
    pub(crate) report: Report,
    pub(crate) facts: Vec<(Nanos, Peer, Fact)>,
    /// Where lives ended.
    pub(crate) ends: Vec<(Nanos, Peer)>,
}

impl Came {
    /// The mean of a metric.
    pub(crate) fn mean(&self, metric: &str) -> f64 {
        self.report.metrics.get(metric).unwrap_or_else(|| panic!("there is no metric {metric}")).mean
    }

    /// Every invariant holds, whatever disturbed the run.
    pub(crate) fn holds(&self) -> &Self {
        let broken: Vec<_> = self.report.invariants.iter().filter(|it| !it.holds).collect();
        assert!(broken.is_empty() && self.report.validity.state != Trust::Invalid, "{broken:#?}");
        self
    }

    pub(crate) fn count(&self, is: impl Fn(Peer, &Fact) -> bool) -> usize {
        self.facts.iter().filter(|(_, peer, fact)| is(*peer, fact)).count()
    }
}

/// A scenario's plan, from the part of it below `spec` in YAML.
pub(crate) fn plan(spec: &str) -> Arc<Plan> {
    let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
    let text = format!(
        "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: story}}\nspec:\n{indented}"
    );
    let document = read::document("story.yaml", text.as_bytes()).unwrap_or_else(|wrong| panic!("{wrong}"));
    let refused = peerlab_scenarios::capabilities::refusals(&document.value.spec);
    assert!(refused.is_empty(), "{refused:?}");
    let plan =
        Plan::new(&document.value, Seed(document.value.spec.seed), &Files::new()).expect("it can be planned");
    Arc::new(plan.with_real_bodies())
}

/// Keeps all facts, and when lives ended, beside what a report needs.
struct Witness {
    recorder: Recorder,
    facts: Vec<(Nanos, Peer, Fact)>,
    ends: Vec<(Nanos, Peer)>,
}

impl Observer for Witness {
    fn fact(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        self.facts.push((now, peer, *fact));
        self.recorder.fact(now, peer, fact);
    }
    fn up(&mut self, now: Nanos, peer: Peer) {
        self.recorder.up(now, peer);
    }
    fn down(&mut self, now: Nanos, peer: Peer) {
        self.ends.push((now, peer));
        self.recorder.down(now, peer);
    }
    fn falsified(&mut self, now: Nanos, bytes: u32) {
        self.recorder.falsified(now, bytes);
    }
    fn delivered(&mut self, now: Nanos, to: Peer, kind: Kind, item: Option<u32>, bytes: u32) {
        self.recorder.delivered(now, to, kind, item, bytes);
    }
    fn discarded(&mut self, now: Nanos, to: Peer, workload: u8, bytes: u64) {
        self.recorder.discarded(now, to, workload, bytes);
    }
    fn measure(&mut self, now: Nanos, items: u32) {
        self.recorder.measure(now, items);
    }
}

/// Runs a plan over the links of its scenario, until `stop` says so.
pub(crate) fn run_until(plan: &Arc<Plan>, stop: &dyn Fn() -> bool) -> Came {
    run_with(plan, Options::default(), stop)
}

/// Runs a plan in a certain way, until `stop` says so.
pub(crate) fn run_with(plan: &Arc<Plan>, options: Options, stop: &dyn Fn() -> bool) -> Came {
    let witness = Witness { recorder: Recorder::new(plan), facts: Vec::new(), ends: Vec::new() };
    let runtime = fleet::Runtime::start().expect("a runtime starts");
    let run = fleet::run(&runtime, plan, witness, options, None, &mut |_| (), stop).expect("the fleet runs");
    let Witness { recorder, facts, ends } = run.observer;
    let report = assemble::report(plan, &run.outcome, &recorder);
    Came { outcome: run.outcome, report, facts, ends }
}

/// Runs a scenario to its end, from the part of it below `spec` in YAML.
pub(crate) fn run(spec: &str) -> Came {
    run_until(&plan(spec), &|| false)
}
