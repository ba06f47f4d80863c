//! How frames follow one another on a stream.
//!
//! A stream begins with the eight bytes by which its sender names it. Then each frame stands behind its length, four bytes, the
//! highest first. A length of zero is a word of parting: one byte more says why, and nothing follows.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf as _, Bytes, BytesMut};
use futures::{AsyncRead, AsyncWrite};
use peerlab_scenarios::wire::MAX_FRAME;

use super::Parting;

const NAME: usize = 8;
const LENGTH: usize = 4;

/// Read at a time, and gathered before it is written.
const CHUNK: usize = 16 << 10;

/// Read at a time at first, and until so much comes at a time that it fills the room: most lanes carry little.
const SMALL: usize = 1 << 10;

/// Why a stream is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum LaneError {
    /// A frame was announced that is longer than any may be.
    #[error("a frame of {0} bytes was announced, and at most {MAX_FRAME} are allowed")]
    TooLong(u32),
    /// A word of parting that is none.
    #[error("{0} is no reason to part")]
    UnknownParting(u8),
    /// The stream ended within a frame, or without a word of parting.
    #[error("the stream ended without a word of parting")]
    Torn,
    /// A second stream was opened where one is enough.
    #[error("a second stream was opened")]
    Second,
    /// More waits for the other end than may.
    #[error("{0} bytes wait to be sent, more than are allowed")]
    Backlog(usize),
    /// The other end does not speak this protocol.
    #[error("the other end does not know this protocol")]
    Unsupported,
    /// The stream broke.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// What came over a stream.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// Its name.
    Name(u64),
    /// Frames, in their order.
    Frames(Vec<Bytes>),
    /// A word of parting; nothing comes after it.
    Parting(Parting),
}

/// The receiving end of a stream.
#[derive(Debug)]
pub(super) struct Reader<S> {
    stream: S,
    /// What came, and behind it room for more. The room is kept from one look to the next: most looks find nothing, and to clear it each
    /// time would cost more than all else here.
    buffer: BytesMut,
    /// How many bytes of the buffer came.
    filled: usize,
    /// How much is read at a time.
    room: usize,
    is_named: bool,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, buffer: BytesMut::new(), filled: 0, room: SMALL, is_named: false }
    }

    /// What comes next. Nothing must be asked for behind a word of parting or an error.
    pub(super) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Came, LaneError>> {
        loop {
            if let Some(came) = self.parse()? {
                return Poll::Ready(Ok(came));
            }
            if self.buffer.len() < self.filled + self.room / 4 {
                self.buffer.resize(self.filled + self.room, 0);
            }
            let read = Pin::new(&mut self.stream).poll_read(cx, &mut self.buffer[self.filled..]);
            let count = ready!(read)?;
            if count == 0 {
                return Poll::Ready(Err(LaneError::Torn));
            }
            self.filled += count;
            if self.filled == self.buffer.len() {
                self.room = (2 * self.room).min(CHUNK);
            }
        }
    }

    fn parse(&mut self) -> Result<Option<Came>, LaneError> {
        if !self.is_named {
            if self.filled < NAME {
                return Ok(None);
            }
            self.is_named = true;
            self.filled -= NAME;
            return Ok(Some(Came::Name(self.buffer.get_u64())));
        }
        let mut frames = Vec::new();
        while let Some(header) = self.buffer[..self.filled].first_chunk::<LENGTH>() {
            let length = u32::from_be_bytes(*header);
            if length == 0 {
                // What came before it is told first.
                let Some(&reason) = self.buffer[..self.filled].get(LENGTH).filter(|_| frames.is_empty())
                else {
                    break;
                };
                return Parting::from_byte(reason)
                    .map(|parting| Some(Came::Parting(parting)))
                    .ok_or(LaneError::UnknownParting(reason));
            }
            if length as usize > MAX_FRAME {
                return Err(LaneError::TooLong(length));
            }
            let whole = LENGTH + length as usize;
            if self.filled < whole {
                break;
            }
            let mut frame = self.buffer.split_to(whole);
            self.filled -= whole;
            frame.advance(LENGTH);
            frames.push(frame.freeze());
        }
        Ok((!frames.is_empty()).then_some(Came::Frames(frames)))
    }
}

/// The sending end of a stream.
#[derive(Debug)]
pub(super) struct Writer<S> {
    stream: S,
    buffer: BytesMut,
    is_flushed: bool,
}

impl<S: AsyncWrite + Unpin> Writer<S> {
    /// A stream of this name.
    pub(super) fn new(stream: S, name: u64) -> Self {
        Self { stream, buffer: BytesMut::from(name.to_be_bytes().as_slice()), is_flushed: false }
    }

