//! One release at one peer: what it has of it, and what it fetches next.

use std::collections::BTreeMap;

use super::mates::Mate;
use crate::{
    host::{Host, Peer, ReqId},
    plan::update::content,
    seed::mix,
    units::Nanos,
    wire::{
        merkle::Digest,
        update::{HaveMap, Manifest},
    },
};

/// A chunk that is being fetched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) from: Peer,
    pub(super) index: u32,
    pub(super) since: Nanos,
}

/// The newest release that a peer knows of.
#[derive(Debug)]
pub(super) struct Download<H: Host> {
    pub(super) manifest: Manifest,
    /// The manifest as it was signed.
    pub(super) signed: H::Item,
    pub(super) released: Nanos,
    /// When this peer's turn comes; nothing when it never does.
    pub(super) begins: Option<Nanos>,
    /// Chunks, all of them checked.
    chunks: Vec<Option<H::Item>>,
    missing: u32,
    /// The hash of those that are here.
    content: u64,
    /// Chunks that are neither here nor being fetched, as bits.
    wanted: Vec<u64>,
    /// How many mates have each chunk.
    holders: Vec<u16>,
    /// How many fetches of each chunk are under way.
    fetches: Vec<u8>,
    pub(super) requests: BTreeMap<ReqId, Request>,
    /// Chunks that the others have not been told of.
    pub(super) fresh: Vec<u32>,
    /// Whether the publisher may be asked for anything.
    pub(super) is_late: bool,
    /// From when on a publisher serves each chunk again; empty until it has served one.
    again: Vec<Nanos>,
}

/// What a peer may fetch from a mate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Choice {
    /// What it lacks and does not fetch yet.
    Wanted,
    /// Of that, what no other mate has.
    Scarce,
    /// What it fetches from someone else already: near the end, to wait for nobody (endgame, Cohen, Incentives build
    /// robustness in BitTorrent, P2PEcon 2003).
    Again,
}

impl<H: Host> Download<H> {
    pub(super) fn new(manifest: Manifest, signed: H::Item, released: Nanos, begins: Option<Nanos>) -> Self {
        let count = manifest.chunks();
        let mut wanted = HaveMap::of(0, 0..count).words;
        wanted.shrink_to_fit();
        Self {
            manifest,
            signed,
            released,
            begins,
            chunks: vec![None; count as usize],
            missing: count,
            content: 0,
            wanted,
            holders: vec![0; count as usize],
            fetches: vec![0; count as usize],
            requests: BTreeMap::new(),
            fresh: Vec::new(),
            is_late: false,
            again: Vec::new(),
        }
    }

    /// What a publisher has.
    pub(super) fn everything(&self) -> HaveMap {
        HaveMap::of(self.version(), 0..self.count())
    }

    /// Notes that a publisher serves a chunk. False when it did so less than `pause` ago: whoever has it by now passes it on, after
    /// the manner of super-seeding (BEP 16).
    pub(super) fn serve_again(&mut self, index: u32, now: Nanos, pause: Nanos) -> bool {
        self.again.resize(self.chunks.len(), Nanos::ZERO);
        let again = &mut self.again[index as usize];
        let is_due = *again <= now;
        if is_due {
            *again = now.saturating_add(pause);
        }
        is_due
    }

    pub(super) const fn version(&self) -> u32 {
        self.manifest.version
    }

    pub(super) fn count(&self) -> u32 {
        self.chunks.len() as u32
    }

    /// The hash of what is here, as [`Release::content`](crate::plan::update::Release::content) is that of all.
    pub(super) const fn content(&self) -> u64 {
        self.content
    }

    pub(super) const fn missing(&self) -> u32 {
        self.missing
    }

    pub(super) const fn is_complete(&self) -> bool {
        self.missing == 0
    }

    /// Whether chunks are to be fetched now.
    pub(super) fn is_running(&self, now: Nanos) -> bool {
        !self.is_complete() && self.begins.is_some_and(|begins| begins <= now) && now < self.manifest.expires
    }

