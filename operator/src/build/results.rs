//! What came of a run, as a ConfigMap that outlives the run's pods: the verdict where programs look for it, and the report where people do.

use std::{collections::BTreeMap, io::Write as _};

use flate2::{Compression, write::GzEncoder};
use k8s_openapi::{ByteString, api::core::v1::ConfigMap};
use peerlab_scenarios::report::Report;

use super::{Child, Component, Kind, Plot, result_name};
use crate::prepare::CONFIG_MAP_BYTES;

/// An annotation: what came of the targets.
pub const VERDICT: &str = "peerlab.dev/verdict";
/// An annotation: whether the numbers can be believed.
pub const VALIDITY: &str = "peerlab.dev/validity";
/// An annotation: why they cannot, or not without care.
pub const REASONS: &str = "peerlab.dev/reasons";

/// The key of the report for programs.
pub const JSON: &str = "report.json";
/// The key of the report for people, compressed.
pub const HTML: &str = "report.html.gz";
/// The key under which it is said what was left out.
pub const LEFT_OUT: &str = "left-out.txt";

/// How many characters of reasons are told; the rest is in the report.
const REASONS_LENGTH: usize = 1_000;

/// What was fetched from a conductor.
#[derive(Debug)]
pub struct Fetched {
    /// `report.json`, as it is.
    pub json: Vec<u8>,
    /// The same, read.
    pub report: Report,
    /// `report.html`, or why it was not fetched.
    pub html: Result<Vec<u8>, String>,
}

/// The ConfigMap of a result. The same report makes the same object.
///
/// What does not fit is left out, and [`LEFT_OUT`] says so: first the page, then the report, of which the annotations still say what came of it.
#[must_use]
pub fn result(plot: &Plot<'_>, run_id: &str, fetched: &Fetched) -> Child {
    let mut metadata = plot.metadata(result_name(plot.name, run_id), Component::Result);
    let validity = &fetched.report.validity;
    let reasons: String = validity.reasons.join("; ").chars().take(REASONS_LENGTH).collect();
    metadata.annotations.get_or_insert_default().extend(
        [
            (VERDICT, fetched.report.conclusion().name().to_owned()),
            (VALIDITY, validity.state.name().to_owned()),
            (REASONS, reasons),
        ]
        .map(|(annotation, value)| (annotation.to_owned(), value)),
    );

    let (mut data, mut binary, mut left_out) = (BTreeMap::new(), BTreeMap::new(), Vec::new());
    let mut room = CONFIG_MAP_BYTES;
    match std::str::from_utf8(&fetched.json) {
        Ok(json) if json.len() <= room => {
            room -= json.len();
            data.insert(JSON.to_owned(), json.to_owned());
        }
        Ok(json) => {
            left_out.push(format!("report.json: its {} bytes are more than a ConfigMap holds", json.len()));
        }
        Err(error) => left_out.push(format!("report.json: {error}")),
    }
    match fetched.html.as_deref().map(compressed) {
        // What is binary takes four thirds of its size in an object.
        Ok(page) if page.len().div_ceil(3) * 4 <= room => {
            binary.insert(HTML.to_owned(), ByteString(page));
        }
        Ok(page) => left_out
            .push(format!("report.html: compressed, its {} bytes do not fit beside the rest", page.len())),
        Err(why) => left_out.push(format!("report.html: {why}")),
    }
    if !left_out.is_empty() {
        data.insert(LEFT_OUT.to_owned(), left_out.join("\n") + "\n");
    }
    let object = ConfigMap {
        metadata,
        data: Some(data),
        binary_data: (!binary.is_empty()).then_some(binary),
        immutable: None,
    };
    Child::new(Kind::ConfigMap, &object)
}

/// In the form of `gzip`, without a time, so that the same page is the same object.
fn compressed(page: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(page).and_then(|()| encoder.finish()).expect("memory takes all that is written")
}
