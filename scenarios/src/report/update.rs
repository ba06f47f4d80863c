//! What the facts of an update add up to. Memory grows with peers and releases, not with chunks.

use std::{ops::Range, sync::Arc};

use super::{ChunkFate, Fact, Histogram, Metric, metric};
use crate::{
    host::Peer,
    plan::update::{Locality, Source, UpdatePlan},
    units::Nanos,
};

/// Shares of the peers whose time to install is measured, in per cent.
const SHARES: [u64; 3] = [50, 95, 100];

/// Bytes of chunks by where they came from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ChunkBytes {
    /// From another peer of the site.
    pub site: u64,
    /// From another peer of the region.
    pub region: u64,
    /// From another peer further away.
    pub far: u64,
    /// From a publisher.
    pub origin: u64,
}

impl ChunkBytes {
    /// Counts bytes of a chunk.
    pub const fn add(&mut self, source: Source, bytes: u64) {
        let place = match source {
            Source::Origin => &mut self.origin,
            Source::Peer(Locality::Site) => &mut self.site,
            Source::Peer(Locality::Region) => &mut self.region,
            Source::Peer(Locality::Far) => &mut self.far,
        };
        *place += bytes;
    }

    /// All of them.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.site + self.region + self.far + self.origin
    }
}

/// What came of one release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Tally {
    /// When it was released, and a hash of what.
    released: Option<(Nanos, u64)>,
    installs: u64,
    /// When the last peer installed it.
    latest: Nanos,
}

/// Folds the facts of one update into what a report says of it. Facts must come in order of time. Releases within the window
/// count, and chunks that came in it or later; what is installed is checked from the start.
#[derive(Clone, Debug)]
pub struct UpdateRecorder {
    plan: Arc<UpdatePlan>,
    window: Range<Nanos>,
    releases: Vec<Tally>,
    /// The version that each peer installed last.
    installed: Vec<u32>,
    install: Histogram,
    time_to_share: [Histogram; 3],
    kept: ChunkBytes,
    again: u64,
    refused: u64,
    discarded: u64,
    chunks_refused: u64,
    manifests_refused: u64,
    bad_installs: u64,
    installs: u64,
}

impl UpdateRecorder {
    /// A recorder for the releases within `window`.
    #[must_use]
    pub fn new(plan: Arc<UpdatePlan>, window: Range<Nanos>) -> Self {
        Self {
            releases: vec![Tally::default(); plan.releases().len()],
            plan,
            window,
            installed: Vec::new(),
            install: Histogram::default(),
            time_to_share: Default::default(),
            kept: ChunkBytes::default(),
            again: 0,
            refused: 0,
            discarded: 0,
            chunks_refused: 0,
            manifests_refused: 0,
            bad_installs: 0,
            installs: 0,
        }
    }

    /// Takes in a fact that a peer recorded; those of other workloads are passed over.
    pub fn record(&mut self, now: Nanos, peer: Peer, fact: &Fact) {
        let mine = self.plan.workload();
        match *fact {
            Fact::Released { workload, version, content } if workload == mine => {
                if let Some(tally) = self.tally(version) {
                    tally.released = Some((now, content));
                }
            }
            Fact::ChunkCame { workload, from, bytes, fate } if workload == mine => {
                self.chunks_refused += u64::from(fate == ChunkFate::Refused);
                if now >= self.window.start {
                    self.chunk(peer, from, u64::from(bytes), fate);
                }
            }
            Fact::Installed { workload, version, content, .. } if workload == mine => {
                self.installed(now, peer, version, content);
            }
            Fact::ManifestRefused { workload, .. } if workload == mine => self.manifests_refused += 1,
            _ => {}
        }
    }

    /// Bytes came that were not wanted any more.
    pub fn discarded(&mut self, now: Nanos, bytes: u64) {
        if now >= self.window.start {
            self.discarded += bytes;
        }
    }

    fn tally(&mut self, version: u32) -> Option<&mut Tally> {
        self.releases.get_mut((version as usize).checked_sub(1)?)
    }

    fn chunk(&mut self, peer: Peer, from: Peer, bytes: u64, fate: ChunkFate) {
        match fate {
            ChunkFate::Again => self.again += bytes,
            ChunkFate::Refused => self.refused += bytes,
            ChunkFate::Kept => self.kept.add(self.plan.source(peer, from), bytes),
        }
    }

