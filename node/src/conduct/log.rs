//! What happened at peers: packed by a process, put on disk by the conductor, and merged when the run is over.
//!
//! A process tells what happened in the order in which it came from its peers: what a step has recorded is told before what it
//! sends can go anywhere. So the time that counts for the order of an entry is the latest of those told so far, and not its
//! own, which may be a little earlier: then an effect in another process, which came after, is behind its cause as far as
//! the clocks agree.

use std::{
    cmp::Reverse,
    collections::BinaryHeap,
    fs::File,
    io::{self, BufReader, BufWriter, Read as _, Seek as _, Write as _},
    ops::Range,
};

use peerlab_scenarios::{host::Peer, report::Fact, units::Nanos};

use super::{clock::Correction, message::CHUNK};
use crate::host::Entry;

/// The longest that an entry may be: most are a few dozen bytes.
const ENTRY: usize = 512;

/// Packs entries.
#[derive(Debug, Default)]
pub(super) struct Packer(Vec<u8>);

impl Packer {
    /// Adds an entry. Gives what is to be sent, when that is enough.
    pub(super) fn add(&mut self, peer: Peer, entry: &Entry) -> Option<Vec<u8>> {
        let packed = postcard::to_extend(&(peer.0, entry), std::mem::take(&mut self.0));
        self.0 = packed.expect("every entry can be packed");
        (self.0.len() + ENTRY > CHUNK).then(|| std::mem::take(&mut self.0))
    }

    /// What there is, if there is anything.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        Some(std::mem::take(&mut self.0)).filter(|bytes| !bytes.is_empty())
    }
}

/// Why a log is not read on.
#[derive(Debug, thiserror::Error)]
pub(super) enum LogError {
    /// The disk failed.
    #[error("its log cannot be written or read: {0}")]
    Disk(#[from] io::Error),
    /// It is longer than it may be.
    #[error("its log is longer than the {0} bytes allowed")]
    TooLong(u64),
    /// What it holds is no log.
    #[error("its log is damaged: {0}")]
    Damaged(#[from] postcard::Error),
    /// It speaks for others.
    #[error("its log tells of {0}, which is another's")]
    Stranger(Peer),
}

/// The log of a process, on disk.
#[derive(Debug)]
pub(super) struct Spool {
    file: BufWriter<File>,
    peers: Range<u32>,
    written: u64,
    most: u64,
}

impl Spool {
    /// An empty log of so many bytes at the most, in a file without a name: it goes with the program.
    pub(super) fn new(peers: Range<u32>, most: u64) -> io::Result<Self> {
        Ok(Self { file: BufWriter::new(tempfile::tempfile()?), peers, written: 0, most })
    }

    /// Adds what was packed, when it is what it should be.
    pub(super) fn add(&mut self, packed: &[u8]) -> Result<(), LogError> {
        let mut rest = packed;
        while !rest.is_empty() {
            let ((peer, _), after) = postcard::take_from_bytes::<(u32, Entry)>(rest)?;
            if !self.peers.contains(&peer) {
                return Err(LogError::Stranger(Peer(peer)));
            }
            rest = after;
        }
        self.written += packed.len() as u64 + 4;
        if self.written > self.most {
            return Err(LogError::TooLong(self.most));
        }
        self.file.write_all(&(packed.len() as u32).to_be_bytes())?;
        Ok(self.file.write_all(packed)?)
    }

    /// All its entries, in their order. Each takes the memory of what was packed together.
    pub(super) fn read(self) -> Result<Entries, LogError> {
        let mut file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.rewind()?;
        Ok(Entries { file: BufReader::new(file), unread: self.written, packed: Vec::new(), place: 0 })
    }
}

/// The entries of a log.
#[derive(Debug)]
pub(super) struct Entries {
    file: BufReader<File>,
    unread: u64,
    packed: Vec<u8>,
    place: usize,
}

impl Entries {
    fn next_entry(&mut self) -> Result<Option<(Peer, Entry)>, LogError> {
        if self.place == self.packed.len() {
            if self.unread == 0 {
                return Ok(None);
            }
            let mut len = [0; 4];
            self.file.read_exact(&mut len)?;
            self.packed.resize(u32::from_be_bytes(len) as usize, 0);
            self.file.read_exact(&mut self.packed)?;
            self.unread -= self.packed.len() as u64 + 4;
            self.place = 0;
        }
        let ((peer, entry), rest) = postcard::take_from_bytes(&self.packed[self.place..])?;
        self.place = self.packed.len() - rest.len();
        Ok(Some((Peer(peer), entry)))
    }
}

impl Iterator for Entries {
    type Item = Result<(Peer, Entry), LogError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_entry().transpose()
    }
}

/// Several sequences as one, ordered by a key that is a time: each keeps its own order, and what has the same time comes in the
/// order of the sequences. Whatever comes after something with a later time counts as having that time.
pub(super) struct Merge<I: Iterator, K> {
    sources: Vec<Source<I>>,
    key: K,
    heap: BinaryHeap<Reverse<(Nanos, usize)>>,
}

struct Source<I: Iterator> {
    rest: I,
    head: Option<I::Item>,
    latest: Nanos,
}

impl<I: Iterator, K: Fn(&I::Item) -> Nanos> Merge<I, K> {
    pub(super) fn new(sources: impl IntoIterator<Item = I>, key: K) -> Self {
        let source = |rest| Source { rest, head: None, latest: Nanos::ZERO };
        let sources: Vec<_> = sources.into_iter().map(source).collect();
        let count = sources.len();
        let mut merge = Self { sources, key, heap: BinaryHeap::new() };
        (0..count).for_each(|number| merge.advance(number));
        merge
    }

