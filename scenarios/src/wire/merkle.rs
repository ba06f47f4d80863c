//! Merkle trees: one digest that stands for a list, and short proofs that something is in it.
//!
//! The tree is that of Certificate Transparency (RFC 9162, section 2.1) with BLAKE3 for its hash: leaves and nodes are hashed
//! apart, so that a node cannot pass for a leaf, and a list of any length has exactly one tree.

use serde::{Deserialize, Serialize};

/// A BLAKE3 hash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Its first eight bytes.
    #[must_use]
    pub fn prefix(self) -> u64 {
        u64::from_le_bytes(self.0[..8].try_into().expect("32 bytes hold 8"))
    }
}

/// The digest of a leaf.
#[must_use]
pub fn leaf(bytes: &[u8]) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[0]);
    hasher.update(bytes);
    Digest(*hasher.finalize().as_bytes())
}

fn node(left: Digest, right: Digest) -> Digest {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[1]);
    hasher.update(&left.0);
    hasher.update(&right.0);
    Digest(*hasher.finalize().as_bytes())
}

/// How many of `n` leaves, at least 2, are on the left: the largest power of two below `n`.
const fn split(n: usize) -> usize {
    1 << (usize::BITS - 1 - (n - 1).leading_zeros())
}

/// The digest of a list of leaves (RFC 9162, section 2.1.1).
#[must_use]
pub fn root(leaves: &[Digest]) -> Digest {
    match leaves {
        [] => Digest(*blake3::hash(&[]).as_bytes()),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(split(leaves.len()));
            node(root(left), root(right))
        }
    }
}

/// What proves of each leaf that it is in the list: the digests beside its way to the root, from the bottom (section 2.1.3.1).
#[must_use]
pub fn paths(leaves: &[Digest]) -> Vec<Vec<Digest>> {
    fn climb(leaves: &[Digest], paths: &mut [Vec<Digest>]) -> Digest {
        if let [leaf] = leaves {
            return *leaf;
        }
        let half = split(leaves.len());
        let (ours, theirs) = paths.split_at_mut(half);
        let (left, right) = (climb(&leaves[..half], ours), climb(&leaves[half..], theirs));
        ours.iter_mut().for_each(|path| path.push(right));
        theirs.iter_mut().for_each(|path| path.push(left));
        node(left, right)
    }
    let mut paths = vec![Vec::new(); leaves.len()];
    if !leaves.is_empty() {
        climb(leaves, &mut paths);
    }
    paths
}

/// Whether `leaf` stands at `index` of the list of `len` leaves whose digest is `root` (section 2.1.3.2).
#[must_use]
pub fn proves(root: Digest, len: u64, index: u64, leaf: Digest, path: &[Digest]) -> bool {
    if index >= len {
        return false;
    }
    let (mut at, mut last, mut digest) = (index, len - 1, leaf);
    for &beside in path {
        if last == 0 {
            return false;
        }
        if at % 2 == 1 || at == last {
            digest = node(beside, digest);
            while at.is_multiple_of(2) && at != 0 {
                (at, last) = (at >> 1, last >> 1);
            }
        } else {
            digest = node(digest, beside);
        }
        (at, last) = (at >> 1, last >> 1);
    }
    last == 0 && digest == root
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn list(len: usize) -> Vec<Digest> {
        (0..len).map(|index| leaf(&index.to_le_bytes())).collect()
    }

    proptest! {
        #[test]
        fn every_leaf_proves_its_place_and_no_other(len in 1usize..70, index: prop::sample::Index, other: prop::sample::Index) {
            let leaves = list(len);
            let (root, index, other) = (root(&leaves), index.index(len), other.index(len));
            let path = paths(&leaves).remove(index);
            prop_assert!(proves(root, len as u64, index as u64, leaves[index], &path));
            prop_assert_eq!(proves(root, len as u64, other as u64, leaves[index], &path), other == index);
            prop_assert_eq!(proves(root, len as u64, index as u64, leaves[other], &path), other == index);
            prop_assert!(!proves(root, len as u64, index as u64, leaf(b"another"), &path));
        }

        #[test]
        fn a_proof_that_was_touched_proves_nothing(len in 2usize..70, index: prop::sample::Index, at: prop::sample::Index) {
            let leaves = list(len);
            let (root, index) = (root(&leaves), index.index(len));
            let mut path = paths(&leaves).remove(index);
            let at = at.index(path.len());
            path[at].0[0] ^= 1;
            prop_assert!(!proves(root, len as u64, index as u64, leaves[index], &path));
            path.truncate(at);
            prop_assert!(!proves(root, len as u64, index as u64, leaves[index], &path));
        }

        #[test]
        fn no_proof_of_a_stranger_panics(len: u64, index: u64, path in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
            let path: Vec<_> = path.into_iter().map(Digest).collect();
            let _ = proves(Digest::default(), len, index, Digest::default(), &path);
        }
    }

    #[test]
    fn a_node_is_no_leaf() {
        let leaves = list(2);
        let pair: Vec<u8> = leaves.iter().flat_map(|digest| digest.0).collect();
        assert_ne!(root(&leaves), leaf(&pair));
        assert!(!proves(root(&leaves), 1, 0, leaf(&pair), &[]));
    }
}
