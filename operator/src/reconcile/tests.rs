//! What is asked of the API server and of conductors, as stories. The API server is one that this test plays; a conductor is a real socket.

use std::{
    net::{IpAddr, Ipv4Addr},
    sync::Mutex,
};

use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use k8s_openapi::{api::core::v1::Pod, apimachinery::pkg::apis::meta::v1::Time};
use kube::{
    client::Body,
    runtime::{events::Reporter, watcher::Event as Watched},
};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::*;
use crate::{
    build::tests::settings,
    prepare::tests::{chat, object},
    watch::Writers,
};

/// An API server that has what it was given, keeps what is applied, and writes down what it is asked.
#[derive(Clone, Default)]
struct Server {
    asked: Arc<Mutex<Vec<String>>>,
    objects: Arc<Mutex<BTreeMap<String, Value>>>,
    /// What it answers with instead, by the end of a path.
    broken: Arc<Mutex<BTreeMap<&'static str, StatusCode>>>,
}

impl Server {
    fn client(&self) -> Client {
        let (service, mut handle) = tower_test::mock::pair::<Request<Body>, Response<Body>>();
        let server = self.clone();
        tokio::spawn(async move {
            while let Some((request, answer)) = handle.next_request().await {
                answer.send_response(server.answer(request).await);
            }
        });
        Client::new(service, "lab")
    }

    async fn answer(&self, request: Request<Body>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let short =
            path.rsplit('/').take(2).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("/");
        let kind = request
            .headers()
            .get(http::header::CONTENT_TYPE)
            .and_then(|kind| kind.to_str().ok())
            .unwrap_or_default();
        let merges = if kind.contains("merge-patch") { " (merge)" } else { "" };
        self.asked.lock().expect("no test panicked").push(format!("{method} {short}{merges}"));
        let body = request.into_body().collect().await.expect("a body").to_bytes();
        let failure = |code: StatusCode| {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": code.canonical_reason().unwrap_or_default().replace(' ', ""),
                "message": "so it is", "code": code.as_u16(),
            });
            (code, status)
        };
        let broken = self
            .broken
            .lock()
            .expect("no test panicked")
            .iter()
            .find(|(end, _)| path.ends_with(**end))
            .map(|(_, code)| *code);
        let mut objects = self.objects.lock().expect("no test panicked");
        let (code, answer) = match (broken, method) {
            (Some(code), method) if method != Method::GET => failure(code),
            (_, Method::GET) => objects
                .get(&path)
                .map_or_else(|| failure(StatusCode::NOT_FOUND), |object| (StatusCode::OK, object.clone())),
            (_, Method::DELETE) => {
                (StatusCode::OK, json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" }))
            }
            _ => {
                let mut object: Value = serde_json::from_slice(&body).expect("what is applied is JSON");
                if object["metadata"]["resourceVersion"].is_null() {
                    object["metadata"]["resourceVersion"] = json!("7");
                }
                objects.insert(path, object.clone());
                (StatusCode::OK, object)
            }
        };
        let answer = serde_json::to_vec(&answer).expect("JSON");
        Response::builder().status(code).body(Body::from(answer)).expect("an answer")
    }

    /// What was asked since the last time.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no test panicked"))
    }

    fn object(&self, end: &str) -> Value {
        let objects = self.objects.lock().expect("no test panicked");
        objects.iter().find(|(path, _)| path.ends_with(end)).expect("it was applied").1.clone()
    }
}

