//! Who is connected, each with a low number.

use peerlab_scenarios::host::Peer;

use crate::engine::prefetch;

/// A connected peer's number, which it has as long as its connection stands: a low one that no other has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Number(pub(super) u32);

impl Number {
    pub(super) const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Peers in a line of the cache.
const IN_A_LINE: usize = 16;

/// As many as are looked through one after the other: to search for one among more takes less time.
const FEW: usize = 4 * IN_A_LINE;

/// Has a number that nobody has. No plan has so many peers.
const NOBODY: Peer = Peer(u32::MAX);

/// Peers by their numbers, in one line of the cache.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Line([Peer; IN_A_LINE]);

/// Connected peers and their numbers.
///
/// Each message looks for its sender, at a peer that the processor has not seen for long. So the peers are by themselves, and all
/// of most lists are in a line of the cache.
#[derive(Debug, Default)]
pub(super) struct Roster {
    lines: Box<[Line]>,
}

/// What else is to be known of a [`Roster`], and seldom is.
#[derive(Debug, Default)]
pub(super) struct Register {
    /// In ascending order of peers.
    order: Vec<(Peer, Number)>,
    /// Numbers of peers that are gone.
    free: Vec<Number>,
}

impl Roster {
    /// The number of a peer. A long list is searched by its register.
    #[inline]
    pub(super) fn find(&self, register: &Register, peer: Peer) -> Option<Number> {
        if self.lines.len() * IN_A_LINE > FEW {
            return register.find(peer);
        }
        for (number, line) in self.lines.iter().enumerate() {
            // Without an end within a line, so that it is compared all at once.
            let mut found = 0u32;
            for (place, other) in line.0.iter().enumerate() {
                found |= u32::from(*other == peer) << place;
            }
            if found != 0 {
                return Some(Number((number * IN_A_LINE) as u32 + found.trailing_zeros()));
            }
        }
        None
    }

    /// Asks for the memory that looking for one touches.
    #[inline]
    pub(super) fn prefetch(&self) {
        if let Some(line) = self.lines.first() {
            prefetch::line(line);
        }
    }

    /// Takes in a peer, who gets a number. None when it has one.
    pub(super) fn add(&mut self, register: &mut Register, peer: Peer) -> Option<Number> {
        let place = register.search(peer).err()?;
        // While none is free, those that are connected have all numbers below their count.
        let number = register.free.pop().unwrap_or(Number(register.order.len() as u32));
        register.order.insert(place, (peer, number));
        self.put(number, peer);
        Some(number)
    }

    /// Puts out a peer. The number that it had, if it had one.
    pub(super) fn remove(&mut self, register: &mut Register, peer: Peer) -> Option<Number> {
        let place = register.search(peer).ok()?;
        let (_, number) = register.order.remove(place);
        register.free.push(number);
        self.put(number, NOBODY);
        Some(number)
    }

    fn put(&mut self, number: Number, peer: Peer) {
        let line = number.index() / IN_A_LINE;
        if line == self.lines.len() {
            let mut lines = std::mem::take(&mut self.lines).into_vec();
            // Of a long list half as much again, so that a hub does not copy it for each few of its own.
            lines.resize(line + 1 + line / 2, Line([NOBODY; IN_A_LINE]));
            self.lines = lines.into_boxed_slice();
        }
        self.lines[line].0[number.index() % IN_A_LINE] = peer;
    }
}

impl Register {
    #[inline]
    fn search(&self, peer: Peer) -> Result<usize, usize> {
        self.order.binary_search_by_key(&peer, |(peer, _)| *peer)
    }

    #[inline(never)]
    fn find(&self, peer: Peer) -> Option<Number> {
        self.search(peer).ok().map(|place| self.order[place].1)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// All of them, in ascending order.
    pub(super) fn order(&self) -> &[(Peer, Number)] {
        &self.order
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    proptest::proptest! {
        #[test]
        fn each_that_is_connected_has_a_low_number_of_its_own(
            changes in proptest::collection::vec((0..150u32, proptest::bool::weighted(0.7)), 0..400),
        ) {
            let (mut roster, mut register) = (Roster::default(), Register::default());
            let (mut numbers, mut most) = (BTreeMap::new(), 0);
            for (peer, comes) in changes {
                let peer = Peer(peer);
                assert_eq!(roster.find(&register, peer), numbers.get(&peer).copied());
                if comes {
                    let number = roster.add(&mut register, peer);
                    assert_eq!(number.is_some(), !numbers.contains_key(&peer));
                    if let Some(number) = number {
                        assert!(!numbers.values().any(|other| *other == number), "{number:?} is another's");
                        numbers.insert(peer, number);
                    }
                } else {
                    assert_eq!(roster.remove(&mut register, peer), numbers.remove(&peer));
                }
                most = most.max(numbers.len());
                assert!(numbers.values().all(|number| number.index() < most), "{numbers:?} for {most}");
                assert_eq!(register.order(), numbers.iter().map(|(p, n)| (*p, *n)).collect::<Vec<_>>());
                assert_eq!(register.len(), numbers.len());
            }
        }
    }
}
