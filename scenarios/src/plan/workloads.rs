//! What the peers do, with the selectors resolved.

use std::sync::Arc;

use super::{
    ChatPlan, Files, KademliaPlan, LookupsPlan, PeerSet, Peers, PlanError, UpdatePlan, at_field,
    selection::Selection,
};
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
    /// Contents that some peers provide and others look for.
    Lookups(Arc<LookupsPlan>),
}

/// What a workload is planned into.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadPlace<'a> {
    /// The peers of the run.
    pub peers: &'a Peers,
    /// How long workloads go on.
    pub duration: Nanos,
    /// How peers and content are found, where the plan does not say.
    pub discovery: Option<&'a KademliaPlan>,
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
    if let Some(lookups) = &workload.lookups {
        let path = format!("{path}.lookups");
        let discovery = place.discovery.ok_or_else(|| {
            PlanError::new(&path, "there is nothing to look things up in: write `discovery: {kademlia: {}}`")
        })?;
        let providers: Vec<Peer> = match &lookups.providers {
            Some(providers) => selection.select(providers, &format!("{path}.providers"))?.iter().collect(),
            None => who.iter().collect(),
        };
        let (seekers, servers) = (who.iter().collect(), discovery.servers().iter().collect());
        let planned = LookupsPlan::new(
            lookups.clone(),
            number,
            seekers,
            &providers,
            servers,
            selection.seed,
            place.duration,
        );
        return Ok(WorkloadKind::Lookups(Arc::new(planned)));
    }
    let chat = workload
        .chat
        .as_ref()
        .ok_or_else(|| PlanError::new(path, "a workload says what it is: chat, update or lookups"))?;
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