/// A conductor that is done, at a port of its own, and what it was asked.
async fn conductor(files: &[(&str, &str)]) -> (u16, Arc<Mutex<Vec<String>>>) {
    let files: BTreeMap<String, String> =
        files.iter().map(|(path, body)| ((*path).to_owned(), (*body).to_owned())).collect();
    let files = Arc::new(files);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let (log, files) = (Arc::clone(&log), Arc::clone(&files));
            let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
                let path = request.uri().path().to_owned();
                log.lock().expect("no test panicked").push(format!("{} {path}", request.method()));
                let body = files.get(&path).cloned();
                let answer = Response::builder()
                    .status(if body.is_some() { StatusCode::OK } else { StatusCode::NOT_FOUND })
                    .body(Full::new(Bytes::from(body.unwrap_or_default())))
                    .expect("an answer");
                async { Ok::<_, std::convert::Infallible>(answer) }
            });
            let served = hyper::server::conn::http1::Builder::new();
            tokio::spawn(served.serve_connection(TokioIo::new(connection), service));
        }
    });
    (port, asked)
}

struct Story {
    server: Server,
    context: Arc<Context>,
    writers: Writers,
}

impl Story {
    fn with_conductors_at(port: u16) -> Self {
        let server = Server::default();
        let (stores, mut writers) = Stores::empty();
        writers.scenarios.apply_watcher_event(&Watched::InitDone);
        let client = server.client();
        let context = Context {
            recorder: Recorder::new(
                client.clone(),
                Reporter { controller: "test".to_owned(), instance: None },
            ),
            client,
            settings: Settings { http_port: port, ..settings() },
            stores,
            asker: Asker::new(port),
            metrics: Arc::default(),
            memory: Memory::default(),
        };
        Self { server, context: Arc::new(context), writers }
    }

    fn new() -> Self {
        Self::with_conductors_at(9)
    }

    async fn reconcile(&self, scenario: &ScenarioObject) -> Result<Action, ReconcileError> {
        reconcile(Arc::new(scenario.clone()), Arc::clone(&self.context)).await
    }

    /// What the status would be read back as.
    fn written(&self, scenario: &ScenarioObject) -> ScenarioObject {
        ScenarioObject {
            status: Some(self.server.object("/chat/status")["status"].clone()),
            ..scenario.clone()
        }
    }
}

#[tokio::test]
async fn a_new_scenario_has_its_objects_applied_and_is_told_of() {
    let story = Story::new();
    let scenario = object("chat", chat());
    story.reconcile(&scenario).await.expect("nothing stands in the way");
    assert_eq!(
        story.server.asked(),
        [
            "GET configmaps/chat-scenario",
            "PATCH configmaps/chat-scenario",
            "GET services/chat-peers",
            "PATCH services/chat-peers",
            "GET services/chat-conductor",
            "PATCH services/chat-conductor",
            "GET networkpolicies/chat-run",
            "PATCH networkpolicies/chat-run",
            "GET statefulsets/chat-offices",
            "PATCH statefulsets/chat-offices",
            "GET statefulsets/chat-homes",
            "PATCH statefulsets/chat-homes",
            "PATCH chat/status",
            "POST lab/events",
        ]
    );
    let status = story.server.object("/chat/status");
    assert_eq!(
        status["metadata"]["resourceVersion"], "100",
        "what is decided on something older is a conflict"
    );
    assert_eq!(status["status"]["phase"], "Starting");
    let owner = &story.server.object("/statefulsets/chat-homes")["metadata"]["ownerReferences"][0];
    assert_eq!((&owner["kind"], &owner["controller"]), (&json!("Scenario"), &json!(true)));
}

