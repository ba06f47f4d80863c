//! The chart carries the custom resource definition of the types. What else there is to check of it needs Helm: `charts/check`.

use std::{collections::BTreeSet, fs, path::Path, time::Duration};

use peerlab_operator::{metrics::Metrics, settings::Cost};
use peerlab_scenarios::spec::crd;

/// A chart that says nothing of costs means those that were measured.
#[test]
fn the_chart_has_the_costs_of_the_program() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/peerlab/values.yaml");
    let values: serde_json::Value =
        serde_yaml::from_str(&fs::read_to_string(path).expect("the chart has values"))
            .expect("they are YAML");
    for (key, cost) in [("cost", Cost::OF_A_POD), ("costPerPeer", Cost::OF_A_PEER)] {
        assert_eq!(values["pods"][key], serde_json::to_value(cost).expect("a cost is JSON"), "{key}");
    }
}

/// Panels of what nobody counts would stay empty for ever. Those of pods are in the tests of `peerlab-node`.
#[test]
fn the_dashboard_shows_what_the_operator_counts() {
    let metrics = Metrics::default();
    metrics.reconciled(Duration::ZERO, Some("refused"));
    metrics.api_call("get");
    metrics.scenarios("Running", 1);
    let text = metrics.text();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/peerlab/files/dashboard.json");
    let dashboard = fs::read_to_string(path).expect("the chart has a dashboard");
    let names = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: BTreeSet<_> = names.filter(|name| name.starts_with("peerlab_operator_")).collect();
    assert!(names.len() > 4, "{names:?}");
    for name in names {
        assert!(text.lines().any(|line| line.starts_with(&format!("{name}{{"))), "{name} is counted nowhere");
    }
}

/// `UPDATE_GOLDEN=1 cargo test -p peerlab-operator --test chart` writes it anew.
#[test]
fn the_chart_has_the_definition_of_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/peerlab/files/crd.yaml");
    let now = serde_yaml::to_string(&crd::definition()).expect("a definition is YAML");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let first = kept.lines().zip(now.lines()).position(|(kept, now)| kept != now);
    assert!(
        kept == now,
        "charts/peerlab/files/crd.yaml is not what the types say; they differ from line {first:?}"
    );
}
