//! The run folder: written beside its place and moved there when it is whole, so that nothing half-written stays.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use peerlab_scenarios::{plan::Plan, report::Distribution};

use crate::{charts, distributions, figures::Series, html::Figure, plan_tables::TABLES};

/// Why a run folder could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Something is there already.
    #[error("{0} exists already: name another folder, or replace it with --force")]
    Taken(PathBuf),
    /// There is a file where a folder would be, or a folder that holds other things than a run.
    #[error("{0} is no run folder, and is not replaced")]
    NotOurs(PathBuf),
    /// A run folder in which something was put besides.
    #[error("{place} is not replaced: it holds `{stranger}`, which is no part of a run")]
    Shared {
        /// The folder.
        place: PathBuf,
        /// What else it holds.
        stranger: String,
    },
    /// The system refused.
    #[error("{path}: {error}")]
    Io {
        /// Where.
        path: PathBuf,
        /// What it said.
        error: io::Error,
    },
    /// A chart did not turn into a picture.
    #[error("chart {name}: {error}")]
    Picture {
        /// Which chart.
        name: String,
        /// Why.
        error: charts::PictureError,
    },
}

/// A run folder that is being written.
#[derive(Debug)]
pub struct Folder {
    place: PathBuf,
    draft: Arc<Draft>,
    replace: bool,
}

/// Where a run folder is written before it is moved to its place.
#[derive(Debug)]
pub struct Draft {
    path: PathBuf,
    /// An empty folder that keeps the place until the draft is moved there.
    claim: Option<PathBuf>,
    /// The files made so far, by their paths within the run folder. Held while a file or a folder is made.
    files: Mutex<BTreeSet<PathBuf>>,
}

impl Draft {
    fn open(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes it, and lets nothing be made in it again as long as what is returned lives: for another thread that is about
    /// to end the program.
    pub fn abandon(&self) -> impl Drop + '_ {
        let shut = self.open();
        self.remove();
        shut
    }

    /// Removes it with its claim. After it was moved to its place there is neither: a folder that holds something is no claim.
    fn remove(&self) {
        // There is nobody to whom a failure could be told.
        let _ = fs::remove_dir_all(&self.path);
        let _ = self.claim.as_ref().map(fs::remove_dir);
    }
}

/// What every run folder holds: by its schema it is known for one.
const MARK: &str = "report.json";

/// The list of all other files that were written, as paths within the folder: what is in it besides is not the run's.
const MANIFEST: &str = "manifest.json";

/// How the schemas of all reports begin.
const SCHEMAS: [&str; 4] =
    ["peerlab.dev/report/", "peerlab.dev/replicates/", "peerlab.dev/comparison/", "peerlab.dev/fidelity/"];

/// Claims a free place for a run below `parent` by an empty folder, so that no run begun beside it takes the same: `NAME`, or
/// `NAME-2` and so on.
fn claim(parent: &Path, name: &str) -> Result<PathBuf, FolderError> {
    fs::create_dir_all(parent).map_err(at(parent))?;
    let mut number = 1u64;
    loop {
        let place = parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
        match fs::create_dir(&place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            made => return made.map_err(at(&place)).map(|()| place),
        }
    }
}

/// Where a place is in truth: that to which a symbolic link leads, so that the link stays when a run is replaced.
fn behind_links(place: &Path) -> PathBuf {
    // A path that ends in a slash would be looked at beyond the link.
    let place = place.components().as_path();
    let is_link = fs::symlink_metadata(place).is_ok_and(|entry| entry.is_symlink());
    // A link that leads nowhere stands for itself.
    let target = if is_link { fs::canonicalize(place).ok() } else { None };
    target.unwrap_or_else(|| place.to_owned())
}

impl Folder {
    /// Begins a run folder at `place`. With `replace`, an earlier run there gives way when the new one is whole.
    ///
    /// # Errors
    /// When something else is there, or the system refuses.
    pub fn begin(place: &Path, replace: bool) -> Result<Self, FolderError> {
        let place = &behind_links(place);
        // A link that leads nowhere is in the way as well.
        if fs::symlink_metadata(place).is_ok() {
            let empty = place.is_dir() && fs::read_dir(place).map_err(at(place))?.next().is_none();
            if !empty && !replace {
                return Err(FolderError::Taken(place.to_owned()));
            }
            if !empty {
                recognise(place)?;
            }
        }
        Self::draft_for(place, replace, None)
    }

