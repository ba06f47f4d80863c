//! The names of the protocols that are spoken on a connection, kept.
//!
//! After each poll a connection lists the names of all protocols that it takes, to see whether they have changed. To ask each of many
//! protocols for its names, one inside of the other, took a twentieth of what a delivery over gossipsub costs.

use std::sync::Arc;

use libp2p::{
    InboundUpgrade, StreamProtocol,
    core::UpgradeInfo,
    swarm::{
        ConnectionHandler, Stream,
        handler::{InboundUpgradeSend, UpgradeInfoSend},
    },
};

/// Names that a handler takes streams by. They change with what it is told, if they do, and never by themselves.
#[derive(Clone, Debug)]
pub(super) struct Names(Arc<[StreamProtocol]>);

impl Names {
    /// Those of a handler as it is now.
    pub(super) fn of(handler: &impl ConnectionHandler) -> Self {
        let listened = handler.listen_protocol();
        let names = listened.upgrade().protocol_info();
        // Other names are none of libp2p's, which passes over them as well.
        Self(names.filter_map(|name| StreamProtocol::try_from_owned(name.as_ref().to_owned()).ok()).collect())
    }
}

/// An upgrade, with the names that it has.
#[derive(Debug)]
pub(super) struct Named<U> {
    pub(super) upgrade: U,
    pub(super) names: Names,
}

impl<U> UpgradeInfo for Named<U> {
    type Info = StreamProtocol;
    type InfoIter = Listed;

    fn protocol_info(&self) -> Listed {
        Listed { names: self.names.clone(), next: 0 }
    }
}

impl<U: InboundUpgradeSend> InboundUpgrade<Stream> for Named<U> {
    type Output = U::Output;
    type Error = U::Error;
    type Future = U::Future;

    fn upgrade_inbound(self, stream: Stream, name: StreamProtocol) -> U::Future {
        let own = self.upgrade.protocol_info().find(|own| own.as_ref() == name.as_ref());
        self.upgrade.upgrade_inbound(stream, own.expect("names change only with what their handler is told"))
    }
}

/// Tells names one by one.
#[derive(Debug)]
pub(super) struct Listed {
    names: Names,
    next: usize,
}

impl Iterator for Listed {
    type Item = StreamProtocol;

    fn next(&mut self) -> Option<StreamProtocol> {
        let name = self.names.0.get(self.next).cloned();
        self.next += 1;
        name
    }
}
