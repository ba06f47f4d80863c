//! Peers that do not do as they should: what they withhold or falsify on its way out.
//!
//! The machines of such a peer are those of everybody else. Their effects are filtered before the host carries them out,
//! so every protocol faces the same adversaries without knowing of them.

use super::{Effect, Host, Msg, Payload, Peer};
use crate::{
    spec,
    wire::{
        Content, Kind, Note,
        update::{HaveMap, UpdateItem, chunk_of},
    },
};

/// The version that a stale seeder stays with.
const FIRST_VERSION: u32 = 1;

/// How a peer treats what its machines would send.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Behaviour {
    /// Sends what its machines send.
    #[default]
    Honest,
    /// Takes everything in and sends nothing at all, though its connections stand.
    Silent,
    /// Publishes and receives, but passes on nothing of others: neither their items nor word of having them.
    FreeRider,
    /// Falsifies the items of others before it passes them on.
    Corruptor,
    /// Stays with the first version of each update: passes on the manifest of no later one, and serves what is not of it for its
    /// chunks, though it says that it has them.
    StaleSeeder,
}

impl From<&spec::Behaviour> for Behaviour {
    fn from(behaviour: &spec::Behaviour) -> Self {
        match behaviour {
            spec::Behaviour::Honest(_) => Self::Honest,
            spec::Behaviour::Silent(_) => Self::Silent,
            spec::Behaviour::FreeRider(_) => Self::FreeRider,
            spec::Behaviour::Corruptor(_) => Self::Corruptor,
            spec::Behaviour::StaleSeeder(_) => Self::StaleSeeder,
        }
    }
}

impl Behaviour {
    /// Withholds or falsifies the effects of one step of `me`. An honest peer pays one comparison.
    #[inline]
    pub fn filter<H: Host>(self, me: Peer, host: &mut H, effects: &mut Vec<Effect<H>>) {
        if self != Self::Honest {
            effects.retain_mut(|effect| match effect {
                Effect::Send { msg, .. } | Effect::SendToLinks { msg, .. } => self.lets_pass(me, host, msg),
                Effect::Serve { item, .. } => self.serves(me, host, item),
                Effect::Fetch { .. } | Effect::Abort(_) | Effect::Refuse(_) => self != Self::Silent,
                _ => true,
            });
        }
    }

    fn lets_pass<H: Host>(self, me: Peer, host: &mut H, msg: &mut Msg<H>) -> bool {
        match self {
            Self::Honest => true,
            Self::Silent => false,
            Self::FreeRider => match &msg.payload {
                Payload::Item(item) => host.item(item).author() == me,
                Payload::Note(note) if msg.kind == Kind::Announce => {
                    let Note::Ids(ids) = host.note(note) else { return true };
                    let own: Vec<_> = ids.iter().copied().filter(|id| id.author() == me).collect();
                    if own.is_empty() {
                        return false;
                    }
                    msg.payload = Payload::Note(host.make_note(Note::Ids(own)));
                    true
                }
                Payload::Note(note) if msg.kind == Kind::UpdateHave => {
                    let Note::Have(have) = host.note(note) else { return true };
                    let nothing = HaveMap { version: have.version, words: Vec::new() };
                    msg.payload = Payload::Note(host.make_note(Note::Have(nothing)));
                    true
                }
                Payload::Note(_) => !matches!(msg.kind, Kind::PubsubIHave | Kind::UpdateGot),
                Payload::Nothing => true,
            },
            Self::StaleSeeder => match &msg.payload {
                Payload::Item(item) => match &host.item(item).content {
                    Content::Update(UpdateItem::Manifest(manifest)) => {
                        manifest.version <= FIRST_VERSION || host.item(item).author() == me
                    }
                    _ => true,
                },
                Payload::Note(_) | Payload::Nothing => true,
            },
            Self::Corruptor => {
                if let Payload::Item(item) = &mut msg.payload {
                    Self::falsify(me, host, item);
                }
                true
            }
        }
    }

    /// What it sends of that which its machines serve.
    fn serves<H: Host>(self, me: Peer, host: &mut H, item: &mut H::Item) -> bool {
        match self {
            Self::Honest => true,
            Self::Silent => false,
            Self::FreeRider => host.item(item).author() == me,
            Self::Corruptor => {
                Self::falsify(me, host, item);
                true
            }
            Self::StaleSeeder => {
                if !matches!(chunk_of(host.item(item).id), Some((version, _)) if version <= FIRST_VERSION) {
                    Self::falsify(me, host, item);
                }
                true
            }
        }
    }

