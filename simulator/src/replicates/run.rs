//! What is kept of one run among several.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use peerlab_report::{
    assemble,
    record::{Interval, Recorder},
};
use peerlab_scenarios::{
    plan::Plan,
    report::{Histogram, Metric, Report, Unit},
    units::Nanos,
};

use super::band::Steps;
use crate::model;

/// One run among several: its report, and what the common charts need of it.
#[derive(Debug)]
pub struct ReplicateRun {
    /// Its report, but for the provenance.
    pub report: Report,
    /// Events worked off.
    pub events: u64,
    /// A hash of all events in their order.
    pub digest: u64,
    /// Wall time.
    pub took: Duration,
    /// How posts spread, by chat.
    pub(super) chats: Vec<Spreading>,
    /// How releases spread, by update.
    pub(super) updates: Vec<Spreading>,
    /// Traffic over time.
    pub(super) series: Vec<Interval>,
    /// How long an interval of it is.
    pub(super) interval: Nanos,
    /// From the warm-up's end to that of the workloads.
    pub(super) window: Range<Nanos>,
    /// The whole length.
    pub(super) end: Nanos,
    /// Metrics that are kept as histograms, until they are pooled.
    pub(super) histograms: Vec<(String, Unit, Histogram)>,
}

/// How the posts of a chat, or the releases of an update, spread.
#[derive(Debug)]
pub(super) struct Spreading {
    /// The workload's name.
    pub(super) name: String,
    /// How many showings, or installs, took how long.
    pub(super) times: Steps,
    /// How many there would be if all were shown all posts, or installed all releases.
    pub(super) expected: u64,
}

/// A distribution as it is kept until it is pooled.
fn kept(workload: &str, metric: Metric, histogram: &Histogram) -> (String, Unit, Histogram) {
    (metric.full_name(workload), metric.unit, histogram.clone())
}

impl ReplicateRun {
    /// Runs a plan, on so many threads at the most; nothing when `stop` ended it before its end.
    pub(super) fn of(plan: &Plan, threads: usize, stop: &dyn Fn() -> bool) -> Option<Self> {
        let began = Instant::now();
        let division = (threads > 1).then(|| model::divide(plan, threads).ok()).flatten();
        let recorder = Recorder::new(plan);
        let (outcome, recorder) = match division {
            Some(division) => model::run_divided(plan, &division, recorder, &|_| stop()),
            None => model::run(plan, recorder, &|_| stop()),
        };
        if outcome.interrupted.is_some() {
            return None;
        }
        let chats = recorder.chats(plan).map(|(name, chat)| Spreading {
            name: name.to_owned(),
            times: Steps::of(chat.delivery()),
            expected: chat.expected(),
        });
        let updates = recorder.updates(plan).map(|(name, update, _)| Spreading {
            name: name.to_owned(),
            times: Steps::of(update.install()),
            expected: update.expected(),
        });
        let of_chats = recorder.chats(plan).flat_map(|(name, chat)| {
            chat.distributions().map(|(metric, histogram)| kept(name, metric, histogram))
        });
        let of_updates = recorder.updates(plan).flat_map(|(name, update, _)| {
            update.distributions().map(|(metric, histogram)| kept(name, metric, histogram))
        });
        Some(Self {
            report: assemble::report(plan, &outcome, &recorder),
            events: outcome.events,
            digest: outcome.digest,
            took: began.elapsed(),
            chats: chats.collect(),
            updates: updates.collect(),
            histograms: of_chats.chain(of_updates).collect(),
            interval: recorder.interval,
            window: plan.spec.warm_up..plan.spec.duration,
            end: plan.spec.end(),
            series: recorder.series,
        })
    }
}
