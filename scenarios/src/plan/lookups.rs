//! Who provides which content, and who looks for what when.

use std::{iter::Peekable, sync::Arc};

use super::selection::lowest;
use crate::{
    host::{Command, Peer},
    seed::{Rng, Seed, mix},
    spec::lookups::LookupsSpec,
    units::Nanos,
};

/// Lookups, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LookupsPlan {
    workload: u8,
    seed: Seed,
    spec: LookupsSpec,
    duration: Nanos,
    /// Who looks for things, in ascending order.
    seekers: Vec<Peer>,
    /// Whom one can look for, in ascending order.
    servers: Vec<Peer>,
    /// Providers of each content one after another, in ascending order within each.
    providers: Vec<Peer>,
    /// Each (provider, content), in ascending order.
    provided: Vec<(Peer, u32)>,
    copies: usize,
}

impl LookupsPlan {
    /// Plans lookups by `seekers`, of contents that some of `providers` provide, and of `servers`; all in ascending order.
    #[must_use]
    pub fn new(
        spec: LookupsSpec,
        workload: u8,
        seekers: Vec<Peer>,
        providers: &[Peer],
        servers: Vec<Peer>,
        seed: Seed,
        duration: Nanos,
    ) -> Self {
        let copies = spec.copies.size().min(providers.len());
        let salt = seed.salt("providers");
        let mut of_content = Vec::with_capacity(copies * spec.contents.size());
        for content in 0..spec.contents.get() {
            let salt = mix(salt, u64::from(workload), u64::from(content));
            let mut chosen = lowest(providers.iter().copied(), salt, copies);
            chosen.sort_unstable();
            of_content.extend(chosen);
        }
        let number = |place: usize| (place / copies) as u32;
        let mut provided: Vec<_> =
            of_content.iter().enumerate().map(|(place, &peer)| (peer, number(place))).collect();
        provided.sort_unstable();
        Self { workload, seed, spec, duration, seekers, servers, providers: of_content, provided, copies }
    }

    /// The workload's index.
    #[must_use]
    pub const fn workload(&self) -> u8 {
        self.workload
    }

    /// What the scenario says.
    #[must_use]
    pub const fn spec(&self) -> &LookupsSpec {
        &self.spec
    }

    /// The providers of a content, in ascending order.
    #[must_use]
    pub fn providers(&self, content: u32) -> &[Peer] {
        let first = content as usize * self.copies;
        self.providers.get(first..first + self.copies).unwrap_or_default()
    }

    /// Whether a peer has a role.
    #[must_use]
    pub fn takes_part(&self, peer: Peer) -> bool {
        self.seekers.binary_search(&peer).is_ok() || self.provided_by(peer).next().is_some()
    }

    /// The contents that a peer provides, in ascending order.
    pub fn provided_by(&self, peer: Peer) -> impl Iterator<Item = u32> + '_ {
        let first = self.provided.partition_point(|&(other, _)| other < peer);
        self.provided[first..]
            .iter()
            .take_while(move |(other, _)| *other == peer)
            .map(|&(_, content)| content)
    }

    /// When a provider first says that it has a content.
    #[must_use]
    pub fn provided_at(&self, peer: Peer, content: u32) -> Nanos {
        let draw = mix(
            self.seed.salt("provide"),
            u64::from(self.workload) << 32 | u64::from(peer.0),
            u64::from(content),
        );
        let within = (u128::from(draw) * u128::from(self.spec.provide_within.0)) >> 64;
        self.spec.provide_at.saturating_add(Nanos(within as u64))
    }

    /// Who looks for something: of those that would, or of all where none would, the one whose hash with the draw is lowest, so that
    /// a peer that is added takes lookups only from those whom it outdoes.
    fn seeker(&self, draw: u64, would: impl Fn(&Peer) -> bool) -> Option<Peer> {
        let those = self.seekers.iter().filter(|peer| would(peer));
        let lowest = those.min_by_key(|peer| mix(draw, u64::from(peer.0), 0));
        lowest.or(self.seekers.first()).copied()
    }

    /// How many lookups there will be: of providers, and of peers.
    #[must_use]
    pub fn expected(&self) -> (f64, f64) {
        let time = self.duration.saturating_sub(self.spec.begin()).as_secs_f64();
        let finds = time / self.spec.find.every.as_secs_f64();
        (finds, self.spec.find_peers.as_ref().map_or(0.0, |often| time / often.every.as_secs_f64()))
    }

    /// All that is asked of peers, in order of time.
    pub fn timeline(self: &Arc<Self>) -> Timeline {
        let mut provides: Vec<_> = self
            .provided
            .iter()
            .map(|&(peer, content)| (self.provided_at(peer, content), peer, content))
            .collect();
        provides.sort_unstable();
        let begin = self.spec.begin();
        let process = |label: &str, every: Option<Nanos>| Process {
            rng: self.seed.stream(label, &[u64::from(self.workload)]),
            every,
            now: begin,
        };
        let finds = process("find", Some(self.spec.find.every));
        let peers = process("find peers", self.spec.find_peers.as_ref().map(|often| often.every));
        let (find, find_peer) = (
            Finds { plan: Arc::clone(self), process: finds },
            FindPeers { plan: Arc::clone(self), process: peers },
        );
        Timeline {
            provides: provides.into_iter().peekable(),
            finds: find.peekable(),
            find_peers: find_peer.peekable(),
            end: self.duration,
        }
    }
}

