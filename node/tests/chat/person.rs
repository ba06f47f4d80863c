//! A person: a process of `peerlab-node chat`, what is typed to it, and what it shows.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::mpsc,
    thread,
    time::Duration,
};

/// How long a person waits for a line before the test counts as hung.
const HANG: Duration = Duration::from_secs(90);

pub(super) struct Person {
    name: String,
    process: Child,
    keyboard: Option<ChildStdin>,
    screen: mpsc::Receiver<String>,
    shown: Vec<String>,
    /// How many lines were looked at.
    read: usize,
}

impl Person {
    /// Starts a process. `more` is what stands on its command line besides the name.
    pub(super) fn new(name: &str, more: &[&str]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_peerlab-node"))
            .args(["chat", "--name", name])
            .args(more)
            .env("TZ", "UTC")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .expect("the program starts");
        let output = BufReader::new(process.stdout.take().expect("it has an output"));
        let (tell, screen) = mpsc::channel();
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if tell.send(line).is_err() {
                    return;
                }
            }
        });
        let keyboard = process.stdin.take();
        Self { name: name.to_owned(), process, keyboard, screen, shown: Vec::new(), read: 0 }
    }

    /// One who listens on this machine alone and neither looks for others nor is found.
    pub(super) fn at_home(name: &str, more: &[&str]) -> Self {
        let alone = ["--listen", "/ip4/127.0.0.1/tcp/0", "--no-mdns"];
        Self::new(name, &[&alone, more].concat())
    }

    pub(super) fn types(&mut self, line: &str) {
        let keyboard = self.keyboard.as_mut().expect("it has not left");
        writeln!(keyboard, "{line}").expect("it reads what is typed");
    }

    /// Waits for a line that contains this, beyond those that were looked at before.
    pub(super) fn sees(&mut self, what: &str) -> String {
        loop {
            while let Some(line) = self.shown.get(self.read) {
                self.read += 1;
                if line.contains(what) {
                    return line.clone();
                }
            }
            match self.screen.recv_timeout(HANG) {
                Ok(line) => self.shown.push(line),
                Err(_) => panic!("`{what}` was not shown; this was: {:#?}", self.shown),
            }
        }
    }

    /// Looks at all lines again.
    pub(super) fn looks_back(&mut self) {
        self.read = 0;
    }

    /// All that was shown so far.
    pub(super) fn shown(&mut self) -> &[String] {
        self.shown.extend(self.screen.try_iter());
        &self.shown
    }

    /// The address by which others can join it.
    pub(super) fn address(&mut self) -> String {
        let line = self.sees("--join ");
        line.split_whitespace().last().expect("the line has words").to_owned()
    }

    /// Leaves as at the end of its input.
    pub(super) fn leaves(mut self) -> ExitStatus {
        self.keyboard = None;
        self.process.wait().expect("it ends")
    }

    /// The number of its process.
    pub(super) fn process(&self) -> u32 {
        self.process.id()
    }

    /// Waits for its end.
    pub(super) fn ends(mut self) -> ExitStatus {
        self.process.wait().expect("it ends")
    }

    /// Dies without a word.
    pub(super) fn dies(mut self) {
        self.process.kill().expect("it runs");
        self.process.wait().expect("it ends");
    }
}

impl Drop for Person {
    fn drop(&mut self) {
        if thread::panicking() {
            // What the others saw is half of what has happened.
            self.shown.extend(self.screen.try_iter());
            eprintln!("{} saw: {:#?}", self.name, self.shown);
        }
        // One that has ended by itself needs no end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
