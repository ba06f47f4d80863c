//! How members of an open room introduce themselves, and one another.
//!
//! Nobody lists the members of an open room, so a peer's index is not given to it: it is the first 24 bits of the BLAKE3 hash of its
//! key. Whoever has a key can tell its index, and no two peers have to agree on one. Two keys may have the same index (among 100
//! members with a chance of 1 in 3,400, and on purpose at the price of some 2²⁴ keys): then each member keeps the one that
//! it met first, and turns the other away.
//!
//! On each new connection both ends first introduce all whom they know, and each passes on whom it has met since. So an author is known
//! before anything comes that it has said.

use libp2p::{
    Multiaddr, PeerId,
    identity::{Keypair, PublicKey, ed25519},
};
use peerlab_scenarios::host::Peer;
use serde::{Deserialize, Serialize};

/// The longest name of a member or of a room, in bytes.
pub const MAX_NAME: usize = 64;

/// Most members that one introduction is about.
const MAX_CARDS: usize = 512;

/// Most addresses of a member, and the longest, in bytes.
const MAX_ADDRESSES: usize = 16;
const MAX_ADDRESS: usize = 128;

/// What stands before the bytes of a card when it is signed.
const SIGNED: &[u8] = b"peerlab/card/1\0";

/// What an introduction begins with on the wire: no kind of message has this number.
pub(super) const INTRODUCTION: u8 = 0xff;

/// Why an introduction is not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// A name without a letter, one that is too long, or one that would write elsewhere on a screen.
    #[error("a name has 1 to {MAX_NAME} bytes, none of them a control character: `{}` has not", .0.escape_debug())]
    Name(String),
    /// The bytes are no introduction.
    #[error("it is no introduction: {0}")]
    Damaged(#[from] postcard::Error),
    /// It is longer than any may be.
    #[error("it introduces too many members, or too many addresses of one")]
    TooLong,
    /// The key is none.
    #[error("its key is no Ed25519 key")]
    Key,
    /// It was not signed by who it is about, or for another room.
    #[error("it is not signed for this room")]
    Signature,
    /// Another key has the same index.
    #[error("another member has the same index")]
    Taken,
    /// More members are known than are remembered.
    #[error("the room has more members than this peer remembers")]
    Full,
}

/// What a member says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Card {
    key: [u8; 32],
    name: String,
    /// When it was made, in ms since 1970: of two cards of a member, the later counts.
    made: u64,
    signature: Vec<u8>,
}

impl Card {
    /// The card of who has these keys.
    ///
    /// # Errors
    /// When the name cannot be one.
    pub fn new(room: &str, keys: &Keypair, name: &str, made: u64) -> Result<Self, CardError> {
        check_name(name)?;
        let key = keys.public().try_into_ed25519().map_err(|_| CardError::Key)?.to_bytes();
        let mut card = Self { key, name: name.to_owned(), made, signature: Vec::new() };
        card.signature = keys.sign(&card.signed_part(room)).expect("an Ed25519 key signs anything");
        Ok(card)
    }

    fn signed_part(&self, room: &str) -> Vec<u8> {
        postcard::to_extend(&(room, &self.key, &self.name, self.made), SIGNED.to_vec())
            .expect("every type here has a known length")
    }

    /// Its key, if it was signed for this room by who has that key.
    pub(super) fn check(&self, room: &str) -> Result<PublicKey, CardError> {
        check_name(&self.name)?;
        let key = ed25519::PublicKey::try_from_bytes(&self.key).map_err(|_| CardError::Key)?;
        let key = PublicKey::from(key);
        if key.verify(&self.signed_part(room), &self.signature) { Ok(key) } else { Err(CardError::Signature) }
    }

    /// The name that the member goes by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When it was made, in ms since 1970, by the member's clock.
    #[must_use]
    pub const fn made(&self) -> u64 {
        self.made
    }
}

/// Whether this can be the name of a member or of a room.
///
/// # Errors
/// When it cannot.
pub fn check_name(name: &str) -> Result<(), CardError> {
    let is_good = !name.trim().is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control);
    if is_good { Ok(()) } else { Err(CardError::Name(name.to_owned())) }
}

/// The index of who has a key; none for a key that is not of Ed25519, whose name does not hold it.
pub(super) fn index_of(id: &PeerId) -> Option<Peer> {
    let multihash = id.as_ref();
    // The hash function of code 0 is the identity.
    let key = (multihash.code() == 0).then(|| multihash.digest())?;
    let hash = blake3::hash(key);
    let [first, second, third, ..] = *hash.as_bytes();
    Some(Peer(u32::from_be_bytes([0, first, second, third])))
}

/// A member, and where it may be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Introduction {
    pub(super) card: Card,
    pub(super) addresses: Vec<Multiaddr>,
}

