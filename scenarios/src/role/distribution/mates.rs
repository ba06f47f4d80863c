//! Those whom a peer is connected with for an update, and what they have.

use crate::{
    host::{Link, Peer},
    plan::update::Locality,
    wire::update::HaveMap,
};

/// Another peer that takes part.
#[derive(Debug)]
pub(super) struct Mate {
    pub(super) peer: Peer,
    pub(super) link: Link,
    /// Whether it has each release from the beginning.
    pub(super) publishes: bool,
    pub(super) locality: Locality,
    /// What it said that it has.
    pub(super) have: HaveMap,
    /// Chunks that are being fetched from it.
    pub(super) fetching: u32,
    /// Whether it let a fetch wait too long: it is asked when nobody else can be.
    pub(super) is_slow: bool,
    /// Whether it sent something falsified, or its connection is about to end: it is not asked.
    pub(super) is_out: bool,
}

impl Mate {
    /// Whom to ask first, the lowest: those nearby before those far away, the slow ones after, the publisher last.
    pub(super) const fn rank(&self) -> (bool, bool, Locality) {
        (self.publishes, self.is_slow, self.locality)
    }

    /// Whether it has all of so many chunks of a version.
    pub(super) fn has_all(&self, version: u32, chunks: u32) -> bool {
        self.have.version == version
            && self.have.words.iter().map(|word| word.count_ones()).sum::<u32>() == chunks
    }
}

/// All of them, in ascending order of peer.
#[derive(Debug, Default)]
pub(super) struct Mates(Vec<Mate>);

impl Mates {
    fn place(&self, peer: Peer) -> Result<usize, usize> {
        self.0.binary_search_by_key(&peer, |mate| mate.peer)
    }

    pub(super) fn add(&mut self, mate: Mate) {
        match self.place(mate.peer) {
            Ok(place) => self.0[place] = mate,
            Err(place) => self.0.insert(place, mate),
        }
    }

    pub(super) fn remove(&mut self, peer: Peer) -> Option<Mate> {
        self.place(peer).ok().map(|place| self.0.remove(place))
    }

    pub(super) fn get(&self, peer: Peer) -> Option<&Mate> {
        self.place(peer).ok().map(|place| &self.0[place])
    }

    pub(super) fn get_mut(&mut self, peer: Peer) -> Option<&mut Mate> {
        self.place(peer).ok().map(|place| &mut self.0[place])
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Mate> {
        self.0.iter_mut()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Mate> {
        self.0.iter()
    }
}
