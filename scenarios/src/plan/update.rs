//! Who gets an update, what is released when, and who is near to whom.
//!
//! All of it follows from the scenario and the seed, as for a chat.

mod expected;

use std::{cmp::Ordering, sync::Arc};

use super::{Peers, WorkloadPlace};
use crate::{
    host::{Command, Peer},
    seed::{Seed, mix},
    spec::{
        Behaviour,
        update::{RolloutStage, UpdateSpec},
    },
    units::{BitsPerSec, Nanos, Share},
    wire::{
        Blob,
        merkle::{self, Digest},
        update::{Manifest, Stage, chunk_id, stand_in},
    },
};

/// Why an update cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UpdatePlanError {
    /// Everyone who takes part has it already.
    #[error("all who take part publish it: nobody is left to get it")]
    NobodyToGetIt,
}

/// How far a chunk travelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Locality {
    /// Within a site: over its LAN.
    Site,
    /// Within a region.
    Region,
    /// Between regions.
    Far,
}

/// Where a chunk came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A publisher.
    Origin,
    /// Another peer, so far away.
    Peer(Locality),
}

/// A version of what is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// When.
    pub at: Nanos,
    /// What it is.
    pub manifest: Manifest,
    /// The digests of its chunks.
    pub leaves: Vec<Digest>,
}

impl Release {
    /// A hash of all its chunks, to hold against what peers install.
    #[must_use]
    pub fn content(&self) -> u64 {
        let parts = self.leaves.iter().zip(0..).map(|(leaf, index)| content(index, *leaf));
        parts.fold(0, u64::wrapping_add)
    }
}

/// What a chunk adds to the hash of a release, by its place and digest: a sum, for chunks come in any order.
#[must_use]
pub fn content(index: u32, leaf: Digest) -> u64 {
    mix(u64::from(index), leaf.prefix(), 0)
}

/// Where a peer is, as far as it matters to whom it asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    region: u32,
    /// Peers in no site are in one of their own.
    site: u64,
    /// Draws the order among those of one place.
    draw: u64,
    peer: Peer,
    /// Whether it may ask for anything: a silent one never will.
    asks: bool,
}

/// An update, planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpdatePlan {
    workload: u8,
    seed: Seed,
    spec: UpdateSpec,
    publishers: Vec<Peer>,
    /// Those who are to get it, in ascending order, with their places.
    subscribers: Vec<Place>,
    /// The same by site within their regions, and by region alone, in an order drawn for the run.
    by_site: Vec<Place>,
    by_region: Vec<Place>,
    /// Places of the publishers, in their order.
    sources: Vec<Place>,
    releases: Vec<Release>,
    bound: Nanos,
    expected: u64,
}

impl UpdatePlan {
    /// Plans an update from `publishers`, in ascending order, to those of `eligible`, in ascending order, that do not publish it.
    ///
    /// # Errors
    /// When nobody is left to get it.
    pub fn new(
        spec: UpdateSpec,
        workload: u8,
        eligible: &[Peer],
        publishers: &[Peer],
        seed: Seed,
        place: &WorkloadPlace<'_>,
    ) -> Result<Self, UpdatePlanError> {
        let salt = seed.salt("update partners");
        let placed = |&peer: &Peer| Place {
            region: place.peers.region(peer) as u32,
            site: place.peers.site(peer).map_or(u64::from(peer.0) << 32, |site| u64::from(site) + 1),
            draw: mix(salt, u64::from(peer.0), 0),
            peer,
            asks: !matches!(place.peers.group(peer).spec.behaviour, Behaviour::Silent(_)),
        };
        let subscribers: Vec<Place> =
            eligible.iter().filter(|peer| publishers.binary_search(peer).is_err()).map(placed).collect();
        if subscribers.is_empty() {
            return Err(UpdatePlanError::NobodyToGetIt);
        }
        let (mut by_site, mut by_region) = (subscribers.clone(), subscribers.clone());
        by_site.sort_unstable();
        by_region.sort_unstable_by_key(|place| (place.region, place.draw, place.peer));
        let releases = (1..=spec.releases.get()).map(|version| release(&spec, version));
        let releases = releases.filter(|release| release.at < place.duration).collect();
        let bound = bound(spec.size.0, place.peers, publishers, &subscribers);
        let sources = publishers.iter().map(placed).collect();
        let publishers = publishers.to_vec();
        let mut plan = Self {
            workload,
            seed,
            spec,
            publishers,
            subscribers,
            by_site,
            by_region,
            sources,
            releases,
            bound,
            expected: 0,
        };
        plan.expected = plan.expecting().count() as u64;
        Ok(plan)
    }

