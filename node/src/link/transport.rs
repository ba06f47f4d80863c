//! A transport with the links of the plan below its connections.

use std::{
    error::Error,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures::{AsyncRead, AsyncWrite, FutureExt, future::BoxFuture};
use futures_timer::Delay;
use libp2p::{
    Multiaddr,
    core::transport::{DialOpts, ListenerId, Transport, TransportError, TransportEvent},
    multiaddr::Protocol,
};
use peerlab_scenarios::host::Peer;

use super::{Network, preamble, preamble::Misunderstanding, route::Route, stream::Shaped};

/// Why a connection did not come about.
#[derive(Debug, thiserror::Error)]
pub enum LinkError<E> {
    /// The transport below says why.
    #[error(transparent)]
    Below(E),
    /// The other end was not understood.
    #[error(transparent)]
    Misunderstood(#[from] Misunderstanding),
    /// The plan has an address translation, or an isolated site, in between.
    #[error("{0} cannot be dialled from here: see `nat` and `sites` in the scenario")]
    Unreachable(Peer),
    /// A fault cuts the path, or all attempts were lost.
    #[error("{0} did not answer in time")]
    TimedOut(Peer),
}

/// A [`Transport`] of byte streams on which a peer's links are laid; see [`super::Shaper::wrap`].
pub struct LinkTransport<T> {
    inner: T,
    net: Arc<Network>,
    me: Option<Peer>,
}

impl<T> LinkTransport<T> {
    pub(super) const fn new(inner: T, net: Arc<Network>, me: Option<Peer>) -> Self {
        Self { inner, net, me }
    }

    pub(super) const fn network(&self) -> &Arc<Network> {
        &self.net
    }

    /// The peer of the plan that an address names, if it does.
    fn named(&self, address: &Multiaddr) -> Option<Peer> {
        match address.iter().last()? {
            Protocol::P2p(id) => self.net.directory.get(&id).copied(),
            _ => None,
        }
    }
}

impl<T> Transport for LinkTransport<T>
where
    T: Transport<Output: AsyncRead + AsyncWrite + Send + Unpin + 'static> + Unpin,
    T::Error: Error + Send + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    type Output = Shaped<T::Output>;
    type Error = LinkError<T::Error>;
    type ListenerUpgrade = BoxFuture<'static, Result<Self::Output, Self::Error>>;
    type Dial = BoxFuture<'static, Result<Self::Output, Self::Error>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<Self::Error>> {
        self.inner.listen_on(id, address).map_err(|error| error.map(LinkError::Below))
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(
        &mut self,
        address: Multiaddr,
        opts: DialOpts,
    ) -> Result<Self::Dial, TransportError<Self::Error>> {
        let (net, me, named) = (Arc::clone(&self.net), self.me, self.named(&address));
        let inner = match self.inner.dial(address, opts) {
            Ok(dial) => dial.left_future(),
            // Some transports know at once that nobody is there; on a real path that takes a round trip.
            Err(TransportError::Other(error)) => std::future::ready(Err(error)).right_future(),
            Err(other) => return Err(other.map(LinkError::Below)),
        };
        let dial = async move {
            let path = me.zip(named);
            if let Some((me, other)) = path {
                net.wait_for_path(me, other).await?;
            }
            let mut stream = match inner.await {
                Ok(stream) => stream,
                Err(error) => {
                    if let Some((me, other)) = path {
                        net.round_trip(me, other).await?;
                    }
                    return Err(LinkError::Below(error));
                }
            };
            let other = preamble::exchange(&mut stream, me, net.plan.peers.len()).await?;
            let Some((me, other)) = me.zip(other) else { return Ok(Shaped::plain(stream, other)) };
            if named != Some(other) {
                net.wait_for_path(me, other).await?;
            }
            net.round_trip(me, other).await?;
            Ok(Shaped::link(&net, stream, me, other))
        };
        Ok(dial.boxed())
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, Self::Error>> {
        let (net, me) = (Arc::clone(&self.net), self.me);
        Pin::new(&mut self.inner).poll(cx).map(|event| {
            let event = event.map_upgrade(|upgrade| {
                let accept = async move {
                    let mut stream = upgrade.await.map_err(LinkError::Below)?;
                    let other = preamble::exchange(&mut stream, me, net.plan.peers.len()).await?;
                    Ok(match me.zip(other) {
                        Some((me, other)) => Shaped::link(&net, stream, me, other),
                        None => Shaped::plain(stream, other),
                    })
                };
                accept.boxed()
            });
            event.map_err(LinkError::Below)
        })
    }
}

impl Network {
    /// Waits until nothing cuts the path, for as long as a connection waits for anything.
    ///
    /// What asks for a connection is sent again ever more seldom (RFC 6298, section 5.5), so when the path is back it takes up to half
    /// as long again as it has taken; how long belongs to the pair, as with what is sent over connections that outlive a cut.
    async fn wait_for_path<E>(&self, me: Peer, other: Peer) -> Result<(), LinkError<E>> {
        if !self.plan.can_dial(me, other) {
            return Err(LinkError::Unreachable(other));
        }
        let began = self.now();
        let patience = began.saturating_add(self.timeline.timeout());
        while let Some(cut) = self.timeline.cut(me, other, self.now(), true) {
            Delay::new(self.until(cut.until.min(patience))).await;
            if cut.until >= patience {
                return Err(LinkError::TimedOut(other));
            }
            let back_off = self.plan.back_off(me, other, cut.until.saturating_sub(began) / 2);
            Delay::new(self.until(cut.until.saturating_add(back_off).min(patience))).await;
        }
        Ok(())
    }

    /// Waits as long as a request takes to be answered.
    async fn round_trip<E>(&self, me: Peer, other: Peer) -> Result<(), LinkError<E>> {
        let mut at = self.now();
        for (from, to) in [(me, other), (other, me)] {
            let sent = Route::new(self, from, to).send(self, at, 0);
            if sent.arrives == u64::MAX {
                Delay::new(self.until(at.saturating_add(self.timeline.timeout()))).await;
                return Err(LinkError::TimedOut(other));
            }
            at = sent.arrives;
        }
        Delay::new(self.until(at)).await;
        Ok(())
    }
}
