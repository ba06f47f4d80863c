//! What is counted of the operator's own life, for Prometheus.

use std::time::Duration;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Result {
    result: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Call {
    call: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Phase {
    phase: &'static str,
}

/// What is counted. All labels have few values.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    reconciles: Family<Result, Counter>,
    failures: Family<Reason, Counter>,
    durations: Histogram,
    calls: Family<Call, Counter>,
    scenarios: Family<Phase, Gauge>,
    leads: Gauge,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("peerlab_operator");
        let (reconciles, failures, calls) = (Family::default(), Family::default(), Family::default());
        let (scenarios, leads) = (Family::default(), Gauge::default());
        let durations = Histogram::new([0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0]);
        registry.register(
            "reconciles",
            "How often a scenario was dealt with, by what came of it",
            reconciles.clone(),
        );
        registry.register("reconcile_failures", "How often that failed, by reason", failures.clone());
        registry.register("reconcile_duration_seconds", "How long it took", durations.clone());
        registry.register(
            "api_calls",
            "Writes and reads at the API server beside watches, by verb",
            calls.clone(),
        );
        registry.register("scenarios", "Scenarios by phase", scenarios.clone());
        registry.register("leads", "Whether this replica is the one that works", leads.clone());
        Self { registry, reconciles, failures, durations, calls, scenarios, leads }
    }
}

impl Metrics {
    /// A scenario was dealt with.
    pub fn reconciled(&self, took: Duration, failure: Option<&'static str>) {
        let result = match failure {
            None => "ok",
            Some("conflict") => "conflict",
            Some(_) => "error",
        };
        self.reconciles.get_or_create(&Result { result }).inc();
        self.durations.observe(took.as_secs_f64());
        if let Some(reason) = failure {
            self.failures.get_or_create(&Reason { reason }).inc();
        }
    }

    /// The API server was asked for something.
    pub fn api_call(&self, call: &'static str) {
        self.calls.get_or_create(&Call { call }).inc();
    }

    /// How many scenarios are in a phase.
    pub fn scenarios(&self, phase: &'static str, count: usize) {
        self.scenarios.get_or_create(&Phase { phase }).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Whether this replica works.
    pub fn leads(&self, does: bool) {
        self.leads.set(i64::from(does));
    }

    /// All of it, in the text format of OpenMetrics.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("a String takes all that is written");
        text
    }
}
