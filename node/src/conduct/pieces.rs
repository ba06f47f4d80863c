//! What a process leaves behind, in messages of bounded length.

use std::ops::Range;

use peerlab_report::traffic::{Loss, Traffic, Volume};
use peerlab_scenarios::{host::Peer, units::Nanos, wire::Kind};
use serde::{Deserialize, Serialize};

use super::message::reason;
use crate::{
    fleet::{Conditions, Harvest},
    host::{Account, Troubles},
};

/// Things of one sort in one message.
const TOGETHER: usize = 1024;

/// Neighbours in one message.
const NEIGHBOURS: usize = 16 << 10;

/// A part of a harvest.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) enum Piece {
    /// Ends of lanes.
    Accounts(Vec<Account>),
    /// The account of messages without them, and what of it was before the end of the warm-up.
    Traffic(Carried, Carried),
    /// Peers, each with bytes sent and received, and whether it ran at the end.
    Peers(Vec<(u32, (u64, u64), bool)>),
    /// Whom a peer was connected with; more than one piece may tell of the same.
    Connected(Vec<(u32, Vec<u32>)>),
    /// Peers that never reported, and why.
    Dead(Vec<(u32, String)>),
    /// How late peers were, in ns, and how often.
    Lateness(Vec<(u64, u64)>),
    /// What each fault hit, from a number on.
    Hits(u32, Vec<u64>),
    /// All that is one number.
    Sums {
        events: u64,
        digest: u64,
        skipped_commands: u64,
        interrupted: Option<Nanos>,
        troubles: Troubles,
        /// Pressure, stolen and busy, as in [`Conditions`].
        conditions: [Option<f64>; 3],
    },
}

impl Piece {
    /// As it is sent.
    pub(super) fn pack(&self) -> Vec<u8> {
        postcard::to_allocvec(self).expect("every piece can be packed")
    }
}

/// [`Traffic`] as it is sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Carried {
    sent: Vec<(u64, u64)>,
    delivered: u64,
    lost: Vec<u64>,
    in_flight: u64,
}

impl From<&Traffic> for Carried {
    fn from(traffic: &Traffic) -> Self {
        Self {
            sent: traffic.sent.iter().map(|volume| (volume.messages, volume.bytes)).collect(),
            delivered: traffic.delivered,
            lost: traffic.lost.to_vec(),
            in_flight: traffic.in_flight,
        }
    }
}

impl Carried {
    fn read(&self) -> Option<Traffic> {
        if self.sent.len() != Kind::ALL.len() || self.lost.len() != Loss::ALL.len() {
            return None;
        }
        let mut traffic =
            Traffic { delivered: self.delivered, in_flight: self.in_flight, ..Traffic::default() };
        for (volume, &(messages, bytes)) in traffic.sent.iter_mut().zip(&self.sent) {
            *volume = Volume { messages, bytes };
        }
        traffic.lost.copy_from_slice(&self.lost);
        Some(traffic)
    }
}

fn together<T: Clone>(things: impl Iterator<Item = T>) -> Vec<Vec<T>> {
    things.collect::<Vec<_>>().chunks(TOGETHER).map(<[T]>::to_vec).collect()
}

