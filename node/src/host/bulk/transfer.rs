//! Both ends of one fetch, from its request to the word that it came.

use std::{
    io,
    sync::atomic::{AtomicU64, Ordering},
};

use bytes::Bytes;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use peerlab_scenarios::wire::MAX_FRAME;

use super::pace::{PATIENCE, Pace};

/// The longest request.
pub(super) const MAX_REQUEST: usize = 64;

/// Read at a time.
const PIECE: usize = 64 << 10;

/// The byte that says that an answer came.
const CAME: u8 = 1;

/// Why a fetch came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// A frame was announced that is longer than it may be.
    #[error("a frame of {0} bytes was announced, and at most {1} are allowed")]
    TooLong(u32, usize),
    /// Nothing came or went for too long.
    #[error("nothing came or went for {} s", PATIENCE.as_secs())]
    StoodStill,
    /// The other end does not speak this protocol, or asks for too much at a time.
    #[error("the other end would not have the stream")]
    NotOpened,
    /// It was not said that the answer came.
    #[error("the other end did not say that it came")]
    NotConfirmed,
    /// The stream broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

async fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    frame: &[Bytes],
    pace: &Pace,
) -> Result<(), TransferError> {
    let length = frame.iter().map(Bytes::len).sum::<usize>() as u32;
    pace.keep(stream.write_all(&length.to_be_bytes())).await?;
    for piece in frame.iter().flat_map(|piece| piece.chunks(PIECE)) {
        pace.keep(stream.write_all(piece)).await?;
    }
    pace.keep(stream.flush()).await
}

/// Reads a frame behind its length, which has come.
async fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    length: [u8; 4],
    most: usize,
    came: &AtomicU64,
    pace: &Pace,
) -> Result<Bytes, TransferError> {
    let length = u32::from_be_bytes(length);
    if length as usize > most {
        return Err(TransferError::TooLong(length, most));
    }
    // Memory is set aside as it is announced, once, for to move what has come would cost more: at most a frame for each fetch under way.
    let mut frame = vec![0; length as usize];
    let mut filled = 0;
    for piece in frame.chunks_mut(PIECE) {
        pace.keep(stream.read_exact(piece)).await?;
        filled += piece.len();
        came.store(filled as u64, Ordering::Relaxed);
    }
    Ok(frame.into())
}

/// Asks, and waits for the answer; `came` counts its bytes as they come. How long the other end thinks, or sends what was asked for
/// before, is its own affair, and that of whoever may lose patience. Gives the stream, for the next fetch.
pub(super) async fn ask<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    request: Bytes,
    came: &AtomicU64,
    pace: &Pace,
) -> Result<(S, Bytes), TransferError> {
    write(&mut stream, &[request], pace).await?;
    let mut length = [0; 4];
    stream.read_exact(&mut length).await?;
    let answer = read(&mut stream, length, MAX_FRAME, came, pace).await?;
    pace.keep(stream.write_all(&[CAME])).await?;
    pace.keep(stream.flush()).await?;
    Ok((stream, answer))
}

/// Reads what is asked for.
pub(super) async fn hear<S: AsyncRead + Unpin>(
    mut stream: S,
    pace: Pace,
) -> Result<(S, Bytes), TransferError> {
    let mut length = [0; 4];
    pace.keep(stream.read_exact(&mut length)).await?;
    let request = read(&mut stream, length, MAX_REQUEST, &AtomicU64::new(0), &pace).await?;
    Ok((stream, request))
}

/// Answers. Gives the stream, over which it is to be confirmed.
pub(super) async fn answer<S: AsyncWrite + Unpin>(
    mut stream: S,
    frame: Vec<Bytes>,
    pace: &Pace,
) -> Result<S, TransferError> {
    write(&mut stream, &frame, pace).await?;
    Ok(stream)
}

/// Waits for the word that an answer came. Gives the stream, over which the next may be asked for.
pub(super) async fn confirm<S: AsyncRead + Unpin>(mut stream: S, pace: Pace) -> Result<S, TransferError> {
    let mut word = [0];
    pace.keep(stream.read_exact(&mut word)).await?;
    if word[0] != CAME {
        return Err(TransferError::NotConfirmed);
    }
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use futures::FutureExt as _;

    use super::*;
    use crate::host::bulk::pace::LOOKS;

    /// Takes all that is written, and has this to read and no more.
    struct Says(&'static [u8]);

    impl AsyncRead for Says {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let count = self.0.len().min(buffer.len());
            let (said, rest) = self.0.split_at(count);
            buffer[..count].copy_from_slice(said);
            self.0 = rest;
            if count == 0 { Poll::Pending } else { Poll::Ready(Ok(count)) }
        }
    }

    impl AsyncWrite for Says {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// What comes of a fetch when the other end says this and then nothing for so many looks.
    fn asked(says: &'static [u8], looks: u32) -> Option<Result<Bytes, TransferError>> {
        let (came, pace) = (AtomicU64::new(0), Pace::default());
        let mut asked = Box::pin(ask(Says(says), Bytes::from_static(b"?"), &came, &pace));
        assert!(asked.as_mut().now_or_never().is_none());
        for _ in 0..looks {
            pace.look();
        }
        asked.now_or_never().map(|result| result.map(|(_, answer)| answer))
    }

    #[test]
    fn an_answer_may_be_long_in_coming_but_not_stop_on_its_way() {
        assert!(asked(&[], 10 * LOOKS).is_none(), "the other end may think");
        let begun = &[0, 0, 0, 9, 1, 2, 3];
        assert!(asked(begun, LOOKS).is_none());
        assert!(matches!(asked(begun, LOOKS + 1), Some(Err(TransferError::StoodStill))));
    }
}
