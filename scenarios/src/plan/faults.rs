//! The timeline of faults: what goes wrong, for whom, from when to when.

use super::{PeerSet, PlanError, selection::Selection};
use crate::{
    host::Peer,
    network::Strain,
    spec::{Fault, ScenarioSpec},
    units::{Nanos, Share},
};

/// A fault with its peers resolved.
#[derive(Clone, Debug, PartialEq)]
pub struct FaultPlan {
    /// Its name in the report.
    pub name: String,
    /// When it begins.
    pub at: Nanos,
    /// When it ends, or [`Nanos::NEVER`].
    pub until: Nanos,
    /// What it does.
    pub effect: FaultEffect,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq)]
pub enum FaultEffect {
    /// Nothing passes between the two.
    Partition(PeerSet, PeerSet),
    /// Nothing passes to or from these.
    Outage(PeerSet),
    /// What passes to or from these suffers.
    Degrade {
        /// Whose links.
        who: PeerSet,
        /// Added to each one-way delay.
        latency: Nanos,
        /// Packets lost besides.
        loss: Share,
        /// What is left of the rate.
        rate: Share,
    },
    /// These crash.
    Kill(PeerSet),
    /// These leave in good order.
    Stop(PeerSet),
}

impl FaultEffect {
    /// Its kind, as the scenario names it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Partition(..) => "partition",
            Self::Outage(_) => "outage",
            Self::Degrade { .. } => "degrade",
            Self::Kill(_) => "kill",
            Self::Stop(_) => "stop",
        }
    }
}

impl FaultEffect {
    /// Whether nothing passes while it lasts.
    #[must_use]
    pub const fn is_cut(&self) -> bool {
        matches!(self, Self::Partition(..) | Self::Outage(_))
    }

    /// Whether it cuts the path between two peers.
    #[must_use]
    pub fn crosses(&self, a: Peer, b: Peer) -> bool {
        match self {
            Self::Partition(one, other) => {
                (one.contains(a) && other.contains(b)) || (one.contains(b) && other.contains(a))
            }
            Self::Outage(who) => who.contains(a) || who.contains(b),
            _ => false,
        }
    }

    /// What it adds to the path between two peers, if it does.
    #[must_use]
    pub fn strains(&self, a: Peer, b: Peer) -> Option<Strain> {
        match self {
            Self::Degrade { who, latency, loss, .. }
                if (latency.0 > 0 || *loss > Share::ZERO) && (who.contains(a) || who.contains(b)) =>
            {
                Some(Strain { latency: latency.0, loss: *loss })
            }
            _ => None,
        }
    }

    /// What it leaves of a peer's rate, if that is less than all.
    #[must_use]
    pub fn slows(&self, peer: Peer) -> Option<Share> {
        match self {
            Self::Degrade { who, rate, .. } if *rate < Share::ALL && who.contains(peer) => Some(*rate),
            _ => None,
        }
    }

    /// Whom it stops.
    #[must_use]
    pub const fn stops(&self) -> Option<&PeerSet> {
        match self {
            Self::Kill(who) | Self::Stop(who) => Some(who),
            _ => None,
        }
    }
}

/// From when to when a path is cut without a gap, by one fault or by several that take over from each other, ns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Its beginning.
    pub since: u64,
    /// Its end.
    pub until: u64,
}

impl Cut {
    /// How long it lasts.
    #[must_use]
    pub const fn lasts(self) -> u64 {
        self.until - self.since
    }

    /// When a connection that outlives the cut sends what it was to send at `now`, with a back-off that belongs to the pair and in
    /// the order in which it was sent.
    #[must_use]
    pub const fn resumes(self, now: u64, back_off: u64) -> u64 {
        self.until.saturating_add(back_off).saturating_add((now - self.since) / 1024)
    }

    /// The union of the cuts between two peers around an instant at which one of them begins. The faults are those of a run that
    /// cut, in the order of their beginning.
    #[must_use]
    pub fn without_gap<'a>(faults: impl Iterator<Item = &'a FaultPlan>, a: Peer, b: Peer, part: u64) -> Self {
        let mut whole = Self { since: 0, until: 0 };
        for fault in faults.filter(|fault| fault.effect.crosses(a, b)) {
            if fault.at.0 <= whole.until {
                whole.until = whole.until.max(fault.until.0);
            } else if whole.until > part {
                break;
            } else {
                whole = Self { since: fault.at.0, until: fault.until.0 };
            }
        }
        whole
    }
}

/// The faults in order of their beginnings.
pub(super) fn plan(spec: &ScenarioSpec, selection: &Selection<'_>) -> Result<Vec<FaultPlan>, Vec<PlanError>> {
    let (mut faults, mut errors) = (Vec::new(), Vec::new());
    for (number, fault) in spec.faults.iter().enumerate() {
        match effect(fault, &format!("spec.faults[{number}]"), selection) {
            Ok(effect) => {
                let until = fault.lasts.map_or(Nanos::NEVER, |lasts| fault.at.saturating_add(lasts));
                faults.push(FaultPlan { name: fault.name.clone(), at: fault.at, until, effect });
            }
            Err(error) => errors.push(error),
        }
    }
    faults.sort_by_key(|fault| fault.at);
    if errors.is_empty() { Ok(faults) } else { Err(errors) }
}

fn effect(fault: &Fault, path: &str, selection: &Selection<'_>) -> Result<FaultEffect, PlanError> {
    if let Some(partition) = &fault.partition {
        let side = |number: usize| {
            let path = format!("{path}.partition.between[{number}]");
            let who = partition.between.get(number);
            selection.select(
                who.ok_or_else(|| PlanError::new(path.clone(), "a partition has two sides".to_owned()))?,
                &path,
            )
        };
        let (a, b) = (side(0)?, side(1)?);
        if let Some(both) = a.iter().find(|&peer| b.contains(peer)) {
            let why = format!("{both} is on both sides of the partition");
            return Err(PlanError::new(format!("{path}.partition.between"), why));
        }
        return Ok(FaultEffect::Partition(a, b));
    }
    if let Some(degrade) = &fault.degrade {
        return Ok(FaultEffect::Degrade {
            who: selection.select(&degrade.who, &format!("{path}.degrade.who"))?,
            latency: degrade.latency.unwrap_or_default(),
            loss: degrade.loss.unwrap_or_default(),
            rate: degrade.rate.unwrap_or(Share::ALL),
        });
    }
    let stopping = [("outage", &fault.outage), ("kill", &fault.kill), ("stop", &fault.stop)];
    for (kind, who) in stopping {
        if let Some(who) = who {
            let who = selection.select(who, &format!("{path}.{kind}"))?;
            return Ok(match kind {
                "outage" => FaultEffect::Outage(who),
                "kill" => FaultEffect::Kill(who),
                _ => FaultEffect::Stop(who),
            });
        }
    }
    let why = "a fault is exactly one of: partition, outage, degrade, kill, stop";
    Err(PlanError::new(path, why.to_owned()))
}
