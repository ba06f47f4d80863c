//! Address translation: relays that can be reached, and parameters that something depends on.

use crate::{
    spec::{Group, Nat, ScenarioSpec, Traversal, read::Fault},
    units::{Bytes, Nanos},
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let traversal = &spec.network.traversal;
    let path = super::root().key("network").key("traversal");
    if *traversal != Traversal::default() && spec.groups.iter().all(|group| group.nat.can_be_dialled()) {
        faults.push(
            Fault::new(path, "nothing needs it: every peer can be dialled")
                .help("give a group a `nat`, or leave `traversal` out"),
        );
        return;
    }
    if let Some(name) = &traversal.relays
        && let Some(group) = spec.groups.iter().find(|group| group.name == *name)
        && !can_relay(group)
    {
        let why = match &group.site {
            Some(site) => {
                format!("peers of `{name}` are in the site `{site}`: a relay has a link of its own")
            }
            None => format!("peers of `{name}` cannot be dialled by all: a relay has a public address"),
        };
        let fault = Fault::new(path.key("relays"), why);
        faults.push(fault.help("name a group with `nat: open` that is in no site"));
    }
    if traversal.lifetime == Some(Nanos::ZERO) {
        faults.push(
            Fault::new(path.key("lifetime"), "every connection would end as soon as it is made")
                .help("write for example `2m`, or leave it out for no limit"),
        );
    }
    if traversal.data == Some(Bytes(0)) {
        faults.push(
            Fault::new(path.key("data"), "every connection would end with its first message")
                .help("write for example `128KiB`, or leave it out for no limit"),
        );
    }
}

/// Whether the peers of a group may relay: everybody can dial them, and what they carry passes no link but their own.
pub(crate) fn can_relay(group: &Group) -> bool {
    group.nat == Nat::Open && group.site.is_none()
}