/// The frame that introduces these members.
pub(super) fn encode(introductions: &[Introduction]) -> Vec<u8> {
    let cards: Vec<(&Card, Vec<Vec<u8>>)> = introductions
        .iter()
        .take(MAX_CARDS)
        .map(|it| (&it.card, it.addresses.iter().take(MAX_ADDRESSES).map(Multiaddr::to_vec).collect()))
        .collect();
    postcard::to_extend(&cards, vec![INTRODUCTION]).expect("every type here has a known length")
}

/// Whether a frame introduces members.
pub(super) fn is_introduction(frame: &[u8]) -> bool {
    frame.first() == Some(&INTRODUCTION)
}

/// Whom a frame introduces. What they say of themselves is still to be checked.
pub(super) fn decode(frame: &[u8]) -> Result<Vec<Introduction>, CardError> {
    let cards: Vec<(Card, Vec<Vec<u8>>)> = postcard::from_bytes(frame.get(1..).unwrap_or_default())?;
    let is_short = |(_, addresses): &(Card, Vec<Vec<u8>>)| {
        addresses.len() <= MAX_ADDRESSES && addresses.iter().all(|address| address.len() <= MAX_ADDRESS)
    };
    if cards.len() > MAX_CARDS || !cards.iter().all(is_short) {
        return Err(CardError::TooLong);
    }
    // Addresses of a sort that is not known here are of no use, but no fault.
    let known = |(card, addresses): (Card, Vec<Vec<u8>>)| Introduction {
        card,
        addresses: addresses.into_iter().filter_map(|address| Multiaddr::try_from(address).ok()).collect(),
    };
    Ok(cards.into_iter().map(known).collect())
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::wire::Kind;

    use super::*;

    #[test]
    fn a_card_is_good_in_the_room_that_it_was_made_for_alone() {
        let keys = Keypair::generate_ed25519();
        let card = Card::new("kitchen", &keys, "ana", 7).unwrap();
        assert_eq!(card.check("kitchen").unwrap(), keys.public());
        assert!(matches!(card.check("cellar"), Err(CardError::Signature)));
        let renamed = Card { name: "bo".to_owned(), ..card };
        assert!(matches!(renamed.check("kitchen"), Err(CardError::Signature)));
    }

    #[test]
    fn names_that_would_spoil_a_screen_are_none() {
        let keys = Keypair::generate_ed25519();
        for name in ["", "  ", "a\u{1b}[2J", "two\nlines", &"x".repeat(MAX_NAME + 1)] {
            assert!(matches!(Card::new("kitchen", &keys, name, 0), Err(CardError::Name(_))), "{name:?}");
        }
        assert!(check_name("Zoë de la Peña").is_ok());
    }

    #[test]
    fn an_introduction_is_read_as_it_was_written_and_its_size_is_bounded() {
        let keys = Keypair::generate_ed25519();
        let card = Card::new("kitchen", &keys, "ana", 7).unwrap();
        let address: Multiaddr = "/ip4/192.0.2.7/tcp/4001".parse().unwrap();
        let one = Introduction { card: card.clone(), addresses: vec![address.clone()] };
        let frame = encode(std::slice::from_ref(&one));
        assert!(is_introduction(&frame));
        assert_eq!(decode(&frame).unwrap(), [one]);
        assert!(matches!(decode(&frame[..frame.len() - 1]), Err(CardError::Damaged(_))));
        let many = vec![(&card, Vec::<Vec<u8>>::new()); MAX_CARDS + 1];
        let many = postcard::to_extend(&many, vec![INTRODUCTION]).unwrap();
        assert!(matches!(decode(&many), Err(CardError::TooLong)));
        let everywhere = postcard::to_extend(
            &vec![(&card, vec![address.to_vec(); MAX_ADDRESSES + 1])],
            vec![INTRODUCTION],
        );
        assert!(matches!(decode(&everywhere.unwrap()), Err(CardError::TooLong)));
        let far = postcard::to_extend(&vec![(&card, vec![vec![0u8; MAX_ADDRESS + 1]])], vec![INTRODUCTION]);
        assert!(matches!(decode(&far.unwrap()), Err(CardError::TooLong)));
    }

    #[test]
    fn no_message_begins_like_an_introduction() {
        assert_eq!(Kind::from_number(INTRODUCTION), None);
    }

    #[test]
    fn an_index_follows_from_the_key() {
        let keys = Keypair::ed25519_from_bytes([7; 32]).unwrap();
        assert_eq!(index_of(&keys.public().to_peer_id()), index_of(&keys.public().to_peer_id()));
        assert_ne!(index_of(&PeerId::random()), index_of(&PeerId::random()));
    }
}
