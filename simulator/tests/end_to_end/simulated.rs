//! A scenario simulated within the test, without the program around it.

use peerlab_report::{assemble, figures, html, page, record::Recorder};
use peerlab_scenarios::{
    plan::{Files, Plan},
    report::Report,
    seed::Seed,
    spec::read::document,
};
use peerlab_simulator::{engine::threads::division::Division, model};

use crate::workshop::scenario;

/// What came of a scenario.
pub(crate) struct Simulated {
    pub(crate) report: Report,
    /// A hash of all that happened, in its order.
    pub(crate) digest: u64,
    pub(crate) page: String,
}

/// Simulates a scenario of this `spec`, or tells why it is refused.
pub(crate) fn simulate(spec: &str, files: &[(&str, &str)]) -> Result<Simulated, String> {
    simulate_on(1, spec, files)
}

/// The same on so many threads, if its peers can be dealt out to them, be it worthwhile or not.
pub(crate) fn simulate_on(threads: usize, spec: &str, files: &[(&str, &str)]) -> Result<Simulated, String> {
    let text = scenario(spec);
    let document = document("scenario.yaml", text.as_bytes()).map_err(|problems| problems.to_string())?;
    let refusals = model::refusals(&document.value.spec);
    if !refusals.is_empty() {
        return Err(document.problems(refusals).to_string());
    }
    let files: Files = files.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
    let plan = Plan::of(&document, Seed(document.value.spec.seed), &files)
        .map_err(|problems| problems.to_string())?;
    let recorder = Recorder::new(&plan);
    let (outcome, recorder) = match Division::of(&plan, threads, 1e6) {
        Ok(division) => model::run_divided(&plan, &division, recorder, &|_| false),
        Err(_) => model::run(&plan, recorder, &|_| false),
    };
    let report = assemble::report(&plan, &outcome, &recorder);
    let figures = figures::figures(&plan, &outcome, &recorder, &report);
    let page = html::page(&page::page(&report, figures, &model::NOTES));
    Ok(Simulated { report, digest: outcome.digest, page })
}
