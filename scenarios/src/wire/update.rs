//! What peers that spread an update send to one another.
//!
//! A manifest says what a release is: its version, its size, and the root of a Merkle tree over its chunks. It is signed by the
//! publisher. Chunks are not: each carries its place and its way to the root, and whoever has the manifest can tell a chunk of
//! this very release from anything else. What a manifest is to prevent is named by The Update Framework
//! (<https://theupdateframework.github.io/specification/latest/>, section 1.5.2).

use serde::{Deserialize, Serialize};

use super::{
    Blob, Content, Item, ItemId,
    merkle::{self, Digest},
};
use crate::{
    host::Peer,
    units::{Nanos, Share},
};

/// Most chunks of a release: an item's number has room for so many beside the version.
pub const MAX_CHUNKS: u32 = (1 << VERSION_SHIFT) - 1;

/// Most versions of a run.
pub const MAX_VERSIONS: u32 = (1 << (32 - VERSION_SHIFT)) - 1;

const VERSION_SHIFT: u32 = 20;

/// A part of the peers, and when it may have a release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Which share of all peers has had its turn when this stage begins, earlier stages included.
    pub share: Share,
    /// When it begins, from the release.
    pub after: Nanos,
}

/// What a release is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Counts up from 1 with each release: a lower one is never put in place of a higher (rollback).
    pub version: u32,
    /// Bytes in all.
    pub size: u64,
    /// Bytes of each chunk but the last.
    pub chunk: u32,
    /// Root of the Merkle tree over its chunks: none of another release fits in (mix and match).
    pub root: Digest,
    /// From when on it must not be installed any more, by the publisher's clock, so that what is withheld for long does not
    /// pass for new (freeze).
    pub expires: Nanos,
    /// Who may have it when. All at once when there are none.
    pub stages: Vec<Stage>,
}

impl Manifest {
    /// How many chunks there are.
    #[must_use]
    pub fn chunks(&self) -> u32 {
        chunks(self.size, self.chunk)
    }

    /// Bytes of a chunk.
    #[must_use]
    pub fn len_of(&self, index: u32) -> u32 {
        let begins = u64::from(index) * u64::from(self.chunk);
        u64::from(self.chunk).min(self.size.saturating_sub(begins)) as u32
    }

    /// Whether an item is a chunk of this release, right in place, length and content: which, and the digest of its bytes.
    #[must_use]
    pub fn accepts(&self, item: &Item) -> Option<(u32, Digest)> {
        let Content::Update(UpdateItem::Chunk(chunk)) = &item.content else { return None };
        let count = self.chunks();
        let in_place = chunk.version == self.version
            && chunk.index < count
            && chunk.body.len() == self.len_of(chunk.index) as usize;
        if !in_place {
            return None;
        }
        let leaf = chunk.leaf(item.tainted);
        merkle::proves(self.root, u64::from(count), u64::from(chunk.index), leaf, &chunk.path)
            .then_some((chunk.index, leaf))
    }
}

/// How many chunks so many bytes come to.
#[must_use]
pub fn chunks(size: u64, chunk: u32) -> u32 {
    u32::try_from(size.div_ceil(u64::from(chunk.max(1)))).unwrap_or(u32::MAX)
}

/// A chunk of a release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// Of which version.
    pub version: u32,
    /// Its place, from 0.
    pub index: u32,
    /// What proves it; see [`merkle::paths`].
    pub path: Vec<Digest>,
    /// The bytes.
    pub body: Blob,
}

impl Chunk {
    /// The digest of its bytes. Where there are no bytes to hash, one that follows from what they would be; falsified ones have
    /// another.
    #[must_use]
    pub fn leaf(&self, tainted: bool) -> Digest {
        match &self.body {
            Blob::Real(bytes) => merkle::leaf(bytes),
            Blob::Sized(len) => stand_in(self.version, self.index, *len, tainted),
        }
    }
}

/// The digest of a chunk that the model does not make.
#[must_use]
pub fn stand_in(version: u32, index: u32, len: u32, tainted: bool) -> Digest {
    let words = [version, index, len, u32::from(tainted)];
    let bytes: Vec<u8> = words.into_iter().flat_map(u32::to_le_bytes).collect();
    merkle::leaf(&bytes)
}

/// What takes part in an update send to one another whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum UpdateItem {
    /// What a release is.
    Manifest(Manifest),
    /// A part of one.
    Chunk(Chunk),
}

/// The name of a version's manifest.
///
/// # Panics
/// When the version is above [`MAX_VERSIONS`].
#[must_use]
pub const fn manifest_id(workload: u8, publisher: Peer, version: u32) -> ItemId {
    assert!(version <= MAX_VERSIONS, "a version has 12 bits");
    ItemId::new(workload, publisher, version << VERSION_SHIFT)
}

/// The name of a version's chunk.
///
/// # Panics
/// When the version is above [`MAX_VERSIONS`], or the index at or above [`MAX_CHUNKS`].
#[must_use]
pub const fn chunk_id(workload: u8, publisher: Peer, version: u32, index: u32) -> ItemId {
    assert!(version <= MAX_VERSIONS && index < MAX_CHUNKS, "a version has 12 bits, a chunk's place 20");
    ItemId::new(workload, publisher, (version << VERSION_SHIFT) + 1 + index)
}

/// The version and the place of the chunk that a name is of; nothing for a manifest's.
#[must_use]
pub const fn chunk_of(id: ItemId) -> Option<(u32, u32)> {
    let (version, place) = (id.number() >> VERSION_SHIFT, id.number() & MAX_CHUNKS);
    if place == 0 { None } else { Some((version, place - 1)) }
}

