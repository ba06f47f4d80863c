//! Scenarios as commands read them: bounded, with the files that they name, and planned.

use std::{cell::RefCell, collections::BTreeMap, fs, io::Read as _, path::Path};

use peerlab_scenarios::{
    plan::{self, Files, Plan, topology::expected_links},
    seed::Seed,
    spec::{
        Scenario, ScenarioSpec,
        read::{Document, Fault, FieldPath, MAX_BYTES, Problems, document, document_for},
    },
};

use super::{Stop, colours};

/// The longest file that a scenario may name.
const MOST_OF_A_FILE: u64 = 1 << 30;

/// The largest scenario that is planned to tell more of one that is wrong.
const MOST_PEERS_READ_AGAIN: u64 = 20_000;
const MOST_LINKS_READ_AGAIN: u64 = 1_000_000;

/// What a scenario asks for that an engine cannot do, by field.
pub type Refusals = fn(&ScenarioSpec) -> Vec<Fault>;

/// A scenario that was read, with the files that it names.
#[derive(Debug)]
pub struct Loaded {
    /// What was read, and where each value stood.
    pub document: Document<Scenario>,
    bytes: Vec<u8>,
    files: Files,
}

/// A scenario that was read and planned.
#[derive(Debug)]
pub struct Ready {
    /// What was read, and where each value stood.
    pub document: Document<Scenario>,
    /// The scenario's own bytes, for its hash.
    pub bytes: Vec<u8>,
    /// The files that it names.
    pub files: Files,
    /// What the scenario and the seed decide.
    pub plan: Plan,
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
///
/// # Errors
/// When it cannot be read, is longer, or is no text.
pub fn read_text(path: &Path, most: u64) -> Result<String, Stop> {
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

/// Reads a scenario.
///
/// # Errors
/// What is wrong with it, or why the system does not give it.
pub fn read(path: &Path) -> Result<(Document<Scenario>, Vec<u8>), Result<Problems, Stop>> {
    let bytes = read_bounded(path, MAX_BYTES as u64).map_err(|error| Err(unreadable(path, &error)))?;
    let document = document(&path.display().to_string(), &bytes).map_err(Ok)?;
    Ok((document, bytes))
}

/// Reads a scenario, and the files that it names, for an engine that refuses some.
///
/// # Errors
/// What is wrong with it, refused or cannot be planned, or why the system does not give it.
pub fn load(path: &Path, refusals: Refusals) -> Result<Loaded, Result<Problems, Stop>> {
    let bytes = read_bounded(path, MAX_BYTES as u64).map_err(|error| Err(unreadable(path, &error)))?;
    let (name, beside) = (path.display().to_string(), path.parent().unwrap_or_else(|| Path::new(".")));
    let named = RefCell::new(Named::default());
    let hindered = |scenario: &Scenario| {
        let mut faults = refusals(&scenario.spec);
        faults.extend(named.borrow_mut().read(&scenario.spec, beside));
        faults
    };
    match document_for(&name, &bytes, hindered) {
        Ok(document) => Ok(Loaded { document, bytes, files: named.into_inner().files }),
        // Once it is known to be wrong, it is told as well what a plan would find.
        Err(_) => Err(Ok(document_for(&name, &bytes, |scenario| {
            let mut faults = hindered(scenario);
            faults.extend(unplannable(scenario, scenario.spec.seed, &named.borrow().files, &faults));
            faults
        })
        .expect_err("what was wrong with the same bytes before still is"))),
    }
}

/// The files that a scenario names, each read once.
#[derive(Default)]
struct Named {
    files: Files,
    missing: BTreeMap<String, String>,
}

impl Named {
    /// Reads what is new in this scenario, with the fields whose files cannot be read.
    fn read(&mut self, spec: &ScenarioSpec, beside: &Path) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (field, name) in plan::files(spec) {
            if !self.files.contains_key(name) && !self.missing.contains_key(name) {
                let at = beside.join(name);
                let bytes = read_bounded(&at, MOST_OF_A_FILE).map_err(|error| error.to_string());
                match bytes.and_then(|bytes| as_text(bytes, MOST_OF_A_FILE)) {
                    Ok(text) => drop(self.files.insert(name.to_owned(), text)),
                    Err(why) => {
                        let why = format!("`{}` cannot be read: {why}", at.display());
                        self.missing.insert(name.to_owned(), why);
                    }
                }
            }
            if let Some(why) = self.missing.get(name) {
                let fault = Fault::new(FieldPath::parse(&field), why.clone());
                faults.push(fault.help("paths are relative to the scenario's file"));
            }
        }
        faults
    }
}

/// What a plan of a small scenario finds, but for the fields at fault already. A plan of a large one takes too long to be
/// made for several readings of a file that is wrong.
fn unplannable(scenario: &Scenario, seed: u64, files: &Files, known: &[Fault]) -> Vec<Fault> {
    let spec = &scenario.spec;
    let counted = spec.counted_peers();
    let peers = spec.peers.map_or(counted, |all| counted.max(u64::from(all)));
    if peers > MOST_PEERS_READ_AGAIN || expected_links(&spec.topology, peers) > MOST_LINKS_READ_AGAIN {
        return Vec::new();
    }
    let errors = Plan::new(scenario, Seed(seed), files).err().unwrap_or_default();
    let new = |fault: &Fault| !known.iter().any(|known| known.path == fault.path);
    errors.into_iter().map(Fault::from).filter(new).collect()
}

/// Reads a scenario, and the files that it names, for an engine that refuses some, and plans it with its own seed or another.
///
/// # Errors
/// What is wrong with it, refused or cannot be planned, or why the system does not give it.
pub fn prepare(path: &Path, refusals: Refusals, seed: Option<u64>) -> Result<Ready, Stop> {
    let loaded = load(path, refusals).map_err(stop)?;
    loaded.plan(seed).map_err(|problems| stop(Ok(problems)))
}

impl Loaded {
    /// The files that it names.
    #[must_use]
    pub const fn files(&self) -> &Files {
        &self.files
    }

    /// Plans it with its own seed, or another.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn plan(self, seed: Option<u64>) -> Result<Ready, Problems> {
        let Self { document, bytes, files } = self;
        let seed = seed.unwrap_or(document.value.spec.seed);
        match Plan::of(&document, Seed(seed), &files) {
            Ok(plan) => Ok(Ready { document, bytes, files, plan }),
            // A plan stops at its first obstacle. The others are found with that one out of the way, where the scenario is small.
            Err(first) => {
                let hindered = |scenario: &Scenario| unplannable(scenario, seed, &files, &[]);
                Err(document_for(document.name(), &bytes, hindered).err().unwrap_or(first))
            }
        }
    }
}

impl Ready {
    /// The plan of the same scenario with another seed.
    ///
    /// # Errors
    /// What cannot be planned.
    pub fn plan_with(&self, seed: u64) -> Result<Plan, Problems> {
        Plan::of(&self.document, Seed(seed), &self.files)
    }
}

/// Problems as a person sees them.
#[must_use]
pub fn show(problems: &Problems) -> String {
    if colours() { problems.coloured() } else { problems.to_string() }
}

/// Why a command ends whose scenario is wrong.
#[must_use]
pub fn stop(error: Result<Problems, Stop>) -> Stop {
    match error {
        Ok(problems) => Stop::Input(show(&problems)),
        Err(stop) => stop,
    }
}
