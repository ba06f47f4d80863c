//! The timeline of faults: what goes wrong, for whom, from when to when.

use super::{PeerSet, PlanError, selection::Selection};
use crate::{
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
