//! `peerlab-node conduct`: a scenario whose peers are processes that others have started, and its report written.

use clap::Args;
use futures::channel::mpsc;
use libp2p::Multiaddr;
use peerlab_node::{
    conduct::{ConductError, Conductor, Gone, Inputs, Watchers},
    fleet::{self, Run},
};
use peerlab_report::{
    cli::{Stop, interrupt::INTERRUPTED, tell},
    record::Recorder,
};
use tokio::runtime::Runtime;

use super::{
    live::{Cut, Live, Scene},
    peer::INVALID,
};

#[derive(Debug, Args)]
pub(super) struct Conduct {
    #[command(flatten)]
    live: Live,
    /// Where to listen for the processes of peers, such as `/ip4/0.0.0.0/tcp/4001`.
    #[arg(long, value_name = "ADDRESS")]
    listen: Multiaddr,
}

impl Conduct {
    pub(super) fn run(&self) -> Result<u8, Stop> {
        self.live.run(|scene| {
            let runtime = fleet::runtime()?;
            let listens = Conductor::listen(scene.plan, inputs(&scene), scene.options, &self.listen);
            let conductor = runtime.block_on(listens)?;
            if !scene.is_quiet {
                tell(&format!("listening at {}\n", conductor.address()));
            }
            // Others look after the processes.
            let (_, gone) = mpsc::unbounded();
            orchestrate(&runtime, conductor, scene, gone)
        })
    }
}

/// What the plan of a scenario is made from.
pub(super) fn inputs(scene: &Scene<'_>) -> Inputs {
    Inputs { name: scene.name(), scenario: scene.ready.bytes.clone(), files: scene.ready.files.clone() }
}

/// Conducts a run to its end.
pub(super) fn orchestrate(
    runtime: &Runtime,
    conductor: Conductor,
    scene: Scene<'_>,
    gone: Gone,
) -> Result<Run<Recorder>, Cut> {
    let Scene { recorder, on_phase, stop, .. } = scene;
    let watchers = Watchers { on_phase, stop, gone };
    runtime.block_on(conductor.conduct(recorder, watchers)).map_err(|error| match error {
        ConductError::NoQuorum { .. } => Cut::Says(error.to_string(), INVALID),
        ConductError::Interrupted => Cut::Says(error.to_string(), INTERRUPTED),
        error => error.into(),
    })
}
