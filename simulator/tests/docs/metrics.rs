//! The table of metrics.

use peerlab_scenarios::report::metric::{METRICS, Metric};

/// Every metric with its unit, meaning and source.
pub(crate) fn table() -> String {
    let row = |metric: &Metric| {
        let name = metric.full_name("WORKLOAD");
        format!("| `{name}` | {} | {} | {} |\n", metric.unit, metric.meaning, metric.source)
    };
    let rows: String = METRICS.iter().map(row).collect();
    format!("| metric | unit | meaning | definition |\n|---|---|---|---|\n{rows}")
}
