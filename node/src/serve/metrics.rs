//! What is known of a run, as OpenMetrics 1.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>).

use peerlab_scenarios::report::Stage;
use prometheus_client::{
    encoding::text::encode,
    metrics::{
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::{Registry, Unit},
};

use super::{pulse::Beat, status::Status};

/// The media type of what [`text`] gives.
pub(super) const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The figures of this instant.
pub(super) fn text(status: &Status, beat: &Beat) -> String {
    let mut registry = Registry::with_prefix("peerlab");
    registry.register("build", "The program", Info::new(vec![("version", env!("CARGO_PKG_VERSION"))]));
    let phases = Family::<[(&'static str, &'static str); 1], Gauge>::default();
    for stage in Stage::ALL {
        phases.get_or_create(&[("phase", stage.name())]).set((stage == status.stage).into());
    }
    registry.register("phase", "How far the run has come: 1 for the phase that it is in", phases);

    let mut count = |name: &str, help: &str, value: u64| {
        registry.register(name, help, ConstGauge::new(value));
    };
    count("peers_wanted", "Peers that are to take part", status.peers_wanted.into());
    count("peers_ready", "Peers that are there", status.peers_ready.into());
    count("connections", "Connections of the plan that stand, or ends of them", status.connections as u64);

    let mut seconds = |name: &str, help: &str, value: f64| {
        registry.register_with_unit(name, help, Unit::Seconds, ConstGauge::new(value));
    };
    seconds("run_elapsed", "The time of the run", status.elapsed.as_secs_f64());
    seconds("run_duration", "When the run ends", status.duration.as_secs_f64());
    seconds("event_loop_lag", "How late the event loop was last", beat.lag.as_secs_f64());
    seconds("event_loop_lag_worst", "How late the event loop was at worst", beat.worst.as_secs_f64());

    let mut text = String::new();
    encode(&mut text, &registry).expect("a text takes whatever is written");
    text
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::*;

    #[test]
    fn figures_have_their_names_units_and_values() {
        let status =
            Status { stage: Stage::Running, peers_wanted: 200, peers_ready: 180, ..Status::default() };
        let beat =
            Beat { at: Instant::now(), lag: Duration::from_millis(2), worst: Duration::from_millis(250) };
        let text = text(&status, &beat);
        for line in [
            "peerlab_phase{phase=\"running\"} 1",
            "peerlab_phase{phase=\"done\"} 0",
            "peerlab_peers_wanted 200",
            "peerlab_peers_ready 180",
            "# UNIT peerlab_event_loop_lag_seconds seconds",
            "peerlab_event_loop_lag_seconds 0.002",
            "peerlab_event_loop_lag_worst_seconds 0.25",
        ] {
            assert!(text.lines().any(|it| it == line), "{text} without {line}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
