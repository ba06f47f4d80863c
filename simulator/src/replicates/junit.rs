//! A report on replicates as JUnit XML.

use peerlab_report::junit::suite;
use peerlab_scenarios::report::replicates::{Answer, Replicates};

use super::page;

/// The report on replicates as JUnit XML; `took` is the wall time of all in seconds.
#[must_use]
pub fn xml(report: &Replicates, took: f64) -> String {
    let invariants = report.invariants.iter().map(|invariant| {
        let why = || format!("with the seeds {:?}", invariant.broken_with);
        (format!("invariant: {}", invariant.name), (!invariant.holds).then(why))
    });
    let targets = report.targets.iter().map(|target| {
        let title = format!("target: {} {}", target.metric, page::bound(target));
        let why = || {
            let word = page::answer(target.answer).to_lowercase();
            let (observed, runs) = (page::observed(target), report.seeds.len());
            format!("{word}: observed {observed}, met in {} of {runs} runs", target.met_in)
        };
        (title, (target.answer != Answer::Met).then(why))
    });
    suite(&report.scenario.name, &invariants.chain(targets).collect::<Vec<_>>(), took)
}
