//! What the peers do, with the selectors resolved.

use std::sync::Arc;

use super::{ChatPlan, Files, PeerSet, Peers, PlanError, UpdatePlan, at_field, selection::Selection};
use crate::{
    host::Peer,
    spec::{Workload, chat::Posts},
    units::Nanos,
};

/// A workload with its peers resolved.
#[derive(Clone, Debug)]
pub struct WorkloadPlan {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: WorkloadKind,
}

/// What a workload is.
#[derive(Clone, Debug)]
pub enum WorkloadKind {
    /// Messages among members of rooms.
    Chat(Arc<ChatPlan>),
    /// A file that a publisher releases and peers bring to one another.
    Update(Arc<UpdatePlan>),
}

/// What a workload is planned into.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadPlace<'a> {
    /// The peers of the run.
    pub peers: &'a Peers,
    /// How long workloads go on.
    pub duration: Nanos,
}

/// Plans the workload `number`, which stands at `path`, for those who take part.
pub(super) fn plan(
    workload: &Workload,
    number: u8,
    path: &str,
    who: &PeerSet,
    selection: &Selection<'_>,
    place: &WorkloadPlace<'_>,
    files: &Files,
) -> Result<WorkloadKind, PlanError> {
    if let Some(update) = &workload.update {
        let path = format!("{path}.update");
        let publishers: Vec<Peer> =
            selection.select(&update.publisher, &format!("{path}.publisher"))?.iter().collect();
        let eligible: Vec<Peer> = who.iter().collect();
        let planned = UpdatePlan::new(update.clone(), number, &eligible, &publishers, selection.seed, place);
        let planned = planned.map_err(|error| PlanError::new(path, error.to_string()))?;
        return Ok(WorkloadKind::Update(Arc::new(planned)));
    }
    let chat = workload
        .chat
        .as_ref()
        .ok_or_else(|| PlanError::new(path, "a workload says what it is: chat or update"))?;
    let archives = match &chat.archive {
        Some(archive) => selection.select(archive, &format!("{path}.chat.archive"))?,
        None => PeerSet::default(),
    };
    // Who keeps the archive of a server serves, and has nothing to say.
    let members: Vec<Peer> = who.iter().filter(|peer| !archives.contains(*peer)).collect();
    let archives: Vec<Peer> = archives.iter().collect();
    let trace = match &chat.posts {
        Posts::Trace(trace) => files.get(&trace.file).map(String::as_str),
        _ => None,
    };
    let planned =
        ChatPlan::new(chat.clone(), number, &members, &archives, selection.seed, place.duration, trace);
    let planned = planned.map_err(|error| {
        PlanError::new(at_field(&format!("{path}.chat"), error.field()), error.to_string())
    })?;
    Ok(WorkloadKind::Chat(Arc::new(planned)))
}
