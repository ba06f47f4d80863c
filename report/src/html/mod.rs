//! The report as one page that opens from disk: style and charts are inside, and nothing is fetched.
//!
//! A [`Page`] tells of one run and a [`Study`] of several; both are plain data, and [`page`] and [`study`] write them. Every text is escaped, whatever stands in the scenario; only the SVG of
//! a [`Figure`] goes in as it is.

mod markup;
mod render;
mod study;

pub use markup::{Cell, Tone};
pub use render::page;
pub use study::{Study, Table, study};

use crate::quantity::Unit;

/// All that the page says.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The scenario's name.
    pub title: String,
    /// What the scenario asks, as its author wrote it; may be empty. Blank lines part paragraphs.
    pub description: String,
    /// What came of the targets. It stands at the top, after [`Page::validity`] where that is degraded.
    pub verdict: Verdict,
    /// A sentence to go with the verdict, such as `"3 of 3 targets met"`; may be empty.
    pub verdict_detail: String,
    /// Name and value of what a reader looks for first: engine, seed, peers, virtual duration.
    pub facts: Vec<(String, String)>,
    /// What the scenario asked for.
    pub targets: Vec<TargetRow>,
    /// What was measured.
    pub metrics: Vec<MetricRow>,
    /// What must hold in every run.
    pub invariants: Vec<InvariantRow>,
    /// Whether the run can be believed.
    pub validity: Validity,
    /// The charts, in the order of the page.
    pub figures: Vec<Figure>,
    /// What was broken on purpose.
    pub faults: Vec<FaultRow>,
    /// Name and value of what it takes to repeat the run: versions, hashes, resolved defaults, host.
    pub provenance: Vec<(String, String)>,
    /// What the engine models and what it leaves out, a paragraph each.
    pub model: Vec<String>,
}

/// What came of a run's targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every target was met.
    Met,
    /// A target was missed.
    Missed,
    /// Nothing was asked of the run.
    NoTargets,
    /// The run proves nothing.
    Invalid,
}

/// A target, and how it came out.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetRow {
    /// What was bounded, such as `"delivery latency p95"`.
    pub metric: String,
    /// The bound as written, such as `"≤ 500 ms"`.
    pub bound: String,
    /// What was observed, with its unit; `None` when nothing was.
    pub observed: Option<String>,
    /// Whether the bound was kept.
    pub met: bool,
}

/// A metric's distribution.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricRow {
    /// Its name in `report.json`.
    pub name: String,
    /// Unit of all its values.
    pub unit: Unit,
    /// How many samples it has.
    pub n: u64,
    /// Arithmetic mean. This and what follows is in the base unit, and `None` where there is no such number.
    pub mean: Option<f64>,
    /// Median.
    pub p50: Option<f64>,
    /// 95th percentile.
    pub p95: Option<f64>,
    /// 99th percentile.
    pub p99: Option<f64>,
    /// Maximum.
    pub max: Option<f64>,
}

/// An invariant, and whether it held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvariantRow {
    /// Its name.
    pub name: String,
    /// Whether it held.
    pub holds: bool,
    /// What was compared, or what broke.
    pub detail: String,
}

/// Whether the run can be believed, and why not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Validity {
    /// It can.
    #[default]
    Valid,
    /// With the caution that the reasons give.
    Degraded(Vec<String>),
    /// It cannot, for these reasons.
    Invalid(Vec<String>),
}

/// A chart with its words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// Name of the place on the page that links lead to, after `figure-`. Characters other than ASCII letters, digits
    /// and `_` become `-`; a name that is taken gets a number.
    pub id: String,
    /// What is drawn, for those who do not see it.
    pub title: String,
    /// What to read from it.
    pub caption: String,
    /// The drawing, from [`crate::charts`]. It is put in as it is.
    pub svg: String,
}

/// A fault, and what it hit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FaultRow {
    /// Its name in the scenario.
    pub name: String,
    /// What kind of fault it is.
    pub kind: String,
    /// When it began, in virtual time, with its unit.
    pub at: String,
    /// How long it lasted, with its unit.
    pub lasted: String,
    /// How often it had an effect: messages dropped or delayed, peers stopped. Nought means that it hit nothing.
    pub effects: u64,
}
