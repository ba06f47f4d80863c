//! Names: unique where they are given, known where they are used.

use crate::{
    plan::Regions,
    spec::{
        Fault as Failure, Latency, ScenarioSpec, Topology, Who,
        read::{Fault, FieldPath, nearest},
    },
    wire::Kind,
};

/// The names of one kind of thing.
struct Names<'s> {
    what: &'static str,
    known: Vec<&'s str>,
}

impl Names<'_> {
    /// Adds to a fault what the name could have been.
    fn hints(&self, fault: Fault, name: &str) -> Fault {
        let fault = match nearest(name, self.known.iter().copied()) {
            Some(near) if self.known.len() == 1 => return fault.help(format!("write `{near}`")),
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault,
        };
        if self.known.is_empty() {
            fault.help(format!("the scenario has no {} at all", self.what))
        } else {
            let known: Vec<_> = self.known.iter().map(|name| format!("`{name}`")).collect();
            fault.help(format!("known: {}", known.join(", ")))
        }
    }

    /// Refuses a reference to what does not exist.
    fn refer(&self, path: FieldPath, name: Option<&String>, faults: &mut Vec<Fault>) {
        if let Some(name) = name.filter(|name| !self.known.contains(&name.as_str())) {
            faults.push(self.hints(Fault::new(path, self.denial(name)), name));
        }
    }

    /// Refuses a field whose name is such a reference.
    fn refer_by_field(&self, path: FieldPath, name: &str, faults: &mut Vec<Fault>) {
        if !self.known.contains(&name) {
            faults.push(self.hints(Fault::of_name(path, self.denial(name)), name));
        }
    }

    fn denial(&self, name: &str) -> String {
        format!("there is no {} `{name}`", self.what)
    }
}

struct Scope<'s> {
    groups: Names<'s>,
    sites: Names<'s>,
    workloads: Names<'s>,
    /// None where a file knows them, which the plan reads.
    regions: Option<Names<'s>>,
}

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    let table = match &spec.network.latency {
        Latency::Regions(latency) => Some(Regions::table(latency.table)),
        Latency::Fixed(_) | Latency::Drawn(_) => Some(Regions::one()),
        Latency::Matrix(_) => None,
    };
    let regions =
        table.as_ref().map(|table| table.list().iter().map(|region| region.name.as_str()).collect());
    let scope = Scope {
        groups: unique("group", &root.key("groups"), spec.groups.iter().map(|g| &g.name), faults),
        sites: unique("site", &root.key("sites"), spec.sites.iter().map(|s| &s.name), faults),
        regions: regions.map(|known| Names { what: "region", known }),
        workloads: unique("workload", &root.key("workloads"), spec.workloads.iter().map(|w| &w.name), faults),
    };
    unique("fault", &root.key("faults"), spec.faults.iter().map(|f| &f.name), faults);

    for (index, group) in spec.groups.iter().enumerate() {
        let path = root.key("groups").index(index);
        scope.sites.refer(path.key("site"), group.site.as_ref(), faults);
        if let Some(regions) = &scope.regions {
            for region in group.regions.keys() {
                regions.refer_by_field(path.key("regions").key(region), region, faults);
            }
        }
    }
    let kinds = Names { what: "kind of message", known: Kind::ALL.iter().map(|kind| kind.name()).collect() };
    for kind in spec.network.processing.by_kind.keys() {
        let path = root.key("network").key("processing").key("byKind").key(kind);
        kinds.refer_by_field(path, kind, faults);
    }
    if let Topology::Star(star) = &spec.topology {
        scope.groups.refer(root.key("topology").key("star").key("hub"), star.hub.as_ref(), faults);
    }
    let relays = spec.network.traversal.relays.as_ref();
    scope.groups.refer(root.key("network").key("traversal").key("relays"), relays, faults);
    if let Some(servers) = spec.discovery.kademlia().and_then(|kademlia| kademlia.servers.as_ref()) {
        selector(servers, &root.key("discovery").key("kademlia").key("servers"), &scope, faults);
    }
    for (index, workload) in spec.workloads.iter().enumerate() {
        let path = root.key("workloads").index(index).key("who");
        selector(&workload.who, &path, &scope, faults);
        if let Some(update) = &workload.update {
            let path = root.key("workloads").index(index).key("update").key("publisher");
            selector(&update.publisher, &path, &scope, faults);
        }
        if let Some(providers) = workload.lookups.as_ref().and_then(|lookups| lookups.providers.as_ref()) {
            let path = root.key("workloads").index(index).key("lookups").key("providers");
            selector(providers, &path, &scope, faults);
        }
        // A workload's members are chosen when only those before it have theirs.
        let named = workload.who.workload.as_deref();
        if named.is_some_and(|name| scope.workloads.known[index..].contains(&name)) {
            faults.push(
                Fault::new(path.key("workload"), "a workload can take its peers from one before it only")
                    .help("move it behind the workload that it refers to"),
            );
        }
    }
    for (index, failure) in spec.faults.iter().enumerate() {
        for (path, who) in selectors(failure, &root.key("faults").index(index)) {
            selector(who, &path, &scope, faults);
        }
    }
}

/// The names of a list, each fault being one that comes a second time.
fn unique<'s>(
    what: &'static str,
    path: &FieldPath,
    names: impl Iterator<Item = &'s String>,
    faults: &mut Vec<Fault>,
) -> Names<'s> {
    let mut known: Vec<&str> = Vec::new();
    for (index, name) in names.enumerate() {
        if let Some(first) = known.iter().position(|other| other == name) {
            let first = path.index(first);
            faults.push(
                Fault::new(path.index(index).key("name"), format!("a second {what} is named `{name}`"))
                    .help(format!("`{first}` has the name already: give each {what} its own")),
            );
        }
        known.push(name);
    }
    Names { what, known }
}

/// The selectors of a failure with their paths.
fn selectors<'f>(failure: &'f Failure, path: &FieldPath) -> Vec<(FieldPath, &'f Who)> {
    let mut all = Vec::new();
    let simple = [("outage", &failure.outage), ("kill", &failure.kill), ("stop", &failure.stop)];
    all.extend(simple.into_iter().filter_map(|(kind, who)| Some((path.key(kind), who.as_ref()?))));
    all.extend(failure.degrade.iter().map(|degrade| (path.key("degrade").key("who"), &degrade.who)));
    if let Some(partition) = &failure.partition {
        let between = path.key("partition").key("between");
        all.extend(partition.between.iter().enumerate().map(|(side, who)| (between.index(side), who)));
    }
    all
}

fn selector(who: &Who, path: &FieldPath, scope: &Scope<'_>, faults: &mut Vec<Fault>) {
    scope.groups.refer(path.key("group"), who.group.as_ref(), faults);
    if let Some(regions) = &scope.regions {
        regions.refer(path.key("region"), who.region.as_ref(), faults);
    }
    scope.sites.refer(path.key("site"), who.site.as_ref(), faults);
    scope.workloads.refer(path.key("workload"), who.workload.as_ref(), faults);
}
