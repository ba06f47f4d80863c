//! Peers that do not do as they should: what they withhold or falsify on its way out.
//!
//! The machines of such a peer are those of everybody else. Their effects are filtered before the host carries them out,
//! so every protocol faces the same adversaries without knowing of them.

use super::{Effect, Host, Msg, Payload, Peer};
use crate::wire::{Kind, Note};

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
}

impl Behaviour {
    /// Withholds or falsifies the effects of one step of `me`. An honest peer pays one comparison.
    #[inline]
    pub fn filter<H: Host>(self, me: Peer, host: &mut H, effects: &mut Vec<Effect<H>>) {
        if self != Self::Honest {
            effects.retain_mut(|effect| match effect {
                Effect::Send { msg, .. } | Effect::SendToLinks { msg, .. } => self.lets_pass(me, host, msg),
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
                Payload::Note(_) => msg.kind != Kind::PubsubIHave,
                Payload::Nothing => true,
            },
            Self::Corruptor => {
                if let Payload::Item(item) = &msg.payload
                    && host.item(item).author() != me
                {
                    let corrupted = host.item(item).corrupted();
                    msg.payload = Payload::Item(host.make_item(corrupted));
                }
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        host::Lane,
        units::Nanos,
        wire::{Blob, Content, Item, ItemId},
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
}
