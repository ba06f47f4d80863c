//! What of a scenario real peers can do.

use peerlab_scenarios::spec::{
    Behaviour, Fault as FaultSpec, Network, ScenarioSpec,
    discovery::Discovery,
    overlay::{Gossipsub, Overlay},
    read::{Fault, FieldPath},
};

/// What this engine does and leaves out, for people.
pub const NOTES: [&str; 4] = [
    "Real: every peer is a libp2p swarm of its own, and its protocols run as they are. Posts and manifests are signed by their \
     authors and checked by whoever gets them first, chunks are real bytes that are checked against the Merkle tree of their \
     release. Connections are TCP with Noise and Yamux, or QUIC over bare links.",
    "Laid under the connections, unless links are bare: the scenario's one-way delays with jitter, rates and queues of links and of \
     sites, losses with their delay of retransmission, cuts and degraded links. Processors are those of this machine, and all \
     peers share them: when they did not keep up, the run is degraded and says so.",
    "Not imitated: address translation, the dynamics of congestion control, clocks that differ between peers. Over gossipsub it \
     is not known how many links an item has travelled, and libp2p does not tell its messages by kind.",
    "Times are real, so two runs differ. The plan does not: the same people say the same things at the same times as on any other \
     engine.",
];

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
                    "real peers of one machine have no address translation between them",
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
    if let Discovery::Kademlia(_) = spec.discovery {
        refused.push(
            at(
                "spec.discovery.kademlia",
                "real peers of one machine know one another's addresses from the plan",
            )
            .help("simulate it: `peerlab-sim run`"),
        );
    }
    for (number, workload) in spec.workloads.iter().enumerate() {
        if workload.lookups.is_some() {
            refused.push(
                at(&format!("spec.workloads[{number}].lookups"), "real peers look nothing up")
                    .help("simulate it: `peerlab-sim run`"),
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
                .help("leave it out: over TCP they are three"),
        );
    }
    if let Overlay::Gossipsub(params) = &spec.overlay {
        gossipsub(params, spec, &mut refused);
    }
    refused
}

fn gossipsub(params: &Gossipsub, spec: &ScenarioSpec, refused: &mut Vec<Fault>) {
    let path = "spec.overlay.gossipsub";
    if let Some(score) = &params.score
        && score.ip_colocation_factor_weight != 0.0
        && !spec.sites.is_empty()
    {
        refused.push(
            at(
                &format!("{path}.score.ipColocationFactorWeight"),
                "all peers of a machine have one address, so sites cannot be told by theirs",
            )
            .help("set it to 0, or leave the sites out"),
        );
    }
    if let Err(why) = crate::host::check_gossipsub(params) {
        refused.push(at(path, &format!("libp2p will not have these parameters: {why}")));
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