    /// The same with the digests of real bytes in its releases, for engines that make them: [`Blob::filler`] for each chunk.
    #[must_use]
    pub fn with_real_bodies(mut self) -> Self {
        let (workload, publisher) = (self.workload, self.publisher());
        for release in &mut self.releases {
            let manifest = &mut release.manifest;
            let leaf = |index| {
                let id = chunk_id(workload, publisher, manifest.version, index);
                let Blob::Real(bytes) = Blob::filler(id, manifest.len_of(index)) else {
                    unreachable!("filler is real")
                };
                merkle::leaf(&bytes)
            };
            release.leaves = (0..manifest.chunks()).map(leaf).collect();
            manifest.root = merkle::root(&release.leaves);
        }
        self
    }

    /// The workload's index.
    #[must_use]
    pub const fn workload(&self) -> u8 {
        self.workload
    }

    /// What the scenario says.
    #[must_use]
    pub const fn spec(&self) -> &UpdateSpec {
        &self.spec
    }

    /// Who signs releases.
    #[must_use]
    pub fn publisher(&self) -> Peer {
        self.publishers[0]
    }

    /// Who has each release from the beginning, in ascending order.
    #[must_use]
    pub fn publishers(&self) -> &[Peer] {
        &self.publishers
    }

    /// Whether a peer has each release from the beginning.
    #[must_use]
    pub fn publishes(&self, peer: Peer) -> bool {
        self.publishers.binary_search(&peer).is_ok()
    }

    /// The publisher to whom a peer goes when others do not serve it.
    #[must_use]
    pub fn source_for(&self, peer: Peer) -> Peer {
        let draw = mix(self.seed.0, u64::from(peer.0), u64::from(self.workload));
        self.publishers[(draw % self.publishers.len() as u64) as usize]
    }

    /// How many are to get it.
    #[must_use]
    pub fn subscribers(&self) -> usize {
        self.subscribers.len()
    }

    /// Those who are to have each release: all subscribers whose turn comes, but silent ones.
    pub fn expecting(&self) -> impl Iterator<Item = Peer> + '_ {
        let stages: Vec<Stage> = self.spec.rollout.iter().map(stage).collect();
        let asking = self.subscribers.iter().filter(|place| place.asks).map(|place| place.peer);
        asking.filter(move |&peer| self.turn(peer, &stages).is_some())
    }

    /// How many those are.
    #[must_use]
    pub const fn expected(&self) -> u64 {
        self.expected
    }

    /// Whether a peer is to get it.
    #[must_use]
    pub fn subscribes(&self, peer: Peer) -> bool {
        self.subscribers.binary_search_by_key(&peer, |place| place.peer).is_ok()
    }

    /// Whether a peer has a role in this update.
    #[must_use]
    pub fn takes_part(&self, peer: Peer) -> bool {
        self.publishes(peer) || self.subscribes(peer)
    }

    /// The releases of the run, the first with version 1.
    #[must_use]
    pub fn releases(&self) -> &[Release] {
        &self.releases
    }

    /// A release by its version.
    #[must_use]
    pub fn release(&self, version: u32) -> Option<&Release> {
        self.releases.get((version as usize).checked_sub(1)?)
    }

    /// The releases in order of time, as commands to the publisher.
    pub fn timeline(self: &Arc<Self>) -> impl Iterator<Item = (Nanos, Peer, Command)> + use<> {
        let plan = Arc::clone(self);
        (0..self.releases.len()).map(move |index| {
            let version = index as u32 + 1;
            (plan.releases[index].at, plan.publisher(), Command::Release { version })
        })
    }

    /// When a peer's turn to get a release comes, from the release; nothing when no stage includes it. It is drawn for the run, so
    /// a peer that is early is early each time.
    #[must_use]
    pub fn turn(&self, peer: Peer, stages: &[Stage]) -> Option<Nanos> {
        if stages.is_empty() {
            return Some(Nanos::ZERO);
        }
        let draw = mix(self.seed.salt("rollout"), u64::from(peer.0), u64::from(self.workload));
        let position = (u128::from(draw) * u128::from(Share::ALL.parts_per_billion())) >> 64;
        let stage = stages.iter().find(|stage| position < u128::from(stage.share.parts_per_billion()));
        stage.map(|stage| stage.after)
    }

    fn place(&self, peer: Peer) -> Option<Place> {
        let subscriber = self.subscribers.binary_search_by_key(&peer, |place| place.peer);
        let publisher = || self.publishers.binary_search(&peer).map(|index| self.sources[index]);
        subscriber.map(|index| self.subscribers[index]).or_else(|_| publisher()).ok()
    }

    /// How far apart two peers are that take part.
    #[must_use]
    pub fn locality(&self, a: Peer, b: Peer) -> Locality {
        match (self.place(a), self.place(b)) {
            (Some(a), Some(b)) if a.site == b.site => Locality::Site,
            (Some(a), Some(b)) if a.region == b.region => Locality::Region,
            _ => Locality::Far,
        }
    }

    /// What `from` is to `peer`, who has a chunk from it.
    #[must_use]
    pub fn source(&self, peer: Peer, from: Peer) -> Source {
        if self.publishes(from) { Source::Origin } else { Source::Peer(self.locality(peer, from)) }
    }

    /// Whom a peer connects with for the update, in ascending order.
    ///
    /// Those nearby are found as in Chord (Stoica et al., SIGCOMM 2001): peers of one site, and of one region, stand in a ring
    /// drawn for the run, and each connects with those 1, 2, 4 … places on. So every ring is connected, its ways are short, and
    /// nobody is asked by many more than others.
    #[must_use]
    pub fn partners(&self, peer: Peer) -> Vec<Peer> {
        let Some(place) = self.place(peer) else { return Vec::new() };
        let (near, far) = (self.spec.partners.near.size(), self.spec.partners.far.size());
        let mut partners = Vec::with_capacity(near + far);
        let site = ring(&self.by_site, |other| (other.region, other.site).cmp(&(place.region, place.site)));
        let region = ring(&self.by_region, |other| other.region.cmp(&place.region));
        // Half of them outside the site, so that what comes into it comes by many ways.
        fingers(site, peer, near.div_ceil(2), &mut partners);
        fingers(region, peer, near, &mut partners);
        let mut draw = place.draw;
        for _ in 0..4 * far {
            if partners.len() >= near + far {
                break;
            }
            draw = mix(draw, 1, 2);
            let other = self.subscribers[(draw % self.subscribers.len() as u64) as usize].peer;
            add(&mut partners, peer, other);
        }
        partners.sort_unstable();
        partners
    }

    /// The least time in which a release can reach all, if all begin at once: max(F/u_s, F/d_min, N·F/(u_s + Σu_i)) for a file
    /// of F bytes, publishers that can send u_s, and N peers of which the slowest can receive d_min and each can send u_i (Kumar
    /// and Ross, Peer-assisted file distribution: the minimum distribution time, HOTWEB 2006). Links that sites share are left
    /// out of it, so it may be lower than what is possible.
    #[must_use]
    pub const fn lower_bound(&self) -> Nanos {
        self.bound
    }
}

