//! The run folder: written beside its place and moved there when it is whole, so that nothing half-written stays.

use std::{
    fs, io,
    path::{Component, Path, PathBuf},
};

use peerlab_scenarios::plan::{Plan, identity};

use crate::{charts, figures::Series, html::Figure};

/// Above this many peers, their identities are left out of `plan/peers.csv`: a key takes 20 µs to derive.
const MOST_IDENTITIES: u32 = 100_000;

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
    draft: PathBuf,
    replace: bool,
}

/// What every run folder holds: by its schema it is known for one.
const MARK: &str = "report.json";

/// All that a run may write into its folder, the mark aside.
const ENTRIES: [&str; 9] =
    ["report.html", "report.md", "scenario.yaml", "charts", "series", "plan", "files", "replicates", "runs"];

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
        Ok(Self { place: place.to_owned(), draft, replace })
    }

    /// Where the folder is written before it is moved to its place.
    #[must_use]
    pub fn draft(&self) -> &Path {
        &self.draft
    }

    /// Writes a file of the run; `name` may name a folder below.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<(), FolderError> {
        self.write_at(Path::new(name), content)
    }

    fn write_at(&self, name: &Path, content: &[u8]) -> Result<(), FolderError> {
        let path = self.draft.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(at(parent))?;
        }
        fs::write(&path, content).map_err(at(&path))
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

    /// Writes the plan: who the peers are, who is whose neighbour, what goes wrong.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn write_plan(&self, plan: &Plan) -> Result<(), FolderError> {
        let mut peers = String::from(
            "peer,peer_id,group,region,site,nat,access_seconds,up_bits_per_second,down_bits_per_second\n",
        );
        for peer in plan.peers.iter() {
            let group = plan.peers.group(peer);
            let id = if plan.peers.len() <= MOST_IDENTITIES {
                identity::peer_id(plan.seed, peer).to_string()
            } else {
                String::new()
            };
            let region = &plan.regions.list()[plan.peers.region(peer)].name;
            let site = plan
                .peers
                .site(peer)
                .map(|site| format!("{}-{site}", plan.sites.spec(site).name))
                .unwrap_or_default();
            let nat = serde_json::to_string(&group.spec.nat).expect("a word serialises");
            let access = plan.peers.access(peer).as_secs_f64();
            let (index, name, nat) = (peer.0, &group.spec.name, nat.trim_matches('"'));
            peers.push_str(&format!(
                "{index},{id},{name},{region},{site},{nat},{access},{},{}\n",
                group.up.0, group.down.0
            ));
        }
        self.write("plan/peers.csv", peers.as_bytes())?;
        let mut edges = String::from("a,b\n");
        for [a, b] in plan.graph.links() {
            edges.push_str(&format!("{a},{b}\n"));
        }
        self.write("plan/edges.csv", edges.as_bytes())?;
        let mut faults = String::from("fault,kind,at_seconds,until_seconds\n");
        for fault in &plan.faults {
            let until = if fault.until == peerlab_scenarios::units::Nanos::NEVER {
                String::new()
            } else {
                fault.until.as_secs_f64().to_string()
            };
            faults.push_str(&format!(
                "{},{},{},{until}\n",
                fault.name,
                fault.effect.kind(),
                fault.at.as_secs_f64()
            ));
        }
        self.write("plan/faults.csv", faults.as_bytes())
    }

    /// Moves the folder to its place.
    ///
    /// # Errors
    /// When something came to be there meanwhile, or the system refuses.
    pub fn finish(self) -> Result<PathBuf, FolderError> {
        if self.replace && self.place.exists() {
            // Set aside first: whatever stops this, one of the two runs is whole.
            let aside = self.draft.with_extension("old");
            fs::rename(&self.place, &aside).map_err(at(&self.place))?;
            if let Err(error) = fs::rename(&self.draft, &self.place) {
                fs::rename(&aside, &self.place).map_err(at(&self.place))?;
                return Err(at(&self.place)(error));
            }
            fs::remove_dir_all(&aside).map_err(at(&aside))?;
        } else {
            // An empty folder gives way to the rename; one that was filled meanwhile does not.
            fs::rename(&self.draft, &self.place).map_err(at(&self.place))?;
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
        let _ = fs::remove_dir_all(&self.draft);
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
