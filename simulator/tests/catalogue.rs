//! The shipped scenarios: what each owes its reader, and that those to be compared can be.

use std::{collections::BTreeMap, fs, path::Path};

use peerlab_report::plan_tables::TABLES;
use peerlab_scenarios::{
    plan::{self, Files, Plan},
    seed::Seed,
    spec::{
        Overlay, Scenario, Topology,
        read::{document, read},
    },
};

/// The shipped scenarios, by name, with their texts.
fn catalogue() -> BTreeMap<String, (String, Scenario)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let files = fs::read_dir(folder).expect("the folder of the scenarios can be read");
    let paths = files.map(|file| file.expect("its entries too").path());
    paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a shipped scenario is text");
            let scenario = read(&path.display().to_string(), text.as_bytes());
            let scenario = scenario.unwrap_or_else(|problems| panic!("{}: {problems:?}", path.display()));
            let name = path.file_stem().expect("it has a name").to_string_lossy().into_owned();
            (name, (text, scenario))
        })
        .collect()
}

#[test]
fn each_scenario_asks_a_question_and_says_when_it_is_answered_well() {
    let catalogue = catalogue();
    assert!(catalogue.len() >= 17, "{:?}", catalogue.keys());
    for (name, (text, scenario)) in &catalogue {
        assert!(text.starts_with("# Question: "), "{name} begins with its question");
        assert_eq!(&scenario.metadata.name, name, "a scenario is called as its file");
        assert!(scenario.spec.description.is_some(), "{name} describes itself");
        assert!(!scenario.spec.targets.is_empty(), "{name} has targets");
    }
}

/// The plan of a shipped scenario, as the tables that a run writes of it.
fn tables(scenario: &Scenario, folder: &Path) -> (Plan, Vec<String>) {
    let text = |name: &str| fs::read_to_string(folder.join(name)).expect("the file is shipped as well");
    let files: Files =
        plan::files(&scenario.spec).into_iter().map(|(_, name)| (name.to_owned(), text(name))).collect();
    let planned = Plan::new(scenario, Seed(scenario.spec.seed), &files);
    let planned = planned.unwrap_or_else(|errors| panic!("{}: {errors:?}", scenario.metadata.name));
    let table = |write: &peerlab_report::plan_tables::WriteTable| {
        let mut table = Vec::new();
        write(&planned, &mut table).expect("memory takes what is written");
        String::from_utf8(table).expect("a table is text")
    };
    let tables = TABLES.iter().map(|(_, write)| table(write)).collect();
    (planned, tables)
}

#[test]
fn what_is_explained_of_a_scenario_is_a_scenario_of_the_same_plan() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    for (name, (text, scenario)) in catalogue() {
        let (planned, made) = tables(&scenario, &folder);
        let resolved = plan::resolved(&scenario, &planned);
        let document = document(&name, text.as_bytes()).unwrap_or_else(|problems| panic!("{problems:?}"));
        let explained = document.explain(&resolved.document, |path| resolved.origin(&path.to_string()));
        let explained = explained.expect("it can be written as YAML");
        let again = read(&name, explained.as_bytes());
        let again = again.unwrap_or_else(|problems| panic!("{name}: {problems}\n{explained}"));
        let (planned_again, made_again) = tables(&again, &folder);
        for (((table, _), first), second) in TABLES.iter().zip(&made).zip(&made_again) {
            assert!(first == second, "{name}: {table} is another");
        }
        // What is explained leaves nothing to be explained.
        assert_eq!(plan::resolved(&again, &planned_again).document, resolved.document, "{name}");
    }
}

#[test]
fn the_chats_by_overlays_differ_in_overlay_alone() {
    let by: Vec<_> = catalogue().into_iter().filter(|(name, _)| name.starts_with("chat-by-")).collect();
    assert_eq!(by.len(), 3);
    let shared = |(_, (_, scenario)): &(String, (String, Scenario))| {
        let mut spec = scenario.spec.clone();
        (spec.overlay, spec.description, spec.targets) = (Overlay::default(), None, Vec::new());
        spec
    };
    assert!(by[1..].iter().all(|other| shared(other) == shared(&by[0])));
}

#[test]
fn the_chats_over_topologies_differ_in_topology_and_overlay_alone() {
    let over: Vec<_> = catalogue().into_iter().filter(|(name, _)| name.starts_with("chat-over-")).collect();
    assert!(over.len() >= 10);
    let shared = |(_, (_, scenario)): &(String, (String, Scenario))| {
        let mut spec = scenario.spec.clone();
        (spec.topology, spec.overlay) = (Topology::default(), Overlay::default());
        (spec.description, spec.targets) = (None, Vec::new());
        spec
    };
    for other in &over[1..] {
        assert_eq!(shared(other), shared(&over[0]), "{}", other.0);
    }
    let topologies = over.iter().map(|(_, (_, scenario))| &scenario.spec.topology);
    let distinct: Vec<_> = topologies.collect();
    assert!((1..distinct.len()).all(|place| !distinct[..place].contains(&distinct[place])));
}