/// Those of one place, of a list that is sorted by place.
fn ring(sorted: &[Place], compare: impl Fn(&Place) -> Ordering) -> &[Place] {
    let first = sorted.partition_point(|other| compare(other).is_lt());
    let last = sorted.partition_point(|other| compare(other).is_le());
    &sorted[first..last]
}

/// Adds those 1, 2, 4 … places on in a ring, until there are `count`.
fn fingers(ring: &[Place], peer: Peer, count: usize, partners: &mut Vec<Peer>) {
    let at = ring.iter().position(|place| place.peer == peer).unwrap_or(0);
    let mut step = 1;
    while step < ring.len() && partners.len() < count {
        add(partners, peer, ring[(at + step) % ring.len()].peer);
        step *= 2;
    }
}

fn add(partners: &mut Vec<Peer>, peer: Peer, other: Peer) {
    if other != peer && !partners.contains(&other) {
        partners.push(other);
    }
}

fn release(spec: &UpdateSpec, version: u32) -> Release {
    let at = Nanos(spec.at.0.saturating_add(spec.every.0.saturating_mul(u64::from(version - 1))));
    let mut manifest = Manifest {
        version,
        size: spec.size.0,
        chunk: spec.chunk.0 as u32,
        root: Digest::default(),
        expires: at.saturating_add(spec.valid_for),
        stages: spec.rollout.iter().map(stage).collect(),
    };
    let leaves: Vec<Digest> =
        (0..manifest.chunks()).map(|index| stand_in(version, index, manifest.len_of(index), false)).collect();
    manifest.root = merkle::root(&leaves);
    Release { at, manifest, leaves }
}

fn stage(stage: &RolloutStage) -> Stage {
    Stage { share: stage.share, after: stage.after }
}

fn bound(size: u64, peers: &Peers, publishers: &[Peer], subscribers: &[Place]) -> Nanos {
    let sum = |total: u64, rate: BitsPerSec| total.saturating_add(rate.0);
    let source = publishers.iter().map(|&peer| peers.group(peer).up).fold(0, sum);
    let others = subscribers.iter().map(|place| peers.group(place.peer).up).fold(source, sum);
    let slowest = subscribers.iter().map(|place| peers.group(place.peer).down).min().unwrap_or_default();
    let all = size.saturating_mul(subscribers.len() as u64);
    BitsPerSec(source).time_for(size).max(slowest.time_for(size)).max(BitsPerSec(others).time_for(all))
}

#[cfg(test)]
mod tests;
