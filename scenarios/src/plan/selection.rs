//! What a selector means in a plan.

use std::collections::BTreeMap;

use super::{PeerSet, Peers, PlanError, Regions, Sites};
use crate::{
    host::Peer,
    seed::{Seed, mix},
    spec::Who,
};

/// What selectors refer to.
pub(super) struct Selection<'a> {
    pub(super) peers: &'a Peers,
    pub(super) regions: &'a Regions,
    pub(super) sites: &'a Sites,
    /// Who takes part in each workload, by its name.
    pub(super) workloads: BTreeMap<&'a str, PeerSet>,
    pub(super) seed: Seed,
}

/// The `count` peers whose hashes with the salt are lowest, in no order; time grows with the peers, not with their sorting.
pub(super) fn lowest(peers: impl Iterator<Item = Peer>, salt: u64, count: usize) -> Vec<Peer> {
    let mut hashed: Vec<_> = peers.map(|peer| (mix(salt, u64::from(peer.0), 0), peer)).collect();
    if count < hashed.len() {
        hashed.select_nth_unstable(count);
        hashed.truncate(count);
    }
    hashed.into_iter().map(|(_, peer)| peer).collect()
}

impl Selection<'_> {
    /// The peers that `who`, standing at `path`, selects. A share or a count picks those whose hash with the path is
    /// lowest, so that peers added to the run replace few of those picked before.
    pub(super) fn select(&self, who: &Who, path: &str) -> Result<PeerSet, PlanError> {
        let unknown = |field: &str, what: &str, name: &str| {
            PlanError::new(format!("{path}.{field}"), format!("there is no {what} `{name}`"))
        };
        let group = match &who.group {
            None => None,
            Some(name) => {
                let position = self.peers.groups().iter().position(|group| group.spec.name == *name);
                Some(position.ok_or_else(|| unknown("group", "group", name))?)
            }
        };
        let region = match &who.region {
            None => None,
            Some(name) => Some(self.regions.find(name).ok_or_else(|| unknown("region", "region", name))?),
        };
        let workload = match &who.workload {
            None => None,
            Some(name) => {
                Some(self.workloads.get(name.as_str()).ok_or_else(|| unknown("workload", "workload", name))?)
            }
        };
        let in_site = |peer: Peer, name: &str| {
            self.peers.site(peer).is_some_and(|site| self.sites.spec(site).name == name)
        };
        let listed = match &who.peers {
            None => None,
            Some(list) => {
                if let Some(peer) = list.iter().find(|&&peer| peer >= self.peers.len()) {
                    let why =
                        format!("there is no peer {peer}: the run has {}, numbered from 0", self.peers.len());
                    return Err(PlanError::new(format!("{path}.peers"), why));
                }
                Some(list.iter().map(|&peer| Peer(peer)).collect::<PeerSet>())
            }
        };
        let range = match group.map(|group| &self.peers.groups()[group]) {
            None => 0..self.peers.len(),
            Some(group) => group.first.0..group.first.0 + group.count,
        };
        let fits = |peer: &Peer| {
            region.is_none_or(|region| self.peers.region(*peer) == region)
                && who.site.as_ref().is_none_or(|site| in_site(*peer, site))
                && workload.is_none_or(|workload| workload.contains(*peer))
                && listed.as_ref().is_none_or(|listed| listed.contains(*peer))
        };
        let mut chosen: Vec<Peer> = range.map(Peer).filter(fits).collect();
        let wanted = match (who.share, who.count) {
            (Some(share), _) => share.of(chosen.len() as u64) as usize,
            (None, Some(count)) if count as usize > chosen.len() => {
                let why = format!("{count} peers are wanted, but only {} fit", chosen.len());
                return Err(PlanError::new(format!("{path}.count"), why));
            }
            (None, Some(count)) => count as usize,
            (None, None) => chosen.len(),
        };
        if wanted < chosen.len() {
            chosen = lowest(chosen.into_iter(), self.seed.salt(path), wanted);
        }
        if chosen.is_empty() {
            return Err(PlanError::new(path, "it selects no peer at all".to_owned()));
        }
        Ok(chosen.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn those_with_the_lowest_hashes_are_taken(peers in 0..200u32, count in 0..250usize, salt: u64) {
            let taken: PeerSet = lowest((0..peers).map(Peer), salt, count).into_iter().collect();
            prop_assert_eq!(taken.len(), count.min(peers as usize));
            let hash = |peer: Peer| mix(salt, u64::from(peer.0), 0);
            let highest = taken.iter().map(hash).max().unwrap_or(0);
            prop_assert!((0..peers).map(Peer).all(|peer| taken.contains(peer) || hash(peer) > highest));
        }
    }
}
