//! From a resource to a run that can be built, or the reason why not.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    path::{Component, Path},
};

use peerlab_scenarios::{
    capabilities::{check_division, refusals},
    plan::{Files, Plan, files},
    seed::Seed,
    spec::{
        Cluster, Scenario, ScenarioSpec,
        read::{Fault, Problems, document_for},
    },
    units::Nanos,
};
use serde_json::json;

use crate::resource::ScenarioObject;

/// What a ConfigMap holds, and a little less, for its metadata count as well: <https://kubernetes.io/docs/concepts/configuration/configmap/>.
pub const CONFIG_MAP_BYTES: usize = 1_000_000;

/// The name of the scenario in the folder of a conductor.
pub const SCENARIO_FILE: &str = "scenario.yaml";

/// The reason of a refusal by the language.
const INVALID: &str = "InvalidSpec";

/// The reason of a refusal of what can be simulated only.
const NOT_FOR_REAL_PEERS: &str = "NotForRealPeers";

/// A run that can be built.
#[derive(Clone, Debug, PartialEq)]
pub struct Prepared {
    /// What the scenario asks of a cluster.
    pub cluster: Cluster,
    /// The seed.
    pub seed: u64,
    /// The groups of the plan that have peers, in its order.
    pub groups: Vec<GroupRange>,
    /// The fewest peers with which the run begins.
    pub quorum: u32,
    /// How long the conductor waits for peers.
    pub start_deadline: Nanos,
    /// How long the run goes on once it has begun.
    pub end: Nanos,
    /// The scenario, as the conductor reads it.
    pub document: String,
    /// The files that it names, by their path.
    pub files: Files,
}

/// The peers of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupRange {
    /// The group's name.
    pub name: String,
    /// The index of its first peer in the plan.
    pub first: u32,
    /// How many peers it has.
    pub count: u32,
}

impl GroupRange {
    /// How many pods it takes.
    #[must_use]
    pub const fn pods(&self, peers_per_pod: u32) -> u32 {
        self.count.div_ceil(peers_per_pod)
    }
}

impl Prepared {
    /// How many peers there are.
    #[must_use]
    pub fn peers(&self) -> u32 {
        self.groups.iter().map(|group| group.count).sum()
    }

    /// How many peers share a pod, at the most.
    #[must_use]
    pub const fn peers_per_pod(&self) -> u32 {
        self.cluster.peers_per_pod.get()
    }

    /// How many pods there are, beside the conductor's.
    #[must_use]
    pub fn pods(&self) -> u32 {
        self.groups.iter().map(|group| group.pods(self.peers_per_pod())).sum()
    }
}

/// Why a scenario is not run as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The reason, for programs: one word in CamelCase.
    pub reason: &'static str,
    /// What is wrong and what would be right, for people.
    pub message: String,
    /// Whether time may mend it, without a change of the scenario.
    pub may_pass: bool,
}

impl Refusal {
    fn of_problems(reason: &'static str, problems: &Problems) -> Self {
        let mut message = String::new();
        for problem in &problems.problems {
            let separator = if message.is_empty() { "" } else { "\n" };
            write!(message, "{separator}{}: {}", problem.path, problem.message).expect("a String takes all");
            problem.help.first().into_iter().for_each(|help| message.push_str(&format!(" ({help})")));
        }
        if problems.omitted > 0 {
            message.push_str(&format!("\nand {} more", problems.omitted));
        }
        Self::of(reason, message)
    }

    fn of(reason: &'static str, message: String) -> Self {
        Self { reason, message, may_pass: false }
    }
}

/// The ConfigMap that a scenario wants its files from, as far as that can be read from it.
#[must_use]
pub fn wanted_config_map(object: &ScenarioObject) -> Option<&str> {
    object.spec.pointer("/cluster/files").and_then(|name| name.as_str())
}

