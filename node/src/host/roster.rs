//! Who takes part, by name and by index, and where they listen.

use std::{
    collections::{BTreeMap, HashMap},
    mem,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use futures::channel::mpsc;
use libp2p::{
    Multiaddr, PeerId,
    identity::{Keypair, PublicKey},
};
use peerlab_scenarios::{host::Peer, plan::identity, seed::Seed};

use super::card::{Card, CardError, check_name, index_of};

/// Most members of an open room that are remembered: whoever makes keys all day shall not fill the memory.
const MOST_MEMBERS: usize = 4096;

/// The peers that are let in.
#[derive(Debug)]
pub struct Roster(Members);

#[derive(Debug)]
enum Members {
    /// Those of a fleet: made once, and shared by all who run in one process.
    Fleet {
        seed: Seed,
        keys: Vec<(PeerId, PublicKey)>,
        by_id: HashMap<PeerId, Peer>,
        checked: Option<Checked>,
    },
    /// Those of an open room who were introduced so far.
    Open { room: String, keys: Box<Keypair>, known: RwLock<BTreeMap<Peer, Member>> },
}

/// Signatures that were checked, and whether they were right. In a fleet of two hundred each post is checked by all of them, which was
/// a fifth of what virtual time takes.
#[derive(Debug, Default)]
struct Checked(Mutex<Generations>);

/// What was found, by what was asked. The young become the old when they are many, and what was old is forgotten.
#[derive(Debug, Default)]
struct Generations {
    young: HashMap<blake3::Hash, bool>,
    old: HashMap<blake3::Hash, bool>,
}

impl Checked {
    /// Most of either generation.
    const MOST: usize = 1 << 15;

    /// What was found when this was checked before, or else what `check` finds.
    fn or(&self, peer: Peer, message: &[u8], signature: &[u8], check: impl FnOnce() -> bool) -> bool {
        // The signature comes first and its length is part of it, so that no two questions have one name.
        let mut name = blake3::Hasher::new();
        name.update(&peer.0.to_be_bytes()).update(&(signature.len() as u64).to_be_bytes());
        let name = name.update(signature).update(message).finalize();
        let Generations { young, old } = &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(found) = young.get(&name).or_else(|| old.get(&name)) {
            return *found;
        }
        if young.len() >= Self::MOST {
            *old = mem::take(young);
        }
        let found = check();
        young.insert(name, found);
        found
    }
}

/// A member of an open room.
#[derive(Clone, Debug)]
struct Member {
    id: PeerId,
    key: PublicKey,
    card: Card,
}

impl Roster {
    /// A fleet of so many peers, whose keys follow from the seed. Nobody else is let in.
    #[must_use]
    pub fn new(seed: Seed, peers: u32) -> Arc<Self> {
        Self::fleet(seed, peers, None)
    }

    /// The same, of which all run where no step takes time: what one of them has checked the others need not work out again.
    #[must_use]
    pub fn out_of_time(seed: Seed, peers: u32) -> Arc<Self> {
        Self::fleet(seed, peers, Some(Checked::default()))
    }

    fn fleet(seed: Seed, peers: u32, checked: Option<Checked>) -> Arc<Self> {
        let public = |peer| {
            let key = identity::keypair(seed, Peer(peer)).public();
            (key.to_peer_id(), key)
        };
        let keys: Vec<_> = (0..peers).map(public).collect();
        let by_id = keys.iter().zip((0..).map(Peer)).map(|((id, _), peer)| (*id, peer)).collect();
        Arc::new(Self(Members::Fleet { seed, keys, by_id, checked }))
    }

    /// A room that anybody may join, as who has these keys and this card knows it who comes first. Gives its index too.
    ///
    /// # Errors
    /// When a name cannot be one.
    pub fn open(room: &str, keys: &Keypair, card: Card) -> Result<(Arc<Self>, Peer), CardError> {
        check_name(room)?;
        let known = RwLock::default();
        let roster = Self(Members::Open { room: room.to_owned(), keys: Box::new(keys.clone()), known });
        let (me, _) = roster.learn(card)?;
        Ok((Arc::new(roster), me))
    }

    /// Whether anybody may join.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.0, Members::Open { .. })
    }

    /// Takes in a card. Gives whose it is, and whether it says anything new.
    ///
    /// # Errors
    /// When it is not of this room, or its index is taken.
    pub fn learn(&self, card: Card) -> Result<(Peer, bool), CardError> {
        let Members::Open { room, known, .. } = &self.0 else { return Err(CardError::Signature) };
        let key = card.check(room)?;
        let id = key.to_peer_id();
        let peer = index_of(&id).ok_or(CardError::Key)?;
        let mut known = known.write().unwrap_or_else(PoisonError::into_inner);
        match known.get(&peer) {
            Some(member) if member.id != id => return Err(CardError::Taken),
            Some(member) if member.card.made() >= card.made() => return Ok((peer, false)),
            None if known.len() >= MOST_MEMBERS => return Err(CardError::Full),
            _ => {}
        }
        known.insert(peer, Member { id, key, card });
        Ok((peer, true))
    }

    /// What the members of an open room say of themselves.
    #[must_use]
    pub fn cards(&self) -> Vec<(Peer, Card)> {
        let Members::Open { known, .. } = &self.0 else { return Vec::new() };
        let known = known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(peer, member)| (*peer, member.card.clone())).collect()
    }

    /// The card of a member of an open room.
    #[must_use]
    pub fn card(&self, peer: Peer) -> Option<Card> {
        self.member(peer).map(|member| member.card)
    }

    fn member(&self, peer: Peer) -> Option<Member> {
        let Members::Open { known, .. } = &self.0 else { return None };
        known.read().unwrap_or_else(PoisonError::into_inner).get(&peer).cloned()
    }

    /// The secret key of a peer of this process.
    #[must_use]
    pub fn keypair(&self, peer: Peer) -> Keypair {
        match &self.0 {
            Members::Fleet { seed, .. } => identity::keypair(*seed, peer),
            Members::Open { keys, .. } => (**keys).clone(),
        }
    }

    /// Whether a peer that takes part has signed this.
    #[must_use]
    pub fn has_signed(&self, peer: Peer, message: &[u8], signature: &[u8]) -> bool {
        match &self.0 {
            Members::Fleet { keys, checked, .. } => {
                let Some((_, key)) = keys.get(peer.index()) else { return false };
                let check = || key.verify(message, signature);
                checked.as_ref().map_or_else(check, |checked| checked.or(peer, message, signature, check))
            }
            Members::Open { .. } => {
                self.member(peer).is_some_and(|member| member.key.verify(message, signature))
            }
        }
    }

    /// The name of a peer.
    ///
    /// # Panics
    /// When there is no peer of this index.
    #[must_use]
    pub fn id(&self, peer: Peer) -> PeerId {
        match &self.0 {
            Members::Fleet { keys, .. } => keys[peer.index()].0,
            Members::Open { .. } => self.member(peer).expect("a peer of this index was introduced").id,
        }
    }

    /// The peer of a name, if it takes part.
    #[must_use]
    pub fn peer(&self, id: &PeerId) -> Option<Peer> {
        match &self.0 {
            Members::Fleet { by_id, .. } => by_id.get(id).copied(),
            Members::Open { .. } => {
                index_of(id).filter(|peer| self.member(*peer).is_some_and(|member| member.id == *id))
            }
        }
    }

    /// Whether a peer may connect: one of the fleet, or in an open room anybody whose index is not another's.
    #[must_use]
    pub fn admits(&self, id: &PeerId) -> bool {
        match &self.0 {
            Members::Fleet { by_id, .. } => by_id.contains_key(id),
            Members::Open { .. } => {
                index_of(id).is_some_and(|peer| self.member(peer).is_none_or(|member| member.id == *id))
            }
        }
    }
}