    /// Begins a run folder at a place below `parent` that is free: `NAME`, or `NAME-2` and so on. From now on it is not.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn begin_free(parent: &Path, name: &str) -> Result<Self, FolderError> {
        let place = claim(parent, name)?;
        Self::draft_for(&place, false, Some(place.clone()))
    }

    fn draft_for(place: &Path, replace: bool, claim: Option<PathBuf>) -> Result<Self, FolderError> {
        let name = place.file_name().ok_or_else(|| FolderError::NotOurs(place.to_owned()))?;
        let draft = place.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        // Whoever reads of an error knows the place, and not where it is written before.
        fs::create_dir_all(&draft).map_err(at(place))?;
        let draft = Arc::new(Draft { path: draft, claim, files: Mutex::default() });
        Ok(Self { place: place.to_owned(), draft, replace })
    }

    /// Where the folder is written before it is moved to its place.
    #[must_use]
    pub fn draft(&self) -> Arc<Draft> {
        Arc::clone(&self.draft)
    }

    /// Writes a file of the run; `name` may name a folder below.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        self.write_at(Path::new(name), content)
    }

    fn write_at(&self, name: &Path, content: &[u8]) -> Result<(), FolderError> {
        self.create_at(name)?.write_all(content).map_err(at(&self.place.join(name)))
    }

    /// Writes a file that the scenario names into `files`, in the run's folder or `below` it; a step up becomes `_`, so that
    /// nothing leaves the folder and no two files meet.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_named_below(&self, below: &str, name: &str, content: &[u8]) -> Result<(), FolderError> {
        let steps = Path::new(name).components().filter_map(|step| match step {
            Component::Normal(name) => Some(Path::new(name)),
            Component::ParentDir => Some(Path::new("_")),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => None,
        });
        self.write_at(&Path::new(below).join("files").join(steps.collect::<PathBuf>()), content)
    }

    /// Writes charts as SVG and PNG.
    ///
    /// # Errors
    /// When the system refuses, or a chart does not turn into a picture.
    pub fn write_charts(&self, figures: &[Figure]) -> Result<(), FolderError> {
        for figure in figures {
            self.write(&format!("charts/{}.svg", figure.id), figure.svg.as_bytes())?;
            let png = charts::png(&figure.svg, 2.0);
            let png = png.map_err(|error| FolderError::Picture { name: figure.id.clone(), error })?;
            self.write(&format!("charts/{}.png", figure.id), &png)?;
        }
        Ok(())
    }

    /// Writes series as CSV.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_series(&self, series: &[Series]) -> Result<(), FolderError> {
        for series in series {
            self.write(&format!("series/{}.csv", series.name), csv(series).as_bytes())?;
        }
        Ok(())
    }

    /// Writes how the values of metrics are spread, a table each in `distributions/`.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_distributions(
        &self,
        distributions: &BTreeMap<String, Distribution>,
    ) -> Result<(), FolderError> {
        for (name, distribution) in distributions {
            self.write(&format!("distributions/{name}.csv"), distributions::csv(distribution).as_bytes())?;
        }
        Ok(())
    }

    /// Writes the plan: who the peers are and when they are there, who is whose neighbour and in which room, what goes wrong.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_plan(&self, plan: &Plan) -> Result<(), FolderError> {
        for (name, write) in TABLES {
            let name = format!("plan/{name}");
            let mut out = BufWriter::new(self.create(&name)?);
            write(plan, &mut out).and_then(|()| out.flush()).map_err(at(&self.place.join(name)))?;
        }
        Ok(())
    }

    /// Begins a file of the run; `name` may name a folder above it.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn create(&self, name: &str) -> Result<File, FolderError> {
        self.create_at(Path::new(name))
    }

    fn create_at(&self, name: &Path) -> Result<File, FolderError> {
        let (path, shown) = (self.draft.path.join(name), self.place.join(name));
        let mut files = self.draft.open();
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(&shown))?;
        }
        let file = File::create(&path).map_err(at(&shown))?;
        files.insert(name.to_owned());
        Ok(file)
    }

    /// The files made so far, by their paths within the run folder.
    #[must_use]
    pub fn files(&self) -> BTreeSet<PathBuf> {
        self.draft.open().clone()
    }

    /// Moves the folder to its place.
    ///
    /// # Errors
    /// When something came to be there meanwhile, or the system refuses.
    pub fn finish(self) -> Result<PathBuf, FolderError> {
        let files = self.files();
        let manifest = serde_json::to_string_pretty(&files).expect("the names of files are text");
        self.write(MANIFEST, format!("{manifest}\n").as_bytes())?;
        let _open = self.draft.open();
        let draft = &self.draft.path;
        if self.replace && self.place.exists() {
            // Set aside first: whatever stops this, one of the two runs is whole.
            let aside = draft.with_extension("old");
            fs::rename(&self.place, &aside).map_err(at(&self.place))?;
            if let Err(error) = fs::rename(draft, &self.place) {
                fs::rename(&aside, &self.place).map_err(at(&self.place))?;
                return Err(at(&self.place)(error));
            }
            fs::remove_dir_all(&aside).map_err(at(&aside))?;
        } else {
            // An empty folder gives way to the rename; one that was filled meanwhile does not.
            fs::rename(draft, &self.place).map_err(at(&self.place))?;
        }
        Ok(self.place.clone())
    }
}

/// A series as CSV.
#[must_use]
pub fn csv(series: &Series) -> String {
    let mut text = series.columns.join(",");
    text.push('\n');
    for row in &series.rows {
        let cells: Vec<String> = row.iter().map(ToString::to_string).collect();
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}

impl Drop for Folder {
    fn drop(&mut self) {
        // After a failure the draft must not stay.
        self.draft.remove();
    }
}

/// Whether a folder is that of a run and of nothing else, so that it may be deleted.
fn recognise(place: &Path) -> Result<(), FolderError> {
    let report = fs::read(place.join(MARK)).ok();
    let report: Option<serde_json::Value> = report.and_then(|text| serde_json::from_slice(&text).ok());
    let schema = report.as_ref().and_then(|report| report["schema"].as_str());
    if !schema.is_some_and(|schema| SCHEMAS.iter().any(|known| schema.starts_with(known))) {
        return Err(FolderError::NotOurs(place.to_owned()));
    }
    let manifest = fs::read(place.join(MANIFEST)).ok();
    let manifest: Option<BTreeSet<PathBuf>> = manifest.and_then(|text| serde_json::from_slice(&text).ok());
    let mut written = manifest.unwrap_or_default();
    written.extend([MARK, MANIFEST].map(PathBuf::from));
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = place.join(&folder);
        for entry in fs::read_dir(&path).map_err(at(&path))? {
            let entry = entry.map_err(at(&path))?;
            let name = folder.join(entry.file_name());
            if entry.file_type().map_err(at(&path))?.is_dir() {
                folders.push(name);
            } else if !written.contains(&name) {
                let stranger = name.display().to_string();
                return Err(FolderError::Shared { place: place.to_owned(), stranger });
            }
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    |error| FolderError::Io { path, error }
}
