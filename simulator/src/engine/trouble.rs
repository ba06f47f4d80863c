//! Faults while they last: which paths are cut, which suffer, and a count that proves that each hit something.

use peerlab_scenarios::{
    host::Peer,
    plan::{Cut, FaultEffect, FaultPlan},
    units::Share,
};

use super::network::Strain;

/// The faults of a run.
#[derive(Debug)]
pub(super) struct Trouble {
    faults: Vec<FaultPlan>,
    /// Those that last now, by number: few.
    active: Vec<usize>,
    /// Whether any of them is a cut.
    cuts: bool,
    /// All cuts of the run, by number, in the order of their beginning.
    all_cuts: Vec<usize>,
    /// What each hit: messages cut or strained, connections cut or kept from being made, peers stopped or kept from starting.
    hits: Vec<u64>,
    /// Instants at which a fault begins or ends, ns, the next one last.
    changes: Vec<u64>,
}

impl Trouble {
    pub(super) fn new(faults: &[FaultPlan]) -> Self {
        let mut changes: Vec<u64> = faults.iter().flat_map(|fault| [fault.at.0, fault.until.0]).collect();
        changes.sort_unstable_by(|a, b| b.cmp(a));
        let mut all_cuts: Vec<usize> = (0..faults.len()).filter(|&at| faults[at].effect.is_cut()).collect();
        all_cuts.sort_by_key(|&number| faults[number].at);
        Self {
            faults: faults.to_vec(),
            active: Vec::new(),
            cuts: false,
            all_cuts,
            hits: vec![0; faults.len()],
            changes,
        }
    }

    pub(super) fn fault(&self, number: usize) -> &FaultPlan {
        &self.faults[number]
    }

    pub(super) fn begin(&mut self, number: usize) {
        let now = self.faults[number].at.0;
        self.changes.retain(|&change| change > now);
        self.active.push(number);
        self.refresh();
    }

    pub(super) fn end(&mut self, number: usize) {
        let now = self.faults[number].until.0;
        self.changes.retain(|&change| change > now);
        self.active.retain(|&other| other != number);
        self.refresh();
    }

    fn refresh(&mut self) {
        self.cuts = self.active.iter().any(|&number| self.faults[number].effect.is_cut());
    }

    /// Until when everything stays as it is, ns.
    #[inline]
    pub(super) fn steady_until(&self) -> u64 {
        self.changes.last().copied().unwrap_or(u64::MAX)
    }

    /// Whether nothing is wrong: the only question on the way of an ordinary message.
    #[inline]
    pub(super) fn is_quiet(&self) -> bool {
        self.active.is_empty()
    }

    /// The cut between two peers, if there is one; counts a hit for each fault that has part in it now when a message or a
    /// handshake met it.
    pub(super) fn cut(&mut self, a: Peer, b: Peer, met: bool) -> Option<Cut> {
        if !self.cuts {
            return None;
        }
        let mut part = None;
        for &number in &self.active {
            let fault = &self.faults[number];
            if fault.effect.crosses(a, b) {
                self.hits[number] += u64::from(met);
                part = Some(fault.at.0);
            }
        }
        let cuts = || self.all_cuts.iter().map(|&number| &self.faults[number]);
        part.map(|part| Cut::without_gap(cuts(), a, b, part))
    }

    /// What degradations add to the path from one peer to another; counts a hit for the message, unless it was counted for the
    /// sender's rate.
    pub(super) fn strain(&mut self, a: Peer, b: Peer) -> Strain {
        for &number in &self.active {
            if let FaultEffect::Degrade { who, rate, .. } = &self.faults[number].effect
                && self.faults[number].effect.strains(a, b).is_some()
            {
                self.hits[number] += u64::from(*rate == Share::ALL || !who.contains(a));
            }
        }
        self.strain_between(a, b)
    }

    /// The same, without a message.
    pub(super) fn strain_between(&self, a: Peer, b: Peer) -> Strain {
        let strains = self.active.iter().filter_map(|&number| self.faults[number].effect.strains(a, b));
        strains.fold(Strain::NONE, |all, one| Strain {
            latency: all.latency.saturating_add(one.latency),
            loss: all.loss.max(one.loss),
        })
    }

    /// What is left of a peer's rate; counts a hit for the message that meets less than all of it.
    pub(super) fn rate(&mut self, peer: Peer) -> Share {
        for &number in &self.active {
            self.hits[number] += u64::from(self.faults[number].effect.slows(peer).is_some());
        }
        self.rate_left(peer)
    }

    /// The same, without a message.
    pub(super) fn rate_left(&self, peer: Peer) -> Share {
        let rates = self.active.iter().filter_map(|&number| self.faults[number].effect.slows(peer));
        rates.min().unwrap_or(Share::ALL)
    }

    /// Counts a peer stopped.
    pub(super) fn hit(&mut self, number: usize) {
        self.hits[number] += 1;
    }

    /// What each fault hit, in the order of the plan.
    pub(super) fn hits(&self) -> &[u64] {
        &self.hits
    }

    /// Whether faults that last keep a peer from starting; counts a hit for each that does, if it is `met` here.
    pub(super) fn keep_down(&mut self, peer: Peer, met: bool) -> bool {
        let mut kept = false;
        for &number in &self.active {
            if self.faults[number].effect.stops().is_some_and(|who| who.contains(peer)) {
                self.hits[number] += u64::from(met);
                kept = true;
            }
        }
        kept
    }
}
