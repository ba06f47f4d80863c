//! Whoever asks for what there is not, or does not keep to the limits.

use std::{
    fs,
    io::{ErrorKind, Read as _, Write as _},
    net::TcpStream,
    time::Duration,
};

use peerlab_scenarios::report::Stage;
use tokio::{
    runtime::{Builder, Runtime},
    sync::watch,
};

use super::{
    pulse::Heart,
    server::{HEAD, Limits, Server},
    status::{Files, Status},
};

/// A server that tells of a run, and what it stands on.
struct Bench {
    server: Server,
    status: watch::Sender<Status>,
    folder: tempfile::TempDir,
    _heart: Heart,
    _runtime: Runtime,
}

impl Bench {
    fn new(limits: Limits, is_process: bool) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().expect("it starts");
        let heart = Heart::beat(runtime.handle());
        let (status, told) = watch::channel(Status::default());
        let any = ([127, 0, 0, 1], 0).into();
        let server = Server::within(limits, any, told, heart.beats(), is_process).expect("it listens");
        let folder = tempfile::tempdir().expect("there is room");
        Self { server, status, folder, _heart: heart, _runtime: runtime }
    }

    /// Of a run that has left these files.
    fn with_files(limits: Limits, files: &[(&str, usize)]) -> Self {
        let bench = Self::new(limits, false);
        let place = bench.folder.path().join("run");
        for (name, len) in files {
            let path = place.join(name);
            fs::create_dir_all(path.parent().expect("it is in a folder")).expect("there is room");
            fs::write(path, vec![b'x'; *len]).expect("there is room");
        }
        fs::write(bench.folder.path().join("secret"), "secret").expect("there is room");
        let names = files.iter().map(|(name, _)| (*name).to_owned()).collect();
        bench.status.send_modify(|status| {
            status.stage = Stage::Done;
            status.files = Files { place, names };
        });
        bench
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.server.address()).expect("it listens");
        // A test that would hang is to fail.
        stream.set_read_timeout(Some(Duration::from_secs(60))).expect("it can");
        stream
    }

    /// Says something, and hears all that is answered.
    fn say(&self, words: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(words.as_bytes()).expect("it is taken");
        heard(&mut stream)
    }

    fn ask(&self, method: &str, path: &str) -> String {
        self.say(&format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))
    }
}

/// What comes until the other end hangs up.
fn heard(stream: &mut TcpStream) -> String {
    let mut heard = Vec::new();
    // It may hang up without having read all that was said to it, but it must hang up.
    if let Err(error) = stream.read_to_end(&mut heard) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{}", String::from_utf8_lossy(&heard));
    }
    String::from_utf8_lossy(&heard).into_owned()
}

fn answers(answer: &str, code: u16) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {code} ")), "{code} was expected, and not {answer}");
}

#[test]
fn nothing_is_given_but_what_the_run_has_written() {
    let bench = Bench::with_files(Limits::default(), &[("report.json", 3), ("files/a b.csv", 70_000)]);
    let report = bench.ask("GET", "/report/report.json");
    answers(&report, 200);
    assert!(report.contains("content-type: application/json") && report.ends_with("\r\n\r\nxxx"), "{report}");
    let named = bench.ask("GET", "/report/files/a%20b.csv");
    assert!(named.contains("content-length: 70000") && named.ends_with(&"x".repeat(70_000)));
    assert!(bench.ask("HEAD", "/report/report.json").ends_with("\r\n\r\n"));
    for path in [
        "/report/",
        "/report/../secret",
        "/report/..%2fsecret",
        "/report/%2e%2e/secret",
        "/report/files/../report.json",
        "/report//etc/passwd",
        "/report/files",
        "/report/%ff",
        "/secret",
        "/",
    ] {
        let answer = bench.ask("GET", path);
        answers(&answer, 404);
        assert!(!answer.ends_with("secret"), "{path}");
    }
    // What is gone meanwhile is told as that.
    fs::remove_file(bench.folder.path().join("run/report.json")).expect("it is there");
    answers(&bench.ask("GET", "/report/report.json"), 500);
}