/// A peer that listens here from now on, or no longer.
pub type Moved = (Peer, Option<Multiaddr>);

/// Where the peers of a fleet listen that are up. It stands for what finds peers outside of a testbed: DNS, a tracker, mDNS.
#[derive(Clone, Debug)]
pub struct Addresses {
    known: Arc<RwLock<Vec<Option<Multiaddr>>>>,
    /// Who wants to hear of the peers of this process.
    watcher: Option<mpsc::UnboundedSender<Moved>>,
}

impl Addresses {
    /// Of a fleet of which nobody is up.
    #[must_use]
    pub fn new(peers: u32) -> Self {
        Self { known: Arc::new(RwLock::new(vec![None; peers as usize])), watcher: None }
    }

    /// The same, and what the peers of this process tell of themselves: a few words in each of their lives.
    #[must_use]
    pub fn watched(peers: u32) -> (Self, mpsc::UnboundedReceiver<Moved>) {
        let (watcher, moves) = mpsc::unbounded();
        (Self { watcher: Some(watcher), ..Self::new(peers) }, moves)
    }

    /// Where a peer listens, if it is up.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Option<Multiaddr> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).get(peer.index()).cloned().flatten()
    }

    /// Says where a peer of this process listens, or that it does no longer.
    pub fn set(&self, peer: Peer, address: Option<Multiaddr>) {
        if let Some(watcher) = &self.watcher {
            // Whoever watched may have gone.
            let _ = watcher.unbounded_send((peer, address.clone()));
        }
        self.learn((peer, address));
    }

    /// Takes note of what a peer of another process has told.
    pub fn learn(&self, (peer, address): Moved) {
        if let Some(entry) = self.known.write().unwrap_or_else(PoisonError::into_inner).get_mut(peer.index())
        {
            *entry = address;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_room_learns_who_is_in_it() {
        let (mine, theirs) = (Keypair::generate_ed25519(), Keypair::generate_ed25519());
        let card = |keys, name, made| Card::new("kitchen", keys, name, made).unwrap();
        let (roster, me) = Roster::open("kitchen", &mine, card(&mine, "ana", 1)).unwrap();
        assert_eq!(roster.peer(&mine.public().to_peer_id()), Some(me));
        let stranger = theirs.public().to_peer_id();
        assert!(roster.admits(&stranger) && roster.peer(&stranger).is_none());
        let (them, is_new) = roster.learn(card(&theirs, "bo", 5)).unwrap();
        assert!(is_new && roster.id(them) == stranger);
        assert!(!roster.learn(card(&theirs, "old bo", 4)).unwrap().1);
        assert!(roster.learn(card(&theirs, "new bo", 6)).unwrap().1);
        assert_eq!(roster.card(them).unwrap().name(), "new bo");
        let signature = theirs.sign(b"hello").unwrap();
        assert!(
            roster.has_signed(them, b"hello", &signature) && !roster.has_signed(me, b"hello", &signature)
        );
        assert!(matches!(
            roster.learn(Card::new("cellar", &theirs, "bo", 9).unwrap()),
            Err(CardError::Signature)
        ));
    }

    #[test]
    fn what_was_checked_once_is_known_and_nothing_else_is() {
        let roster = Roster::out_of_time(Seed(1), 3);
        let signature = identity::keypair(Seed(1), Peer(1)).sign(b"hello").unwrap();
        for _ in 0..2 {
            assert!(roster.has_signed(Peer(1), b"hello", &signature));
            assert!(!roster.has_signed(Peer(2), b"hello", &signature), "another has not");
            assert!(!roster.has_signed(Peer(1), b"hallo", &signature), "it was about something else");
            assert!(!roster.has_signed(Peer(1), b"hello", &[0; 64]));
            assert!(!roster.has_signed(Peer(3), b"hello", &signature), "there is none such");
        }
        let checked = Checked::default();
        let most = Checked::MOST as u32;
        for number in 0..3 * most {
            checked.or(Peer(0), &number.to_be_bytes(), &[], || true);
        }
        for number in most..3 * most {
            assert!(
                checked.or(Peer(0), &number.to_be_bytes(), &[], || unreachable!("{number} is remembered"))
            );
        }
        assert!(!checked.or(Peer(0), &0u32.to_be_bytes(), &[], || false), "the oldest are forgotten");
    }

    #[test]
    fn no_more_members_are_remembered_than_may_be() {
        let keys = |number: u32| {
            let mut secret = [7; 32];
            secret[..4].copy_from_slice(&number.to_be_bytes());
            Keypair::ed25519_from_bytes(secret).unwrap()
        };
        let card = |keys: &Keypair| Card::new("kitchen", keys, "somebody", 1).unwrap();
        let (roster, _) = Roster::open("kitchen", &keys(0), card(&keys(0))).unwrap();
        let mut number = 0;
        while roster.cards().len() < MOST_MEMBERS {
            number += 1;
            let learnt = roster.learn(card(&keys(number)));
            assert!(matches!(learnt, Ok((_, true)) | Err(CardError::Taken)), "{learnt:?}");
        }
        let one_more = (number + 1..).map(|number| roster.learn(card(&keys(number))));
        let refused = one_more.map(Result::unwrap_err).find(|error| !matches!(error, CardError::Taken));
        assert!(matches!(refused, Some(CardError::Full)), "{refused:?}");
        assert_eq!(roster.cards().len(), MOST_MEMBERS);
        // Whoever is known may still say something new.
        assert!(roster.learn(Card::new("kitchen", &keys(0), "myself", 2).unwrap()).unwrap().1);
    }

    #[test]
    fn a_fleet_is_closed() {
        let roster = Roster::new(Seed(1), 2);
        let keys = Keypair::generate_ed25519();
        assert!(!roster.is_open() && !roster.admits(&keys.public().to_peer_id()));
        assert!(
            roster.learn(Card::new("kitchen", &keys, "bo", 1).unwrap()).is_err() && roster.cards().is_empty()
        );
    }
}