#[tokio::test]
async fn a_run_that_finds_no_room_learns_whose_turn_it_is() {
    let mut story = Story::new();
    let another = |name: &str, at: i64, phase: &str| {
        let mut scenario = object(name, chat());
        scenario.metadata.uid = Some(name.to_owned());
        scenario.metadata.creation_timestamp = Some(Time(Timestamp::from_second(at).expect("a time")));
        scenario.status = Some(json!({ "phase": phase, "runId": "1", "attempt": 1 }));
        scenario
    };
    // In no order of theirs.
    for (name, at, phase) in [
        ("late", 30, "Joining"),
        ("over", 1, "Complete"),
        ("first", 10, "Joining"),
        ("second", 11, "Starting"),
        ("runs", 5, "Running"),
    ] {
        story.writers.scenarios.apply_watcher_event(&Watched::Apply(another(name, at, phase)));
    }
    let scenario = another("chat", 20, "Starting");
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "chat-homes-0", "namespace": "lab", "labels": {
            "app.kubernetes.io/managed-by": "peerlab-operator", "app.kubernetes.io/instance": "chat",
            "app.kubernetes.io/component": "peers", "peerlab.dev/run": "1.1",
        } },
        "status": { "phase": "Pending", "conditions": [
            { "type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "1 Insufficient cpu" },
        ] },
    }))
    .expect("a pod");
    story.writers.pods.apply_watcher_event(&Watched::Apply(pod));
    story.reconcile(&scenario).await.expect("it waits");
    let scenario = story.written(&scenario);
    let conditions = scenario.known_status().conditions;
    let ready = conditions::find(&conditions, conditions::PEERS_READY).expect("it is said");
    assert_eq!(ready.reason, "Queued");
    assert!(ready.message.contains("those of lab/first,"), "{}", ready.message);
    assert!(!story.server.asked().iter().any(|asked| asked.contains("PATCH statefulsets")));
}

#[tokio::test]
async fn what_is_there_is_not_written_again_until_somebody_changes_it() {
    let mut story = Story::new();
    let scenario = object("chat", chat());
    story.reconcile(&scenario).await.expect("nothing stands in the way");
    let scenario = story.written(&scenario);
    let mut service: kube::core::PartialObjectMeta<k8s_openapi::api::core::v1::Service> =
        serde_json::from_value(story.server.object("/services/chat-peers")).expect("an object");
    story.server.asked();

    story.writers.services.apply_watcher_event(&Watched::Apply(service.clone()));
    story.reconcile(&scenario).await.expect("nothing stands in the way");
    let asked = story.server.asked();
    assert!(!asked.iter().any(|asked| asked.contains("chat-peers")), "{asked:?}");
    assert!(!asked.iter().any(|asked| asked.contains("status") || asked.contains("events")), "{asked:?}");

    service.metadata.resource_version = Some("8".to_owned());
    story.writers.services.apply_watcher_event(&Watched::Apply(service));
    story.reconcile(&scenario).await.expect("nothing stands in the way");
    let asked = story.server.asked();
    assert!(asked.contains(&"PATCH services/chat-peers (merge)".to_owned()), "{asked:?}");
}

#[tokio::test]
async fn an_object_of_somebody_else_is_not_taken_over() {
    let story = Story::new();
    let foreign = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "chat-scenario", "namespace": "lab" } });
    let path = "/api/v1/namespaces/lab/configmaps/chat-scenario".to_owned();
    story.server.objects.lock().expect("no test panicked").insert(path, foreign);
    let error = story.reconcile(&object("chat", chat())).await.expect_err("the name is taken");
    assert_eq!(error.reason(), "name_taken");
    assert!(error.to_string().contains("ConfigMap chat-scenario is there already"), "{error}");
    let asked = story.server.asked();
    assert!(!asked.contains(&"PATCH configmaps/chat-scenario".to_owned()), "{asked:?}");
    assert_eq!(asked.last().map(String::as_str), Some("POST lab/events"), "its owner is told");
}

#[tokio::test]
async fn a_conflict_is_decided_again_and_an_error_waits_longer_each_time() {
    let story = Story::new();
    let scenario = Arc::new(object("chat", chat()));
    let again =
        |error: &ReconcileError| after_error(Arc::clone(&scenario), error, Arc::clone(&story.context));
    story.server.broken.lock().expect("no test panicked").insert("/chat/status", StatusCode::CONFLICT);
    let conflict = story.reconcile(&scenario).await.expect_err("somebody else has written");
    assert!(conflict.is_conflict());
    assert_eq!(again(&conflict), Action::requeue(CONFLICT_PAUSE));

    story.server.broken.lock().expect("no test panicked").insert("/chat/status", StatusCode::FORBIDDEN);
    let forbidden = story.reconcile(&scenario).await.expect_err("it may not");
    assert_eq!(forbidden.reason(), "forbidden");
    assert_ne!(again(&forbidden), Action::requeue(CONFLICT_PAUSE));
    let pause = story.context.memory.after_failure(scenario.metadata.uid.as_deref().expect("a uid"));
    assert!(pause >= Duration::from_secs(1), "{pause:?} after one failure before");
    let text = story.context.metrics.text();
    assert!(text.contains("peerlab_operator_reconciles_total{result=\"conflict\"} 1"), "{text}");
    assert!(text.contains("peerlab_operator_reconcile_failures_total{reason=\"forbidden\"} 1"), "{text}");
}

