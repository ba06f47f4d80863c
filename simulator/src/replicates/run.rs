//! What is kept of one run among several.

use std::{
    ops::Range,
    time::{Duration, Instant},
};

use peerlab_scenarios::{
    plan::Plan,
    report::{ChatRecorder, Histogram, Report, Unit},
    units::Nanos,
};

use super::band::Steps;
use crate::{
    assemble, model,
    record::{Interval, Recorder},
};

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
    /// How spreading went, by chat.
    pub(super) chats: Vec<Spreading>,
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

/// How the posts of a chat spread.
#[derive(Debug)]
pub(super) struct Spreading {
    /// The chat's name.
    pub(super) name: String,
    /// How many showings took how long.
    pub(super) latency: Steps,
    /// How many showings there would be if all members were shown all posts.
    pub(super) expected: u64,
}

impl ReplicateRun {
    /// Runs a plan; nothing when `stop` ended it before its end.
    pub(super) fn of(plan: &Plan, stop: &dyn Fn() -> bool) -> Option<Self> {
        let began = Instant::now();
        let (outcome, recorder) = model::run(plan, Recorder::new(plan, |_, _| ()), stop);
        if outcome.interrupted.is_some() {
            return None;
        }
        let named = || plan.workloads.iter().map(|workload| &workload.name).zip(&recorder.chats);
        let spreading = |(name, chat): (&String, &ChatRecorder)| Spreading {
            name: name.clone(),
            latency: Steps::of(chat.delivery()),
            expected: chat.expected(),
        };
        let histograms = named().flat_map(|(name, chat)| {
            let distributions = chat.distributions().into_iter();
            distributions.map(|(metric, histogram)| (metric.full_name(name), metric.unit, histogram.clone()))
        });
        Some(Self {
            report: assemble::report(plan, &outcome, &recorder),
            events: outcome.events,
            digest: outcome.digest,
            took: began.elapsed(),
            chats: named().map(spreading).collect(),
            histograms: histograms.collect(),
            interval: recorder.interval,
            window: plan.spec.warm_up..plan.spec.duration,
            end: plan.spec.end(),
            series: recorder.series,
        })
    }
}
