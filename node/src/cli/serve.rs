//! What is told of a run over HTTP, as the command line asks for it.

use std::{net::SocketAddr, time::Duration};

use clap::Args;
use peerlab_node::{
    fleet::Runtime,
    serve::{Files, Heart, Server, Status},
    signals::Signals,
};
use peerlab_report::cli::{Stop, output::Written, tell};
use peerlab_scenarios::host::Peer;
use tokio::sync::watch;

/// Whether it is told, and where.
#[derive(Debug, Args)]
pub(super) struct Serve {
    /// Tell of the run over HTTP at this address: /livez, /readyz, /metrics, and of a whole run /status and /report/;
    /// POST /stop ends it where it is, and its report so far is written.
    #[arg(long, value_name = "IP:PORT")]
    serve: Option<SocketAddr>,
}

/// What is told.
#[derive(Debug)]
pub(super) struct Told {
    status: watch::Sender<Status>,
    server: Option<(Server, Heart)>,
}

impl Serve {
    /// Begins to tell of what happens on a runtime: of a whole run, or of the peers of one process.
    pub(super) fn begin(&self, runtime: &Runtime, is_process: bool, is_quiet: bool) -> Result<Told, Stop> {
        let (status, reads) = watch::channel(Status::default());
        let Some(address) = self.serve else { return Ok(Told { status, server: None }) };
        let heart = Heart::beat(runtime.cores().of(Peer(0)));
        let server = Server::start(address, reads, heart.beats(), is_process)?;
        tracing::info!(address = %server.address(), "serving over HTTP");
        if !is_quiet {
            tell(&format!("serving at http://{}\n", server.address()));
        }
        Ok(Told { status, server: Some((server, heart)) })
    }
}

impl Told {
    /// Something has changed.
    pub(super) fn update(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(change);
    }

    /// Whether the run was told to end where it is.
    pub(super) fn is_stopped(&self) -> bool {
        self.server.as_ref().is_some_and(|(server, _)| server.is_stopped())
    }

    /// There is a report.
    pub(super) fn reported(&self, written: &Written) {
        let names = written.files.iter().filter_map(|file| Some(file.to_str()?.to_owned()));
        let files = Files { place: written.place.clone(), names: names.collect() };
        self.update(|status| status.reported(&written.report, written.exit_code, files));
    }

    /// Waits until somebody has collected what there is, until a signal comes, or for so long.
    pub(super) fn linger(&self, runtime: &Runtime, most: Duration) -> Result<(), Stop> {
        let Some((server, _)) = &self.server else { return Ok(()) };
        runtime.block_on(async {
            let mut signals = Signals::listen()?;
            tokio::select! {
                () = server.collected() => {}
                () = signals.came() => {}
                () = tokio::time::sleep(most) => {}
            }
            Ok(())
        })
    }
}