    fn falsify<H: Host>(me: Peer, host: &mut H, item: &mut H::Item) {
        if host.item(item).author() != me {
            let corrupted = host.item(item).corrupted();
            *item = host.make_item(corrupted);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::{Ask, Lane, ReqId},
        units::Nanos,
        wire::{
            Blob, Content, Item, ItemId,
            merkle::Digest,
            update::{Chunk, Manifest, chunk_id},
        },
        world::Shared,
    };

    const ME: Peer = Peer(1);
    const OTHER: Peer = Peer(2);

    fn id(author: Peer) -> ItemId {
        ItemId::new(0, author, 0)
    }

    fn item(author: Peer) -> Payload<Shared> {
        Payload::Item(Shared.make_item(Item::new(id(author), 0, Nanos::ZERO, Content::Raw(Blob::Sized(9)))))
    }

    fn ids(authors: &[Peer]) -> Payload<Shared> {
        Payload::Note(Shared.make_note(Note::Ids(authors.iter().copied().map(id).collect())))
    }

    /// What is left of a step's effects: who wrote each item, whether it is tainted, and whose items are announced.
    fn left(behaviour: Behaviour) -> Vec<(Kind, Vec<Peer>, bool)> {
        let sends = [
            (Kind::Gossip, item(ME)),
            (Kind::Gossip, item(OTHER)),
            (Kind::Announce, ids(&[OTHER, ME])),
            (Kind::Announce, ids(&[OTHER])),
            (Kind::Graft, ids(&[OTHER])),
            (Kind::PubsubIHave, ids(&[OTHER])),
            (Kind::Prune, Payload::Nothing),
        ];
        let send = |(kind, payload)| Effect::Send {
            to: OTHER,
            lane: Lane::Reliable,
            msg: Msg::new(kind, 1, payload),
        };
        let mut effects: Vec<Effect<Shared>> = sends.into_iter().map(send).collect();
        effects.push(Effect::Dial(OTHER));
        behaviour.filter(ME, &mut Shared, &mut effects);
        assert!(matches!(effects.pop(), Some(Effect::Dial(OTHER))), "only what is sent is filtered");
        let seen = |effect: Effect<Shared>| {
            let Effect::Send { msg, .. } = effect else { panic!("{effect:?} was not sent") };
            match msg.payload {
                Payload::Item(item) => (msg.kind, vec![item.author()], item.tainted),
                Payload::Note(note) => match &*note {
                    Note::Ids(ids) => (msg.kind, ids.iter().map(|id| id.author()).collect(), false),
                    other => panic!("{other:?} are no ids"),
                },
                Payload::Nothing => (msg.kind, vec![], false),
            }
        };
        effects.into_iter().map(seen).collect()
    }

    #[test]
    fn each_behaviour_withholds_or_falsifies_what_is_not_its_own() {
        let graft = (Kind::Graft, vec![OTHER], false);
        let prune = (Kind::Prune, vec![], false);
        let own = (Kind::Gossip, vec![ME], false);
        let honest = left(Behaviour::Honest);
        assert_eq!(honest.len(), 7);
        assert_eq!(left(Behaviour::Silent), []);
        let free_rider = [own, (Kind::Announce, vec![ME], false), graft, prune];
        assert_eq!(left(Behaviour::FreeRider), free_rider);
        let mut corrupted = honest;
        corrupted[1].2 = true;
        assert_eq!(left(Behaviour::Corruptor), corrupted);
    }

    /// Which of two chunks, of the first version and of the second, a peer serves, and whether falsified; and whether it asks.
    fn served(behaviour: Behaviour) -> (Vec<(u32, bool)>, bool) {
        let serve = |version| {
            let body = Blob::Sized(100);
            let chunk = Chunk { version, index: 0, path: Vec::new(), body };
            let id = chunk_id(0, OTHER, version, 0);
            let item = Item::new(id, 0, Nanos::ZERO, Content::Update(UpdateItem::Chunk(chunk)));
            let ask = Ask { by: OTHER, req: ReqId(0) };
            Effect::Serve { ask, item: Shared.make_item(item) }
        };
        let fetch = Effect::Fetch { req: ReqId(1), from: OTHER, what: id(OTHER) };
        let mut effects: Vec<Effect<Shared>> = vec![serve(1), serve(2), fetch];
        behaviour.filter(ME, &mut Shared, &mut effects);
        let served = effects.iter().filter_map(|effect| match effect {
            Effect::Serve { item, .. } => Some((chunk_of(item.id)?.0, item.tainted)),
            _ => None,
        });
        (served.collect(), effects.iter().any(|effect| matches!(effect, Effect::Fetch { .. })))
    }

    #[test]
    fn each_behaviour_serves_what_it_would() {
        assert_eq!(served(Behaviour::Honest), (vec![(1, false), (2, false)], true));
        assert_eq!(served(Behaviour::Silent), (vec![], false));
        assert_eq!(served(Behaviour::FreeRider), (vec![], true));
        assert_eq!(served(Behaviour::Corruptor), (vec![(1, true), (2, true)], true));
        assert_eq!(served(Behaviour::StaleSeeder), (vec![(1, false), (2, true)], true));
    }

    #[test]
    fn a_free_rider_admits_to_no_chunk_and_a_stale_seeder_hides_what_is_new() {
        let said = |behaviour: Behaviour, kind, payload| {
            let msg = Msg::new(kind, 0, payload);
            let mut effects = vec![Effect::<Shared>::Send { to: OTHER, lane: Lane::Reliable, msg }];
            behaviour.filter(ME, &mut Shared, &mut effects);
            effects.pop()
        };
        let have = || Payload::Note(Shared.make_note(Note::Have(HaveMap::of(3, [1, 2]))));
        match said(Behaviour::FreeRider, Kind::UpdateHave, have()) {
            Some(Effect::Send { msg: Msg { payload: Payload::Note(note), .. }, .. }) => {
                assert_eq!(*note, Note::Have(HaveMap::of(3, [])));
            }
            other => panic!("{other:?}"),
        }
        assert!(said(Behaviour::FreeRider, Kind::UpdateGot, have()).is_none());
        let manifest = |version| {
            let manifest = Manifest {
                version,
                size: 1,
                chunk: 1,
                root: Digest::default(),
                expires: Nanos::NEVER,
                stages: Vec::new(),
            };
            let item = Item::new(id(OTHER), 0, Nanos::ZERO, Content::Update(UpdateItem::Manifest(manifest)));
            Payload::Item(Shared.make_item(item))
        };
        assert!(said(Behaviour::StaleSeeder, Kind::Gossip, manifest(1)).is_some());
        assert!(said(Behaviour::StaleSeeder, Kind::Gossip, manifest(2)).is_none());
        assert!(said(Behaviour::StaleSeeder, Kind::UpdateHave, have()).is_some());
    }
}
