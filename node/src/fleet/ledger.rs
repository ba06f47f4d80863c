//! What became of the messages that a fleet has sent.
//!
//! Each peer keeps its own account, but of a lane one end knows what was sent and the other what came. Here the two are held
//! against each other, by the lane's name. What did not come is lost when the connection ended before the run did. When it
//! stood, what did not come is in flight, unless the receiver has heard the end of the lane: then all must have come that its
//! sender had sent. If not, the account does not come out even, and the run is invalid.

use std::collections::HashMap;

use peerlab_report::traffic::{Loss, Traffic};

use crate::host::Account;

/// The two ends of a lane.
#[derive(Clone, Copy, Debug, Default)]
struct Lane {
    sent: Option<Account>,
    came: Option<Account>,
}

/// The accounts of a fleet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    lanes: HashMap<u64, Lane>,
    traffic: Traffic,
    warm_up: Traffic,
}

fn add(sum: &mut Traffic, traffic: &Traffic) {
    for (sum, volume) in sum.sent.iter_mut().zip(&traffic.sent) {
        sum.messages += volume.messages;
        sum.bytes += volume.bytes;
    }
    sum.delivered += traffic.delivered;
    for (sum, lost) in sum.lost.iter_mut().zip(&traffic.lost) {
        *sum += lost;
    }
    sum.in_flight += traffic.in_flight;
}

impl Ledger {
    /// Adds the account of a peer.
    pub(crate) fn add(&mut self, traffic: &Traffic, warm_up: &Traffic, accounts: &[Account]) {
        add(&mut self.traffic, traffic);
        add(&mut self.warm_up, warm_up);
        for account in accounts {
            let lane = self.lanes.entry(account.lane).or_default();
            *(if account.sends { &mut lane.sent } else { &mut lane.came }) = Some(*account);
        }
    }

    /// What was added up so far, all of it and what was before the end of the warm-up, and the ends of lanes: what
    /// [`Ledger::add`] takes.
    #[cfg(feature = "net")]
    pub(crate) fn open(&self) -> (&Traffic, &Traffic, impl Iterator<Item = Account> + '_) {
        let ends = self.lanes.values().flat_map(|lane| [lane.sent, lane.came]).flatten();
        (&self.traffic, &self.warm_up, ends)
    }

    /// The account of all, and what of it was before the end of the warm-up.
    pub(crate) fn close(mut self) -> (Traffic, Traffic) {
        for lane in self.lanes.into_values() {
            let Some(sent) = lane.sent else { continue };
            let came = lane.came.map_or(0, |came| came.frames);
            let missing = sent.frames.saturating_sub(came);
            let stood = sent.stood && lane.came.is_none_or(|came| came.stood);
            if !stood {
                self.traffic.lost[Loss::Offline as usize] += missing;
                if sent.early {
                    self.warm_up.lost[Loss::Offline as usize] += missing;
                }
            } else if !sent.complete || lane.came.is_none_or(|came| !came.complete) {
                self.traffic.in_flight += missing;
            }
        }
        (self.traffic, self.warm_up)
    }
}

#[cfg(test)]
mod tests {
    use peerlab_scenarios::wire::Kind;

    use super::*;

    fn end(sends: bool, frames: u64, stood: bool, complete: bool) -> Account {
        Account { lane: 1, sends, frames, stood, complete, early: false }
    }

    /// The imbalance, what was lost and what was in flight, when of ten messages seven came.
    fn closed(sender: Account, receiver: Option<Account>) -> (i128, u64, u64) {
        let mut ledger = Ledger::default();
        let mut sent = Traffic::default();
        (0..10).for_each(|_| sent.sent(Kind::Gossip, 100));
        ledger.add(&sent, &Traffic::default(), &[sender]);
        let received = Traffic { delivered: receiver.map_or(0, |came| came.frames), ..Traffic::default() };
        ledger.add(&received, &Traffic::default(), receiver.as_slice());
        let (traffic, _) = ledger.close();
        (traffic.imbalance(), traffic.lost.iter().sum(), traffic.in_flight)
    }

    #[test]
    fn what_did_not_come_is_lost_with_its_connection() {
        assert_eq!(closed(end(true, 10, false, false), Some(end(false, 7, false, false))), (0, 3, 0));
        assert_eq!(closed(end(true, 10, true, true), Some(end(false, 7, false, false))), (0, 3, 0));
        assert_eq!(closed(end(true, 10, false, false), None), (0, 10, 0));
    }

    #[test]
    fn what_has_not_gone_out_or_not_come_in_yet_is_in_flight() {
        assert_eq!(closed(end(true, 10, true, false), Some(end(false, 7, true, false))), (0, 0, 3));
        assert_eq!(closed(end(true, 10, true, true), Some(end(false, 7, true, false))), (0, 0, 3));
        assert_eq!(closed(end(true, 10, true, true), None), (0, 0, 10));
    }

    #[test]
    fn what_vanishes_on_a_connection_that_stands_does_not_come_out_even() {
        assert_eq!(closed(end(true, 10, true, true), Some(end(false, 7, true, true))), (3, 0, 0));
        assert_eq!(closed(end(true, 10, true, true), Some(end(false, 10, true, true))), (0, 0, 0));
    }
}
