//! What of a scenario real peers can do, whether they run in one process, in several or in the pods of a cluster.
//!
//! An engine of real peers asks before it starts anything, and the operator before it makes any pod, so that a scenario is refused by
//! both in the same words.

use crate::{
    host::Peer,
    plan::{Plan, PlanError},
    spec::{
        Behaviour, Fault as FaultSpec, Network, ScenarioSpec,
        overlay::{Gossipsub, Overlay},
        read::{Fault, FieldPath},
    },
};

fn at(path: &str, why: &str) -> Fault {
    Fault::new(FieldPath::parse(path), why.to_owned())
}

/// What a scenario asks for that real peers over its links cannot do, by field.
#[must_use]
pub fn refusals(spec: &ScenarioSpec) -> Vec<Fault> {
    let mut refused = Vec::new();
    for (number, group) in spec.groups.iter().enumerate() {
        if !group.nat.can_be_dialled() {
            refused.push(
                at(
                    &format!("spec.groups[{number}].nat"),
                    "real peers have no address translation between them",
                )
                .help("give the group `nat: open` or `nat: fullCone`, or simulate it: `peerlab-sim run`"),
            );
        }
        let is_honest = matches!(group.behaviour, Behaviour::Honest(_));
        if !is_honest && matches!(spec.overlay, Overlay::Gossipsub(_)) {
            refused.push(
                at(
                    &format!("spec.groups[{number}].behaviour"),
                    "gossipsub is libp2p's own here, and cannot be made to misbehave",
                )
                .help("take another overlay, or simulate it: `peerlab-sim run`"),
            );
        }
    }
    let network = &spec.network;
    let standard = Network::default();
    if network.processing != standard.processing {
        refused.push(at("spec.network.processing", "real peers take the time that they take"));
    }
    if network.handshake != standard.handshake {
        refused.push(
            at("spec.network.handshake", "a real handshake takes the round trips that it takes")
                .help("leave it out: over TCP they are two"),
        );
    }
    if let Overlay::Gossipsub(params) = &spec.overlay {
        gossipsub(params, spec, &mut refused);
    }
    refused
}

fn gossipsub(params: &Gossipsub, spec: &ScenarioSpec, refused: &mut Vec<Fault>) {
    if let Some(score) = &params.score
        && score.ip_colocation_factor_weight != 0.0
        && !spec.sites.is_empty()
    {
        refused.push(
            at(
                "spec.overlay.gossipsub.score.ipColocationFactorWeight",
                "real peers of a machine or of a pod have its address, so sites cannot be told by theirs",
            )
            .help("set it to 0, or leave the sites out"),
        );
    }
}

/// What a scenario asks for that real peers over bare links cannot do, by field.
#[must_use]
pub fn refusals_over_bare_links(spec: &ScenarioSpec) -> Vec<Fault> {
    let mut refused = refusals(spec);
    for (number, fault) in spec.faults.iter().enumerate() {
        if let FaultSpec { partition: Some(_), .. }
        | FaultSpec { outage: Some(_), .. }
        | FaultSpec { degrade: Some(_), .. } = fault
        {
            refused.push(
                at(&format!("spec.faults[{number}]"), "nothing cuts or slows the links of this machine")
                    .help("leave `--links bare` out"),
            );
        }
    }
    for (number, site) in spec.sites.iter().enumerate() {
        if site.uplink.is_none() {
            refused.push(
                at(&format!("spec.sites[{number}]"), "nothing keeps peers of this machine within a site")
                    .help("leave `--links bare` out"),
            );
        }
    }
    refused
}

