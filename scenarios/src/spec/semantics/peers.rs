//! Numbers of peers: groups that come to a whole, and links for which there are peers enough.

use crate::{
    spec::{Group, ScenarioSpec, Topology, read::Fault},
    units::Share,
    wire::ItemId,
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    let sized = |group: &Group| group.peers.is_some() || (group.share.is_some() && spec.peers.is_some());
    if !spec.groups.iter().all(sized) {
        // The rules of the language have told so already.
        return;
    }
    let given: u64 = spec.groups.iter().filter_map(|group| group.peers).map(u64::from).sum();
    let parts = |share: Share| u64::from(share.parts_per_billion());
    let shares: u64 = spec.groups.iter().filter_map(|group| group.share).map(parts).sum();
    let all = parts(Share::ALL);

    if shares > all {
        let percent = shares as f64 / (all / 100) as f64;
        faults.push(
            Fault::new(root.key("groups"), format!("the shares of the groups come to {percent}%"))
                .help("together they can have at most 100% of `spec.peers`"),
        );
        return;
    }
    if let Some(whole) = spec.peers {
        let by_share = (u64::from(whole) * shares + all / 2) / all;
        if given + by_share != u64::from(whole) {
            faults.push(
                Fault::new(
                    root.key("peers"),
                    format!(
                        "{whole} peers are wanted, but the groups come to {}: {given} by number and {by_share} by share",
                        given + by_share
                    ),
                )
                .help("change `spec.peers`, or give the rest to a group"),
            );
            return;
        }
    }
    let total = spec.peers.map_or(given, u64::from);
    let most = u64::from(ItemId::MAX_PEERS) - 1;
    if total > most {
        faults
            .push(Fault::new(root.key("groups"), format!("{total} peers are more than the {most} of a run")));
        return;
    }
    topology(&spec.topology, total, faults);
}

/// Links that so many peers cannot have.
fn topology(topology: &Topology, peers: u64, faults: &mut Vec<Fault>) {
    let path = super::root().key("topology");
    let too_few = |kind: &str, field: &str, wanted: u32| {
        Fault::new(
            path.key(kind).key(field),
            format!("{wanted} links a peer need more than {wanted} peers, and there are {peers}"),
        )
        .help(format!("at most {} are possible", peers.saturating_sub(1)))
    };
    match topology {
        Topology::KRegular(graph) if u64::from(graph.degree) >= peers => {
            faults.push(too_few("kRegular", "degree", graph.degree));
        }
        Topology::KRegular(graph) if !(u64::from(graph.degree) * peers).is_multiple_of(2) => faults.push(
            Fault::new(
                path.key("kRegular").key("degree"),
                format!("{peers} peers cannot all have {} links: every link has two ends", graph.degree),
            )
            .help("make the degree or the number of peers even"),
        ),
        Topology::WattsStrogatz(graph) if u64::from(graph.degree) >= peers => {
            faults.push(too_few("wattsStrogatz", "degree", graph.degree));
        }
        Topology::WattsStrogatz(graph) if !graph.degree.is_multiple_of(2) => faults.push(
            Fault::new(path.key("wattsStrogatz").key("degree"), format!("{} is odd", graph.degree))
                .help("half of the links go to either side of the ring: give an even number"),
        ),
        Topology::BarabasiAlbert(graph) if u64::from(graph.links) >= peers => {
            faults.push(too_few("barabasiAlbert", "links", graph.links));
        }
        Topology::Grid(grid) if grid.columns.is_some_and(|columns| u64::from(columns) > peers) => {
            faults.push(
                Fault::new(
                    path.key("grid").key("columns"),
                    format!("a row is longer than all {peers} peers"),
                )
                .help(format!("at most {peers} columns are possible")),
            );
        }
        Topology::Edges(edges) => {
            for (index, pair) in edges.list.iter().enumerate() {
                if let Some(peer) = pair.iter().find(|peer| u64::from(**peer) >= peers) {
                    faults.push(
                        Fault::new(
                            path.key("edges").key("list").index(index),
                            format!("there is no peer {peer}: the run has {peers}"),
                        )
                        .help("peers are numbered from 0"),
                    );
                }
            }
        }
        _ => {}
    }
}