    fn advance(&mut self, number: usize) {
        let source = &mut self.sources[number];
        source.head = source.rest.next();
        if let Some(head) = &source.head {
            source.latest = source.latest.max((self.key)(head));
            self.heap.push(Reverse((source.latest, number)));
        }
    }
}

impl<I: Iterator, K: Fn(&I::Item) -> Nanos> Iterator for Merge<I, K> {
    /// When it counts, and what.
    type Item = (Nanos, I::Item);

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((time, number)) = self.heap.pop()?;
        let item = self.sources[number].head.take()?;
        self.advance(number);
        Some((time, item))
    }
}

/// When an entry happened. An open room has no conductor, and no time of a run.
pub(super) const fn time(entry: &Entry) -> Nanos {
    match entry {
        Entry::Room(_) => Nanos::ZERO,
        Entry::Up(at)
        | Entry::Down(at)
        | Entry::Fact(at, _)
        | Entry::Delivered(at, ..)
        | Entry::Falsified(at, _)
        | Entry::Discarded(at, ..) => *at,
    }
}

/// The times of an entry by the conductor's clock, when those of each peer are to be corrected.
pub(super) struct Clocks {
    start: u64,
    /// The peers of each process, in ascending order.
    of: Vec<(Range<u32>, Correction)>,
}

impl Clocks {
    /// Of a run that started at this instant of the conductor's clock, ns.
    pub(super) fn new(start: u64, mut of: Vec<(Range<u32>, Correction)>) -> Self {
        of.sort_by_key(|(peers, _)| peers.start);
        Self { start, of }
    }

    fn correct(&self, peer: Peer, at: Nanos) -> Nanos {
        let place = self.of.partition_point(|(peers, _)| peers.end <= peer.0);
        match self.of.get(place) {
            Some((peers, correction)) if peers.contains(&peer.0) => Nanos(correction.apply(self.start, at.0)),
            _ => at,
        }
    }

