//! What a conductor reads: the scenario and its files, as they were when the run began.

use std::collections::BTreeMap;

use k8s_openapi::api::core::v1::{ConfigMap, ConfigMapVolumeSource, KeyToPath, Volume};

use super::{Component, Plot, scenario_name};
use crate::prepare::{SCENARIO_FILE, key_of};

/// The folder of the scenario in the conductor's container.
pub(super) const FOLDER: &str = "/etc/peerlab";

pub(super) fn scenario(plot: &Plot<'_>) -> ConfigMap {
    let mut data = BTreeMap::from([(SCENARIO_FILE.to_owned(), plot.prepared.document.clone())]);
    data.extend(plot.prepared.files.iter().map(|(path, text)| (key_of(path).to_owned(), text.clone())));
    ConfigMap {
        metadata: plot.metadata(scenario_name(plot.name), Component::Run),
        data: Some(data),
        ..ConfigMap::default()
    }
}

/// The same as a folder, with every file at its path.
pub(super) fn volume(plot: &Plot<'_>) -> Volume {
    let paths = std::iter::once(SCENARIO_FILE).chain(plot.prepared.files.keys().map(String::as_str));
    let items =
        paths.map(|path| KeyToPath { key: key_of(path).to_owned(), path: path.to_owned(), mode: None });
    Volume {
        name: "scenario".to_owned(),
        config_map: Some(ConfigMapVolumeSource {
            name: scenario_name(plot.name),
            items: Some(items.collect()),
            ..ConfigMapVolumeSource::default()
        }),
        ..Volume::default()
    }
}
