//! Messages as frames of a stream: their length in four bytes, most significant first, then the message in postcard's encoding
//! (<https://postcard.jamesmunns.com/wire-format>).

use std::{io, time::Duration};

use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use serde::{Serialize, de::DeserializeOwned};

/// The longest frame, without its length. It is refused before memory is taken for it.
pub(super) const MOST: usize = 256 << 10;

/// Why a message could not be sent or was not understood.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The stream has ended, or broke.
    #[error("the connection ended: {0}")]
    Gone(#[from] io::Error),
    /// A frame is too long.
    #[error("a frame of {0} bytes is longer than the {MOST} allowed")]
    TooLong(usize),
    /// A frame is no message.
    #[error("a frame is no message of this protocol: {0}")]
    Damaged(postcard::Error),
    /// A message has something behind it.
    #[error("a message is followed by {0} bytes that belong to none")]
    Trailing(usize),
    /// Nothing was said, or nothing taken, for too long.
    #[error("the other end did not {what} for {} s", within.as_secs())]
    Silent {
        /// What it did not do.
        what: &'static str,
        /// For so long.
        within: Duration,
    },
}

/// Writes a message, which the other end must take within some time.
pub(super) async fn write<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
    within: Duration,
) -> Result<(), CodecError> {
    let mut frame = postcard::to_extend(message, vec![0; 4]).map_err(CodecError::Damaged)?;
    let len = frame.len() - 4;
    if len > MOST {
        return Err(CodecError::TooLong(len));
    }
    frame[..4].copy_from_slice(&(len as u32).to_be_bytes());
    let written = async {
        stream.write_all(&frame).await?;
        stream.flush().await
    };
    match tokio::time::timeout(within, written).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(CodecError::Silent { what: "read", within }),
    }
}

/// Reads a message, which must come within some time.
pub(super) async fn read<T: DeserializeOwned>(
    stream: &mut (impl AsyncRead + Unpin),
    within: Duration,
) -> Result<T, CodecError> {
    let frame = async {
        let mut len = [0; 4];
        stream.read_exact(&mut len).await?;
        let len = u32::from_be_bytes(len) as usize;
        if len > MOST {
            return Err(CodecError::TooLong(len));
        }
        let mut frame = vec![0; len];
        stream.read_exact(&mut frame).await?;
        Ok(frame)
    };
    let frame = match tokio::time::timeout(within, frame).await {
        Ok(frame) => frame?,
        Err(_) => return Err(CodecError::Silent { what: "say anything", within }),
    };
    let (message, rest) = postcard::take_from_bytes(&frame).map_err(CodecError::Damaged)?;
    if rest.is_empty() { Ok(message) } else { Err(CodecError::Trailing(rest.len())) }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use futures::io::Cursor;
    use proptest::prelude::*;

    use super::*;

    const SOON: Duration = Duration::from_secs(20);
    const AT_ONCE: Duration = Duration::from_millis(20);

    /// Neither says nor takes anything.
    struct Stuck;

    impl AsyncRead for Stuck {
        fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
    }

    impl AsyncWrite for Stuck {
        fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
            Poll::Pending
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
        fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Pending
        }
    }

    /// Timers need a runtime.
    fn on_a_runtime<T>(work: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime starts").block_on(work)
    }

    fn frame(bytes: &[u8]) -> Result<String, CodecError> {
        on_a_runtime(read(&mut Cursor::new(bytes), SOON))
    }

    #[test]
    fn what_is_written_is_read() {
        let mut written = Vec::new();
        on_a_runtime(write(&mut written, &"begin".to_owned(), SOON)).unwrap();
        assert_eq!(frame(&written).unwrap(), "begin");
        assert!(matches!(frame(&written[..5]), Err(CodecError::Gone(_))));
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_by_its_length_alone() {
        let len = MOST as u32 + 1;
        assert!(matches!(frame(&len.to_be_bytes()), Err(CodecError::TooLong(told)) if told == MOST + 1));
        let written = on_a_runtime(write(&mut Vec::new(), &"x".repeat(MOST), SOON));
        assert!(matches!(written, Err(CodecError::TooLong(_))));
    }

    #[test]
    fn a_frame_must_be_a_message_and_nothing_more() {
        assert!(matches!(frame(&[0, 0, 0, 1, 200]), Err(CodecError::Damaged(_))));
        assert!(matches!(frame(&[0, 0, 0, 3, 1, b'a', b'b']), Err(CodecError::Trailing(1))));
    }

    #[test]
    fn whoever_says_nothing_or_takes_nothing_is_not_waited_for() {
        let silent = on_a_runtime(async { read::<String>(&mut Stuck, AT_ONCE).await });
        assert!(matches!(silent, Err(CodecError::Silent { what: "say anything", .. })));
        let full = on_a_runtime(async { write(&mut Stuck, &"x".repeat(1000), AT_ONCE).await });
        assert!(matches!(full, Err(CodecError::Silent { what: "read", .. })));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = frame(&bytes);
        }
    }
}
