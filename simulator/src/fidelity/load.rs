//! Runs that were made before.

use std::{collections::BTreeMap, fs, path::Path};

use peerlab_report::distributions;
use peerlab_scenarios::{
    host::Peer,
    report::{Distribution, Report, SCHEMA, fidelity::Run},
};

use crate::compare::{
    LoadError,
    load::{places, read},
};

/// Whether there is the report of a single run here: a folder with one, or the report itself.
#[must_use]
pub fn is_single(path: &Path) -> bool {
    let (file, _) = places(path);
    // A pipe would be empty for whoever reads it next.
    let text = file.is_file().then(|| fs::read(file).ok()).flatten();
    let report = text.and_then(|text| serde_json::from_slice::<serde_json::Value>(&text).ok());
    report.is_some_and(|report| report["schema"] == SCHEMA)
}

/// Reads a run folder, or the folder of this `report.json`. The run is called as its path is.
///
/// # Errors
/// When something cannot be read, or is not what [`peerlab_report::folder`] wrote for a run.
pub fn load(path: &Path) -> Result<Run, LoadError> {
    let (file, folder) = places(path);
    let foreign = |file: &Path, why: String| LoadError::Foreign { path: file.to_owned(), why };
    let report: Report =
        serde_json::from_str(&read(&file)?).map_err(|error| foreign(&file, error.to_string()))?;
    let mut found = BTreeMap::new();
    for name in report.metrics.keys() {
        let file = folder.join("distributions").join(format!("{name}.csv"));
        if file.is_file() {
            let distribution: Option<Distribution> = distributions::read(&read(&file)?);
            let why = || foreign(&file, "it is no distribution: `at_most,count`, ascending".to_owned());
            found.insert(name.clone(), distribution.ok_or_else(why)?);
        }
    }
    let file = folder.join("series/connections.csv");
    let degrees = if file.is_file() {
        let connections = connections(&read(&file)?, report.scenario.peers);
        let connections =
            connections.ok_or_else(|| foreign(&file, "it is no list of connections".to_owned()))?;
        // Who was away then had none, and counts as such: the folder does not say who it was.
        distributions::degrees(&vec![true; report.scenario.peers as usize], &connections)
    } else {
        BTreeMap::new()
    };
    Ok(Run { name: path.display().to_string(), report, distributions: found, degrees })
}

fn connections(csv: &str, peers: u32) -> Option<Vec<(Peer, Peer)>> {
    let peer = |cell: &str| cell.parse().ok().filter(|peer| *peer < peers).map(Peer);
    let row = |line: &str| {
        let (a, b) = line.split_once(',')?;
        Some((peer(a)?, peer(b)?))
    };
    csv.lines().skip(1).map(row).collect()
}