/// Which chunks of a version a peer has. Version 0 stands for nothing at all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HaveMap {
    /// The version.
    pub version: u32,
    /// A bit a chunk, 64 a word, the lowest first; zeros at the end are left out.
    pub words: Vec<u64>,
}

impl HaveMap {
    /// A map of these chunks.
    #[must_use]
    pub fn of(version: u32, chunks: impl IntoIterator<Item = u32>) -> Self {
        let mut words = Vec::new();
        for index in chunks {
            let word = index as usize / 64;
            if word >= words.len() {
                words.resize(word + 1, 0);
            }
            words[word] |= 1 << (index % 64);
        }
        Self { version, words }
    }

    /// Adds the chunks of another map of the same version, and gives back those that are new. Of another version nothing is.
    pub fn add(&mut self, other: Self) -> Self {
        if other.version != self.version {
            return Self { version: self.version, words: Vec::new() };
        }
        if self.words.len() < other.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        let mut new = other;
        for (mine, word) in self.words.iter_mut().zip(&mut new.words) {
            *word &= !*mine;
            *mine |= *word;
        }
        new
    }

    /// The chunks, in ascending order.
    pub fn chunks(&self) -> impl Iterator<Item = u32> + '_ {
        (0u32..).zip(&self.words).flat_map(|(word, &bits)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| word * 64 + bit)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A release of three real chunks, the last a short one.
    fn release() -> (Manifest, Vec<Item>) {
        let bodies = [vec![1u8; 100], vec![2; 100], vec![3; 7]];
        let leaves: Vec<_> = bodies.iter().map(|body| merkle::leaf(body)).collect();
        let root = merkle::root(&leaves);
        let manifest =
            Manifest { version: 2, size: 207, chunk: 100, root, expires: Nanos::NEVER, stages: Vec::new() };
        let item = |(index, body): (usize, Vec<u8>)| {
            let path = merkle::paths(&leaves)[index].clone();
            let chunk = Chunk { version: 2, index: index as u32, path, body: Blob::Real(body.into()) };
            chunk_item(2, chunk)
        };
        (manifest, bodies.into_iter().enumerate().map(item).collect())
    }

    fn chunk_item(version: u32, chunk: Chunk) -> Item {
        let id = chunk_id(0, Peer(7), version, chunk.index);
        Item::new(id, 0, Nanos::ZERO, Content::Update(UpdateItem::Chunk(chunk)))
    }

    fn changed(item: &Item, change: impl FnOnce(&mut Chunk)) -> Item {
        let Content::Update(UpdateItem::Chunk(chunk)) = &item.content else { panic!("it is a chunk") };
        let mut chunk = chunk.clone();
        change(&mut chunk);
        chunk_item(2, chunk)
    }

    #[test]
    fn a_manifest_accepts_its_own_chunks() {
        let (manifest, chunks) = release();
        assert_eq!(manifest.chunks(), 3);
        let accepted: Vec<_> = chunks.iter().map(|chunk| manifest.accepts(chunk)).collect();
        let leaves = [vec![1u8; 100], vec![2; 100], vec![3; 7]].map(|body| merkle::leaf(&body));
        assert_eq!(accepted, [0, 1, 2].map(|index| Some((index, leaves[index as usize]))));
    }

    #[test]
    fn a_manifest_refuses_what_is_falsified_misplaced_or_of_another_release() {
        let (manifest, chunks) = release();
        let refused = |change: &dyn Fn(&mut Chunk)| manifest.accepts(&changed(&chunks[1], change)).is_none();
        assert!(refused(&|chunk| chunk.body = Blob::Real(vec![9; 100].into())));
        assert!(refused(&|chunk| chunk.body = Blob::Real(vec![2; 99].into())));
        assert!(refused(&|chunk| chunk.index = 0));
        assert!(refused(&|chunk| chunk.index = 3));
        assert!(refused(&|chunk| chunk.version = 1));
        assert!(refused(&|chunk| chunk.path.clear()));
        assert!(!refused(&|_| ()));
    }

    #[test]
    fn what_stands_in_for_bytes_shows_whether_it_was_falsified() {
        let leaves = [stand_in(1, 0, 50, false), stand_in(1, 1, 50, false)];
        let root = merkle::root(&leaves);
        let manifest =
            Manifest { version: 1, size: 100, chunk: 50, root, expires: Nanos::NEVER, stages: Vec::new() };
        let chunk =
            Chunk { version: 1, index: 1, path: merkle::paths(&leaves).remove(1), body: Blob::Sized(50) };
        let item = chunk_item(1, chunk);
        assert_eq!(manifest.accepts(&item), Some((1, leaves[1])));
        assert_eq!(manifest.accepts(&item.corrupted()), None);
    }

    #[test]
    fn names_tell_version_and_place() {
        assert_eq!(chunk_of(manifest_id(3, Peer(1), MAX_VERSIONS)), None);
        for (version, index) in [(1, 0), (MAX_VERSIONS, MAX_CHUNKS - 1)] {
            assert_eq!(chunk_of(chunk_id(3, Peer(1), version, index)), Some((version, index)));
        }
    }

    #[test]
    fn a_have_map_lists_what_it_was_made_of() {
        let chunks = [0, 5, 63, 64, 200];
        assert_eq!(HaveMap::of(1, chunks).chunks().collect::<Vec<_>>(), chunks);
        assert_eq!(HaveMap::of(1, []).words.len(), 0);
        let mut map = HaveMap::of(1, chunks);
        assert_eq!(map.add(HaveMap::of(1, [5, 6, 300])), HaveMap::of(1, [6, 300]));
        assert_eq!(map, HaveMap::of(1, [0, 5, 6, 63, 64, 200, 300]));
        assert_eq!(map.add(HaveMap::of(2, [7])).chunks().count(), 0);
    }
}
