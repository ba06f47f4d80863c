//! How the peers of a fleet connect.

use std::{
    net::IpAddr,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
    time::Duration,
};

use futures::{AsyncRead, AsyncWrite};
use libp2p::{
    Multiaddr, PeerId, Transport as _,
    core::{
        muxing::{StreamMuxer, StreamMuxerBox, StreamMuxerEvent},
        transport::Boxed,
        upgrade::Version,
    },
    identity::Keypair,
    multiaddr::Protocol,
    noise, quic, tcp, yamux,
};
use peerlab_scenarios::host::Peer;
use serde::{Deserialize, Serialize};

use super::Options;
use crate::{
    host::Wire,
    link::{self, Shaper},
};

/// What carries connections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
pub enum Transport {
    /// TCP, with Noise and Yamux.
    #[default]
    Tcp,
    /// QUIC, over links as they are: those of a scenario cannot be laid under it.
    Quic,
}

impl Transport {
    /// As provenance names it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Quic => "quic",
        }
    }

    /// Any port of an address.
    fn listen(self, address: IpAddr) -> Multiaddr {
        let address = Multiaddr::from(address);
        match self {
            Self::Tcp => address.with(Protocol::Tcp(0)),
            Self::Quic => address.with(Protocol::Udp(0)).with(Protocol::QuicV1),
        }
    }
}

/// How long a handshake may take over links as they are.
const HANDSHAKE: Duration = Duration::from_secs(20);

/// Why a peer has no transport.
#[derive(Debug, thiserror::Error)]
pub(super) enum TransportError {
    /// Noise would not have its key.
    #[error(transparent)]
    Noise(#[from] noise::Error),
}

/// The links that the peers of a fleet have.
#[derive(Clone, Debug)]
pub(super) enum Links {
    /// Those of the scenario.
    Shaped(Shaper),
    /// Those of this machine, with bytes counted for each peer: sent, and received.
    Bare(Arc<[Meter]>),
}

/// Bytes that streams of a peer have carried.
#[derive(Debug, Default)]
pub(super) struct Meter {
    sent: AtomicU64,
    received: AtomicU64,
}

impl Links {
    /// The links of this machine, for so many peers.
    pub(super) fn bare(peers: u32) -> Self {
        Self::Bare((0..peers).map(|_| Meter::default()).collect())
    }

    /// How a peer connects.
    pub(super) fn wire(&self, me: Peer, keys: &Keypair, options: Options) -> Result<Wire, TransportError> {
        let kind = options.transport;
        let listen = kind.listen(options.address);
        let tcp = || tcp::tokio::Transport::new(tcp::Config::default().nodelay(true));
        Ok(match self {
            Self::Shaped(shaper) => {
                let transport = link::secure(shaper.wrap(tcp(), Some(me)), keys, yamux::Config::default())?;
                let shaper = shaper.clone();
                let meter = move || {
                    let traffic = shaper.traffic(me);
                    (traffic.sent, traffic.received)
                };
                Wire { transport, listen, meter: Box::new(meter) }
            }
            Self::Bare(meters) => {
                let transport = match kind {
                    Transport::Tcp => tcp()
                        .upgrade(Version::V1Lazy)
                        .authenticate(noise::Config::new(keys)?)
                        .multiplex(yamux::Config::default())
                        .timeout(HANDSHAKE)
                        .boxed(),
                    Transport::Quic => quic::tokio::Transport::new(quic::Config::new(keys))
                        .map(|(peer, muxer), _| (peer, StreamMuxerBox::new(muxer)))
                        .boxed(),
                };
                let counted = Meters(Arc::clone(meters), me);
                let meters = Arc::clone(meters);
                let meter = move || {
                    let Meter { sent, received } = &meters[me.index()];
                    (sent.load(Ordering::Relaxed), received.load(Ordering::Relaxed))
                };
                Wire { transport: count(transport, counted), listen, meter: Box::new(meter) }
            }
        })
    }
}

/// The meter of one peer.
#[derive(Clone)]
struct Meters(Arc<[Meter]>, Peer);

impl Meters {
    fn meter(&self) -> &Meter {
        &self.0[self.1.index()]
    }
}

fn count(transport: Boxed<(PeerId, StreamMuxerBox)>, meters: Meters) -> Boxed<(PeerId, StreamMuxerBox)> {
    transport
        .map(move |(peer, muxer), _| {
            (peer, StreamMuxerBox::new(Counted { inner: muxer, meters: meters.clone() }))
        })
        .boxed()
}

/// Something whose bytes are counted.
struct Counted<T> {
    inner: T,
    meters: Meters,
}

impl<T: StreamMuxer<Substream: Unpin> + Unpin> StreamMuxer for Counted<T> {
    type Substream = Counted<T::Substream>;
    type Error = T::Error;

    fn poll_inbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let inner = ready!(Pin::new(&mut self.inner).poll_inbound(cx))?;
        Poll::Ready(Ok(Counted { inner, meters: self.meters.clone() }))
    }

    fn poll_outbound(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Self::Substream, Self::Error>> {
        let inner = ready!(Pin::new(&mut self.inner).poll_outbound(cx))?;
        Poll::Ready(Ok(Counted { inner, meters: self.meters.clone() }))
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, Self::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_read(cx, buffer))?;
        self.meters.meter().received.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let count = ready!(Pin::new(&mut self.inner).poll_write(cx, bytes))?;
        self.meters.meter().sent.fetch_add(count as u64, Ordering::Relaxed);
        Poll::Ready(Ok(count))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.inner).poll_close(cx)
    }
}
