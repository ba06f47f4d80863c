//! Reports on replicates that were written before.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use peerlab_scenarios::report::{
    SCHEMA,
    replicates::{REPLICATES_SCHEMA, Replicates},
};

use super::Design;
use crate::replicates::{Band, BandPoint, ChatCurves, Curves, RolloutCurve};

/// Why a report cannot be read again.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The system refused.
    #[error("{path} cannot be read: {error}")]
    Io {
        /// Which file.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// It is a single run's.
    #[error(
        "{0} tells of a single run: it can be held against single runs of other engines, not against several"
    )]
    Single(PathBuf),
    /// It is something else.
    #[error("{path} is not what a run leaves behind: {why}")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
}

/// Reads a run folder or its `report.json`; of a folder, the curves as well.
///
/// # Errors
/// When it cannot be read, or is not what [`peerlab_report::folder`] wrote for several runs.
pub fn load(path: &Path) -> Result<Design, LoadError> {
    let (file, folder) = places(path);
    let text = read(&file)?;
    let foreign = |why: String| LoadError::Foreign { path: file.clone(), why };
    let value: serde_json::Value = serde_json::from_str(&text).map_err(|error| foreign(error.to_string()))?;
    match value["schema"].as_str() {
        Some(REPLICATES_SCHEMA) => {}
        Some(SCHEMA) => return Err(LoadError::Single(file)),
        Some(other) => return Err(foreign(format!("its schema is `{other}`, not `{REPLICATES_SCHEMA}`"))),
        None => return Err(foreign("it has no schema".to_owned())),
    }
    let report: Replicates = serde_json::from_value(value).map_err(|error| foreign(error.to_string()))?;
    let lengths = report.metrics.values().flat_map(|metric| {
        [&metric.mean, &metric.p50, &metric.p95, &metric.p99, &metric.max].map(|spread| spread.values.len())
    });
    if lengths.into_iter().any(|length| length != report.seeds.len()) {
        return Err(foreign("a metric does not have one value for each seed".to_owned()));
    }
    let curves = curves(&report, &folder.join("series"))?;
    Ok(Design { name: report.scenario.name.clone(), report, curves })
}

/// The report of a run folder or of its `report.json`, and the folder that it is in.
pub(crate) fn places(path: &Path) -> (PathBuf, PathBuf) {
    if path.is_dir() {
        return (path.join("report.json"), path.to_owned());
    }
    (path.to_owned(), path.parent().map(Path::to_owned).unwrap_or_default())
}

/// A file that a run left behind.
pub(crate) fn read(path: &Path) -> Result<String, LoadError> {
    fs::read_to_string(path).map_err(|error| LoadError::Io { path: path.to_owned(), error })
}

/// The curves of every workload whose series are there.
fn curves(report: &Replicates, series: &Path) -> Result<Curves, LoadError> {
    let with = |metric: &'static str| report.metrics.keys().filter_map(move |name| name.strip_suffix(metric));
    let file = |name: &str, what: &str| series.join(format!("{name}-{what}.csv"));
    let mut curves = Curves::default();
    for name in with(".delivery.latency") {
        let (latency, coverage) = (file(name, "latency"), file(name, "coverage"));
        if latency.is_file() && coverage.is_file() {
            let (latency, coverage) = (band(&latency)?, band(&coverage)?);
            curves.chats.push(ChatCurves { name: name.to_owned(), latency, coverage });
        }
    }
    for name in with(".install.time") {
        let installed = file(name, "coverage");
        if installed.is_file() {
            curves.updates.push(RolloutCurve { name: name.to_owned(), installed: band(&installed)? });
        }
    }
    Ok(curves)
}

/// A band of four columns under a header.
fn band(path: &Path) -> Result<Band, LoadError> {
    let point = |(number, line): (usize, &str)| {
        let cells: Result<Vec<f64>, _> = line.split(',').map(str::parse).collect();
        match cells.as_deref() {
            Ok(&[x, mean, low, high]) => Ok(BandPoint { x, mean, low, high }),
            _ => Err(LoadError::Foreign {
                path: path.to_owned(),
                why: format!("line {} is not four numbers", number + 1),
            }),
        }
    };
    read(path)?.lines().enumerate().skip(1).map(point).collect()
}
