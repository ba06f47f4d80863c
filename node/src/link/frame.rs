//! What two ends of a shaped connection write to the stream below it.
//!
//! A frame is a word of 32 bits, least significant byte first, and what it announces:
//!
//! | word | means |
//! |---|---|
//! | 0 | this side will send nothing more |
//! | 1 … 2^31 - 1 | so many bytes follow |
//! | 2^31 + *n* | *n* bytes have been read: the window is open for as many more |

use bytes::{Buf, BufMut, Bytes, BytesMut};

const READ: u32 = 1 << 31;

/// The largest segment: what a longer one announces is refused.
pub(super) const LARGEST: usize = 64 << 10;

/// What a frame, or a part of one, says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// Bytes of a segment, in order. `whole` is the segment's length, told with its first part.
    Data { whole: Option<u32>, part: Bytes },
    /// The other side sends nothing more.
    End,
    /// The other side has read so many bytes.
    Read(usize),
}

pub(super) fn data(out: &mut BytesMut, segment: &[u8]) {
    out.reserve(4 + segment.len());
    out.put_u32_le(segment.len() as u32);
    out.put_slice(segment);
}

pub(super) fn end(out: &mut BytesMut) {
    out.put_u32_le(0);
}

pub(super) fn read(out: &mut BytesMut, bytes: usize) {
    out.put_u32_le(READ | u32::try_from(bytes).unwrap_or(READ - 1).min(READ - 1));
}

/// A segment is announced that is longer than any may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooLong;

/// Takes frames apart as they come.
#[derive(Debug, Default)]
pub(super) struct Parser {
    head: [u8; 4],
    have: usize,
    /// Bytes of the current segment that have not come yet.
    left: usize,
    announced: Option<u32>,
}

impl Parser {
    /// The next that `input` says, or nothing when it has all been used up.
    pub(super) fn next(&mut self, input: &mut &[u8]) -> Result<Option<Said>, TooLong> {
        while !input.is_empty() {
            if self.left > 0 {
                let n = self.left.min(input.len());
                let part = Bytes::copy_from_slice(&input[..n]);
                input.advance(n);
                self.left -= n;
                return Ok(Some(Said::Data { whole: self.announced.take(), part }));
            }
            let n = (4 - self.have).min(input.len());
            self.head[self.have..self.have + n].copy_from_slice(&input[..n]);
            input.advance(n);
            self.have += n;
            if self.have < 4 {
                return Ok(None);
            }
            self.have = 0;
            match u32::from_le_bytes(self.head) {
                0 => return Ok(Some(Said::End)),
                word if word & READ != 0 => return Ok(Some(Said::Read((word & !READ) as usize))),
                word if word as usize > LARGEST => return Err(TooLong),
                word => {
                    self.left = word as usize;
                    self.announced = Some(word);
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all_said(parser: &mut Parser, mut input: &[u8]) -> Vec<Said> {
        let mut said = Vec::new();
        while let Some(next) = parser.next(&mut input).unwrap() {
            said.push(next);
        }
        said
    }

    #[derive(Clone, Debug)]
    enum Frame {
        Data(Vec<u8>),
        End,
        Read(u16),
    }

    fn frames() -> impl Strategy<Value = Vec<Frame>> {
        let one = prop_oneof![
            prop::collection::vec(any::<u8>(), 1..200).prop_map(Frame::Data),
            Just(Frame::End),
            (1u16..).prop_map(Frame::Read)
        ];
        prop::collection::vec(one, 0..20)
    }

    proptest! {
        #[test]
        fn frames_mean_the_same_wherever_they_are_cut(frames in frames(), sizes in prop::collection::vec(1usize..40, 1..20)) {
            let mut wire = BytesMut::new();
            for frame in &frames {
                match frame {
                    Frame::Data(bytes) => data(&mut wire, bytes),
                    Frame::End => end(&mut wire),
                    Frame::Read(bytes) => read(&mut wire, usize::from(*bytes)),
                }
            }
            let (mut parser, mut said, mut rest, mut sizes) = (Parser::default(), Vec::new(), &wire[..], sizes.iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(*sizes.next().unwrap()));
                said.extend(all_said(&mut parser, now));
                rest = later;
            }
            let mut said = said.into_iter();
            for frame in frames {
                match frame {
                    Frame::Data(bytes) => {
                        let mut got = Vec::new();
                        while got.len() < bytes.len() {
                            let Some(Said::Data { whole, part }) = said.next() else { panic!("a part is missing") };
                            prop_assert_eq!(whole, got.is_empty().then_some(bytes.len() as u32));
                            got.extend_from_slice(&part);
                        }
                        prop_assert_eq!(got, bytes);
                    }
                    Frame::End => prop_assert_eq!(said.next(), Some(Said::End)),
                    Frame::Read(bytes) => prop_assert_eq!(said.next(), Some(Said::Read(usize::from(bytes)))),
                }
            }
            prop_assert_eq!(said.next(), None);
        }
    }

    #[test]
    fn a_segment_beyond_the_largest_is_refused_before_it_comes() {
        let mut parser = Parser::default();
        assert_eq!(parser.next(&mut &((LARGEST as u32) + 1).to_le_bytes()[..]), Err(TooLong));
        assert_eq!(parser.next(&mut &(LARGEST as u32).to_le_bytes()[..]), Ok(None));
    }
}
