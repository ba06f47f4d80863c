//! What is spoken on a connection, kept.
//!
//! After each poll a connection lists the names of all protocols that it takes, to see whether they have changed. To ask each of many
//! protocols for its names, one inside of the other, and for all that it needs to take a stream, took a twentieth of what a delivery over
//! gossipsub costs.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use libp2p::{
    InboundUpgrade, StreamProtocol,
    core::UpgradeInfo,
    swarm::{
        ConnectionHandler, Stream, SubstreamProtocol,
        handler::{InboundUpgradeSend, UpgradeInfoSend},
    },
};

/// What a handler takes streams by. That changes with what the handler is told, if it does, and never by itself.
#[derive(Debug)]
pub(super) struct Offer<U, I> {
    shared: Arc<Shared<U, I>>,
    timeout: Duration,
}

#[derive(Debug)]
struct Shared<U, I> {
    names: Box<[StreamProtocol]>,
    /// Upgrades made ahead: as many as may be asked for, one for each [`Named`].
    spares: Mutex<Vec<(U, I)>>,
}

impl<U, I> Shared<U, I> {
    fn spares(&self) -> MutexGuard<'_, Vec<(U, I)>> {
        self.spares.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<U: InboundUpgradeSend, I: Send + 'static> Offer<U, I> {
    /// That of a handler as it is now.
    pub(super) fn of(handler: &impl ConnectionHandler<InboundProtocol = U, InboundOpenInfo = I>) -> Self {
        let protocol = handler.listen_protocol();
        let timeout = *protocol.timeout();
        let names = names(protocol.upgrade()).collect();
        Self {
            shared: Arc::new(Shared { names, spares: Mutex::new(vec![protocol.into_upgrade()]) }),
            timeout,
        }
    }

    /// Whether it is still that of a handler.
    pub(super) fn is_of(&self, handler: &impl ConnectionHandler<InboundProtocol = U>) -> bool {
        names(handler.listen_protocol().upgrade()).eq(self.shared.names.iter().cloned())
    }

    /// The same as the handler would say.
    pub(super) fn protocol(
        &self,
        handler: &impl ConnectionHandler<InboundProtocol = U, InboundOpenInfo = I>,
    ) -> SubstreamProtocol<Named<U, I>> {
        let mut spares = self.shared.spares();
        // One for each that was given away and may still take one, and for that which is given away now.
        while spares.len() < Arc::strong_count(&self.shared) {
            spares.push(handler.listen_protocol().into_upgrade());
        }
        SubstreamProtocol::new(Named(Arc::clone(&self.shared)), ()).with_timeout(self.timeout)
    }
}

/// The names of an upgrade, but for those that are none of libp2p's, which it passes over as well.
fn names(upgrade: &impl UpgradeInfoSend) -> impl Iterator<Item = StreamProtocol> {
    upgrade.protocol_info().filter_map(|name| interned(name.as_ref()))
}

/// A name that is kept for good, so that to copy it takes no count of references. There are about ten.
fn interned(name: &str) -> Option<StreamProtocol> {
    static NAMES: Mutex<BTreeSet<&str>> = Mutex::new(BTreeSet::new());
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(name) = names.get(name) {
        return Some(StreamProtocol::new(name));
    }
    StreamProtocol::try_from_owned(name.to_owned()).ok()?;
    let name = String::leak(name.to_owned());
    names.insert(name);
    Some(StreamProtocol::new(name))
}

/// An upgrade that is at hand once it is needed, with the names that it has.
#[derive(Debug)]
pub(super) struct Named<U, I>(Arc<Shared<U, I>>);

impl<U, I> UpgradeInfo for Named<U, I> {
    type Info = StreamProtocol;
    type InfoIter = Listed<U, I>;

    fn protocol_info(&self) -> Listed<U, I> {
        Listed { offer: Arc::clone(&self.0), next: 0 }
    }
}

impl<U: InboundUpgradeSend, I: Send + 'static> InboundUpgrade<Stream> for Named<U, I> {
    type Output = (U::Output, I);
    type Error = (U::Error, I);
    type Future = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> Self::Future {
        let (upgrade, info) = self.0.spares().pop().expect("there is one for each");
        let own = upgrade.protocol_info().find(|own| own.as_ref() == name.as_ref());
        let own = own.expect("names change only with what their handler is told");
        let upgraded = upgrade.upgrade_inbound(stream, own);
        upgraded
            .map(|upgraded| match upgraded {
                Ok(output) => Ok((output, info)),
                Err(error) => Err((error, info)),
            })
            .boxed()
    }
}

/// Tells names one by one.
#[derive(Debug)]
pub(super) struct Listed<U, I> {
    offer: Arc<Shared<U, I>>,
    next: usize,
}

impl<U, I> Iterator for Listed<U, I> {
    type Item = StreamProtocol;

    fn next(&mut self) -> Option<StreamProtocol> {
        let name = self.offer.names.get(self.next).cloned();
        self.next += 1;
        name
    }
}

#[cfg(test)]
mod tests {
    use libp2p::swarm::dummy;

    use super::*;

    #[test]
    fn there_is_an_upgrade_for_each_that_may_need_one_and_none_is_made_for_nobody() {
        let handler = dummy::ConnectionHandler;
        let offer = Offer::of(&handler);
        let spares = || offer.shared.spares().len();
        for _ in 0..10 {
            offer.protocol(&handler);
        }
        assert_eq!(spares(), 1);
        let given: Vec<_> = (0..3).map(|_| offer.protocol(&handler)).collect();
        assert_eq!(spares(), 3);
        offer.shared.spares().pop().expect("one of them took it");
        let more = offer.protocol(&handler);
        assert_eq!(spares(), given.len() + 1, "each of the three may need one still, and so may the new one");
        drop((given, more));
        offer.protocol(&handler);
        assert!(spares() <= 4);
    }

    #[test]
    fn a_name_is_kept_once_and_what_is_none_of_libp2p_is_passed_over() {
        let of = |name: &str| interned(name).map(|name| name.as_ref().as_ptr());
        assert_eq!(of("/kept/1"), of(&String::from("/kept/1")));
        assert_ne!(of("/kept/1"), of("/kept/2"));
        assert_eq!(interned("kept"), None);
    }
}