/// Reads a scenario and plans it, as `validate` does.
///
/// `given` are the files of the ConfigMap that it names, by key; nothing when there is no such ConfigMap.
///
/// # Errors
/// When it cannot be run as it is.
pub fn prepare(
    object: &ScenarioObject,
    given: Option<&BTreeMap<String, String>>,
    max_peers: u32,
) -> Result<Prepared, Refusal> {
    let whole = document(object, &object.spec);
    let read = document_for(SCENARIO_FILE, whole.as_bytes(), |_| Vec::new());
    let document_read = read.map_err(|problems| Refusal::of_problems(INVALID, &problems))?;
    let scenario = &document_read.value;
    // A plan of millions of peers would be made here only to be refused.
    let peers = at_most(&scenario.spec);
    if peers > u64::from(max_peers) {
        return Err(Refusal::of(
            "TooManyPeers",
            format!(
                "spec.groups: {peers} peers are more than the {max_peers} that this operator runs (its option --max-peers)"
            ),
        ));
    }
    let files = given_files(scenario, given)?;
    let plan = Plan::of(&document_read, Seed(scenario.spec.seed), &files)
        .map_err(|problems| Refusal::of_problems(INVALID, &problems))?;
    // What is wrong on any engine was told first.
    let beyond = |faults| Refusal::of_problems(NOT_FOR_REAL_PEERS, &document_read.problems(faults));
    let refused = refusals(&scenario.spec);
    if !refused.is_empty() {
        return Err(beyond(refused));
    }
    let per_pod = scenario.spec.cluster.peers_per_pod.get();
    let pod = |peer| {
        let group = plan.peers.group_index(peer);
        (group, (peer.0 - plan.peers.groups()[group].first.0) / per_pod)
    };
    check_division(&plan, pod).map_err(|error| {
        let help = "have all peers of the site in one group, and raise `spec.cluster.peersPerPod` until they share a pod";
        beyond(vec![Fault::from(error).help(help)])
    })?;
    // The conductor has no use for it, and what may be changed of it during a run must not change what the run is of.
    let mut spec = object.spec.clone();
    spec.as_object_mut().map(|fields| fields.remove("cluster"));
    let document = document(object, &spec);
    let bytes = document.len() + files.iter().map(|(name, text)| name.len() + text.len()).sum::<usize>();
    if bytes > CONFIG_MAP_BYTES {
        return Err(Refusal::of(
            "FilesTooLarge",
            format!("the scenario and its files come to {bytes} bytes; a ConfigMap holds {CONFIG_MAP_BYTES}"),
        ));
    }
    let ranges = plan.peers.groups().iter().filter(|group| group.count > 0);
    let groups = ranges
        .map(|group| GroupRange { name: group.spec.name.clone(), first: group.first.0, count: group.count })
        .collect();
    Ok(Prepared {
        cluster: scenario.spec.cluster.clone(),
        seed: scenario.spec.seed,
        groups,
        quorum: scenario.spec.start.least(plan.peers.len()),
        start_deadline: scenario.spec.start.deadline,
        end: scenario.spec.end(),
        document,
        files,
    })
}

/// The scenario as a file: what the user wrote, and nothing of what a cluster adds to it.
fn document(object: &ScenarioObject, spec: &serde_json::Value) -> String {
    let document = json!({
        "apiVersion": "peerlab.dev/v1alpha1",
        "kind": "Scenario",
        "metadata": { "name": object.name() },
        "spec": spec,
    });
    serde_yaml::to_string(&document).expect("JSON is YAML")
}

/// No fewer peers than the plan will have.
fn at_most(spec: &ScenarioSpec) -> u64 {
    spec.counted_peers() + u64::from(spec.peers.unwrap_or(0))
}

