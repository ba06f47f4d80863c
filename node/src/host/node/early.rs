//! What comes before the machines start: a fleet's peers connect first, and those of one process may start a little before those of another.

use std::mem;

use bytes::Bytes;
use libp2p::swarm::ConnectionId;

/// Frames that are kept, and their bytes.
const MOST: usize = 10_000;
const MOST_BYTES: usize = 16 << 20;

/// Frames that wait for the machines, by the connection on which each came.
#[derive(Debug, Default)]
pub(super) struct Early {
    frames: Vec<(ConnectionId, Bytes)>,
    bytes: usize,
}

impl Early {
    /// Keeps a frame, in memory of its own: it came as a part of what was read, and would keep all of that. False when there is no
    /// room for it.
    pub(super) fn keep(&mut self, connection: ConnectionId, frame: &[u8]) -> bool {
        let has_room = self.frames.len() < MOST && self.bytes + frame.len() <= MOST_BYTES;
        if has_room {
            self.bytes += frame.len();
            self.frames.push((connection, Bytes::copy_from_slice(frame)));
        }
        has_room
    }

    /// All of them, in the order in which they came.
    pub(super) fn take(&mut self) -> Vec<(ConnectionId, Bytes)> {
        mem::take(self).frames
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::wire::MAX_FRAME;

    use super::*;

    fn connection() -> ConnectionId {
        ConnectionId::new_unchecked(1)
    }

    #[test]
    fn so_many_are_kept_in_their_order_and_no_more() {
        let mut early = Early::default();
        for number in 0..MOST as u32 {
            assert!(early.keep(connection(), &number.to_be_bytes()));
        }
        assert!(!early.keep(connection(), &[]));
        let kept = early.take();
        assert_eq!(kept.len(), MOST);
        assert!(kept.iter().zip(0u32..).all(|((_, frame), number)| **frame == number.to_be_bytes()));
        assert!(early.keep(connection(), &[]), "there is room again");
    }

    #[test]
    fn long_ones_are_bounded_by_their_bytes() {
        let mut early = Early::default();
        let long = vec![0; MAX_FRAME];
        let kept = (0..100).filter(|_| early.keep(connection(), &long)).count();
        assert_eq!(kept, MOST_BYTES / MAX_FRAME);
        assert!(!early.keep(connection(), b"short"));
        early.take();
        assert!(early.keep(connection(), &long));
    }
}