    fn installed(&mut self, now: Nanos, peer: Peer, version: u32, content: u64) {
        self.installs += 1;
        if self.installed.len() <= peer.index() {
            self.installed.resize(peer.index() + 1, 0);
        }
        let last = std::mem::replace(&mut self.installed[peer.index()], version);
        let (expected, window) = (self.plan.expected(), self.window.clone());
        let released = self.tally(version).and_then(|tally| tally.released);
        // What is installed must be what was released, and newer than what was there.
        let Some((at, _)) = released.filter(|&(_, right)| right == content && version > last) else {
            self.bad_installs += 1;
            return;
        };
        let Some(tally) = self.tally(version) else { return };
        tally.installs += 1;
        tally.latest = now;
        let installs = tally.installs;
        if window.contains(&at) {
            let age = now.saturating_sub(at).0;
            self.install.record(age);
            for (share, times) in SHARES.into_iter().zip(&mut self.time_to_share) {
                if installs == (expected * share).div_ceil(100) {
                    times.record(age);
                }
            }
        }
    }
}

/// What was found.
impl UpdateRecorder {
    /// The metrics that are kept as histograms, in ns.
    #[must_use]
    pub const fn distributions(&self) -> [(Metric, &Histogram); 4] {
        let [half, most, all] = &self.time_to_share;
        [
            (metric::INSTALL_TIME, &self.install),
            (metric::INSTALL_T50, half),
            (metric::INSTALL_T95, most),
            (metric::INSTALL_T100, all),
        ]
    }

    /// How many installs there would be if all who are to have the releases within the window installed them.
    #[must_use]
    pub fn expected(&self) -> u64 {
        self.released() * self.plan.expected()
    }

    /// The plan of the update.
    #[must_use]
    pub fn plan(&self) -> &UpdatePlan {
        &self.plan
    }

    /// Time from a release until a peer installed it, in ns.
    #[must_use]
    pub const fn install(&self) -> &Histogram {
        &self.install
    }

    /// Time from a release until 50, 95 and 100 % of those who are to have it had installed it, in ns.
    #[must_use]
    pub const fn time_to_share(&self) -> &[Histogram; 3] {
        &self.time_to_share
    }

    /// How many releases within the window were made.
    #[must_use]
    pub fn released(&self) -> u64 {
        let times = self.releases.iter().filter_map(|tally| tally.released);
        times.filter(|(at, _)| self.window.contains(at)).count() as u64
    }

    /// Share from 0 to 1 of all (release, peer that is to have it) pairs in which the peer had installed it at this age.
    #[must_use]
    pub fn coverage(&self, age: Nanos) -> f64 {
        let expected = self.expected();
        if expected == 0 { 1.0 } else { self.install.count_up_to(age.0) as f64 / expected as f64 }
    }

    /// For each release within the window that reached all: the time that it took, as a multiple of the least possible, in
    /// millionths.
    #[must_use]
    pub fn over_bound(&self) -> Vec<u64> {
        let bound = u128::from(self.plan.lower_bound().0.max(1));
        let reached_all = |tally: &&Tally| tally.installs > 0 && tally.installs >= self.plan.expected();
        let whole = self.releases.iter().filter(reached_all);
        let times = whole.filter_map(|tally| Some((tally.released?.0, tally.latest)));
        let times = times.filter(|(at, _)| self.window.contains(at));
        times.map(|(at, latest)| (u128::from(latest.0 - at.0) * 1_000_000 / bound) as u64).collect()
    }

    /// Of the peers that are `online` at the end and are to have the last release, how many installed it, and how many there are.
    #[must_use]
    pub fn finish(&self, online: &dyn Fn(Peer) -> bool) -> (u64, u64) {
        let released = self.releases.iter().rposition(|tally| tally.released.is_some());
        let Some(last) = released.map(|index| index as u32 + 1) else { return (0, 0) };
        let there: Vec<Peer> = self.plan.expecting().filter(|peer| online(*peer)).collect();
        let has = |peer: &&Peer| self.installed.get(peer.index()).is_some_and(|&version| version >= last);
        (there.iter().filter(has).count() as u64, there.len() as u64)
    }

    /// Bytes of chunks that were kept, by where they came from.
    #[must_use]
    pub const fn kept(&self) -> ChunkBytes {
        self.kept
    }

    /// Bytes of chunks that came and were of no use: here already, falsified, or not wanted any more.
    #[must_use]
    pub const fn wasted(&self) -> u64 {
        self.again + self.refused + self.discarded
    }

    /// Chunks that no manifest accepted, over the whole run.
    #[must_use]
    pub const fn chunks_refused(&self) -> u64 {
        self.chunks_refused
    }

    /// Manifests that were refused, over the whole run. One that is late and not the newest any more is no attack, but refused
    /// all the same.
    #[must_use]
    pub const fn manifests_refused(&self) -> u64 {
        self.manifests_refused
    }

    /// Installs that were not of what had been released, or went back to an older version; and all installs. Over the whole run.
    #[must_use]
    pub const fn bad_installs(&self) -> (u64, u64) {
        (self.bad_installs, self.installs)
    }
}

#[cfg(test)]
mod tests;
