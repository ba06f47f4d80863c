//! Kademlia's space of keys: 256 bits, in which the distance of two keys is their exclusive or.

use sha2::{Digest as _, Sha256};

/// A place in the space of keys, most significant word first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u64; 4]);

/// How far apart two keys are: numbers of 256 bits, in their order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance([u64; 4]);

impl Key {
    /// Bits of a key.
    pub const BITS: u32 = 256;

    /// The key of what libp2p names by these bytes: their SHA-256.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        let digest: [u8; 32] = Sha256::digest(name).into();
        let mut words = [0; 4];
        for (word, bytes) in words.iter_mut().zip(digest.chunks_exact(8)) {
            *word = u64::from_be_bytes(bytes.try_into().expect("chunks of eight bytes"));
        }
        Self(words)
    }

    /// The key with these words, most significant first.
    #[must_use]
    pub const fn from_words(words: [u64; 4]) -> Self {
        Self(words)
    }

    /// Its words, most significant first.
    #[must_use]
    pub const fn words(self) -> [u64; 4] {
        self.0
    }

    /// How far it is to another.
    #[inline]
    #[must_use]
    pub const fn distance(self, other: Self) -> Distance {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Distance([a ^ e, b ^ f, c ^ g, d ^ h])
    }

    /// The lowest and the highest key of the subtree in which bucket `bucket` of the owner of this key has its peers: those that
    /// agree with it above this bit, and differ in it.
    #[must_use]
    pub fn subtree(self, bucket: u8) -> (Self, Self) {
        let (mut low, mut high) = (self.0, self.0);
        let (word, bit) = (3 - usize::from(bucket / 64), bucket % 64);
        let below = (1u64 << bit) - 1;
        low[word] = (low[word] ^ 1 << bit) & !below;
        high[word] = (high[word] ^ 1 << bit) | below;
        low[word + 1..].fill(0);
        high[word + 1..].fill(u64::MAX);
        (Self(low), Self(high))
    }
}

impl Distance {
    /// The bucket of a peer that is so far away: the highest bit in which the keys differ. None for one's own key.
    #[inline]
    #[must_use]
    pub fn bucket(self) -> Option<u8> {
        let word = self.0.iter().position(|&word| word != 0)?;
        Some((64 * (3 - word as u32) + 63 - self.0[word].leading_zeros()) as u8)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys() -> impl Strategy<Value = Key> {
        any::<[u64; 4]>().prop_map(Key)
    }

    /// The worked example of FIPS 180-4 for `abc`.
    #[test]
    fn a_key_is_the_sha_256_of_a_name() {
        assert_eq!(
            Key::of(b"abc").words(),
            [0xba78_16bf_8f01_cfea, 0x4141_40de_5dae_2223, 0xb003_61a3_9617_7a9c, 0xb410_ff61_f200_15ad]
        );
    }

    proptest! {
        #[test]
        fn distances_are_a_metric_with_one_key_at_each(a in keys(), b in keys(), c in keys()) {
            prop_assert_eq!(a.distance(b), b.distance(a));
            prop_assert_eq!(a.distance(a), Distance::default());
            prop_assert_eq!(a.distance(b) == a.distance(c), b == c);
            // a ^ c = (a ^ b) ^ (b ^ c), whose highest bit is at most the higher of the two.
            prop_assert!(a.distance(c).bucket() <= a.distance(b).bucket().max(b.distance(c).bucket()));
        }

        #[test]
        fn a_key_is_in_the_subtree_of_its_bucket_and_of_no_other(me in keys(), other in keys(), bucket: u8) {
            prop_assume!(me != other);
            let (low, high) = me.subtree(bucket);
            prop_assert_eq!(low <= other && other <= high, me.distance(other).bucket() == Some(bucket));
            for edge in [low, high] {
                prop_assert_eq!(me.distance(edge).bucket(), Some(bucket));
            }
        }
    }
}