/// A Poisson process; of none, when it has no rate.
#[derive(Clone, Debug)]
struct Process {
    rng: Rng,
    every: Option<Nanos>,
    now: Nanos,
}

impl Process {
    fn next(&mut self) -> Option<Nanos> {
        // A cast from floating point saturates.
        let gap = Nanos((self.every?.0 as f64 * self.rng.exponential()) as u64).max(Nanos(1));
        self.now = self.now.saturating_add(gap);
        Some(self.now)
    }
}

/// Lookups of providers.
#[derive(Clone, Debug)]
struct Finds {
    plan: Arc<LookupsPlan>,
    process: Process,
}

impl Iterator for Finds {
    type Item = (Nanos, Peer, u32);
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.process.next()?;
        let (plan, rng) = (&self.plan, &mut self.process.rng);
        let content = rng.below(u64::from(plan.spec.contents.get())) as u32;
        // Who has it does not look for it.
        let providers = plan.providers(content);
        let seeker = plan.seeker(rng.next_u64(), |peer| providers.binary_search(peer).is_err())?;
        Some((at, seeker, content))
    }
}

/// Lookups of peers.
#[derive(Clone, Debug)]
struct FindPeers {
    plan: Arc<LookupsPlan>,
    process: Process,
}

impl Iterator for FindPeers {
    type Item = (Nanos, Peer, Peer);
    fn next(&mut self) -> Option<Self::Item> {
        let at = self.process.next()?;
        let (plan, rng) = (&self.plan, &mut self.process.rng);
        let target = plan.servers[rng.index(plan.servers.len())];
        let seeker = plan.seeker(rng.next_u64(), |&peer| peer != target)?;
        Some((at, seeker, target))
    }
}

/// What is asked of peers, in order of time.
#[derive(Clone, Debug)]
pub struct Timeline {
    provides: Peekable<std::vec::IntoIter<(Nanos, Peer, u32)>>,
    finds: Peekable<Finds>,
    find_peers: Peekable<FindPeers>,
    end: Nanos,
}

impl Iterator for Timeline {
    type Item = (Nanos, Peer, Command);
    fn next(&mut self) -> Option<Self::Item> {
        let at = |time: Option<Nanos>| time.unwrap_or(Nanos::NEVER);
        let provide = at(self.provides.peek().map(|next| next.0));
        let find = at(self.finds.peek().map(|next| next.0));
        let find_peer = at(self.find_peers.peek().map(|next| next.0));
        if provide.min(find).min(find_peer) >= self.end {
            return None;
        }
        if provide <= find && provide <= find_peer {
            return self.provides.next().map(|(at, peer, content)| (at, peer, Command::Provide { content }));
        }
        if find <= find_peer {
            return self
                .finds
                .next()
                .map(|(at, peer, content)| (at, peer, Command::FindProviders { content }));
        }
        self.find_peers.next().map(|(at, peer, target)| (at, peer, Command::FindPeer { peer: target }))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;
    use crate::spec::{Count, lookups::Often};

    fn plan(seed: u64, peers: u32, copies: u32) -> Arc<LookupsPlan> {
        let spec = LookupsSpec {
            contents: Count::new(30),
            copies: Count::new(copies),
            find_peers: Some(Often::default()),
            ..LookupsSpec::default()
        };
        let all: Vec<Peer> = (0..peers).map(Peer).collect();
        Arc::new(LookupsPlan::new(spec, 2, all.clone(), &all, all.clone(), Seed(seed), Nanos::from_secs(300)))
    }

    proptest! {
        #[test]
        fn what_is_asked_is_in_order_and_of_those_who_have_it_or_have_it_not(seed: u64, peers in 5..60u32, copies in 1..4u32) {
            let plan = plan(seed, peers, copies);
            let all: Vec<_> = plan.timeline().collect();
            prop_assert!(all.is_sorted_by_key(|(at, ..)| *at));
            let mut provided = BTreeSet::new();
            for (at, peer, command) in all.iter().cloned() {
                match command {
                    Command::Provide { content } => {
                        prop_assert!(at >= plan.spec.provide_at && at < plan.spec.begin());
                        prop_assert_eq!(at, plan.provided_at(peer, content));
                        prop_assert!(plan.providers(content).contains(&peer));
                        prop_assert!(provided.insert((peer, content)));
                    }
                    Command::FindProviders { content } => {
                        prop_assert!(at >= plan.spec.begin() && !plan.providers(content).contains(&peer));
                    }
                    Command::FindPeer { peer: target } => prop_assert_ne!(peer, target),
                    other => prop_assert!(false, "{:?} is of no lookup", other),
                }
            }
            prop_assert_eq!(provided.len() as u32, 30 * copies);
            let finds = all.len() - provided.len();
            prop_assert!((300..700).contains(&finds), "{} of about 480", finds);
        }
    }

    #[test]
    fn a_peer_provides_what_the_plan_gives_it() {
        let plan = plan(5, 20, 3);
        let of_all =
            (0..20).map(Peer).flat_map(|peer| plan.provided_by(peer).map(move |content| (peer, content)));
        let mut pairs: Vec<_> = (0..30)
            .flat_map(|content| plan.providers(content).iter().map(move |&peer| (peer, content)))
            .collect();
        pairs.sort_unstable();
        assert_eq!(of_all.collect::<Vec<_>>(), pairs);
    }
}
