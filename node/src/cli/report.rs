//! `peerlab-node report scenario/NAME`: the report of a run on Kubernetes, as files.
//!
//! It is `kubectl` that asks the cluster, in the context and with the rights of whoever calls it. All that is known here of Kubernetes is where a
//! result is kept.

use std::{
    ffi::OsString,
    io::{ErrorKind, Read as _},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use flate2::read::GzDecoder;
use peerlab_report::{
    cli::{Stop, print},
    folder::Folder,
};
use peerlab_scenarios::report::Report as Told;

/// A page is no longer, by the limits of what holds it.
const MOST_OF_A_PAGE: u64 = 256 << 20;

/// Where the status of a scenario says that its result is kept.
const RESULT: &str = "jsonpath={.status.resultRef.configMap}";

/// The report for programs, of a result.
const JSON: &str = r#"go-template={{with index .data "report.json"}}{{.}}{{end}}"#;

/// The report for people, compressed.
const PAGE: &str =
    r#"go-template={{with .binaryData}}{{with index . "report.html.gz"}}{{. | base64decode}}{{end}}{{end}}"#;

/// What does not fit into a result, a line each.
const LEFT_OUT: &str = r#"go-template={{with index .data "left-out.txt"}}{{.}}{{end}}"#;

#[derive(Debug, Args)]
pub(super) struct Report {
    /// The scenario, as kubectl names it, or its name alone.
    #[arg(value_name = "scenario/NAME")]
    scenario: String,
    /// The folder for report.json and report.html. Default: `out/NAME/cluster`, or the next that is free.
    #[arg(long, short, value_name = "FOLDER")]
    out: Option<PathBuf>,
    /// Replace the report that is in the folder.
    #[arg(long, requires = "out")]
    force: bool,
    /// The scenario's namespace. Default: that of kubectl's context.
    #[arg(long, short, value_name = "NAME")]
    namespace: Option<String>,
    /// The program that asks the cluster.
    #[arg(long, value_name = "PROGRAM", default_value = "kubectl")]
    kubectl: OsString,
}

impl Report {
    /// Fetches the report, and ends as a run with it would.
    pub(super) fn run(&self) -> Result<u8, Stop> {
        let name = self.scenario.strip_prefix("scenario/").unwrap_or(&self.scenario);
        let result = text(self.get(&format!("scenarios.peerlab.dev/{name}"), RESULT)?)?;
        if result.is_empty() {
            return Err(anyhow!(
                "scenario/{name} has no result yet: kubectl wait --for=condition=Complete scenario/{name}"
            )
            .into());
        }
        let kept = format!("configmap/{result}");
        let (json, left_out) = (text(self.get(&kept, JSON)?)?, text(self.get(&kept, LEFT_OUT)?)?);
        let report: Told = serde_json::from_str(&json).with_context(|| {
            let why = if left_out.is_empty() { "" } else { "; left out: " };
            let told = left_out.trim_end();
            format!("{kept} has no report that this release can read under `report.json`{why}{told}")
        })?;
        let page = match self.get(&kept, PAGE)? {
            nothing if nothing.is_empty() => None,
            packed => Some(
                unpacked(&packed)
                    .with_context(|| format!("{kept} has no page that can be read under `report.html.gz`"))?,
            ),
        };

        let folder = match &self.out {
            Some(place) => Folder::begin(place, self.force)?,
            None => Folder::begin_free(&Path::new("out").join(name), "cluster")?,
        };
        folder.write("report.json", json.as_bytes())?;
        if let Some(page) = &page {
            folder.write("report.html", page)?;
        }
        let (place, verdict) = (folder.finish()?, report.conclusion());
        let first = if page.is_some() { "report.html" } else { "report.json" };
        print(&format!(
            "{}: {} ({})\n",
            place.join(first).display(),
            verdict.name(),
            report.validity.state.name()
        ))?;
        left_out.lines().try_for_each(|line| print(&format!("left out: {line}\n")))?;
        Ok(verdict.exit_code())
    }

    /// A part of an object, as kubectl writes it.
    fn get(&self, object: &str, output: &str) -> anyhow::Result<Vec<u8>> {
        let mut kubectl = Command::new(&self.kubectl);
        kubectl.args(["get", object, "--output", output]);
        kubectl.args(self.namespace.iter().flat_map(|name| ["--namespace", name]));
        let done = kubectl.output().map_err(|error| {
            let program = self.kubectl.display();
            match error.kind() {
                ErrorKind::NotFound => {
                    anyhow!("there is no `{program}` here, which asks the cluster: --kubectl PROGRAM")
                }
                _ => anyhow!("`{program}` cannot be run: {error}"),
            }
        })?;
        if !done.status.success() {
            bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(done.stdout)
    }
}

fn text(bytes: Vec<u8>) -> anyhow::Result<String> {
    String::from_utf8(bytes).context("what kubectl writes is no text")
}

fn unpacked(bytes: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut page = Vec::new();
    GzDecoder::new(bytes).take(MOST_OF_A_PAGE).read_to_end(&mut page)?;
    Ok(page)
}

#[cfg(all(test, unix))]
mod tests {
    use std::{fs, io::Write as _, os::unix::fs::PermissionsExt as _};

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// A `kubectl` that answers from files: where the result is, the report, and the page.
    fn kubectl(folder: &Path, result: &str, report: &str, page: &[u8]) -> OsString {
        fs::write(folder.join("report"), report).unwrap();
        fs::write(folder.join("page"), page).unwrap();
        let script = format!(
            "#!/bin/sh\ncd '{}' && echo \"$*\" >>asked\ncase \"$4\" in\n*resultRef*) printf %s '{result}' ;;\n*report.json*) cat report ;;\n\
             *report.html*) cat page ;;\n*left-out*) cat left-out 2>/dev/null ;;\nesac\nexit 0\n",
            folder.display()
        );
        let program = folder.join("kubectl");
        fs::write(&program, script).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        program.into()
    }

    fn report(folder: &Path, kubectl: OsString) -> Report {
        Report {
            scenario: "scenario/chat".to_owned(),
            out: Some(folder.join("out")),
            force: false,
            namespace: Some("lab".to_owned()),
            kubectl,
        }
    }

    fn page(text: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).unwrap();
        packed.finish().unwrap()
    }

    const MISSED: &str = r#"{"schema": "peerlab.dev/report/v1", "engine": "libp2p", "seed": 1,
        "scenario": {"name": "chat", "description": null, "peers": 2, "edges": 1, "duration": 1.0, "warmUp": 0.0,
            "settling": {"at": 0.0, "bias": null}, "coolDown": 0.0, "faults": []},
        "validity": {"state": "valid", "reasons": []}, "metrics": {},
        "targets": [{"metric": "m", "bound": "max", "limit": 1.0, "observed": 2.0, "unit": "s", "met": false}],
        "invariants": [], "provenance": {}}"#;

    #[test]
    fn a_report_becomes_files_and_its_verdict_the_exit_code() {
        let folder = tempfile::tempdir().unwrap();
        let program = kubectl(folder.path(), "chat-result-2", MISSED, &page("<html></html>"));
        let code = report(folder.path(), program.clone()).run().unwrap();
        assert_eq!(code, 1);
        assert_eq!(fs::read_to_string(folder.path().join("out/report.html")).unwrap(), "<html></html>");
        assert_eq!(fs::read_to_string(folder.path().join("out/report.json")).unwrap(), MISSED);
        let asked = fs::read_to_string(folder.path().join("asked")).unwrap();
        assert!(asked.starts_with("get scenarios.peerlab.dev/chat --output jsonpath="), "{asked}");
        assert!(
            asked.contains("get configmap/chat-result-2 ") && asked.ends_with("--namespace lab\n"),
            "{asked}"
        );
        let again = report(folder.path(), program).run().unwrap_err();
        assert!(again.text().contains("--force"), "{}", again.text());
    }

    #[test]
    fn a_report_whose_page_did_not_fit_is_fetched_without_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("left-out"), "report.html: it is long\n").unwrap();
        let program = kubectl(folder.path(), "chat-result-1", MISSED, b"");
        assert_eq!(report(folder.path(), program).run().unwrap(), 1);
        assert_eq!(fs::read_to_string(folder.path().join("out/report.json")).unwrap(), MISSED);
        assert!(!folder.path().join("out/report.html").exists());
    }

    #[test]
    fn what_is_missing_is_said_and_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let told = |result, text, page: &[u8]| {
            let program = kubectl(folder.path(), result, text, page);
            report(folder.path(), program).run().unwrap_err().text()
        };
        assert!(told("", MISSED, b"").contains("kubectl wait --for=condition=Complete scenario/chat"));
        assert!(told("chat-result-1", "", b"").contains("report.json"));
        assert!(told("chat-result-1", MISSED, b"no page").contains("report.html.gz"));
        fs::write(folder.path().join("left-out"), "report.json: it is long\n").unwrap();
        assert!(told("chat-result-1", "", b"").contains("report.json: it is long"));
        assert!(!folder.path().join("out").exists());
        let none = report(folder.path(), "no-such-kubectl".into()).run().unwrap_err().text();
        assert!(none.contains("--kubectl PROGRAM"), "{none}");
    }
}