    /// The entry of a peer with its times corrected: those that it tells of others are by the clocks of these. A release is
    /// told of by its readers in the publisher's time, and many may publish: it stays as it is.
    pub(super) fn corrected(&self, peer: Peer, mut entry: Entry) -> Entry {
        let own = |at: &mut Nanos| *at = self.correct(peer, *at);
        match &mut entry {
            Entry::Room(_) => {}
            Entry::Up(at)
            | Entry::Down(at)
            | Entry::Delivered(at, ..)
            | Entry::Falsified(at, _)
            | Entry::Discarded(at, ..) => own(at),
            Entry::Fact(at, fact) => {
                own(at);
                match fact {
                    Fact::Shown { author, posted, .. } => *posted = self.correct(*author, *posted),
                    Fact::PresenceSeen { heard: at, .. }
                    | Fact::CaughtUp { since: at, .. }
                    | Fact::ReadSeen { posted: at, .. }
                    | Fact::ProviderFound { began: at, .. }
                    | Fact::Retrieved { began: at, .. } => own(at),
                    Fact::Provided { asked, .. }
                    | Fact::ProvidersSought { asked, .. }
                    | Fact::PeerSought { asked, .. } => own(&mut asked.began),
                    _ => {}
                }
            }
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::{report::Route, wire::Kind};
    use proptest::prelude::*;

    use super::*;
    use crate::conduct::clock::{Estimator, Exchange};

    fn entries() -> impl Strategy<Value = (Peer, Entry)> {
        (0u32..8, 0u64..1_000_000, 0u8..4, any::<u32>()).prop_map(|(peer, at, which, bytes)| {
            let at = Nanos(at);
            let entry = match which {
                0 => Entry::Up(at),
                1 => Entry::Delivered(at, Kind::Gossip, None, bytes),
                2 => Entry::Falsified(at, bytes),
                _ => Entry::Fact(at, Fact::Posted { workload: 1, room: bytes, seq: 7 }),
            };
            (Peer(peer), entry)
        })
    }

    fn spooled(peers: Range<u32>, most: u64, log: &[(Peer, Entry)]) -> Result<Spool, LogError> {
        let mut spool = Spool::new(peers, most)?;
        let mut packer = Packer::default();
        for (peer, entry) in log {
            packer.add(*peer, entry).map_or(Ok(()), |packed| spool.add(&packed))?;
        }
        packer.take().map_or(Ok(()), |packed| spool.add(&packed))?;
        Ok(spool)
    }

    proptest! {
        #[test]
        fn a_log_is_read_as_it_was_written(log in prop::collection::vec(entries(), 0..3000)) {
            let read = spooled(0..8, u64::MAX, &log).unwrap().read().unwrap();
            prop_assert_eq!(read.map(Result::unwrap).collect::<Vec<_>>(), log);
        }

        #[test]
        fn merging_keeps_all_and_the_order_of_each(
            logs in prop::collection::vec(prop::collection::vec(0u64..1000, 0..40), 0..6),
        ) {
            let numbered: Vec<Vec<(usize, usize, u64)>> = logs
                .iter()
                .enumerate()
                .map(|(log, times)| times.iter().enumerate().map(|(place, time)| (log, place, *time)).collect())
                .collect();
            let merged: Vec<_> = Merge::new(numbered.clone().into_iter().map(Vec::into_iter), |it| Nanos(it.2)).collect();
            prop_assert!(merged.is_sorted_by_key(|(time, _)| *time));
            for (number, log) in numbered.into_iter().enumerate() {
                let kept: Vec<_> = merged.iter().filter(|(_, it)| it.0 == number).collect();
                prop_assert_eq!(kept.iter().map(|(_, it)| *it).collect::<Vec<_>>(), log);
                let mut latest = 0;
                for (time, it) in kept {
                    latest = it.2.max(latest);
                    prop_assert_eq!(time.0, latest);
                }
            }
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Spool::new(0..8, 1 << 20).unwrap().add(&bytes);
        }
    }

    #[test]
    fn a_process_speaks_for_its_own_peers_and_not_for_ever() {
        let log: Vec<_> = (0..100).map(|at| (Peer(5), Entry::Up(Nanos(at)))).collect();
        assert!(matches!(spooled(6..8, 1 << 20, &log), Err(LogError::Stranger(Peer(5)))));
        assert!(matches!(spooled(5..6, 100, &log), Err(LogError::TooLong(100))));
        assert!(matches!(Spool::new(0..8, 100).unwrap().add(&[255; 9]), Err(LogError::Damaged(_))));
    }

    #[test]
    fn packed_entries_are_sent_when_they_are_enough() {
        let mut packer = Packer::default();
        let sent = (0..CHUNK as u64).find_map(|at| packer.add(Peer(1), &Entry::Up(Nanos(at)))).unwrap();
        assert!(sent.len() <= CHUNK && sent.len() > CHUNK / 2);
        assert_eq!(packer.take(), None);
    }

    /// A clock that runs faster than the conductor's by a tenth.
    fn fast() -> Correction {
        let mut estimator = Estimator::default();
        estimator.add(Exchange { asked: 0, received: 5, answered: 5, came: 10 });
        estimator.tell(5);
        for _ in 0..16 {
            estimator.add(Exchange {
                asked: 1_000_000,
                received: 1_100_005,
                answered: 1_100_005,
                came: 1_000_010,
            });
        }
        estimator.correction().unwrap()
    }

    #[test]
    fn times_are_those_of_whoever_counted_them() {
        let clocks = Clocks::new(5, vec![(4..8, fast())]);
        let shown = |author| Fact::Shown {
            workload: 0,
            room: 0,
            author: Peer(author),
            seq: 0,
            posted: Nanos(110_000),
            held: Nanos::ZERO,
            hops: 1,
            route: Route::Overlay,
        };
        let near = |entry: Entry, wanted: (u64, u64)| {
            let Entry::Fact(at, Fact::Shown { posted, .. }) = entry else { panic!("{entry:?}") };
            assert!(at.0.abs_diff(wanted.0) < 20 && posted.0.abs_diff(wanted.1) < 20, "{at:?} {posted:?}");
        };
        near(clocks.corrected(Peer(5), Entry::Fact(Nanos(220_000), shown(1))), (200_000, 110_000));
        near(clocks.corrected(Peer(1), Entry::Fact(Nanos(220_000), shown(5))), (220_000, 100_000));
        near(clocks.corrected(Peer(9), Entry::Fact(Nanos(220_000), shown(4))), (220_000, 100_000));
    }
}