/// The key of a file in a ConfigMap: its name without its folders.
#[must_use]
pub fn key_of(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// The files that a scenario names, from the ConfigMap that it names. A key has no folders in its name, so files are told by what is left without
/// them.
fn given_files(scenario: &Scenario, given: Option<&BTreeMap<String, String>>) -> Result<Files, Refusal> {
    let mut found = Files::new();
    let mut keys = BTreeMap::<&str, &str>::new();
    for (field, path) in files(&scenario.spec) {
        let plain = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        let key = key_of(path);
        if !plain {
            return Err(Refusal::of(
                INVALID,
                format!("{field}: `{path}` is not within the scenario's folder, as a cluster wants it"),
            ));
        }
        let is_key = key.chars().all(|c| c.is_ascii_alphanumeric() || "-._".contains(c));
        if !is_key || key == SCENARIO_FILE {
            return Err(Refusal::of(
                INVALID,
                format!(
                    "{field}: `{key}` can be no key of the run's ConfigMap: letters, digits, `-`, `_` and `.` can, but for {SCENARIO_FILE}"
                ),
            ));
        }
        if let Some(other) = keys.insert(key, path).filter(|other| *other != path) {
            return Err(Refusal::of(
                INVALID,
                format!(
                    "{field}: `{path}` and `{other}` would be one key, `{key}`, of a ConfigMap: rename one of them"
                ),
            ));
        }
        let Some(config_map) = &scenario.spec.cluster.files else {
            return Err(Refusal::of(
                INVALID,
                format!(
                    "{field}: `{path}` is looked for in a ConfigMap: kubectl create configmap NAME --from-file={path}, and name it in spec.cluster.files"
                ),
            ));
        };
        let missing = |what: String| Refusal {
            reason: "FilesMissing",
            message: format!("{field}: {what}"),
            may_pass: true,
        };
        let Some(given) = given else {
            return Err(missing(format!("there is no ConfigMap `{config_map}`, which is to have `{key}`")));
        };
        let Some(text) = given.get(key) else {
            let known: BTreeSet<_> = given.keys().map(String::as_str).collect();
            let known = known.into_iter().collect::<Vec<_>>().join(", ");
            return Err(missing(format!(
                "the ConfigMap `{config_map}` has no key `{key}` (it has: {known})"
            )));
        };
        found.insert(path.to_owned(), text.clone());
    }
    Ok(found)
}

#[cfg(test)]
pub(crate) mod tests {
    use kube::api::ObjectMeta;

    use super::*;

    pub(crate) fn object(name: &str, spec: serde_json::Value) -> ScenarioObject {
        let metadata = ObjectMeta {
            name: Some(name.to_owned()),
            namespace: Some("lab".to_owned()),
            uid: Some("11111111-2222-3333-4444-555555555555".to_owned()),
            generation: Some(1),
            resource_version: Some("100".to_owned()),
            ..ObjectMeta::default()
        };
        ScenarioObject { metadata, spec, status: None }
    }

    pub(crate) fn chat() -> serde_json::Value {
        json!({
            "seed": 42,
            "duration": "1m",
            "groups": [{ "name": "offices", "peers": 5 }, { "name": "homes", "peers": 25 }],
            "workloads": [{ "name": "rooms", "chat": { "rooms": 2, "members": 5, "posts": { "poisson": { "every": "10s" } } } }],
        })
    }

    fn with_ttl() -> serde_json::Value {
        let mut spec = chat();
        spec["cluster"] = json!({ "ttlAfterFinished": "1h" });
        spec
    }

    fn refused(spec: serde_json::Value, given: Option<&BTreeMap<String, String>>) -> Refusal {
        prepare(&object("chat", spec), given, 1_000).expect_err("it is to be refused")
    }

    #[test]
    fn peers_are_those_of_the_plan() {
        let prepared = prepare(&object("chat", chat()), None, 1_000).expect("it can be run");
        assert_eq!((prepared.peers(), prepared.pods(), prepared.quorum), (30, 4, 30));
        let homes = GroupRange { name: "homes".to_owned(), first: 5, count: 25 };
        assert_eq!(prepared.groups[1], homes);
        assert_eq!(prepared.end, Nanos::from_secs(90));
        assert_eq!(
            prepare(&object("chat", with_ttl()), None, 1_000).map(|it| it.document),
            Ok(prepared.document)
        );
    }

    #[test]
    fn what_validate_says_is_what_the_owner_is_told() {
        let mut spec = chat();
        spec["workloads"][0]["chat"]["members"] = json!(5_000);
        let refusal = refused(spec, None);
        assert_eq!((refusal.reason, refusal.may_pass), ("InvalidSpec", false));
        assert!(refusal.message.contains("spec.workloads[0].chat.members"), "{}", refusal.message);
    }

    #[test]
    fn what_only_a_simulation_can_do_is_refused_before_any_pod() {
        let mut spec = chat();
        spec["groups"][1]["nat"] = json!("symmetric");
        let refusal = refused(spec, None);
        assert_eq!((refusal.reason, refusal.may_pass), ("NotForRealPeers", false));
        assert_eq!(
            refusal.message,
            "spec.groups[1].nat: real peers have no address translation between them (give the group `nat: open` or `nat: fullCone`, \
             or simulate it: `peerlab-sim run`)"
        );
    }

    #[test]
    fn peers_that_share_an_uplink_must_share_a_pod() {
        let mut spec = chat();
        spec["sites"] = json!([{ "name": "branch", "uplink": { "up": "10Mbit", "down": "50Mbit" } }]);
        spec["groups"][1]["site"] = json!("branch");
        let refusal = refused(spec.clone(), None);
        assert_eq!(refusal.reason, "NotForRealPeers");
        assert!(refusal.message.starts_with("spec.sites[0].uplink: "), "{}", refusal.message);
        assert!(refusal.message.contains("peersPerPod"), "{}", refusal.message);
        spec["cluster"] = json!({ "peersPerPod": 25 });
        assert!(prepare(&object("chat", spec), None, 1_000).is_ok());
    }

    #[test]
    fn what_the_schema_would_have_refused_is_refused_by_name() {
        let refusal = refused(json!({ "duration": 7 }), None);
        assert!(refusal.message.contains("spec.duration: "), "{}", refusal.message);
        assert!(refusal.message.contains("groups"), "{}", refusal.message);
    }

    #[test]
    fn more_peers_than_are_allowed_are_not_even_planned() {
        let mut spec = chat();
        spec["groups"][1]["peers"] = json!(16_000_000);
        let refusal = refused(spec, None);
        assert_eq!(refusal.reason, "TooManyPeers");
        assert!(refusal.message.contains("--max-peers"), "{}", refusal.message);
    }

    fn with_a_graph(path: &str, cluster: serde_json::Value) -> serde_json::Value {
        let mut spec = chat();
        spec["topology"] = json!({ "import": { "file": path } });
        spec["cluster"] = cluster;
        spec
    }

    #[test]
    fn files_come_by_the_key_of_a_config_map() {
        let graph: String = (0..30).map(|peer| format!("{peer} {}\n", (peer + 1) % 30)).collect();
        let given = BTreeMap::from([("ring.txt".to_owned(), graph.clone())]);
        let spec = with_a_graph("data/ring.txt", json!({ "files": "graphs" }));
        let prepared = prepare(&object("chat", spec.clone()), Some(&given), 1_000).expect("it can be run");
        assert_eq!(prepared.files, Files::from([("data/ring.txt".to_owned(), graph)]));

        let missing = refused(spec.clone(), None);
        assert_eq!((missing.reason, missing.may_pass), ("FilesMissing", true));
        let other = BTreeMap::from([("star.txt".to_owned(), String::new())]);
        assert!(refused(spec, Some(&other)).message.ends_with("no key `ring.txt` (it has: star.txt)"));
        let unnamed = refused(with_a_graph("data/ring.txt", json!({})), None);
        assert!(unnamed.message.contains("--from-file=data/ring.txt"), "{}", unnamed.message);
        for no_key in ["data/ring 2.txt", "data/scenario.yaml"] {
            let refusal = refused(with_a_graph(no_key, json!({ "files": "graphs" })), Some(&given));
            assert!(refusal.message.contains("can be no key"), "{}", refusal.message);
        }
        for outside in ["../ring.txt", "/etc/ring.txt"] {
            let refusal = refused(with_a_graph(outside, json!({ "files": "graphs" })), Some(&given));
            assert!(refusal.message.contains("not within the scenario's folder"), "{}", refusal.message);
        }
    }
}