/// The harvest of some peers, in pieces.
pub(super) fn divide(harvest: &Harvest, peers: Range<u32>) -> Vec<Piece> {
    let (traffic, warm_up, accounts) = harvest.ledger.open();
    let mut pieces = vec![Piece::Traffic(traffic.into(), warm_up.into())];
    pieces.extend(together(accounts).into_iter().map(Piece::Accounts));
    let figures = peers.map(|peer| {
        let index = peer as usize;
        (peer, harvest.bytes[index], harvest.online[index])
    });
    pieces.extend(together(figures).into_iter().map(Piece::Peers));
    let connected = harvest.connected.iter().flat_map(|(peer, others)| {
        let some = others.chunks(NEIGHBOURS.min(TOGETHER)).map(move |some| (peer.0, some));
        some.map(|(peer, some)| (peer, some.iter().map(|other| other.0).collect::<Vec<_>>()))
    });
    let mut row = Vec::new();
    let mut length = 0;
    for (peer, others) in connected {
        length += others.len() + 1;
        row.push((peer, others));
        if length > NEIGHBOURS / 2 {
            pieces.push(Piece::Connected(std::mem::take(&mut row)));
            length = 0;
        }
    }
    pieces.push(Piece::Connected(row));
    let dead = harvest.dead.iter().map(|(peer, why)| (peer.0, reason(why)));
    pieces.extend(dead.collect::<Vec<_>>().chunks(100).map(|some| Piece::Dead(some.to_vec())));
    pieces.extend(together(harvest.lateness.counts()).into_iter().map(Piece::Lateness));
    let hits = harvest.fault_hits.chunks(TOGETHER).enumerate();
    pieces.extend(hits.map(|(number, hits)| Piece::Hits((number * TOGETHER) as u32, hits.to_vec())));
    let Conditions { pressure, stolen, busy, late: _ } = harvest.conditions;
    pieces.push(Piece::Sums {
        events: harvest.events,
        digest: harvest.digest,
        skipped_commands: harvest.skipped_commands,
        interrupted: harvest.interrupted,
        troubles: harvest.troubles,
        conditions: [pressure, stolen, busy],
    });
    pieces
}

/// What is wrong with a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what it left behind does not belong to this run, or is another's")]
pub(super) struct Foreign;

