//! Noise and Yamux over shaped connections, and a check that who is at the other end is who it said it was.

use std::{error::Error, io, time::Duration};

use futures::{
    AsyncRead, AsyncWrite, TryFutureExt,
    future::{Either, select},
};
use futures_timer::Delay;
use libp2p::{
    PeerId,
    core::{
        ConnectedPoint, Endpoint,
        muxing::StreamMuxerBox,
        transport::{Boxed, Transport},
        upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade, UpgradeInfo},
    },
    identity::Keypair,
    noise, yamux,
};
use multistream_select::{Negotiated, NegotiationError, Version, dialer_select_proto, listener_select_proto};
use peerlab_scenarios::host::Peer;

use super::{Network, Shaped, transport::LinkTransport};

/// The other end is not who it said it was.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the other end has the key of {key}, but said that it was {}", said(*.claim))]
pub struct Impostor {
    /// Its authenticated name.
    pub key: PeerId,
    /// Who it said it was.
    pub claim: Option<Peer>,
}

fn said(claim: Option<Peer>) -> String {
    claim.map_or_else(|| "no peer of the plan".to_owned(), |peer| peer.to_string())
}

/// Why a connection was not made secure.
#[derive(Debug, thiserror::Error)]
enum Insecure {
    #[error("the ends have no protocol in common: {0}")]
    Negotiation(#[from] NegotiationError),
    #[error(transparent)]
    Noise(#[from] noise::Error),
    #[error(transparent)]
    Impostor(#[from] Impostor),
    #[error(transparent)]
    Yamux(#[from] io::Error),
    #[error("it took longer than {} s", .0.as_secs_f64())]
    Late(Duration),
}

impl Network {
    fn check(&self, key: PeerId, claim: Option<Peer>) -> Result<(), Impostor> {
        if self.directory.get(&key).copied() == claim { Ok(()) } else { Err(Impostor { key, claim }) }
    }
}

/// Makes the connections of a shaped transport secure by Noise, and lets them carry many streams by Yamux.
///
/// # Errors
/// When the key cannot be used with Noise.
pub fn secure<T>(
    transport: LinkTransport<T>,
    keypair: &Keypair,
    yamux: yamux::Config,
) -> Result<Boxed<(PeerId, StreamMuxerBox)>, noise::Error>
where
    T: Transport<Output: AsyncRead + AsyncWrite + Send + Unpin + 'static> + Send + Unpin + 'static,
    T::Error: Error + Send + Sync + 'static,
    T::Dial: Send + 'static,
    T::ListenerUpgrade: Send + 'static,
{
    let noise = noise::Config::new(keypair)?;
    let net = transport.network().clone();
    let patience = Duration::from_nanos(net.timeline.timeout());
    let upgraded = transport.and_then(move |stream: Shaped<T::Output>, point| {
        let claim = stream.claim();
        let upgrade = async move {
            let dials = is_dialer(&point);
            let (key, stream) = authenticate(stream, noise, dials).await?;
            net.check(key, claim)?;
            Ok((key, multiplex(stream, yamux, dials).await?))
        };
        async move {
            match select(Box::pin(upgrade), Delay::new(patience)).await {
                Either::Left((upgraded, _)) => upgraded,
                Either::Right(_) => Err(Insecure::Late(patience)),
            }
        }
    });
    Ok(upgraded.boxed())
}

const fn is_dialer(point: &ConnectedPoint) -> bool {
    matches!(point, ConnectedPoint::Dialer { role_override: Endpoint::Dialer, .. })
}

async fn authenticate<C: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: C,
    noise: noise::Config,
    dials: bool,
) -> Result<(PeerId, noise::Output<Negotiated<C>>), Insecure> {
    let protocols = noise.protocol_info();
    if dials {
        let (info, stream) = dialer_select_proto(stream, protocols, Version::V1Lazy).await?;
        Ok(noise.upgrade_outbound(stream, info).await?)
    } else {
        let (info, stream) = listener_select_proto(stream, protocols).await?;
        Ok(noise.upgrade_inbound(stream, info).await?)
    }
}

async fn multiplex<C: AsyncRead + AsyncWrite + Send + Unpin + 'static>(
    stream: C,
    yamux: yamux::Config,
    dials: bool,
) -> Result<StreamMuxerBox, Insecure> {
    let protocols = yamux.protocol_info();
    let muxer = if dials {
        let (info, stream) = dialer_select_proto(stream, protocols, Version::V1Lazy).await?;
        yamux.upgrade_outbound(stream, info).map_ok(StreamMuxerBox::new).await?
    } else {
        let (info, stream) = listener_select_proto(stream, protocols).await?;
        yamux.upgrade_inbound(stream, info).map_ok(StreamMuxerBox::new).await?
    };
    Ok(muxer)
}
