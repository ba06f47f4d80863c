//! Who is who, before anything else: nine bytes that each end of a shaped connection writes first.
//!
//! | bytes | are |
//! |---|---|
//! | 4 | `plnk` |
//! | 1 | the version of this protocol and of the frames that follow: 1 |
//! | 4 | the index of the peer in the plan, least significant byte first; 2^32 - 1 for one who is none |
//!
//! It is a claim and no proof: [`super::secure`] holds it against the key. Who lies until then only has its own connection
//! shaped wrongly.

use std::{io, time::Duration};

use futures::{
    AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt,
    future::{Either, select},
};
use futures_timer::Delay;
use peerlab_scenarios::host::Peer;

const MAGIC: [u8; 4] = *b"plnk";
const VERSION: u8 = 1;
const LENGTH: usize = MAGIC.len() + 1 + 4;
const NO_PEER: u32 = u32::MAX;

/// How long the other end may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why an end was not understood.
#[derive(Debug, thiserror::Error)]
pub enum Misunderstanding {
    /// It says something else.
    #[error("the other end does not speak of links: is it a peer of a run whose links are shaped?")]
    Foreign,
    /// It says it in another version.
    #[error("the other end speaks of links in version {0}, and this one in version {VERSION}")]
    Version(u8),
    /// It says that it is somebody whom the plan does not have.
    #[error("the other end says that it is peer {claimed}, but the plan has {peers} peers")]
    NoSuchPeer {
        /// Its index.
        claimed: u32,
        /// How many there are.
        peers: u32,
    },
    /// It says that it is this peer.
    #[error("the other end says that it is {0}, which this end is")]
    Twin(Peer),
    /// It says nothing.
    #[error("the other end did not say who it is within {} s", PATIENCE.as_secs())]
    Silent,
    /// It is gone.
    #[error("the connection ended before the other end said who it is: {0}")]
    Gone(#[from] io::Error),
}

fn encode(me: Option<Peer>) -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4] = VERSION;
    bytes[5..].copy_from_slice(&me.map_or(NO_PEER, |peer| peer.0).to_le_bytes());
    bytes
}

fn decode(bytes: [u8; LENGTH], me: Option<Peer>, peers: u32) -> Result<Option<Peer>, Misunderstanding> {
    let [a, b, c, d, version, index @ ..] = bytes;
    if [a, b, c, d] != MAGIC {
        return Err(Misunderstanding::Foreign);
    }
    if version != VERSION {
        return Err(Misunderstanding::Version(version));
    }
    match u32::from_le_bytes(index) {
        NO_PEER => Ok(None),
        claimed if claimed >= peers => Err(Misunderstanding::NoSuchPeer { claimed, peers }),
        claimed if Some(Peer(claimed)) == me => Err(Misunderstanding::Twin(Peer(claimed))),
        claimed => Ok(Some(Peer(claimed))),
    }
}

/// Tells the other end who this is, and hears who it is.
pub(super) async fn exchange<C: AsyncRead + AsyncWrite + Unpin>(
    stream: &mut C,
    me: Option<Peer>,
    peers: u32,
) -> Result<Option<Peer>, Misunderstanding> {
    let talk = async {
        stream.write_all(&encode(me)).await?;
        stream.flush().await?;
        let mut bytes = [0; LENGTH];
        stream.read_exact(&mut bytes).await?;
        decode(bytes, me, peers)
    };
    match select(Box::pin(talk), Delay::new(PATIENCE)).await {
        Either::Left((heard, _)) => heard,
        Either::Right(_) => Err(Misunderstanding::Silent),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_speaks_is_understood_or_told_why_not() {
        for peer in [None, Some(Peer(0)), Some(Peer(8))] {
            assert_eq!(decode(encode(peer), Some(Peer(3)), 9).unwrap(), peer);
        }
        let why = |bytes| decode(bytes, Some(Peer(3)), 9).unwrap_err().to_string();
        assert_eq!(
            why(encode(Some(Peer(9)))),
            "the other end says that it is peer 9, but the plan has 9 peers"
        );
        assert_eq!(why(encode(Some(Peer(3)))), "the other end says that it is peer 3, which this end is");
        assert_eq!(
            why(*b"\x13/multist"),
            "the other end does not speak of links: is it a peer of a run whose links are shaped?"
        );
        let mut later = encode(None);
        later[4] = 2;
        assert_eq!(why(later), "the other end speaks of links in version 2, and this one in version 1");
    }
}
