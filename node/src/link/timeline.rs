//! The plan's faults by the clock of the network: which paths are cut, which suffer, and a count that proves that each hit
//! something.

use std::{
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::Waker,
};

use peerlab_scenarios::{
    host::Peer,
    network::Strain,
    plan::{Cut, FaultEffect, FaultPlan},
    units::{Nanos, Share},
};

/// The faults of a run. Before the run has started there are none.
#[derive(Debug)]
pub(super) struct Timeline {
    faults: Vec<FaultPlan>,
    hits: Vec<AtomicU64>,
    timeout: u64,
    /// When the run starts, ns since the network was made.
    start: OnceLock<u64>,
    /// Connections that must be told of it, as some break by themselves.
    waiting: Mutex<Vec<Waker>>,
}

impl Timeline {
    pub(super) fn new(faults: &[FaultPlan], timeout: Nanos) -> Self {
        Self {
            faults: faults.to_vec(),
            hits: faults.iter().map(|_| AtomicU64::new(0)).collect(),
            timeout: timeout.0,
            start: OnceLock::new(),
            waiting: Mutex::default(),
        }
    }

    pub(super) const fn timeout(&self) -> u64 {
        self.timeout
    }

    pub(super) fn begin(&self, start: u64) {
        if self.start.set(start).is_ok() {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            waiting.drain(..).for_each(Waker::wake);
        }
    }

    /// Whether it is known when faults come, if there are any.
    pub(super) fn has_begun(&self) -> bool {
        self.faults.is_empty() || self.start.get().is_some()
    }

    /// Wakes the task when that becomes known.
    pub(super) fn wake(&self, waker: &Waker) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(waker.clone());
        if self.has_begun() {
            waker.wake_by_ref();
        }
    }

    pub(super) fn hits(&self) -> Vec<u64> {
        self.hits.iter().map(|hits| hits.load(Ordering::Relaxed)).collect()
    }

    fn hit(&self, number: usize) {
        self.hits[number].fetch_add(1, Ordering::Relaxed);
    }

    /// The faults that last at an instant, by number, and when the run started.
    fn lasting(&self, now: u64) -> Option<(u64, impl Iterator<Item = (usize, &FaultPlan)>)> {
        if self.faults.is_empty() {
            return None;
        }
        let start = *self.start.get()?;
        let time = now.checked_sub(start)?;
        let lasts = move |fault: &&FaultPlan| fault.at.0 <= time && time < fault.until.0;
        Some((start, self.faults.iter().enumerate().filter(move |(_, fault)| lasts(fault))))
    }

    fn cuts(&self) -> impl Iterator<Item = &FaultPlan> {
        self.faults.iter().filter(|fault| fault.effect.is_cut())
    }

    /// The cut between two peers, if there is one, by the network's clock; counts a hit when something met it.
    pub(super) fn cut(&self, a: Peer, b: Peer, now: u64, met: bool) -> Option<Cut> {
        let (start, lasting) = self.lasting(now)?;
        let mut part = None;
        for (number, fault) in lasting.filter(|(_, fault)| fault.effect.crosses(a, b)) {
            if met {
                self.hit(number);
            }
            part = Some(fault.at.0);
        }
        let whole = Cut::without_gap(self.cuts(), a, b, part?);
        Some(Cut { since: whole.since + start, until: whole.until.saturating_add(start) })
    }

    /// When a connection between two peers breaks that stands since an instant, for a cut that lasts too long.
    pub(super) fn breaks(&self, a: Peer, b: Peer, stands: u64) -> Option<u64> {
        let start = *self.start.get()?;
        let crossing = || self.cuts().filter(|fault| fault.effect.crosses(a, b));
        let wholes = crossing().map(|fault| Cut::without_gap(crossing(), a, b, fault.at.0));
        let long = wholes.filter(|whole| whole.lasts() >= self.timeout);
        let ends = long.map(|whole| (whole.since + start).saturating_add(self.timeout));
        ends.filter(|&end| end > stands).min()
    }

    /// What degradations add to the path from one peer to another; counts a hit, unless it was counted for the sender's rate.
    pub(super) fn strain(&self, from: Peer, to: Peer, now: u64) -> Strain {
        let Some((_, lasting)) = self.lasting(now) else { return Strain::NONE };
        let mut all = Strain::NONE;
        for (number, fault) in lasting {
            let FaultEffect::Degrade { who, rate, .. } = &fault.effect else { continue };
            let Some(one) = fault.effect.strains(from, to) else { continue };
            if *rate == Share::ALL || !who.contains(from) {
                self.hit(number);
            }
            let (latency, loss) = (all.latency.saturating_add(one.latency), all.loss.max(one.loss));
            all = Strain { latency, loss };
        }
        all
    }

    /// What is left of a peer's rate; counts a hit when that is less than all.
    pub(super) fn rate(&self, peer: Peer, now: u64) -> Share {
        let Some((_, lasting)) = self.lasting(now) else { return Share::ALL };
        let mut least = Share::ALL;
        for (number, fault) in lasting {
            if let Some(rate) = fault.effect.slows(peer) {
                self.hit(number);
                least = least.min(rate);
            }
        }
        least
    }
}