/// Adds a packed piece of a process with these peers to the harvest of the run.
pub(super) fn add(harvest: &mut Harvest, peers: &Range<u32>, packed: &[u8]) -> Result<(), Foreign> {
    let piece = postcard::from_bytes(packed).map_err(|_| Foreign)?;
    let own = |peer: u32| if peers.contains(&peer) { Ok(Peer(peer)) } else { Err(Foreign) };
    let known =
        |peer: u32| if (peer as usize) < harvest.online.len() { Ok(Peer(peer)) } else { Err(Foreign) };
    match piece {
        Piece::Accounts(accounts) => {
            harvest.ledger.add(&Traffic::default(), &Traffic::default(), &accounts);
        }
        Piece::Traffic(traffic, warm_up) => {
            let (traffic, warm_up) = traffic.read().zip(warm_up.read()).ok_or(Foreign)?;
            harvest.ledger.add(&traffic, &warm_up, &[]);
        }
        Piece::Peers(figures) => {
            for (peer, bytes, online) in figures {
                let index = own(peer)?.index();
                harvest.bytes[index] = bytes;
                harvest.online[index] = online;
            }
        }
        Piece::Connected(rows) => {
            for (peer, others) in rows {
                let others = others.into_iter().map(known).collect::<Result<Vec<_>, _>>()?;
                harvest.connected.entry(own(peer)?).or_default().extend(others);
            }
        }
        Piece::Dead(dead) => {
            for (peer, why) in dead {
                harvest.dead.insert(own(peer)?, reason(&why));
            }
        }
        Piece::Lateness(counts) => {
            counts.into_iter().for_each(|(value, times)| harvest.lateness.record_times(value, times));
        }
        Piece::Hits(from, hits) => {
            let sums = harvest.fault_hits.get_mut(from as usize..).unwrap_or_default();
            if hits.len() > sums.len() {
                return Err(Foreign);
            }
            sums.iter_mut().zip(hits).for_each(|(sum, hits)| *sum = sum.saturating_add(hits));
        }
        Piece::Sums { events, digest, skipped_commands, interrupted, troubles, conditions } => {
            harvest.events = harvest.events.saturating_add(events);
            harvest.digest = harvest.digest.wrapping_add(digest);
            harvest.skipped_commands = harvest.skipped_commands.saturating_add(skipped_commands);
            harvest.interrupted = [harvest.interrupted, interrupted].into_iter().flatten().min();
            harvest.troubles.add(troubles);
            let [pressure, stolen, busy] = conditions;
            harvest.conditions.add(&Conditions { pressure, stolen, busy, late: None });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::report::Histogram;

    use super::*;

    const PEERS: usize = 3000;

    fn empty() -> Harvest {
        let (bytes, online) = (vec![(0, 0); PEERS], vec![false; PEERS]);
        Harvest { bytes, online, fault_hits: vec![0; 3], ..Harvest::default() }
    }

    fn full() -> Harvest {
        let mut harvest = empty();
        let mut traffic = Traffic::default();
        (0..5).for_each(|_| traffic.sent(Kind::Gossip, 100));
        traffic.delivered = 4;
        let account =
            |lane, sends| Account { lane, sends, frames: 5, stood: true, complete: true, early: false };
        let accounts: Vec<_> =
            (0..2500).flat_map(|lane| [account(lane, true), account(lane, false)]).collect();
        harvest.ledger.add(&traffic, &Traffic::default(), &accounts);
        harvest.bytes[7] = (1, 2);
        harvest.online[2999] = true;
        harvest.connected.insert(Peer(7), (0..2999).map(Peer).collect());
        harvest.connected.insert(Peer(8), vec![Peer(9)]);
        harvest.dead.insert(Peer(8), "it panicked".to_owned());
        (0..50).for_each(|value| harvest.lateness.record(value * 1_000_000));
        harvest.fault_hits[2] = 9;
        harvest.interrupted = Some(Nanos::from_secs(3));
        harvest.conditions.busy = Some(0.5);
        harvest.troubles.silences = 2;
        harvest.events = 77;
        harvest
    }

    #[test]
    fn a_harvest_in_pieces_is_the_same_and_no_piece_is_too_long() {
        let harvest = full();
        let mut sum = empty();
        for piece in divide(&harvest, 0..PEERS as u32) {
            let packed = piece.pack();
            assert!(packed.len() < super::super::codec::MOST, "{}", packed.len());
            add(&mut sum, &(0..PEERS as u32), &packed).unwrap();
        }
        assert_eq!(
            (&sum.bytes, &sum.online, &sum.fault_hits),
            (&harvest.bytes, &harvest.online, &harvest.fault_hits)
        );
        assert_eq!((&sum.connected, &sum.dead), (&harvest.connected, &harvest.dead));
        assert_eq!((sum.events, sum.interrupted, sum.troubles), (77, harvest.interrupted, harvest.troubles));
        assert_eq!(sum.conditions, harvest.conditions);
        let figures = |lateness: &Histogram| (lateness.len(), lateness.quantile(0.99), lateness.max());
        assert_eq!(figures(&sum.lateness), figures(&harvest.lateness));
        assert_eq!(sum.ledger.close(), harvest.ledger.close());
    }

    #[test]
    fn two_processes_add_up() {
        let mut sum = empty();
        for piece in [divide(&full(), 0..1500), divide(&full(), 1500..3000)].concat() {
            // Of one that leaves nothing behind but numbers.
            if let Piece::Sums { .. } | Piece::Hits(..) | Piece::Traffic(..) = piece {
                add(&mut sum, &(0..3000), &piece.pack()).unwrap();
            }
        }
        assert_eq!((sum.events, sum.fault_hits[2], sum.conditions.busy), (154, 18, Some(1.0)));
        assert_eq!(sum.ledger.close().0.delivered, 8);
    }

    #[test]
    fn nobody_speaks_for_others_or_of_what_there_is_not() {
        let few = Carried { sent: vec![(1, 1)], delivered: 0, lost: vec![], in_flight: 0 };
        for piece in [
            Piece::Peers(vec![(9, (0, 0), true)]),
            Piece::Connected(vec![(9, vec![])]),
            Piece::Connected(vec![(1, vec![PEERS as u32])]),
            Piece::Dead(vec![(9, String::new())]),
            Piece::Hits(2, vec![1, 1]),
            Piece::Hits(7, vec![1]),
            Piece::Traffic(few.clone(), few),
        ] {
            assert_eq!(add(&mut empty(), &(0..9), &piece.pack()), Err(Foreign), "{piece:?}");
        }
        assert_eq!(add(&mut empty(), &(0..9), &[0xff; 20]), Err(Foreign), "it is no piece");
    }
}
