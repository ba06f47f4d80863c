//! The chart carries the custom resource definition of the types. What else there is to check of it needs Helm: `charts/check`.

use std::{fs, path::Path};

use peerlab_scenarios::spec::crd;

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