/// Whether the links of a plan can be laid when its peers are divided so: `part` tells in which process each runs.
///
/// # Errors
/// When peers of a site share an uplink and are not all in one process.
pub fn check_division<Part: Copy + PartialEq>(
    plan: &Plan,
    part: impl Fn(Peer) -> Part,
) -> Result<(), PlanError> {
    let mut parts = vec![None; plan.sites.instances() as usize];
    for peer in plan.peers.iter() {
        let Some(site) = plan.peers.site(peer) else { continue };
        let spec = plan.sites.spec(site);
        let here = part(peer);
        if spec.uplink.is_some() && *parts[site as usize].get_or_insert(here) != here {
            let name = &spec.name;
            let number = plan.spec.sites.iter().position(|spec| spec.name == *name).unwrap_or_default();
            let why = format!("the peers of a site `{name}` share it, so they must all run in one process");
            return Err(PlanError { path: format!("spec.sites[{number}].uplink"), why });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan::Files, seed::Seed, spec::read::read};

    fn scenario(spec: &str) -> crate::spec::Scenario {
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: a}}\nspec:\n  duration: 1m\n{spec}"
        );
        read("a.yaml", text.as_bytes()).unwrap_or_else(|problems| panic!("{problems}"))
    }

    /// The fields that are refused.
    fn refused(spec: &str, refusals: fn(&ScenarioSpec) -> Vec<Fault>) -> Vec<String> {
        refusals(&scenario(spec).spec).iter().map(|fault| fault.path.to_string()).collect()
    }

    const CHAT: &str = "  workloads: [{name: room, chat: {}}]\n";

    #[test]
    fn what_real_peers_cannot_do_is_refused_by_field() {
        for (spec, field) in [
            ("  groups: [{name: all, peers: 9}]\n", None),
            ("  groups: [{name: all, peers: 9, nat: fullCone}]\n", None),
            (
                "  groups: [{name: a, peers: 9}, {name: b, peers: 9, nat: symmetric}]\n",
                Some("spec.groups[1].nat"),
            ),
            (
                "  groups: [{name: a, peers: 9}, {name: b, peers: 3, behaviour: {freeRider: {}}}]\n  overlay: {gossipsub: {}}\n",
                Some("spec.groups[1].behaviour"),
            ),
            (
                "  groups: [{name: all, peers: 9}]\n  network: {processing: {perMessage: 1ms}}\n",
                Some("spec.network.processing"),
            ),
            (
                "  groups: [{name: all, peers: 9, site: a}]\n  sites: [{name: a, isolated: true}]\n  overlay: {gossipsub: {score: {}}}\n",
                Some("spec.overlay.gossipsub.score.ipColocationFactorWeight"),
            ),
        ] {
            assert_eq!(refused(&format!("{spec}{CHAT}"), refusals), Vec::from_iter(field), "{spec}");
        }
    }

    #[test]
    fn bare_links_are_neither_cut_nor_sites() {
        let spec = "  groups: [{name: all, peers: 9, site: a}]\n  sites: [{name: a, isolated: true}]\n  \
                    faults: [{name: cut, at: 5s, for: 5s, outage: {peers: [1]}}]\n";
        let spec = format!("{spec}{CHAT}");
        assert_eq!(refused(&spec, refusals), [""; 0]);
        assert_eq!(refused(&spec, refusals_over_bare_links), ["spec.faults[0]", "spec.sites[0]"]);
    }

    #[test]
    fn who_shares_an_uplink_shares_a_process() {
        let shares = |uplink: &str| {
            let spec = format!(
                "  groups: [{{name: all, peers: 12, site: a}}]\n  sites: [{{name: a{uplink}}}]\n{CHAT}"
            );
            let plan = Plan::new(&scenario(&spec), Seed(1), &Files::new()).expect("it can be planned");
            (check_division(&plan, |_| 0), check_division(&plan, |peer| peer.0 / 4))
        };
        assert_eq!(shares(", isolated: true"), (Ok(()), Ok(())));
        let (together, apart) = shares(", uplink: {down: 10Mbit, up: 10Mbit}");
        assert_eq!(together, Ok(()));
        assert_eq!(apart.map_err(|error| error.path), Err("spec.sites[0].uplink".to_owned()));
    }
}
