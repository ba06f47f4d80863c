//! The run folder: written beside its place and moved there when it is whole, so that nothing half-written stays.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write as _},
    path::{Component, Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use peerlab_scenarios::plan::Plan;

use crate::{charts, facts::Format, figures::Series, html::Figure, plan_tables::TABLES};

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
    /// Held while a file or a folder is made in it.
    gate: Mutex<()>,
}

impl Draft {
    fn open(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Removes it, and lets nothing be made in it again as long as what is returned lives: for another thread that is about
    /// to end the program.
    pub fn abandon(&self) -> impl Drop + '_ {
        let shut = self.open();
        // There is nobody left to whom a failure could be told.
        let _ = fs::remove_dir_all(&self.path);
        shut
    }
}

/// What every run folder holds: by its schema it is known for one.
const MARK: &str = "report.json";

/// All that a run may write into its folder, the mark aside.
const ENTRIES: [&str; 11] = [
    "report.html",
    "report.md",
    "scenario.yaml",
    "charts",
    "series",
    "plan",
    "files",
    "replicates",
    "runs",
    Format::Csv.file(),
    Format::Parquet.file(),
];

/// How the schemas of all reports begin.
const SCHEMAS: [&str; 3] = ["peerlab.dev/report/", "peerlab.dev/replicates/", "peerlab.dev/comparison/"];

/// A free place for a run below `parent`: `NAME`, or `NAME-2` and so on.
#[must_use]
pub fn free_place(parent: &Path, name: &str) -> PathBuf {
    let candidate =
        |number: u32| parent.join(if number == 1 { name.to_owned() } else { format!("{name}-{number}") });
    (1..).map(candidate).find(|place| !place.exists()).expect("numbers do not run out")
}

impl Folder {
    /// Begins a run folder at `place`. With `replace`, an earlier run there gives way when the new one is whole.
    ///
    /// # Errors
    /// When something else is there, or the system refuses.
    pub fn begin(place: &Path, replace: bool) -> Result<Self, FolderError> {
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
        let name = place.file_name().ok_or_else(|| FolderError::NotOurs(place.to_owned()))?;
        let draft = place.with_file_name(format!(".{}.{}.part", name.to_string_lossy(), std::process::id()));
        fs::create_dir_all(&draft).map_err(at(&draft))?;
        let draft = Arc::new(Draft { path: draft, gate: Mutex::default() });
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
        self.create_at(name)?.write_all(content).map_err(at(&self.draft.path.join(name)))
    }

    /// Writes a file that the scenario names, below `files`; a step up becomes `_`, so that nothing leaves the folder and no
    /// two files meet.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_named(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        self.write_named_below("", name, content)
    }

    /// The same, in a folder `below` the run's.
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

    /// Writes the plan: who the peers are and when they are there, who is whose neighbour and in which room, what goes wrong.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_plan(&self, plan: &Plan) -> Result<(), FolderError> {
        for (name, write) in TABLES {
            let name = format!("plan/{name}");
            let mut out = BufWriter::new(self.create(&name)?);
            write(plan, &mut out).and_then(|()| out.flush()).map_err(at(&self.draft.path.join(name)))?;
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
        let path = self.draft.path.join(name);
        let _open = self.draft.open();
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        File::create(&path).map_err(at(&path))
    }

    /// Moves the folder to its place.
    ///
    /// # Errors
    /// When something came to be there meanwhile, or the system refuses.
    pub fn finish(self) -> Result<PathBuf, FolderError> {
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
        // After a rename there is nothing to remove; after a failure the draft must not stay.
        let _ = fs::remove_dir_all(&self.draft.path);
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
    for entry in fs::read_dir(place).map_err(at(place))? {
        let name = entry.map_err(at(place))?.file_name();
        if name != MARK && !ENTRIES.iter().any(|known| name == *known) {
            let stranger = name.to_string_lossy().into_owned();
            return Err(FolderError::Shared { place: place.to_owned(), stranger });
        }
    }
    Ok(())
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> FolderError + use<> {
    let path = path.to_owned();
    |error| FolderError::Io { path, error }
}