#[test]
fn what_is_asked_for_in_the_wrong_way_is_refused() {
    let bench = Bench::new(Limits::default(), false);
    assert!(bench.ask("GET", "/collected").contains("allow: POST"));
    assert!(bench.ask("POST", "/status").contains("allow: GET, HEAD"));
    assert!(bench.ask("GET", "/stop").contains("allow: POST"));
    answers(&bench.ask("POST", "/collected"), 409);
    answers(&bench.ask("GET", "/report/report.json"), 404);
    answers(&bench.ask("GET", "/readyz"), 503);
    bench.status.send_modify(|status| status.is_ready = true);
    answers(&bench.ask("GET", "/readyz"), 200);
    answers(&bench.ask("GET", "/livez"), 200);
    assert!(bench.ask("GET", "/metrics").contains("peerlab_phase"));
}

/// The chart's dashboard shows what pods tell of themselves.
#[test]
fn the_dashboard_shows_what_is_told() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../charts/peerlab/files/dashboard.json");
    let dashboard = fs::read_to_string(path).expect("the chart has a dashboard");
    let told = Bench::new(Limits::default(), false).ask("GET", "/metrics");
    let names = dashboard.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let names: Vec<_> =
        names.filter(|name| name.starts_with("peerlab_") && !name.contains("operator")).collect();
    assert!(names.len() > 2, "{names:?}");
    for name in names {
        assert!(told.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} is told nowhere");
    }
}

#[test]
fn a_process_of_peers_has_no_run_to_tell_of() {
    let bench = Bench::new(Limits::default(), true);
    for path in ["/status", "/collected", "/stop", "/report/report.json"] {
        answers(&bench.ask("GET", path), 404);
    }
    answers(&bench.ask("GET", "/livez"), 200);
}

#[test]
fn a_head_that_is_too_long_or_has_too_many_fields_is_refused() {
    let bench = Bench::new(Limits::default(), false);
    answers(&bench.say(&format!("GET /{} HTTP/1.1\r\n", "x".repeat(2 * HEAD))), 431);
    answers(&bench.say(&format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(100))), 431);
    answers(&bench.say("nonsense\r\n\r\n"), 400);
    answers(&bench.ask("GET", "/livez"), 200);
}

#[test]
fn whoever_asks_nothing_or_takes_nothing_loses_its_connection() {
    let short = Duration::from_millis(300);
    let bench = Bench::new(Limits { head_within: short, ..Limits::default() }, false);
    assert_eq!(bench.say(""), "");
    let unfinished = bench.say("GET /livez HTTP/1.1\r\nHo");
    assert!(!unfinished.contains("200"), "{unfinished}");
    // It is kept for another request, which does not come.
    answers(&bench.say("GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"), 200);

    let large = 64 << 20;
    let bench = Bench::with_files(Limits { life: short, ..Limits::default() }, &[("facts.csv", large)]);
    let mut slow = bench.connect();
    slow.write_all(b"GET /report/facts.csv HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    std::thread::sleep(2 * short);
    assert!(heard(&mut slow).len() < large);
}

#[test]
fn so_many_connections_are_served_and_no_more() {
    let bench = Bench::new(Limits { connections: 3, ..Limits::default() }, false);
    let ask = |stream: &mut TcpStream| {
        let asked = stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        let mut answer = [0; 12];
        asked.is_ok() && stream.read_exact(&mut answer).is_ok() && answer == *b"HTTP/1.1 200"
    };
    let mut all: Vec<_> = (0..3).map(|_| bench.connect()).collect();
    assert!(all.iter_mut().all(ask));
    assert!(!ask(&mut bench.connect()), "a fourth was served");
    drop(all);
    // As soon as it is seen that they have gone, others are served.
    while !ask(&mut bench.connect()) {}
}

#[test]
fn answers_that_have_begun_are_given_before_the_program_ends() {
    let bench = Bench::with_files(Limits::default(), &[("report.json", 3)]);
    let answer = bench.ask("POST", "/collected");
    answers(&answer, 200);
    let Bench { server, .. } = &bench;
    Builder::new_current_thread().build().expect("it starts").block_on(server.collected());
    let mut kept = bench.connect();
    kept.write_all(b"GET /status HTTP/1.1\r\nHost: x\r\n\r\n").expect("it is taken");
    let mut first = [0; 1];
    kept.read_exact(&mut first).expect("the answer begins");
    drop(bench);
    assert!(heard(&mut kept).contains("\"phase\":\"done\""));
}
