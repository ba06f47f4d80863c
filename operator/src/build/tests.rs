use std::{collections::BTreeSet, fs, path::PathBuf};

use peerlab_scenarios::report::{Report, Trust, Validity};
use serde_json::json;

use k8s_openapi::ByteString;

use super::{results::Fetched, *};
use crate::{
    prepare::{
        prepare,
        tests::{chat, object},
    },
    settings::{Cost, HTTP_PORT, PodTemplate},
};

pub(crate) fn settings() -> Settings {
    Settings {
        image: "peerlab-node:1".to_owned(),
        pull_policy: "IfNotPresent".to_owned(),
        own_namespace: Some("peerlab".to_owned()),
        pod: Cost { millicpu: 20, mebibytes: 24 },
        peer: Cost { millicpu: 10, mebibytes: 4 },
        pods: PodTemplate::default(),
        max_peers: 1_000,
        http_port: HTTP_PORT,
    }
}

fn with_plot<T>(spec: Value, settings: &Settings, then: impl FnOnce(&Plot<'_>) -> T) -> T {
    let files =
        [("ring.txt".to_owned(), (0..30).map(|p| format!("{p} {}\n", (p + 1) % 30)).collect())].into();
    let prepared = prepare(&object("chat-room", spec), Some(&files), 1_000).expect("it can be run");
    then(&Plot {
        prepared: &prepared,
        settings,
        name: "chat-room",
        namespace: "lab",
        uid: "uid-1",
        run: "1.1",
    })
}

fn objects(plot: &Plot<'_>) -> Vec<Child> {
    let mut objects = surroundings(plot);
    objects.push(conductor(plot));
    objects
}

/// `UPDATE_GOLDEN=1 cargo test -p peerlab-operator golden` writes the file anew; read it before you commit.
#[test]
fn objects_are_those_of_the_golden_file() {
    let mut spec = chat();
    spec["topology"] = json!({ "import": { "file": "data/ring.txt" } });
    spec["cluster"] = json!({ "files": "graphs" });
    let mut written =
        with_plot(spec, &settings(), objects).into_iter().map(|child| child.body).collect::<Vec<_>>();
    for body in &mut written {
        // It follows from the version and the settings, and says nothing to a reader.
        body["metadata"]["annotations"][BUILDER] = json!("FINGERPRINT");
    }
    let documents = written.iter().map(|body| serde_yaml::to_string(body).expect("an object is YAML"));
    let now = documents.collect::<Vec<_>>().join("---\n");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/chat-room.yaml");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, &now).expect("the file can be written");
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    let first = kept.lines().zip(now.lines()).position(|(kept, now)| kept != now);
    assert!(kept == now, "tests/golden/chat-room.yaml differs from line {first:?}");
}

#[test]
fn pods_are_allowed_nothing_that_they_do_not_need() {
    let objects = with_plot(chat(), &settings(), objects);
    let pods: Vec<_> = objects
        .iter()
        .map(|child| &child.body["spec"]["template"]["spec"])
        .filter(|pod| pod.is_object())
        .collect();
    assert_eq!(pods.len(), 3);
    for pod in pods {
        assert_eq!(pod["automountServiceAccountToken"], false);
        assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
        assert_eq!(pod["securityContext"]["seccompProfile"]["type"], "RuntimeDefault");
        for word in ["hostNetwork", "hostPID", "hostIPC", "serviceAccountName"] {
            assert!(pod.get(word).is_none(), "{word}");
        }
        let container = &pod["containers"][0];
        let security = &container["securityContext"];
        assert_eq!(security["readOnlyRootFilesystem"], true);
        assert_eq!(security["allowPrivilegeEscalation"], false);
        assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
        assert!(container["resources"]["requests"]["memory"].is_string());
        assert!(
            pod["volumes"].as_array().expect("volumes").iter().all(|volume| volume.get("hostPath").is_none())
        );
    }
}

#[test]
fn every_peer_of_the_plan_is_in_one_pod() {
    let mut spec = chat();
    spec["cluster"] = json!({ "peersPerPod": 7 });
    let objects = with_plot(spec, &settings(), objects);
    let sets: Vec<_> = objects.iter().filter(|child| child.kind == Kind::StatefulSet).collect();
    let mut peers = Vec::new();
    for set in sets {
        let args: Vec<_> = set.body["spec"]["template"]["spec"]["containers"][0]["args"]
            .as_array()
            .expect("arguments")
            .iter()
            .map(|arg| arg.as_str().expect("a word"))
            .collect();
        let value = |option: &str| args[args.iter().position(|arg| *arg == option).expect("it is given") + 1];
        let (first, until) = value("--index").split_once("..").expect("a range");
        let (first, until): (u32, u32) = (first.parse().expect("a number"), until.parse().expect("a number"));
        let per: u32 = value("--per-part").parse().expect("a number");
        for part in 0..set.body["spec"]["replicas"].as_u64().expect("a number") as u32 {
            peers.extend(first + part * per..until.min(first + (part + 1) * per));
        }
    }
    assert_eq!(peers, (0..30).collect::<Vec<_>>());
}

#[test]
fn what_a_cluster_adds_to_pods_is_in_all_of_them() {
    let template = r#"{"nodeSelector": {"type": "kwok"}, "tolerations": [{"operator": "Exists"}], "priorityClassName": "low"}"#;
    let settings = Settings { pods: serde_json::from_str(template).expect("it is right"), ..settings() };
    for child in with_plot(chat(), &settings, objects) {
        let pod = &child.body["spec"]["template"]["spec"];
        if pod.is_object() {
            assert_eq!(
                (&pod["nodeSelector"]["type"], &pod["priorityClassName"]),
                (&json!("kwok"), &json!("low"))
            );
            assert_eq!(pod["tolerations"][0]["operator"], "Exists");
        }
    }
}

#[test]
fn children_of_different_scenarios_never_have_one_name() {
    let long = "a".repeat(63);
    let groups = ["c", "b-c", "b", "a", "b-c-d", &long];
    let scenarios = ["a", "a-b", "a-b-c", "1", "s-1", &long];
    let mut names = BTreeSet::new();
    for scenario in scenarios {
        for group in groups {
            let name = peer_name(scenario, group);
            assert!(name.len() <= NAME_LENGTH, "{name}");
            assert!(names.insert(name.clone()), "{name} twice");
        }
    }
    assert_eq!(peer_name("chat-room", "homes"), "chat-room-homes");
    assert_eq!(result_name("chat-room", "2"), "chat-room-result-2");
    assert_ne!(result_name("a", "b-result-c"), result_name("a-result-b", "c"));
}

/// <https://kubernetes.io/docs/concepts/services-networking/service/>: as the names of RFC 1035, which begin with a letter.
#[test]
fn a_scenario_may_begin_with_a_digit_and_its_services_do_not() {
    for name in ["2024", "9-lives", "chat"] {
        for service in [child_name(name, &["peers"]), conductor_name(name)] {
            assert!(service.starts_with(|first: char| first.is_ascii_lowercase()), "{service}");
            assert!(service.contains(name), "{service}");
        }
    }
}

#[test]
fn a_run_of_another_operator_is_told_by_its_fingerprint() {
    let other = Settings { image: "peerlab-node:2".to_owned(), ..settings() };
    assert_ne!(settings().fingerprint(), other.fingerprint());
    assert_eq!(settings().fingerprint(), settings().fingerprint());
}

fn fetched(html: Result<Vec<u8>, String>) -> Fetched {
    let report: Report = serde_json::from_value(json!({
        "schema": "peerlab.dev/report/v1", "engine": "live", "seed": 42,
        "scenario": {
            "name": "chat-room", "description": null, "peers": 30, "edges": 120, "duration": 60.0, "warmUp": 0.0,
            "settling": { "at": 0.0, "bias": null }, "coolDown": 30.0, "faults": [],
        },
        "validity": { "state": "degraded", "reasons": ["one processor was late"] },
        "metrics": {}, "targets": [], "invariants": [], "provenance": {},
    }))
    .expect("it is a report");
    assert_eq!(
        report.validity,
        Validity { state: Trust::Degraded, reasons: vec!["one processor was late".to_owned()] }
    );
    Fetched { json: serde_json::to_vec(&report).expect("a report is JSON"), report, html }
}

fn kept(html: Result<Vec<u8>, String>) -> Value {
    with_plot(chat(), &settings(), |plot| results::result(plot, "1", &fetched(html))).body
}

#[test]
fn a_page_comes_out_of_its_config_map_as_it_went_in() {
    use std::io::Read as _;
    let page = b"<html>hello</html>".repeat(1_000);
    let object = kept(Ok(page.clone()));
    assert_eq!(object["metadata"]["annotations"][results::VERDICT], "pass");
    assert_eq!(object["metadata"]["annotations"][results::VALIDITY], "degraded");
    assert_eq!(object["metadata"]["annotations"][results::REASONS], "one processor was late");
    let ByteString(binary) =
        serde_json::from_value(object["binaryData"][results::HTML].clone()).expect("it is there");
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(&*binary).read_to_end(&mut out).expect("it is gzip");
    assert_eq!(out, page);
    assert!(
        object["data"][results::JSON].as_str().is_some_and(|json| json.contains("peerlab.dev/report/v1"))
    );
    assert!(object["data"].get(results::LEFT_OUT).is_none());
    assert_eq!(object, kept(Ok(page)), "the same report makes the same object");
}

#[test]
fn what_does_not_fit_is_left_out_by_name() {
    // What gzip can do nothing about.
    let mut state = 1_u64;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    });
    let object = kept(Ok(noise.take(900_000).collect()));
    assert!(object.get("binaryData").is_none());
    let told = object["data"][results::LEFT_OUT].as_str().expect("it is told");
    assert!(told.starts_with("report.html: compressed, its 9"), "{told}");

    let object = kept(Err("404 Not Found".to_owned()));
    assert_eq!(object["data"][results::LEFT_OUT], "report.html: 404 Not Found\n");
    assert_eq!(object["metadata"]["annotations"][results::VERDICT], "pass");
}