#[tokio::test]
async fn a_scenario_that_cannot_be_run_costs_one_write() {
    let story = Story::new();
    let scenario = object("chat", json!({ "duration": "soon" }));
    let action = story.reconcile(&scenario).await.expect("it is refused, which is no error");
    assert_eq!(action, Action::await_change());
    assert_eq!(story.server.asked(), ["PATCH chat/status", "POST lab/events"]);
    let status = story.server.object("/chat/status");
    assert_eq!(status["status"]["conditions"][0]["type"], "Accepted");
    story.reconcile(&story.written(&scenario)).await.expect("still none");
    assert!(story.server.asked().is_empty(), "and no second one");
}

#[tokio::test]
async fn files_come_from_the_config_map_that_is_named() {
    let story = Story::new();
    let mut spec = chat();
    spec["topology"] = json!({ "import": { "file": "ring.txt" } });
    spec["cluster"] = json!({ "files": "graphs" });
    let scenario = object("chat", spec);
    let action = story.reconcile(&scenario).await.expect("it is refused for now");
    assert_eq!(action, Action::requeue(Duration::from_secs(30)), "it may come");
    let ring: String = (0..30).map(|peer| format!("{peer} {}\n", (peer + 1) % 30)).collect();
    let graphs = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "graphs" }, "data": { "ring.txt": ring } });
    let path = "/api/v1/namespaces/lab/configmaps/graphs".to_owned();
    story.server.objects.lock().expect("no test panicked").insert(path, graphs);
    story.reconcile(&story.written(&scenario)).await.expect("it can be run");
    assert_eq!(story.server.object("/chat-scenario")["data"]["ring.txt"], ring);
}

const REPORT: &str = r#"{"schema":"peerlab.dev/report/v1","engine":"live","seed":42,"scenario":{"name":"chat","description":null,"peers":30,"edges":120,
    "duration":60.0,"warmUp":0.0,"settling":{"at":0.0,"bias":null},"coolDown":30.0,"faults":[]},"validity":{"state":"valid","reasons":[]},
    "metrics":{},"targets":[],"invariants":[],"provenance":{}}"#;

const DONE: &str = r#"{"phase":"done","peersWanted":30,"peersReady":30,"elapsed":"1m30s","elapsedSeconds":90.0,"durationSeconds":90.0,
    "validity":"valid","verdict":"pass","exitCode":0,"message":null,"files":["report.json","report.html"]}"#;

/// A run whose conductor is done.
fn done(story: &mut Story) -> ScenarioObject {
    let mut scenario = object("chat", chat());
    scenario.status =
        Some(json!({ "phase": "Running", "runId": "1", "attempt": 1, "startedAt": "2026-11-28T12:00:00Z" }));
    let labels = json!({
        "app.kubernetes.io/managed-by": "peerlab-operator", "app.kubernetes.io/instance": "chat",
        "app.kubernetes.io/component": "conductor", "peerlab.dev/run": "1.1",
    });
    let job = json!({ "metadata": { "name": "chat-conductor", "namespace": "lab", "labels": labels } });
    story.writers.jobs.apply_watcher_event(&Watched::Apply(serde_json::from_value(job).expect("a Job")));
    let pod: Pod = serde_json::from_value(json!({
        "metadata": { "name": "chat-conductor-x", "namespace": "lab", "labels": labels },
        "status": {
            "phase": "Running", "podIP": IpAddr::from(Ipv4Addr::LOCALHOST).to_string(),
            "containerStatuses": [{ "name": "conductor", "ready": true, "restartCount": 0, "image": "", "imageID": "", "state": { "running": {} } }],
        },
    }))
    .expect("a pod");
    story.writers.pods.apply_watcher_event(&Watched::Apply(pod));
    scenario
}

