//! A report as JUnit XML, which continuous integration shows: a test case a target, one an invariant,
//! and one that fails where a run was interrupted.

use std::fmt::Write as _;

use peerlab_scenarios::report::Report;

use crate::page;

/// A test case: what it is called, and why it failed if it did.
pub type Case = (String, Option<String>);

/// The report of a run as JUnit XML; `took` is its wall time in seconds.
#[must_use]
pub fn xml(report: &Report, took: f64) -> String {
    let invariants = report.invariants.iter().map(|invariant| {
        (format!("invariant: {}", invariant.name), (!invariant.holds).then(|| invariant.detail.clone()))
    });
    let targets = report.targets.iter().map(|target| {
        let observed = page::observed(target).unwrap_or_else(|| "nothing".to_owned());
        let title = format!("target: {} {}", target.metric, page::bound(target));
        (title, (!target.met).then(|| format!("observed {observed}")))
    });
    // A run that was stopped met its targets by half, which is no success.
    let interrupted = report
        .scenario
        .interrupted
        .map(|_| ("run: it came to its end".to_owned(), Some(report.validity.reasons.join("; "))));
    let cases: Vec<Case> = interrupted.into_iter().chain(invariants).chain(targets).collect();
    suite(&report.scenario.name, &cases, took)
}

/// Test cases as JUnit XML; `took` is the wall time in seconds.
#[must_use]
pub fn suite(name: &str, cases: &[Case], took: f64) -> String {
    let name = escape(name);
    let failures = cases.iter().filter(|(_, failure)| failure.is_some()).count();
    let mut text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n  <testsuite name=\"{name}\" tests=\"{}\" failures=\"{failures}\" \
         errors=\"0\" skipped=\"0\" time=\"{took:.3}\">\n",
        cases.len()
    );
    for (title, failure) in cases {
        let title = escape(title);
        let _ = match failure {
            None => writeln!(text, "    <testcase classname=\"{name}\" name=\"{title}\"/>"),
            Some(why) => writeln!(
                text,
                "    <testcase classname=\"{name}\" name=\"{title}\">\n      <failure message=\"{}\"/>\n    </testcase>",
                escape(why)
            ),
        };
    }
    text.push_str("  </testsuite>\n</testsuites>\n");
    text
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
