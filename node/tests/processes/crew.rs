//! Programs that are run, and what they say.

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::Request;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::Value;

/// Twelve peers, and what they say to each other in one room.
pub(crate) const CHAT: &str = "
duration: 10s
coolDown: 2s
groups: [{name: people, peers: 12, link: {profile: fibre}}]
network: {latency: {fixed: {oneWay: 10ms}}}
topology: {kRegular: {degree: 4}}
workloads:
  - name: room
    chat: {posts: {poisson: {every: 500ms}}, sync: {every: 1s}}
targets:
  - {metric: room.delivery.completeness, atLeast: 100%}
";

/// Whatever happens takes no longer.
const PATIENCE: Duration = Duration::from_secs(120);

/// A folder with a scenario, that goes with the test.
pub(crate) struct Place(tempfile::TempDir);

impl Place {
    /// Of a scenario, from the part of it below `spec` in YAML.
    pub(crate) fn new(spec: &str) -> Self {
        let place = Self(tempfile::tempdir().expect("there is room"));
        let indented: String = spec.lines().map(|line| format!("  {line}\n")).collect();
        let text = format!(
            "apiVersion: peerlab.dev/v1alpha1\nkind: Scenario\nmetadata: {{name: story}}\nspec:\n{indented}"
        );
        fs::write(place.scenario(), text).expect("it can be written");
        place
    }

    pub(crate) fn scenario(&self) -> PathBuf {
        self.0.path().join("story.yaml")
    }

    fn out(&self) -> PathBuf {
        self.0.path().join("out")
    }

    pub(crate) fn report(&self) -> Value {
        serde_json::from_str(&self.file("report.json")).expect("it is JSON")
    }

    /// A file of the run folder.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(self.out().join(name)).expect("it is there")
    }

    pub(crate) fn has_report(&self) -> bool {
        self.out().exists()
    }

    /// A command on the scenario that writes a report.
    pub(crate) fn start(&self, command: &str, arguments: &[&str]) -> Program {
        let mut program = program();
        program.arg(command).arg(self.scenario()).args(arguments).arg("--out").arg(self.out());
        Program::start(program)
    }

    /// A conductor, and its address.
    pub(crate) fn conductor(&self, arguments: &[&str]) -> (Program, String) {
        let arguments = [&["--listen", "/ip4/127.0.0.1/tcp/0"][..], arguments].concat();
        let mut conductor = self.start("conduct", &arguments);
        let told = conductor.wait_for("listening at ");
        let address = told.trim_start_matches("listening at ").to_owned();
        (conductor, address)
    }
}

/// Some peers of a run with the seed 1.
pub(crate) fn peers(conductor: &str, index: &str) -> Program {
    peers_of(conductor, index, &["--seed", "1"])
}

/// Some peers of a run.
pub(crate) fn peers_of(conductor: &str, index: &str, arguments: &[&str]) -> Program {
    let mut program = program();
    program.args(["peer", "--conductor", conductor, "--index", index]).args(arguments);
    Program::start(program)
}

fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
}

/// A program that runs. It is ended with the test.
pub(crate) struct Program {
    child: Child,
    heard: std::sync::mpsc::Receiver<String>,
    said: Vec<String>,
}

impl Program {
    fn start(mut command: Command) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it starts");
        let (hear, heard) = std::sync::mpsc::channel();
        let stderr = BufReader::new(child.stderr.take().expect("it is piped"));
        thread::spawn(move || stderr.lines().map_while(Result::ok).try_for_each(|line| hear.send(line)));
        // A pipe that nobody reads would fill up.
        let mut stdout = child.stdout.take().expect("it is piped");
        thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        Self { child, heard, said: Vec::new() }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has said a line that begins so.
    pub(crate) fn wait_for(&mut self, beginning: &str) -> String {
        if let Some(line) = self.said.iter().find(|line| line.starts_with(beginning)) {
            return line.clone();
        }
        loop {
            let line = self.heard.recv_timeout(PATIENCE);
            let line = line.unwrap_or_else(|_| panic!("it did not say `{beginning}`, but {:?}", self.said));
            self.said.push(line.clone());
            if line.starts_with(beginning) {
                return line;
            }
        }
    }

    /// Waits until it says one line more.
    pub(crate) fn wait_for_next(&mut self) -> String {
        let line = self.heard.recv_timeout(PATIENCE);
        let line = line.unwrap_or_else(|_| panic!("it said no more than {:?}", self.said));
        self.said.push(line.clone());
        line
    }

    /// Where it serves.
    pub(crate) fn url(&mut self) -> String {
        self.wait_for("serving at ").trim_start_matches("serving at ").to_owned()
    }

    /// Waits until it has ended. Gives its exit code and all that it said.
    pub(crate) fn end(mut self) -> (i32, String) {
        let status = self.wait();
        while let Ok(line) = self.heard.recv_timeout(PATIENCE) {
            self.said.push(line);
        }
        (status.code().unwrap_or(-1), self.said.join("\n"))
    }

    fn wait(&mut self) -> ExitStatus {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().expect("it is a child") {
                return status;
            }
            assert!(Instant::now() < deadline, "it has not ended, and said {:?}", self.said);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The processes that it has started.
    pub(crate) fn children(&self) -> Vec<u32> {
        let processes = fs::read_dir("/proc").expect("it is Linux").flatten();
        let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.filter(|process| parent(*process) == Some(self.id())).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended, unless a test has failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Asks a program for something over HTTP. Gives the code of the answer, and what it holds.
pub(crate) fn ask(method: &str, url: &str) -> (u16, String) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(async {
        let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
        let request = Request::builder().method(method).uri(url).body(Empty::new()).expect("it can be asked");
        let answer = client.request(request).await.unwrap_or_else(|error| panic!("{url}: {error}"));
        let code = answer.status().as_u16();
        let body = answer.into_body().collect().await.expect("the answer is whole").to_bytes();
        (code, String::from_utf8_lossy(&body).into_owned())
    })
}

/// Asks for something until it is as it is wanted to be.
pub(crate) fn wait_until<T>(mut asks: impl FnMut() -> T, is_so: impl Fn(&T) -> bool) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let came = asks();
        if is_so(&came) {
            return came;
        }
        assert!(Instant::now() < deadline, "it never was as it was wanted to be");
        thread::sleep(Duration::from_millis(50));
    }
}

/// The memory that a process has, MiB.
pub(crate) fn resident(process: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("it has memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("it is a number");
    kib / 1024
}

/// The fourth field of proc_pid_stat(5). The second may hold anything, in parentheses.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(Path::new("/proc").join(process.to_string()).join("stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Sends a signal to a process.
pub(crate) fn signal(name: &str, process: u32) {
    let done = Command::new("kill").args(["-s", name, &process.to_string()]).status();
    assert!(done.expect("there is such a program").success());
}
