//! Commands that read a scenario and run nothing.

use std::{
    fs,
    io::Read as _,
    path::{Path, PathBuf},
};

use peerlab_scenarios::{
    plan::{self, Files, Plan},
    report::metric::{METRICS, Metric, Scope, metrics_of},
    seed::Seed,
    spec::{
        Scenario,
        read::{Document, Fault, FieldPath, MAX_BYTES, Problems, document},
    },
};

use super::{Stop, colours, pretty, print, table};
use crate::cli::table::Table;
use peerlab_simulator::model;

/// The longest file that a scenario may name.
const MOST_OF_A_FILE: u64 = 1 << 30;

/// A scenario that was read, with the files that it names.
pub(super) struct Loaded {
    pub(super) document: Document<Scenario>,
    bytes: Vec<u8>,
    files: Files,
}

/// A scenario that was read and planned.
pub(super) struct Ready {
    pub(super) document: Document<Scenario>,
    /// The scenario's own bytes, for its hash.
    pub(super) bytes: Vec<u8>,
    pub(super) files: Files,
    pub(super) plan: Plan,
}

/// Reads at most `most` bytes and one more: enough to see that there are too many. A pipe or a device might keep its reader
/// waiting for ever.
fn read_bounded(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let kind = fs::metadata(path)?.file_type();
    if !kind.is_file() && !kind.is_dir() {
        return Err(std::io::Error::other("it is no regular file"));
    }
    let mut bytes = Vec::new();
    fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn unreadable(path: &Path, error: &std::io::Error) -> Stop {
    Stop::Input(format!("error: {} cannot be read: {error}\n", path.display()))
}

/// Reads a text file of at most so many bytes.
pub(super) fn read_text(path: &Path, most: u64) -> Result<String, Stop> {
    let bytes = read_bounded(path, most).map_err(|error| unreadable(path, &error))?;
    as_text(bytes, most).map_err(|why| Stop::Input(format!("error: {}: {why}\n", path.display())))
}

/// What [`read_bounded`] read, as text.
fn as_text(bytes: Vec<u8>, most: u64) -> Result<String, String> {
    if bytes.len() as u64 > most {
        return Err(format!("it is longer than the {most} bytes allowed"));
    }
    String::from_utf8(bytes).map_err(|error| format!("it is no text in UTF-8: {error}"))
}

/// Reads a scenario; errors are ready to print.
pub(super) fn read(path: &Path) -> Result<(Document<Scenario>, Vec<u8>), Result<Problems, Stop>> {
    let bytes = read_bounded(path, MAX_BYTES as u64).map_err(|error| Err(unreadable(path, &error)))?;
    let document = document(&path.display().to_string(), &bytes).map_err(Ok)?;
    Ok((document, bytes))
}

/// Reads a scenario and plans it with its own seed, or another.
pub(super) fn prepare(path: &Path, seed: Option<u64>) -> Result<Ready, Result<Problems, Stop>> {
    load(path)?.plan(seed).map_err(Ok)
}

/// Reads a scenario, and the files that it names.
pub(super) fn load(path: &Path) -> Result<Loaded, Result<Problems, Stop>> {
    let (document, bytes) = read(path)?;
    let refused = model::refusals(&document.value.spec);
    if !refused.is_empty() {
        return Err(Ok(document.problems(refused)));
    }
    let mut files = Files::new();
    let beside = path.parent().unwrap_or_else(|| Path::new("."));
    for (field, name) in plan::files(&document.value.spec) {
        let at = beside.join(name);
        let bytes = read_bounded(&at, MOST_OF_A_FILE).map_err(|error| error.to_string());
        let text = bytes.and_then(|bytes| as_text(bytes, MOST_OF_A_FILE));
        match text {
            Ok(text) => files.insert(name.to_owned(), text),
            Err(why) => {
                let fault =
                    Fault::new(FieldPath::parse(&field), format!("`{}` cannot be read: {why}", at.display()));
                return Err(Ok(
                    document.problems(vec![fault.help("paths are relative to the scenario's file")])
                ));
            }
        };
    }
    Ok(Loaded { document, bytes, files })
}

impl Loaded {
    /// Plans it with its own seed, or another.
    pub(super) fn plan(self, seed: Option<u64>) -> Result<Ready, Problems> {
        let Self { document, bytes, files } = self;
        let seed = seed.unwrap_or(document.value.spec.seed);
        let plan = plan_with(&document, &files, seed)?;
        Ok(Ready { document, bytes, files, plan })
    }
}

fn plan_with(document: &Document<Scenario>, files: &Files, seed: u64) -> Result<Plan, Problems> {
    Plan::new(&document.value, Seed(seed), files)
        .map_err(|errors| document.problems(errors.into_iter().map(Fault::from).collect()))
}

impl Ready {
    /// The plan of the same scenario with another seed.
    pub(super) fn plan_with(&self, seed: u64) -> Result<Plan, Problems> {
        plan_with(&self.document, &self.files, seed)
    }
}

/// Problems as a person sees them.
pub(super) fn show(problems: &Problems) -> String {
    if colours() { problems.coloured() } else { problems.to_string() }
}

pub(super) fn input(error: Result<Problems, Stop>) -> Stop {
    match error {
        Ok(problems) => Stop::Input(show(&problems)),
        Err(stop) => stop,
    }
}

pub(super) fn validate(paths: &[PathBuf], json: bool) -> Result<u8, Stop> {
    let (mut wrong, mut reports) = (0, Vec::new());
    for path in paths {
        match prepare(path, None) {
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
                    eprint!("{}", show(&problems));
                }
            }
            // The other files are none the worse for one that is not there.
            Err(Err(Stop::Input(text))) => {
                wrong += 1;
                if json {
                    let why = text.trim_end().trim_start_matches("error: ");
                    reports.push(serde_json::json!({ "file": path.display().to_string(), "error": why }));
                } else {
                    eprint!("{text}");
                }
            }
            Err(Err(stop)) => return Err(stop),
        }
    }
    if json {
        print(&pretty(&reports)?)?;
    }
    Ok(if wrong == 0 { 0 } else { super::BAD_INPUT })
}

pub(super) fn explain(path: &Path) -> Result<u8, Stop> {
    let ready = prepare(path, None).map_err(input)?;
    let resolved = plan::resolved(&ready.document.value, &ready.plan);
    let text = ready.document.explain(&resolved.document, |path| resolved.origin(&path.to_string()))?;
    print(&text)?;
    Ok(0)
}

pub(super) fn metrics(path: Option<&Path>, json: bool) -> Result<u8, Stop> {
    let list: Vec<(String, &Metric)> = match path {
        None => METRICS.iter().map(|metric| (metric.full_name("WORKLOAD"), metric)).collect(),
        Some(path) => metrics_of(&read(path).map_err(input)?.0.value.spec),
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
                    Scope::Gossipsub => "gossipsub",
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
