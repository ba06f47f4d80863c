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
                Effect::Send { msg, .. } => self.lets_pass(me, host, msg),
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
                Payload::Note(_) | Payload::Nothing => true,
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
