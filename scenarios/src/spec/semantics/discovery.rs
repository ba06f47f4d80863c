//! Discovery that can be, and lookups that have something to look things up in.

use super::periods::SHORTEST;
use crate::{
    spec::{
        ScenarioSpec,
        discovery::Kademlia,
        lookups::LookupsSpec,
        read::{Fault, FieldPath},
    },
    units::Nanos,
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    if let Some(kademlia) = spec.discovery.kademlia() {
        check_kademlia(kademlia, &root.key("discovery").key("kademlia"), faults);
    }
    for (index, workload) in spec.workloads.iter().enumerate() {
        let path = root.key("workloads").index(index);
        if workload.update.is_some() && spec.discovery.kademlia().is_some() {
            let why =
                "who has chunks is told by the plan: an update does not find it by `spec.discovery.kademlia`";
            faults.push(Fault::new(path.key("update"), why).help("leave one of the two out"));
        }
        let Some(lookups) = &workload.lookups else { continue };
        let path = path.key("lookups");
        if spec.discovery.kademlia().is_none() {
            let why =
                "there is nothing to look things up in: `spec.discovery` is the plan, which knows everything";
            faults.push(Fault::new(path.clone(), why).help("write `discovery: {kademlia: {}}`"));
        }
        check_lookups(lookups, spec.duration, &path, faults);
    }
}

fn check_kademlia(kademlia: &Kademlia, path: &FieldPath, faults: &mut Vec<Fault>) {
    if kademlia.servers.as_ref().is_some_and(|who| who.workload.is_some()) {
        let why = "who serves is decided before who takes part in a workload";
        faults.push(
            Fault::new(path.key("servers").key("workload"), why).help("select by group, region or site"),
        );
    }
    for (name, time) in [
        ("refresh", kademlia.refresh),
        ("queryTimeout", kademlia.query_timeout),
        ("idleTimeout", kademlia.idle_timeout),
        ("providerTtl", kademlia.provider_ttl),
        ("republish", kademlia.republish),
    ] {
        too_short(path.key(name), time, faults);
    }
    if kademlia.republish >= kademlia.provider_ttl {
        let why = format!(
            "records that last {} are gone before they are renewed after {}",
            kademlia.provider_ttl, kademlia.republish
        );
        faults.push(Fault::new(path.key("republish"), why).help("make it shorter than `providerTtl`"));
    }
}

fn check_lookups(lookups: &LookupsSpec, duration: Nanos, path: &FieldPath, faults: &mut Vec<Fault>) {
    too_short(path.key("find").key("every"), lookups.find.every, faults);
    if let Some(find_peers) = &lookups.find_peers {
        too_short(path.key("findPeers").key("every"), find_peers.every, faults);
    }
    if lookups.begin() >= duration {
        let why = format!("lookups begin at {}, after the run has ended at {duration}", lookups.begin());
        faults.push(
            Fault::new(path.key("provideWithin"), why).help("make it shorter, or `spec.duration` longer"),
        );
    }
}

fn too_short(path: FieldPath, time: Nanos, faults: &mut Vec<Fault>) {
    if time < SHORTEST {
        let why = format!("{time} is too short a time");
        faults.push(Fault::new(path, why).help(format!("write at least `{SHORTEST}`")));
    }
}