    /// Whether it is better to write what is here than to add to it.
    pub(super) fn is_full(&self) -> bool {
        self.buffer.len() >= CHUNK
    }

    /// Adds a frame, which has at most [`MAX_FRAME`] bytes and at least one.
    pub(super) fn push(&mut self, frame: &[u8]) {
        self.buffer.extend_from_slice(&(frame.len() as u32).to_be_bytes());
        self.buffer.extend_from_slice(frame);
    }

    /// Adds a word of parting, behind which nothing must be added.
    pub(super) fn part(&mut self, parting: Parting) {
        self.buffer.extend_from_slice(&0u32.to_be_bytes());
        self.buffer.extend_from_slice(&[parting.byte()]);
    }

    /// Writes all that was added.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.buffer.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.buffer))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.buffer.advance(written);
            self.is_flushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Sends on what was written.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_flushed {
            ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Ends the stream, behind all that was written.
    pub(super) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, future::poll_fn, io::Cursor};
    use proptest::prelude::*;

    use super::*;

    /// A stream that gives no more than so many bytes at a time.
    struct Drops(Cursor<Vec<u8>>, usize);

    impl AsyncRead for Drops {
        fn poll_read(
            mut self: Pin<&mut Self>,
            cx: &mut Context<'_>,
            buffer: &mut [u8],
        ) -> Poll<io::Result<usize>> {
            let most = self.1.min(buffer.len());
            Pin::new(&mut self.0).poll_read(cx, &mut buffer[..most])
        }
    }

    fn read(bytes: Vec<u8>, at_a_time: usize) -> (Vec<Came>, LaneError) {
        let mut reader = Reader::new(Drops(Cursor::new(bytes), at_a_time));
        let mut came = Vec::new();
        loop {
            match block_on(poll_fn(|cx| reader.poll_next(cx))) {
                Ok(Came::Parting(parting)) => {
                    came.push(Came::Parting(parting));
                    return (came, LaneError::Torn);
                }
                Ok(next) => came.push(next),
                Err(error) => return (came, error),
            }
        }
    }

    fn written(frames: &[Vec<u8>], parting: Option<Parting>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::new(Cursor::new(&mut bytes), 7);
        frames.iter().for_each(|frame| writer.push(frame));
        if let Some(parting) = parting {
            writer.part(parting);
        }
        block_on(poll_fn(|cx| writer.poll_write(cx))).unwrap();
        drop(writer);
        bytes
    }

    proptest! {
        #[test]
        fn frames_come_as_they_were_sent_however_they_are_cut(
            frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..300), 0..20),
            at_a_time in 1usize..700,
        ) {
            let (came, _) = read(written(&frames, Some(Parting::Stopped)), at_a_time);
            prop_assert_eq!(&came[0], &Came::Name(7));
            prop_assert_eq!(came.last(), Some(&Came::Parting(Parting::Stopped)));
            let read: Vec<Vec<u8>> = came.iter().flat_map(|came| match came {
                Came::Frames(frames) => frames.iter().map(|frame| frame.to_vec()).collect(),
                _ => Vec::new(),
            }).collect();
            prop_assert_eq!(read, frames);
        }

        #[test]
        fn what_a_stranger_sends_is_never_held_beyond_one_frame(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
            let mut reader = Reader::new(Cursor::new(bytes));
            while let Ok(came) = block_on(poll_fn(|cx| reader.poll_next(cx))) {
                if let Came::Parting(_) = came { break }
            }
            prop_assert!(reader.filled <= 2000 && reader.buffer.len() <= reader.filled + CHUNK);
        }
    }

    #[test]
    fn a_frame_that_is_too_long_is_refused_before_it_comes() {
        let mut bytes = 7u64.to_be_bytes().to_vec();
        bytes.extend((MAX_FRAME as u32 + 1).to_be_bytes());
        assert!(
            matches!(read(bytes, 100), (_, LaneError::TooLong(length)) if length as usize == MAX_FRAME + 1)
        );
    }

    #[test]
    fn an_end_without_a_word_is_told_from_a_parting() {
        let frames = [vec![1; 10]];
        let torn = written(&frames, None);
        assert!(matches!(read(torn.clone(), 100), (came, LaneError::Torn) if came.len() == 2));
        assert!(
            matches!(read(torn[..torn.len() - 1].to_vec(), 100), (came, LaneError::Torn) if came.len() == 1)
        );
        let mut unknown = torn;
        unknown.extend([0, 0, 0, 0, 99]);
        assert!(matches!(read(unknown, 100), (_, LaneError::UnknownParting(99))));
    }
}
