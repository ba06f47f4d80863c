//! Numbers of peers: groups that come to a whole.

use crate::{
    spec::{Group, ScenarioSpec, read::Fault},
    units::Share,
};

pub(super) fn check(spec: &ScenarioSpec, faults: &mut Vec<Fault>) {
    let root = super::root();
    let sized = |group: &Group| group.peers.is_some() || (group.share.is_some() && spec.peers.is_some());
    if !spec.groups.iter().all(sized) {
        // The rules of the language have told so already.
        return;
    }
    let given = spec.counted_peers();
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
        }
    }
}
