//! By which words objects are found again: <https://kubernetes.io/docs/concepts/overview/working-with-objects/common-labels/>.

use std::collections::BTreeMap;

use peerlab_scenarios::spec::crd::status::ScenarioStatus;

use crate::settings::MANAGER;

/// Who looks after an object.
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// Of which scenario it is.
pub const INSTANCE: &str = "app.kubernetes.io/instance";
/// What it is for.
pub const COMPONENT: &str = "app.kubernetes.io/component";
/// Of which run, and attempt, of the scenario it is.
pub const RUN: &str = "peerlab.dev/run";
/// Of which group a pod's peers are.
pub const GROUP: &str = "peerlab.dev/group";
/// An annotation: by which operator, with which settings, an object was built.
pub const BUILDER: &str = "peerlab.dev/built-by";

/// What an object is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Component {
    /// What all pods of a run have in common.
    Run,
    /// The conductor.
    Conductor,
    /// Peers.
    Peers,
    /// What came of a run: it outlives the rest.
    Result,
}

impl Component {
    /// As the label says it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Conductor => "conductor",
            Self::Peers => "peers",
            Self::Result => "result",
        }
    }

    /// What a label says.
    #[must_use]
    pub fn of(label: &str) -> Option<Self> {
        [Self::Run, Self::Conductor, Self::Peers, Self::Result]
            .into_iter()
            .find(|component| component.name() == label)
    }
}

/// The value of the label [`RUN`], of the run that a status tells of.
#[must_use]
pub fn run_label(status: &ScenarioStatus) -> String {
    format!("{}.{}", status.run.run_id.as_deref().unwrap_or_default(), status.attempt.unwrap_or(1))
}

/// The labels of all pods of a run.
pub(super) fn of_run(scenario: &str, run: &str) -> BTreeMap<String, String> {
    [(MANAGED_BY, MANAGER), (INSTANCE, scenario), (RUN, run)]
        .map(|(label, value)| (label.to_owned(), value.to_owned()))
        .into()
}

/// The labels by which objects of one purpose of a run are told.
pub(super) fn selector(scenario: &str, run: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = of_run(scenario, run);
    labels.insert(COMPONENT.to_owned(), component.name().to_owned());
    labels
}

/// The labels of an object.
pub(super) fn of(scenario: &str, run: &str, component: Component) -> BTreeMap<String, String> {
    let mut labels = selector(scenario, run, component);
    labels.insert("app.kubernetes.io/name".to_owned(), "peerlab-scenario".to_owned());
    labels.insert("app.kubernetes.io/part-of".to_owned(), "peerlab".to_owned());
    labels
}
