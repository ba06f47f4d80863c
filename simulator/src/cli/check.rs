//! Commands that read a scenario and run nothing.

use std::path::{Path, PathBuf};

use peerlab_report::cli::{
    BAD_INPUT, Stop,
    input::{self, Loaded, Ready, read, show, stop},
    pretty, print,
    table::{self, Table},
    tell,
};
use peerlab_scenarios::{
    plan,
    report::metric::{METRICS, Metric, Scope, metrics_of},
    spec::{Scenario, ScenarioSpec, read::Problems},
    units::Bytes,
};
use peerlab_simulator::{cost::Cost, model};

use super::memory::Memory;

/// Reads a scenario, and the files that it names, unless it is known by `least` that what is to be done with it cannot fit into
/// memory.
fn load(
    path: &Path,
    memory: Memory,
    least: fn(&ScenarioSpec) -> Cost,
) -> Result<Loaded, Result<Problems, Stop>> {
    let loaded = input::load(path, model::refusals)?;
    memory.check(path, &least(&loaded.document.value.spec)).map_err(Err)?;
    Ok(loaded)
}

/// Reads a scenario and plans it with its own seed, or another.
pub(super) fn prepare(
    path: &Path,
    seed: Option<u64>,
    memory: Memory,
) -> Result<Ready, Result<Problems, Stop>> {
    load(path, memory, Cost::of_planning)?.plan(seed).map_err(Ok)
}

/// A scenario that is to be run.
pub(super) struct ToRun {
    pub(super) ready: Ready,
    /// What a run is expected to cost.
    pub(super) cost: Cost,
    /// How much memory there is, if that is known.
    pub(super) limit: Option<Bytes>,
}

/// Reads and plans a scenario to run it, if a run fits into memory.
pub(super) fn prepare_run(path: &Path, seed: Option<u64>, memory: Memory) -> Result<ToRun, Stop> {
    let loaded = load(path, memory, Cost::at_least).map_err(stop)?;
    let ready = loaded.plan(seed).map_err(|problems| stop(Ok(problems)))?;
    let cost = Cost::of(&ready.plan);
    let limit = memory.check(path, &cost)?;
    Ok(ToRun { ready, cost, limit })
}

pub(super) fn validate(paths: &[PathBuf], json: bool, memory: Memory) -> Result<u8, Stop> {
    let (mut wrong, mut reports) = (0, Vec::new());
    for path in paths {
        match prepare(path, None, memory) {
            Ok(ready) => {
                if !json {
                    let peers = ready.plan.peers.len();
                    print(&format!(
                        "{}: ok, {peers} peers, {} edges\n",
                        path.display(),
                        ready.plan.graph.edges()
                    ))?;
                }
            }
            Err(Ok(problems)) => {
                wrong += 1;
                if json {
                    reports.push(serde_json::to_value(&problems)?);
                } else {
                    tell(&show(&problems));
                }
            }
            // The other files are none the worse for one that is not there.
            Err(Err(Stop::Input(text))) => {
                wrong += 1;
                if json {
                    let why = text.trim_end().trim_start_matches("error: ");
                    reports.push(serde_json::json!({ "file": path.display().to_string(), "error": why }));
                } else {
                    tell(&text);
                }
            }
            Err(Err(stop)) => return Err(stop),
        }
    }
    if json {
        print(&pretty(&reports)?)?;
    }
    Ok(if wrong == 0 { 0 } else { BAD_INPUT })
}

pub(super) fn explain(path: &Path, memory: Memory) -> Result<u8, Stop> {
    let ready = prepare(path, None, memory).map_err(stop)?;
    let resolved = plan::resolved(&ready.document.value, &ready.plan);
    let text = ready.document.explain(&resolved.document, |path| resolved.origin(&path.to_string()))?;
    print(&text)?;
    Ok(0)
}

pub(super) fn metrics(path: Option<&Path>, json: bool) -> Result<u8, Stop> {
    let list: Vec<(String, &Metric)> = match path {
        None => METRICS.iter().map(|metric| (metric.full_name("WORKLOAD"), metric)).collect(),
        Some(path) => metrics_of(&read(path).map_err(stop)?.0.value.spec),
    };
    if json {
        let entry = |(name, metric): &(String, &Metric)| {
            serde_json::json!({
                "name": name,
                "unit": metric.unit,
                "meaning": metric.meaning,
                "source": metric.source,
                "of": match metric.scope {
                    Scope::Run | Scope::Nat => "run",
                    Scope::Chat => "chat",
                    Scope::Update => "update",
                    Scope::Lookups => "lookups",
                    Scope::Gossipsub => "gossipsub",
                    Scope::Kademlia => "kademlia",
                },
            })
        };
        let entries: Vec<_> = list.iter().map(entry).collect();
        print(&pretty(&entries)?)?;
        return Ok(0);
    }
    let mut table = Table::new(&["metric", "unit", "meaning", "source"]);
    for (name, metric) in list {
        table.row(
            [name, metric.unit.to_string(), metric.meaning.to_owned(), metric.source.to_owned()].to_vec(),
        );
    }
    print(&table.render(table::width()))?;
    Ok(0)
}

pub(super) fn schema() -> Result<u8, Stop> {
    print(&pretty(&schemars::schema_for!(Scenario))?)?;
    Ok(0)
}