    pub(super) fn chunk(&self, index: u32) -> Option<&H::Item> {
        self.chunks.get(index as usize)?.as_ref()
    }

    /// All chunks, in their order.
    pub(super) fn chunks(&self) -> impl Iterator<Item = &H::Item> {
        self.chunks.iter().flatten()
    }

    /// What this peer has.
    pub(super) fn have(&self) -> HaveMap {
        let here = self.chunks.iter().zip(0..).filter(|(chunk, _)| chunk.is_some());
        HaveMap::of(self.version(), here.map(|(_, index)| index))
    }

    /// Keeps a chunk that was checked and has this digest. False when it was here.
    pub(super) fn keep(&mut self, (index, leaf): (u32, Digest), chunk: H::Item) -> bool {
        let place = &mut self.chunks[index as usize];
        let is_new = place.is_none();
        if is_new {
            *place = Some(chunk);
            self.missing -= 1;
            self.content = self.content.wrapping_add(content(index, leaf));
            self.want(index, false);
        }
        is_new
    }

    fn want(&mut self, index: u32, wanted: bool) {
        let (word, bit) = (index as usize / 64, 1 << (index % 64));
        if wanted {
            self.wanted[word] |= bit;
        } else {
            self.wanted[word] &= !bit;
        }
    }

    /// Counts a mate's chunks among those that can be had, or not any more.
    pub(super) fn count_holder(&mut self, have: &HaveMap, holds: bool) {
        if have.version != self.version() {
            return;
        }
        for index in have.chunks() {
            if let Some(holders) = self.holders.get_mut(index as usize) {
                *holders = if holds { holders.saturating_add(1) } else { holders.saturating_sub(1) };
            }
        }
    }

    /// The chunk to fetch from a mate: of those that it has, the one that the fewest mates have; among equals one that is drawn for
    /// this peer, so that neighbours do not all fetch the same.
    pub(super) fn choose(&self, me: Peer, mate: &Mate, choice: Choice) -> Option<u32> {
        if mate.have.version != self.version() {
            return None;
        }
        let words = mate.have.words.iter().zip(&self.wanted).map(|(have, wanted)| match choice {
            Choice::Wanted | Choice::Scarce => have & wanted,
            Choice::Again => *have,
        });
        let words = HaveMap { version: 0, words: words.collect() };
        let fits = |&index: &u32| {
            let place = index as usize;
            place < self.chunks.len()
                && match choice {
                    Choice::Wanted => true,
                    Choice::Scarce => self.holders[place] <= 1,
                    Choice::Again => {
                        self.chunks[place].is_none()
                            && self.fetches[place] == 1
                            && !self.requests.values().any(|it| it.index == index && it.from == mate.peer)
                    }
                }
        };
        let salt = u64::from(me.0);
        words.chunks().filter(fits).min_by_key(|&index| {
            (self.holders[index as usize], mix(salt, u64::from(index), u64::from(self.version())))
        })
    }

    /// Whether all that is missing is being fetched.
    pub(super) fn is_ending(&self) -> bool {
        !self.is_complete() && self.wanted.iter().all(|word| *word == 0)
    }

    /// Notes a fetch.
    pub(super) fn ask(&mut self, req: ReqId, request: Request) {
        self.fetches[request.index as usize] += 1;
        self.want(request.index, false);
        self.requests.insert(req, request);
    }

    /// Forgets a fetch that came to its end, or is given up.
    pub(super) fn forget(&mut self, req: ReqId) -> Option<Request> {
        let request = self.requests.remove(&req)?;
        let place = request.index as usize;
        self.fetches[place] -= 1;
        if self.fetches[place] == 0 && self.chunks[place].is_none() {
            self.want(request.index, true);
        }
        Some(request)
    }

    /// The fetches that fit, by name.
    pub(super) fn requests_that(&self, fits: impl Fn(&Request) -> bool) -> Vec<ReqId> {
        self.requests.iter().filter(|(_, request)| fits(request)).map(|(&req, _)| req).collect()
    }
}