#[tokio::test]
async fn a_report_is_fetched_kept_and_let_go() {
    let files = &[
        ("/status", DONE),
        ("/report/report.json", REPORT),
        ("/report/report.html", "<html></html>"),
        ("/collected", ""),
    ];
    let (port, asked) = conductor(files).await;
    let mut story = Story::with_conductors_at(port);
    let scenario = done(&mut story);
    story.reconcile(&scenario).await.expect("the report is fetched");
    assert_eq!(
        *asked.lock().expect("no test panicked"),
        ["GET /status", "GET /report/report.json", "GET /report/report.html"]
    );
    let result = story.server.object("/configmaps/chat-result-1");
    assert_eq!(result["metadata"]["annotations"]["peerlab.dev/verdict"], "pass");
    assert_eq!(result["data"]["report.json"], REPORT);

    let result = serde_json::from_value(result).expect("an object");
    story.writers.config_maps.apply_watcher_event(&Watched::Apply(result));
    let scenario = story.written(&scenario);
    story.reconcile(&scenario).await.expect("it is complete");
    let scenario = story.written(&scenario);
    assert_eq!(scenario.known_status().phase, Some(Phase::Complete));
    assert!(
        !asked.lock().expect("no test panicked").contains(&"POST /collected".to_owned()),
        "the verdict is written first"
    );
    story.reconcile(&scenario).await.expect("it is tidied up");
    assert!(asked.lock().expect("no test panicked").contains(&"POST /collected".to_owned()));
}

#[tokio::test]
async fn a_run_that_was_interrupted_says_nothing_of_its_targets() {
    let report = REPORT.replace(r#""coolDown":30.0"#, r#""coolDown":30.0,"interrupted":6.5"#);
    let files = &[
        ("/status", DONE),
        ("/report/report.json", report.as_str()),
        ("/report/report.html", "<html></html>"),
    ];
    let (port, _) = conductor(files).await;
    let mut story = Story::with_conductors_at(port);
    let scenario = done(&mut story);
    story.reconcile(&scenario).await.expect("the report is fetched");
    let result = story.server.object("/configmaps/chat-result-1");
    assert_eq!(result["metadata"]["annotations"]["peerlab.dev/verdict"], "invalid");
    assert_eq!(result["metadata"]["annotations"]["peerlab.dev/validity"], "valid");
}

#[tokio::test]
async fn a_conductor_is_told_to_end_a_run_that_is_cancelled() {
    let running = DONE.replace(r#""phase":"done""#, r#""phase":"running""#);
    let (port, asked) = conductor(&[("/status", running.as_str()), ("/stop", "")]).await;
    let mut story = Story::with_conductors_at(port);
    let mut scenario = done(&mut story);
    scenario.spec["cluster"] = json!({ "cancel": "1" });
    story.reconcile(&scenario).await.expect("it is told");
    assert_eq!(*asked.lock().expect("no test panicked"), ["GET /status", "POST /stop"]);
}

#[tokio::test]
async fn a_report_in_another_form_is_an_error_and_the_conductor_keeps_it() {
    let (port, asked) = conductor(&[("/status", DONE), ("/report/report.json", "{}")]).await;
    let mut story = Story::with_conductors_at(port);
    let scenario = done(&mut story);
    let error = story.reconcile(&scenario).await.expect_err("it is no report");
    assert_eq!(error.reason(), "report");
    assert!(!asked.lock().expect("no test panicked").contains(&"POST /collected".to_owned()));
}
